"""Every operation of the control plane: one row each. A row without an endpoint is not built yet: 501."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from msgspec import Struct

from mockserver.control import (
    accounts,
    bank,
    callbacks,
    clock,
    deliveries,
    diff,
    explain,
    explain_shapes,
    faults,
    outbox,
    payments,
    policy,
    requests,
    scenarios,
    server,
    simulate,
    snapshots,
    timeline,
)
from mockserver.control.call import Answer, Body, ControlCall, ShownBillogram, ShownCustomer
from mockserver.schema import Form, Schema, one_word, string
from mockserver.webhooks.deliveries import STATUSES

Endpoint = Callable[[ControlCall], Coroutine[Any, Any, Answer]]


class Operation(Struct, frozen=True):
    """`path` is relative to `/_mock`.

    `body` and its `example`, the type of the `answer` and its `status`, the parameters of the `query` and the
    `codes` of what may be refused, besides those that follow from the others, are what the OpenAPI document
    tells; an endpoint can read no parameter but these. `streams`: as server-sent events too. `open`: answered
    without the control token too. `waits`: for something to happen, perhaps long.
    """

    id: str
    method: str
    path: str
    endpoint: Endpoint | None = None
    body: type[Body] | None = None
    answer: Any = None
    status: int = 200
    query: dict[str, Schema] = {}
    example: Any = None
    codes: tuple[str, ...] = ()
    streams: bool = False
    open: bool = False
    waits: bool = False


_A = "/accounts/{a}"
_REFUSED = ("refused", "unknown_object", "rule")  # by the rules of the emulated world
WORD = string(minimum=1)
LIMIT = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
MOMENT = string(format="date-time")
DOCUMENT = Annotated[dict[str, Any], Form({"type": "object"})]

OPERATIONS: tuple[Operation, ...] = (
    Operation("health", "GET", "/health", server.health, answer=server.HealthShape, open=True),
    Operation(
        "ready", "GET", "/ready", server.ready, answer=server.ReadyShape, codes=("not_ready",), open=True
    ),
    Operation("info", "GET", "/info", server.info, answer=server.ServerInfoShape),
    Operation("listAccounts", "GET", "/accounts", accounts.listing, answer=list[accounts.AccountShape]),
    Operation(
        "createAccount",
        "POST",
        "/accounts",
        accounts.create,
        body=accounts.AccountBody,
        answer=accounts.AccountShape,
        status=201,
        example=accounts.EXAMPLE,
        codes=("account_exists", "fixture", "refused"),
    ),
    Operation("getAccount", "GET", _A, accounts.fetch, answer=accounts.AccountShape),
    Operation(
        "changeAccount",
        "PATCH",
        _A,
        accounts.change,
        body=accounts.AccountPatch,
        answer=accounts.AccountShape,
        example=accounts.CHANGE,
        codes=("refused",),
    ),
    Operation("deleteAccount", "DELETE", _A, accounts.remove, answer=accounts.RemovedShape),
    Operation(
        "resetAccount",
        "POST",
        f"{_A}/reset",
        accounts.reset,
        body=accounts.ResetBody,
        answer=accounts.AccountShape,
        example={},
        codes=("fixture",),
    ),
    Operation("getClock", "GET", f"{_A}/clock", clock.fetch, answer=clock.ClockShape),
    Operation(
        "setClock",
        "PUT",
        f"{_A}/clock",
        clock.put,
        body=clock.ClockBody,
        answer=clock.ClockShape,
        example=clock.CLOCK,
        codes=("clock_backwards", "refused"),
    ),
    Operation(
        "advanceClock",
        "POST",
        f"{_A}/clock/advance",
        clock.advance,
        body=clock.AdvanceBody,
        answer=clock.MovedShape,
        example=clock.ADVANCE,
        codes=("clock_backwards", "refused"),
    ),
    Operation(
        "getAgenda",
        "GET",
        f"{_A}/agenda",
        clock.upcoming,
        answer=list[clock.DueShape],
        query={"until": MOMENT, "billogram": WORD},
    ),
    Operation(
        "listPayments",
        "GET",
        f"{_A}/payments",
        payments.listing,
        answer=list[payments.PaymentShape],
        query={"billogram": WORD},
    ),
    Operation(
        "createPayment",
        "POST",
        f"{_A}/payments",
        payments.create,
        body=payments.PaymentBody,
        answer=payments.PaymentShape,
        status=201,
        example={"amount": 100},
        codes=_REFUSED,
    ),
    Operation(
        "getPayment",
        "GET",
        f"{_A}/payments/{{id}}",
        payments.fetch,
        answer=payments.PaymentShape,
        codes=("unknown_payment",),
    ),
    Operation(
        "allocatePayment",
        "POST",
        f"{_A}/payments/{{id}}/allocate",
        payments.allocate,
        body=payments.AllocateBody,
        answer=payments.PaymentShape,
        example=payments.ALLOCATION,
        codes=("unknown_payment", *_REFUSED),
    ),
    Operation(
        "recallPayment",
        "POST",
        f"{_A}/payments/{{id}}/recall",
        bank.recall,
        body=bank.RecallBody,
        answer=bank.RecallShape,
        status=201,
        example=bank.RECALL,
        codes=("unknown_payment", "rule"),
    ),
    Operation(
        "listRecallOptions",
        "GET",
        f"{_A}/payments/{{id}}/recall-options",
        bank.options,
        answer=list[bank.RecallOptionShape],
        codes=("unknown_payment",),
    ),
    Operation("listOutcomes", "GET", f"{_A}/outcomes", bank.laid_down, answer=list[bank.OutcomesShape]),
    Operation(
        "setOutcomes",
        "PUT",
        f"{_A}/outcomes",
        bank.lay_down,
        body=bank.OutcomesBody,
        answer=bank.OutcomesShape,
        example=bank.OUTCOMES_EXAMPLE,
        codes=("refused",),
    ),
    Operation("deleteOutcomes", "DELETE", f"{_A}/outcomes", bank.clear, answer=list[bank.OutcomesShape]),
    Operation(
        "listMockPaymentSources",
        "GET",
        f"{_A}/payment-sources",
        bank.listing,
        answer=list[bank.SourceShape],
    ),
    Operation(
        "getMockPaymentSource",
        "GET",
        f"{_A}/payment-sources/{{id}}",
        bank.fetch,
        answer=bank.SourceShape,
        codes=("unknown_payment_source",),
    ),
    Operation(
        "changeMockPaymentSource",
        "PATCH",
        f"{_A}/payment-sources/{{id}}",
        bank.change,
        body=bank.SourcePatch,
        answer=bank.SourceShape,
        example=bank.SOURCE_EXAMPLE,
        codes=("unknown_payment_source",),
    ),
    Operation(
        "simulateBillogram",
        "POST",
        f"{_A}/billograms/{{id}}/simulate/{{what}}",
        simulate.billogram,
        answer=ShownBillogram,
        codes=_REFUSED,
    ),
    Operation(
        "simulateCustomer",
        "POST",
        f"{_A}/customers/{{no}}/simulate/{{what}}",
        simulate.customer,
        answer=ShownCustomer,
        codes=_REFUSED,
    ),
    Operation(
        "getTimeline",
        "GET",
        f"{_A}/timeline",
        timeline.fetch,
        answer=list[timeline.TimelineShape],
        query={"billogram": WORD, "kind": one_word(timeline.KINDS), "after": WORD, "limit": LIMIT},
        streams=True,
    ),
    Operation(
        "getCallbacks", "GET", f"{_A}/callbacks", callbacks.fetch, answer=callbacks.AccountCallbacksShape
    ),
    Operation(
        "setCallbacks",
        "PUT",
        f"{_A}/callbacks",
        callbacks.put,
        body=callbacks.CallbacksBody,
        answer=callbacks.AccountCallbacksShape,
        example=callbacks.EXAMPLE,
    ),
    Operation("getInbox", "GET", f"{_A}/inbox", deliveries.inbox, answer=list[deliveries.InboxShape]),
    Operation(
        "listDeliveries",
        "GET",
        f"{_A}/deliveries",
        deliveries.listing,
        answer=list[deliveries.DeliveryShape],
        query={"status": one_word(STATUSES), "type": WORD, "billogram": WORD},
    ),
    Operation(
        "replayDelivery",
        "POST",
        f"{_A}/deliveries/{{id}}/replay",
        deliveries.replay,
        answer=deliveries.DeliveryShape,
        codes=("unknown_delivery", "delivery_dropped"),
    ),
    Operation(
        "waitForDeliveries",
        "POST",
        f"{_A}/deliveries/wait",
        deliveries.wait,
        body=deliveries.WaitBody,
        answer=list[deliveries.DeliveryShape],
        example={"idle": True},
        codes=("timeout", "stopping"),
        waits=True,
    ),
    Operation("getDeliveryPolicy", "GET", f"{_A}/delivery-policy", policy.fetch, answer=policy.PolicyShape),
    Operation(
        "setDeliveryPolicy",
        "PUT",
        f"{_A}/delivery-policy",
        policy.put,
        body=policy.PolicyBody,
        answer=policy.PolicyShape,
        example=policy.EXAMPLE,
    ),
    Operation(
        "deleteDeliveryPolicy", "DELETE", f"{_A}/delivery-policy", policy.clear, answer=policy.PolicyShape
    ),
    Operation("listFaults", "GET", f"{_A}/faults", faults.listing, answer=list[faults.FaultShape]),
    Operation(
        "createFault",
        "POST",
        f"{_A}/faults",
        faults.create,
        body=faults.FaultBody,
        answer=faults.FaultShape,
        status=201,
        example=faults.EXAMPLE,
        codes=("too_many_faults",),
    ),
    Operation("deleteFaults", "DELETE", f"{_A}/faults", faults.clear, answer=list[faults.FaultShape]),
    Operation(
        "listRequests",
        "GET",
        f"{_A}/requests",
        requests.listing,
        answer=list[requests.RequestShape],
        query={"method": WORD, "status": {"type": "integer"}, "error": WORD, "after": WORD, "limit": LIMIT},
    ),
    Operation(
        "explainRequest",
        "GET",
        f"{_A}/requests/{{id}}/explain",
        explain.fetch,
        answer=explain_shapes.ExplainedShape,
        codes=("unknown_request", "not_refused"),
    ),
    Operation(
        "getOutbox",
        "GET",
        f"{_A}/outbox",
        outbox.listing,
        answer=list[outbox.LetterShape],
        query={"billogram": WORD},
    ),
    Operation(
        "getOutboxLetter",
        "GET",
        f"{_A}/outbox/{{letter_id}}",
        outbox.fetch,
        answer=outbox.LetterShape,
        codes=("unknown_letter",),
    ),
    Operation(
        "listSnapshots", "GET", f"{_A}/snapshots", snapshots.listing, answer=list[snapshots.SnapshotShape]
    ),
    Operation(
        "createSnapshot",
        "POST",
        f"{_A}/snapshots",
        snapshots.create,
        body=snapshots.SnapshotBody,
        answer=snapshots.SnapshotShape,
        status=201,
        example=snapshots.SNAPSHOT,
        codes=("snapshot_exists",),
    ),
    Operation(
        "restoreSnapshot",
        "POST",
        f"{_A}/snapshots/{{name}}/restore",
        snapshots.restore,
        answer=accounts.AccountShape,
        codes=("unknown_snapshot",),
    ),
    Operation(
        "deleteSnapshot",
        "DELETE",
        f"{_A}/snapshots/{{name}}",
        snapshots.remove,
        answer=snapshots.ForgottenShape,
        codes=("unknown_snapshot",),
    ),
    Operation(
        "forkAccount",
        "POST",
        f"{_A}/fork",
        snapshots.fork,
        body=snapshots.ForkBody,
        answer=accounts.AccountShape,
        status=201,
        example=snapshots.FORK,
        codes=("account_exists", "unknown_act"),
    ),
    Operation(
        "diffAccount",
        "GET",
        f"{_A}/diff",
        diff.fetch,
        answer=diff.DiffShape,
        query={"against": WORD},
        codes=("unknown_snapshot",),
    ),
    Operation("getCoverage", "GET", f"{_A}/coverage"),
    Operation("listScenarios", "GET", "/scenarios", scenarios.listing, answer=list[scenarios.ScenarioShape]),
    Operation(
        "getScenario",
        "GET",
        "/scenarios/{name}",
        scenarios.fetch,
        answer=scenarios.WholeScenarioShape,
        codes=("unknown_scenario",),
    ),
    Operation(
        "runScenario",
        "POST",
        f"{_A}/scenarios/{{name}}/run",
        scenarios.run,
        body=scenarios.RunBody,
        answer=scenarios.RunShape,
        example=scenarios.RUN,
        codes=("unknown_scenario",),
    ),
    Operation("getControlDocument", "GET", "/openapi.json", server.document, answer=DOCUMENT),
)

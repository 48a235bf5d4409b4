"""Every operation of the control plane: one row each. A row without an endpoint is not built yet: 501."""

from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from mockserver.control import (
    accounts,
    callbacks,
    clock,
    deliveries,
    payments,
    requests,
    server,
    simulate,
    timeline,
)
from mockserver.control.call import Answer, ControlCall

Endpoint = Callable[[ControlCall], Coroutine[Any, Any, Answer]]


class Operation(Struct, frozen=True):
    """`path` is relative to `/_mock`.

    `open`: answered without the control token too. `waits`: for something to happen, perhaps long.
    """

    id: str
    method: str
    path: str
    endpoint: Endpoint | None = None
    open: bool = False
    waits: bool = False


_A = "/accounts/{a}"

OPERATIONS: tuple[Operation, ...] = (
    Operation("health", "GET", "/health", server.health, open=True),
    Operation("ready", "GET", "/ready", server.ready, open=True),
    Operation("info", "GET", "/info", server.info),
    Operation("listAccounts", "GET", "/accounts", accounts.listing),
    Operation("createAccount", "POST", "/accounts", accounts.create),
    Operation("getAccount", "GET", _A, accounts.fetch),
    Operation("changeAccount", "PATCH", _A, accounts.change),
    Operation("deleteAccount", "DELETE", _A, accounts.remove),
    Operation("resetAccount", "POST", f"{_A}/reset", accounts.reset),
    Operation("getClock", "GET", f"{_A}/clock", clock.fetch),
    Operation("setClock", "PUT", f"{_A}/clock", clock.put),
    Operation("advanceClock", "POST", f"{_A}/clock/advance", clock.advance),
    Operation("getAgenda", "GET", f"{_A}/agenda", clock.upcoming),
    Operation("listPayments", "GET", f"{_A}/payments", payments.listing),
    Operation("createPayment", "POST", f"{_A}/payments", payments.create),
    Operation("getPayment", "GET", f"{_A}/payments/{{id}}", payments.fetch),
    Operation("allocatePayment", "POST", f"{_A}/payments/{{id}}/allocate", payments.allocate),
    Operation("recallPayment", "POST", f"{_A}/payments/{{id}}/recall"),
    Operation("listRecallOptions", "GET", f"{_A}/payments/{{id}}/recall-options"),
    Operation("listOutcomes", "GET", f"{_A}/outcomes"),
    Operation("setOutcomes", "PUT", f"{_A}/outcomes"),
    Operation("deleteOutcomes", "DELETE", f"{_A}/outcomes"),
    Operation("listMockPaymentSources", "GET", f"{_A}/payment-sources"),
    Operation("changeMockPaymentSource", "PATCH", f"{_A}/payment-sources/{{id}}"),
    Operation("simulateBillogram", "POST", f"{_A}/billograms/{{id}}/simulate/{{what}}", simulate.billogram),
    Operation("simulateCustomer", "POST", f"{_A}/customers/{{no}}/simulate/{{what}}"),
    Operation("getTimeline", "GET", f"{_A}/timeline", timeline.fetch),
    Operation("getCallbacks", "GET", f"{_A}/callbacks", callbacks.fetch),
    Operation("setCallbacks", "PUT", f"{_A}/callbacks", callbacks.put),
    Operation("getInbox", "GET", f"{_A}/inbox", deliveries.inbox),
    Operation("listDeliveries", "GET", f"{_A}/deliveries", deliveries.listing),
    Operation("replayDelivery", "POST", f"{_A}/deliveries/{{id}}/replay", deliveries.replay),
    Operation("waitForDeliveries", "POST", f"{_A}/deliveries/wait", deliveries.wait, waits=True),
    Operation("getDeliveryPolicy", "GET", f"{_A}/delivery-policy"),
    Operation("setDeliveryPolicy", "PUT", f"{_A}/delivery-policy"),
    Operation("deleteDeliveryPolicy", "DELETE", f"{_A}/delivery-policy"),
    Operation("listFaults", "GET", f"{_A}/faults"),
    Operation("createFault", "POST", f"{_A}/faults"),
    Operation("deleteFaults", "DELETE", f"{_A}/faults"),
    Operation("listRequests", "GET", f"{_A}/requests", requests.listing),
    Operation("explainRequest", "GET", f"{_A}/requests/{{id}}/explain"),
    Operation("getOutbox", "GET", f"{_A}/outbox"),
    Operation("getOutboxLetter", "GET", f"{_A}/outbox/{{letter_id}}"),
    Operation("listSnapshots", "GET", f"{_A}/snapshots"),
    Operation("createSnapshot", "POST", f"{_A}/snapshots"),
    Operation("restoreSnapshot", "POST", f"{_A}/snapshots/{{name}}/restore"),
    Operation("deleteSnapshot", "DELETE", f"{_A}/snapshots/{{name}}"),
    Operation("forkAccount", "POST", f"{_A}/fork"),
    Operation("diffAccount", "GET", f"{_A}/diff"),
    Operation("getCoverage", "GET", f"{_A}/coverage"),
    Operation("listScenarios", "GET", "/scenarios"),
    Operation("getScenario", "GET", "/scenarios/{name}"),
    Operation("runScenario", "POST", f"{_A}/scenarios/{{name}}/run"),
    Operation("getControlDocument", "GET", "/openapi.json"),
)

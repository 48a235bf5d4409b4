"""Every refusal of the control plane: one shape, a fitting status, a hint (reference: control 1)."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

import mockserver
from mockserver.control import edge
from mockserver.control.errors import refused as told_as
from mockserver.core import messages
from mockserver.core.act import Act
from mockserver.core.refusal import InvalidParameter, Refusal
from mockserver.stories.operations import OPERATIONS
from tests.api.test_offer import BANNER, SALE
from tests.server import ACCOUNT, KEY, NO_BODY, Answer, Server, basic, no_body_kept

SOURCE = Path(mockserver.__file__).parent
A = f"/accounts/{ACCOUNT}"
PAY, B = f"{A}/payments", f"{A}/billograms"
TOKEN = "T0ken"
BY_ID = {row.id: row for row in OPERATIONS}


class Row(Struct, frozen=True):
    """One request that is refused. In path and body `{sent}` is the id of a billogram, and so on.

    `rule`: of the core, where one of its rules refuses; a name of this set stands in `RULES`.
    """

    operation: str
    path: str
    body: Any
    status: int
    code: str
    rule: str | None = None


def _shares(*keys: str) -> list[dict[str, Any]]:
    return [{"billogram": f"{{{key}}}", "amount": 5} for key in keys]


MANDATE = {"iban": "DE89370400440532013000", "signed_at": "2026-02-01 00:00:00"}
WRONG_RECALLS: list[dict[str, Any]] = [
    {"amount": 0},
    {"fee": -1},
    {"fee": 0.001},
    {"fee": 10**30},
    {"code": "X"},
    {"x": 1},
    {"allocations": []},
]
WRONG_RUNS: list[dict[str, Any]] = [
    {"input": {}},
    {"inputs": []},
    {"inputs": {"colour": 1}},
    {"inputs": {"account": "other"}},
    {"inputs": {"authorization": 5}},
]
OFF = "customers/1/simulate/disable-recurring"
IN_PATH = {
    "a": ACCOUNT,
    "id": "x",
    "no": "1",
    "what": "message",
    "name": "n",
    "letter_id": "x",
    "ocr_number": "1",
    "link": "ABCDE",
    "file": "invoice.pdf",
    "filename": "x",
}
OFFERED_NOT = ("draft", "sent", "sold", "denied")
ROWS = [
    Row("createAccount", "/accounts", {}, 400, "invalid_body"),
    Row("createAccount", "/accounts", {"id": ACCOUNT}, 409, "account_exists"),
    Row("createAccount", "/accounts", {"id": "a", "market": "SE"}, 400, "invalid_body"),
    Row("createAccount", "/accounts", {"id": "a", "pdf_delay": "1d"}, 400, "invalid_body"),
    Row("createAccount", "/accounts", {"id": "a", "fixture": "shop"}, 400, "fixture"),
    Row("createAccount", "/accounts", {"id": "a", "settings": {"colour": 1}}, 400, "refused", "body.unknown"),
    Row("createAccount", "/accounts", b"{", 400, "invalid_json"),
    Row("createAccount", "/accounts", b"\xff", 400, "invalid_json"),
    Row("createAccount", "/accounts", b'{"seed": NaN}', 400, "invalid_json"),
    Row("createAccount", "/accounts", b"[" * 100, 400, "invalid_json"),
    Row("createAccount", "/accounts", b"[" * 10_000, 400, "invalid_body"),
    Row("getAccount", "/accounts/none", NO_BODY, 404, "unknown_account"),
    Row("changeAccount", "/accounts/none", {}, 404, "unknown_account"),
    Row("changeAccount", A, {"id": "other"}, 400, "invalid_body"),
    Row(
        "changeAccount",
        A,
        {"settings": {"invoices": {"automatic_collection": {"delay_days": -1}}}},
        400,
        "refused",
        "body.value",
    ),
    Row("changeAccount", A, {"pdf_delay": "25h"}, 400, "invalid_body"),
    Row("changeAccount", A, {"market": "Denmark"}, 400, "invalid_body"),
    Row("deleteAccount", "/accounts/none", NO_BODY, 404, "unknown_account"),
    Row("resetAccount", "/accounts/none/reset", NO_BODY, 404, "unknown_account"),
    Row("resetAccount", f"{A}/reset", {"seed": -1}, 400, "invalid_body"),
    Row("resetAccount", f"{A}/reset", {"fixture": "shop"}, 400, "fixture"),
    Row("resetAccount", f"{A}/reset", {"clock": {"now": "soon"}}, 400, "invalid_body"),
    Row("resetAccount", f"{A}/reset", {"clock": {}, "fixture": "demo"}, 400, "invalid_body"),
    Row("getClock", "/accounts/none/clock", NO_BODY, 404, "unknown_account"),
    Row("setClock", "/accounts/none/clock", {}, 404, "unknown_account"),
    Row("setClock", f"{A}/clock", {"mode": "slow"}, 400, "invalid_body"),
    Row("setClock", f"{A}/clock", {"now": "2026-01-01T00:00:00Z"}, 409, "clock_backwards"),
    Row("advanceClock", "/accounts/none/clock/advance", {"by": "1d"}, 404, "unknown_account"),
    Row("advanceClock", f"{A}/clock/advance", {}, 400, "invalid_body"),
    Row("advanceClock", f"{A}/clock/advance", {"by": "soon"}, 400, "invalid_body"),
    Row("advanceClock", f"{A}/clock/advance", {"to": "2026-01-01T00:00:00Z"}, 409, "clock_backwards"),
    Row("getAgenda", "/accounts/none/agenda", NO_BODY, 404, "unknown_account"),
    Row("getAgenda", f"{A}/agenda?until=soon", NO_BODY, 400, "invalid_query"),
    Row("getAgenda", f"{A}/agenda?limit=0", NO_BODY, 400, "invalid_query"),
    Row("listPayments", "/accounts/none/payments", NO_BODY, 404, "unknown_account"),
    Row("listPayments", f"{PAY}?status=gone", NO_BODY, 400, "invalid_query"),
    Row("listPayments", f"{PAY}?unmatched=no", NO_BODY, 400, "invalid_query"),
    Row("createPayment", "/accounts/none/payments", {"amount": 1}, 404, "unknown_account"),
    Row("createPayment", PAY, {"amount": 0}, 400, "invalid_body"),
    Row("createPayment", PAY, {"amount": "NaN"}, 400, "invalid_body"),
    Row("createPayment", PAY, {}, 400, "invalid_body"),
    Row("createPayment", PAY, {"billogram": "none"}, 404, "unknown_object", "object.exists"),
    Row("createPayment", PAY, {"amount": 1, "billogram": "none"}, 404, "unknown_object", "object.exists"),
    Row("createPayment", PAY, {"amount": 1, "date": "2026-03-03"}, 400, "refused", "payment.date"),
    Row(
        "createPayment",
        PAY,
        {"amount": 9, "allocations": _shares("sent", "sent")},
        400,
        "refused",
        "payment.allocations",
    ),
    Row(
        "createPayment",
        PAY,
        {"amount": 10, "allocations": _shares("sent", "euro")},
        400,
        "refused",
        "payment.currency",
    ),
    Row("getPayment", "/accounts/none/payments/{free}", NO_BODY, 404, "unknown_account"),
    Row("getPayment", f"{PAY}/none", NO_BODY, 404, "unknown_payment"),
    Row(
        "allocatePayment",
        "/accounts/none/payments/{free}/allocate",
        {"billogram": "{sent}"},
        404,
        "unknown_account",
    ),
    Row("allocatePayment", f"{PAY}/none/allocate", {"billogram": "{sent}"}, 404, "unknown_payment"),
    Row("allocatePayment", f"{PAY}/{{free}}/allocate", {}, 400, "invalid_body"),
    Row(
        "allocatePayment",
        f"{PAY}/{{free}}/allocate",
        {"billogram": "none"},
        404,
        "unknown_object",
        "object.exists",
    ),
    Row(
        "allocatePayment",
        f"{PAY}/{{free}}/allocate",
        {"billogram": "{sent}", "amount": 101},
        400,
        "refused",
        "payment.unmatched_amount",
    ),
    Row(
        "allocatePayment",
        f"{PAY}/{{free}}/allocate",
        {"billogram": "{draft}"},
        409,
        "rule",
        "payment.payable",
    ),
    Row(
        "allocatePayment",
        f"{PAY}/{{placed}}/allocate",
        {"billogram": "{sent}"},
        409,
        "rule",
        "payment.unmatched",
    ),
    Row(
        "allocatePayment",
        f"{PAY}/{{partly}}/allocate",
        {"billogram": "{euro}"},
        400,
        "refused",
        "payment.currency",
    ),
    Row(
        "simulateBillogram",
        "/accounts/none/billograms/{sent}/simulate/message",
        {"message": "!"},
        404,
        "unknown_account",
    ),
    Row("simulateBillogram", f"{B}/{{sent}}/simulate/message", {}, 400, "invalid_body"),
    Row("simulateBillogram", f"{B}/{{sent}}/simulate/message", {"message": ""}, 400, "invalid_body"),
    Row("simulateBillogram", f"{B}/{{sent}}/simulate/message", {"message": 5}, 400, "invalid_body"),
    Row(
        "simulateBillogram", f"{B}/{{draft}}/simulate/message", {"message": "!"}, 409, "rule", "simulate.sent"
    ),
    Row(
        "simulateBillogram",
        f"{B}/{{gone}}/simulate/message",
        {"message": "!"},
        404,
        "unknown_object",
        "object.exists",
    ),
    Row(
        "simulateBillogram",
        f"{B}/none/simulate/message",
        {"message": "!"},
        404,
        "unknown_object",
        "object.exists",
    ),
    *(
        Row("simulateBillogram", f"{B}/{{{key}}}/simulate/{what}", NO_BODY, 409, "rule", f"simulate.{rule}")
        for key, what, rule in (
            *(("draft", "view", "sent"), ("draft", "delivery-failure", "sent")),
            *(
                (key, "delivery-failure", "delivery_failure")
                for key in ("letter", "silent", "sold", "offered")
            ),
            *((key, f"factoring-{word}", "factoring") for key in OFFERED_NOT for word in ("accept", "deny")),
        )
    ),
    *(
        Row("simulateBillogram", f"{B}/{{sent}}/simulate/{what}", body, 409, "rule", "simulate.collection")
        for what, body in (
            ("collector-payment", {"amount": 1}),
            ("collection-end", NO_BODY),
            ("collection-cancel", NO_BODY),
        )
    ),
    *(
        Row("simulateBillogram", f"{B}/{{agency}}/simulate/collector-payment", body, 400, code, rule)
        for body, code, rule in (
            ({}, "invalid_body", None),
            ({"amount": 0}, "invalid_body", None),
            ({"amount": 1000}, "refused", "simulate.collector_amount"),
        )
    ),
    *(
        row
        for what in (
            *("view", "delivery-failure", "factoring-accept", "factoring-deny"),
            *("collection-end", "collection-cancel"),
        )
        for row in (
            Row("simulateBillogram", f"{B}/{{offered}}/simulate/{what}", {"x": 1}, 400, "invalid_body"),
            Row(
                "simulateBillogram",
                f"{B}/{{gone}}/simulate/{what}",
                NO_BODY,
                404,
                "unknown_object",
                "object.exists",
            ),
        )
    ),
    Row("simulateBillogram", f"{B}/{{sent}}/simulate/dance", NO_BODY, 404, "unknown_deed"),
    *(
        Row(operation, f"/accounts/none/{path}", NO_BODY, 404, "unknown_account")
        for operation, path in (
            ("listMockCustomers", "customers"),
            ("getMockCustomer", "customers/1"),
            ("listMockBillograms", "billograms"),
            ("getMockBillogram", "billograms/x"),
            ("listActions", "billograms/x/actions"),
            ("listDocuments", "billograms/x/documents"),
            ("getDocumentPdf", "billograms/x/documents/y.pdf"),
            ("getOverview", "overview"),
        )
    ),
    *(
        Row("getMockCustomer", f"{A}/customers/{number}", NO_BODY, 404, "unknown_object", "object.exists")
        for number in ("999", "x")
    ),
    Row("listTabs", "/accounts/none/tabs", NO_BODY, 404, "unknown_account"),
    Row("listTabs", f"{A}/tabs?customer=999", NO_BODY, 404, "unknown_object", "object.exists"),
    Row("listTabs", f"{A}/tabs?status=open", NO_BODY, 400, "invalid_query"),
    Row("getTab", "/accounts/none/tabs/x", NO_BODY, 404, "unknown_account"),
    Row("getTab", f"{A}/tabs/none", NO_BODY, 404, "unknown_tab"),
    Row("getMockBillogram", f"{B}/{{gone}}", NO_BODY, 404, "unknown_object", "object.exists"),
    *(
        Row(operation, f"{B}/{{gone}}/{path}", NO_BODY, 404, "unknown_object", "object.exists")
        for operation, path in (
            ("listActions", "actions"),
            ("listDocuments", "documents"),
            ("getDocumentPdf", "documents/x.pdf"),
        )
    ),
    Row("listDocuments", f"{B}/{{sent}}/documents?before=none", NO_BODY, 400, "invalid_query"),
    Row("getDocumentPdf", f"{B}/{{sent}}/documents/none.pdf", NO_BODY, 404, "unknown_letter"),
    *(
        Row("listMockBillograms", f"{B}?{query}", NO_BODY, 400, "invalid_query")
        for query in ("state=Paid,None", "order=none", "customer=x", "limit=0", "before=none", "after=none")
    ),
    *(
        Row("listMockCustomers", f"{A}/customers?{query}", NO_BODY, 400, "invalid_query")
        for query in ("limit=x", "before=none", "after=999")
    ),
    Row("getTimeline", "/accounts/none/timeline", NO_BODY, 404, "unknown_account"),
    Row("getTimeline", f"{A}/timeline?after=x", NO_BODY, 400, "invalid_query"),
    Row("getTimeline", f"{A}/timeline?limit=0", NO_BODY, 400, "invalid_query"),
    Row("findLink", "/links/1/ABCDE", NO_BODY, 404, "unknown_link"),
    *(
        Row(f"getRecipient{what}", f"{path}/recipient{more}", NO_BODY, 404, code, rule)
        for what, more in {"Page": "", "File": "/invoice.pdf"}.items()
        for path, code, rule in (
            ("/accounts/none/billograms/{sent}", "unknown_account", None),
            (f"{B}/{{draft}}", "unknown_object", "object.exists"),
            (f"{B}/none", "unknown_object", "object.exists"),
        )
    ),
    Row(
        "getRecipientFile",
        f"{B}/{{sent}}/recipient/letter.pdf",
        NO_BODY,
        404,
        "unknown_object",
        "object.exists",
    ),
    Row("getOutbox", "/accounts/none/outbox", NO_BODY, 404, "unknown_account"),
    Row("getOutboxLetter", "/accounts/none/outbox/x", NO_BODY, 404, "unknown_account"),
    Row("getOutboxLetter", f"{A}/outbox/none", NO_BODY, 404, "unknown_letter"),
    Row("getCallbacks", "/accounts/none/callbacks", NO_BODY, 404, "unknown_account"),
    Row("setCallbacks", "/accounts/none/callbacks", {"url": None}, 404, "unknown_account"),
    Row("setCallbacks", f"{A}/callbacks", {"url": "nowhere"}, 400, "invalid_body"),
    Row("setCallbacks", f"{A}/callbacks", {"url": "http://mock.test/"}, 400, "invalid_body"),
    Row("getInbox", "/accounts/none/inbox", NO_BODY, 404, "unknown_account"),
    Row("listDeliveries", "/accounts/none/deliveries", NO_BODY, 404, "unknown_account"),
    Row("replayDelivery", "/accounts/none/deliveries/0-1-0/replay", NO_BODY, 404, "unknown_account"),
    Row("replayDelivery", f"{A}/deliveries/none/replay", NO_BODY, 404, "unknown_delivery"),
    Row("getDelivery", "/accounts/none/deliveries/0-1-0", NO_BODY, 404, "unknown_account"),
    Row("getDelivery", f"{A}/deliveries/none", NO_BODY, 404, "unknown_delivery"),
    Row("replayDeliveries", "/accounts/none/deliveries/replay", NO_BODY, 404, "unknown_account"),
    Row("replayDeliveries", f"{A}/deliveries/replay", {"status": "pending"}, 400, "invalid_body"),
    Row("waitForDeliveries", "/accounts/none/deliveries/wait", {}, 404, "unknown_account"),
    Row("waitForDeliveries", f"{A}/deliveries/wait", {"timeout": "1d"}, 400, "invalid_body"),
    Row("waitForDeliveries", f"{A}/deliveries/wait", {"count": 1, "timeout": "0s"}, 408, "timeout"),
    Row("listRequests", "/accounts/none/requests", NO_BODY, 404, "unknown_account"),
    Row("listRequests", f"{A}/requests?limit=x", NO_BODY, 400, "invalid_query"),
    Row("listRequests", f"{A}/requests?status=bad", NO_BODY, 400, "invalid_query"),
    Row("listRequests", f"{A}/requests?refused=bad", NO_BODY, 400, "invalid_query"),
    Row("listRequests", f"{A}/requests?sender=bad", NO_BODY, 400, "invalid_query"),
    Row("getRequest", "/accounts/none/requests/x", NO_BODY, 404, "unknown_account"),
    Row("getRequest", f"{A}/requests/none", NO_BODY, 404, "unknown_request"),
    Row("explainRequest", "/accounts/none/requests/x/explain", NO_BODY, 404, "unknown_account"),
    Row("explainRequest", f"{A}/requests/none/explain", NO_BODY, 404, "unknown_request"),
]

ROWS += [
    Row("getScenario", "/scenarios/none", NO_BODY, 404, "unknown_scenario"),
    Row("getScenario", "/scenarios/..%2Fempty", NO_BODY, 404, "unknown_scenario"),
    Row("runScenario", "/accounts/none/scenarios/pay-in-parts/run", {}, 404, "unknown_account"),
    Row("runScenario", f"{A}/scenarios/none/run", {}, 404, "unknown_scenario"),
    *(
        Row("runScenario", f"{A}/scenarios/pay-in-parts/run", body, 400, "invalid_body")
        for body in WRONG_RUNS
    ),
    Row("listSnapshots", "/accounts/none/snapshots", NO_BODY, 404, "unknown_account"),
    Row("createSnapshot", "/accounts/none/snapshots", {"name": "a"}, 404, "unknown_account"),
    *(
        Row("createSnapshot", f"{A}/snapshots", {"name": name}, 400, "invalid_body")
        for name in (None, "", "a/b", "a\n", "a" * 101, 1)
    ),
    Row("restoreSnapshot", "/accounts/none/snapshots/a/restore", NO_BODY, 404, "unknown_account"),
    Row("restoreSnapshot", f"{A}/snapshots/none/restore", NO_BODY, 404, "unknown_snapshot"),
    Row("deleteSnapshot", "/accounts/none/snapshots/a", NO_BODY, 404, "unknown_account"),
    Row("deleteSnapshot", f"{A}/snapshots/none", NO_BODY, 404, "unknown_snapshot"),
    Row("getCoverage", "/accounts/none/coverage", NO_BODY, 404, "unknown_account"),
    Row("deleteCoverage", "/accounts/none/coverage", NO_BODY, 404, "unknown_account"),
    Row("listFaults", "/accounts/none/faults", NO_BODY, 404, "unknown_account"),
    Row("createFault", "/accounts/none/faults", {"fail": "reset"}, 404, "unknown_account"),
    Row("deleteFaults", "/accounts/none/faults", NO_BODY, 404, "unknown_account"),
    *(
        Row("createFault", f"{A}/faults", body, 400, "invalid_body")
        for body in (
            {},
            {"fail": "status:404"},
            {"fail": "reset", "operation": "POST /nowhere"},
            {"fail": "reset", "command": "dance"},
            {"fail": "reset", "operation": "payBillogram", "command": "message"},
            {"fail": "reset", "operation": "POST /billogram", "command": "send"},
            {"fail": "reset", "probability": 1.5},
            {"fail": "reset", "times": 0},
            {"latency": "2h"},
        )
    ),
    Row("getDeliveryPolicy", "/accounts/none/delivery-policy", NO_BODY, 404, "unknown_account"),
    Row("setDeliveryPolicy", "/accounts/none/delivery-policy", {}, 404, "unknown_account"),
    Row("deleteDeliveryPolicy", "/accounts/none/delivery-policy", NO_BODY, 404, "unknown_account"),
    *(
        Row("setDeliveryPolicy", f"{A}/delivery-policy", body, 400, "invalid_body")
        for body in (
            {"order": "random"},
            {"duplicate": -1},
            {"duplicate": 11},
            {"drop": 1.01},
            {"delay": "soon"},
            {"delay": "2y"},
            {"signature": "none"},
            {"timestamp": "old"},
            {"plan": ["a"]},
        )
    ),
    Row("diffAccount", "/accounts/none/diff?against=account:none", NO_BODY, 404, "unknown_account"),
    Row("diffAccount", f"{A}/diff?against=account:none", NO_BODY, 404, "unknown_account"),
    Row("diffAccount", f"{A}/diff?against=snapshot:none", NO_BODY, 404, "unknown_snapshot"),
    *(
        Row("diffAccount", f"{A}/diff{query}", NO_BODY, 400, "invalid_query")
        for query in ("", "?against=", "?against=other", "?against=account:")
    ),
    Row("forkAccount", "/accounts/none/fork", {"id": "other"}, 404, "unknown_account"),
    Row("forkAccount", f"{A}/fork", {"id": ACCOUNT}, 409, "account_exists"),
    *(
        Row("forkAccount", f"{A}/fork", body, 400, "invalid_body")
        for body in ({}, {"id": "a/b"}, {"id": "other", "at": 0}, {"id": "other", "at": 1.5})
    ),
    *(
        Row("forkAccount", f"{A}/fork", {"id": "other", "at": at}, 404, "unknown_act")
        for at in (999_999, "none", "1")
    ),
    Row("recallPayment", f"{PAY}/none/recall", {}, 404, "unknown_payment"),
    Row("recallPayment", "/accounts/none/payments/x/recall", {}, 404, "unknown_account"),
    *(
        Row("recallPayment", f"{PAY}/{{{key}}}/recall", body, 409, "rule", f"sepa.{rule}")
        for key, body, rule in (
            ("debited", {"type": "gift"}, "type"),
            ("placed", {}, "scheme"),
            ("debited", {"type": "reject"}, "status"),
            ("debited", {"type": "return", "code": "FF01"}, "code"),
            ("business", {"type": "refund"}, "b2b"),
            ("debited", {"type": "refund_unauthorised"}, "window"),
            ("debited", {"amount": 126}, "amount"),
            ("plan", {"amount": 1}, "whole"),
            ("debited", {"allocations": [{"billogram": "{sent}", "amount": 1}]}, "amount"),
        )
    ),
    *(Row("recallPayment", f"{PAY}/{{debited}}/recall", body, 400, "invalid_body") for body in WRONG_RECALLS),
    Row("listRecallOptions", f"{PAY}/none/recall-options", NO_BODY, 404, "unknown_payment"),
    Row("listRecallOptions", "/accounts/none/payments/x/recall-options", NO_BODY, 404, "unknown_account"),
    Row("listOutcomes", "/accounts/none/outcomes", NO_BODY, 404, "unknown_account"),
    Row("deleteOutcomes", "/accounts/none/outcomes", NO_BODY, 404, "unknown_account"),
    Row("setOutcomes", "/accounts/none/outcomes", {"plan": []}, 404, "unknown_account"),
    *(
        Row("setOutcomes", f"{A}/outcomes", body, 400, "invalid_body")
        for body in (
            {},
            {"plan": ["perhaps"]},
            {"plan": [{"after": "2d"}]},
            {"plan": [], "match": {"billogram": "{sent}", "customer_no": 1}},
            {"plan": [], "match": {"colour": "red"}},
        )
    ),
    *(
        Row("setOutcomes", f"{A}/outcomes", {"plan": [each]}, 400, "refused", "outcomes.plan")
        for each in (
            "reject.MD06",
            {"then": "reject.AM04"},
            {"then": "refund.AM04"},
            {"then": "gift"},
            {"then": "refund", "after": "soon"},
        )
    ),
    *(
        Row("setOutcomes", f"{A}/outcomes", {"plan": [], "match": match}, 400, "refused", "outcomes.match")
        for match in ({"billogram": "none"}, {"payment_source": "none"}, {"customer_no": 99})
    ),
    Row("listMockPaymentSources", "/accounts/none/payment-sources", NO_BODY, 404, "unknown_account"),
    Row("getMockPaymentSource", "/accounts/none/payment-sources/x", NO_BODY, 404, "unknown_account"),
    Row("getMockPaymentSource", f"{A}/payment-sources/none", NO_BODY, 404, "unknown_payment_source"),
    Row("changeMockPaymentSource", "/accounts/none/payment-sources/x", {}, 404, "unknown_account"),
    Row("changeMockPaymentSource", f"{A}/payment-sources/none", {}, 404, "unknown_payment_source"),
    Row("changeMockPaymentSource", f"{A}/payment-sources/none", {"status": "NEW"}, 400, "invalid_body"),
    Row("simulateBillogram", f"{B}/{{sent}}/simulate/schedule-payment", {}, 409, "rule", "simulate.schedule"),
    Row(
        "simulateBillogram",
        f"{B}/{{sent}}/simulate/schedule-payment",
        {"date": "2026-03-02"},
        400,
        "refused",
        "simulate.schedule_date",
    ),
    Row(
        "simulateBillogram",
        f"{B}/{{planned}}/simulate/schedule-payment",
        {},
        409,
        "rule",
        "simulate.scheduled",
    ),
    Row(
        "simulateBillogram",
        f"{B}/{{sent}}/simulate/cancel-scheduled-payment",
        {},
        409,
        "rule",
        "simulate.not_scheduled",
    ),
    *(
        Row("simulateBillogram", f"{B}/{{{key}}}/simulate/accept-sale", {"offer_id": sold}, 409, "rule", why)
        for key, sold, why in (
            ("draft", "extra1", "simulate.sent"),
            ("sent", "banner7", "sale.type"),
            ("bought", "EXTRA1", "sale.once"),
            ("left", "extra1", "sale.customer"),
        )
    ),
    Row(
        "simulateBillogram",
        f"{B}/{{sent}}/simulate/accept-sale",
        {"offer_id": "none"},
        404,
        "unknown_object",
        "object.exists",
    ),
    Row(
        "simulateBillogram",
        f"{B}/{{draft}}/simulate/event",
        {"type": "NewInvoicePDF"},
        409,
        "rule",
        "simulate.sent",
    ),
    Row("simulateBillogram", f"{B}/{{sent}}/simulate/event", {"type": "Payment"}, 400, "invalid_body"),
    Row(
        "simulateBillogram",
        f"{B}/{{sent}}/simulate/event",
        {"type": "NewInvoicePDF", "data": {"amount": 1}},
        400,
        "invalid_body",
    ),
    *(
        Row(
            "simulateCustomer",
            f"{A}/customers/{number}/simulate/{what}",
            {},
            409,
            "rule",
            "simulate.einvoice_finland",
        )
        for number, what in (("1", "einvoice-mismatch"), ("999", "einvoice-not-found"))
    ),
    *(
        Row(operation, f"/accounts/none/{path}", body, 404, "unknown_account")
        for operation, path, body in (
            ("listMockOffers", "offers", NO_BODY),
            ("listVouchers", "vouchers", NO_BODY),
            ("listReports", "reports", NO_BODY),
            ("createReports", "reports", {"from": "2026-03", "to": "2026-03"}),
            ("getReportFile", "reports/x", NO_BODY),
        )
    ),
    Row("listMockOffers", f"{A}/offers?before=none", NO_BODY, 400, "invalid_query"),
    Row("listVouchers", f"{A}/vouchers?month=2026-13", NO_BODY, 400, "invalid_query"),
    Row("listVouchers", f"{A}/vouchers?month=0000-01", NO_BODY, 400, "invalid_query"),
    Row("listVouchers", f"{A}/vouchers?month=2026-3", NO_BODY, 400, "invalid_query"),
    Row("listReports", f"{A}/reports?after=none", NO_BODY, 400, "invalid_query"),
    *(
        Row("createReports", f"{A}/reports", body, 400, "invalid_body")
        for body in (
            {},
            {"from": "2026-03"},
            {"from": "2026-3", "to": "2026-03"},
            {"from": "0000-01", "to": "2026-03"},
            {"from": "2026-03", "to": "2026-02"},
            {"from": "2026-03", "to": "2026-03", "types": []},
            {"from": "2026-03", "to": "2026-03", "types": ["sie5"]},
        )
    ),
    Row("createReports", f"{A}/reports", {"from": "2026-03", "to": "2026-04"}, 400, "refused"),
    Row("getReportFile", f"{A}/reports/none", NO_BODY, 404, "unknown_report"),
    Row("simulateCustomer", f"{A}/customers/1/simulate/dance", {}, 404, "unknown_deed"),
    Row(
        "simulateCustomer",
        "/accounts/none/customers/1/simulate/disable-recurring",
        {},
        404,
        "unknown_account",
    ),
    Row(
        "simulateCustomer",
        f"{A}/customers/1/simulate/disable-recurring",
        {},
        409,
        "rule",
        "simulate.recurring",
    ),
    Row(
        "simulateCustomer",
        f"{A}/customers/1/simulate/einvoice-deregister",
        {},
        409,
        "rule",
        "simulate.einvoice_registered",
    ),
    Row("simulateCustomer", f"{A}/customers/1/simulate/enable-recurring", {"type": "x"}, 400, "invalid_body"),
    Row("simulateCustomer", f"{A}/customers/1/simulate/verify-email", {"email": "x"}, 400, "invalid_body"),
    Row(
        "simulateCustomer",
        f"{A}/customers/99/simulate/disable-recurring",
        {},
        404,
        "unknown_object",
        "object.exists",
    ),
]
_OF_CONTROL = ("payment.", "simulate.", "sepa.", "outcomes.", "sale.")
# rules of the core that only the control plane can break; the others are walked in tests/api/test_refusals.py
RULES = {row.rule for row in ROWS if row.rule and row.rule.startswith(_OF_CONTROL)} | {
    "simulate.message",
    "simulate.einvoice_customer",  # tests/core/test_einvoice_bank.py
}


def _named(server: Server) -> dict[str, str]:
    """Make what the rows name."""
    found = {name: server.draft()["id"] for name in ("draft", "gone")}
    found |= {"sent": server.sent()["id"], "euro": server.sent(currency="EUR")["id"]}
    server.call("DELETE", f"/billogram/{found['gone']}")
    for name, method in (("letter", "Letter"), ("silent", "DoNotNotify")):
        found[name] = server.draft(on_success={"command": "send", "method": method})["id"]
    for name, answer in (("offered", None), ("sold", "accept"), ("denied", "deny")):
        found[name] = server.draft()["id"]
        server.command(found[name], "sell")
        if answer is not None:
            server.mock("POST", f"{B}/{found[name]}/simulate/factoring-{answer}")
    found["agency"] = server.sent(invoice_date="2026-01-01", due_date="2026-01-31")["id"]
    server.command(found["agency"], "collect")
    for name, body in (
        ("free", {"amount": 100}),
        ("placed", {"amount": 5, "billogram": found["sent"]}),
        ("partly", {"amount": 10, "allocations": [{"billogram": found["sent"], "amount": 5}]}),
    ):
        found[name] = server.mock("POST", PAY, body).json["id"]
    for body in (BANNER, SALE):
        server.post("/offer", body)
    found["bought"] = server.sent()["id"]
    server.mock("POST", f"{B}/{found['bought']}/simulate/accept-sale", {"offer_id": "extra1"})
    mover = server.customer()
    found["left"] = server.sent(customer={"customer_no": mover})["id"]
    server.call("PUT", f"/customer/{mover}", {"customer_no": 500})
    euros = server.customer()
    terms = {"customer": {"customer_no": euros}, "currency": "EUR"}
    debit = {"amount": 125, "scheme": "SEPA_DIRECT_DEBIT"}
    for name, b2b in (("debited", False), ("business", True)):
        key = server.sent(**terms)["id"]
        found[name] = server.mock("POST", PAY, debit | {"billogram": key, "b2b": b2b}).json["id"]
    found["planned"] = server.sent(**terms)["id"]
    server.post("/sepa_dd_mandate", MANDATE | {"customer_no": euros})
    made = {each["billogram"]: each["id"] for each in server.mock("GET", PAY).json}
    found["plan"] = made[found["planned"]]
    return found


class World(Struct, frozen=True):
    """What the rows name, in an account that no row may change."""

    server: Server
    ids: dict[str, str]
    image: dict[str, Any]
    position: int

    def is_unchanged(self) -> bool:
        now = (self.server.image(), self.server.position())
        return now == (self.image, self.position) and self.accounts() == [ACCOUNT]

    def accounts(self) -> list[str]:
        return [live.id for live in self.server.emulator.live_accounts()]


def _made() -> World:
    server = Server()
    ids = _named(server)
    return World(server, ids, server.image(), server.position())


@pytest.fixture(scope="module")
def _worlds() -> Iterator[list[World]]:
    made = [_made()]
    yield made
    for world in made:
        world.server.close()


@pytest.fixture
def world(_worlds: list[World]) -> World:
    """One for all rows; another for those after a row that has changed it."""
    if not _worlds[-1].is_unchanged():
        _worlds.append(_made())
    return _worlds[-1]


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    return ids.get(value[1:-1], value) if isinstance(value, str) and value[:1] == "{" else value


@pytest.mark.parametrize("row", ROWS, ids=[f"{n}-{row.operation}-{row.code}" for n, row in enumerate(ROWS)])
def test_each_refusal(world: World, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    server, ids = world.server, world.ids
    rules: list[str] = []

    def watched(refusal: Refusal) -> Any:
        rules.append(refusal.rule)
        return told_as(refusal)

    monkeypatch.setattr(edge, "refused", watched)
    path = row.path.format(**ids) if "{" in row.path else row.path
    with no_body_kept():
        answer = server.mock(BY_ID[row.operation].method, path, _filled(row.body, ids))
    assert (answer.status, answer.json["error"]["code"]) == (row.status, row.code)
    error = answer.json["error"]
    assert all(len(error[name]) > 3 for name in ("code", "message", "hint")), error
    assert error["hint"] != error["message"]
    if row.rule is None:
        assert rules == []
    else:
        assert rules == [row.rule]
    assert (server.image(), server.position()) == (world.image, world.position)
    assert world.accounts() == [ACCOUNT]
    assert server.fold().image() == server.image()


def test_every_built_operation_has_its_refusals() -> None:
    cannot = {
        "health",
        "ready",
        "info",
        "getMachine",
        "listAccounts",
        "getControlDocument",
        "listScenarios",
        "getCoverageOfAll",
        "deleteCoverageOfAll",
    }  # nothing to say no to, but the token
    assert {row.operation for row in ROWS} == set(BY_ID) - cannot
    of_accounts = {row.operation for row in ROWS if row.code == "unknown_account"}
    assert of_accounts == {name for name, row in BY_ID.items() if row.path.startswith("/accounts/{a}")}


@pytest.mark.parametrize("name", sorted(set(BY_ID)))
def test_each_operation_knows_its_methods_only(server: Server, name: str) -> None:
    server.get("/settings")
    row = BY_ID[name]
    path = row.path.format(**IN_PATH)
    known = {each.method for each in OPERATIONS if each.path == row.path}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        if method not in known:
            answer = server.mock(method, path)
            assert (answer.status, answer.json["error"]["code"]) == (405, "method_not_allowed")
            assert all(each in answer.json["error"]["hint"] for each in known)
    for other in (f"{path}/more", f"{path}x", path.upper()):
        answer = server.mock(row.method, other)
        if not {"{id}", "{letter_id}", "{no}"} & set(row.path.split("/")) or other != path.upper():
            assert answer.status in (404, 405), other


def test_an_empty_message_is_refused_wherever_it_comes_from(server: Server) -> None:
    """The body's shape asks for text before this rule is reached; it stands in the core all the same."""
    key = server.sent()["id"]
    act = Act(server.state(), server.state().account.clock.now)
    with pytest.raises(InvalidParameter) as caught:
        messages.receive(act, act.billogram(key), "")
    assert (caught.value.rule, caught.value.field) == ("simulate.message", "message")
    assert act.events == []
    assert told_as(caught.value).status == 400


@pytest.mark.parametrize(("size", "status"), [(32 * 1024 * 1024 + 1, 413), (32 * 1024 * 1024, 400)])
def test_a_body_that_is_too_large(server: Server, size: int, status: int) -> None:
    answer = server.mock("POST", "/accounts", b" " * size)
    assert (answer.status, answer.json["error"]["code"]) == (
        status,
        "too_large" if status == 413 else "invalid_json",
    )


# messages


def test_a_message_of_the_recipient_and_its_answer(server: Server) -> None:
    key = server.sent()["id"]
    path = f"{B}/{key}/simulate/message"
    shown = server.mock("POST", path, {"message": "När?\n☃"})
    assert shown.status == 200
    assert shown.json == server.get(f"/billogram/{key}").data
    assert shown.json["flags"] == ["new message", "message"]
    event = shown.json["events"][-1]
    assert (event["type"], event["data"]) == ("CustomerMessage", {"message": "När?\n☃", "ip": None})
    assert (shown.json["state"], shown.json["remaining_sum"]) == ("Unpaid", 125)
    again = server.mock("POST", path, {"message": "?"}).json
    assert again["flags"] == ["new message", "message"]
    answered = server.command(key, "message", {"message": "Nu."}).data
    assert answered["flags"] == ["message"]
    assert [each["type"] for each in answered["events"][2:]] == [
        *("CustomerMessage", "CustomerMessage", "CreditorMessage")
    ]
    assert server.mock("POST", path, {"message": "!"}).json["flags"] == ["message", "new message"]
    assert server.fold().image() == server.image()


def test_on_an_ended_one_too(server: Server) -> None:
    """The page of the billogram stays where it is."""
    key = server.sent()["id"]
    server.command(key, "payment", {"amount": 125})
    shown = server.mock("POST", f"{B}/{key}/simulate/message", {"message": "?"}).json
    assert (shown["state"], shown["flags"]) == ("Paid", ["new message", "message"])
    server.command(key, "message", {"message": "!"})
    assert server.get(f"/billogram/{key}").data["flags"] == ["message"]


def test_the_answer_shows_where_this_client_knows_the_server() -> None:
    for public, base in ((None, "http://mock.test/"), ("https://pay.example", "https://pay.example/")):
        server = Server(public_url=public)
        try:
            key = server.sent()["id"]
            shown = server.mock("POST", f"{B}/{key}/simulate/message", {"message": "?"}).json
            assert shown["url"].startswith(base)
            assert shown == server.get(f"/billogram/{key}").data
        finally:
            server.close()


# the token


def with_header(server: Server, method: str, path: str, sent: str | None) -> Answer:
    headers = {} if sent is None else {"authorization": sent}
    body = b'{"count": 0}' if path.endswith("/wait") else b""
    return server.run(server.asgi(method, f"/_mock{path}", body, headers))


NO_TOKENS = [
    *(None, "", "Bearer", "Bearer ", TOKEN, "T0ke", f"Token {TOKEN}", f"Basic {TOKEN}", f"Digest {TOKEN}"),
    *("Bearer T0ke", "Bearer T0kens", "Bearer t0ken", f"Bearer {TOKEN} {TOKEN}", f"Bearer{TOKEN}"),
    "Bearer å",
    *(basic(ACCOUNT, KEY), basic(TOKEN, ""), basic("", TOKEN), basic(TOKEN, TOKEN)),
]  # fmt: skip


@pytest.mark.parametrize("row", OPERATIONS, ids=[row.id for row in OPERATIONS])
def test_without_the_token_nothing_but_health_and_ready(row: Any) -> None:
    server = Server(control_token=TOKEN)
    try:
        server.get("/settings")
        image, position = server.image(), server.position()
        path = row.path.format(**IN_PATH)
        for sent in NO_TOKENS:
            answer = with_header(server, row.method, path, sent)
            if row.open:
                assert answer.status == 200
                continue
            assert answer.status == 401, sent
            error = answer.json["error"]
            assert error["code"] == "unauthorized"
            assert "Bearer" in error["hint"]
            assert TOKEN not in answer.body.decode()
            assert answer.headers["www-authenticate"] == "Bearer"
        assert (server.image(), server.position()) == (image, position)
        for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
            assert with_header(server, row.method, path, f"{scheme} {TOKEN}").status != 401
    finally:
        server.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", ""),
        ("DELETE", "/health"),
        ("OPTIONS", f"{A}/clock"),
        ("GET", "/accounts/none"),
    ],
)
def test_who_has_no_token_learns_nothing(method: str, path: str) -> None:
    """Neither which paths there are nor which accounts."""
    server = Server(control_token=TOKEN)
    try:
        server.get("/settings")
        assert with_header(server, method, path, None).status == 401
        assert with_header(server, method, path, f"Bearer {TOKEN}").status in (404, 405)
        assert with_header(server, "HEAD", "/health", None).status == 200
        assert server.get("/settings").status == 200  # the API asks for its own credentials only
    finally:
        server.close()


@pytest.mark.parametrize("file", ["control/edge.py", "api/edge.py"])
def test_tokens_are_compared_in_constant_time(file: str) -> None:
    tree = ast.parse((SOURCE / file).read_text(encoding="utf-8"))
    compared: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("hmac.compare_digest", "compare_digest"):
            compared += [ast.unparse(argument) for argument in node.args]
        if isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.Is | ast.IsNot):
            assert "token" not in ast.unparse(node), ast.unparse(node)
    assert any("token" in argument for argument in compared)

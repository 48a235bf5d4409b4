"""One shape of error: every refusal that the code can raise, walked by the names of its rules (reference: api 1.7)."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mockserver
from mockserver.control.reasons import reason_of
from mockserver.log.interface import LogFailed
from mockserver.wire import HEAD_TOO_LARGE
from tests.api.test_einvoice import in_market
from tests.api.test_offer import BANNER, SALE
from tests.control.test_refusals import RULES as CONTROL_RULES
from tests.documented import hold
from tests.server import Answer, Server, basic, no_body_kept, scope_of

SOURCE = Path(mockserver.__file__).parent
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
BACK = {"title": "Back", "count": -1, "price": 100, "vat": 25}
NO_FIELD: Any = object()


def draft(**more: Any) -> dict[str, Any]:
    return {"customer": {"customer_no": 1}, "items": [ROW]} | more


def as_nobody(server: Server, headers: dict[str, str]) -> Answer:
    answer = server.run(server.asgi("GET", "/api/v2/settings", b"", headers))
    hold("GET", "/settings", answer)
    return answer


def as_foreign_page(server: Server) -> Answer:
    headers = {"authorization": basic("test", "secret"), "origin": "https://page.example"}
    answer = server.run(server.asgi("POST", "/api/v2/customer", b"{}", headers))
    hold("POST", "/customer", answer)
    return answer


def too_large(server: Server) -> Answer:
    body = b" " * (32 * 1024 * 1024 + 1)
    answer = server.run(
        server.asgi("POST", "/api/v2/customer", body, {"authorization": basic("test", "secret")})
    )
    hold("POST", "/customer", answer)
    return answer


def head_too_large(server: Server) -> Answer:
    """As the connection passes it on; tests/e2e/test_heads.py sends such heads. No operation documents it."""

    def scope(*arguments: Any) -> dict[str, Any]:
        return scope_of(*arguments) | {"extensions": {HEAD_TOO_LARGE: {}}}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.server.scope_of", scope)
        return server.run(server.asgi("GET", "/api/v2/settings"))


def without_log(server: Server) -> Answer:
    async def failing(*_: object, **__: object) -> None:
        raise LogFailed("disk full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.emulator, "execute", failing)
        return server.post("/customer", {"name": "A"})


def without_credits(server: Server) -> Answer:
    server.mock("PATCH", "/accounts/test", {"features": {"standalone_credits": False}})
    return server.post("/billogram", draft(items=[BACK]))


def without_collection(server: Server) -> Answer:
    server.mock("PATCH", "/accounts/test", {"features": {"collection": False}})
    return server.command(of(server, "late"), "collect")


def with_respite(server: Server, command: str) -> Answer:
    return server.command(of(server, "respite"), command)


def reminded_twice(server: Server) -> Answer:
    server.command(of(server, "late"), "remind")
    return server.command(of(server, "late"), "remind")


MANDATE = {"customer_no": 1, "iban": "DE89370400440532013000", "signed_at": "2026-02-01 00:00:00"}


TAB = "/customer/1/billing-tab"


def on_tab(server: Server, key: str | None, title: str = "Row") -> Answer:
    headers = {} if key is None else {"X-API-Deduplication-ID": key}
    return server.post(f"{TAB}/items", {"billogram_item": {"title": title}}, headers=headers)


def key_used_twice(server: Server) -> Answer:
    on_tab(server, "one")
    return on_tab(server, "one", "Another")


def changed_after_billing(server: Server) -> Answer:
    server.post(f"{TAB}/settings", {"delivery_method": "DoNotNotify"})
    tab = on_tab(server, "one").data["billing_tab_id"]
    server.mock("POST", "/accounts/test/clock/advance", {"by": "31d"})
    return server.call("DELETE", f"{TAB}/{tab}")


def newest_source(server: Server) -> str:
    return next(reversed(server.state().sources))


def autogiro_cancelled(server: Server) -> Answer:
    server.mock("POST", "/accounts/test/customers/1/simulate/enable-recurring", {"type": "autogiro"})
    return server.post(f"/payment_source/{newest_source(server)}/cancel")


def cancelled_twice(server: Server) -> Answer:
    server.post("/sepa_dd_mandate", MANDATE)
    server.post(f"/payment_source/{newest_source(server)}/cancel")
    return server.post(f"/payment_source/{newest_source(server)}/cancel")


def offered_twice(server: Server) -> Answer:
    server.post("/offer", BANNER)
    return server.post("/offer", BANNER)


def changed_after_sale(server: Server) -> Answer:
    server.post("/offer", SALE)
    path = f"/accounts/test/billograms/{of(server, 'sent')}/simulate/accept-sale"
    server.mock("POST", path, {"offer_id": "extra1"})
    return server.call("PUT", "/offer/extra1", {"title": "Other"})


def faulted(server: Server) -> Answer:
    server.mock("POST", "/accounts/test/faults", {"fail": "status:503"})
    return server.get("/settings")


def without_factoring(server: Server) -> Answer:
    server.mock("PATCH", "/accounts/test", {"features": {"factoring": False}})
    return server.command(of(server, "draft"), "sell")


def credit_of_nothing(server: Server) -> Answer:
    rows = [{**ROW, "price": 0}, {**ROW, "title": "Other"}]
    made = server.post(
        "/billogram", draft(items=rows, on_success={"command": "send", "method": "Email"})
    ).data
    return server.command(made["id"], "credit", {"mode": "items", "items": [{"title": "Row", "count": -1}]})


def written_down_twice(server: Server) -> Answer:
    server.command(of(server, "sent"), "writedown")
    return server.command(of(server, "sent"), "writedown")


def changed_after_credit(server: Server) -> Answer:
    server.command(of(server, "sent"), "credit", {"mode": "amount", "amount": 5})
    return server.call("PUT", f"/billogram/{of(server, 'sent')}", {"items": [{**ROW, "title": "Other"}]})


def https_only(server: Server) -> Answer:
    server.mock("PUT", "/accounts/test/callbacks", {"url": None, "require_https": True})
    return server.post("/billogram", draft(callbacks={"url": "http://example.com/"}))


def without_a_member(server: Server) -> Answer:
    in_market(server, "Italy")
    return server.post("/customer/1/einvoice", {})


def in_norway(server: Server) -> Answer:
    in_market(server, "Norway")
    return server.post("/customer/1/einvoice", {})


def of(server: Server, name: str) -> str:
    """The id of a billogram that the fixture made."""
    return next(each.id for each in server.state().billograms.values() if each.creditor_unique_value == name)


# rule, request, HTTP status, identifier, field, field_path
CASES: list[tuple[str, Callable[[Server], Answer], int, str, Any, Any]] = [
    ("auth.missing", lambda s: as_nobody(s, {}), 401, "MISSING_AUTH", NO_FIELD, None),
    ("auth.cross_site", as_foreign_page, 403, "PERMISSION_DENIED", NO_FIELD, None),
    ("auth.invalid", lambda s: s.get("/settings", key="wrong"), 403, "INVALID_AUTH", NO_FIELD, None),
    ("auth.mock_account", lambda s: as_nobody(s, {"authorization": "x", "mock-account": "a/b"}), 403, "INVALID_AUTH", NO_FIELD, None),
    ("path.exists", lambda s: s.get("/nowhere"), 404, "NOT_FOUND", NO_FIELD, None),
    ("path.method", lambda s: s.call("DELETE", "/settings"), 405, "METHOD_NOT_ALLOWED", NO_FIELD, None),
    ("query.required", lambda s: s.get("/customer?page=1"), 400, "MISSING_QUERY_PARAMETER", "page_size", []),
    ("query.value", lambda s: s.get("/customer?page=x&page_size=1"), 400, "INVALID_QUERY_PARAMETER", "page", []),
    ("object.exists", lambda s: s.get("/billogram/none"), 404, "NOT_FOUND", NO_FIELD, None),
    ("object.exists", lambda s: s.get("/report/none"), 404, "NOT_FOUND", NO_FIELD, None),
    ("pdf.available", lambda s: s.get(f"/billogram/{of(s, 'sent')}.pdf"), 404, "NOT_AVAILABLE_YET", NO_FIELD, None),
    ("command.exists", lambda s: s.command(of(s, "draft"), "fly"), 404, "NOT_FOUND", NO_FIELD, None),
    ("log.unavailable", without_log, 503, "SERVICE_UNAVAILABLE", NO_FIELD, None),
    ("body.json", lambda s: s.post("/customer", b"{"), 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("body.limit", lambda s: s.post("/customer", b"[" * 1000), 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("body.length", lambda s: s.post("/billogram", draft(items=[ROW] * 1001)), 400, "INVALID_PARAMETER", "items", []),
    ("body.object", lambda s: s.post("/customer", [1]), 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("head.size", head_too_large, 431, "INVALID_PARAMETER", NO_FIELD, None),
    ("body.size", too_large, 413, "INVALID_PARAMETER", NO_FIELD, None),
    ("body.unknown", lambda s: s.post("/customer", {"name": "A", "contact": {"x": 1}}), 400, "UNKNOWN_PARAMETER", "x", ["contact"]),
    ("body.value", lambda s: s.post("/billogram", draft(due_days=400)), 400, "INVALID_PARAMETER", "due_days", []),
    ("body.value", lambda s: s.call("PUT", f"/billogram/{of(s, 'draft')}", {"due_days": 400}), 400, "INVALID_PARAMETER", "due_days", []),
    ("body.value", lambda s: s.post("/billogram", draft(items=[ROW, {**ROW, "vat": "x"}])), 400, "INVALID_PARAMETER", "vat", ["items", 1]),
    ("body.row", lambda s: s.post("/billogram", draft(items=[[], ROW, [ROW]])), 400, "INVALID_PARAMETER", "items", ["items", 2]),
    ("body.length", lambda s: s.post("/billogram", draft(info={"order_no": "x" * 31})), 400, "INVALID_PARAMETER", "order_no", ["info"]),
    ("body.read_only", lambda s: s.post("/billogram", draft(state="Paid")), 400, "READ_ONLY_PARAMETER", "state", []),
    ("body.read_only", lambda s: s.call("PUT", f"/billogram/{of(s, 'draft')}", {"state": "Paid"}), 400, "READ_ONLY_PARAMETER", "state", []),
    ("billogram.fixed", lambda s: s.call("PUT", f"/billogram/{of(s, 'draft')}", {"invoice_no": 9}), 400, "READ_ONLY_PARAMETER", "invoice_no", []),
    ("required", lambda s: s.post("/customer", {}), 400, "INVALID_PARAMETER", "name", []),
    ("address.careof_attention", lambda s: s.post("/customer", {"name": "A", "address": {"careof": "a", "attention": "b"}}), 400, "INVALID_PARAMETER_COMBINATION", "attention", ["address"]),
    ("customer.customer_no", lambda s: s.post("/customer", {"name": "A", "customer_no": 1}), 400, "INVALID_PARAMETER", "customer_no", None),
    ("item.item_no", lambda s: s.post("/item", {"item_no": "x" * 31, "title": "A", "price": 1, "vat": 0, "unit": "day"}), 400, "INVALID_PARAMETER", "item_no", []),
    ("item.item_no_taken", lambda s: s.post("/item", {"item_no": "1", "title": "A", "price": 1, "vat": 0, "unit": "day"}), 400, "INVALID_PARAMETER", "item_no", None),
    ("billogram.customer", lambda s: s.post("/billogram", draft(customer={"customer_no": 99})), 400, "INVALID_PARAMETER", "customer_no", ["customer"]),
    ("billogram.due", lambda s: s.post("/billogram", draft(due_days=3, due_date="2026-06-01")), 400, "INVALID_PARAMETER_COMBINATION", "due_days", []),
    ("billogram.due_date", lambda s: s.post("/billogram", draft(due_date="2026-01-01")), 400, "INVALID_PARAMETER", "due_date", []),
    ("billogram.due_date", lambda s: s.call("PUT", f"/billogram/{of(s, 'long')}", {"invoice_date": "8999-12-31"}), 400, "INVALID_PARAMETER", "invoice_date", []),
    ("billogram.creditor_unique_value", lambda s: s.post("/billogram", draft(creditor_unique_value="sent")), 400, "INVALID_PARAMETER", "creditor_unique_value", None),
    ("billogram.invoice_no", lambda s: s.post("/billogram", draft(invoice_no=1)), 400, "INVALID_PARAMETER", "invoice_no", None),
    ("feature.standalone_credits", without_credits, 403, "PERMISSION_DENIED", NO_FIELD, None),
    ("callbacks.https", https_only, 400, "INVALID_PARAMETER", "url", ["callbacks"]),
    ("delivery.method", lambda s: s.command(of(s, "draft"), "send", {"method": "Pigeon"}), 400, "INVALID_PARAMETER", "method", []),
    ("delivery.data", lambda s: s.command(of(s, "draft"), "send", {"method": "EDI"}), 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("payment.amount", lambda s: s.command(of(s, "sent"), "payment", {"amount": 126}), 400, "INVALID_PARAMETER", "amount", []),
    ("payment.not_on_credit", lambda s: s.command(of(s, "credit"), "payment", {"amount": 1}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("credit.not_on_credit", lambda s: s.command(of(s, "credit"), "credit", {"mode": "full"}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("credit.left", lambda s: s.command(of(s, "credited"), "credit", {"mode": "full"}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("credit.mode", lambda s: s.command(of(s, "sent"), "credit", {"mode": "half"}), 400, "INVALID_PARAMETER", "mode", []),
    ("credit.amount", lambda s: s.command(of(s, "sent"), "credit", {"mode": "amount", "amount": 126}), 400, "INVALID_PARAMETER", "amount", []),
    ("credit.count", lambda s: s.command(of(s, "sent"), "credit", {"mode": "items", "items": [{"title": "Row", "count": 1}]}), 400, "INVALID_PARAMETER", "count", ["items", 0]),
    ("credit.row", lambda s: s.command(of(s, "sent"), "credit", {"mode": "items", "items": [{"title": "None", "count": -1}]}), 400, "INVALID_PARAMETER", "title", ["items", 0]),
    ("credit.row", lambda s: s.command(of(s, "sent"), "credit", {"mode": "items", "items": [{"item_no": "9", "count": -1}]}), 400, "INVALID_PARAMETER", "item_no", ["items", 0]),
    ("credit.sum", credit_of_nothing, 400, "INVALID_PARAMETER", "items", []),
    ("credit-payment.on_credit", lambda s: s.command(of(s, "sent"), "credit-payment", {"mode": "remaining"}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("credit-payment.mode", lambda s: s.command(of(s, "credit"), "credit-payment", {"mode": "all"}), 400, "INVALID_PARAMETER", "mode", []),
    ("credit-payment.amount", lambda s: s.command(of(s, "credit"), "credit-payment", {"mode": "amount", "amount": 0}), 400, "INVALID_PARAMETER", "amount", []),
    ("credit-allocate.on_debit", lambda s: s.command(of(s, "credit"), "credit-allocate", {"amount": 1, "source_id": "x"}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("credit-allocate.amount", lambda s: s.command(of(s, "sent"), "credit-allocate", {"amount": 0, "source_id": "x"}), 400, "INVALID_PARAMETER", "amount", []),
    ("credit-allocate.source_id", lambda s: s.command(of(s, "sent"), "credit-allocate", {"amount": 1, "source_id": "x"}), 400, "INVALID_PARAMETER", "source_id", []),
    ("credit-allocate.source", lambda s: s.command(of(s, "sent"), "credit-allocate", {"amount": 1, "source_id": of(s, "draft")}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("settle-underpayment.paid", lambda s: s.command(of(s, "sent"), "settle-underpayment"), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("writeoff.principal", lambda s: s.command(of(s, "sent"), "writeoff"), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("writedown.once", written_down_twice, 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("revert-writedown.written_down", lambda s: s.command(of(s, "sent"), "revert-writedown"), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("not_on_credit.*", lambda s: s.command(of(s, "credit"), "writedown"), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("feature.factoring", without_factoring, 403, "PERMISSION_DENIED", NO_FIELD, None),
    ("attachment.content", lambda s: s.command(of(s, "sent"), "attach", {"filename": "a", "content": "x"}), 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("attachment.content_missing", lambda s: s.post("/billogram", draft(attachment="a.pdf")), 400, "INVALID_PARAMETER_COMBINATION", "attachment_content", []),
    ("put.credited", changed_after_credit, 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("put.sign", lambda s: s.call("PUT", f"/billogram/{of(s, 'sent')}", {"items": [BACK]}), 400, "INVALID_PARAMETER", "items", []),
    ("picture.content", lambda s: s.post("/logotype", {"content": "x"}), 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("einvoice.member", lambda s: s.post("/customer/1/einvoice", {"pec": "a@example.com"}), 400, "INVALID_PARAMETER", "pec", []),
    ("einvoice.required", without_a_member, 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("einvoice.market", in_norway, 403, "PERMISSION_DENIED", NO_FIELD, None),
    ("not_due.*", lambda s: s.command(of(s, "sent"), "remind"), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("respite.*", lambda s: with_respite(s, "remind"), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("remind.same_day", reminded_twice, 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("remind.method", lambda s: s.command(of(s, "late"), "remind", {"method": "EDI"}), 400, "INVALID_PARAMETER", "method", []),
    ("not_on_credit.respite", lambda s: s.command(of(s, "credit"), "respite", {"date": "2026-12-31"}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("respite.date", lambda s: s.command(of(s, "sent"), "respite", {"date": "2026-03-02"}), 400, "INVALID_PARAMETER", "date", []),
    ("remove-respite.active", lambda s: s.command(of(s, "sent"), "remove-respite"), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("feature.collection", without_collection, 403, "PERMISSION_DENIED", NO_FIELD, None),
    ("mandate.customer", lambda s: s.post("/sepa_dd_mandate", MANDATE | {"customer_no": 99}), 400, "INVALID_PARAMETER", "customer_no", []),
    ("mandate.iban", lambda s: s.post("/sepa_dd_mandate", MANDATE | {"iban": "DE00370400440532013000"}), 400, "INVALID_PARAMETER", "iban", []),
    ("mandate.scheme", autogiro_cancelled, 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("mandate.usable", cancelled_twice, 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("tab.path", lambda s: s.get("/customer/0/billing-tab"), 400, "INVALID_PARAMETER", "customer_no", []),
    ("tab.settings_required", lambda s: s.post(f"{TAB}/settings", {}), 400, "INVALID_PARAMETER", NO_FIELD, None),
    ("tab.invoiced", changed_after_billing, 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
    ("deduplication.key", lambda s: on_tab(s, None), 400, "INVALID_PARAMETER", "X-API-Deduplication-ID", None),
    ("deduplication.used", key_used_twice, 409, "INVALID_PARAMETER", "X-API-Deduplication-ID", None),
    ("offer.offer_id", offered_twice, 400, "INVALID_PARAMETER", "offer_id", None),
    ("offer.banner", lambda s: s.post("/offer", BANNER | {"sale_type": "x"}), 400, "INVALID_PARAMETER_COMBINATION", "sale_type", []),
    ("offer.accepted", changed_after_sale, 403, "PERMISSION_DENIED", NO_FIELD, None),
    ("fault", faulted, 503, "SERVICE_UNAVAILABLE", NO_FIELD, None),
    ("message.text", lambda s: s.command(of(s, "sent"), "message", {"message": ""}), 400, "INVALID_PARAMETER", "message", []),
    ("state.*", lambda s: s.command(of(s, "sent"), "send", {}), 400, "INVALID_OBJECT_STATE", NO_FIELD, None),
]  # fmt: skip


PATTERNS = {
    "state.*": "state.send",
    "not_on_credit.*": "not_on_credit.writedown",
    "not_due.*": "not_due.remind",
    "respite.*": "respite.remind",
}
SECOND = {"not_on_credit.respite": "not_on_credit.*"}  # one more walk of a pattern
PREPARED = (
    without_credits,
    without_factoring,
    without_collection,
    reminded_twice,
    https_only,
    credit_of_nothing,
    written_down_twice,
    changed_after_credit,
    autogiro_cancelled,
    cancelled_twice,
    without_a_member,
    in_norway,
    key_used_twice,
    changed_after_billing,
    offered_twice,
    changed_after_sale,
)


def rules_of_the_source() -> set[str]:
    """Every rule that a refusal of the core or the API is raised with."""
    found = set()
    for path in [*(SOURCE / "core").glob("*.py"), *(SOURCE / "api").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and not _is_execute(node):
                found |= {_text(word.value) for word in node.keywords if word.arg == "rule"}
    return found - {""}


def _is_execute(node: ast.Call) -> bool:
    """`call.execute(..., rule=...)` names what decides, not what refuses."""
    return isinstance(node.func, ast.Attribute) and node.func.attr == "execute"


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        return f"{node.values[0].value!s}*"
    return ""  # handed on: `rule=rule`


def test_every_rule_of_the_source_is_walked() -> None:
    assert (
        rules_of_the_source() - {"value.*"}
        == {SECOND.get(case[0], case[0]) for case in CASES} | CONTROL_RULES
    )


@pytest.mark.parametrize("case", CASES, ids=[f"{index}-{case[0]}" for index, case in enumerate(CASES)])
def test_each_refusal(
    server: Server, case: tuple[str, Callable[[Server], Answer], int, str, Any, Any]
) -> None:
    rule, request, status, identifier, field, field_path = case
    server.customer()
    server.mock("PATCH", "/accounts/test", {"pdf_delay": "1h"})
    server.post("/item", {"title": "A", "price": 1, "vat": 0, "unit": "day"})
    server.post("/billogram", draft(creditor_unique_value="draft"))
    for name, more in (
        ("sent", {}),
        ("credited", {}),
        ("credit", {"items": [BACK]}),
        ("long", {"due_date": "8000-01-01"}),
        ("late", {"invoice_date": "2026-01-01", "due_date": "2026-01-31"}),
        ("respite", {"invoice_date": "2026-01-01", "due_date": "2026-01-31"}),
    ):
        on_success = None if name == "long" else {"command": "send", "method": "Email"}
        server.post("/billogram", draft(creditor_unique_value=name, on_success=on_success, **more))
    server.command(of(server, "credited"), "credit", {"mode": "full"})
    server.command(of(server, "respite"), "respite", {"date": "2026-12-31"})
    position, image = server.position(), server.image()
    with no_body_kept():
        answer = request(server)
    if request is faulted:
        server.mock("DELETE", "/accounts/test/faults")
    assert answer.status == status
    assert answer.headers["mock-rule"] == PATTERNS.get(rule, rule)
    got, data = answer.error
    assert got == identifier
    assert data["message"]
    if field is NO_FIELD:
        assert set(data) == {"message"}
    else:
        assert (data["field"], data["field_path"]) == (field, field_path)
    if request in PREPARED:  # what they do first were acts of their own
        assert server.position() > position
    else:
        assert (server.position(), server.image()) == (position, image)
    assert server.fold().image() == server.image()
    hold_explanation(server, answer)


def hold_explanation(server: Server, answer: Answer) -> None:
    """What is said of a refusal: its rule's text, and all that was compared in the condition."""
    rule = answer.headers["mock-rule"]
    if rule.startswith(("auth.", "head.")):  # it belongs to no account
        assert "mock-explain" not in answer.headers
        return
    position, image = server.position(), server.image()
    explained = server.mock("GET", answer.headers["mock-explain"].removeprefix("/_mock")).json
    identifier, data = answer.error
    topic, reason = reason_of(rule)
    assert (explained["rule"], explained["topic"], explained["why"]) == (rule, topic, reason.why)
    assert explained["error"] == identifier
    assert rule == "fault" or explained["message"] == data["message"]  # which fault, it does not tell
    assert (explained["field"], explained["field_path"]) == (data.get("field"), data.get("field_path"))
    assert [each["tag"] for each in explained["evidence"]] == list(reason.tags)
    condition = explained["condition"]
    assert set(condition["values"]) <= set(re.findall(r"\w+", condition["must"])) | {"known"}
    assert explained["how"] or explained["advice"]
    assert (server.position(), server.image()) == (position, image)

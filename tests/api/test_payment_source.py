"""Mandates and what is collected by them (reference: api 12, behaviour 6.6)."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from mockserver.core import agenda
from mockserver.core.funds import PaymentSource
from mockserver.core.model import replace
from tests.core.test_sepa import PAYMENTS, advance, planned
from tests.server import ACCOUNT, Server

MOCK = f"/accounts/{ACCOUNT}"
IBAN = "DE89370400440532013000"
TERMS = {"currency": "EUR", "invoice_date": "2026-03-02", "due_date": "2026-04-01"}
BANK = (
    *("PaymentScheduled", "PaymentFailed", "PaymentSystemUpdated", "PaymentSystemCancelled", "Payment"),
    *("PaymentUserCancelled", "PaymentRecalled", "BillogramEnded"),
)


def imported(server: Server, number: int, iban: str = IBAN, signed: str = "2026-02-01 00:00:00") -> str:
    body = {"customer_no": number, "iban": iban, "signed_at": signed}
    assert server.post("/sepa_dd_mandate", body).status == 200
    key: str = sources(server, number)[-1]["id"]
    return key


def migrated(server: Server, number: int) -> str:
    amendment = {"sepa_creditor_identifier": "DE00ZZZ000000001", "unique_mandate_reference": "OLD"}
    body = {"customer_no": number, "iban": IBAN, "signed_date": "2026-02-01", "amendment": amendment}
    said = server.post("/sepa_dd_mandate/migrate", body).data
    made = sources(server, number)[-1]
    assert said == {
        "customer_no": number,
        "iban": IBAN,
        "signed_date": "2026-02-01",
        "sepa_creditor_identifier": said["sepa_creditor_identifier"],
        "unique_mandate_reference": made["details"]["reference"],
    }
    assert said["sepa_creditor_identifier"] != "DE00ZZZ000000001"
    return str(made["id"])


def sources(server: Server, number: int) -> Any:
    answer = server.get(f"/payment_source?customer_no={number}")
    return answer.data if answer.status == 200 else []


def status(server: Server, number: int) -> list[str]:
    return [each["status"] for each in sources(server, number)]


def sent(server: Server, number: int, **more: Any) -> str:
    key: str = server.sent(customer={"customer_no": number}, **{**TERMS, **more})["id"]
    return key


def simulate(server: Server, path: str, body: Any = None) -> Any:
    answer = server.mock("POST", f"{MOCK}/{path}", body or {})
    assert answer.status == 200, answer.body
    return answer.json


def bank(server: Server, key: str) -> list[tuple[Any, ...]]:
    """What of a planned payment is told: type, then as far as there are any its amount, day and reason."""
    names = ("payment_amount", "payment_date", "payment_update_reason", "payment_failure_reason")
    found = []
    for each in server.get(f"/billogram/{key}").data["events"]:
        if each["type"] in BANK:
            data = each["data"] or {}
            found.append((each["type"], *(data[name] for name in names if name in data)))
    return found


def changed(server: Server, source: str, **what: Any) -> Any:
    answer = server.mock("PATCH", f"{MOCK}/payment-sources/{source}", what)
    assert answer.status == 200, answer.body
    return answer.json


PLANNED = ("PaymentScheduled", 125, "2026-04-01")
PAID = [("Payment",), ("BillogramEnded",)]
UPDATED, CANCELLED = "PaymentSystemUpdated", "PaymentSystemCancelled"


# mandates


def test_the_list(server: Server) -> None:
    number = server.customer()
    answer = server.get(f"/payment_source?customer_no={number}")
    assert (answer.status, answer.body) == (204, b"")
    key = imported(server, number, "de89 3704 0044 0532 0130 00")
    other = imported(server, number)
    answer = server.get(f"/payment_source?customer_no={number}")
    assert answer.json["meta"] == {"total_count": 2}
    assert [each["id"] for each in answer.data] == [key, other]
    first = answer.data[0]
    assert (first["status"], first["scheme"]) == ("PENDING", "SEPA_DIRECT_DEBIT")
    reference = first["details"].pop("reference")
    assert (len(reference), reference.isalnum(), reference.upper()) == (26, True, reference)
    assert first["details"] == {"iban": IBAN, "signed_at": "2026-02-01T00:00:00"}
    for query in ("", "?customer_no=99", "?customer_no=x", "?customer_no=-1"):
        assert server.get(f"/payment_source{query}").status == 400
    for body, identifier in (({"x": 1}, "UNKNOWN_PARAMETER"), ([1], "INVALID_PARAMETER")):
        assert server.post(f"/payment_source/{key}/cancel", body).error[0] == identifier
    cancelled = server.post(f"/payment_source/{key}/cancel").data
    assert (cancelled["id"], cancelled["status"]) == (key, "CANCELLED")
    identifier, _ = server.post(f"/payment_source/{key}/cancel").error
    assert identifier == "INVALID_OBJECT_STATE"
    assert server.post("/payment_source/nobody/cancel").status == 404
    assert status(server, number) == ["CANCELLED", "PENDING"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"iban": "DE88370400440532013000"}, "iban"),
        ({"iban": "DE8937040044053201300"}, "iban"),
        ({"iban": "nothing"}, "iban"),
        ({"iban": ""}, "iban"),
        ({"customer_no": 99}, "customer_no"),
        ({"signed_at": "2026-02-01T00:00:00"}, "signed_at"),
        ({"signed_at": "2026-02-30 00:00:00"}, "signed_at"),
        ({"signed_at": None}, "signed_at"),
    ],
)
def test_a_bad_mandate(server: Server, changes: dict[str, Any], field: str) -> None:
    body = {"customer_no": server.customer(), "iban": IBAN, "signed_at": "2026-02-01 00:00:00"}
    before = server.position()
    answer = server.post("/sepa_dd_mandate", body | changes)
    assert answer.status == 400
    assert answer.error[1]["field"] == field
    assert server.position() == before


def test_it_becomes_active(server: Server) -> None:
    one, two = server.customer(), server.customer()
    imported(server, one)
    migrated(server, two)
    sent(server, two)
    advance(server, "2026-03-03T00:04:59+01:00")
    assert status(server, one) == ["PENDING"]
    advance(server, "2026-03-03T00:05:00+01:00")
    assert (status(server, one), status(server, two)) == (["ACTIVE"], ["PENDING"])
    advance(server, "2026-04-01T09:59:00+02:00")
    assert status(server, two) == ["PENDING"]
    advance(server, "2026-04-01T10:00:00+02:00")
    assert status(server, two) == ["ACTIVE"]
    last = [each["last_collection"] for each in server.mock("GET", f"{MOCK}/payment-sources").json]
    assert last == [None, "2026-04-01"]


@pytest.mark.parametrize(
    ("code", "after"), [("AC01", "FAILED"), ("AC04", "CANCELLED"), ("MD07", "CANCELLED"), ("AM04", "ACTIVE")]
)
@pytest.mark.parametrize("how", ["reject", "return"])
def test_what_a_code_makes_of_it(server: Server, code: str, after: str, how: str) -> None:
    """First the failed billogram, then what else is planned by the mandate."""
    number = server.customer()
    imported(server, number)
    first, other = sent(server, number), sent(server, number, due_date="2026-05-04")
    plan: list[Any] = [f"reject.{code}"] if how == "reject" else [{"then": f"return.{code}", "after": "1b"}]
    server.mock("PUT", f"{MOCK}/outcomes", {"match": None, "plan": plan})
    advance(server, "2026-04-02T10:00:00+02:00")
    assert status(server, number) == [after]
    expected = (
        [PLANNED, ("PaymentFailed", code)] if how == "reject" else [PLANNED, *PAID, ("PaymentRecalled",)]
    )
    assert bank(server, first) == expected
    gone = [] if after == "ACTIVE" else [("PaymentSystemCancelled", "mandate")]
    assert bank(server, other) == [("PaymentScheduled", 125, "2026-05-04"), *gone]
    advance(server, "2026-06-01T10:00:00+02:00")
    assert len(bank(server, first)) == len(expected), "no new try by itself"
    assert server.fold().image() == server.image()


SIGNED = ["2026-02-01", "2023-03-31", "2023-03-02", "2015-06-01", "1970-01-01"]


@pytest.mark.parametrize("signed", SIGNED)
@pytest.mark.parametrize("how", ["import", "migrate"])
def test_it_lapses(server: Server, how: str, signed: str) -> None:
    """36 months after the import or migration, however old the signature; what is planned is cancelled."""
    number = server.customer()
    body: dict[str, Any] = {"customer_no": number, "iban": IBAN}
    if how == "import":
        assert server.post("/sepa_dd_mandate", body | {"signed_at": f"{signed} 12:00:00"}).status == 200
    else:
        amendment = {"sepa_creditor_identifier": "DE00ZZZ000000001", "unique_mandate_reference": "OLD"}
        body |= {"signed_date": signed, "amendment": amendment}
        assert server.post("/sepa_dd_mandate/migrate", body).status == 200
    assert status(server, number) == ["PENDING"]
    assert sources(server, number)[0]["details"]["signed_at"].startswith(signed)
    key = sent(server, number, due_date="2029-03-02")
    assert bank(server, key) == [("PaymentScheduled", 125, "2029-03-02")]
    alive = "ACTIVE" if how == "import" else "PENDING"
    for moment in ("2026-03-03T00:05:00+01:00", "2026-04-15T12:00:00+02:00", "2029-03-02T00:04:00+01:00"):
        advance(server, moment)
        assert status(server, number) == [alive]
    (due,) = (each for each in server.mock("GET", f"{MOCK}/agenda").json if each["rule"] == "mandate lapses")
    assert due["reason"].endswith("lapses: 36 months after 2026-03-02")
    advance(server, "2029-03-02T00:05:00+01:00")
    assert status(server, number) == ["CANCELLED"]
    assert bank(server, key)[1:] == [("PaymentSystemCancelled", "mandate")]
    assert server.fold().image() == server.image()


@pytest.mark.parametrize("signed", SIGNED)
def test_it_lapses_after_its_last_collection(server: Server, signed: str) -> None:
    number = server.customer()
    imported(server, number, signed=f"{signed} 12:00:00")
    paid = sent(server, number, due_date="2026-03-30")
    advance(server, "2026-04-15T12:00:00+02:00")
    assert bank(server, paid) == [("PaymentScheduled", 125, "2026-03-30"), *PAID]
    advance(server, "2029-03-30T00:04:00+02:00")
    assert status(server, number) == ["ACTIVE"]
    advance(server, "2029-03-30T00:05:00+02:00")
    assert status(server, number) == ["CANCELLED"]


@pytest.mark.parametrize(
    ("collected", "imported_on", "lapses"),
    [
        (None, None, date(2023, 1, 2)),  # from the signature, as the versions that wrote such logs decided
        (date(2020, 5, 6), None, date(2023, 5, 6)),
        (None, date(2026, 3, 2), date(2029, 3, 2)),
        (date(2026, 5, 6), date(2026, 3, 2), date(2029, 5, 6)),
    ],
)
def test_a_mandate_of_an_older_log_lapses_as_it_was_decided(
    collected: date | None, imported_on: date | None, lapses: date
) -> None:
    signed = datetime(2020, 1, 1, 23, 30, tzinfo=UTC)  # local: the next day
    source = PaymentSource("x", 1, 1, "SEPA_DIRECT_DEBIT", "ACTIVE", "r", signed, signed)
    source = replace(source, last_collection=collected, imported_on=imported_on)
    assert agenda.lapses_on(source, "Europe/Stockholm") == lapses


def test_a_mandate_that_ends_while_it_is_planned(server: Server) -> None:
    """Past the due date it is overdue at once; a settled one is not touched; another one is not used."""
    number = server.customer()
    other, key = imported(server, number), imported(server, number)
    settled, late = sent(server, number), sent(server, number, due_date="2026-04-03")
    advance(server, "2026-04-05T10:00:00+02:00")  # Easter; collected on Tuesday
    server.post(f"/payment_source/{key}/cancel")
    assert bank(server, settled) == [PLANNED, *PAID]
    assert bank(server, late)[1:] == [("PaymentSystemCancelled", "mandate")]
    shown = server.get(f"/billogram/{late}").data
    assert (shown["state"], shown["events"][-1]["type"]) == ("Overdue", "Overdue")
    assert changed(server, other, status="FAILED")["status"] == "FAILED"
    assert changed(server, other, status="ACTIVE", b2b=True)["b2b"] is True
    assert len(bank(server, late)) == 2


@pytest.mark.parametrize("how", ["cancelled", "lapsed", "failed"])
def test_whichever_way_it_ends(server: Server, how: str) -> None:
    """On 10 April, while one is planned, one settled, one taken back; later money can still be taken back."""
    number = server.customer()
    key = imported(server, number)
    paid, back = (sent(server, number) for _ in range(2))
    waiting = sent(server, number, due_date="2026-04-20")
    advance(server, "2026-04-08T10:00:00+02:00")
    payments = {each["billogram"]: each["id"] for each in server.mock("GET", PAYMENTS).json}
    assert server.mock("POST", f"{PAYMENTS}/{payments[back]}/recall", {"type": "refund"}).status == 201
    if how == "lapsed":  # 36 months after its last collection
        changed(server, key, last_collection="2023-04-10")
    advance(server, "2026-04-10T00:05:00+02:00")
    if how == "cancelled":
        assert server.post(f"/payment_source/{key}/cancel").status == 200
    elif how == "failed":
        changed(server, key, status="FAILED")
    assert status(server, number) == ["FAILED" if how == "failed" else "CANCELLED"]
    taken_back = [PLANNED, *PAID, ("PaymentRecalled",)]
    stopped = [("PaymentScheduled", 125, "2026-04-20"), (CANCELLED, "mandate")]
    assert [bank(server, each) for each in (paid, back, waiting)] == [[PLANNED, *PAID], taken_back, stopped]
    assert states(server, paid, back, waiting) == ["Paid", "Overdue", "Unpaid"]
    advance(server, "2026-04-21T10:00:00+02:00")
    assert states(server, paid, back, waiting) == ["Paid", "Overdue", "Overdue"]
    assert server.mock("POST", f"{PAYMENTS}/{payments[paid]}/recall", {"type": "refund"}).status == 201
    assert bank(server, paid) == taken_back
    for each in (paid, back, waiting):
        answer = server.mock("POST", f"{MOCK}/billograms/{each}/simulate/schedule-payment", {})
        assert answer.status == 409, "no mandate is left"
    advance(server, "2026-06-01T10:00:00+02:00")
    assert [bank(server, each) for each in (paid, back, waiting)] == [taken_back, taken_back, stopped]
    assert states(server, paid, back, waiting) == ["Overdue"] * 3
    assert server.fold().image() == server.image()


def states(server: Server, *keys: str) -> list[str]:
    return [server.get(f"/billogram/{key}").data["state"] for key in keys]


def test_open_ones_are_planned_when_a_mandate_comes(server: Server) -> None:
    number, other = server.customer(), server.customer()
    keys = [sent(server, number), sent(server, number, due_date="2026-03-03"), sent(server, number)]
    not_these = [sent(server, other), sent(server, number, currency="SEK")]
    draft = server.draft(customer={"customer_no": number}, **TERMS)["id"]
    server.command(keys[2], "payment", {"amount": 125})
    advance(server, "2026-03-06T10:00:00+01:00")  # a Friday
    key = imported(server, number)
    assert [bank(server, each) for each in keys] == [
        [PLANNED],
        [("PaymentScheduled", 125, "2026-03-09")],
        PAID,
    ]
    assert [bank(server, each) for each in not_these] == [[], []]
    newest = imported(server, number)
    server.command(draft, "send", {"method": "Email"})
    drawn = [planned(server, each)["payment_source"] for each in (keys[0], draft)]
    assert drawn == [key, newest]
    server.post(f"/payment_source/{newest}/cancel")
    assert planned(server, sent(server, number))["payment_source"] == key


# the amount and the day


def paid(server: Server, key: str) -> Any:
    server.mock("POST", PAYMENTS, {"billogram": key, "amount": 25})


def by_hand(server: Server, key: str) -> Any:
    server.command(key, "payment", {"amount": 125})


def credited(server: Server, key: str) -> Any:
    server.command(key, "credit", {"mode": "amount", "amount": 25})


def in_full(server: Server, key: str) -> Any:
    server.command(key, "credit", {"mode": "full"})


def settled(server: Server, key: str) -> Any:
    paid(server, key)
    server.command(key, "settle-underpayment")


def lost(server: Server, key: str) -> Any:
    server.command(key, "confirmed-loss")


def rows(server: Server, key: str) -> Any:
    items = [{"title": "Row", "count": 2, "price": 100, "vat": 25}]
    assert server.call("PUT", f"/billogram/{key}", {"items": items}).status == 200


def due_date(server: Server, key: str) -> Any:
    assert server.call("PUT", f"/billogram/{key}", {"due_date": "2026-05-01"}).status == 200


def rows_and_due_date(server: Server, key: str) -> Any:
    items = [{"title": "Row", "count": 2, "price": 100, "vat": 25}]
    change = {"items": items, "due_date": "2026-05-01"}
    assert server.call("PUT", f"/billogram/{key}", change).status == 200


def nothing_and_due_date(server: Server, key: str) -> Any:
    change = {"items": [{"title": "Row", "count": 0, "price": 1, "vat": 25}], "due_date": "2026-05-01"}
    assert server.call("PUT", f"/billogram/{key}", change).status == 200


def message(server: Server, key: str) -> Any:
    assert server.call("PUT", f"/billogram/{key}", {"info": {"message": "Hello"}}).status == 200


def revoked(server: Server, key: str) -> Any:
    asked = {"type": "revocation"}
    assert server.mock("POST", f"{PAYMENTS}/{planned(server, key)['id']}/recall", asked).status == 201


def called_off(server: Server, key: str) -> Any:
    asked = {"type": "cancellation_request"}
    assert server.mock("POST", f"{PAYMENTS}/{planned(server, key)['id']}/recall", asked).status == 201


def user(server: Server, key: str) -> Any:
    simulate(server, f"billograms/{key}/simulate/cancel-scheduled-payment")


def respite(server: Server, key: str) -> Any:
    server.command(key, "respite", {"date": "2026-04-11"})


@pytest.mark.parametrize(
    ("what", "told", "remains"),
    [
        (paid, [(UPDATED, 100, "2026-04-01", "payment")], True),
        (by_hand, [(CANCELLED, "payment")], False),
        (credited, [(UPDATED, 100, "2026-04-01", "credit")], True),
        (in_full, [(CANCELLED, "credit")], False),
        (settled, [(UPDATED, 100, "2026-04-01", "payment"), (CANCELLED, "settled")], False),
        (lost, [(CANCELLED, "loss")], False),
        (rows, [(UPDATED, 250, "2026-04-01", "invoice")], True),
        (due_date, [(UPDATED, 125, "2026-05-04", "due_date")], True),
        (rows_and_due_date, [(UPDATED, 250, "2026-05-04", "due_date")], True),
        (nothing_and_due_date, [(CANCELLED, "invoice")], False),
        (message, [], True),
        (respite, [(UPDATED, 125, "2026-04-13", "respite")], True),
        (revoked, [(CANCELLED, "revocation")], False),
        (called_off, [(CANCELLED, "cancellation_request")], False),
        (user, [("PaymentUserCancelled", "user")], False),
    ],
)
def test_it_follows(
    server: Server, what: Callable[[Server, str], Any], told: list[tuple[Any, ...]], remains: bool
) -> None:
    number = server.customer()
    imported(server, number)
    key = sent(server, number)
    what(server, key)
    found = [each for each in bank(server, key)[1:] if each not in PAID]
    assert found == told
    waits = [each for each in server.mock("GET", PAYMENTS).json if each["status"] == "scheduled"]
    assert bool(waits) is remains
    if remains:
        left = server.get(f"/billogram/{key}").data["remaining_sum"]
        day = told[-1][2] if told else "2026-04-01"
        assert (waits[0]["amount"], waits[0]["date"]) == (left, day)
        advance(server, "2026-05-06T10:00:00+02:00")
        assert server.get(f"/billogram/{key}").data["state"] == "Paid"
        taken = server.mock("GET", f"{PAYMENTS}/{waits[0]['id']}").json
        assert (taken["status"], taken["amount"]) == ("settled", left)
    assert server.fold().image() == server.image()


def test_late_ones(server: Server) -> None:
    """Planned by hand after a failure: fee, writeoff, collection; nobody is dunned until the day after."""
    server.call("PUT", "/settings", {"invoices": {"automatic_reminders": [{"delay_days": 1}]}})
    number = server.customer()
    imported(server, number)
    server.mock("PUT", f"{MOCK}/outcomes", {"match": None, "plan": ["reject.AM04"] * 3})
    fee, off, collected = (sent(server, number) for _ in range(3))
    advance(server, "2026-04-01T12:00:00+02:00")
    for key in (fee, off, collected):
        assert bank(server, key)[1:] == [("PaymentFailed", "AM04")]
        simulate(server, f"billograms/{key}/simulate/schedule-payment", {"date": "2026-04-11"})
        assert bank(server, key)[-1] == ("PaymentScheduled", 125, "2026-04-13")
        again = server.mock("POST", f"{MOCK}/billograms/{key}/simulate/schedule-payment", {})
        assert again.status == 409
        assert "cancel" in again.json["error"]["hint"]
        message(server, key)
        assert bank(server, key)[-1][0] == "PaymentScheduled", "a day of his own stays"
    advance(server, "2026-04-13T09:00:00+02:00")
    types = [each["type"] for each in server.get(f"/billogram/{fee}").data["events"]]
    assert not {"Overdue", "InterestStarted", "ReminderSent"} & set(types)
    server.command(fee, "remind", {"method": "Email"})
    assert bank(server, fee)[-1] == (UPDATED, 185, "2026-04-13", "fee")
    server.command(off, "remind", {"method": "Email"})
    server.mock("POST", PAYMENTS, {"billogram": off, "amount": 125})
    server.command(off, "writeoff")
    assert bank(server, off)[-5:] == [
        (UPDATED, 185, "2026-04-13", "fee"),
        ("Payment",),
        (UPDATED, 60, "2026-04-13", "payment"),
        (CANCELLED, "writeoff"),
        ("BillogramEnded",),
    ]
    server.command(collected, "collect")
    assert bank(server, collected)[-1] == (CANCELLED, "collection")
    advance(server, "2026-04-13T10:00:00+02:00")
    assert server.get(f"/billogram/{fee}").data["state"] == "Paid"


def test_dunning_waits_for_the_bank(server: Server) -> None:
    """Due on Good Friday, collected on Tuesday: a refusal makes it overdue at once, not before."""
    server.call("PUT", "/settings", {"invoices": {"automatic_reminders": [{"delay_days": 0}]}})
    number = server.customer()
    imported(server, number)
    server.mock("PUT", f"{MOCK}/outcomes", {"match": None, "plan": ["reject.AM04"]})
    key = sent(server, number, due_date="2026-04-03")
    advance(server, "2026-04-07T09:59:00+02:00")
    assert server.get(f"/billogram/{key}").data["state"] == "Unpaid"
    advance(server, "2026-04-09T10:00:00+02:00")
    events = [
        (type(each).__name__, f"{each.mark.at:%m-%d %H:%M}")
        for each in server.state().billograms[key].events[3:]
    ]
    assert events == [
        ("PaymentFailed", "04-07 08:00"),
        ("Overdue", "04-07 08:00"),
        ("InterestStarted", "04-07 22:05"),
        ("ReminderSent", "04-08 06:00"),
    ]


def test_what_cannot_be_planned(server: Server) -> None:
    number = server.customer()
    key = sent(server, number)
    path = f"{MOCK}/billograms/{key}/simulate"
    assert server.mock("POST", f"{path}/schedule-payment", {}).status == 409  # no mandate
    assert server.mock("POST", f"{path}/cancel-scheduled-payment", {}).status == 409
    imported(server, number)
    user(server, key)
    assert server.mock("POST", f"{path}/schedule-payment", {"date": "2026-03-02"}).status == 400
    simulate(server, f"billograms/{key}/simulate/schedule-payment", {"date": "2026-03-03"})
    advance(server, "2026-03-03T10:00:00+01:00")
    assert bank(server, key)[-2:] == PAID
    assert server.mock("POST", f"{path}/schedule-payment", {}).status == 409  # it is paid


# autogiro


def regional(server: Server, key: str) -> tuple[Any, ...]:
    shown = server.get(f"/billogram/{key}").data
    names = ("autogiro_status", "autogiro_payment_date", "autogiro_total_sum")
    return (*(shown["regional_sweden"][name] for name in names), sorted(shown["flags"]))


VIA, ORDERED = "pay via autogiro", "autogiro payment order sent"


@pytest.mark.parametrize("refused", [False, True])
def test_autogiro(server: Server, refused: bool) -> None:
    """Due on Saturday, 20 June after Midsummer Eve: Monday; the order goes on Thursday."""
    number = server.customer()
    key = sent(server, number, currency="SEK", due_date="2026-06-20")
    euro = sent(server, number)
    simulate(server, f"customers/{number}/simulate/enable-recurring", {"type": "autogiro"})
    assert bank(server, key) == [("PaymentScheduled", 125, "2026-06-22")]
    assert bank(server, euro) == []
    assert server.get(f"/payment_source?customer_no={number}").status == 204
    assert regional(server, key) == ("unattested", "2026-06-22", None, [VIA])
    if refused:
        server.mock("PUT", f"{MOCK}/outcomes", {"match": None, "plan": ["reject.AM04"]})
    advance(server, "2026-06-18T00:04:00+02:00")
    assert regional(server, key)[0] == "unattested"
    advance(server, "2026-06-18T00:05:00+02:00")
    assert regional(server, key) == ("scheduled", "2026-06-22", None, [ORDERED, VIA])
    advance(server, "2026-06-22T10:00:00+02:00")
    types = [each["type"] for each in server.get(f"/billogram/{key}").data["events"]]
    if refused:
        assert types[-3:] == ["PaymentFailed", "AutogiroFailed", "Overdue"]
        assert regional(server, key)[::3] == ("failed", [VIA])
    else:
        assert types[-2:] == ["Payment", "BillogramEnded"]
        assert regional(server, key) == ("successful", "2026-06-22", 125, [VIA])
    assert server.fold().image() == server.image()


def test_recurring_payment_is_turned_off(server: Server) -> None:
    number = server.customer()
    older, key = (sent(server, number, currency="SEK") for _ in range(2))
    what = f"customers/{number}/simulate"
    assert server.mock("POST", f"{MOCK}/{what}/disable-recurring", {}).status == 409
    simulate(server, f"{what}/enable-recurring", {"type": "autogiro"})
    assert server.get(f"/customer/{number}").data["payment_settings"]["recurring_payment_type"] == "autogiro"
    simulate(server, f"{what}/disable-recurring")
    assert server.get(f"/customer/{number}").data["payment_settings"]["recurring_payment_type"] is None
    types = [
        [each["type"] for each in server.get(f"/billogram/{each}").data["events"]][2:]
        for each in (older, key)
    ]
    assert types == [
        ["PaymentScheduled", CANCELLED],
        ["RecurringPaymentEnabled", "PaymentScheduled", "RecurringPaymentDisabled", CANCELLED],
    ]
    assert regional(server, key) == (None, None, None, [])


@pytest.mark.parametrize("on", [True, False])
def test_recipient_updated(server: Server, on: bool) -> None:
    number = server.customer()
    server.mock("PUT", f"{MOCK}/callbacks", {"url": "mock:inbox"})
    server.mock("PATCH", MOCK, {"features": {"recipient_updated_callback": on}})
    what = f"customers/{number}/simulate"
    simulate(server, f"{what}/verify-email", {"email": "new@example.com"})
    simulate(server, f"{what}/enable-recurring", {"type": "autogiro"})
    simulate(server, f"{what}/disable-recurring")
    assert server.get(f"/customer/{number}").data["contact"]["email"] == "new@example.com"
    server.mock("POST", f"{MOCK}/deliveries/wait", {"idle": True})
    told = [each["json"] for each in server.mock("GET", f"{MOCK}/inbox").json]
    assert {each["callback_type"] for each in told} <= {"RecipientUpdated"}
    expected = [
        {"customer_number": number, "updated_email": "new@example.com"},
        {"customer_number": number, "updated_recurring_payment_type": "autogiro"},
        {"customer_number": number, "updated_recurring_payment_type": None},
    ]
    assert [each["customer"] for each in told] == (expected if on else [])


@pytest.mark.parametrize("how", ["disable", "patch"])
def test_the_flag_follows_the_mandate(server: Server, how: str) -> None:
    """It comes to what is open, planned or not, and goes from all, ended ones too (2.3)."""
    number, other = server.customer(), server.customer()
    terms = {"currency": "SEK", "due_date": "2026-03-02"}
    paid, failed, off, collected, gone = (sent(server, number, **terms) for _ in range(5))
    draft = server.draft(customer={"customer_no": number})["id"]
    rows = [{"title": "Back", "count": -1, "price": 10, "vat": 0}]
    never = [
        draft,
        sent(server, number, items=rows, currency="SEK"),
        sent(server, number),
        sent(server, other),
    ]
    server.command(gone, "payment", {"amount": 125})
    advance(server, "2026-03-03T10:00:00+01:00")
    server.command(collected, "collect")
    simulate(server, f"customers/{number}/simulate/enable-recurring", {"type": "autogiro"})
    simulate(server, f"billograms/{off}/simulate/cancel-scheduled-payment")
    server.mock("PUT", f"{MOCK}/outcomes", {"match": {"billogram": failed}, "plan": ["reject.AM04"]})
    marked = [paid, failed, off, collected]
    assert [VIA in flags(server, key) for key in marked] == [True] * 4
    advance(server, "2026-03-06T10:00:00+01:00")
    assert [server.get(f"/billogram/{key}").data["state"] for key in (paid, failed)] == ["Paid", "Overdue"]
    assert [VIA in flags(server, key) for key in marked] == [True] * 4
    assert not any(VIA in flags(server, key) for key in (*never, gone)), "not drafts, nor what has ended"
    if how == "disable":
        simulate(server, f"customers/{number}/simulate/disable-recurring")
    else:
        changed(server, server.mock("GET", f"{MOCK}/payment-sources").json[0]["id"], status="FAILED")
    assert not any(VIA in flags(server, key) for key in marked)
    assert server.fold().image() == server.image()


def test_the_flag_with_several_mandates(server: Server) -> None:
    """It stays while one is active, comes back with it, and comes to what a recall opens again."""
    number = server.customer()
    key, ended = (sent(server, number, currency="SEK") for _ in range(2))
    body = {"amount": 125, "billogram": ended, "scheme": "SEPA_CREDIT_TRANSFER"}
    payment = server.mock("POST", PAYMENTS, body).json["id"]
    for _ in range(2):
        simulate(server, f"customers/{number}/simulate/enable-recurring", {"type": "autogiro"})
    older, newer = (each["id"] for each in server.mock("GET", f"{MOCK}/payment-sources").json)
    changed(server, older, status="CANCELLED")
    assert bank(server, key)[-1] == (CANCELLED, "mandate")
    assert (flags(server, key), flags(server, ended)) == ([VIA], [])
    assert server.mock("POST", f"{PAYMENTS}/{payment}/recall", {}).status == 201
    assert flags(server, ended) == [VIA]
    changed(server, newer, status="CANCELLED")
    assert (flags(server, key), flags(server, ended)) == ([], [])
    changed(server, older, status="ACTIVE")
    assert (flags(server, key), flags(server, ended)) == ([VIA], [VIA])
    assert server.fold().image() == server.image()


def flags(server: Server, key: str) -> Any:
    return server.get(f"/billogram/{key}").data["flags"]


# what is claimed only now, or again


def test_a_refused_sale_is_planned_as_a_sending_is(server: Server) -> None:
    """It is claimed from the customer then (2.2, 6.6); by a mandate that comes later, too."""
    one, two = server.customer(), server.customer()
    imported(server, one)
    keys = [server.draft(customer={"customer_no": number}, **TERMS)["id"] for number in (one, one, two)]
    for key in keys:
        server.command(key, "sell")
        assert bank(server, key) == []
    source = imported(server, two)  # while it is offered: nothing is planned
    assert bank(server, keys[2]) == []
    server.post(f"/payment_source/{source}/cancel")
    simulate(server, f"billograms/{keys[0]}/simulate/factoring-deny")
    simulate(server, f"billograms/{keys[1]}/simulate/factoring-accept")
    simulate(server, f"billograms/{keys[2]}/simulate/factoring-deny")
    assert [bank(server, key) for key in keys] == [[PLANNED], [], []]
    imported(server, two)
    assert [bank(server, key) for key in keys] == [[PLANNED], [], [PLANNED]]
    types = [each["type"] for each in server.get(f"/billogram/{keys[0]}").data["events"]]
    assert types == ["BillogramCreated", "FactoringRequest", "FactoringDenied", "PaymentScheduled"]
    assert server.get(f"/billogram/{keys[0]}").data["state"] == "FactoringDenied"
    advance(server, "2026-04-01T10:00:00+02:00")
    assert bank(server, keys[0])[1:] == bank(server, keys[2])[1:] == PAID


def test_a_withdrawn_collection_plans_none_by_itself(server: Server) -> None:
    """As after a recall (8.2); by hand one can be planned, and a mandate that comes then plans one."""
    number = server.customer()
    imported(server, number)
    by_hand, by_mandate = sent(server, number), sent(server, number)
    user(server, by_hand)
    user(server, by_mandate)
    advance(server, "2026-04-02T10:00:00+02:00")
    for key in (by_hand, by_mandate):
        server.command(key, "collect")
        before = bank(server, key)
        simulate(server, f"billograms/{key}/simulate/collection-cancel")
        assert bank(server, key) == before
        assert server.get(f"/billogram/{key}").data["state"] == "Overdue"
    simulate(server, f"billograms/{by_hand}/simulate/schedule-payment")
    assert bank(server, by_hand)[-1][2] == "2026-04-07"
    assert bank(server, by_mandate)[-1][0] == "PaymentUserCancelled"
    imported(server, number)
    assert bank(server, by_mandate)[-1][2] == "2026-04-07"
    advance(server, "2026-04-07T10:00:00+02:00")
    assert bank(server, by_hand)[-2:] == bank(server, by_mandate)[-2:] == PAID


# numbers and restarts


def test_a_customer_with_another_number(server: Server) -> None:
    """His mandates and what was laid down follow him; who gets the old number has none of it."""
    number = server.customer()
    source, key = imported(server, number), sent(server, number)
    server.mock("PUT", f"{MOCK}/outcomes", {"match": {"customer_no": number}, "plan": ["reject.AC01"]})
    assert server.call("PUT", f"/customer/{number}", {"customer_no": 77}).status == 200
    assert [each["id"] for each in sources(server, 77)] == [source]
    server.customer(customer_no=number)
    assert sources(server, number) == []
    assert bank(server, sent(server, number)) == []
    later = sent(server, 77, due_date="2026-05-04")
    assert bank(server, later) == [("PaymentScheduled", 125, "2026-05-04")]
    advance(server, "2026-04-01T10:00:00+02:00")
    assert bank(server, key)[-1] == ("PaymentFailed", "AC01")
    assert bank(server, later)[-1] == (CANCELLED, "mandate")
    again = imported(server, 77)
    server.call("PUT", "/customer/77", {"customer_no": 78})
    assert server.post(f"/payment_source/{again}/cancel").status == 200
    assert bank(server, later)[-2:] == [("PaymentScheduled", 125, "2026-05-04"), (CANCELLED, "mandate")]
    assert server.fold().image() == server.image()


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    file = str(tmp_path / "kept.db")
    server = Server(database=file)
    number = server.customer()
    imported(server, number)
    key, other = sent(server, number), sent(server, number, due_date="2026-05-04")
    simulate(server, f"customers/{number}/simulate/enable-recurring", {"type": "autogiro"})
    plan = [{"then": "refund.MD06", "after": "20d"}, "reject.MD07", "ok"]
    server.mock("PUT", f"{MOCK}/outcomes", {"match": {"customer_no": number}, "plan": plan})
    advance(server, "2026-04-10T10:00:00+02:00")
    image = server.image()
    server.close()
    server = Server(database=file)
    server.get("/settings")
    assert server.image() == image
    assert server.mock("GET", f"{MOCK}/outcomes").json[0]["plan"] == plan[1:]
    advance(server, "2026-05-04T10:00:00+02:00")
    assert bank(server, key) == [PLANNED, *PAID, ("PaymentRecalled",)]
    assert bank(server, other)[-1] == ("PaymentFailed", "MD07")
    assert status(server, number) == ["CANCELLED"]
    image = server.image()
    server.close()
    server = Server(database=file)
    server.get("/settings")
    assert server.image() == image
    server.close()

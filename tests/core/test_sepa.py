"""SEPA's R-transactions: type by code by day (reference: behaviour 8.1), by a calendar of its own."""

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from mockserver.core import sepa
from mockserver.core.funds import IncomingPayment
from mockserver.core.refusal import InvalidObjectState
from tests.server import ACCOUNT, Server

DAY = timedelta(days=1)
DEBIT, TRANSFER = "SEPA_DIRECT_DEBIT", "SEPA_CREDIT_TRANSFER"
IBAN = "DE89370400440532013000"

# the calendar


@cache
def easter(year: int) -> date:
    """By the anonymous Gregorian computus."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), f = divmod(b, 4), (b + 8) // 25
    h = (19 * a + b - d - (b - f + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    length = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + length - 7 * ((a + 11 * h + 22 * length) // 451) + 114, 31)
    return date(year, month, day + 1)


@cache
def is_open(day: date) -> bool:
    """TARGET: weekdays but 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December."""
    moved = (easter(day.year) - 2 * DAY, easter(day.year) + DAY)
    fixed = ((1, 1), (5, 1), (12, 25), (12, 26))
    return day.weekday() < 5 and day not in moved and (day.month, day.day) not in fixed


@cache
def steps(day: date, count: int) -> date:
    """Bank days forward, or back."""
    step = DAY if count > 0 else -DAY
    for _ in range(abs(count)):
        day += step
        while not is_open(day):
            day += step
    return day


def months(day: date, count: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def test_the_calendar_of_this_test() -> None:
    known = {2024: (3, 31), 2025: (4, 20), 2026: (4, 5), 2027: (3, 28), 2028: (4, 16), 2038: (4, 25)}
    for year, (month, day) in known.items():
        assert easter(year) == date(year, month, day)
    assert steps(date(2026, 4, 2), 1) == date(2026, 4, 7)
    assert steps(date(2026, 12, 28), -1) == date(2026, 12, 24)
    assert months(date(2027, 1, 31), 13) == date(2028, 2, 29)


# the rules, as the reference has them

Bounds = tuple[date | None, date | None]
Rule = Callable[[date], Bounds]


def until(last: Callable[[date], date]) -> Rule:
    return lambda d: (None, last(d))


def afterwards(last: Callable[[date], date]) -> Rule:
    return lambda d: (d, last(d))


before_sending = until(lambda d: steps(d, -1) - DAY)
day_before = until(lambda d: steps(d, -1))
same_day = until(lambda d: d)
three, five, ten = (afterwards(lambda d, n=n: steps(d, n)) for n in (3, 5, 10))  # type: ignore[misc]
eight_weeks = afterwards(lambda d: d + 56 * DAY)
thirteen_months = afterwards(lambda d: months(d, 13))


def later(d: date) -> Bounds:
    return d + 57 * DAY, months(d, 13)


# type: status of the payment, Core window, B2B window
RULES: dict[str, tuple[str, Rule, Rule | None]] = {
    "revocation": ("scheduled", before_sending, before_sending),
    "cancellation_request": ("scheduled", day_before, day_before),
    "refusal": ("scheduled", day_before, same_day),
    "reject": ("scheduled", same_day, same_day),
    "return": ("settled", five, three),
    "refund": ("settled", eight_weeks, None),
    "refund_unauthorised": ("settled", later, None),
    "reversal": ("settled", five, five),
}
REASONS = """
AC01 IncorrectAccountNumber                 reject return                     FAILED
AC04 ClosedAccountNumber                    reject return                     CANCELLED
AC06 BlockedAccount                         reject return
AC13 InvalidDebtorAccountType               reject return
AG01 TransactionForbidden                   reject return
AG02 InvalidBankOperationCode               reject return
AM04 InsufficientFunds                      reject return
AM05 Duplication                            reject return reversal cancellation_request
BE05 UnrecognisedInitiatingParty            reject return
CNOR CreditorBankIsNotRegistered            reject return
DNOR DebtorBankIsNotRegistered              reject return
FF01 InvalidFileFormat                      reject
FF05 InvalidLocalInstrumentCode             reject
MD01 NoMandate                              reject return refund_unauthorised CANCELLED
MD02 MissingMandatoryInformationInMandate   reject
MD06 RefundRequestByEndCustomer             refund
MD07 EndCustomerDeceased                    reject return                     CANCELLED
MS02 NotSpecifiedReasonCustomerGenerated    refusal reject return reversal
MS03 NotSpecifiedReasonAgentGenerated       refusal reject return reversal
RC01 BankIdentifierIncorrect                reject return
RR01 MissingDebtorAccountOrIdentification   reject return
RR02 MissingDebtorNameOrAddress             reject return
RR03 MissingCreditorNameOrAddress           reject return
RR04 RegulatoryReason                       reject return
SL01 SpecificServiceOfferedByDebtorAgent    refusal reject return
TM01 CutOffTime                             reject
DUPL DuplicatePayment                       cancellation_request
TECH TechnicalProblem                       cancellation_request
FRAD FraudulentOrigin                       cancellation_request
"""
NAMES: dict[str, str] = {}
TYPES_OF: dict[str, set[str]] = {}
AFTERWARDS: dict[str, str | None] = {}
for line in REASONS.strip().splitlines():
    code, name, *rest = line.split()
    NAMES[code], TYPES_OF[code] = name, {each for each in rest if each.islower()}
    AFTERWARDS[code] = next((each for each in rest if each.isupper()), None)
CODES = (None, *NAMES)
RECALL_OF_TRANSFER = ("DUPL", "TECH", "FRAD")
DEFAULTS = {
    "return": "AM04",
    "reject": "AM04",
    "refusal": "MS02",
    "refund": "MD06",
    "refund_unauthorised": "MD01",
    "reversal": "AM05",
    "cancellation_request": "DUPL",
    "revocation": None,
}


def window(kind: str, code: str | None, settled: date, scheme: str, b2b: bool) -> Bounds | None:
    """None: not possible at all."""
    if scheme == TRANSFER and kind in ("cancellation_request", "recall"):
        return thirteen_months(settled) if code == "FRAD" else ten(settled)
    row = RULES.get("cancellation_request" if kind == "recall" else kind)
    rule = None if row is None else row[2] if b2b else row[1]
    return None if scheme != DEBIT or rule is None else rule(settled)


def possible(
    kind: str,
    code: str | None,
    today: date,
    settled: date,
    status: str,
    scheme: str = DEBIT,
    b2b: bool = False,
) -> bool:
    bounds = window(kind, code, settled, scheme, b2b)
    kind = "cancellation_request" if kind == "recall" else kind
    if scheme == TRANSFER:
        fits, wanted = code is None or code in RECALL_OF_TRANSFER, "settled"
    else:
        fits, wanted = code is None or kind in TYPES_OF[code], RULES[kind][0]
    return fits and status == wanted and bounds is not None and within(bounds, today)


def within(bounds: Bounds, today: date) -> bool:
    first, last = bounds
    return (first is None or first <= today) and (last is None or today <= last)


def payment(settled: date, status: str, scheme: str = DEBIT, b2b: bool = False) -> IncomingPayment:
    return IncomingPayment(
        id="p",
        number=1,
        amount=Decimal(125),
        currency="EUR",
        scheme=scheme,
        date=settled,
        at=datetime(2026, 3, 2, 9, tzinfo=UTC),
        b2b=b2b,
        status=status,
        unmatched=Decimal(125),
    )


def says(made: IncomingPayment, kind: str, code: str | None, today: date) -> InvalidObjectState | None:
    try:
        sepa.check(made, sepa.kind_of(made, kind), code, today)
    except InvalidObjectState as refusal:
        return refusal
    return None


# windows worked out by hand: (type, code, B2B, D, first day, last day)
EARLIEST = date(2026, 1, 1)
BY_HAND: list[tuple[str, str | None, bool, str, str | None, str]] = [
    ("revocation", None, False, "2026-03-11", None, "2026-03-09"),
    ("revocation", None, True, "2026-03-09", None, "2026-03-05"),  # Monday; D-1 is Friday
    ("revocation", None, False, "2026-04-07", None, "2026-04-01"),  # D-1 is Maundy Thursday
    ("cancellation_request", None, False, "2026-03-11", None, "2026-03-10"),
    ("cancellation_request", "TECH", True, "2026-03-09", None, "2026-03-06"),
    ("cancellation_request", "AM05", False, "2026-04-07", None, "2026-04-02"),
    ("cancellation_request", "FRAD", False, "2027-01-04", None, "2026-12-31"),
    ("refusal", None, False, "2026-05-04", None, "2026-04-30"),  # 1 May is a Friday
    ("refusal", "SL01", True, "2026-05-04", None, "2026-05-04"),
    ("reject", "TM01", False, "2026-04-07", None, "2026-04-07"),
    ("reject", "AC01", True, "2026-04-07", None, "2026-04-07"),
    ("return", None, False, "2026-03-02", "2026-03-02", "2026-03-09"),
    ("return", "MS02", True, "2026-03-02", "2026-03-02", "2026-03-05"),
    ("return", None, False, "2026-04-01", "2026-04-01", "2026-04-10"),  # Easter: 2, 7, 8, 9, 10
    ("return", None, True, "2026-04-01", "2026-04-01", "2026-04-08"),
    ("return", None, False, "2026-04-30", "2026-04-30", "2026-05-08"),  # 4, 5, 6, 7, 8
    ("return", None, False, "2026-12-23", "2026-12-23", "2026-12-31"),  # 24, 28, 29, 30, 31
    ("return", None, True, "2026-12-31", "2026-12-31", "2027-01-06"),  # 4, 5, 6
    ("return", None, False, "2026-12-30", "2026-12-30", "2027-01-07"),  # 31, 4, 5, 6, 7
    ("return", None, False, "2026-03-07", "2026-03-07", "2026-03-13"),  # a Saturday
    ("reversal", None, True, "2026-04-01", "2026-04-01", "2026-04-10"),
    ("reversal", "MS03", False, "2026-12-24", "2026-12-24", "2027-01-04"),
    ("refund", None, False, "2026-04-01", "2026-04-01", "2026-05-27"),
    ("refund", "MD06", False, "2026-12-07", "2026-12-07", "2027-02-01"),
    ("refund_unauthorised", None, False, "2026-04-01", "2026-05-28", "2027-05-01"),
    ("refund_unauthorised", "MD01", False, "2026-01-30", "2026-03-28", "2027-02-28"),
    ("refund_unauthorised", None, False, "2027-01-29", "2027-03-27", "2028-02-29"),
    ("refund_unauthorised", None, False, "2027-01-31", "2027-03-29", "2028-02-29"),
    ("refund_unauthorised", None, False, "2026-08-31", "2026-10-27", "2027-09-30"),
    ("refund_unauthorised", None, False, "2028-02-29", "2028-04-26", "2029-03-29"),
]
OF_TRANSFERS = [
    (None, "2026-03-02", "2026-03-16"),
    ("DUPL", "2026-04-01", "2026-04-17"),  # 2, 7, 8, 9, 10, 13, 14, 15, 16, 17
    ("TECH", "2026-12-21", "2027-01-06"),  # 22, 23, 24, 28, 29, 30, 31, 4, 5, 6
    ("FRAD", "2026-04-01", "2027-05-01"),
    ("FRAD", "2026-01-31", "2027-02-28"),
]


@pytest.mark.parametrize("row", BY_HAND, ids=lambda row: f"{row[0]} {'b2b' if row[2] else 'core'} {row[3]}")
def test_a_window_opens_and_closes(row: tuple[str, str | None, bool, str, str | None, str]) -> None:
    kind, code, b2b, settled, first, last = row
    made = payment(date.fromisoformat(settled), RULES[kind][0], b2b=b2b)
    opens, closes = None if first is None else date.fromisoformat(first), date.fromisoformat(last)
    assert window(kind, code, made.date, DEBIT, b2b) == (opens, closes), "the formulas of this test"
    check_edges(made, kind, code, opens, closes)


@pytest.mark.parametrize(("code", "settled", "last"), OF_TRANSFERS)
@pytest.mark.parametrize("kind", ["recall", "cancellation_request", None])
@pytest.mark.parametrize("b2b", [False, True])
def test_the_window_of_a_transfer(
    code: str | None, settled: str, last: str, kind: str | None, b2b: bool
) -> None:
    made = payment(date.fromisoformat(settled), "settled", TRANSFER, b2b)
    named = sepa.kind_of(made, kind)
    check_edges(made, named, code, made.date, date.fromisoformat(last))


def check_edges(made: IncomingPayment, kind: str, code: str | None, first: date | None, last: date) -> None:
    for day, legal in (
        (last, True),
        (last + DAY, False),
        (first or last, True),
        ((first or last) - DAY, not first),
    ):
        refusal = says(made, kind, code, day)
        assert (refusal is None) is legal, (day, refusal)
        if refusal is not None:
            assert refusal.rule == "sepa.window"
            span = f"{first or '…'} to {last}"
            assert kind in refusal.message
            assert span in refusal.message
            assert f"it is {day}" in refusal.message
            assert (refusal.hint or "").startswith(f"possible today ({day}): ")


# all of it

SETTLED = [
    date.fromisoformat(day)
    for day in (
        *("2026-03-02", "2026-03-06", "2026-03-31", "2026-04-01", "2026-04-02", "2026-04-07", "2026-04-30"),
        *("2026-05-04", "2026-08-31", "2026-12-23", "2026-12-24", "2026-12-30", "2026-12-31", "2027-01-04"),
        *("2027-01-29", "2027-04-30", "2027-12-24", "2027-12-31", "2028-02-29", "2028-04-13"),
    )
]  # bank days all
ODD = [date(2026, 4, 3), date(2026, 12, 26), date(2028, 1, 31), date(2026, 10, 31)]  # as a bank may report


@pytest.mark.parametrize("settled", [*SETTLED, *ODD], ids=str)
@pytest.mark.parametrize("b2b", [False, True])
def test_every_type_and_code_on_every_edge(settled: date, b2b: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # each refusal names what is possible on its day: the same for every type and code
    monkeypatch.setattr(sepa, "options", cache(sepa.options))
    for status, scheme in (("scheduled", DEBIT), ("settled", DEBIT), ("settled", TRANSFER)):
        made = payment(settled, status, scheme, b2b)
        edges = {
            edge
            for kind in RULES
            for code in CODES
            for edge in window(kind, code, settled, scheme, b2b) or ()
            if edge is not None
        }
        for today in sorted({edge + step * DAY for edge in edges for step in (-1, 0, 1)}):
            for kind in (*RULES, "recall"):
                for code in CODES:
                    expected = possible(kind, code, today, settled, status, scheme, b2b)
                    assert (says(made, kind, code, today) is None) is expected, (kind, code, today, status)


def test_the_table_of_reasons() -> None:
    assert {code: row.name for code, row in sepa.CODES.items()} == NAMES
    assert {code: row.mandate for code, row in sepa.CODES.items()} == AFTERWARDS
    for code, row in sepa.CODES.items():
        assert {each for each in row.types if " " not in each} == TYPES_OF[code]
        assert (sepa.TRANSFER_RECALL in row.types) is (code in RECALL_OF_TRANSFER)
    assert {kind: sepa.TABLE[kind].default for kind in RULES} == DEFAULTS
    assert sepa.TABLE[sepa.TRANSFER_RECALL].default == "DUPL"
    assert sepa.reason_text("MD06") == "Refund Request By End Customer"
    said = {code: sepa.reason_text(code) for code in RECALL_OF_TRANSFER}
    assert said == {"DUPL": "Duplicate Payment", "TECH": "Technical Problem", "FRAD": "Fraudulent Origin"}


@pytest.mark.parametrize(
    ("scheme", "status", "kind"),
    [
        (DEBIT, "settled", "return"),
        (DEBIT, "scheduled", "reject"),
        (TRANSFER, "settled", sepa.TRANSFER_RECALL),
        ("MANUAL", "settled", "return"),
        ("AUTOGIRO", "scheduled", "reject"),
    ],
)
def test_what_is_meant_without_a_type(scheme: str, status: str, kind: str) -> None:
    assert sepa.kind_of(payment(date(2026, 3, 2), status, scheme), None) == kind


@pytest.mark.parametrize("b2b", [False, True])
@pytest.mark.parametrize(
    ("status", "scheme"), [("scheduled", DEBIT), ("settled", DEBIT), ("settled", TRANSFER)]
)
def test_the_options_agree_with_the_rules_on_every_day(status: str, scheme: str, b2b: bool) -> None:
    settled = date(2026, 3, 30)
    made = payment(settled, status, scheme, b2b)
    for today in (settled + number * DAY for number in range(-10, 420)):
        for option in sepa.options(made, today):
            transfers = option.type == "cancellation_request" and "AM05" not in option.codes
            for code in NAMES if option.legal and (not transfers or scheme == TRANSFER) else ():
                expected = possible(option.type, code, today, settled, status, scheme, b2b)
                assert (code in option.codes) is expected, (option, code)
            if option.legal:
                bounds = window(option.type, (option.codes or (None,))[0], settled, scheme, b2b)
                assert (option.first, option.last) == bounds
        legal = {option.type for option in sepa.options(made, today) if option.legal}
        assert legal == {
            kind
            for kind in RULES
            if any(possible(kind, code, today, settled, status, scheme, b2b) for code in CODES)
        }, today


# over the control plane

PAYMENTS = f"/accounts/{ACCOUNT}/payments"


def advance(server: Server, to: str) -> Any:
    answer = server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"to": to})
    assert answer.status == 200, answer.body
    return answer.json


def collected(server: Server, count: int = 1, **mandate: Any) -> tuple[int, list[str]]:
    """A customer with a mandate, and billograms that are collected on Tuesday, 7 April (after Easter)."""
    number = server.customer()
    body = {"customer_no": number, "iban": IBAN, "signed_at": "2026-02-01 00:00:00"}
    assert server.post("/sepa_dd_mandate", body).status == 200
    if mandate:
        key = server.mock("GET", f"/accounts/{ACCOUNT}/payment-sources").json[-1]["id"]
        answer = server.mock("PATCH", f"/accounts/{ACCOUNT}/payment-sources/{key}", mandate)
        assert answer.status == 200, answer.body
    terms = {"currency": "EUR", "invoice_date": "2026-03-02", "due_date": "2026-04-03"}
    made = [server.sent(customer={"customer_no": number}, **terms)["id"] for _ in range(count)]
    return number, made


def planned(server: Server, key: str) -> Any:
    return next(
        each
        for each in server.mock("GET", PAYMENTS).json
        if each["billogram"] == key and each["status"] == "scheduled"
    )


def refused(server: Server, payment: str, body: dict[str, Any]) -> dict[str, str]:
    """409 in its form; nothing was written."""
    before = server.position()
    answer = server.mock("POST", f"{PAYMENTS}/{payment}/recall", body)
    assert answer.status == 409, (body, answer.body)
    assert server.position() == before
    error: dict[str, str] = answer.json["error"]
    assert error["code"] == "rule"
    return error


KINDS = (
    "scheduled",
    "scheduled b2b",
    "core",
    "b2b",
    "transfer",
    "BANKGIRO",
    "AUTOGIRO",
    "manual",
    "cancelled",
)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("on", ["2026-04-02", "2026-04-07"])
def test_every_cell_that_is_refused(server: Server, name: str, on: str) -> None:
    _, (key, other) = collected(server, 2, b2b=name == "scheduled b2b")
    scheme, status, settled = DEBIT, "settled", date(2026, 3, 30)
    b2b = name.endswith("b2b")
    if name.startswith("scheduled") or name == "cancelled":
        made = planned(server, key)["id"]
        status, settled = "scheduled", date(2026, 4, 7)
        assert planned(server, key)["date"] == str(settled)
        if name == "cancelled":
            path = f"/accounts/{ACCOUNT}/billograms/{key}/simulate/cancel-scheduled-payment"
            assert server.mock("POST", path).status == 200
            status = "cancelled"
    elif name == "manual":
        assert server.command(key, "payment", {"amount": 25}).status == 200
        made, scheme = server.mock("GET", PAYMENTS).json[-1]["id"], "MANUAL"
    else:
        scheme = {"core": DEBIT, "b2b": DEBIT, "transfer": TRANSFER}.get(name, name)
        advance(server, "2026-03-31T10:00:00+02:00")
        body = {"billogram": other, "amount": 25, "scheme": scheme, "b2b": b2b, "date": str(settled)}
        made = server.mock("POST", PAYMENTS, body).json["id"]
    advance(server, f"{on}T09:00:00+02:00")
    today, seen = date.fromisoformat(on), 0
    options = server.mock("GET", f"{PAYMENTS}/{made}/recall-options").json
    legal = [each for each in options if each["legal"]]
    for kind in (*RULES, "recall"):
        for code in CODES:
            if possible(kind, code, today, settled, status, scheme, b2b):
                continue
            seen += 1
            error = refused(server, made, {"type": kind} if code is None else {"type": kind, "code": code})
            assert ("cancellation_request" if kind == "recall" else kind) in error["message"]
            bounds = window(kind, code, settled, scheme, b2b)
            if scheme not in (DEBIT, TRANSFER) or (bounds is None and not b2b):
                assert scheme in error["message"]
            elif bounds is None:
                assert any(each in error["message"] for each in ("B2B", status, code or "B2B"))
            elif within(bounds, today) and status == "settled":
                assert code is not None
                assert code in error["message"]
            for each in legal:
                assert f"{each['type']} until {each['until']}" in error["hint"]
            if not legal:
                assert error["hint"] == f"possible today ({on}): nothing"
    assert seen > 100
    assert server.fold().image() == server.image()


def test_a_type_that_nobody_knows(server: Server) -> None:
    _, (key,) = collected(server)
    made = planned(server, key)["id"]
    for kind in ("chargeback", sepa.TRANSFER_RECALL, "RETURN"):
        error = refused(server, made, {"type": kind})
        assert kind in error["message"]
        assert all(each in error["hint"] for each in RULES)
    assert "XX99" in refused(server, made, {"code": "XX99"})["message"]


@pytest.mark.parametrize("name", ["core", "b2b", "transfer"])
def test_the_options_agree_with_what_happens_to_settled_money(server: Server, name: str) -> None:
    scheme = TRANSFER if name == "transfer" else DEBIT
    key = server.sent(currency="EUR", invoice_date="2026-03-02", due_date="2026-12-31")["id"]
    advance(server, "2026-03-31T10:00:00+02:00")
    body = {"billogram": key, "amount": 125, "scheme": scheme, "b2b": name == "b2b"}
    made, taken = server.mock("POST", PAYMENTS, body).json["id"], 0
    settled = date(2026, 3, 31)
    days = [*(settled + number * DAY for number in range(60)), *(date(2027, 4, day) for day in (29, 30))]
    for today in (*days, date(2027, 5, 1)):
        advance(server, f"{today}T12:00:00+02:00")
        options = server.mock("GET", f"{PAYMENTS}/{made}/recall-options").json
        for kind in RULES:
            mine = [each for each in options if each["type"] == kind and each["legal"]]
            codes = (mine[0]["codes"] or [None])[:1] if mine else [None]
            expected = any(
                possible(kind, each, today, settled, "settled", scheme, name == "b2b") for each in CODES
            )
            assert bool(mine) is expected, (kind, today)
            asked = {"type": kind, "code": codes[0], "amount": Decimal("0.01")}
            if not mine:
                refused(server, made, asked)
                continue
            answer = server.mock("POST", f"{PAYMENTS}/{made}/recall", asked)
            assert answer.status == 201, answer.body
            assert answer.json["executed_on"] == str(today)
            taken += 1
    after = server.mock("GET", f"{PAYMENTS}/{made}").json
    assert (after["recalled"], taken > 10) == (Decimal(taken) / 100, True)
    assert server.get(f"/billogram/{key}").data["remaining_sum"] == Decimal(taken) / 100
    assert server.fold().image() == server.image()


@pytest.mark.parametrize("b2b", [False, True])
def test_the_options_agree_with_what_happens_to_planned_money(server: Server, b2b: bool) -> None:
    """Around Easter: the debits are of Tuesday, 7 April, D-1 is Thursday, 2 April."""
    kinds = [kind for kind, row in RULES.items() if row[0] == "scheduled"]
    days = [date(2026, 3, 31) + number * DAY for number in range(8)]
    _, keys = collected(server, len(kinds) * len(days) + 1, b2b=b2b)
    for today in days:
        advance(server, f"{today}T09:30:00+02:00")
        for kind in RULES:
            key = keys.pop() if kind in kinds else keys[0]
            made = planned(server, key)["id"]
            options = server.mock("GET", f"{PAYMENTS}/{made}/recall-options").json
            legal = any(each["legal"] for each in options if each["type"] == kind)
            assert legal is possible(kind, None, today, date(2026, 4, 7), "scheduled", b2b=b2b), (kind, today)
            if not legal:
                refused(server, made, {"type": kind})
                continue
            assert server.mock("POST", f"{PAYMENTS}/{made}/recall", {"type": kind}).status == 201
            status = "cancelled" if kind in ("revocation", "cancellation_request") else "failed"
            assert server.mock("GET", f"{PAYMENTS}/{made}").json["status"] == status
            refused(server, made, {"type": kind})


def test_what_is_gone_is_no_option(server: Server) -> None:
    key = server.sent(currency="EUR", invoice_date="2026-03-02")["id"]
    made = server.mock("POST", PAYMENTS, {"billogram": key, "amount": 125, "scheme": DEBIT}).json["id"]
    assert server.mock("POST", f"{PAYMENTS}/{made}/recall").status == 201
    options = server.mock("GET", f"{PAYMENTS}/{made}/recall-options").json
    assert not any(each["legal"] for each in options)
    error = refused(server, made, {"type": "return"})
    assert "taken back already" in error["message"]

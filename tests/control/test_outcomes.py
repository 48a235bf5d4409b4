"""What the bank will answer, laid down in advance (reference: behaviour 8.3)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.test_sepa import PAYMENTS, advance
from tests.server import ACCOUNT, Server

OUTCOMES = f"/accounts/{ACCOUNT}/outcomes"
IBAN = "DE89370400440532013000"
AGENDA = f"/accounts/{ACCOUNT}/agenda"
OK, REJECT, BACK = "Payment", "PaymentFailed", "PaymentRecalled"
PAID = (OK, "2026-04-01 08:00", None)


def lay_down(server: Server, plan: list[Any], **match: Any) -> Any:
    answer = server.mock("PUT", OUTCOMES, {"match": match or None, "plan": plan})
    assert answer.status == 200, answer.body
    return answer.json


def customer(server: Server, iban: str = IBAN) -> int:
    number = server.customer()
    body = {"customer_no": number, "iban": iban, "signed_at": "2026-02-01 00:00:00"}
    assert server.post("/sepa_dd_mandate", body).status == 200
    return number


def sent(server: Server, number: int, due: str = "2026-04-01") -> str:
    terms = {"currency": "EUR", "invoice_date": "2026-03-02", "due_date": due}
    key: str = server.sent(customer={"customer_no": number}, **terms)["id"]
    return key


def answers(server: Server, key: str) -> list[tuple[str, str, str | None]]:
    """What the bank did: type, moment in UTC, code of a refusal."""
    return [
        (type(each).__name__, f"{each.mark.at:%Y-%m-%d %H:%M}", getattr(each, "payment_failure_reason", None))
        for each in server.state().billograms[key].events
        if type(each).__name__ in (OK, REJECT, BACK)
    ]


def test_each_form(server: Server) -> None:
    number = customer(server)
    plan = ["ok", "reject.AC06", "reject", {"then": "refund.MD06", "after": "20d"}, {"then": "return"}]
    shown = lay_down(server, plan)
    assert shown["match"] is None
    assert shown["plan"][:4] == ["ok", "reject.AC06", "reject.AM04", {"then": "refund.MD06", "after": "20d"}]
    keys = [sent(server, number) for _ in range(6)]
    advance(server, "2026-04-01T10:00:00+02:00")
    assert [answers(server, key)[0][::2] for key in keys] == [
        (OK, None),
        (REJECT, "AC06"),
        (REJECT, "AM04"),
        (OK, None),
        (OK, None),
        (OK, None),
    ]
    assert server.mock("GET", OUTCOMES).json == [{"match": None, "plan": []}]
    advance(server, "2026-05-01T10:00:00+02:00")
    assert [answers(server, key)[1:] for key in keys[3:]] == [
        [(BACK, "2026-04-21 08:00", None)],
        [(BACK, "2026-04-02 08:00", None)],  # without `after`: the next bank day
        [],
    ]
    kinds = {each["billogram"]: each["status"] for each in server.mock("GET", PAYMENTS).json}
    assert [kinds[key] for key in keys] == ["settled", "failed", "failed", *["settled"] * 3]


def test_where_it_is_looked_up(server: Server) -> None:
    """Billogram, mandate, customer, account, test IBAN; an empty queue falls through; each is used up."""
    number = customer(server, "DE50370400440532010404")
    (whole,) = server.mock("GET", f"/accounts/{ACCOUNT}/payment-sources").json
    source = whole["id"]
    assert server.mock("GET", f"/accounts/{ACCOUNT}/payment-sources/{source}").json == whole
    keys = [sent(server, number) for _ in range(7)]
    lay_down(server, ["reject.MS03"])
    lay_down(server, ["reject.MS02"], customer_no=number)
    lay_down(server, ["reject.AG01", "reject.AG02"], payment_source=source)
    lay_down(server, ["reject.RC01", "ok"], billogram=keys[0])
    lay_down(server, [], billogram=keys[1])
    lay_down(server, ["ok"], billogram=keys[6])
    advance(server, "2026-04-01T10:00:00+02:00")
    codes = [answers(server, key)[0][2] for key in keys]
    assert codes == ["RC01", "AG01", "AG02", "MS02", "MS03", "AM04", None]
    left = {str(each["match"]): each["plan"] for each in server.mock("GET", OUTCOMES).json}
    assert [plan for plan in left.values() if plan] == [["ok"]], "what was not used"
    assert server.mock("DELETE", OUTCOMES).json == []
    assert server.mock("GET", OUTCOMES).json == []
    again = sent(server, number)  # past due: planned for tomorrow; the account number's own plan stays
    advance(server, "2026-04-02T10:00:00+02:00")
    assert answers(server, again) == [(REJECT, "2026-04-02 08:00", "AM04")]
    assert server.fold().image() == server.image()


def test_a_plan_changed_while_a_debit_is_planned(server: Server) -> None:
    number = customer(server)
    lay_down(server, ["reject.AM04"], customer_no=number)
    key = sent(server, number)
    lay_down(server, ["reject.TM01", "ok"], customer_no=number)
    advance(server, "2026-04-01T10:00:00+02:00")
    assert answers(server, key) == [(REJECT, "2026-04-01 08:00", "TM01")]
    assert [each["plan"] for each in server.mock("GET", OUTCOMES).json] == [["ok"]]


def for_the_billogram(server: Server, key: str) -> None:
    lay_down(server, ["reject.AG01"], billogram=key)


def emptied(server: Server, key: str) -> None:
    lay_down(server, [], customer_no=1)


def taken_away(server: Server, key: str) -> None:
    assert server.mock("DELETE", OUTCOMES).status == 200


def moved(server: Server, key: str) -> None:
    """The debit moves with a respite; what was laid down waits for it."""
    assert server.command(key, "respite", {"date": "2026-04-02"}).status == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (for_the_billogram, (REJECT, "2026-04-01 08:00", "AG01")),
        (emptied, (REJECT, "2026-04-01 08:00", "MS03")),  # that of the account
        (taken_away, PAID),
        (moved, (REJECT, "2026-04-02 08:00", "AM04")),
    ],
)
def test_what_holds_is_what_is_laid_down_on_the_day(
    server: Server, change: Callable[[Server, str], None], expected: Any
) -> None:
    number = customer(server)
    lay_down(server, ["reject.MS03"])
    lay_down(server, ["reject.AM04"], customer_no=number)
    key = sent(server, number)
    advance(server, "2026-03-31T10:00:00+02:00")
    change(server, key)
    advance(server, "2026-04-02T10:00:00+02:00")
    assert answers(server, key) == [expected]
    assert server.fold().image() == server.image()


def test_a_recall_that_was_drawn_stays_when_the_plan_changes(server: Server) -> None:
    number = customer(server)
    lay_down(server, [{"then": "refund.MD06", "after": "20d"}])
    key = sent(server, number)
    advance(server, "2026-04-01T10:00:00+02:00")
    assert server.mock("DELETE", OUTCOMES).status == 200
    lay_down(server, ["ok"], billogram=key)
    advance(server, "2026-04-30T10:00:00+02:00")
    assert answers(server, key) == [PAID, (BACK, "2026-04-21 08:00", None)]


@pytest.mark.parametrize(
    ("after", "moment"),
    [
        ("1b", "2026-12-24 09:00"),
        ("2b", "2026-12-28 09:00"),  # 25 and 26 December are closed, 27 is a Sunday
        ("5b", "2026-12-31 09:00"),
        ("0b", "2026-12-23 09:00"),
        ("2d", "2026-12-25 09:00"),
        ("PT3H", "2026-12-23 12:00"),
        ("3h", "2026-12-23 12:00"),
        ("1w", "2026-12-30 09:00"),
    ],
)
def test_after(server: Server, after: str, moment: str) -> None:
    number = customer(server)
    lay_down(server, [{"then": "refund.MD06", "after": after}])
    key = sent(server, number, "2026-12-23")
    advance(server, "2027-01-20T10:00:00+01:00")
    assert answers(server, key) == [(OK, "2026-12-23 09:00", None), (BACK, moment, None)]


@pytest.mark.parametrize(
    ("iban", "rows", "mandate"),
    [
        ("DE50370400440532010404", [(REJECT, "2026-04-01 08:00", "AM04")], "ACTIVE"),
        (
            "DE23370400440532010405",
            [PAID, (BACK, "2026-04-07 08:00", None)],
            "ACTIVE",
        ),
        (
            "DE28370400440532010606",
            [PAID, (BACK, "2026-04-21 08:00", None)],
            "ACTIVE",
        ),
        (
            "DE83370400440532010101",
            [PAID, (BACK, "2026-05-31 08:00", None)],
            "CANCELLED",
        ),
        ("DE17370400440532010707", [(REJECT, "2026-04-01 08:00", "MD07")], "CANCELLED"),
        (IBAN, [PAID], "ACTIVE"),
    ],
)
def test_account_numbers_for_tests(server: Server, iban: str, rows: list[Any], mandate: str) -> None:
    number = customer(server, iban)
    key = sent(server, number)
    advance(server, "2026-06-30T10:00:00+02:00")
    assert answers(server, key) == rows
    assert server.get(f"/payment_source?customer_no={number}").data[0]["status"] == mandate


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (["reject.MD06"], "MD06"),
        (["reject.XXXX"], "XXXX"),
        (["refusal.MS02"], "refusal.MS02"),
        (["maybe"], "maybe"),
        ([{"then": "reject.AM04"}], "reject"),
        ([{"then": "revocation"}], "revocation"),
        ([{"then": "cancellation_request.DUPL"}], "cancellation_request"),
        ([{"then": "refund.AM04"}], "AM04"),
        ([{"then": "chargeback"}], "chargeback"),
        (["ok", {"then": "refund.MD06", "after": "soon"}], "soon"),
        ([{"then": "refund.MD06", "after": "9000y"}], "9000y"),
        ([{"then": "refund.MD06", "after": "-1d"}], "-1d"),
        ([{"after": "1d"}], "then"),
        ([{"then": "refund.MD06", "when": "1d"}], "when"),
        ([5], "plan"),
        ("ok", "plan"),
    ],
)
def test_a_bad_plan(server: Server, plan: Any, named: str) -> None:
    customer(server)
    before = server.position()
    answer = server.mock("PUT", OUTCOMES, {"plan": plan})
    assert answer.status == 400, answer.body
    assert named in answer.json["error"]["message"]
    assert answer.json["error"]["hint"]
    assert server.position() == before
    assert server.mock("GET", OUTCOMES).json == []


@pytest.mark.parametrize(
    "match", [{"billogram": "nobody"}, {"payment_source": "none"}, {"customer_no": 99}, {"a": 1}]
)
def test_a_plan_for_what_is_not_there(server: Server, match: dict[str, Any]) -> None:
    number = customer(server)
    assert server.mock("PUT", OUTCOMES, {"match": match, "plan": ["ok"]}).status == 400
    both = {"customer_no": number, "billogram": sent(server, number)}
    assert server.mock("PUT", OUTCOMES, {"match": both, "plan": ["ok"]}).status == 400
    assert server.mock("GET", OUTCOMES).json == []


@pytest.mark.parametrize(
    ("then", "after", "by_hand"),
    [
        ("return.AM04", "6b", None),  # out of its window
        ("refund.MD06", "57d", None),
        ("refund_unauthorised.MD01", "20d", None),
        ("refund.MD06", "20d", {"type": "return"}),  # the money is gone
    ],
)
def test_a_recall_that_is_not_possible_any_more(
    server: Server, then: str, after: str, by_hand: dict[str, str] | None
) -> None:
    number = customer(server)
    lay_down(server, [{"then": then, "after": after}])
    key = sent(server, number)
    advance(server, "2026-04-02T10:00:00+02:00")
    expected = [OK]
    if by_hand is not None:
        made = server.mock("GET", PAYMENTS).json[0]["id"]
        assert server.mock("POST", f"{PAYMENTS}/{made}/recall", by_hand).status == 201
        expected = [OK, BACK]
    (waits,) = [each for each in server.mock("GET", AGENDA).json if each["rule"] == "recall"]
    assert then.replace(".", " ") in waits["reason"]
    advance(server, "2026-06-30T10:00:00+02:00")
    assert [row[0] for row in answers(server, key)] == expected
    rows = server.mock("GET", f"/accounts/{ACCOUNT}/timeline").json
    (noted,) = [row for row in rows if "RecallDropped" in row.get("records", ())]
    assert (noted["rule"], noted["at"]) == ("recall", waits["at"])
    assert all(each["rule"] != "recall" for each in server.mock("GET", AGENDA).json)
    assert server.fold().image() == server.image()


def test_what_a_partial_recall_by_hand_left_is_taken_as_planned(server: Server) -> None:
    number = customer(server)
    lay_down(server, [{"then": "refund.MD06", "after": "20d"}])
    key = sent(server, number)
    advance(server, "2026-04-02T10:00:00+02:00")
    made = server.mock("GET", PAYMENTS).json[0]["id"]
    assert server.mock("POST", f"{PAYMENTS}/{made}/recall", {"amount": 25}).status == 201
    advance(server, "2026-06-30T10:00:00+02:00")
    recalled = [each for each in server.state().billograms[key].events if type(each).__name__ == BACK]
    assert [each.recalled_amount for each in recalled] == [25, 100]

"""Sums are exact (reference: behaviour 3.3)."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.core import money
from mockserver.core.model import Row, Sums
from tests.server import Server

MEMBERS = (
    "gross_sum",
    "rounding",
    "reminder_fee",
    "interest_fee",
    "credited_sum",
    "paid_sum",
    "collector_paid_sum",
)


def identity(sums: dict[str, Any]) -> bool:
    """remaining_sum is the sum of the others, exactly."""
    parts = sum((Fraction(sums[name]) for name in MEMBERS), Fraction(0))
    return Fraction(sums["remaining_sum"]) == parts


def half_away(value: Fraction, places: int) -> Fraction:
    """The rounding of the reference, written once more in whole numbers."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**places)


def test_the_worked_example(server: Server) -> None:
    made = server.draft(
        items=[
            {"title": "A", "count": 2, "price": 12, "discount": 1, "vat": 25},
            {"title": "B", "count": 5, "price": 12, "vat": 12},
        ]
    )
    sums = made["detailed_sums"]
    assert (sums["net_sum"], sums["vat_sum"], sums["gross_sum"]) == (83, Decimal("12.95"), Decimal("95.95"))
    assert (sums["rounding"], made["rounding_value"], made["total_sum"]) == (
        Decimal("0.05"),
        Decimal("0.05"),
        96,
    )
    assert str(made["total_sum"]) == "96.0"
    assert isinstance(sums["net_sum"], int)


@pytest.mark.parametrize(
    ("price", "currency", "total", "rounding"),
    [
        ("100.50", "SEK", "101.0", "0.5"),
        ("100.49", "SEK", "100.0", "-0.49"),
        ("-100.50", "SEK", "-101.0", "-0.5"),
        ("100.50", "EUR", "100.5", "0"),
        ("100.005", "EUR", "100.01", "0"),
        ("-100.005", "EUR", "-100.01", "0"),
        ("100.004999", "EUR", "100.0", "0"),
    ],
)
def test_rounding_is_half_away_from_zero(
    server: Server, price: str, currency: str, total: str, rounding: str
) -> None:
    made = server.draft(items=[{"title": "A", "count": 1, "price": price, "vat": 0}], currency=currency)
    assert str(made["total_sum"]) == total
    assert str(made["detailed_sums"]["rounding"]) == rounding


def test_invoice_fee_carries_25_percent(server: Server) -> None:
    made = server.draft(invoice_fee=10)
    assert made["detailed_sums"]["net_sum"] == 110
    assert made["detailed_sums"]["vat_sum"] == Decimal("27.5")
    assert (made["invoice_fee"], made["invoice_fee_vat"]) == (10, 25)
    reversed_vat = server.draft(invoice_fee=10, regional_sweden={"reversed_vat": True})
    assert reversed_vat["detailed_sums"]["vat_sum"] == 0
    assert reversed_vat["invoice_fee_vat"] == 25


def test_numbers_beyond_a_float_keep_every_ore(server: Server) -> None:
    price = "999999999999999.99"
    made = server.sent(
        items=[{"title": "A", "count": "99999999.999999", "price": price, "vat": "24.99"}], currency="EUR"
    )
    net = half_away(Fraction(price) * Fraction("99999999.999999"), 2)
    vat = half_away(Fraction(price) * Fraction("99999999.999999") * Fraction("24.99") / 100, 2)
    assert Fraction(made["total_sum"]) == net + vat
    assert identity(made["detailed_sums"])
    key = made["id"]
    left = made["remaining_sum"]
    paid = server.command(key, "payment", {"amount": "0.01"}).data
    assert paid["remaining_sum"] == left - Decimal("0.01")
    assert identity(paid["detailed_sums"])


AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=6, allow_nan=False)
RATES = st.sampled_from(
    [Decimal(0), Decimal(6), Decimal(12), Decimal(25), Decimal("12.34"), Decimal("99.99")]
)
ROWS = st.builds(
    lambda count, price, vat, discount: {
        "title": "Row",
        "count": count,
        "price": price,
        "vat": vat,
        "discount": discount,
    },
    st.decimals(min_value=-10, max_value=10**6, places=6),
    AMOUNTS,
    RATES,
    st.decimals(min_value=0, max_value=1000, places=4),
)


@given(
    rows=st.lists(ROWS, min_size=1, max_size=5),
    fee=st.decimals(min_value=0, max_value=100, places=3),
    currency=st.sampled_from(["SEK", "EUR", "NOK"]),
    reversed_vat=st.booleans(),
    parts=st.lists(st.integers(1, 100), min_size=1, max_size=4),
)
def test_the_identity_holds_after_every_event(
    rows: list[dict[str, Decimal]], fee: Decimal, currency: str, reversed_vat: bool, parts: list[int]
) -> None:
    server = Server()
    try:
        made = server.draft(
            items=rows, invoice_fee=fee, currency=currency, regional_sweden={"reversed_vat": reversed_vat}
        )
        nets = [Fraction(r["count"]) * Fraction(r["price"]) - Fraction(r["discount"]) for r in rows]
        net = half_away(sum(nets, Fraction(fee)), 2)
        vat = sum((n * Fraction(r["vat"]) / 100 for n, r in zip(nets, rows, strict=True)), Fraction(fee) / 4)
        gross = net + (0 if reversed_vat else half_away(vat, 2))
        total = half_away(gross, 0) if currency == "SEK" else gross
        assert Fraction(made["detailed_sums"]["net_sum"]) == net
        assert Fraction(made["detailed_sums"]["gross_sum"]) == gross
        assert Fraction(made["total_sum"]) == Fraction(made["remaining_sum"]) == total
        key = made["id"]
        server.command(key, "send", {"method": "DoNotNotify"})
        for part in parts:
            left = server.get(f"/billogram/{key}").data["remaining_sum"]
            if left > 0:
                amount = (left * part / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
                server.command(key, "payment", {"amount": min(max(amount, Decimal("0.01")), left)})
        for event in server.state().billograms[key].events:
            assert event.sums.remaining == money.remaining_of(event.sums)
            assert event.sums.paid <= 0
    finally:
        server.close()


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, RATES), max_size=8))
def test_sums_of_rows_are_those_of_whole_numbers(rows: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    made = [Row(title="x", count=count, price=price, vat=vat) for count, price, vat in rows]
    sums = money.invoiced(made, invoice_fee=Decimal(0), currency="EUR")
    net = sum((Fraction(c) * Fraction(p) for c, p, _ in rows), Fraction(0))
    vat = sum((Fraction(c) * Fraction(p) * Fraction(v) / 100 for c, p, v in rows), Fraction(0))
    assert Fraction(sums.net) == half_away(net, 2)
    assert Fraction(sums.vat) == half_away(vat, 2)
    assert isinstance(sums, Sums)
    assert sums.remaining == sums.gross == sums.net + sums.vat


@pytest.mark.parametrize("value", ["0.1", "0.30000000000000004", "-0.30000000000000004", "12.0000000001"])
def test_a_float_that_is_all_but_a_number_is_that_number(server: Server, value: str) -> None:
    made = server.draft(items=[{"title": "A", "count": 1, "price": Decimal(value), "vat": 0}])
    assert made["items"][0]["price"] == round(Decimal(value), 6)


@pytest.mark.parametrize(
    "value", ["0.1234567", "1000000000000000", "-1000000000000000", "1e400", "1e-7", "x", True, [], {}]
)
def test_other_prices_are_refused(server: Server, value: Any) -> None:
    number = server.customer()
    raw = value.encode() if value in ("1e400", "1e-7") else None
    body = b'{"customer":{"customer_no":%d},"items":[{"title":"A","count":1,"vat":0,"price":%s}]}'
    sent: Any = body % (number, raw) if raw else None
    if sent is None:
        sent = {
            "customer": {"customer_no": number},
            "items": [{"title": "A", "count": 1, "vat": 0, "price": value}],
        }
    answer = server.post("/billogram", sent)
    assert answer.error == (
        "INVALID_PARAMETER",
        {"message": "invalid price", "field": "price", "field_path": ["items", 0]},
    )

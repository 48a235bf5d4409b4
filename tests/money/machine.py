"""Random accounts and random acts, held against the model of the sums (reference: behaviour 2 to 6, 10).

Everything goes through public surfaces: the API, the bank of the control plane, callbacks as `mock:inbox`
gets them. Only the VAT of documents is looked up inside.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from mockserver.core.bookkeeping import Books, unpaid
from mockserver.core.model import Internal
from tests.core.test_sepa import DEBIT, TRANSFER
from tests.money.bank import BY_ACCOUNT, SERVES, Banked, Mandate, Outcome
from tests.money.model import (
    FLAGS,
    ZERO,
    ZONE,
    Billogram,
    Part,
    Payment,
    Refused,
    Row,
    Told,
)
from tests.server import Answer, Server
from tests.webhooks.world import PATIENCE

HTTP = {"PERMISSION_DENIED": 403, "NOT_FOUND": 404}
FIXED = {
    "BillogramCreated",
    "BillogramSent",
    "Deleted",
}  # what their callbacks show is no state of after them
START, DUE = date(2026, 3, 2), date(2026, 4, 1)
LATE, LATE_DUE = date(2026, 1, 1), date(2026, 1, 31)
IBAN = "DE89370400440532013000"
KINDS = [
    *["possible"] * 16,
    *(None, "refund", "return", "refund_unauthorised", "reversal"),
    *("revocation", "cancellation_request", "refusal", "reject", "recall"),
]
CODES = [None, None, None, "AM04", "AC01", "AC04", "MD01", "MD06", "MD07", "MS02", "DUPL", "FRAD"]
OUTCOMES: list[Outcome] = [
    *("ok", "ok", "reject.AM04", "reject.AC01", "reject.AC04"),
    {"then": "refund.MD06", "after": "20d"},
    {"then": "refund.MD06", "after": "1d"},
    {"then": "return.AM04", "after": "2b"},
    {"then": "return.AC04", "after": "1b"},
    {"then": "return.MS03", "after": "9b"},  # too late by then
    {"then": "refund_unauthorised.MD01", "after": "60d"},
]
MODES = ["full", "amount", "items", "remaining", "rest", "principal"]

_names = count(1)


def exact(value: Any) -> Fraction:
    return Fraction(value)


def decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def cents(least: int, most: int) -> st.SearchStrategy[Fraction]:
    return st.integers(least, most).map(lambda number: Fraction(number, 100))


amounts = st.one_of(
    *[cents(1, 20_000), st.integers(1, 500).map(Fraction)] * 3, cents(-100, 0), st.just(Fraction(10**6))
)
parts = st.sampled_from([Fraction(1), Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(9, 10)])
beyond = st.sampled_from([ZERO, ZERO, Fraction(5), Fraction(50)])
parts_or_none = st.one_of(parts, parts, parts, parts, st.none())
counts = st.one_of(
    st.integers(1, 5).map(Fraction),
    st.sampled_from([Fraction("0.5"), Fraction("1.333333"), Fraction("2.75"), Fraction(-1), Fraction(100)]),
)
prices = st.one_of(
    st.integers(1, 500).map(Fraction),
    cents(1, 50_000),
    st.integers(-30_000_000, 300_000_000).map(lambda number: Fraction(number, 10**6)),
    st.sampled_from([Fraction(100), Fraction("0.3"), Fraction(-50), Fraction(987_654_321)]),
)
vats = st.sampled_from([Fraction(vat) for vat in ("0", "6", "12", "25", "25", "13.5", "17.25", "100")])
discounts = st.one_of(st.just(ZERO), st.just(ZERO), cents(0, 5_000), st.just(Fraction("0.333333")))


@st.composite
def row(draw: st.DrawFn) -> Row:
    """Few titles and, now and then, the standard row, so that rows repeat."""
    if draw(st.integers(0, 5)) == 0:
        return Row("Only a text", ZERO, ZERO, ZERO)
    if draw(st.integers(0, 2)) == 0:
        return Row("Standard", draw(counts), Fraction(100), Fraction(25))
    item_no = draw(st.sampled_from([None, None, "A", "B"]))
    title = f"Item {item_no}" if item_no else draw(st.sampled_from(["One", "Two"]))
    return Row(title, draw(counts), draw(prices), draw(vats), draw(discounts), item_no)


rows = st.lists(row(), min_size=1, max_size=4).map(tuple)
back = rows.map(lambda rows: tuple(replace(each, price=-abs(each.price)) for each in rows))


def sent_row(row: Row) -> dict[str, Any]:
    made = {"title": row.title, "count": row.count, "price": row.price, "vat": row.vat}
    whole = made | ({"discount": row.discount} if row.discount else {})
    body: dict[str, Any] = {
        key: decimal(value) if isinstance(value, Fraction) else value for key, value in whole.items()
    }
    return body | ({"item_no": row.item_no} if row.item_no else {})


def sent_part(part: Part) -> dict[str, Any]:
    return {
        key: decimal(value) if isinstance(value, Fraction) else value
        for key, value in asdict(part).items()
        if value is not None
    }


class Money(RuleBasedStateMachine):
    """One account in each example; `steps` counts all of them."""

    server: ClassVar[Server]
    steps: ClassVar[int] = 0
    refusals: ClassVar[int] = 0
    kinds: ClassVar[dict[str, int]] = {}  # events of each type that were told

    def __init__(self) -> None:
        super().__init__()
        self.name = f"money-{next(_names)}"
        self.model = Banked()
        self.heard = 0  # callbacks
        self.uuids: set[str] = set()
        self.numbers: list[int] = []  # of documents, in the order in which they left
        self.settings: dict[str, Any] = {}
        self.moves = 0
        self.keys = 0  # of rows of billing tabs
        self.sound = True  # nothing wrong was found

    def teardown(self) -> None:
        if self.sound:
            for key in self.model.billograms:
                self.check_billogram(key)
            self.check_books()
        self.server.mock("DELETE", f"/accounts/{self.name}")

    # calling

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        return self.server.call(method, path, {} if body is None else body, account=self.name)

    def mock(self, method: str, path: str, body: Any = None) -> Answer:
        return self.server.mock(method, f"/accounts/{self.name}{path}", {} if body is None else body)

    def command(self, key: str, command: str, body: Any = None) -> Callable[[], Answer]:
        return lambda: self.call("POST", f"/billogram/{key}/command/{command}", body)

    def callbacks(self) -> list[Any]:
        """Those that have come since."""
        self.server.run(self.is_idle())
        after = f"&after={self.heard}" if self.heard else ""
        new = self.server.mock("GET", f"/accounts/{self.name}/inbox?limit=1000{after}").json
        assert len(new) < 1000
        self.heard += len(new)
        return [json.loads(each["body"], parse_float=Decimal) for each in new]

    async def is_idle(self) -> None:
        """Until nothing is queued or in flight: a wait over the wire sees the test's client as gone."""
        book = self.server.emulator.live(self.name)
        assert book is not None
        desk = self.server.sender.deliveries(book)
        while desk.busy:
            async with asyncio.timeout(PATIENCE):
                await book.signal.wait()

    def pick(self, index: int, *states: str) -> str:
        """A billogram, rather a debit in one of these states; now and then another, or a deleted one."""
        likely = [
            one.id for one in self.model.billograms.values() if one.internal in states and not one.is_credit
        ]
        return self.likely(index, likely)

    def pick_creditable(self, index: int) -> str:
        """Rather one of which something can be credited."""
        likely = [
            one.id
            for one in self.model.billograms.values()
            if one.internal in ("Unpaid", "Sold", "Ended") and one.uncredited > 0
        ]
        return self.likely(index, likely)

    def likely(self, index: int, likely: list[str]) -> str:
        """One of these, now and then any."""
        keys = [*self.model.billograms, *list(self.model.deleted)[-1:]]
        return likely[index % len(likely)] if likely and index % 5 else keys[index % len(keys)]

    # an act

    def does(self, call: Callable[[], Answer], decide: Callable[[], list[Told]]) -> Answer:
        """One command, as the model says: done and told, or refused and nothing changed."""
        type(self).steps += 1
        position = self.server.position(self.name)
        try:
            told = decide()
        except Refused as refused:
            self.is_refused(call(), refused, position)
            raise
        self.sound = False
        answer = call()
        assert answer.status == 200, (answer.body, told)
        self.holds(told)
        return answer

    def tries(self, call: Callable[[], Answer], decide: Callable[[], list[Told]]) -> None:
        """The same, where a refusal is as good."""
        with suppress(Refused):
            self.does(call, decide)

    def is_refused(self, answer: Answer, refused: Refused, position: int) -> None:
        type(self).refusals += 1
        self.sound = False
        assert answer.status >= 400, ("accepted", refused.args)
        status, data = answer.error
        assert (status, data.get("field")) == (refused.status, refused.blamed), (answer.body, refused.args)
        assert answer.status == HTTP.get(status, 400)
        assert self.server.position(self.name) == position
        assert self.callbacks() == []
        self.sound = True

    # what must hold

    def holds(self, told: list[Told]) -> None:
        """The callbacks are those of the model, and everything that was touched is as it says."""
        self.sound = False
        got = [each for each in self.callbacks() if each["callback_type"] != "RecipientUpdated"]
        refused = [each for each in got if each["callback_type"] == "BillingTab"]
        assert [(each["billing_tab"]["id"], each["event"]["response"]["status"]) for each in refused] == [
            (each.billogram, each.state) for each in told if each.type == "BillingTab"
        ]
        self.kinds["BillingTab"] = self.kinds.get("BillingTab", 0) + len(refused)
        got = [each for each in got if each["callback_type"] != "BillingTab"]
        told = [each for each in told if each.type != "BillingTab"]
        back = [each for each in told if each.type == "PaymentRecalled"]
        assert [said(each) for each in got] == expected(told), told
        last: dict[str, Any] = {}
        others = [each for each in got if each["callback_type"] == "BillogramEvent"]
        assert len(others) == len(told) - len(back)
        for each in told:
            callback = None  # what a recall does to a billogram is told in that of the whole
            if each.type != "PaymentRecalled":
                callback = others.pop(0)
                self.check_callback(each, callback)
            last[each.billogram] = callback
        self.kinds["PaymentRecalled"] = self.kinds.get("PaymentRecalled", 0) + len(back)
        for key, callback in last.items():
            if key in self.model.billograms:
                shown = self.check_billogram(key)
                if callback is None:
                    continue
                assert shown["detailed_sums"] == callback["billogram"]["detailed_sums"]
                ends = any(each.billogram == key and each.type == "BillogramEnded" for each in told)
                if callback["event"]["type"] not in FIXED and (
                    not ends or callback["event"]["type"] == "BillogramEnded"
                ):
                    assert shown["state"] == callback["billogram"]["state"]
                self.check_documents(key)
        self.check_payments()
        self.check_lists([self.model.billograms[key] for key in last if key in self.model.billograms])
        self.sound = True

    def check_callback(self, told: Told, callback: Any) -> None:
        self.kinds[told.type] = self.kinds.get(told.type, 0) + 1
        event, billogram = callback["event"], callback["billogram"]
        sums, data = billogram["detailed_sums"], event["data"] or {}
        check_identity(sums)
        assert billogram["remaining_sum"] == sums["remaining_sum"], callback
        if told.type != "DataChange":
            assert exact(billogram["remaining_sum"]) == told.remaining, (told, callback)
        for name in ("remaining_sum", "total_sum"):
            assert data.get(name, billogram[name]) == billogram[name], callback
        if told.amount is not None:
            assert exact(data["amount"]) == told.amount, (told, callback)
        assert told.at is not None
        assert event["created_at"] == f"{told.at:%Y-%m-%d %H:%M:%S}", (told, callback)
        assert event["event_uuid"] not in self.uuids
        self.uuids.add(event["event_uuid"])
        if told.type in ("BillogramSent", "InvoiceSent", "Credit", "BillogramSold"):
            own = self.model.billograms[told.billogram].own_no
            number = data.get("invoice_no")
            if number is not None and number != own:
                assert not self.numbers or number > max(self.numbers), (number, self.numbers)
                self.numbers.append(number)

    def check_billogram(self, key: str) -> Any:
        one = self.model.billograms[key]
        shown = self.call("GET", f"/billogram/{key}").data
        sums = {
            name: exact(value) for name, value in shown["detailed_sums"].items() if name != "regional_sweden"
        }
        check_identity(sums)
        expected = {
            "net_sum": one.net,
            "vat_sum": one.vat,
            "gross_sum": one.gross,
            "rounding": one.rounding,
            "reminder_fee": one.reminder_fee,
            "interest_fee": one.interest_fee,
            "credited_sum": one.credited,
            "paid_sum": one.paid,
            "collector_paid_sum": one.collected,
            "remaining_sum": one.remaining,
        }
        assert {name: sums[name] for name in expected} == expected
        assert exact(shown["total_sum"]) == one.total
        assert exact(shown["remaining_sum"]) == one.remaining
        assert exact(shown["rounding_value"]) == one.total - one.gross
        assert shown["state"] == one.public
        assert set(shown["flags"]) & set(FLAGS) == one.shown_flags
        assert [each["type"] for each in shown["events"]] == one.events[-100:]
        hidden = one.internal in ("Unattested", "Factoring")
        own = one.own_no if one.internal == "Unattested" else None
        assert shown["invoice_no"] == (own if hidden else one.number)
        if not one.is_credit:
            assert one.uncredited >= 0
            assert sum((each.amount for each in one.booked), ZERO) == -one.paid
        return shown

    def check_books(self) -> None:
        """Each voucher adds up to 0; receivables are what the API says is unpaid, as far as it is booked."""
        server, books, balance = self.server, Books(), dict[str, int]()

        async def read() -> None:
            stream = (await server.emulator.log.pointers())[f"account:{self.name}"]
            async for record in server.emulator.log.read(stream):
                for voucher in books.apply(record):
                    assert sum(leg.amount for leg in voucher.legs) == 0, voucher
                    for leg in voucher.legs:
                        balance[leg.account] = balance.get(leg.account, 0) + leg.amount

        server.run(read())
        state = server.state(self.name)
        transferred = {
            part.billogram
            for payment in state.payments.values()
            for part in payment.allocations
            if payment.scheme == TRANSFER
        }
        receivable = written_down = ZERO
        for key, one in state.billograms.items():
            booked, down = books.receivable(key), books.written_down(key)
            receivable, written_down = receivable + exact(booked), written_down + exact(down)
            if one.internal is Internal.DELETED or one.invoice_no is None:
                assert not booked, (key, booked, one.internal, one.sums)
            elif one.attested_at is not None and one.internal is not Internal.FACTORING:
                if key not in transferred:
                    assert booked == unpaid(one), (key, booked, one.sums)
                assert 0 <= down <= max(unpaid(one), Decimal(0)), (
                    key,
                    down,
                    one.sums,
                    [type(e).__name__ for e in one.events],
                )
        assert balance.get("1500", 0) + balance.get("1512", 0) == receivable * 100
        assert balance.get("1519", 0) == -written_down * 100

    def check_documents(self, key: str) -> None:
        """What the documents ask for and credit adds up, and so does the VAT in them (1, 3.4, 3.5)."""
        one = self.model.billograms[key]
        if one.is_credit or one.internal in ("Unattested", "Factoring"):
            return
        amount = vat = ZERO
        rates = {each.vat for each in one.rows if each.net} | ({Fraction(25)} if one.invoice_fee else set())
        plain = len(rates) == 1 and all(each.net >= 0 for each in one.rows)
        documents = self.server.state(self.name).billograms[key].documents
        for index, document in enumerate(each for each in documents if each.kind != "reminder"):
            sign = -1 if document.kind == "credit" else 1
            amount += sign * exact(document.amount)
            vat += sign * exact(document.vat)
            if (
                plain and not one.fees and index > one.changes and one.total
            ):  # with room for the roundings of all
                share = exact(document.amount) * one.vat / one.total
                assert abs(exact(document.vat) - share) <= Fraction(1, 2) * (index + 1), (document, one)
        assert amount == one.total + one.credited + one.allocated
        if one.fees:
            return  # a credit may hold some of them, without VAT
        if amount == one.total:
            assert vat == one.booked_vat
        elif amount == 0:
            assert vat == 0

    def check_payments(self) -> None:
        if not self.model.payments:
            return
        listed = self.server.mock("GET", f"/accounts/{self.name}/payments?limit=1000").json
        shares: dict[str, dict[str, Fraction]] = {}
        for one in self.model.billograms.values():
            for share in one.booked:
                if share.amount:
                    mine = shares.setdefault(share.payment, {})
                    mine[one.id] = mine.get(one.id, ZERO) + share.amount
        planned = {one.debit.payment: one for one in self.model.billograms.values() if one.debit}
        for each, payment in zip(listed, self.model.payments.values(), strict=True):
            payment.real = payment.real or each["id"]
            assert (each["id"], each["status"]) == (payment.real, payment.status)
            assert (each["scheme"], each["date"]) == (payment.scheme, str(payment.day))
            if payment.status != "settled":
                assert exact(each["amount"]) == payment.amount
                assert each["allocations"] == []
            if payment.status == "scheduled":
                assert payment.amount == planned.pop(payment.id).remaining
            allocated: dict[str, Fraction] = {}
            for part in each["allocations"]:
                if part["amount"]:
                    key = part["billogram"]
                    allocated[key] = allocated.get(key, ZERO) + exact(part["amount"])
            parts = [exact(each[name]) for name in ("unmatched", "adjustment", "liability", "recalled")]
            assert allocated == shares.get(payment.id, {})
            assert parts == [payment.unmatched, payment.adjustment, payment.liability, payment.recalled]
            if payment.status == "settled":
                assert sum(parts) + sum(allocated.values()) == exact(each["amount"]) == payment.amount
                assert 0 <= payment.recalled <= payment.amount, "never more than was paid"
        assert planned == {}, "each debit has its payment"

    def check_lists(self, touched: list[Billogram]) -> None:
        everything = list(self.model.billograms.values())
        self.check_list("", everything)
        for one in touched[:2]:
            state, customer = one.public, one.customer
            query = "&filter_type=field&filter_field=state&filter_value="
            self.check_list(query + state, [each for each in everything if each.public == state])
            query = "&filter_type=field&filter_field=customer:customer_no&filter_value="
            self.check_list(f"{query}{customer}", [each for each in everything if each.customer == customer])

    def check_list(self, query: str, expected: list[Billogram]) -> None:
        answer = self.server.get(f"/billogram?page=1&page_size=1{query}", account=self.name)
        meta = answer.json["meta"]
        assert meta["total_count"] == len(expected)
        total = sum((each.remaining for each in expected), ZERO)
        assert exact(meta["total_remaining_sum"]) == total

    # the rules

    @initialize(data=st.data())
    def account(self, data: st.DataObject) -> None:
        fee = data.draw(st.sampled_from([ZERO, ZERO, Fraction(29), Fraction("12.345678")]))
        writeoff = data.draw(st.sampled_from([None, {"settings": "all_fees", "amount": 60}]))
        self.model.standalone = data.draw(st.sampled_from([True, True, True, False]))
        self.model.factoring = data.draw(st.sampled_from([True, True, True, False]))
        body = {
            "id": self.name,
            "key": "secret",
            "seed": 1,
            "features": {"standalone_credits": self.model.standalone, "factoring": self.model.factoring},
            "callbacks": {"url": "mock:inbox"},
        }
        assert self.server.mock("POST", "/accounts", body).status == 201
        invoices: dict[str, Any] = {"default_invoice_fee": decimal(fee)}
        if writeoff:
            invoices["automatic_writeoff"] = writeoff
            self.model.writes_off, self.model.most_written_off = True, Fraction(60)
        assert self.call("PUT", "/settings", {"invoices": invoices}).status == 200
        self.model.default_fee = fee
        address = {"street_address": "Testgatan 1", "zipcode": "123 45", "city": "Teststad"}
        for email in ("contact@example.com", "contact+bounce@example.com", None):
            contact = {} if email is None else {"email": email}
            made = self.call("POST", "/customer", {"name": "Test", "contact": contact, "address": address})
            number = made.data["customer_no"]
            if email is None:
                self.model.silent.add(number)
            elif "bounce" in email:
                self.model.bouncing.add(number)
        usual = {"fee": None, "own_no": None, "late": False, "reversed_vat": None}
        for row in (
            Row("Standard", Fraction(2), Fraction(100), Fraction(25)),
            Row("One", Fraction(3), Fraction(-75), Fraction(6)),
        ):
            self.creates_one((row,), 1, "SEK", "Email", **usual)
        if data.draw(st.booleans()):  # soon a debit
            self.imports(1, IBAN)
            self.creates_one(
                (Row("One", Fraction(3), Fraction(75), Fraction(6)),), 1, "EUR", "Email", **usual
            )

    methods = st.sampled_from(["Email", "Email", "Letter", "DoNotNotify"])

    @rule(
        rows=st.one_of(rows, rows, back),
        customer=st.sampled_from([1, 1, 1, 2, 3]),
        currency=st.sampled_from(["SEK", "SEK", "EUR", "NOK"]),
        method=st.one_of(methods, methods, methods, st.none()),
        fee=st.sampled_from([None, None, ZERO, Fraction(45), Fraction("0.123456")]),
        own_no=st.sampled_from([None, None, None, None, 1, 3, 40, 777]),
        late=st.sampled_from([False, False, False, True]),
        reversed_vat=st.sampled_from([None, None, False, True]),
    )
    def creates(self, **given: Any) -> None:
        self.creates_one(**given)

    def creates_one(
        self, rows: tuple[Row, ...], customer: int, currency: str, method: str | None, **more: Any
    ) -> None:
        gone = {each.own_no for each in self.model.deleted.values()}
        own_no = None if more["own_no"] in gone else more["own_no"]
        body: dict[str, Any] = {
            "customer": {"customer_no": customer},
            "items": [sent_row(each) for each in rows],
            "currency": currency,
            "invoice_date": str(LATE if more["late"] else START),
            "due_date": str(LATE_DUE if more["late"] else DUE),
        }
        fee = more["fee"]
        if fee is not None:
            body["invoice_fee"] = decimal(fee)
        if own_no is not None:
            body["invoice_no"] = own_no
        if more["reversed_vat"] is not None:
            body["regional_sweden"] = {"reversed_vat": more["reversed_vat"]}
        if method is not None:
            body["on_success"] = {"command": "send", "method": method}
        one = Billogram(
            id="",
            customer=customer,
            currency=currency,
            rows=rows,
            invoice_fee=self.model.default_fee if fee is None else fee,
            reversed_vat=more["reversed_vat"],
            own_no=own_no,
            due=LATE_DUE if more["late"] else DUE,
            invoiced=LATE if more["late"] else START,
            automatic=bool(self.model.steps),
        )
        type(self).steps += 1
        position = self.server.position(self.name)
        try:
            self.model.check_create(one, method)
        except Refused as refused:
            self.is_refused(self.call("POST", "/billogram", body), refused, position)
            return
        one.id = self.call("POST", "/billogram", body).data["id"]
        self.holds(self.model.create(one, method))

    @rule(
        rows=st.one_of(rows, rows, rows, back),
        currency=st.sampled_from(["SEK", "EUR"]),
        method=st.sampled_from(["Email", "Letter", "Letter", None]),
    )
    def creates_usual(self, rows: tuple[Row, ...], currency: str, method: str | None) -> None:
        usual = {"fee": None, "own_no": None, "late": False, "reversed_vat": None}
        self.creates_one(rows, 1, currency, method, **usual)

    some = st.integers(0, 50)

    def made(self) -> bool:
        return bool(self.model.billograms)

    def some_draft(self) -> bool:
        return any(one.internal == "Unattested" for one in self.model.billograms.values())

    def some_debit(self) -> bool:
        return any(one.internal == "Unpaid" and not one.is_credit for one in self.model.billograms.values())

    def some_creditable(self) -> bool:
        return any(
            one.internal in ("Unpaid", "Sold", "Ended") and one.uncredited > 0
            for one in self.model.billograms.values()
        )

    def some_credit(self) -> bool:
        return any(one.internal == "Unpaid" and one.is_credit for one in self.model.billograms.values())

    @precondition(some_draft)
    @rule(index=some, method=st.one_of(methods, st.none()))
    def sends(self, index: int, method: str | None) -> None:
        key = self.pick(index, "Unattested")
        body = {} if method is None else {"method": method}
        self.tries(self.command(key, "send", body), lambda: self.model.send(key, method))

    @precondition(some_draft)
    @rule(index=some)
    def deletes(self, index: int) -> None:
        key = self.pick(index, "Unattested")
        self.tries(lambda: self.call("DELETE", f"/billogram/{key}"), lambda: self.model.delete(key))

    @precondition(some_creditable)
    @rule(
        index=some,
        mode=st.sampled_from(MODES),
        amount=st.one_of(amounts, st.none()),
        share=parts,
    )
    def credits(self, index: int, mode: str, amount: Fraction | None, share: Fraction) -> None:
        key = self.pick_creditable(index)
        if mode == "items":
            mode = "full"
        one = self.model.billograms.get(key)
        if amount is not None and amount > 100 and one is not None:
            amount = Fraction(int(one.uncredited * share * 100), 100)
        body = {"mode": mode} | ({} if amount is None else {"amount": decimal(amount)})
        self.tries(self.command(key, "credit", body), lambda: self.model.credit(key, mode, amount))

    @precondition(some_creditable)
    @rule(data=st.data(), index=some)
    def credits_rows(self, data: st.DataObject, index: int) -> None:
        key = self.pick_creditable(index)
        one = self.model.billograms.get(key)
        known = one.rows if one else (Row("One", Fraction(1), Fraction(100), Fraction(25)),)
        named = [self.part(data, known) for _ in range(data.draw(st.sampled_from([1, 1, 2, 3])))]
        if one is None or one.internal not in ("Unpaid", "Sold", "Ended"):
            named = [replace(part, count=-abs(part.count)) for part in named]  # the state is looked at later
        body = {"mode": "items", "items": [sent_part(part) for part in named]}
        self.tries(self.command(key, "credit", body), lambda: self.model.credit(key, "items", None, named))

    def part(self, data: st.DataObject, known: tuple[Row, ...]) -> Part:
        chosen = data.draw(st.sampled_from([each for each in known if each.count > 0] or known))
        share = data.draw(st.sampled_from(["whole", "one", "third", "third", "more", "positive", "unknown"]))
        invoiced = sum((each.count for each in known if each.kind == chosen.kind), ZERO)
        amount = {
            "one": Fraction(1),
            "third": Fraction(int(abs(invoiced) * 10**6 / 3), 10**6) or Fraction(1),
            "more": abs(invoiced) + Fraction(1, 10**6),
            "positive": Fraction(-1),
        }.get(share, abs(invoiced) or Fraction(1))
        if share == "unknown":
            if data.draw(st.booleans()):
                return Part(-amount, "unknown")
            return Part(-amount, None, "Unknown", Fraction(1), Fraction(25))
        if chosen.item_no is None:
            return Part(-amount, None, chosen.title, chosen.price, chosen.vat)
        alone = len({each.kind for each in known if each.item_no == chosen.item_no}) == 1
        if alone and data.draw(st.booleans()):
            return Part(-amount, chosen.item_no)
        return Part(-amount, chosen.item_no, chosen.title, chosen.price, chosen.vat)

    @precondition(some_debit)
    @rule(index=some, amount=amounts, share=parts_or_none)
    def pays(self, index: int, amount: Fraction, share: Fraction | None) -> None:
        key = self.pick(index, "Unpaid")
        amount = self.of_remaining(key, amount, share)
        call = self.command(key, "payment", {"amount": decimal(amount)})

        def decide() -> list[Told]:
            nonlocal call
            currency = self.model.pay(key, amount)
            answer = call()
            assert answer.status == 200, answer.body
            made = self.server.mock("GET", f"/accounts/{self.name}/payments").json[-1]
            assert (made["scheme"], made["currency"], exact(made["amount"])) == ("MANUAL", currency, amount)
            call = lambda: answer  # noqa: E731
            payment = Payment(made["id"], amount, unmatched=amount, day=self.model.today)
            return self.model.book(payment, [(key, amount)])

        self.tries(lambda: call(), decide)

    def of_remaining(self, key: str, amount: Fraction, share: Fraction | None) -> Fraction:
        """A share of what remains, cut to cents; else the amount."""
        one = self.model.billograms.get(key)
        if share is None or one is None or not one.remaining:
            return amount
        return max(Fraction(1, 100), Fraction(int(abs(one.remaining) * share * 100), 100))

    @precondition(made)
    @rule(
        indexes=st.lists(some, max_size=3),
        amounts=st.lists(amounts, min_size=3, max_size=3),
        shares=st.lists(parts_or_none, min_size=3, max_size=3),
        more=st.sampled_from([ZERO, ZERO, Fraction(1), Fraction(10), Fraction("10.01"), Fraction(300)]),
        beyond=st.booleans(),
        scheme=st.sampled_from([None, *[DEBIT] * 4, TRANSFER]),
        b2b=st.sampled_from([False, False, True]),
    )
    def receives(
        self,
        indexes: list[int],
        amounts: list[Fraction],
        shares: list[Fraction | None],
        more: Fraction,
        beyond: bool,
        scheme: str | None,
        b2b: bool,
    ) -> None:
        """Money at the bank, for none, one or several; `more` on top of one of them, or beyond all."""
        named = []
        for index, amount, share in zip(indexes, amounts, shares, strict=False):
            key = self.pick(index, "Unpaid", "Ended")
            named.append((key, self.of_remaining(key, abs(amount) or Fraction(1), share)))
        if named and not beyond:
            named[0] = (named[0][0], named[0][1] + more)
        total = sum((amount for _, amount in named), ZERO) + (more if beyond or not named else ZERO)
        if not total:
            return
        body: dict[str, Any] = {"amount": decimal(total), "b2b": b2b}
        if scheme is not None:
            body["scheme"] = scheme
        if len(named) == 1:
            body["billogram"] = named[0][0]
            named = [(named[0][0], total)]
        elif named:
            body["allocations"] = [{"billogram": key, "amount": decimal(amount)} for key, amount in named]
        of_all = self.model.billograms | self.model.deleted
        currencies = {of_all[key].currency for key, _ in named}
        type(self).steps += 1
        position = self.server.position(self.name)
        answer = self.mock("POST", "/payments", body)
        if len(currencies) > 1:
            assert answer.status == 400, answer.body
            assert self.server.position(self.name) == position
            return
        assert answer.status == 201, answer.body
        usual = "BANKGIRO" if currencies <= {"SEK"} else TRANSFER
        payment = Payment(answer.json["id"], total, unmatched=total, b2b=b2b, day=self.model.today)
        payment.scheme = scheme or usual
        self.holds(self.model.book(payment, named))

    def taker(self, key: str) -> Billogram | None:
        """The billogram, if it takes money."""
        one = self.model.billograms.get(key)
        return (
            None
            if one is None or one.is_credit or one.internal not in ("Unpaid", "Collection", "Ended")
            else one
        )

    @precondition(lambda self: any(each.unmatched for each in self.model.payments.values()))
    @rule(index=some, which=some, share=parts_or_none)
    def places(self, index: int, which: int, share: Fraction | None) -> None:
        """Unmatched money, by hand."""
        free = [each for each in self.model.payments.values() if each.unmatched]
        payment, key = free[which % len(free)], self.pick(index, "Unpaid", "Ended")
        amount = payment.unmatched if share is None else Fraction(int(payment.unmatched * share * 100), 100)
        if not amount:
            return
        body: dict[str, Any] = {"billogram": key} | ({} if share is None else {"amount": decimal(amount)})
        type(self).steps += 1
        position = self.server.position(self.name)
        answer = self.mock("POST", f"/payments/{payment.id}/allocate", body)
        one = self.taker(key)
        if one is None or payment.currency not in (None, one.currency):
            assert answer.status == (404 if key in self.model.deleted else 409 if one is None else 400)
            assert self.server.position(self.name) == position
            return
        assert answer.status == 200, answer.body
        self.holds(self.model.book(payment, [(key, amount)]))

    @precondition(some_debit)
    @rule(
        index=some,
        command=st.sampled_from(
            ["settle-underpayment", "confirmed-loss", "writeoff", "writedown", "revert-writedown"]
        ),
    )
    def closes(self, index: int, command: str) -> None:
        self.closes_one(self.pick(index, "Unpaid", "Unpaid", "Collection"), command)

    def closes_one(self, key: str, command: str) -> None:
        model = self.model
        decide = {
            "settle-underpayment": model.settle,
            "confirmed-loss": model.confirm_loss,
            "writeoff": model.write_off,
            "writedown": model.write_down,
            "revert-writedown": model.revert_write_down,
        }[command]
        self.tries(self.command(key, command), lambda: decide(key))

    @precondition(some_draft)
    @rule(index=some)
    def sells(self, index: int) -> None:
        key = self.pick(index, "Unattested")
        self.tries(self.command(key, "sell"), lambda: self.model.sell(key))

    @precondition(lambda self: any(each.internal == "Factoring" for each in self.model.billograms.values()))
    @rule(index=some, accepted=st.booleans())
    def answers_sale(self, index: int, accepted: bool) -> None:
        offered = [each.id for each in self.model.billograms.values() if each.internal == "Factoring"]
        key = offered[index % len(offered)]
        what = "accept" if accepted else "deny"
        self.tries(
            lambda: self.mock("POST", f"/billograms/{key}/simulate/factoring-{what}"),
            lambda: self.model.answer_sale(key, accepted=accepted),
        )

    @precondition(made)
    @rule(
        index=some,
        rows=st.one_of(st.none(), rows, rows, back),
        fee=st.sampled_from([None, None, ZERO, Fraction(45), Fraction("19.999999")]),
        text=st.sampled_from([None, None, "1", "2"]),
        reversed_vat=st.sampled_from([None, None, True, False]),
        currency=st.sampled_from([None, None, None, "SEK", "EUR"]),
        due=st.sampled_from([None, None, None, None, -5, 0, 3, 20, 60]),
    )
    def puts(self, index: int, **given: Any) -> None:
        self.changes(self.pick(index, "Unattested", "Unpaid"), **given)

    def changes(self, key: str, **given: Any) -> None:
        """A PUT of these members; those that are None are not sent."""
        body: dict[str, Any] = {}
        if given.get("rows") is not None:
            body["items"] = [sent_row(each) for each in given["rows"]]
        if given.get("fee") is not None:
            body["invoice_fee"] = decimal(given["fee"])
        if given.get("text") is not None:
            body["info"] = {"order_no": given["text"]}
        if given.get("reversed_vat") is not None:
            body["regional_sweden"] = {"reversed_vat": given["reversed_vat"]}
        if given.get("currency") is not None:
            body["currency"] = given["currency"]
        one, days = self.model.billograms.get(key), given.get("due")
        if days is not None and one is not None:
            given["due"] = max(one.invoiced, self.model.today + timedelta(days=days))
            body["due_date"] = str(given["due"])
        names = {"fee": "invoice_fee"}
        changes = {names.get(name, name): value for name, value in given.items() if value is not None}
        self.tries(
            lambda: self.call("PUT", f"/billogram/{key}", body), lambda: self.model.put(key, **changes)
        )

    @precondition(some_credit)
    @rule(
        index=some,
        mode=st.sampled_from(["remaining", "amount", "amount", "full"]),
        amount=st.one_of(st.none(), amounts),
        share=parts_or_none,
    )
    def pays_out(self, index: int, mode: str, amount: Fraction | None, share: Fraction | None) -> None:
        key = self.pick_credit(index)
        if amount is not None:
            amount = self.of_remaining(key, amount, share)
        body = {"mode": mode} | ({} if amount is None else {"amount": decimal(amount)})
        self.tries(self.command(key, "credit-payment", body), lambda: self.model.pay_out(key, mode, amount))

    def pick_credit(self, index: int) -> str:
        """Rather a stand-alone credit that is sent."""
        likely = [
            one.id for one in self.model.billograms.values() if one.internal == "Unpaid" and one.is_credit
        ]
        return self.likely(index, likely)

    def pick_like(self, index: int, credit: Billogram | None) -> str:
        """Rather an open debit of the same customer and currency."""
        likely = [
            one.id
            for one in self.model.billograms.values()
            if credit and one.internal == "Unpaid" and not one.is_credit
            if (one.customer, one.currency) == (credit.customer, credit.currency)
        ]
        return self.likely(index, likely)

    @precondition(some_credit)
    @rule(index=some, source=some, amount=amounts, share=parts_or_none)
    def allocates(self, index: int, source: int, amount: Fraction, share: Fraction | None) -> None:
        other = self.pick_credit(source)
        credit = self.model.billograms.get(other)
        key = self.pick_like(index, credit)
        one = self.model.billograms.get(key)
        if share is not None and one and credit and one.remaining and credit.remaining:
            most = min(abs(one.remaining), abs(credit.remaining))
            amount = max(Fraction(1, 100), Fraction(int(most * share * 100), 100))
        self.tries(
            self.command(key, "credit-allocate", {"amount": decimal(amount), "source_id": other}),
            lambda: self.model.allocate_credit(key, other, amount),
        )

    # time

    @rule(
        steps=st.sampled_from([[], [5, 1], [0, 10], [5, 1, 1, 30]]),
        minimum=st.sampled_from([None, None, Fraction(50)]),
        partly=st.booleans(),
        collection=st.sampled_from([None, None, (0, Fraction(10)), (7, Fraction(0)), (20, Fraction(100))]),
        agency=st.sampled_from([True, True, False]),
    )
    def sets(
        self,
        steps: list[int],
        minimum: Fraction | None,
        partly: bool,
        collection: tuple[int, Fraction] | None,
        agency: bool,
    ) -> None:
        model = self.model
        delay, amount = (None, None) if collection is None else collection
        invoices = {
            "automatic_reminders": [{"delay_days": each, "message": ""} for each in steps],
            "automatic_reminders_minimum_principal_sum": None if minimum is None else decimal(minimum),
            "use_automatic_reminders_partly_paid": partly,
            "automatic_collection": {
                "delay_days": delay,
                "amount": None if amount is None else decimal(amount),
            },
        }
        assert self.call("PUT", "/settings", {"invoices": invoices}).status == 200
        answer = self.server.mock("PATCH", f"/accounts/{self.name}", {"features": {"collection": agency}})
        assert answer.status == 200, answer.body
        model.steps, model.minimum, model.reminds_partly_paid = steps, minimum, partly
        model.hands_over, model.agency = collection, agency

    @precondition(lambda self: self.moves < 40 and self.some_planned())
    @rule()
    def waits_for_a_debit(self) -> None:
        self.waits_for_the_bank()

    def waits_for_the_bank(self) -> None:
        """To the next day of a debit."""
        day = min(each.debit.day for each in self.model.billograms.values() if each.debit)
        days = (day - self.model.today).days
        self.waits(f"{days}d" if days else "5h")

    def some_planned(self) -> bool:
        return any(each.debit for each in self.model.billograms.values())

    @precondition(lambda self: self.moves < 40)
    @rule(
        span=st.sampled_from(["7m", "30m", "5h", "1d", "1d", "2d", "5d", "1w", "3w", "31d"]),
    )
    def waits_some(self, span: str) -> None:
        self.waits(span)

    def waits(self, span: str) -> None:
        """Days and weeks are steps at the same local time, hours and minutes are absolute."""
        self.moves += 1
        number, unit = int(span[:-1]), span[-1]
        now = self.model.now
        if unit in "dw":
            local = now.astimezone(ZONE).replace(tzinfo=None) + timedelta(
                days=number * (7 if unit == "w" else 1)
            )
            to = local.replace(tzinfo=ZONE).astimezone(now.tzinfo)
        else:
            to = now + timedelta(minutes=number * (60 if unit == "h" else 1))
        type(self).steps += 1
        self.sound = False
        moved = self.mock("POST", "/clock/advance", {"by": span})
        assert moved.status == 200, moved.body
        tabs = self.server.mock("GET", f"/accounts/{self.name}/tabs?limit=1000").json
        self.model.billed = {each["id"]: each["billogram"] for each in tabs if each["billogram"]}
        told = self.model.advance(to)
        listed = [event["type"] for each in moved.json["happened"] for event in each["events"]]
        types = sorted(each.type for each in told if each.type != "BillingTab")
        assert sorted(listed) == types, (moved.body, told)
        self.holds(told)
        active = [each for each in tabs if each["status"] == "active"]
        shown = {each["id"]: (each["customer_no"], each["billing_date"], each["items"]) for each in active}
        assert shown == {
            tab.id: (number, str(tab.day), len(tab.rows)) for number, tab in self.model.tabs.items()
        }
        billed = [each["billogram"] for each in tabs if each["billogram"]]
        assert len(set(billed)) == len(billed), "each is invoiced once"
        assert set(billed) <= self.model.billograms.keys()

    @precondition(some_debit)
    @rule(index=some, method=st.sampled_from([None, None, "Email", "Letter", "Einvoice"]))
    def reminds(self, index: int, method: str | None) -> None:
        key = self.pick(index, "Unpaid")
        body = {} if method is None else {"method": method}
        self.tries(self.command(key, "remind", body), lambda: self.model.remind(key, method))

    @precondition(some_debit)
    @rule(index=some)
    def collects(self, index: int) -> None:
        key = self.pick(index, "Unpaid")
        self.tries(self.command(key, "collect"), lambda: self.model.collect(key))

    @precondition(some_debit)
    @rule(index=some, days=st.sampled_from([-1, 0, 1, 3, 10, 40]))
    def gives_respite(self, index: int, days: int) -> None:
        key = self.pick(index, "Unpaid")
        one = self.model.billograms.get(key)
        day = max(self.model.today, self.model.today if one is None else one.due) + timedelta(days=days)
        self.tries(
            self.command(key, "respite", {"date": str(day)}), lambda: self.model.give_respite(key, day)
        )

    @precondition(lambda self: any(each.in_respite for each in self.model.billograms.values()))
    @rule(index=some)
    def removes_respite(self, index: int) -> None:
        key = self.likely(index, [each.id for each in self.model.billograms.values() if each.in_respite])
        self.tries(self.command(key, "remove-respite"), lambda: self.model.remove_respite(key))

    @precondition(lambda self: any(each.internal == "Collection" for each in self.model.billograms.values()))
    @rule(
        index=some,
        what=st.sampled_from(
            ["collector-payment", "collector-payment", "collection-end", "collection-cancel"]
        ),
        amount=cents(1, 20_000),
        share=parts_or_none,
    )
    def agency(self, index: int, what: str, amount: Fraction, share: Fraction | None) -> None:
        there = [each for each in self.model.billograms.values() if each.internal == "Collection"]
        key = there[index % len(there)].id
        amount = self.of_remaining(key, amount, share)
        body = {"amount": decimal(amount)} if what == "collector-payment" else {}
        type(self).steps += 1
        try:
            told = self.model.agency_acts(key, what, amount)
        except Refused:
            assert self.mock("POST", f"/billograms/{key}/simulate/{what}", body).status in (400, 409)
            assert self.callbacks() == []
            return
        self.sound = False
        answer = self.mock("POST", f"/billograms/{key}/simulate/{what}", body)
        assert answer.status == 200, answer.body
        self.holds(told)

    # billing tabs

    def tab_of(self, customer: int) -> str:
        return f"/customer/{customer}/billing-tab"

    @rule(customer=st.sampled_from([1, 1, 2, 3]), rows=st.one_of(rows, rows, back), again=st.booleans())
    def adds_to_tab(self, customer: int, rows: tuple[Row, ...], again: bool) -> None:
        for row in rows:
            type(self).steps += 1
            self.keys += 1
            headers, body = {"X-API-Deduplication-ID": f"{self.keys}"}, {"billogram_item": sent_row(row)}
            path = f"{self.tab_of(customer)}/items"
            answer = self.server.call("POST", path, body, account=self.name, headers=headers)
            found = answer.data
            self.model.add_to_tab(customer, found["billing_tab_id"], found["item_id"], row)
            if again:
                repeated = self.server.call("POST", path, body, account=self.name, headers=headers)
                assert repeated.body == answer.body
        self.check_tab(customer)

    @rule(
        customer=st.sampled_from([1, 1, 2, 3]),
        frequency=st.sampled_from(["daily", "daily", "weekly#1", "weekly#5", "monthly#31", "monthly#1"]),
        method=st.sampled_from(["Email", "Email", "Letter", "DoNotNotify"]),
    )
    def sets_tab(self, customer: int, frequency: str, method: str) -> None:
        type(self).steps += 1
        body = {"billing_frequency": frequency, "delivery_method": method}
        assert self.call("PUT", f"{self.tab_of(customer)}/settings", body).data == body
        self.model.set_tab(customer, frequency, method)
        self.check_tab(customer)

    @precondition(lambda self: any(each.rows for each in self.model.tabs.values()))
    @rule(index=some, whole=st.sampled_from([False, False, True]))
    def deletes_of_tab(self, index: int, whole: bool) -> None:
        type(self).steps += 1
        tabs = [each for each in self.model.tabs.values() if each.rows]
        tab = tabs[index % len(tabs)]
        path = self.tab_of(tab.customer)
        if whole:
            assert self.call("DELETE", f"{path}/{tab.id}").status == 204
            del self.model.tabs[tab.customer]
        else:
            key = list(tab.rows)[index % len(tab.rows)]
            assert self.call("DELETE", f"{path}/item/{key}").status == 204
            del tab.rows[key]
        self.check_tab(tab.customer)

    def check_tab(self, customer: int) -> None:
        answer = self.call("GET", self.tab_of(customer))
        tab = self.model.tabs.get(customer)
        if tab is None:
            assert answer.status == 404
            return
        assert answer.data["billing_tab"] == {"id": tab.id, "billing_date": str(tab.day)}
        assert [each["item_id"] for each in answer.data["items"]] == list(tab.rows)

    # the bank

    def deed(self, call: Callable[[], Answer], decide: Callable[[], list[Told]]) -> None:
        """The same as `tries` by the control plane, which refuses in its own words."""
        type(self).steps += 1
        position = self.server.position(self.name)
        try:
            told = decide()
        except Refused:
            type(self).refusals += 1
            answer = call()
            assert answer.status in (400, 409), answer.body
            assert self.server.position(self.name) == position
            assert self.callbacks() == []
            return
        self.sound = False
        answer = call()
        assert answer.status in (200, 201), (answer.body, told)
        self.holds(told)

    customers = st.sampled_from([1, 1, 1, 2, 3])

    @precondition(lambda self: self.moves < 40)
    @rule(rows=rows, customer=st.sampled_from([1, 1, 2]), currency=st.sampled_from(["EUR", "EUR", "SEK"]))
    def is_collected(self, rows: tuple[Row, ...], customer: int, currency: str) -> None:
        """Sent with a mandate, to the day of its debit: what recalls are made of."""
        scheme = next(each for each, served in SERVES.items() if served == currency)
        if not self.model.usable(customer, scheme):
            if scheme == DEBIT:
                self.imports(customer, IBAN)
            else:
                self.recurs(customer, on=True)
        usual = {"fee": None, "own_no": None, "late": False, "reversed_vat": None}
        self.creates_one(rows, customer, currency, "Email", **usual)
        if self.some_planned():
            self.waits_for_the_bank()

    @rule(
        index=some,
        customer=customers,
        how=st.sampled_from(
            [*BY_ACCOUNT, IBAN, IBAN, "on", "on", "off", "cancel", "FAILED", "ACTIVE", "b2b"]
        ),
    )
    def mandates(self, index: int, customer: int, how: str) -> None:
        """One is imported, or turned on or off; or one that is there is changed."""
        if how in ("on", "off"):
            self.recurs(customer, on=how == "on")
        elif how == IBAN or how in BY_ACCOUNT:
            self.imports(customer, how)
        elif self.model.mandates:
            self.changes_mandate(self.model.mandates[index % len(self.model.mandates)], how)

    def imports(self, customer: int, iban: str) -> None:
        body = {"customer_no": customer, "iban": iban, "signed_at": "2026-02-01 00:00:00"}
        self.does(
            lambda: self.call("POST", "/sepa_dd_mandate", body), lambda: self.model.imports(customer, iban)
        )
        self.knows_mandate()

    def knows_mandate(self) -> None:
        listed = self.server.mock("GET", f"/accounts/{self.name}/payment-sources").json
        for mandate, each in zip(self.model.mandates, listed, strict=True):
            mandate.id = each["id"]
            assert (each["customer_no"], each["scheme"]) == (mandate.customer, mandate.scheme)
            status = "usable" if each["status"] in ("ACTIVE", "PENDING") else each["status"]
            assert status == mandate.status

    def recurs(self, customer: int, *, on: bool) -> None:
        path = f"/customers/{customer}/simulate/{'enable' if on else 'disable'}-recurring"
        body = {"type": "autogiro"} if on else {}
        turn = self.model.turns_on if on else self.model.turns_off
        self.deed(lambda: self.mock("POST", path, body), lambda: turn(customer))
        self.knows_mandate()

    def changes_mandate(self, mandate: Mandate, how: str) -> None:
        if how == "cancel":
            path = f"/payment_source/{mandate.id}/cancel"
            with suppress(Refused):
                self.does(lambda: self.call("POST", path), lambda: self.model.cancels(mandate))
        else:
            path, body = f"/payment-sources/{mandate.id}", {"b2b": True} if how == "b2b" else {"status": how}
            status = None if how == "b2b" else how
            self.deed(
                lambda: self.mock("PATCH", path, body),
                lambda: self.model.changes(mandate, status, b2b=True if how == "b2b" else None),
            )
        self.knows_mandate()

    @rule(index=some, what=st.integers(0, 3), plan=st.lists(st.sampled_from(OUTCOMES), max_size=4))
    def lays_down(self, index: int, what: int, plan: list[Outcome]) -> None:
        """For a billogram, a mandate, a customer or the account."""
        match: dict[str, Any] | None = None
        key = ""
        if what == 0 and self.model.billograms:
            key = list(self.model.billograms)[index % len(self.model.billograms)]
            match = {"billogram": key}
        elif what == 1 and self.model.mandates:
            mandate = self.model.mandates[index % len(self.model.mandates)]
            key, match = f"mandate {mandate.number}", {"payment_source": mandate.id}
        elif what == 2:
            key, match = f"customer {index % 3 + 1}", {"customer_no": index % 3 + 1}
        answer = self.mock("PUT", "/outcomes", {"match": match, "plan": plan})
        assert answer.status == 200, answer.body
        self.model.plans[key] = list(plan)

    @precondition(some_debit)
    @rule(
        index=some,
        days=st.sampled_from([None, None, None, -1, 0, 1, 2, 9]),
        off=st.sampled_from([0, 0, 0, 1]),
    )
    def schedules(self, index: int, days: int | None, off: int) -> None:
        """The recipient plans one, or cancels what is planned."""
        key = self.pick_open(index, planned=bool(off))
        path = f"/billograms/{key}/simulate/{'cancel-scheduled' if off else 'schedule'}-payment"
        day = None if days is None or off else self.model.today + timedelta(days=days)
        body = {} if day is None else {"date": str(day)}
        decide = self.model.cancel_scheduled if off else lambda key: self.model.schedule(key, day)
        self.deed(lambda: self.mock("POST", path, body), lambda: decide(key))

    def pick_open(self, index: int, *, planned: bool) -> str:
        """Rather an open one with a planned debit, or without."""
        likely = [
            one.id
            for one in self.model.billograms.values()
            if one.internal == "Unpaid" and not one.is_credit and (one.debit is not None) == planned
        ]
        keys = list(self.model.billograms)
        return likely[index % len(likely)] if likely and index % 5 else keys[index % len(keys)]

    def some_payment(self) -> bool:
        return any(each.scheme in (DEBIT, TRANSFER) for each in self.model.payments.values())

    def pick_payment(self, index: int) -> Payment:
        """Rather one that can be taken back."""
        payments = list(self.model.payments.values())
        likely = [
            each
            for each in payments
            if each.status in ("settled", "scheduled") and each.scheme in (DEBIT, TRANSFER)
            if each.recalled < each.amount
        ]
        return likely[index % len(likely)] if likely and index % 7 else payments[index % len(payments)]

    @precondition(some_payment)
    @rule(
        index=some,
        kind=st.sampled_from(KINDS),
        code=st.sampled_from(CODES),
        share=st.one_of(st.none(), st.none(), parts, st.just(Fraction(11, 10))),
    )
    def recalls(self, index: int, kind: str | None, code: str | None, share: Fraction | None) -> None:
        payment = self.pick_payment(index)
        if kind == "possible":
            known = self.model.possible(payment)
            kind, code = known[index % len(known)] if known else None, None
        left = payment.amount - payment.recalled
        amount = None if share is None else Fraction(int(left * share * 100), 100)
        if amount is not None and amount <= 0:
            return
        self.takes_back(payment, kind, code, amount, None)

    @precondition(some_payment)
    @rule(
        index=some,
        shares=st.lists(parts, min_size=1, max_size=3),
        more=st.sampled_from([None, ZERO, Fraction(5)]),
    )
    def recalls_shares(self, index: int, shares: list[Fraction], more: Fraction | None) -> None:
        """From the billograms that are named, the last first; `more` from what is on none."""
        payment = self.pick_payment(index)
        named: dict[str, Fraction] = {}
        for each, share in zip(reversed(payment.shares), shares, strict=False):
            part = Fraction(int(each.amount * share * 100), 100)
            if part > 0:
                named[each.billogram] = named.get(each.billogram, ZERO) + part
        if named:
            amount = None if more is None else sum(named.values(), more)
            self.takes_back(payment, None, None, amount, list(named.items()))

    def takes_back(
        self,
        payment: Payment,
        kind: str | None,
        code: str | None,
        amount: Fraction | None,
        shares: list[tuple[str, Fraction]] | None,
    ) -> None:
        body: dict[str, Any] = {"type": kind, "code": code}
        if amount is not None:
            body["amount"] = decimal(amount)
        if shares is not None:
            body["allocations"] = [{"billogram": key, "amount": decimal(part)} for key, part in shares]
        given = {name: value for name, value in body.items() if value is not None}
        path = f"/payments/{payment.real}/recall"
        self.deed(
            lambda: self.mock("POST", path, given),
            lambda: self.model.recall(payment, kind, code, amount, shares),
        )
        self.knows_mandate()

    def is_paid(self, one: Billogram, amount: Fraction) -> list[Told]:
        """By a direct debit that the bank reports."""
        body = {"amount": decimal(amount), "billogram": one.id, "scheme": DEBIT}
        type(self).steps += 1
        answer = self.mock("POST", "/payments", body)
        assert answer.status == 201, answer.body
        made = Payment(answer.json["id"], amount, unmatched=amount, day=self.model.today, scheme=DEBIT)
        told = self.model.book(made, [(one.id, amount)])
        self.holds(told)
        return told

    @precondition(some_debit)
    @rule(
        index=some,
        share=parts,
        command=st.sampled_from(["settle-underpayment", "settle-underpayment", "confirmed-loss", "writeoff"]),
        back=parts,
        then=st.one_of(st.none(), rows, rows),
    )
    def lets_go_and_is_opened_again(
        self, index: int, share: Fraction, command: str, back: Fraction, then: Any
    ) -> None:
        """Paid in part, the rest let go, and the money taken back; then other rows."""
        one = self.model.billograms[self.pick_open(index, planned=bool(index % 2))]
        if one.internal != "Unpaid" or one.is_credit:
            return
        self.is_paid(one, self.of_remaining(one.id, Fraction(1), share))
        if one.internal == "Unpaid":
            self.closes_one(one.id, command)
        payment = next(reversed(self.model.payments.values()))
        on = sum((each.amount for each in payment.shares), ZERO)
        part = Fraction(int(on * back * 100), 100)
        if part:
            self.takes_back(payment, None, None, None, [(one.id, part)])
        if then is not None:
            self.changes(one.id, rows=then)

    @precondition(some_debit)
    @rule(index=some, before=parts_or_none, after=st.lists(parts, min_size=1, max_size=3), beyond=beyond)
    def is_lost_and_paid_after_all(
        self, index: int, before: Fraction | None, after: list[Fraction], beyond: Fraction
    ) -> None:
        """Confirmed as lost, maybe after a part was paid; then the money comes, maybe more of it."""
        one = self.model.billograms[self.pick_open(index, planned=bool(index % 2))]
        if one.internal != "Unpaid" or one.is_credit:
            return
        if before is not None:
            self.is_paid(one, self.of_remaining(one.id, Fraction(1), before))
        if one.internal == "Unpaid":
            self.closes_one(one.id, "confirmed-loss")
        for share in after:
            amount = Fraction(int(one.confirmed * share * 100), 100)
            if amount + beyond > 0:
                self.is_paid(one, amount + beyond)

    @precondition(some_payment)
    @rule(index=some, share=parts)
    def recalls_and_is_paid_again(self, index: int, share: Fraction) -> None:
        """The opposite payment brings the sums back."""
        payment = self.pick_payment(index)
        on = [each for each in payment.shares if each.amount > 0]
        if payment.status != "settled" or not on:
            return
        one, part = self.model.billograms[on[-1].billogram], Fraction(int(on[-1].amount * share * 100), 100)
        if not part:
            return
        before, lost, recalled = (one.paid, one.remaining), one.lost, payment.recalled
        self.takes_back(payment, None, None, None, [(one.id, part)])
        if payment.recalled == recalled:
            return  # SEPA forbids it
        lost = one.lost - lost
        assert (one.paid, one.remaining) == (before[0] + part, before[1] + part - lost)
        if lost and (lost != part or (one.internal, one.ended_as) != ("Ended", "Ended")):
            return  # what is paid again is for the debt, not for the loss
        told = self.is_paid(one, part)
        assert one.paid == before[0]
        assert one.remaining == before[1] or any(each.type == "Writeoff" for each in told)


def said(callback: Any) -> Any:
    """What a callback tells, in short."""
    if callback["callback_type"] == "BillogramEvent":
        event = callback["event"]
        return event["billogram_id"], event["type"], callback["billogram"]["state"]
    recall = callback["payment_recall"]
    shown = [each["billogram"] for each in recall["payables"]]
    parts = [exact(each["event"]["data"]["recalled_amount"]) for each in shown]
    assert exact(recall["total_amount"]) == sum(parts) > 0
    return [
        (each["id"], part, each["state"], exact(each["remaining_amount"]))
        for each, part in zip(shown, parts, strict=True)
    ]


def expected(told: list[Told]) -> list[Any]:
    """The same by the model; what one recall took has one callback."""
    recalls: dict[str, list[Any]] = {}
    rows: list[Any] = []
    for each in told:
        if each.recall is None:
            rows.append((each.billogram, each.type, each.state))
            continue
        if each.recall not in recalls:
            recalls[each.recall] = []
            rows.append(recalls[each.recall])
        recalls[each.recall].append((each.billogram, each.amount, each.state, each.remaining))
    return rows


def check_identity(sums: Any) -> None:
    """The equation of the sums (3.3)."""
    assert sums["remaining_sum"] == (
        sums["gross_sum"] + sums["rounding"] + sums["reminder_fee"] + sums["interest_fee"]
        + sums["credited_sum"] + sums["paid_sum"] + sums["collector_paid_sum"]
    ), sums  # fmt: skip

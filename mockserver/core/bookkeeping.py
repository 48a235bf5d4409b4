"""Bookkeeping: the vouchers of an account, a pure function of its acts (reference: behaviour 6.8).

`Books` applies acts one after the other to a state of its own and returns the vouchers of each. There is one
voucher for each act and billogram. Amounts are in öre (hundredths of the currency), and debit is positive.

The receivable of a billogram is always its unpaid principal, so most vouchers are made of differences: what
an event changes of the unpaid principal, what it waives, and what is owed to the customer. What is left over
between these and the money is claimed fees that were paid.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct, field

from mockserver.core import calendar, events, format1, money
from mockserver.core.evolve import evolve
from mockserver.core.funds import MANUAL, SETTLED, TRANSFER, IncomingPayment
from mockserver.core.model import Billogram, Content, Row
from mockserver.core.settings import Bookkeeping, bookkeeping_accounts
from mockserver.core.state import State

# The names of accounts, by the member of the settings that holds the account. The first name of an account
# that is in two members is used [A].
ACCOUNT_NAMES = {
    "account_receivable_account": "Kundfordringar",
    "factoring_receivable_account": "Fakturafordringar under factoring",
    "written_down_receivables_account": "Nedskrivna kundfordringar",
    "client_funds_account": "Klientmedel",
    "banking_account": "Bank",
    "debt_collection_funds_account": "Inkassomedel",
    "non_allocated_account": "Ej allokerade inbetalningar",
    "liabilities_customers_account": "Skulder till kunder",
    "income_account_for_vat_25": "Försäljning 25 %",
    "income_account_for_vat_12": "Försäljning 12 %",
    "income_account_for_vat_6": "Försäljning 6 %",
    "income_account_for_vat_0": "Försäljning 0 %",
    "reversed_vat_account": "Försäljning omvänd moms",
    "vat_account_for_vat_25": "Utgående moms 25 %",
    "vat_account_for_vat_12": "Utgående moms 12 %",
    "vat_account_for_vat_6": "Utgående moms 6 %",
    "interest_fee_account": "Dröjsmålsränta",
    "reminder_fee_account": "Påminnelseavgifter",
    "rounding_account": "Öresavrundning",
    "expected_loss_account": "Kundförluster",
}
SEK = "SEK"

_SENT = (events.BillogramSent, events.FactoringDenied, events.BillogramSold)
_MONEY = (events.Payment, events.CollectorPayment)
_DEFAULTS = Bookkeeping(financial_year_start="2026-01")

Objects = tuple[tuple[str, str], ...]  # dimension and object of an income leg
Key = tuple[str, Objects]
Amounts = dict[Key, Decimal]  # in the currency, debit positive


class Leg(Struct, frozen=True):
    """One line of a voucher. `amount` is in öre, and debit is positive."""

    account: str
    amount: int
    objects: Objects = ()


class Voucher(Struct, frozen=True):
    """One voucher: its local day, text, currency, billogram and legs by ascending account. They add up to 0.

    `billogram` is None for money that is on no billogram.
    """

    day: date
    text: str
    currency: str
    billogram: str | None
    legs: tuple[Leg, ...]


class _Claim(Struct):
    """What the books remember of a billogram, in its currency."""

    # the income account that a sale used, by that of the row, its VAT rate and whether the VAT is reversed: a
    # credit uses it too, also after a change of the settings
    income: dict[tuple[str, Decimal, bool], str] = field(default_factory=dict)
    sale: dict[Key, Decimal] = field(default_factory=dict)  # all that was booked of its sale
    left: dict[Key, Decimal] = field(default_factory=dict)  # and is not credited yet
    receivable: Decimal = money.ZERO  # its balance
    written_down: Decimal = money.ZERO
    reminder_paid: Decimal = money.ZERO  # of the claimed reminder fee
    interest_paid: Decimal = money.ZERO
    sold: bool = False


class _Draft(Struct):
    """A voucher while its act is read."""

    billogram: str | None
    currency: str
    text: str = ""
    amounts: Amounts = field(default_factory=dict)

    def add(self, account: str, amount: Decimal, objects: Objects = ()) -> None:
        """Add an amount to the leg of an account with these objects."""
        key = account, objects
        self.amounts[key] = money.add(self.amounts.get(key, money.ZERO), amount)


class Books:
    """The books of one account, as far as its acts have been applied."""

    def __init__(self) -> None:
        self.state = State()
        self.account_names: dict[str, str] = {}  # of all accounts that settings have named so far
        self.dimension_names: dict[str, str] = {}
        self.object_names: dict[tuple[str, str], str] = {}
        self._objects: dict[frozenset[tuple[str, str]], Objects] = {}  # in the order in which they first came
        self._claims: dict[str, _Claim] = {}
        self._came_in_on: dict[str, str] = {}  # account by payment
        self._named: Bookkeeping | None = None  # the settings whose names are known

    def written_down(self, billogram: str) -> Decimal:
        """Return how much of a billogram is written down, in its currency."""
        claim = self._claims.get(billogram)
        return money.ZERO if claim is None else claim.written_down

    def receivable(self, billogram: str) -> Decimal:
        """Return the balance of the receivable of a billogram, in its currency."""
        claim = self._claims.get(billogram)
        return money.ZERO if claim is None else claim.receivable

    def apply(self, record: events.Record) -> list[Voucher]:
        """Apply an act, and return its vouchers."""
        act = _Reading(self, record)
        for event in record.events:
            completed = format1.completed(self.state, event) if record.format == 1 else event
            act.read(completed)
            for change in evolve(self.state, completed):
                self.state.put(*change)
            act.note_after(completed)
        return act.vouchers()

    def claim(self, billogram: str) -> _Claim:
        """Return what is remembered of a billogram."""
        return self._claims.setdefault(billogram, _Claim())

    def settings(self) -> Bookkeeping:
        """Return the accounts in force, and remember their names."""
        book = self.state.account.settings.bookkeeping
        if book is not self._named:
            self._named = book
            named = {account_of(book, member): name for member, name in reversed(ACCOUNT_NAMES.items())}
            self.account_names.update(named)
            if book.objects is not None:
                self.name_objects(book.objects)
        return book

    def name_objects(self, objects: str) -> Objects:
        """Return the objects of a row, in the order in which they first came, and remember their names."""
        found = []
        for each in json.loads(objects):
            dimension, number = str(each["dimension_id"]), str(each["object_id"])
            found.append((dimension, number))
            if each.get("dimension_name"):
                self.dimension_names[dimension] = each["dimension_name"]
            if each.get("object_name"):
                self.object_names[dimension, number] = each["object_name"]
        return self._objects.setdefault(frozenset(found), tuple(found))

    def came_in_on(self, payment: str, account: str | None = None) -> str:
        """Return the account that the money of a payment came in on; `account`, if given, is it."""
        if account is not None:
            self._came_in_on[payment] = account
        return self._came_in_on.get(payment) or account_of(self.settings(), "client_funds_account")


def account_of(book: Bookkeeping, member: str) -> str:
    """Return the account of a member of the settings; the default one if it is empty [A]."""
    account: str = getattr(book, member) or getattr(_DEFAULTS, member)
    return account


def unpaid(billogram: Billogram) -> Decimal:
    """Return the unpaid principal of a sent billogram: what its receivable is; negative on a credit."""
    sums = billogram.sums
    return sums.remaining if billogram.is_credit else money.unpaid_principal(sums)


class _Reading:
    """Reads the events of one act, and makes its vouchers."""

    def __init__(self, books: Books, record: events.Record) -> None:
        self._books = books
        self._state = books.state
        self._record = record
        self._drafts: dict[str, _Draft] = {}  # by billogram, or by payment if it is on none
        self._before: dict[str, Billogram] = {}  # the billograms before the act
        self._last: Billogram | None = None  # the billogram of an event, before the event
        self._payments: dict[
            str, IncomingPayment
        ] = {}  # by the uuid of their `Payment`, as the act leaves them
        self._recalled: dict[str, IncomingPayment] = {}  # by billogram
        for event in record.events:
            if isinstance(event, events.PaymentStored):
                for part in event.payment.allocations:
                    self._payments[part.event_uuid] = event.payment
        for event in record.events:
            if isinstance(event, events.RecallMade) and event.recall.payables:
                payment = next(
                    each.payment
                    for each in record.events
                    if isinstance(each, events.PaymentStored) and each.payment.id == event.recall.payment
                )
                self._recalled |= {each.billogram: payment for each in event.recall.payables}

    def read(self, event: events.Event) -> None:
        """Look at an event before it is applied."""
        self._last = None
        if isinstance(event, events.PaymentStored):
            self._stored(event.payment)
        elif isinstance(event, events.BillogramEvent):
            key = event.mark.billogram
            self._last = self._state.billograms.get(key)
            if self._last is not None:
                self._before.setdefault(key, self._last)

    def note_after(self, event: events.Event) -> None:
        """Look at an event after it was applied: book what it changed."""
        if self._last is None or not isinstance(event, events.BillogramEvent):
            return
        before, after = self._last, self._state.billograms[event.mark.billogram]
        if isinstance(event, _SENT):
            self._invoice(event, after)
        elif isinstance(event, events.InvoiceSent):
            self._difference(event, before, after, f"Faktura {event.invoice_no}")
        elif isinstance(event, events.Credit):
            self._credit(event, before, after)
        elif isinstance(event, events.OverpaymentCustomerLiability):
            self._freed(event, after)
        elif isinstance(event, _MONEY):
            self._received(event, before, after)
        elif isinstance(event, events.OverpaymentAdjustment):
            self._adjusted(event, after)
        elif isinstance(event, events.PaymentRecalled):
            self._taken_back(event, before, after)
        elif isinstance(event, events.CreditAllocated):
            self._allocated(event, before, after)
        elif isinstance(event, events.UnderpaymentSettled | events.ConfirmedLoss):
            self._let_go(event, before, after)
        elif isinstance(event, events.Writedown):
            self._write_down(after)
        elif isinstance(event, events.RevertWritedown):
            draft = self._draft(after, f"Återförd nedskrivning faktura {after.invoice_no}")
            self._return_written_down(draft, after, money.ZERO)

    def vouchers(self) -> list[Voucher]:
        """Return the vouchers of the act. What is written down and no longer unpaid has gone back."""
        for key in self._before:
            after = self._state.billograms[key]
            left = max(unpaid(after), money.ZERO)
            if self._books.written_down(key) > left:
                draft = self._draft(after, f"Återförd nedskrivning faktura {after.invoice_no}")
                self._return_written_down(draft, after, left)
        day = calendar.local_date(self._record.at, self._state.account.timezone)
        made = []
        for draft in self._drafts.values():
            legs = _legs(draft, self._account("rounding_account"))
            if legs:
                made.append(Voucher(day, draft.text, draft.currency, draft.billogram, legs))
        return made

    # helpers

    def _account(self, member: str) -> str:
        return account_of(self._books.settings(), member)

    def _draft(self, billogram: Billogram, text: str, key: str | None = None) -> _Draft:
        key = key or billogram.id
        draft = self._drafts.get(key)
        if draft is None:
            draft = self._drafts[key] = _Draft(billogram.id, billogram.content.terms.currency)
        draft.text = draft.text or text
        return draft

    def _receivable(self, draft: _Draft, billogram: Billogram, amount: Decimal) -> None:
        """Book a change of the receivable of a billogram."""
        claim = self._books.claim(billogram.id)
        claim.receivable = money.add(claim.receivable, amount)
        name = "factoring_receivable_account" if claim.sold else "account_receivable_account"
        draft.add(self._account(name), amount)

    def _fees(self, draft: _Draft, after: Billogram, paid: Decimal) -> None:
        """Book claimed fees that were paid, the reminder fee first; negative: they are no longer paid."""
        claim = self._books.claim(after.id)
        if paid >= 0:
            room = max(money.subtract(after.sums.reminder_fee, claim.reminder_paid), money.ZERO)
            reminder = min(paid, room)
        else:
            reminder = money.negated(
                max(money.subtract(money.negated(paid), claim.interest_paid), money.ZERO)
            )
        interest = money.subtract(paid, reminder)
        claim.reminder_paid = money.add(claim.reminder_paid, reminder)
        claim.interest_paid = money.add(claim.interest_paid, interest)
        draft.add(self._account("reminder_fee_account"), money.negated(reminder))
        draft.add(self._account("interest_fee_account"), money.negated(interest))

    def _lost(self, before: Billogram, after: Billogram) -> Decimal:
        """Return by how much the lost principal has grown."""
        return money.subtract(money.waived(after.sums), money.waived(before.sums))

    # documents

    def _sale(self, claim: _Claim, content: Content) -> Amounts:
        """Return what rows and invoice fee add to the accounts of income and VAT, exactly."""
        amounts: Amounts = {}
        reversed_vat = bool(content.regional.reversed_vat)
        for row in content.items:
            self._row(amounts, claim, row, reversed_vat=reversed_vat)
        fee = content.terms.invoice_fee
        if fee:
            _add(amounts, self._account("income_account_for_vat_25"), money.negated(fee))
            if not reversed_vat:
                vat = money.percent(fee, Decimal(25))
                _add(amounts, self._account("vat_account_for_vat_25"), money.negated(vat))
        return amounts

    def _row(self, amounts: Amounts, claim: _Claim, row: Row, *, reversed_vat: bool) -> None:
        net = money.row_net(row)
        kind = row.income_account, row.vat, reversed_vat
        account = claim.income.get(kind)
        if account is None:
            account = claim.income[kind] = self._income_account(row, reversed_vat=reversed_vat)
        _add(amounts, account, money.negated(net), self._books.name_objects(row.objects))
        if not reversed_vat and row.vat:
            vat_account = row.vat_account or self._account("vat_account_for_vat_25")
            _add(amounts, vat_account, money.negated(money.percent(net, row.vat)))

    def _income_account(self, row: Row, *, reversed_vat: bool) -> str:
        # a VAT rate without an account of its own is booked like 25 % [A]
        account = row.income_account or self._account("income_account_for_vat_25")
        if reversed_vat and account == bookkeeping_accounts(self._state.account.settings, row.vat)[0]:
            return self._account("reversed_vat_account")
        return account

    def _invoice(self, event: events.LetterEvent, after: Billogram) -> None:
        claim = self._books.claim(after.id)
        claim.sold = isinstance(event, events.BillogramSold)
        name = "Såld faktura" if claim.sold else "Kreditfaktura" if after.is_credit else "Faktura"
        draft = self._draft(after, f"{name} {event.invoice_no}")
        self._receivable(draft, after, after.sums.total)
        self._book_sale(draft, claim, self._sale(claim, after.content), after.sums.total)

    def _book_sale(self, draft: _Draft, claim: _Claim, exact: Amounts, total: Decimal) -> None:
        """Book a sale, or a difference of one, of this total: rounded legs, and what makes them balance."""
        legs = {key: money.cents(amount) for key, amount in exact.items()}
        rounding = money.negated(money.add(total, *legs.values()))
        _add(legs, self._account("rounding_account"), rounding)
        for (account, objects), amount in legs.items():
            draft.add(account, amount, objects)
            for booked in (claim.sale, claim.left):
                _add(booked, account, amount, objects)

    def _difference(self, event: events.LetterEvent, before: Billogram, after: Billogram, text: str) -> None:
        """Book what a change of a sent billogram adds to its sale, or takes from it."""
        old = self._before[after.id].content
        draft, claim = self._draft(after, text), self._books.claim(after.id)
        exact = self._sale(claim, after.content)
        for (account, objects), amount in self._sale(claim, old).items():
            _add(exact, account, money.negated(amount), objects)
        total = money.subtract(after.sums.total, before.sums.total)
        self._book_sale(draft, claim, exact, total)
        self._counter(draft, before, after, total)

    def _credit(self, event: events.Credit, before: Billogram, after: Billogram) -> None:
        text = f"Kreditfaktura {event.invoice_no}"
        if self._before[after.id].content != after.content:  # by a change of the rows
            self._difference(event, before, after, text)
            return
        draft, claim = self._draft(after, text), self._books.claim(after.id)
        left = money.negated(money.add(*claim.left.values()))
        principal = min(event.amount, left)  # a credit counts principal first [A]
        if principal == left:
            exact = {key: money.negated(amount) for key, amount in claim.left.items()}
        elif event.rows:
            exact = {}
            for row in event.rows:
                self._row(exact, claim, row, reversed_vat=bool(after.content.regional.reversed_vat))
        else:
            whole = money.negated(money.add(*claim.sale.values()))
            exact = {
                key: money.precise_share(money.negated(amount), principal, whole)
                for key, amount in claim.sale.items()
                if key != (self._account("rounding_account"), ())
            }
        legs = {key: money.cents(amount) for key, amount in exact.items()}
        _add(legs, self._account("rounding_account"), money.subtract(principal, money.add(*legs.values())))
        for (account, objects), amount in legs.items():
            draft.add(account, amount, objects)
            _add(claim.left, account, amount, objects)
        self._counter(draft, before, after, money.negated(principal))

    def _counter(self, draft: _Draft, before: Billogram, after: Billogram, sale: Decimal) -> None:
        """Book the other side of a change of the sale: the receivable, what was waived, and fees.

        What is owed to the customer is an event of its own, which follows: until then it counts as fees that
        are no longer unpaid.
        """
        change = money.subtract(unpaid(after), unpaid(before))
        self._receivable(draft, after, change)
        waived = self._lost(before, after)
        if waived:
            draft.add(self._account("rounding_account"), waived)
        self._fees(draft, after, money.add(change, waived, money.negated(sale)))

    def _freed(self, event: events.OverpaymentCustomerLiability, after: Billogram) -> None:
        """Book what is owed to the customer; after a credit it is not fees that were paid."""
        draft = self._drafts.get(after.id)
        if draft is None:
            return  # of a payment that is not booked
        draft.add(self._account("liabilities_customers_account"), money.negated(event.amount))
        self._fees(draft, after, money.negated(event.amount))

    # money

    def _received(
        self, event: events.Payment | events.CollectorPayment, before: Billogram, after: Billogram
    ) -> None:
        account, text = self._money_account(event, after)
        if account is None:
            return
        draft = self._draft(after, f"{text} {after.invoice_no}")
        paid_out = after.is_credit
        amount = money.negated(event.amount) if paid_out else event.amount
        draft.add(account, amount)
        change = money.subtract(unpaid(after), unpaid(before))
        self._receivable(draft, after, change)
        lost = self._lost(before, after)
        draft.add(self._account("expected_loss_account"), lost)
        self._fees(draft, after, money.add(amount, change, lost))

    def _money_account(
        self, event: events.Payment | events.CollectorPayment, billogram: Billogram
    ) -> tuple[str | None, str]:
        """Return the account that the money came in on, and the text; no account if it is not booked [S]."""
        if isinstance(event, events.CollectorPayment):
            return self._account("debt_collection_funds_account"), "Inkassobetalning faktura"
        if billogram.is_credit:
            return self._account("banking_account"), "Utbetald kredit"
        payment, text = self._payments[event.mark.uuid], "Inbetalning faktura"
        if payment.scheme == MANUAL:
            return self._account("banking_account"), text
        if payment.scheme == TRANSFER or self._books.claim(billogram.id).sold:
            return None, text
        known = self._state.payments.get(payment.id)
        if known is not None and known.status == SETTLED:  # it was unmatched, and is now placed by hand
            return self._account("non_allocated_account"), text
        return self._books.came_in_on(payment.id, self._account("client_funds_account")), text

    def _adjusted(self, event: events.OverpaymentAdjustment, after: Billogram) -> None:
        draft = self._drafts.get(after.id)
        if draft is not None:
            draft.add(self._account("rounding_account"), money.negated(event.amount))
            self._fees(draft, after, money.negated(event.amount))

    def _taken_back(self, event: events.PaymentRecalled, before: Billogram, after: Billogram) -> None:
        payment = self._recalled[after.id]
        if payment.scheme == TRANSFER:
            return
        draft = self._draft(after, f"Återtagen betalning faktura {after.invoice_no}")
        draft.add(self._books.came_in_on(payment.id), money.negated(event.recalled_amount))
        change = money.subtract(unpaid(after), unpaid(before))
        self._receivable(draft, after, change)
        lost = self._lost(before, after)
        draft.add(self._account("expected_loss_account"), lost)
        self._fees(draft, after, money.add(change, lost, money.negated(event.recalled_amount)))

    def _stored(self, payment: IncomingPayment) -> None:
        """Book what of a payment is on no billogram: unmatched, adjusted or owed, as far as it has changed.

        What a payment adjusts or owes at first is an event of its billogram.
        """
        known = self._state.payments.get(payment.id)
        settled = known is not None and known.status == SETTLED
        if payment.status != SETTLED or payment.scheme in (TRANSFER, MANUAL):
            return
        if known is None or not settled:
            if payment.unmatched:
                account = self._books.came_in_on(payment.id, self._account("client_funds_account"))
                draft = self._unallocated(payment)
                draft.add(account, payment.unmatched)
                draft.add(self._account("non_allocated_account"), money.negated(payment.unmatched))
            return
        if payment.recalled == known.recalled:
            return
        account = self._books.came_in_on(payment.id)
        unmatched = money.subtract(known.unmatched, payment.unmatched)
        if unmatched:
            draft = self._unallocated(payment)
            draft.add(account, money.negated(unmatched))
            draft.add(self._account("non_allocated_account"), unmatched)
        for name, member in (
            ("adjustment", "rounding_account"),
            ("liability", "liabilities_customers_account"),
        ):
            taken = money.subtract(getattr(known, name), getattr(payment, name))
            if taken:
                billogram = self._state.billograms[payment.allocations[0].billogram]
                draft = self._draft(billogram, f"Återtagen betalning faktura {billogram.invoice_no}")
                draft.add(account, money.negated(taken))
                draft.add(self._account(member), taken)

    def _unallocated(self, payment: IncomingPayment) -> _Draft:
        return self._drafts.setdefault(
            f"payment {payment.id}", _Draft(None, payment.currency or SEK, "Ej allokerad inbetalning")
        )

    def _allocated(self, event: events.CreditAllocated, before: Billogram, after: Billogram) -> None:
        """Book a stand-alone credit that was used for a debit: one voucher for both."""
        target = self._state.billograms[event.target_id]
        draft = self._draft(target, f"Kvittning faktura {target.invoice_no}", event.target_id)
        change = money.subtract(unpaid(after), unpaid(before))
        self._receivable(draft, after, change)
        if after.id == event.target_id:
            self._fees(draft, after, money.add(event.amount, change))

    # losses

    def _let_go(self, event: events.BillogramEvent, before: Billogram, after: Billogram) -> None:
        lost = isinstance(event, events.ConfirmedLoss)
        text = "Konstaterad kundförlust faktura" if lost else "Underbetalning faktura"
        draft = self._draft(after, f"{text} {after.invoice_no}")
        principal = unpaid(before)
        draft.add(self._account("expected_loss_account" if lost else "rounding_account"), principal)
        self._receivable(draft, after, money.negated(principal))

    def _write_down(self, after: Billogram) -> None:
        claim, principal = self._books.claim(after.id), unpaid(after)
        draft = self._draft(after, f"Nedskrivning faktura {after.invoice_no}")
        draft.add(self._account("expected_loss_account"), principal)
        draft.add(self._account("written_down_receivables_account"), money.negated(principal))
        claim.written_down = principal

    def _return_written_down(self, draft: _Draft, after: Billogram, kept: Decimal) -> None:
        claim = self._books.claim(after.id)
        returned = money.subtract(claim.written_down, kept)
        draft.add(self._account("written_down_receivables_account"), returned)
        draft.add(self._account("expected_loss_account"), money.negated(returned))
        claim.written_down = kept


def _add(amounts: Amounts, account: str, amount: Decimal, objects: Objects = ()) -> None:
    key = account, objects
    amounts[key] = money.add(amounts.get(key, money.ZERO), amount)


def _legs(draft: _Draft, rounding_account: str) -> tuple[Leg, ...]:
    """Return the legs of a voucher, rounded to öre. The rounding account has what makes them balance."""
    amounts = {key: to_ore(amount) for key, amount in draft.amounts.items()}
    stray = sum(amounts.values())
    if stray:
        key = rounding_account, ()
        amounts[key] = amounts.get(key, 0) - stray
    return tuple(
        Leg(account, amount, objects) for (account, objects), amount in sorted(amounts.items()) if amount
    )


def to_ore(amount: Decimal) -> int:
    """Return an amount of a currency in hundredths, half away from zero."""
    return int(money.cents(amount).scaleb(2))


def balances(vouchers: Iterable[Voucher]) -> Mapping[str, int]:
    """Return the sum of each account in öre, by ascending account."""
    sums: dict[str, int] = {}
    for voucher in vouchers:
        for leg in voucher.legs:
            sums[leg.account] = sums.get(leg.account, 0) + leg.amount
    return dict(sorted(sums.items()))

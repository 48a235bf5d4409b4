"""Credit invoices (reference: behaviour 3.5)."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import product

from msgspec import UnsetType

from mockserver.core import debits, delivery, events, losses, money, payments
from mockserver.core.act import Act
from mockserver.core.inputs import CreditFields, CreditRowFields, Rows
from mockserver.core.model import Billogram, Internal, Row, Sums, Value, replace
from mockserver.core.refusal import InvalidObjectState, invalid, missing

MODES = ("full", "items", "amount", "remaining", "rest", "principal")


class CreditedAmounts(Value, frozen=True):
    """What a credit invoice credits, in the billogram's currency. `amount` includes `vat` and `fees`."""

    amount: Decimal
    vat: Decimal
    fees: Decimal
    rows: tuple[Row, ...] = ()


def credit(act: Act, billogram: Billogram, given: CreditFields) -> None:
    """Command `credit`. What was paid beyond the remaining debt is owed to the customer."""
    left = _check_creditable(billogram)
    part = _part(billogram, given, left)
    method = given.method or billogram.content.terms.delivery_method
    delivery.check_method(act, billogram, method)
    sums, freed = credited(billogram.sums, part.amount)
    act.add(
        events.Credit(
            act.mark(billogram),
            sums,
            invoice_no=act.account.highest_invoice_no + 1,
            letter_id=act.new_letter(billogram),
            delivery_method=method,
            amount=part.amount,
            vat=part.vat,
            fees=part.fees,
            rows=part.rows,
        )
    )
    delivery.deliver(act, billogram.id, method)
    if freed:
        record_liability(act, billogram.id, freed)
    losses.write_off_automatically(act, billogram.id)
    debits.sync(act, billogram.id, "credit")
    after = act.billogram(billogram.id)
    if not after.sums.remaining and after.internal is not Internal.ENDED:
        act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as="Credited"))  # [C]


def record_liability(act: Act, key: str, freed: Decimal) -> None:
    """Record that the customer is owed the paid money that a credit released [A]."""
    after = act.billogram(key)
    act.add(events.OverpaymentCustomerLiability(act.mark(after), after.sums, amount=freed))
    payments.release(act, key, freed)


def credited(sums: Sums, amount: Decimal) -> tuple[Sums, Decimal]:
    """Return the sums after a credit, and the released paid money: what exceeds the remaining sum."""
    freed = max(money.subtract(amount, sums.remaining), money.ZERO)
    return without_freed(replace(sums, credited=money.subtract(sums.credited, amount)), freed), freed


def without_freed(sums: Sums, freed: Decimal) -> Sums:
    """Return the sums without the released paid money; the collector's payments are reduced last [A]."""
    own = min(freed, money.negated(sums.paid))
    after = replace(
        sums,
        paid=money.add(sums.paid, own),
        collector_paid=money.add(sums.collector_paid, money.subtract(freed, own)),
    )
    return money.with_remaining(after)


def creditable(sums: Sums) -> Decimal:
    """Return everything that is invoiced and not credited yet, with claimed fees and interest [A]."""
    return money.add(sums.gross, sums.rounding, sums.reminder_fee, sums.interest_fee, sums.credited)


def _check_creditable(billogram: Billogram) -> Decimal:
    """Return how much can be credited. Refuse a stand-alone credit, and one with nothing left to credit."""
    if billogram.is_credit:
        raise InvalidObjectState(
            "a stand-alone credit cannot be credited",
            rule="credit.not_on_credit",
            total_sum=billogram.sums.total,
        )
    left = creditable(billogram.sums)
    if left <= 0:
        raise _nothing_left(billogram.sums)
    return left


def _nothing_left(sums: Sums) -> InvalidObjectState:
    return InvalidObjectState(
        "nothing is left to credit",
        rule="credit.left",
        credited_sum=sums.credited,
        remaining_sum=sums.remaining,
    )


def _part(billogram: Billogram, given: CreditFields, left: Decimal) -> CreditedAmounts:
    mode, sums = given.mode, billogram.sums
    if mode not in MODES:  # a bad value is checked after the state and the facts [A]
        raise invalid("mode", rule="credit.mode", mode=mode, known=MODES)
    if mode == "items":
        return _by_rows(billogram, given.items, left)
    if not isinstance(given.items, UnsetType):
        tuple(given.items)  # the rows are not used, but an invalid row is still refused
    amount = left
    if mode == "amount" and given.amount is not None:  # without an amount in full: a documented warning [C]
        amount = given.amount
        if not 0 < amount <= left:
            raise invalid("amount", rule="credit.amount", amount=amount, left=left)
    elif mode in ("remaining", "rest", "principal"):
        unpaid = money.unpaid_principal(sums) if mode == "principal" else sums.remaining
        amount = min(unpaid, left)
        if amount <= 0:
            raise _nothing_left(sums)
    return _contained(billogram, amount)


def _contained(billogram: Billogram, amount: Decimal, vat: Decimal | None = None) -> CreditedAmounts:
    """Return the amount with the VAT and the fees that it includes.

    Like a payment, it settles the principal first and then the fees, which have no VAT. The VAT is the given
    one, or the amount's share of the VAT that no document has credited yet. The last credit takes the rest of
    the VAT, so that the credits add up.
    """
    sums = billogram.sums
    earlier = [each for each in billogram.events if isinstance(each, events.Credit) and each.sums.credited]
    principals = money.add(*(money.subtract(each.amount, each.fees) for each in earlier))
    uncredited = money.subtract(sums.total, principals)
    allocated = money.subtract(money.negated(sums.credited), money.add(*(each.amount for each in earlier)))
    principal = money.unpaid_principal(sums)
    unpaid_fees = money.subtract(max(sums.remaining, money.ZERO), principal)
    fees = min(max(money.subtract(amount, principal), money.ZERO), unpaid_fees)
    fees = max(fees, money.subtract(amount, money.subtract(uncredited, allocated)))
    own = money.subtract(amount, fees)
    vat_left = booked_vat(billogram)
    if own == uncredited:
        return CreditedAmounts(amount, vat_left, fees)
    if vat is None or fees:
        vat = money.share(vat_left, own, uncredited)
    return CreditedAmounts(amount, min(max(vat, money.ZERO), max(vat_left, money.ZERO)), fees)


def booked_vat(billogram: Billogram) -> Decimal:
    """Return the VAT of the billogram's invoices minus the VAT of its credit invoices."""
    total = money.ZERO
    for each in billogram.events:
        if isinstance(each, _FIRST):
            total = money.add(total, each.sums.vat)
        elif isinstance(each, events.InvoiceSent):
            total = money.add(total, each.vat)
        elif isinstance(each, events.Credit):
            total = money.subtract(total, each.vat)
    return total


_FIRST = (events.BillogramSent, events.BillogramSold, events.FactoringDenied)


def _by_rows(
    billogram: Billogram, items: Rows[CreditRowFields] | UnsetType, left: Decimal
) -> CreditedAmounts:
    if isinstance(items, UnsetType):
        raise missing("items")
    counts, invoiced = _uncredited_counts(billogram), _InvoicedRows(billogram.content.items)
    rows = [_row(invoiced, item, ("items", index), counts) for index, item in items.numbered()]
    content = billogram.content
    sums = money.invoiced(
        [replace(row, count=-row.count, discount=-row.discount) for row in rows],
        invoice_fee=money.ZERO,
        currency=content.terms.currency,
        reversed_vat=bool(content.regional.reversed_vat),
    )
    if sums.total <= 0:
        raise invalid("items", rule="credit.sum", sum=sums.total)
    amount = min(sums.total, left)
    part = _contained(billogram, amount, sums.vat if amount == sums.total else None)
    return replace(part, rows=tuple(rows))


_Equal = tuple[str | None, str, Decimal, Decimal]


def _equal(row: Row) -> _Equal:
    """Return the values by which rows are compared: rows with equal values count as one [A]."""
    return row.item_no, row.title, row.price, row.vat


def _uncredited_counts(billogram: Billogram) -> dict[_Equal, Decimal]:
    """Return the count of each row that was invoiced and is not credited by rows yet."""
    taken_back = [row for each in billogram.events if isinstance(each, events.Credit) for row in each.rows]
    counts: dict[_Equal, Decimal] = {}
    for row in (*billogram.content.items, *taken_back):
        key = _equal(row)
        counts[key] = money.add(counts.get(key, money.ZERO), row.count)
    return counts


class _InvoicedRows:
    """The invoiced rows, equal ones together, by the values that a credited row can name them with."""

    def __init__(self, rows: Iterable[Row]) -> None:
        equal: dict[_Equal, list[Row]] = {}
        for row in rows:
            equal.setdefault(_equal(row), []).append(row)
        self._found: dict[tuple[object, ...], Row] = {}
        for key, group in equal.items():
            count = money.add(*(each.count for each in group))
            discount = money.add(*(each.discount for each in group))
            whole = replace(group[0], count=count, discount=discount)
            for named in product(*((value, None) for value in key)):  # whichever of the values are given
                self._found.setdefault(named, whole)

    def find(self, item: CreditRowFields, path: tuple[str | int, ...]) -> Row:
        """Return the first row that is named by number, or by title, price and VAT [A].

        Its count and discount are those of all rows that equal it.
        """
        if item.item_no is None and not item.title:
            raise missing("title", path)
        found = self._found.get((item.item_no, item.title, item.price, item.vat))
        if found is None:
            by = "title" if item.item_no is None else "item_no"
            raise invalid(by, path, rule="credit.row", **{by: item.item_no or item.title})
        return found


def _row(
    invoiced: _InvoicedRows,
    item: CreditRowFields,
    path: tuple[str | int, ...],
    counts: dict[_Equal, Decimal],
) -> Row:
    """Return one credited row: the invoiced row with a negative count and its share of the discount."""
    if item.count is None:
        raise missing("count", path)
    found = invoiced.find(item, path)
    count, key = item.count, _equal(found)
    if not 0 < -count <= counts[key]:
        raise invalid("count", path, rule="credit.count", count=count, left=counts[key])
    counts[key] = money.add(counts[key], count)
    return replace(found, count=count, discount=money.precise_share(found.discount, count, found.count))

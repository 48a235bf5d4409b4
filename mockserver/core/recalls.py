"""Recalls: R-transactions that take a payment back or stop a planned one (reference: behaviour 8.1, 8.2)."""

from decimal import Decimal

from mockserver.core import debits, dunning_dates, events, losses, money, numbers, sepa, sources
from mockserver.core.act import Act
from mockserver.core.funds import SCHEDULED, SEPA, Allocation, IncomingPayment, Payable, PaymentSource, Recall
from mockserver.core.model import Billogram, Internal, Value, replace
from mockserver.core.refusal import InvalidObjectState, Refusal
from mockserver.core.state import SOURCE


class RecallRequest(Value, frozen=True):
    """A recall as requested. None means the usual type or code, the whole amount, or shares in order."""

    type: str | None = None
    code: str | None = None
    amount: Decimal | None = None
    fee: Decimal = money.ZERO
    message: str | None = None
    shares: tuple[tuple[str, Decimal], ...] | None = None


def recall(act: Act, payment: IncomingPayment, request: RecallRequest) -> Recall:
    """Take a payment back, or stop a planned one. Raise InvalidObjectState if SEPA does not allow it."""
    kind = sepa.kind_of(payment, request.type)
    if kind not in sepa.TABLE or request.type == sepa.TRANSFER_RECALL:
        raise InvalidObjectState(
            f"SEPA knows no {kind}",
            rule="sepa.type",
            hint=f"one of {', '.join(name for name in sepa.TABLE if ' ' not in name)}",
            type=kind,
        )
    code = request.code or sepa.TABLE[kind].default
    sepa.check(payment, kind, code, act.today)
    if payment.status == SCHEDULED:
        return _cancel_planned(act, payment, kind, code, request)
    return _recall_settled(act, payment, kind, code, request)


def recall_as_planned(act: Act, payment: IncomingPayment) -> None:
    """Carry out a planned recall. If it is no longer possible, record that it was dropped."""
    planned = payment.planned_recall
    assert planned is not None, "it was on the agenda"
    try:
        recall(act, replace(payment, planned_recall=None), RecallRequest(planned.type, planned.code))
    except Refusal as refusal:
        act.add(events.RecallDropped(payment.id, refusal.message))


def fail(act: Act, payment: IncomingPayment, code: str) -> None:
    """Record that the bank refused a payment before settlement. There is no automatic retry."""
    assert payment.planned_for is not None, "it was planned"
    billogram = act.billogram(payment.planned_for)
    act.add(events.PaymentStored(replace(payment, status="failed", failure=code)))
    act.add(
        events.PaymentFailed(
            act.mark(billogram), billogram.sums, payment_type=payment.scheme, payment_failure_reason=code
        )
    )
    if payment.scheme != SEPA:
        after = act.billogram(billogram.id)
        act.add(events.AutogiroFailed(act.mark(after), after.sums, full_status=code))
    dunning_dates.mark_overdue_if_past(act, billogram.id)
    _end_mandate(act, payment, code)


def _end_mandate(act: Act, payment: IncomingPayment, code: str | None) -> None:
    source: PaymentSource | None = None if payment.source is None else act.find(SOURCE, payment.source)
    status = None if code is None else sepa.CODES[code].mandate
    if source is not None and status is not None and source.usable:
        sources.end(act, source, status)


def _recall_of(
    act: Act, payment: IncomingPayment, kind: str, code: str | None, request: RecallRequest, amount: Decimal
) -> Recall:
    return Recall(
        id=numbers.recall_id(act.account.seed, payment.number, payment.recalls),
        payment=payment.id,
        scheme=payment.scheme,
        type=sepa.CANCELLATION if kind == sepa.TRANSFER_RECALL else kind,
        code=code,
        message=request.message or ("" if code is None else sepa.reason_text(code)),
        executed_on=act.today,
        amount=amount,
        fee=request.fee,
    )


def _cancel_planned(
    act: Act, payment: IncomingPayment, kind: str, code: str | None, request: RecallRequest
) -> Recall:
    if request.shares is not None or request.amount not in (None, payment.amount):
        raise InvalidObjectState(  # [A]
            f"a planned payment is stopped as a whole, {payment.amount}",
            rule="sepa.whole",
            hint="leave out amount and allocations",
            amount=payment.amount,
        )
    executed = _recall_of(act, payment, kind, code, request, payment.amount)
    assert payment.planned_for is not None, "it is planned"
    if kind in (sepa.REVOCATION, sepa.CANCELLATION):
        debits.cancel(act, payment.planned_for, kind)
        dunning_dates.mark_overdue_if_past(act, payment.planned_for)
    else:
        assert code is not None, "those have a reason"
        fail(act, payment, code)
    act.add(events.RecallMade(executed))
    return executed


def _recall_settled(
    act: Act, payment: IncomingPayment, kind: str, code: str | None, request: RecallRequest
) -> Recall:
    left = money.subtract(payment.amount, payment.recalled)
    free, shares = _shares(payment, request, left)
    amount = money.add(free, *(part for _, part in shares))
    payables, reduced = [], payment
    for key, part in shares:
        before, reduced = reduced, replace(reduced, allocations=_reduced(reduced.allocations, key, part))
        taken = {
            was.event_uuid: money.subtract(was.amount, now.amount)
            for was, now in zip(before.allocations, reduced.allocations, strict=True)
            if was != now
        }
        payables.append(_from_billogram(act, act.billogram(key), part, taken))
    stored = _without(reduced, free)
    act.add(
        events.PaymentStored(
            replace(
                stored,
                recalled=money.add(payment.recalled, amount),
                recalls=payment.recalls + 1,
            )
        )
    )
    _end_mandate(act, payment, code)
    executed = replace(_recall_of(act, payment, kind, code, request, amount), payables=tuple(payables))
    act.add(events.RecallMade(executed))
    return executed


def _shares(
    payment: IncomingPayment, request: RecallRequest, left: Decimal
) -> tuple[Decimal, list[tuple[str, Decimal]]]:
    """Return what is taken from the unallocated part, and from each billogram: in order, or as given [D]."""
    free = money.add(payment.unmatched, payment.adjustment, payment.liability)
    allocated = _by_billogram(payment.allocations)
    if request.shares is not None:
        shared = money.add(*(part for _, part in request.shares))
        amount = shared if request.amount is None else request.amount
        taken = money.subtract(amount, shared)
        names = [key for key, _ in request.shares]
        fits = all(0 < part <= allocated.get(key, money.ZERO) for key, part in request.shares)
        if not fits or len(set(names)) < len(names) or not 0 <= taken <= free:
            raise _too_much(
                f"of {payment.id} at most {_list_amounts(allocated)} is on billograms, and {free} on none",
                left,
            )
        return taken, list(request.shares)
    amount = left if request.amount is None else request.amount
    if not 0 < amount <= left:
        raise _too_much(f"{left} of payment {payment.id} was not taken back yet", left)
    taken = min(free, amount)
    rest, parts = money.subtract(amount, taken), []
    for each in payment.allocations:
        parts.append(replace(each, amount=min(each.amount, rest)))
        rest = money.subtract(rest, parts[-1].amount)
    assert not rest, "the parts of a payment add up to it"
    return taken, [(key, part) for key, part in _by_billogram(tuple(parts)).items() if part]


def _by_billogram(parts: tuple[Allocation, ...]) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = {}
    for each in parts:
        amounts[each.billogram] = money.add(amounts.get(each.billogram, money.ZERO), each.amount)
    return amounts


def _list_amounts(allocated: dict[str, Decimal]) -> str:
    return ", ".join(f"{amount:f} on {key}" for key, amount in allocated.items()) or "nothing"


def _too_much(message: str, left: Decimal) -> InvalidObjectState:
    return InvalidObjectState(message, rule="sepa.amount", hint=f"ask for at most {left:f}", left=left)


def _reduced(parts: tuple[Allocation, ...], key: str, amount: Decimal) -> tuple[Allocation, ...]:
    reduced = []
    for part in parts:
        taken = min(part.amount, amount) if part.billogram == key else money.ZERO
        amount = money.subtract(amount, taken)
        reduced.append(replace(part, amount=money.subtract(part.amount, taken)))
    return tuple(reduced)


def _without(payment: IncomingPayment, free: Decimal) -> IncomingPayment:
    changes = {}
    for name in ("unmatched", "adjustment", "liability"):
        taken = min(getattr(payment, name), free)
        free = money.subtract(free, taken)
        changes[name] = money.subtract(getattr(payment, name), taken)
    return replace(payment, **changes)


def _from_billogram(act: Act, billogram: Billogram, amount: Decimal, taken: dict[str, Decimal]) -> Payable:
    """Take money back from a billogram; `taken` are its parts by the uuids of their payments."""
    mark, uuids = act.mark(billogram), tuple(taken)
    recovered = losses.recoveries(billogram)
    lost = money.add(*(part for uuid, part in taken.items() if uuid in recovered))  # it is lost again [A]
    sums = money.recover(billogram.sums, money.negated(lost))
    due = money.subtract(amount, lost)
    act.add(
        events.PaymentRecalled(
            mark,
            money.with_remaining(replace(sums, paid=money.add(sums.paid, due))),
            recalled_amount=amount,
            related_payment_event_uuids=uuids,
        )
    )
    if act.billogram(billogram.id).internal is Internal.ENDED:  # only lost money was taken back
        return Payable(billogram.id, amount, mark.uuid, uuids)
    dunning = billogram.dunning
    if dunning.respite_active and dunning.respite_date is not None and dunning.respite_date < act.today:
        act.add(events.RespiteEnded(billogram.id, act.now))  # it passed while the billogram was ended
    debits.sync(act, billogram.id, "payment")
    debits.sync_autogiro_flag(act, billogram.id)
    dunning_dates.mark_overdue_if_past(act, billogram.id)
    return Payable(billogram.id, amount, mark.uuid, uuids)

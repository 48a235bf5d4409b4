"""Money that will not be paid: written-off fees, waived claims, losses (reference: behaviour 2.2, 3.3, 5)."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from mockserver.core import debits, events, money
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Internal
from mockserver.core.refusal import InvalidObjectState, on_credit

WRITTEN_DOWN = "written down"


def write_off(act: Act, billogram: Billogram) -> None:
    """Command `writeoff`: reduce fees and interest to what was paid of them. No principal may remain."""
    _check_debit(billogram, "writeoff")
    sums = billogram.sums
    principal = money.unpaid_principal(sums)
    if principal or not sums.remaining:
        raise InvalidObjectState(
            f"{principal} of the principal is not settled: only fees can be written off",
            rule="writeoff.principal",
            principal=principal,
            remaining=sums.remaining,
        )
    _drop_fees(act, billogram)
    _end(act, billogram.id, "Paid", "writeoff")


def write_off_automatically(act: Act, key: str) -> None:
    """Apply the account's `automatic_writeoff` once the principal is settled [R field, A rule].

    It does not apply in Collection [A]. The caller, which settled the principal, ends the billogram.
    """
    billogram, rule = act.billogram(key), act.account.settings.invoices.automatic_writeoff
    sums = billogram.sums
    if rule.settings != "all_fees" or billogram.internal is not Internal.UNPAID or billogram.is_credit:
        return
    if not sums.remaining or money.unpaid_principal(sums):
        return
    if rule.amount is None or sums.remaining <= rule.amount:
        _drop_fees(act, billogram)


def _drop_fees(act: Act, billogram: Billogram) -> None:
    after = money.without_unpaid_fees(billogram.sums)
    act.add(events.Writeoff(act.mark(billogram), after, amount=billogram.sums.remaining))


def settle_underpayment(act: Act, billogram: Billogram) -> None:
    """Command `settle-underpayment`: waive all that remains, with fees. Something must have been received."""
    _check_debit(billogram, "settle-underpayment")
    sums = billogram.sums
    if not money.any_received(sums):
        raise InvalidObjectState(
            "nothing was received: there is no underpayment", rule="settle-underpayment.paid", paid=sums.paid
        )
    after = money.waive(sums)
    act.add(events.UnderpaymentSettled(act.mark(billogram), after, amount=sums.remaining))
    _end(act, billogram.id, "Paid", "settled")


def confirm_loss(act: Act, billogram: Billogram) -> None:
    """Command `confirmed-loss`: book what remains as lost. No write-down is needed before [S]."""
    _check_debit(billogram, "confirmed-loss")
    sums = billogram.sums
    act.add(events.ConfirmedLoss(act.mark(billogram), money.waive(sums), amount=sums.remaining))
    _end(act, billogram.id, "Ended", "loss")


def lost_principal(billogram: Billogram) -> Decimal:
    """Return the principal that later money can still recover: of a billogram that `confirmed-loss` closed.

    What an earlier `settle-underpayment` waived is not part of it.
    """
    if billogram.internal is not Internal.ENDED or billogram.ended_as != "Ended":
        return money.ZERO
    lost = money.ZERO
    for event, change in _changes_of_waived(billogram):
        if isinstance(event, events.ConfirmedLoss | events.Payment | events.PaymentRecalled):
            lost = money.add(lost, change)
        lost = min(lost, money.waived(event.sums))  # a PUT may have waived less since
    return lost


def recoveries(billogram: Billogram) -> set[str]:
    """Return the uuids of the payments that came after a confirmed loss and recovered some of it."""
    return {
        event.mark.uuid
        for event, change in _changes_of_waived(billogram)
        if change < 0 and isinstance(event, events.Payment)
    }


def _changes_of_waived(billogram: Billogram) -> Iterator[tuple[events.BillogramEvent, Decimal]]:
    """Yield each event, and by how much the waived principal grew with it."""
    for before, event in pairwise(billogram.events):
        yield event, money.subtract(money.waived(event.sums), money.waived(before.sums))


def write_down(act: Act, billogram: Billogram) -> None:
    """Command `writedown`: set a mark for the bookkeeping. The state is unchanged [S]."""
    _check_debit(billogram, "writedown")
    if WRITTEN_DOWN in billogram.flags:
        raise InvalidObjectState("it is written down already", rule="writedown.once")
    sums = billogram.sums
    act.add(events.Writedown(act.mark(billogram), sums, amount=sums.remaining))


def revert_writedown(act: Act, billogram: Billogram) -> None:
    """Command `revert-writedown`: remove the mark of the write-down."""
    if WRITTEN_DOWN not in billogram.flags:
        raise InvalidObjectState("it is not written down", rule="revert-writedown.written_down")
    marks = [each for each in billogram.events if isinstance(each, events.Writedown)]
    act.add(events.RevertWritedown(act.mark(billogram), billogram.sums, amount=marks[-1].amount))


def _check_debit(billogram: Billogram, command: str) -> None:
    if billogram.is_credit:
        raise on_credit(command, billogram.sums.total)


def _end(act: Act, key: str, ended_as: str, reason: str) -> None:
    debits.sync(act, key, reason)
    after = act.billogram(key)
    act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as=ended_as))

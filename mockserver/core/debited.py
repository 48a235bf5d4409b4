"""What direct debits and recalls change in a billogram (reference: behaviour 6.6) [A]."""

from datetime import date
from decimal import Decimal
from typing import Any

from mockserver.core import events
from mockserver.core.funds import AUTOGIRO
from mockserver.core.model import Autogiro, Billogram, Debit, Internal, replace

ORDER_SENT, VIA_AUTOGIRO = "autogiro payment order sent", "pay via autogiro"


def with_flags(old: Billogram, *added: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the change of the flags when some are added and others are removed."""
    kept = tuple(flag for flag in old.flags if flag not in without) if old.flags else ()
    return {"flags": kept + tuple(flag for flag in added if flag not in kept) if added else kept}


def paid(old: Billogram, event: events.Payment) -> dict[str, Any]:
    """Return what a payment changes: one by the planned debit also completes that debit."""
    if event.collected:
        return {"debit": None} | _answered(old, "successful", event.amount)
    return with_flags(old, "paid on collection") if old.internal is Internal.COLLECTION else {}


def _answered(old: Billogram, status: str, amount: Decimal | None = None) -> dict[str, Any]:
    """Return what the bank's answer to an autogiro order changes; nothing for other schemes."""
    if old.debit is None or old.debit.scheme != AUTOGIRO:
        return {}
    autogiro = Autogiro(status, old.debit.day, amount)
    return {"autogiro": autogiro} | with_flags(old, without=(ORDER_SENT,))


def scheduled(old: Billogram, event: events.PaymentScheduled) -> dict[str, Any]:
    """Return what a planned debit changes."""
    day = date.fromisoformat(event.payment_date)
    debit = Debit(event.payment, day, event.payment_type, event.source)
    if event.payment_type != AUTOGIRO:
        return {"debit": debit}
    return {"debit": debit, "autogiro": Autogiro("unattested", day)} | with_flags(old, VIA_AUTOGIRO)


def replanned(old: Billogram, event: events.PaymentSystemUpdated) -> dict[str, Any]:
    """Return what changes when the debit is planned for another day or amount."""
    assert old.debit is not None, "one is planned"
    day = date.fromisoformat(event.payment_date)
    if day == old.debit.day:
        return {}
    changes: dict[str, Any] = {"debit": replace(old.debit, day=day, ordered=False)}
    if old.autogiro is not None:
        changes["autogiro"] = Autogiro("unattested", day)
    return changes | with_flags(old, without=(ORDER_SENT,))


def unplanned(
    old: Billogram, event: events.PaymentSystemCancelled | events.PaymentUserCancelled
) -> dict[str, Any]:
    """Return what changes when the debit is cancelled."""
    gone = (ORDER_SENT, VIA_AUTOGIRO) if event.payment_update_reason == "mandate" else (ORDER_SENT,)
    return {"debit": None, "autogiro": None} | with_flags(old, without=gone)


def failed(old: Billogram, event: events.PaymentFailed) -> dict[str, Any]:
    """Return what changes when the bank refuses the debit."""
    return {"debit": None} | _answered(old, "failed")


def autogiro_failed(old: Billogram, event: events.AutogiroFailed) -> dict[str, Any]:
    """Return what the bank's reason for a failed autogiro payment changes."""
    if old.autogiro is None:
        return {}
    return {"autogiro": replace(old.autogiro, full_status=event.full_status)}


def recalled(old: Billogram, event: events.PaymentRecalled) -> dict[str, Any]:
    """Return what a recall changes: an ended billogram is open again.

    It stays ended when the money had come after a confirmed loss, because nothing more remains then [A].
    """
    if old.internal is not Internal.ENDED or event.sums.remaining == old.sums.remaining:
        return {}
    # what happens once per opening can happen again; the reminders continue where they had stopped [D, A]
    dunning = replace(old.dunning, overdue=False, interest_started=False, reminded=False)
    return {"internal": Internal.UNPAID, "ended_as": None, "dunning": dunning}

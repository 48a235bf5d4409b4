"""More time to pay (reference: behaviour 6.5)."""

from datetime import date

from mockserver.core import debits, dunning_dates, events
from mockserver.core.act import Act
from mockserver.core.model import Billogram
from mockserver.core.refusal import InvalidObjectState, invalid, on_credit


def grant(act: Act, billogram: Billogram, day: date) -> None:
    """Command `respite`: give time until the end of a date after the due date [D] and after today [C].

    It replaces an active respite; the new date may be earlier.
    """
    if billogram.is_credit:
        raise on_credit("respite", billogram.sums.total)
    due = billogram.content.terms.due_date
    if day <= due or day <= act.today:
        raise invalid("date", rule="respite.date", date=day, due_date=due, today=act.today)
    act.add(events.Respite(act.mark(billogram), billogram.sums, date=day.isoformat()))
    debits.reschedule(act, billogram.id, "respite", even_if_unchanged=True)


def remove(act: Act, billogram: Billogram) -> None:
    """Command `remove-respite`. The billogram is overdue immediately if its due date has passed."""
    if not billogram.dunning.respite_active:
        raise InvalidObjectState("no respite is set", rule="remove-respite.active")
    act.add(events.RespiteRemoved(act.mark(billogram), billogram.sums))
    debits.reschedule(act, billogram.id, "respite", even_if_unchanged=True)
    dunning_dates.mark_overdue_if_past(act, billogram.id)


def end(act: Act, billogram: Billogram) -> None:
    """End a respite after its last day: by an act, so that no state depends on the time of reading."""
    act.add(events.RespiteEnded(billogram.id, act.now))

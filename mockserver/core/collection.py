"""The collection agency (reference: behaviour 6.4). Its own fee is not on the billogram [S]."""

from decimal import Decimal

from mockserver.core import debits, dunning, dunning_dates, events, money, numbers
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Internal, replace
from mockserver.core.refusal import InvalidObjectState, PermissionDenied, invalid


def collect(act: Act, billogram: Billogram) -> None:
    """Command `collect`: hand the billogram over to the agency, with the interest accrued so far."""
    if not act.account.features.collection:
        raise PermissionDenied("collection is not enabled for this account", rule="feature.collection")
    dunning.check_unpaid_in_time(act, billogram, "collect")
    hand_over(act, billogram)


def hand_over(act: Act, billogram: Billogram) -> None:
    """Hand the billogram over to the agency, with the interest accrued so far. Nothing is checked."""
    sums, claim = dunning.with_claim(act, billogram)
    act.add(
        events.Collection(
            act.mark(billogram),
            money.with_remaining(sums),
            collector_reference=_reference(act, billogram),
            day=act.today,
            claimed=claim,
        )
    )
    debits.sync(act, billogram.id, "collection")


def update_status(act: Act, billogram: Billogram) -> None:
    """Record that the agency accepted the case, on the next Swedish bank day [C, A]."""
    act.add(
        events.CollectionStatusUpdate(
            act.mark(billogram),
            billogram.sums,
            collector_reference=_reference(act, billogram),
            full_status="Collection",
        )
    )


def receive(act: Act, billogram: Billogram, amount: Decimal) -> None:
    """Book money that was paid to the agency. More than the remaining sum is refused."""
    _check_with_agency(billogram)
    sums = billogram.sums
    if amount > sums.remaining:
        raise invalid("amount", rule="simulate.collector_amount", amount=amount, remaining=sums.remaining)
    paid = replace(sums, collector_paid=money.subtract(sums.collector_paid, amount))
    act.add(
        events.CollectorPayment(
            act.mark(billogram),
            money.with_remaining(paid),
            amount=amount,
            collector_reference=_reference(act, billogram),
        )
    )
    after = act.billogram(billogram.id)
    if not after.sums.remaining:
        end(act, after)


def end(act: Act, billogram: Billogram) -> None:
    """Close the case at the agency. What was not paid stays unpaid in the sums [A]."""
    _check_with_agency(billogram)
    act.add(
        events.CollectionEnded(
            act.mark(billogram), billogram.sums, collector_reference=_reference(act, billogram)
        )
    )
    after = act.billogram(billogram.id)
    act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as="CollectorEnded"))


def cancel(act: Act, billogram: Billogram) -> None:
    """Withdraw the case and reopen the billogram. No debit is planned, as after a recall [A]."""
    _check_with_agency(billogram)
    act.add(
        events.CollectionCancelled(
            act.mark(billogram), billogram.sums, collector_reference=_reference(act, billogram)
        )
    )
    dunning_dates.mark_overdue_if_past(act, billogram.id)


def _check_with_agency(billogram: Billogram) -> None:
    if billogram.internal is not Internal.COLLECTION:
        raise InvalidObjectState(
            f"billogram {billogram.id} is not with the collection agency",
            rule="simulate.collection",
            hint="collect it first",
            state=billogram.internal,
        )


def _reference(act: Act, billogram: Billogram) -> str:
    return numbers.collector_reference(act.account.seed, billogram.number)

"""The state machine of a billogram, as two tables (reference: behaviour 2.1 and 2.2).

`TRANSITIONS` says from where each command may be given and where it leads; `public_state` names what the
API shows. The diagram in the documentation is made from the table.
"""

from msgspec import Struct

from mockserver.core import money
from mockserver.core.model import Billogram, Internal
from mockserver.core.refusal import InvalidObjectState

_A, _U, _C = Internal.UNATTESTED, Internal.UNPAID, Internal.COLLECTION
_F, _S, _E, _D = Internal.FACTORING, Internal.SOLD, Internal.ENDED, Internal.DELETED
_ALL = (_A, _U, _C, _F, _S, _E)
_CLAIMED = (_U, _C)


class Transition(Struct, frozen=True):
    """One command: its `name` in refusals, the states that allow it, and the states that it may lead to.

    Without `leads` the state is unchanged.
    """

    name: str
    sources: tuple[Internal, ...]
    leads: tuple[Internal, ...] = ()


TRANSITIONS: dict[str, Transition] = {
    "delete": Transition("Delete", (_A,), (_D,)),
    "put": Transition("Update", (_A, _U), (_E,)),
    "send": Transition("Send", (_A,), (_U, _E)),
    "sell": Transition("Sell", (_A,), (_F,)),
    "resend": Transition("Resend", (_U,)),
    "remind": Transition("Remind", (_U,)),
    "collect": Transition("Collect", (_U,), (_C,)),
    "payment": Transition("Payment", (_U, _C), (_E,)),
    "settle-underpayment": Transition("SettleUnderpayment", (_U,), (_E,)),
    "credit": Transition("Credit", (_U, _S, _E), (_E,)),
    "writeoff": Transition("Writeoff", (_U,), (_E,)),
    "writedown": Transition("Writedown", (_U, _C)),
    "revert-writedown": Transition("RevertWritedown", (_U, _C)),
    "confirmed-loss": Transition("ConfirmedLoss", (_U, _C), (_E,)),
    "respite": Transition("Respite", (_U,)),
    "remove-respite": Transition("RemoveRespite", (_U,)),
    "message": Transition("Message", _ALL),
    "attach": Transition("Attach", _ALL),
    "credit-payment": Transition("CreditPayment", (_U,), (_E,)),
    "credit-allocate": Transition("CreditAllocate", (_U,), (_E,)),
}


def check_state(billogram: Billogram, command: str) -> None:
    """Refuse a command that the billogram's state does not allow [D for delete, A for the rest]."""
    row = TRANSITIONS[command]
    if billogram.internal not in row.sources:
        raise InvalidObjectState(
            f"Event {row.name} not supported in state Billogram_State_{billogram.internal}",
            rule=f"state.{command}",
            state=billogram.internal,
            allowed=row.sources,
        )


def public_state(billogram: Billogram) -> str:
    """Return the state that the API shows. It never depends on the time of reading."""
    internal = billogram.internal
    if internal is _U:  # as `Internal.UNPAID`, which is found by a slow way
        return _unpaid_state(billogram)
    if internal is _C:
        return "Collecting" if billogram.dunning.collecting else "Collection"
    if internal is _E and billogram.ended_as is not None:
        return billogram.ended_as
    return str(internal)


def _unpaid_state(billogram: Billogram) -> str:
    """Return the first state whose condition is true, in the order of behaviour 2.1 [A]."""
    sums, dunning = billogram.sums, billogram.dunning
    if billogram.is_credit:
        return "Unpaid"
    if money.any_received(sums) and sums.remaining:  # money, not yet all of it [C]
        return "PartlyPaid"
    if dunning.respite_active:
        return "Unpaid"
    if dunning.reminded:
        count = dunning.reminder_count
        return f"Reminder_{count}" if count <= 3 else "Reminder_Many"
    if dunning.overdue:
        return "Overdue"
    if "factoring denied" in billogram.flags:
        return "FactoringDenied"
    return "Unpaid"


def flags(billogram: Billogram) -> list[str]:
    """Return the flags that events set, and those that are derived (reference: behaviour 2.3)."""
    shown = list(billogram.flags)
    claimed = billogram.internal in _CLAIMED and not billogram.is_credit
    if claimed and money.any_received(billogram.sums) and billogram.sums.remaining:
        shown.append("partly paid")
    if any(row.rotavdrag for row in billogram.content.items):
        shown.append("rot-deduction")
    return shown

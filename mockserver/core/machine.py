"""The state machine of a billogram, and the state that the API shows (reference: behaviour 2.1 and 2.2).

**Two things in one.** A billogram is a contract with a life: it is written, sent, claimed and ended. It is
also a claim for money, whose sums change all the time. Only the contract is a state machine.

**Why there are few states.** An internal state answers one question: which commands make sense now? Whether
an invoice is overdue, reminded or partly paid does not change the answer. These are facts. Events record them
in fields of the billogram (`sums`, `dunning`, `flags`), not in the state. If they were states, each
combination of them would need a state of its own.

**Derived states.** The state that the API shows is derived from the internal state and the facts.
`public_state` is a function of the billogram and of nothing else. Its result is not stored in the billogram,
so it cannot contradict the facts. `Unpaid` is shown as one of eight states. Several of their conditions can
be true at the same time, therefore the order of the conditions decides.

**No transition looks at the clock.** When time makes a difference, because a due date passes or a respite
ends, an entry of the agenda decides an act at that moment. The act changes the facts like any other act.
Reading a billogram therefore changes nothing, and two readers at different times see the same state unless
there is an act between them.

**What the table holds.** `TRANSITIONS` has a row for each command: the internal states in which the command
is allowed, and the states that it may lead to. In any other state the command is refused, and nothing
changes. The table says which transitions are possible. The rules of the command decide whether one is taken:
half a payment ends nothing. The diagram in the documentation is generated from the table.

**What the table does not hold.** Only clients give commands. What a bank, a recipient, a collection agency or
a buyer of invoices does is checked in the modules of those nouns, and `effects` has the transitions of their
events: from `Collection` to `Unpaid` (the case is withdrawn) or `Ended`, from `Factoring` to `Sold`, `Unpaid`
or `Ended`, and from `Ended` to `Unpaid` (a payment from before it ended is recalled). The states `Sending`
and `Deleted` are shown in callbacks only.
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
    """Return the state that the API shows. It does not depend on the time of reading."""
    internal = billogram.internal
    if internal is _U:  # the lookup of `Internal.UNPAID` is slow
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
    if money.any_received(sums) and sums.remaining:  # money was received, and some is missing [C]
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
    """Return the flags that events have set, and then the derived flags (reference: behaviour 2.3)."""
    shown = list(billogram.flags)
    claimed = billogram.internal in _CLAIMED and not billogram.is_credit
    if claimed and money.any_received(billogram.sums) and billogram.sums.remaining:
        shown.append("partly paid")
    if any(row.rotavdrag for row in billogram.content.items):
        shown.append("rot-deduction")
    return shown

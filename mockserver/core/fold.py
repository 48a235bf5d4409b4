"""The fold: puts the acts of a log into a state, and upgrades those of older formats."""

from mockserver.core import format1
from mockserver.core.events import FORMAT, Event, Record
from mockserver.core.evolve import evolve
from mockserver.core.model import replace
from mockserver.core.state import State


def folded(state: State, record: Record) -> Record:
    """Put what an act changed, and return the record as this version would have written it."""
    if record.format < FORMAT:
        return _upgraded(state, record)
    for event in record.events:
        _put(state, event)
    return record


def _put(state: State, event: Event) -> None:
    for change in evolve(state, event):
        state.put(*change)


def _upgraded(state: State, record: Record) -> Record:
    """A record of format 1, whose events are completed from the state before each of them."""
    completed: list[Event] = []
    for event in record.events:
        completed.append(format1.completed(state, event))
        _put(state, completed[-1])
    return replace(record, events=tuple(completed), format=FORMAT)

"""The fold: applies the acts of a log to a state, and upgrades acts of older formats."""

from collections.abc import Callable
from typing import Any

from mockserver.core import format1
from mockserver.core.events import Event, Record
from mockserver.core.evolve import applied, evolve
from mockserver.core.model import replace
from mockserver.core.state import State


def folded(state: State, record: Record, put: Callable[[str, Any, Any], Any] | None = None) -> Record:
    """Apply an act to the state, and return the record, completed if it is of format 1.

    `put`, if given, is called instead of `state.put`, and has to call it.
    """
    put = put or state.put
    # an act of formats 1 and 2 plans no report: its version made none, and the log shows what happened then
    changes = evolve if record.format >= 3 else applied
    events: list[Event] = []
    for event in record.events:
        # what a record of format 1 lacks depends on the state before each event
        completed = format1.completed(state, event) if record.format == 1 else event
        events.append(completed)
        for change in changes(state, completed):
            put(*change)
    return replace(record, events=tuple(events), format=2) if record.format == 1 else record

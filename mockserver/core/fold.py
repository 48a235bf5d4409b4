"""The fold: applies the acts of a log to a state, and upgrades acts of older formats."""

from collections.abc import Callable
from typing import Any

from mockserver.core import format1
from mockserver.core.events import FORMAT, Event, Record
from mockserver.core.evolve import evolve
from mockserver.core.model import replace
from mockserver.core.state import State


def folded(state: State, record: Record, put: Callable[[str, Any, Any], Any] | None = None) -> Record:
    """Apply an act to the state, and return the record as this version would have written it.

    `put`, if given, is called instead of `state.put`, and has to call it.
    """
    put = put or state.put
    events: list[Event] = []
    for event in record.events:
        # what a record of format 1 lacks depends on the state before each event
        completed = format1.completed(state, event) if record.format == 1 else event
        events.append(completed)
        for change in evolve(state, completed):
            put(*change)
    return record if record.format == FORMAT else replace(record, events=tuple(events), format=FORMAT)

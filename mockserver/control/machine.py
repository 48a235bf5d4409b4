"""The state machine of a billogram, for diagrams (reference: behaviour 2.2)."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypedDict

from mockserver.control.call import Answer, ControlCall
from mockserver.core.machine import OTHERS, TRANSITIONS
from mockserver.core.model import Internal
from mockserver.schema import Form, one_word

InternalState = Annotated[str, Form(one_word([str(each) for each in Internal]))]


class TransitionShape(TypedDict):
    """A command of a client, or an event that others cause: from which states, and to which."""

    by: Literal["command", "event"]
    name: str
    sources: list[InternalState]
    leads: list[InternalState]


class MachineShape(TypedDict):
    states: list[InternalState]
    transitions: list[TransitionShape]


async def fetch(call: ControlCall) -> Answer:
    """`GET /_mock/machine`: shows the internal states of billograms, and the transitions between them."""
    shown: MachineShape = {"states": [str(each) for each in Internal], "transitions": list(_transitions())}
    return Answer(shown)


def _transitions() -> Iterator[TransitionShape]:
    for name, row in TRANSITIONS.items():
        yield {"by": "command", "name": name, "sources": _words(row.sources), "leads": _words(row.leads)}
    for row in OTHERS:
        yield {"by": "event", "name": row.name, "sources": _words(row.sources), "leads": _words(row.leads)}


def _words(states: tuple[Internal, ...]) -> list[str]:
    return [str(each) for each in states]

"""The scenarios as the control plane shows and runs them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import structs
from starlette.types import ASGIApp

from mockserver.control.errors import ControlError
from mockserver.stories import arazzo, library
from mockserver.stories.arazzo import Document
from mockserver.stories.caller import Caller
from mockserver.stories.library import SCENARIOS
from mockserver.stories.remote import basic
from mockserver.stories.runs import ACCOUNT, BadInputs, run


def listing() -> list[dict[str, Any]]:
    """All that come along."""
    return [_shown(_document(name)) for name in library.names(SCENARIOS)]


def one(name: str) -> dict[str, Any]:
    """One of them, with its text; ControlError."""
    document = _document(name)
    text = library.find(SCENARIOS, name).read_text(encoding="utf-8")
    return _shown(document) | {"document": text}


def _document(name: str) -> Document:
    """By its name alone: the server reads no other file for a client."""
    if name not in library.names(SCENARIOS):
        hint = "GET /_mock/scenarios lists what there is"
        raise ControlError(404, "unknown_scenario", f"there is no scenario {name}", hint)
    return arazzo.load(library.find(SCENARIOS, name))


def _shown(document: Document) -> dict[str, Any]:
    return {
        "name": document.name,
        "title": document.title,
        "summary": document.summary,
        "sources": list(document.sources),
        "anywhere": document.anywhere,
        "workflows": [
            {
                "id": each.id,
                "summary": each.summary,
                "inputs": each.inputs,
                "steps": [step.id for step in each.steps],
                "outputs": list(each.outputs),
            }
            for each in document.workflows.values()
        ],
    }


async def perform(
    app: ASGIApp, account: str, name: str, inputs: Mapping[str, Any], token: str | None
) -> dict[str, Any]:
    """Run one in an account; ControlError."""
    document = await asyncio.to_thread(_document, name)
    if inputs.get(ACCOUNT, account) != account:
        hint = f"leave it out, or run it under /_mock/accounts/{inputs[ACCOUNT]}"
        raise ControlError(400, "invalid_body", "inputs: account is the one of the path", hint)
    try:
        done = await run(document, Caller(app, account, token), inputs, credentials=basic(account, "-"))
    except BadInputs as error:
        hint = f"GET /_mock/scenarios/{name} shows the inputs"
        raise ControlError(400, "invalid_body", f"inputs: {error}", hint) from None
    return {key: value for key, value in structs.asdict(done).items() if key != "file"}

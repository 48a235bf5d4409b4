"""Scenarios: the library, and one with its inputs, its source and its run step by step."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from mockserver.ui.forms import PREFIX, TEXT, Field, label_of
from mockserver.ui.page import Form, Page, PageCall

_OWN = ("account", "authorization")  # inputs that the server fills in


class Runnable(Struct, frozen=True):
    """A workflow of a scenario, and the form that runs it."""

    workflow: Any
    form: Form
    empties: bool  # whether a step resets the account


async def listing(call: PageCall) -> Page:
    """Show the scenarios of the library."""
    return Page("scenarios.html", {"found": await call.client.get("scenarios")})


async def one(call: PageCall) -> Page:
    """Show a scenario with the forms that run it, and the run that was just made."""
    name = call.params["name"]
    scenario = await call.client.get("scenarios", name)
    workflows = [
        Runnable(each, _form(call, name, each), "resetAccount" in each["operations"])
        for each in scenario["workflows"]
    ]
    shown = call.submitted
    values = {
        "scenario": scenario,
        "workflows": workflows,
        "steps_of": {each["id"]: len(each["steps"]) for each in scenario["workflows"]},
        "run": None
        if shown is None or shown.refused or "scenario" not in (shown.answer or {})
        else shown.answer,
        "take": call.form("createSnapshot", body={"name": ""}, only=["name"], title="Take a snapshot"),
    }
    return Page("scenario.html", values)


def _form(call: PageCall, name: str, workflow: Mapping[str, Any]) -> Form:
    """Return the form that runs a workflow; the scenario describes its inputs."""
    known = {
        each: shape for each, shape in workflow["inputs"].get("properties", {}).items() if each not in _OWN
    }
    required = set(workflow["inputs"].get("required", ()))
    inputs = {each: shape["default"] for each, shape in known.items() if "default" in shape}
    form = call.form(
        "runScenario",
        {"name": name},
        {"workflow": workflow["id"], "inputs": inputs},
        only=["workflow"],
        title=f"Run {workflow['id']}",
        key=workflow["id"],
        confirm="Run it in this account?" if "resetAccount" in workflow["operations"] else "",
    )
    typed = None if form.submitted is None else form.submitted.typed
    fields = [structs.replace(form.fields[0], kind="hidden", value=workflow["id"])]
    for each, shape in known.items():
        kind = shape.get("type")
        field = f"{TEXT if kind == 'string' else PREFIX}inputs.{each}"
        fields.append(
            Field(
                name=field,
                label=label_of(each),
                kind="number" if kind in ("number", "integer") else "text",
                value=str(shape.get("default", "")) if typed is None else typed.get(field, ""),
                required=each in required,
                help=shape.get("description", ""),
            )
        )
    return structs.replace(form, fields=fields)

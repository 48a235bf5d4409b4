"""Builds the explanation of a refusal from the journal, the table of rules, and trials of commands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from mockserver.api.openapi import document
from mockserver.control import remedies, suggestions
from mockserver.control.deliveries import format_moment
from mockserver.control.explain_shapes import ExplainedShape, StateShape, StepShape
from mockserver.control.reasons import EVIDENCE, Reason, reason_of
from mockserver.control.remedies import Trial
from mockserver.control.requests import plain
from mockserver.core.machine import TRANSITIONS, flags, public_state
from mockserver.core.model import Internal
from mockserver.core.showing import as_number
from mockserver.core.state import State
from mockserver.schema import Schema
from mockserver.traffic import Entry
from mockserver.wire import BadJson, decode

_API = "/api/v2"
_FACTS = (
    "INVALID_OBJECT_STATE",
    "PERMISSION_DENIED",
)  # refusals because of the state of the object; others are because of the request
_OURS = ("fault", "log.unavailable")  # not rules of Billogram: the billogram is not the cause
_SHOW_FORM = ("body.value", "body.length", "required", "query.value", "query.required")


class Refused(Struct, frozen=True):
    """A refused request, parsed. `name` is its row in the table of behaviour 2.2, if it has one."""

    entry: Entry
    rule: str
    path: str  # relative to the base address
    query: Mapping[str, list[str]]
    body: Any
    whole: bool  # the journal has the whole body
    key: str | None  # of a billogram
    name: str | None

    @property
    def compared(self) -> dict[str, Any]:
        """Return the values that the rule compared, by name."""
        return self.entry.compared or {}

    def extract(self, state: State) -> State | None:
        """Copy the billogram of the request and what belongs to it; None if there is no such billogram."""
        found = None if self.key is None else state.billograms.get(self.key)
        if found is None or found.internal is Internal.DELETED:
            return None
        return remedies.extract(state, found.id, self.body)


class Context(Struct, frozen=True):
    """What an explanation needs of the account.

    `base` is scheme and host of the server for the client; `part` is a copy of the billogram, if any.
    """

    account: str
    base: str
    now: datetime
    part: State | None


def parse_refusal(entry: Entry, rule: str) -> Refused:
    """Parse a journal entry, as far as the journal has the request."""
    path, _, query = entry.path.partition("?")
    path = unquote(path).removeprefix(_API)
    whole = entry.body_size == len(entry.body)
    body: Any = None
    if whole and entry.body:
        try:
            body = decode(entry.body)
        except BadJson:
            whole = False
    steps = path.strip("/").split("/")
    key = steps[1] if steps[0] == "billogram" and len(steps) > 1 else None
    name = None
    if key is not None and len(steps) == 2:
        name = {"PUT": "put", "DELETE": "delete"}.get(entry.method)
    elif key is not None and len(steps) == 4 and steps[2] == "command" and steps[3] in TRANSITIONS:
        name = steps[3]
    return Refused(entry, rule, path, parse_qs(query, keep_blank_values=True), body, whole, key, name)


def explain(refused: Refused, context: Context) -> ExplainedShape:
    """Build the explanation. It may take long; it does not access the account, so it can run in a thread."""
    topic, reason = reason_of(refused.rule)
    entry = refused.entry
    state: StateShape | None = None
    commands: list[StepShape] = []
    how, advice, instead = _account_remedy(context.account, refused), reason.do, commands
    if context.part is not None and refused.key is not None:
        trial = Trial(context.base, context.part, context.now, refused.key)
        state, commands = _state(trial), remedies.allowed(trial)
        if refused.name is not None and refused.rule not in _OURS:
            how = _billogram_remedy(trial, refused, refused.name)
            if not how:
                advice, instead = remedies.fallback(trial, refused.name)
    values, suggested = _suggested_values(document(""), refused, reason)
    return {
        "id": entry.id,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "error": entry.error,
        "rule": refused.rule,
        "topic": topic,
        "message": entry.message or "",
        "why": reason.why,
        "evidence": [{"tag": tag, "meaning": EVIDENCE[tag]} for tag in reason.tags],
        "field": entry.field,
        "field_path": None if entry.field is None or entry.field_path is None else list(entry.field_path),
        "condition": {
            "must": reason.must,
            "values": {name: plain(value) for name, value in refused.compared.items()},
        },
        "state": state,
        "allowed": {"values": values, "commands": commands},
        "how": how,
        "advice": advice,
        "instead": instead,
        "near": suggested,
    }


def _state(trial: Trial) -> StateShape:
    billogram = trial.billogram
    dunning = billogram.dunning
    respite = dunning.respite_date if dunning.respite_active else None
    return {
        "billogram": billogram.id,
        "public": public_state(billogram),
        "internal": str(billogram.internal),
        "remaining_sum": as_number(billogram.sums.remaining),
        "due_date": billogram.content.terms.due_date.isoformat(),
        "respite_date": None if respite is None else respite.isoformat(),
        "flags": flags(billogram),
        "now": format_moment(trial.now, trial.account.timezone),
    }


def _billogram_remedy(trial: Trial, refused: Refused, name: str) -> list[StepShape]:
    """Return the steps after which the command is accepted.

    If the state of the billogram was the cause, the body stays the one that was sent, where that is possible;
    else it is a plain body.
    """
    found: list[StepShape] = []
    if refused.whole and (refused.entry.error in _FACTS or refused.rule == "delivery.data"):
        found = remedies.find_remedy(trial, name, lambda _: [refused.body])
    return found or remedies.find_remedy_with_plain_body(trial, name)


def _account_remedy(account: str, refused: Refused) -> list[StepShape]:
    """Return the steps after which the request is accepted, for rules that depend on no billogram."""
    base = remedies.account_path(account)
    family, _, member = refused.rule.partition(".")
    step: StepShape
    if family == "feature":
        body = {"features": {member: True}}
        step = {"method": "PATCH", "path": base, "body": body, "why": f"turn the feature {member} on"}
    elif refused.rule == "fault":
        step = {"method": "DELETE", "path": f"{base}/faults", "body": None, "why": "remove the faults"}
    elif refused.rule == "pdf.available":
        moment = {"to": refused.compared["available_at"].isoformat()}
        why = "move the clock to when it is available"
        step = {"method": "POST", "path": f"{base}/clock/advance", "body": moment, "why": why}
    else:
        return []
    entry = refused.entry
    again: StepShape = {
        "method": entry.method,
        "path": entry.path,
        "body": refused.body,
        "why": "the same request again",
    }
    return [step, again] if refused.whole else [step]


def _suggested_values(document: Schema, refused: Refused, reason: Reason) -> tuple[dict[str, Any], list[str]]:
    """Return the values that would be accepted, and suggestions similar to what was sent."""
    entry, compared = refused.entry, refused.compared
    place = suggestions.place_of(document, entry.method, refused.path)
    values = {
        kind: found for kind, of in reason.values.items() if (found := _value(kind, of, compared)) is not None
    }
    path, field = entry.field_path or (), entry.field
    form: Schema | None = None
    if field is not None:
        form = place.parameter(field) if refused.rule.startswith("query.") else place.member(path, field)
    if form is not None and refused.rule in _SHOW_FORM and "$ref" not in str(form):
        values["form"] = form
    match refused.rule:
        case "path.exists":
            return values, [_API + each for each in suggestions.paths(document, refused.path)]
        case "command.exists":
            return values, suggestions.commands(document, str(compared["command"]))
        case "body.unknown" if field is not None:
            return values, suggestions.keys(place, path, field)
        case "query.value":
            return values, suggestions.words(form, compared.get("value"))
        case "query.required":
            unknown_ones = [name for name in refused.query if name not in place.parameters()]
            return values, [field] if field is not None and suggestions.similar(field, unknown_ones) else []
    if field is None:
        return values, []
    one_of = {"enum": values["one_of"]} if "one_of" in values else form
    return values, suggestions.words(one_of, suggestions.sent_at(refused.body, path, field))


def _value(kind: str, of: Any, compared: Mapping[str, Any]) -> Any:
    """Fill the names of compared values into a value of the table; None if they were not compared."""
    names = of if isinstance(of, tuple) else (of,)
    found = [compared.get(each, each) for each in names]
    if kind == "one_of":
        words = found[0] if len(found) == 1 else found
        return [str(each) for each in (words.split(", ") if isinstance(words, str) else words)]
    known = [each for each in found if not isinstance(each, str) or each in compared.values()]
    if not known:
        return None
    return plain(min(known) if kind == "at_most" else max(known))

"""The page of one billogram: its life, its sums, its documents, and what can be done with it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from mockserver.ui import drawings
from mockserver.ui.client import API
from mockserver.ui.drawings import Moment
from mockserver.ui.page import Form, Page, PageCall

_RECALL = "/recall"
_DELIVERIES = 50  # the newest ones
_GROUPS = ("Commands of the API", "The bank", "The recipient and others")
_KINDS = {  # how events look on the time axis; the others are plain
    "BillogramCreated": "open",
    "BillogramSent": "open",
    "Overdue": "late",
    "InterestStarted": "late",
    "ReminderSent": "late",
    "Collection": "bad",
    "PaymentRecalled": "bad",
    "Payment": "money",
    "CollectorPayment": "money",
    "Credit": "money",
    "BillogramEnded": "done",
    "BillogramSold": "done",
}


async def one(call: PageCall) -> Page:
    """Show one billogram."""
    key = call.params["id"]
    found = await call.get("billograms", key)
    clock = await call.get("clock")
    actions = await call.get("billograms", key, "actions")
    agenda = await call.get("agenda", billogram=key)
    machine = await call.client.get("machine")
    events = list(_events(found, ZoneInfo(clock["timezone"])))
    allowed = [_form(call, each, index) for index, each in enumerate(actions["allowed"])]
    values = {
        "b": found,
        "api": {name: value for name, value in found.items() if name != "internal"},
        "events": events,
        "agenda": agenda,
        "axis": _axis(found, events, agenda, clock),
        "machine": drawings.machine(machine, found["internal"]["transitions"]),
        "table": machine["transitions"],
        "groups": [(name, [form for group, form in allowed if group == name]) for name in _GROUPS],
        "refused": actions["refused"],
        "recalls": {
            form.path.split("/")[-2]: form.id for _, form in allowed if form.path.endswith("/recall")
        },
        "documents": await call.get("billograms", key, "documents"),
        "deliveries": (await call.get("deliveries", billogram=key, limit=_DELIVERIES))[::-1],
        "payments": await call.get("payments", billogram=key),
    }
    return Page("billogram.html", values)


async def document(call: PageCall) -> Page:
    """Return the PDF of a document, as a file of this page's own session."""
    reply = await call.file("billograms", call.params["id"], "documents", f"{call.params['letter']}.pdf")
    return Page(content=reply.body, content_type=reply.headers["content-type"])


def _events(found: Mapping[str, Any], zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """Yield the events with their moment in the account's zone, and the internal state they lead to."""
    after = {each["event_uuid"]: each["after"] for each in found["internal"]["transitions"]}
    for each in found["events"]:
        at = datetime.fromisoformat(each["created_at"]).replace(tzinfo=UTC).astimezone(zone)
        yield {**each, "at": at, "after": after.get(each["event_uuid"])}


def _axis(
    found: Mapping[str, Any], events: Sequence[Any], agenda: Sequence[Any], clock: Mapping[str, Any]
) -> drawings.Axis:
    now = datetime.fromisoformat(clock["now"])
    moments = [Moment(each["at"], _label(each), _kind(each["type"])) for each in events]
    moments += [
        Moment(datetime.fromisoformat(each["at"]), each["rule"].capitalize(), future=True) for each in agenda
    ]
    dates = {} if found["attested_at"] is None else {"due": date.fromisoformat(found["due_date"])}
    if found["respite_date"] is not None:
        dates["respite to"] = date.fromisoformat(found["respite_date"])
    return drawings.axis(moments, dates, now)


def _kind(name: str) -> str:
    return "bad" if name.endswith("Failed") else _KINDS.get(name, "")


def _label(event: Mapping[str, Any]) -> str:
    """Return the words for an event: its type as words, and its number or amount."""
    words = "".join(f" {each.lower()}" if each.isupper() else each for each in event["type"]).strip()
    data = event["data"] or {}
    if "reminder_count" in data:
        words = f"{words} {data['reminder_count']}"
    elif "amount" in data:
        words = f"{words} {data['amount']:,}"
    return words.removeprefix("billogram ").capitalize()


def _form(call: PageCall, action: Mapping[str, Any], index: int) -> tuple[str, Form]:
    """Return the form of an allowed action, and its group."""
    method, path = action["method"], action["path"]
    group = _GROUPS[0 if path.startswith(f"{API}/") else 2 if "/simulate/" in path else 1]
    choices = {name: {each: each for each in values} for name, values in action["choices"].items()}
    deletes = method == "DELETE"
    form = call.form_of(
        method,
        path,
        action["body"],
        title=action["title"],
        effect=action["effect"],
        key=f"action {index}",
        choices={name: values for name, values in choices.items() if values},
        then=call.url("billograms") if deletes else "",
        confirm="Delete this draft for good? A snapshot brings it back." if deletes else "",
    )
    return group, form

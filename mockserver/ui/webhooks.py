"""Webhooks: the deliveries and one of them, the receiver, the laboratory, and the inbox."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mockserver.ui.page import Form, Page, PageCall
from mockserver.wire import BadJson, decode

PAGE = 50
STATUSES = ("failed", "pending", "delivered", "dropped")
_RECEIVER = ("url", "sign_key", "respond", "timeout", "retry_schedule", "types", "require_https")
_POLICY = ("order", "duplicate", "drop", "delay", "signature", "timestamp")
_EXPERIMENTS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("Reverse order", "The newest of those that wait together arrives first.", {"order": "reverse"}),
    (
        "Any order, each twice",
        "A copy arrives at any point after the first; a receiver should take it once.",
        {"order": "shuffle", "duplicate": 1},
    ),
    (
        "Lose one in five",
        "A lost one is never sent. Its status is dropped, and it can be replayed.",
        {"drop": 0.2},
    ),
    ("An hour late", "By the clock of the account: move the clock to let it arrive.", {"delay": "1h"}),
    ("Wrong signature", "As if the body had been changed on the way.", {"signature": "bad"}),
    ("Old key", "Signed with another key, as after a change of keys.", {"signature": "old-key"}),
    ("No signature", "Both headers are missing.", {"signature": "missing"}),
    ("Stale timestamp", "Signed correctly, ten minutes ago.", {"timestamp": "stale"}),
)


async def listing(call: PageCall) -> Page:
    """Show the deliveries, newest first, by status and type."""
    asked = {name: call.query.get(name) for name in ("status", "type", "billogram", "before", "after")}
    return Page(
        "webhooks.html",
        {
            "tab": "",
            "asked": asked,
            "statuses": STATUSES,
            "limit": PAGE,
            "found": (await call.get("deliveries", limit=PAGE, **asked))[::-1],
            "receiver": await call.get("callbacks"),
            "replay": call.form(
                "replayDeliveries", body={"status": "failed"}, submit="Replay all that failed"
            ),
            "setup": _setup(call),
            "move": call.form("advanceClock", body={"by": "30d"}),
        },
    )


def _setup(call: PageCall) -> Form:
    """Return the form whose command configures the built-in receiver."""
    return call.form("setCallbacks", body={"url": "mock:inbox", "sign_key": "test-sign-key-1"})


async def one(call: PageCall) -> Page:
    """Show one delivery with all its attempts, newest first: what was sent, signed and answered."""
    found = await call.get("deliveries", call.params["id"])
    replay = call.form("replayDelivery", {"id": found["id"]}, submit="Replay")
    return Page("webhook.html", {"d": found, "attempts": list(_attempts(found)), "replay": replay})


def _attempts(delivery: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the attempts of a delivery, newest first, with their number and readable bodies."""
    numbered = list(enumerate(delivery["attempts"], 1))
    for number, made in reversed(numbered):
        response = made["response"] or {}
        yield {
            **made,
            "number": number,
            "sent": made["request"]["headers"].get("Billogram-Signature"),
            "readable": _readable(made["request"]["body"]),
            "answered": _readable(response.get("body", "")),
        }


def _readable(text: str) -> Any:
    """Return the value of a JSON text, or None if it is none."""
    try:
        return decode(text.encode())
    except BadJson:
        return None


async def receiver(call: PageCall) -> Page:
    """Show where callbacks go, and the form that changes it."""
    found = await call.get("callbacks")
    form = call.form("setCallbacks", body=found, only=_RECEIVER, submit="Save the receiver")
    return Page(
        "webhooks_receiver.html",
        {"tab": "receiver", "receiver": found, "change": form, "setup": _setup(call)},
    )


async def laboratory(call: PageCall) -> Page:
    """Show the delivery policy: what it does, experiments that can be tried, and the form of all members."""
    policy = await call.get("delivery-policy")
    experiments = [
        (text, call.form("setDeliveryPolicy", body=body, only=_POLICY, submit=name, key=name))
        for name, text, body in _EXPERIMENTS
    ]
    return Page(
        "webhooks_laboratory.html",
        {
            "tab": "laboratory",
            "policy": policy,
            "receiver": await call.get("callbacks"),
            "experiments": experiments,
            "change": call.form("setDeliveryPolicy", body=policy, only=_POLICY, submit="Save the policy"),
            "clear": call.form("deleteDeliveryPolicy", submit="Deliver normally again"),
        },
    )


async def inbox(call: PageCall) -> Page:
    """Show what the built-in receiver got, in the order of arrival, newest first."""
    found = await call.get("inbox", limit=PAGE, before=call.query.get("before"))
    return Page(
        "webhooks_inbox.html",
        {
            "tab": "inbox",
            "found": list(_arrivals(found))[::-1],
            "limit": PAGE,
            "receiver": await call.get("callbacks"),
            "setup": _setup(call),
        },
    )


def _arrivals(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what arrived, with a note on each that came again, or after one of a later event."""
    seen: set[str] = set()
    latest: tuple[int, ...] = ()
    for row in rows:
        place = tuple(int(step) for step in row["delivery"].split("-"))
        note = "again" if row["delivery"] in seen else "after a later one" if place < latest else ""
        seen.add(row["delivery"])
        latest = max(latest, place)
        content = row["json"]
        event = content.get("event") or {}
        yield {**row, "note": note, "type": event.get("type") or content["callback_type"]}

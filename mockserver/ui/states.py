"""States of an account: snapshots, reset and deletion, forks as a tree, and two states compared."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from mockserver.ui.page import BASE, Form, Page, PageCall, page_url

_MOST = 500  # differences on a page
_SNAPSHOT, _ACCOUNT = "snapshot:", "account:"


class Node(Struct):
    """An account in the tree of forks. `account` is None when it no longer exists."""

    id: str
    account: Any
    position: int | None  # the last act that it shares with the account that it was forked from
    forks: list["Node"]


async def overview(call: PageCall) -> Page:
    """Show the snapshots of the account, and its forks."""
    accounts = await call.client.get("accounts")
    return Page(
        "states.html",
        {
            "snapshots": await call.get("snapshots"),
            "take": _take(call),
            "take_command": _take_command(call),
            "fork": call.form(
                "forkAccount",
                body={"id": "", "at": None},
                only=["id", "at"],
                title="Fork the account",
                then=page_url("accounts", "-", "states").replace("/-/", "/{id}/"),
            ),
            "tree": family(accounts, call.account),
        },
    )


async def reset(call: PageCall) -> Page:
    """Ask before a reset."""
    form = call.form(
        "resetAccount",
        body={"fixture": None, "seed": None},
        only=["fixture", "seed"],
        title="Reset",
        submit=f"Reset {call.account}",
        then=call.url("states"),
    )
    loses = (
        "All customers, billograms, payments and events of the account are removed; pending webhooks are "
        "dropped. Its id, key, webhook settings and snapshots stay. A fixture fills it anew."
    )
    return await _question(call, f"Reset {call.account}?", loses, form)


async def restore(call: PageCall) -> Page:
    """Ask before a snapshot is restored."""
    name = call.params["name"]
    form = call.form("restoreSnapshot", {"name": name}, submit=f"Restore {name}", then=call.url("states"))
    loses = "What has happened since is removed, and the clock goes back. Pending webhooks are dropped."
    return await _question(call, f"Restore the snapshot {name}?", loses, form, against=_SNAPSHOT + name)


async def forget(call: PageCall) -> Page:
    """Ask before a snapshot is deleted."""
    name = call.params["name"]
    form = call.form("deleteSnapshot", {"name": name}, submit=f"Delete {name}", then=call.url("states"))
    loses = "The account can no longer be restored to this state. The account itself does not change."
    return await _question(call, f"Delete the snapshot {name}?", loses, form, against=_SNAPSHOT + name)


async def delete(call: PageCall) -> Page:
    """Ask before the account is deleted."""
    form = call.form("deleteAccount", submit=f"Delete {call.account}", then=f"{BASE}/")
    loses = "The account and all it holds are removed, its snapshots too. Forks of it stay."
    keep = call.form(
        "forkAccount",
        body={"id": f"{call.account}-copy"[:100]},
        only=["id"],
        title="Keep a fork of it",
    )
    return await _question(call, f"Delete the account {call.account}?", loses, form, keep)


async def _question(
    call: PageCall, title: str, loses: str, form: Form, keep: Form | None = None, against: str = ""
) -> Page:
    """Return the page that asks before something is lost. `keep` is the form that keeps the present state."""
    values = {
        "title": title,
        "loses": loses,
        "form_": form,
        "keep": keep or _take(call),
        "snapshots": [each["name"] for each in await call.get("snapshots")],
        "account": await call.get(),
        "against": against,
    }
    return Page("state_question.html", values)


def _take(call: PageCall) -> Form:
    return call.form("createSnapshot", body={"name": ""}, only=["name"], title="Take a snapshot")


def _take_command(call: PageCall) -> str:
    return call.form("createSnapshot", body={"name": "before"}).curl


async def diff(call: PageCall) -> Page:
    """Show what differs between the account and a snapshot or another account."""
    snapshots = [each["name"] for each in await call.get("snapshots")]
    others = [each["id"] for each in await call.client.get("accounts") if each["id"] != call.account]
    choices = [(_SNAPSHOT + each, f"snapshot {each}") for each in snapshots]
    choices += [(_ACCOUNT + each, f"account {each}") for each in others]
    against = call.query.get("against", "")
    found = await call.get("diff", against=against) if against else None
    kinds: dict[str, int] = {}
    for each in found["differences"] if found else ():
        kinds[each["kind"]] = kinds.get(each["kind"], 0) + 1
    asked = call.query.get("kind", "")
    shown = [each for each in found["differences"] if asked in ("", each["kind"])] if found else []
    return Page(
        "state_diff.html",
        {
            "choices": choices,
            "take_command": _take_command(call),
            "against": against,
            "name": dict(choices).get(against, against),
            "found": found,
            "kinds": kinds,
            "asked": asked,
            "shown": shown[:_MOST],
            "left_out": max(0, len(shown) - _MOST),
        },
    )


def family(accounts: Iterable[Any], account: str) -> Node:
    """Return the tree of forks that an account belongs to."""
    by_id = {each["id"]: each for each in accounts}
    children: dict[str, list[str]] = {}
    for name, each in by_id.items():
        if each["forked_from"] is not None:
            children.setdefault(each["forked_from"]["id"], []).append(name)
    root, seen = account, {account}
    # the id of a deleted account can be used again, for a fork of its own fork
    while root in by_id and (origin := by_id[root]["forked_from"]) and origin["id"] not in seen:
        root = origin["id"]
        seen.add(root)
    placed: set[str] = set()

    def node(name: str) -> Node:
        placed.add(name)
        found = by_id.get(name)
        origin = None if found is None else found["forked_from"]
        forks = [node(each) for each in children.get(name, ()) if each not in placed]
        return Node(name, found, origin and origin["position"], forks)

    return node(root)

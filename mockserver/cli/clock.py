"""`mockserver clock`: shows or moves the clock of an account, over the control plane."""

import contextlib
import http.client
import json
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from mockserver.cli.bar import Bar
from mockserver.cli.control_plane import CannotRun, ask, open_response
from mockserver.masking import masked_url, masked_urls

_SHOWN = 50  # acts


def clock(given: Mapping[str, Any]) -> int:
    """Run an action on the clock. Returns 0, or 2 after one line on standard error if it is not possible."""
    try:
        account = given["account"] or _only_account(given)
        path = f"/accounts/{quote(account, safe='')}/clock"
        match given["action"]:
            case "advance":
                _advance(given, path)
            case "freeze":
                _show(ask(given, "PUT", path, {"mode": "frozen"}))
            case "live":
                body = {"mode": "live"} | ({} if given["speed"] is None else {"speed": given["speed"]})
                _show(ask(given, "PUT", path, body))
            case _:
                _show(ask(given, "GET", path))
    except CannotRun as failure:
        print(f"mockserver clock: {masked_urls(str(failure))}", file=sys.stderr)
        return 2
    return 0


def _advance(given: Mapping[str, Any], path: str) -> None:
    span: str = given["span"]
    if span == "next":
        body: dict[str, Any] = {"until": "next"}
    elif _is_moment(span):
        body = {"to": span}
    else:
        body = {"by": span}
    with Bar() as bar:
        if bar.visible:
            threading.Thread(target=_follow, args=(given, path, bar), daemon=True).start()
        moved = ask(given, "POST", f"{path}/advance", body | {"dry_run": given["dry_run"]})
    would = "would move" if given["dry_run"] else "moved"
    print(f"{would} from {moved['from']} to {moved['to']}; {moved['count']} acts on the way")
    for act in moved["happened"][:_SHOWN]:
        event_types = ", ".join(event["type"] for event in act["events"])
        print(f"  {act['at']}  {act['billogram'] or '-'}  {event_types or act['rule']}")
    if moved["count"] > _SHOWN:
        print(
            f"  and {moved['count'] - _SHOWN} more: GET {masked_url(given['url'])}/_mock{path[:-6]}/timeline"
        )


def _follow(given: Mapping[str, Any], path: str, bar: Bar) -> None:
    """Draw the progress of a move from the live timeline. Ignore errors: the move itself reports them."""
    timeline = f"{path.removesuffix('/clock')}/timeline?kind=progress"
    with (
        contextlib.suppress(OSError, ValueError, http.client.HTTPException),
        open_response(given, "GET", timeline, accept="text/event-stream") as stream,
    ):
        for line in stream:
            if not bar.visible:
                return
            if line.startswith(b"data: "):
                _draw_progress(bar, json.loads(line[6:]))


def _draw_progress(bar: Bar, payload: Mapping[str, Any]) -> None:
    start, end, now = (datetime.fromisoformat(payload[name]) for name in ("from", "to", "now"))
    done = (now - start) / (end - start) if end > start else 1.0
    bar.draw(done, f"{now.date()}  {payload['count']} acts")


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _show(shown: Any) -> None:
    speed = "" if shown["speed"] == 1 else f", {shown['speed']:g} times as fast"
    print(f"{shown['now']}  {shown['mode']}  {shown['timezone']}{speed}")


def _only_account(given: Mapping[str, Any]) -> str:
    names = [account["id"] for account in ask(given, "GET", "/accounts")]
    if len(names) == 1:
        return str(names[0])
    known = f"there are {', '.join(names[:10])}" if names else "there is none yet"
    raise CannotRun(f"name the account with --account: {known}")

"""The timeline of an account as text, for the report of a failing test."""

from collections.abc import Iterable
from typing import Any, cast

from mockserver.control.timeline import TimelineShape

ROWS = 40
_VALUES = ("amount", "recalled_amount", "delivery_method", "manual")


class Timeline(list[TimelineShape]):
    """The rows of a timeline, oldest first. `str()` makes the text of the newest ones."""

    def __init__(
        self, rows: Iterable[TimelineShape], *, account: str, seed: int, now: str, receiver: str
    ) -> None:
        super().__init__(rows)
        self._head = f"account {account}, seed {seed}, its clock shows {_moment(now)}"
        self._receiver = receiver

    def text(self, rows_shown: int | None = None) -> str:
        """All rows, or the last `rows_shown`, under a line with what is needed to reproduce them."""
        left_out = 0 if rows_shown is None else max(0, len(self) - rows_shown)
        head = [self._head]
        if left_out > 0:
            head.append(f"({left_out} earlier rows are left out)")
        if not self:
            head.append("(nothing happened)")
        shown = (
            f"{_moment(row['at'])}  {_row(cast('dict[str, Any]', row), self._receiver)}"
            for row in self[left_out:]
        )
        return "\n".join([*head, *shown])

    def __str__(self) -> str:
        return self.text(ROWS)


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")


def _row(row: dict[str, Any], receiver: str) -> str:
    match row["kind"]:
        case "request":
            text = f"{row['method']} {row['path']}"
        case "refusal":
            rule = f" by {row['rule']}" if row["rule"] else ""
            text = f"{row['method']} {row['path']}: {row['status']} {row['error']}{rule}: {row['message']}"
        case "act":
            text = "; ".join([row["rule"], *_events(row), *_state_changes(row)])
        case "delivery":
            text = _name(row) if row["url"] == receiver else f"{_name(row)} to {row['url']}"
        case _:
            attempt = row["attempt"]
            text = f"{_name(row)}: {attempt['error'] or attempt['status_code']}"
    return f"{row['kind']:<8}  {text}"


def _name(row: dict[str, Any]) -> str:
    return " ".join([row["event_type"] or row["callback_type"], *row["billograms"]])


def _events(row: dict[str, Any]) -> list[str]:
    shown = []
    for event in row["events"]:
        data = event["data"] or {}
        values = [f"{name}={data[name]}" for name in _VALUES if name in data]
        shown.append(f"{event['type']}({', '.join(values)})" if values else event["type"])
    return ([", ".join(shown)] if shown else []) or ([", ".join(row["records"])] if row["records"] else [])


def _state_changes(row: dict[str, Any]) -> list[str]:
    return [
        f"{change['billogram']}: {change['before'] or 'new'} → {change['after']}" for change in row["changes"]
    ]

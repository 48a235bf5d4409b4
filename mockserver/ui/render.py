"""Fills the templates: what every page shows around its own content, and how values are written."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from mockserver.ui.client import NotShown
from mockserver.ui.page import Page, PageCall, PageRow, page_url
from mockserver.version import __version__
from mockserver.wire import encode

NONE = "\N{EN DASH}"  # shown for a value that there is not
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ACCOUNTS = 200  # in the switcher
NAVIGATION = (
    ("", "Overview"),
    ("billograms", "Billograms"),
    ("customers", "Customers"),
    ("bank", "Bank"),
    ("books", "Books"),
    ("webhooks", "Webhooks"),
    ("outbox", "Outbox"),
    ("clock", "Clock and agenda"),
    ("timeline", "Timeline"),
    ("requests", "Requests"),
    ("coverage", "Coverage"),
    ("states", "States"),
    ("faults", "Faults"),
    ("scenarios", "Scenarios"),
)


async def render(call: PageCall, row: PageRow) -> Page:
    """Make a page with the frame around it. What an operation refuses to show becomes a message."""
    try:
        page = await row.make(call)
        if page.content is not None or page.location:
            return page
        frame = await _frame(call) if row.frame and call.account else {}
    except NotShown as problem:
        values = {
            "title": "Not found" if problem.status == 404 else "Not shown",
            "text": problem.message,
            "hint": problem.hint,
            "home": page_url(),
        }
        return Page("message.html", values, problem.status)
    shown = call.submitted
    status = 422 if shown is not None and shown.refused else page.status
    common: Mapping[str, Any] = {"call": call, "section": row.section, "submitted": shown, **frame}
    return Page(page.template, {**common, **page.values}, status)


async def _frame(call: PageCall) -> dict[str, Any]:
    """Return what is on every page of an account: its clock, the next entry of its agenda, the others."""
    accounts = await call.client.get("accounts")
    agenda = await call.get("agenda", limit=1)
    return {
        "accounts": [each["id"] for each in accounts[:_ACCOUNTS]],
        "clock": await call.get("clock"),
        "coming": agenda[0] if agenda else None,
        "navigation": [(name, label, call.url(*([name] if name else []))) for name, label in NAVIGATION],
    }


def fill(page: Page) -> str:
    """Return the HTML of a page."""
    return _environment().get_template(page.template).render(page.values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mockserver.ui"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= {"money": money, "moment": moment, "day": day, "json": as_json, "number": number}
    made.filters["weekday"] = weekday
    made.globals |= {"url": page_url, "version": __version__, "changed": changed_query}
    return made


def money(value: Any, currency: str = "") -> str:
    """Return an amount with two decimals, a space between thousands, and its currency."""
    if value is None:
        return NONE
    amount = Decimal(str(value))
    text = f"{amount:,.2f}".replace(",", "\N{NO-BREAK SPACE}").replace("-", "\N{MINUS SIGN}")
    return f"{text}\N{NO-BREAK SPACE}{currency}" if currency else text


def number(value: Any) -> str:
    """Return a number without superfluous zeros."""
    amount = Decimal(str(value))
    return f"{amount.normalize():f}" if amount else "0"


def moment(value: str | None) -> str:
    """Return a moment, which has the zone of the account, as date and time: 2026-03-02 10:00:00."""
    if not value:
        return NONE
    found = datetime.fromisoformat(value)
    return f"{found:%Y-%m-%d %H:%M:%S}"


def day(value: str | None) -> str:
    """Return the date of a moment or a date."""
    return value[:10] if value else NONE


def weekday(value: date) -> str:
    """Return a date with the name of its day: Tuesday 2026-03-10."""
    return f"{_WEEKDAYS[value.weekday()]} {value}"


def as_json(value: Any) -> str:
    """Return a value as indented JSON, for people."""
    from msgspec import json

    return json.format(encode(value), indent=2).decode()


def changed_query(query: Mapping[str, str], **changes: object) -> str:
    """Return a query string with some parameters changed; None removes one."""
    found = {**query, **{name: None if each is None else str(each) for name, each in changes.items()}}
    kept = {name: each for name, each in found.items() if each not in (None, "")}
    return "?" + urlencode(kept)

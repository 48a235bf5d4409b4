"""What the creditor writes: terms, rows, texts, the copied customer (reference: api 8.2-8.6, behaviour 3.1).

The same functions write a new draft over the defaults of the account and an old one over what it holds.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from mockserver.core import money
from mockserver.core.act import Act
from mockserver.core.calendar import LAST_DATE
from mockserver.core.model import (
    Content,
    Info,
    Item,
    Recipient,
    Reminder,
    Row,
    Sums,
    Terms,
    merged,
    replace,
)
from mockserver.core.refusal import InvalidParameterCombination, Refusal, invalid, missing
from mockserver.core.register import given_address
from mockserver.core.settings import bookkeeping_accounts

Given = dict[str, Any]  # what a client sent, read and checked at the edge: no key, not given


def new_content(act: Act, given: Given) -> Content:
    """The content of a new draft; null is the same as not given."""
    defaults = _default_terms(act)
    invoice_date = given.get("invoice_date") or defaults.invoice_date
    due_date, due_days = _due(given, invoice_date, defaults.due_days)
    dates = {"invoice_date": invoice_date, "due_date": due_date, "due_days": due_days}
    blank = Content(
        terms=_terms(act, defaults, given, dates),
        items=_rows(act, given["items"]),
        info=Info(message=act.account.settings.invoices.default_message),
        contract=given.get("contract"),
    )
    _check_https(act, given)
    groups = {name: present(given[name]) for name in _GROUPS if given.get(name)}
    return _texts(blank, groups) if groups else blank


def changed_content(act: Act, base: Content, given: Given) -> Content:
    """The content of a draft after a PUT: null puts a scalar back to its default (reference: api 1.8)."""
    old = base.terms
    sent = {name: value for name, value in given.items() if name not in _DATES or value != getattr(old, name)}
    if (sent.get("due_days") or 0) > MAX_DUE_DAYS:
        raise invalid("due_days", rule="body.value", due_days=sent["due_days"], maximum=MAX_DUE_DAYS)
    invoice_date = old.invoice_date
    if "invoice_date" in sent:
        invoice_date = sent["invoice_date"] or act.today
    days = old.due_days
    if None in (sent.get("due_days", 0), sent.get("due_date", 0)):
        days = act.account.default_due_days
    dates: Given = {"invoice_date": invoice_date}
    if any(name in sent for name in _DATES):
        dates["due_date"], dates["due_days"] = _due(sent, invoice_date, days)
    terms = _terms(act, old, sent, dates)
    items = base.items if sent.get("items") is None else _rows(act, sent["items"])
    info = dict(sent.get("info") or {})
    if info.get("message", "") is None:  # null, over a text: the account's default
        info["message"] = base.info.message and act.account.settings.invoices.default_message
    _check_https(act, sent)
    return _texts(replace(base, terms=terms, items=items), sent | {"info": info})


def _check_https(act: Act, given: Given) -> None:
    """The real service sends to https addresses only [D]; here as the account wants it [A]."""
    url = (given.get("callbacks") or {}).get("url") or ""
    if act.account.callbacks.require_https and url.startswith("http:"):
        raise invalid("url", ("callbacks",), rule="callbacks.https", url=url)


MAX_DUE_DAYS = 365  # as sent [A]
_DATES = ("invoice_date", "due_date", "due_days")
_GROUPS = ("info", "regional_sweden", "callbacks")


def sums_of(content: Content) -> Sums:
    """The sums of a billogram with this content on which nothing has happened yet."""
    return money.invoiced(
        content.items,
        invoice_fee=content.terms.invoice_fee,
        currency=content.terms.currency,
        reversed_vat=bool(content.regional.reversed_vat),
        rotavdrag=content.regional.rotavdrag,
    )


def present(given: Given | None) -> Given:
    """What was given and is not null."""
    if not given:
        return {}
    return {
        name: present(value) if isinstance(value, dict) else value
        for name, value in given.items()
        if value is not None
    }


def _texts(base: Content, given: Given) -> Content:
    return replace(
        base,
        info=merged(base.info, given.get("info") or {}),
        regional=merged(base.regional, given.get("regional_sweden") or {}),
        callbacks=merged(base.callbacks, given.get("callbacks") or {}),
        contract=given.get("contract", base.contract),
    )


def _default_terms(act: Act) -> Terms:
    account, settings = act.account, act.account.settings.invoices
    today = act.today
    return Terms(
        invoice_date=today,
        due_date=today,
        due_days=account.default_due_days,
        invoice_fee=settings.default_invoice_fee,
        reminder_fee=settings.default_reminder_fee,
        interest_rate=settings.default_interest_rate,
        automatic_reminders=bool(settings.automatic_reminders),
        show_item_gross_prices=settings.show_item_gross_prices,
        pdf_template=settings.pdf.template,
    )


def _terms(act: Act, base: Terms, given: Given, dates: Given) -> Terms:
    """The terms with these dates."""
    changes: Given = {name: given[name] for name in _PLAIN_TERMS if name in given}
    if "template" in (pdf := given.get("pdf") or {}):
        changes["pdf_template"] = pdf["template"]
    if None in changes.values():
        defaults = _default_terms(act)
        changes = {
            name: getattr(defaults, name) if value is None else value for name, value in changes.items()
        }
    for name, value in (given.get("automatic_collection") or {}).items():
        changes[_COLLECTION[name]] = bool(value) if name == "use_default_settings" else value
    return replace(base, **changes | _reminders(act, base, given) | dates)


_PLAIN_TERMS = ("currency", "invoice_fee", "reminder_fee", "interest_rate", "show_item_gross_prices")
_COLLECTION = {
    "delay_days": "collection_delay_days",
    "amount": "collection_amount",
    "use_default_settings": "collection_default_settings",
}


def _reminders(act: Act, base: Terms, given: Given) -> Given:
    """Own settings switch automatic reminders on, a lone `[]` off, null means the account's;
    `automatic_reminders` in the same body wins [D]."""
    changes: Given = {}
    if not given.keys() & _REMINDERS:
        return changes
    by_account = bool(act.account.settings.invoices.automatic_reminders)
    if "automatic_reminders_settings" in given:
        steps = given["automatic_reminders_settings"]
        changes["automatic_reminders_settings"] = tuple(Reminder(**step) for step in steps or ())
        changes["automatic_reminders"] = by_account if steps is None else bool(steps)
    if "automatic_reminders" in given:
        wanted = given["automatic_reminders"]
        own = changes.get("automatic_reminders_settings", base.automatic_reminders_settings)
        if wanted is not None or not changes:
            changes["automatic_reminders"] = by_account or bool(own) if wanted is None else wanted
    return changes


_REMINDERS = {"automatic_reminders", "automatic_reminders_settings"}


def _due(given: Given, invoice_date: date, default_days: int) -> tuple[date, int]:
    """Due date and days: either one is enough, both must agree [A]; neither, the default [D]."""
    due_date: date | None = given.get("due_date")
    due_days: int | None = given.get("due_days")
    if due_date is None:
        days = default_days if due_days is None else due_days
        if days > (LAST_DATE - invoice_date).days + 365:
            raise invalid("invoice_date", rule="billogram.due_date", invoice_date=invoice_date, due_days=days)
        return invoice_date + timedelta(days=days), days
    days = (due_date - invoice_date).days
    if days < 0:
        raise invalid("due_date", rule="billogram.due_date", due_date=due_date, invoice_date=invoice_date)
    if due_days is not None and due_days != days:
        raise InvalidParameterCombination(
            "due_date and due_days cannot be combined",
            rule="billogram.due",
            field="due_days",
            due_date=due_date,
            due_days=due_days,
        )
    return due_date, days


def _rows(act: Act, items: Sequence[Given | Refusal]) -> tuple[Row, ...]:
    return tuple(_row(act, item, ("items", index)) for index, item in enumerate(items))


def _row(act: Act, item: Given | Refusal, path: tuple[str | int, ...]) -> Row:
    """One row. A known item gives what is left out; an unknown number is that of a single-use row [C]."""
    if isinstance(item, Refusal):
        raise item
    sent = present(item)
    known = act.item(sent["item_no"]) if "item_no" in sent else None
    if known is not None:
        sent = _from_register(known, sent)
    for name in ("count", "title", "price", "vat"):
        if sent.get(name) in (None, ""):
            raise missing(name, path)
    book = sent.get("bookkeeping", {})
    income, vat_account = bookkeeping_accounts(act.account.settings, sent["vat"])
    regional = sent.get("regional_sweden", {})
    return Row(
        title=sent["title"],
        count=sent["count"],
        price=sent["price"],
        vat=sent["vat"],
        item_no=sent.get("item_no"),
        description=sent.get("description", ""),
        unit=sent.get("unit", "unit"),
        discount=sent.get("discount", money.ZERO),
        income_account=book.get("income_account") or income,
        vat_account=book.get("vat_account") or vat_account,
        objects=book.get("objects", "[]"),
        rotavdrag=regional.get("rotavdrag", False),
        electricity_collection=regional.get("electricity_collection"),
        zero_vat_reason=sent.get("zero_vat_reason"),
        zero_vat_reason_reference=sent.get("zero_vat_reason_reference"),
        external_id=sent.get("external_id"),
    )


def _from_register(item: Item, sent: Given) -> Given:
    """The row with what it leaves out taken from the item."""
    plain = {name: getattr(item, name) for name in _TAKEN_FROM_ITEM}
    book = {"income_account": item.income_account, "vat_account": item.vat_account, "objects": item.objects}
    given_book = {name: value for name, value in sent.get("bookkeeping", {}).items() if value}
    regional = {"rotavdrag": bool(item.rotavdrag)} | sent.get("regional_sweden", {})
    return plain | sent | {"bookkeeping": book | given_book, "regional_sweden": regional}


_TAKEN_FROM_ITEM = (
    "title",
    "description",
    "price",
    "vat",
    "unit",
    "zero_vat_reason",
    "zero_vat_reason_reference",
)


def overridden(copy: Recipient, given: Given) -> Recipient:
    """The copy with what was sent beside the number [S]."""
    sent = {name: value for name, value in given.items() if value is not None}
    changes: Given = {name: sent[name] for name in _COPIED_TEXTS if name in sent}
    for name in _COPIED_ADDRESSES:
        if name in sent:
            base = getattr(copy, name)
            changes[name] = given_address(base, sent[name], path=("customer", name))
    if "address" in changes:
        address = changes["address"]
        changes["address"] = replace(address, city=address.city.upper())  # [R]
    return merged(copy, changes)


_COPIED_TEXTS = ("name", "org_no", "vat_no", "email", "phone")
_COPIED_ADDRESSES = ("address", "delivery_address", "permanent_establishment_address")

"""Drafts: made, sent, deleted (reference: behaviour 3.1, 2.4, 4.1)."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mockserver.core import delivery, dunning, events, money, numbers
from mockserver.core.act import Act
from mockserver.core.model import (
    Billogram,
    Callbacks,
    Content,
    Info,
    Recipient,
    Regional,
    Reminder,
    Row,
    Terms,
    merged,
    replace,
)
from mockserver.core.refusal import (
    InvalidParameter,
    InvalidParameterCombination,
    PermissionDenied,
    Refusal,
    invalid,
    missing,
)
from mockserver.core.register import given_address
from mockserver.core.settings import InvoiceSettings, bookkeeping_accounts

Given = dict[str, Any]  # what a client sent, read and checked at the edge: no key, not given
MAX_DUE_DAYS = 365


def create(act: Act, given: Given) -> str:
    """Make a draft; returns its id.

    `given` are the members of api 8.2 that were sent; a row that the edge could not read stands among
    `items` as the refusal it is, so that the first bad row wins through all phases [C].
    """
    account = act.account
    terms = _new_terms(act, given)
    rows = _rows(act, given["items"])
    customer_no = given["customer"]["customer_no"]
    if act.find("customer", customer_no) is None:
        raise InvalidParameter(
            f"Customer with customer_no={customer_no} not found",
            rule="billogram.customer",
            field="customer_no",
            path=("customer",),
            customer_no=customer_no,
        )
    content = Content(
        terms=terms,
        items=rows,
        info=merged(Info(message=account.settings.invoices.default_message), present(given.get("info"))),
        regional=merged(Regional(), present(given.get("regional_sweden"))),
        callbacks=merged(Callbacks(), present(given.get("callbacks"))),
        contract=given.get("contract"),
    )
    sums = money.invoiced(
        rows,
        invoice_fee=terms.invoice_fee,
        currency=terms.currency,
        reversed_vat=bool(content.regional.reversed_vat),
        rotavdrag=content.regional.rotavdrag,
    )
    unique, own_number = _check_rules(act, given, sums.total)
    number = account.billograms + 1
    key = _free_id(act, number)
    uuid = numbers.event_uuid(account.seed, account.generation, number, 0)
    act.add(
        events.BillogramCreated(
            events.Mark(key, act.now, uuid),
            sums,
            number=number,
            customer_no=customer_no,
            content=content,
            recipient=_overridden(act.recipient(customer_no), given["customer"]),
            creditor_unique_value=unique,
            invoice_no=own_number,
        )
    )
    return key


def send(act: Act, billogram: Billogram, method: str | None) -> None:
    """Command `send`: numbers are assigned, the invoice is made, and what is due at once happens."""
    account = act.account
    if billogram.is_credit:
        _check_credits_allowed(act, billogram.sums.total)
    method = method or billogram.content.terms.delivery_method
    delivery.check_method(billogram, method)
    invoice_no = billogram.invoice_no or account.highest_invoice_no + 1
    act.add(
        events.BillogramSent(
            act.mark(billogram),
            billogram.sums,
            invoice_no=invoice_no,
            ocr_number=numbers.ocr_number(account.seed, invoice_no),
            link=numbers.link_token(account.seed, billogram.number),
            letter_id=numbers.letter_id(account.seed, billogram.number, billogram.letters),
            delivery_method=method,
            original_delivery_method=method,
        )
    )
    _delivered(act, act.billogram(billogram.id), method)
    after = act.billogram(billogram.id)
    if not after.sums.total:
        act.add(events.BillogramEnded(act.mark(after), after.sums, ended_as="Ended"))  # [C]
    else:
        dunning.after_sending(act, billogram.id)


def delete(act: Act, billogram: Billogram) -> None:
    """Delete a draft: its id is not found any more."""
    act.add(events.Deleted(act.mark(billogram), billogram.sums))


def present(given: Given | None) -> Given:
    """At creation null is the same as not given (reference: api 1.8)."""
    if not given:
        return {}
    return {
        name: present(value) if isinstance(value, dict) else value
        for name, value in given.items()
        if value is not None
    }


def _new_terms(act: Act, given: Given) -> Terms:
    settings: InvoiceSettings = act.account.settings.invoices
    sent = present(given)
    invoice_date = sent.get("invoice_date") or act.today
    due_date, due_days = _due(act, sent, invoice_date)
    reminders = sent.get("automatic_reminders_settings")
    automatic = bool(settings.automatic_reminders) if reminders is None else bool(reminders)
    collection = sent.get("automatic_collection", {})
    return Terms(
        invoice_date=invoice_date,
        due_date=due_date,
        due_days=due_days,
        currency=sent.get("currency", "SEK"),
        invoice_fee=sent.get("invoice_fee", settings.default_invoice_fee),
        reminder_fee=sent.get("reminder_fee", settings.default_reminder_fee),
        interest_rate=sent.get("interest_rate", settings.default_interest_rate),
        automatic_reminders=sent.get("automatic_reminders", automatic),
        automatic_reminders_settings=tuple(Reminder(**step) for step in reminders or ()),
        collection_delay_days=collection.get("delay_days"),
        collection_amount=collection.get("amount"),
        collection_default_settings=collection.get("use_default_settings", False),
        show_item_gross_prices=sent.get("show_item_gross_prices", settings.show_item_gross_prices),
        pdf_template=sent.get("pdf", {}).get("template", settings.pdf.template),
    )


def _due(act: Act, sent: Given, invoice_date: date) -> tuple[date, int]:
    """Due date and days: either one is enough, both must agree [A]; neither, the account's default [D]."""
    due_date: date | None = sent.get("due_date")
    due_days: int | None = sent.get("due_days")
    if due_date is None:
        days = act.account.default_due_days if due_days is None else due_days
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
    """One row. There is no register of items yet, so every number is that of a single-use row [C]."""
    if isinstance(item, Refusal):
        raise item
    sent = present(item)
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


def _overridden(copy: Recipient, given: Given) -> Recipient | None:
    """The copy with what was sent beside the number [S]; None when nothing was."""
    sent = present(given)
    changes: Given = {name: sent[name] for name in _COPIED_TEXTS if name in sent}
    for name in _COPIED_ADDRESSES:
        if name in sent:
            base = getattr(copy, name)
            changes[name] = given_address(base, sent[name], path=("customer", name))
    if "address" in changes:
        address = changes["address"]
        changes["address"] = replace(address, city=address.city.upper())  # [R]
    overridden = replace(copy, **changes)
    return None if overridden == copy else overridden


_COPIED_TEXTS = ("name", "org_no", "vat_no", "email", "phone")
_COPIED_ADDRESSES = ("address", "delivery_address", "permanent_establishment_address")


def _check_rules(act: Act, given: Given, total: Decimal) -> tuple[str | None, int | None]:
    """Rules of the account: unique value, own invoice number, stand-alone credits."""
    unique: str | None = given.get("creditor_unique_value")
    if unique is not None and unique in act.state.unique_values:
        raise InvalidParameter(
            "Billogram with same creditor_unique_value already exists",
            rule="billogram.creditor_unique_value",
            field="creditor_unique_value",
            path=None,
            creditor_unique_value=unique,
        )
    own_number: int | None = given.get("invoice_no")
    if own_number is not None and own_number in act.state.invoice_numbers:
        raise InvalidParameter(
            "Billogram with same invoice_no already exists",
            rule="billogram.invoice_no",
            field="invoice_no",
            path=None,
            invoice_no=own_number,
        )
    if total < 0:
        _check_credits_allowed(act, total)
    return unique, own_number


def _check_credits_allowed(act: Act, total: Decimal) -> None:
    """A negative total is a stand-alone credit, which Billogram must have switched on [D]."""
    if not act.account.features.standalone_credits:
        raise PermissionDenied(
            "stand-alone credits are not enabled for this account",
            rule="feature.standalone_credits",
            total_sum=total,
        )


def _free_id(act: Act, number: int) -> str:
    attempt = 0
    while True:
        key = numbers.billogram_id(act.account.seed, number, attempt)
        if act.find("billogram", key) is None:
            return key
        attempt += 1


def _delivered(act: Act, billogram: Billogram, method: str) -> None:
    """What is known of the delivery at once: an EDI invoice is handed over, a bad address bounces [A]."""
    mark = act.mark(billogram)
    to = billogram.recipient
    if method == "EDI":
        edi = billogram.content.regional.edi
        act.add(events.EfakturaSent(mark, billogram.sums, electronic_id=edi.electronic_id))
    elif method.startswith("Email") and delivery.bounces(to.email):
        act.add(events.DeliveryFailed(mark, billogram.sums, customer_email=to.email))
    elif method.startswith("SMS") and delivery.unreachable(to.phone):
        act.add(events.DeliverySmsFailed(mark, billogram.sums, customer_phone=to.phone))

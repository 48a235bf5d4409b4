"""What the creditor writes: terms, rows, texts, the copied customer (reference: api 8.2-8.6, behaviour 3.1).

The same functions apply a request to the account's defaults (a new draft) and to a stored billogram.
"""

from datetime import date, timedelta
from typing import TypeVar

from msgspec import UNSET, UnsetType

from mockserver.core import money
from mockserver.core.act import Act
from mockserver.core.calendar import LAST_DATE
from mockserver.core.inputs import (
    Accounts,
    BillogramChanges,
    BillogramFields,
    Collection,
    Maybe,
    Patch,
    Pdf,
    RowFields,
    RowRegional,
    Rows,
    resolve,
)
from mockserver.core.model import (
    Address,
    Callbacks,
    Content,
    Info,
    Item,
    Recipient,
    Reminder,
    Row,
    Sums,
    Terms,
    replace,
)
from mockserver.core.refusal import InvalidParameterCombination, invalid, missing
from mockserver.core.register import check_addresses
from mockserver.core.settings import bookkeeping_accounts

T = TypeVar("T")

MAX_DUE_DAYS = 365  # that a client may send [A]
MAX_ROWS = 1000  # of a billogram [A]
_NOTHING, _NO_ACCOUNTS = RowFields(), Accounts()


def new_content(act: Act, given: BillogramFields) -> Content:
    """Return the content of a new draft. Null has the same meaning as an absent member."""
    invoice_date = resolve(given.invoice_date, act.today, act.today)
    due_date, due_days = _due(
        resolve(given.due_date, None, None),
        resolve(given.due_days, None, None),
        invoice_date,
        act.account.default_due_days,
    )
    terms = _default_terms(act, invoice_date, due_date, due_days)
    blank = Content(
        terms=_terms(act, terms, given),
        items=_rows(act, given.items),
        info=Info(message=act.account.settings.invoices.default_message),
    )
    return _texts(act, blank, given, blank.info)


def changed_content(act: Act, base: Content, given: BillogramChanges) -> Content:
    """Return the content of a draft after a PUT. Null resets a scalar to its default (reference: api 1.8)."""
    terms = _terms(act, _redated(act, base.terms, given), given)
    items = base.items if isinstance(given.items, UnsetType) else _rows(act, given.items)
    message = base.info.message and act.account.settings.invoices.default_message  # the default for null
    return _texts(act, replace(base, terms=terms, items=items), given, Info(message=message))


def _redated(act: Act, old: Terms, given: BillogramChanges) -> Terms:
    """Return the terms with the dates of a PUT. A value that equals the stored one counts as absent."""
    sent_date = _changed(given.invoice_date, old.invoice_date)
    due_date = _changed(given.due_date, old.due_date)
    due_days = _changed(given.due_days, old.due_days)
    days = resolve(due_days, 0, 0)
    if days > MAX_DUE_DAYS:
        raise invalid("due_days", rule="body.value", due_days=days, maximum=MAX_DUE_DAYS)
    if sent_date is UNSET and due_date is UNSET and due_days is UNSET:
        return old
    invoice_date = resolve(sent_date, old.invoice_date, act.today)
    default_days = act.account.default_due_days if None in (due_date, due_days) else old.due_days
    due = _due(resolve(due_date, None, None), resolve(due_days, None, None), invoice_date, default_days)
    return replace(old, invoice_date=invoice_date, due_date=due[0], due_days=due[1])


def _changed(given: Maybe[T], stored: T) -> Maybe[T]:
    return UNSET if given == stored else given


def sums_of(content: Content) -> Sums:
    """Return the sums of a billogram with this content before any payment, fee or credit."""
    return money.invoiced(
        content.items,
        invoice_fee=content.terms.invoice_fee,
        currency=content.terms.currency,
        reversed_vat=bool(content.regional.reversed_vat),
        rotavdrag=content.regional.rotavdrag,
    )


def _texts(act: Act, base: Content, given: BillogramChanges, defaults: Info) -> Content:
    """Return the content with the members other than terms and rows. Null in `info` means its default."""
    _check_https(act, given.callbacks)
    contract = resolve(given.contract, base.contract, None)
    if contract == base.contract and not (given.info or given.regional_sweden or given.callbacks):
        return base
    return replace(
        base,
        info=given.info.over(base.info, defaults),
        regional=given.regional_sweden.over(base.regional),
        callbacks=given.callbacks.over(base.callbacks),
        contract=contract,
    )


def _check_https(act: Act, given: Patch[Callbacks]) -> None:
    """Refuse an http callback address if the account requires https.

    The real service sends to https addresses only [D]; here it is a setting of the account [A].
    """
    if given and act.account.callbacks.require_https:
        url = given.over(Callbacks()).url
        if url is not None and url.startswith("http:"):
            raise invalid("url", ("callbacks",), rule="callbacks.https", url=url)


def _default_terms(act: Act, invoice_date: date, due_date: date, due_days: int) -> Terms:
    settings = act.account.settings.invoices
    return Terms(
        invoice_date=invoice_date,
        due_date=due_date,
        due_days=due_days,
        invoice_fee=settings.default_invoice_fee,
        reminder_fee=settings.default_reminder_fee,
        interest_rate=settings.default_interest_rate,
        automatic_reminders=bool(settings.automatic_reminders),
        show_item_gross_prices=settings.show_item_gross_prices,
        pdf_template=settings.pdf.template,
    )


def _terms(act: Act, base: Terms, given: BillogramChanges) -> Terms:
    """Return the terms with the members of a request, except the dates."""
    if _is_untouched(given):  # most requests: this path is faster
        return base
    defaults = _default_terms(act, base.invoice_date, base.due_date, base.due_days)
    automatic, steps = _reminders(act, base, given)
    collection = given.automatic_collection.over(
        Collection(base.collection_delay_days, base.collection_amount, base.collection_default_settings)
    )
    return replace(
        base,
        currency=resolve(given.currency, base.currency, defaults.currency),
        invoice_fee=resolve(given.invoice_fee, base.invoice_fee, defaults.invoice_fee),
        reminder_fee=resolve(given.reminder_fee, base.reminder_fee, defaults.reminder_fee),
        interest_rate=resolve(given.interest_rate, base.interest_rate, defaults.interest_rate),
        show_item_gross_prices=resolve(
            given.show_item_gross_prices, base.show_item_gross_prices, defaults.show_item_gross_prices
        ),
        pdf_template=given.pdf.over(Pdf(base.pdf_template), Pdf(defaults.pdf_template)).template,
        automatic_reminders=automatic,
        automatic_reminders_settings=steps,
        collection_delay_days=collection.delay_days,
        collection_amount=collection.amount,
        collection_default_settings=collection.use_default_settings,
    )


def _is_untouched(given: BillogramChanges) -> bool:
    return (
        given.currency is UNSET
        and given.invoice_fee is UNSET
        and given.reminder_fee is UNSET
        and given.interest_rate is UNSET
        and given.show_item_gross_prices is UNSET
        and given.automatic_reminders is UNSET
        and given.automatic_reminders_settings is UNSET
        and not given.automatic_collection
        and not given.pdf
    )


def _reminders(act: Act, base: Terms, given: BillogramChanges) -> tuple[bool, tuple[Reminder, ...]]:
    """Return whether reminders are automatic, and the billogram's own sequence.

    A sequence of its own turns automatic reminders on, an empty one (`[]`) turns them off, and null means the
    account's setting. `automatic_reminders` in the same body takes precedence [D].
    """
    automatic, steps = base.automatic_reminders, base.automatic_reminders_settings
    wanted, own = given.automatic_reminders, given.automatic_reminders_settings
    by_account = bool(act.account.settings.invoices.automatic_reminders)
    if not isinstance(own, UnsetType):
        steps = own or ()
        automatic = by_account if own is None else bool(own)
    if isinstance(wanted, bool):
        automatic = wanted
    elif wanted is None and isinstance(own, UnsetType):
        automatic = by_account or bool(steps)
    return automatic, steps


def _due(
    due_date: date | None, due_days: int | None, invoice_date: date, default_days: int
) -> tuple[date, int]:
    """Return due date and due days. One of them is enough; both must agree [A]; neither: the default [D]."""
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


def _rows(act: Act, items: Rows[RowFields]) -> tuple[Row, ...]:
    return tuple([_row(act, item, ("items", index)) for index, item in items.numbered()])


def _row(act: Act, sent: RowFields, path: tuple[str | int, ...]) -> Row:
    """Return one row.

    A known item supplies what the row leaves out. An unknown item number belongs to a single-use row [C].
    """
    known = None if sent.item_no is None else act.item(sent.item_no)
    taken = _NOTHING if known is None else _from_register(known)
    title = taken.title if sent.title is None else sent.title
    price = taken.price if sent.price is None else sent.price
    vat = taken.vat if sent.vat is None else sent.vat
    if sent.count is None:
        raise missing("count", path)
    if not title:
        raise missing("title", path)
    if price is None:
        raise missing("price", path)
    if vat is None:
        raise missing("vat", path)
    own = _NO_ACCOUNTS if known is None else Accounts(known.income_account, known.vat_account, known.objects)
    book = sent.bookkeeping.over(own, own)
    income, vat_account = bookkeeping_accounts(act.account.settings, vat)
    regional = RowRegional(known is not None and bool(known.rotavdrag))
    regional = sent.regional_sweden.over(regional, regional)
    return Row(
        title=title,
        count=sent.count,
        price=price,
        vat=vat,
        item_no=sent.item_no,
        description=_first(sent.description, taken.description) or "",
        unit=_first(sent.unit, taken.unit) or "unit",
        discount=money.ZERO if sent.discount is None else sent.discount,
        income_account=book.income_account or own.income_account or income,
        vat_account=book.vat_account or own.vat_account or vat_account,
        objects=book.objects,
        rotavdrag=regional.rotavdrag,
        electricity_collection=regional.electricity_collection,
        zero_vat_reason=_first(sent.zero_vat_reason, taken.zero_vat_reason),
        zero_vat_reason_reference=_first(sent.zero_vat_reason_reference, taken.zero_vat_reason_reference),
        external_id=sent.external_id,
    )


def _first(sent: str | None, taken: str | None) -> str | None:
    return taken if sent is None else sent


def _from_register(item: Item) -> RowFields:
    """Return the members of a row that its item supplies."""
    return RowFields(
        title=item.title,
        description=item.description,
        price=item.price,
        vat=item.vat,
        unit=item.unit,
        zero_vat_reason=item.zero_vat_reason,
        zero_vat_reason_reference=item.zero_vat_reason_reference,
    )


def overridden(copy: Recipient, given: Patch[Recipient]) -> Recipient:
    """Return the copied customer with the members that were sent in addition to its number [S].

    Null resets a part of an address, and otherwise changes nothing.
    """
    if given.changes == (("customer_no", copy.customer_no),):  # most requests: this path is faster
        return copy
    blank = Address()
    defaults = replace(copy, address=blank, delivery_address=blank, permanent_establishment_address=blank)
    changed = given.over(copy, defaults)
    if changed is copy:
        return copy
    check_addresses(changed, ("customer",))
    address = changed.address
    return replace(changed, address=replace(address, city=address.city.upper()))  # [R]

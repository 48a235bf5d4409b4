"""Drafts: made, changed, sent, deleted (reference: behaviour 3.1, 2.4, 4.1)."""

from decimal import Decimal

from mockserver.core import debits, delivery, dunning_dates, events, numbers
from mockserver.core.act import Act
from mockserver.core.content import new_content, overridden, sums_of
from mockserver.core.inputs import BillogramFields, Patch
from mockserver.core.model import Billogram, Content, Recipient
from mockserver.core.refusal import InvalidParameter, PermissionDenied

_NOBODY = Recipient(0)


def create(act: Act, given: BillogramFields) -> str:
    """Make a draft; returns its id."""
    account = act.account
    content = new_content(act, given)
    customer_no = given.customer.over(_NOBODY).customer_no
    copy = copy_of(act, customer_no)
    sums = sums_of(content)
    unique, own_number = _check_rules(act, given, sums.total)
    recipient = overridden(copy, given.customer)
    number = account.billograms + 1
    key = _free_id(act, number)
    uuid = numbers.event_uuid(account.seed, account.generation, number, 0)
    act.add(
        events.BillogramCreated(
            events.Mark(key, act.now, uuid),
            sums,
            events.BillogramCreated.shows,
            number=number,
            customer_no=customer_no,
            content=content,
            recipient=None if recipient is copy or recipient == copy else recipient,
            creditor_unique_value=unique,
            invoice_no=own_number,
        )
    )
    return key


def copy_of(act: Act, customer_no: int) -> Recipient:
    """The copy of a customer that a billogram would keep; refused when there is none."""
    if act.find("customer", customer_no) is None:
        raise InvalidParameter(  # [A]
            f"Customer with customer_no={customer_no} not found",
            rule="billogram.customer",
            field="customer_no",
            path=("customer",),
            customer_no=customer_no,
        )
    return act.recipient(customer_no)


def change(act: Act, billogram: Billogram, content: Content, recipient: Recipient) -> None:
    """Rewrite a draft; when nothing differs, nothing happens."""
    sums = sums_of(content)
    if sums.total < 0:
        _check_credits_allowed(act, sums.total)
    if (content, recipient) != (billogram.content, billogram.recipient):
        act.add(events.DraftChanged(billogram.id, act.now, content, recipient, sums))


def recipient_after(act: Act, billogram: Billogram, given: Patch[Recipient]) -> Recipient:
    """The copied customer after a PUT: another number makes the copy anew [R]; the rest overrides it."""
    old = billogram.recipient
    number = given.over(old).customer_no
    return overridden(old if number == old.customer_no else copy_of(act, number), given)


def send(act: Act, billogram: Billogram, method: str | None) -> None:
    """Command `send`: numbers are assigned, the invoice is made, and what is due at once happens."""
    account = act.account
    if billogram.is_credit:
        _check_credits_allowed(act, billogram.sums.total)
    method = method or billogram.content.terms.delivery_method
    delivery.check_method(act, billogram, method)
    invoice_no = billogram.invoice_no or account.highest_invoice_no + 1
    act.add(
        events.BillogramSent(
            act.mark(billogram),
            billogram.sums,
            invoice_no=invoice_no,
            ocr_number=numbers.ocr_number(account.seed, invoice_no),
            link=numbers.link_token(account.seed, billogram.number),
            letter_id=act.new_letter(billogram),
            delivery_method=method,
            original_delivery_method=method,
        )
    )
    delivery.hand_over_first(act, billogram.id, method)
    opened(act, billogram.id)


def opened(act: Act, key: str) -> None:
    """What follows at once when a billogram is asked for: its end, or what is due already."""
    billogram = act.billogram(key)
    if not billogram.sums.total:
        act.add(events.BillogramEnded(act.mark(billogram), billogram.sums, ended_as="Ended"))  # [C]
    else:
        debits.plan(act, key)
        dunning_dates.after_sending(act, key)


def delete(act: Act, billogram: Billogram) -> None:
    """Delete a draft: its id is not found any more."""
    act.add(events.Deleted(act.mark(billogram), billogram.sums))


def _check_rules(act: Act, given: BillogramFields, total: Decimal) -> tuple[str | None, int | None]:
    """Rules of the account: unique value, own invoice number, stand-alone credits."""
    unique, own_number = given.creditor_unique_value, given.invoice_no
    if unique is not None and unique in act.state.unique_values:
        raise InvalidParameter(
            "Billogram with same creditor_unique_value already exists",
            rule="billogram.creditor_unique_value",
            field="creditor_unique_value",
            path=None,
            creditor_unique_value=unique,
        )
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
    attempt, seed = 0, act.account.seed
    while True:
        key = numbers.billogram_id(seed, number, attempt)
        if act.find("billogram", key) is None:
            return key
        attempt += 1

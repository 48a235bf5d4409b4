"""Drafts: how they are created, changed, sent and deleted (reference: behaviour 3.1, 2.4, 4.1)."""

from decimal import Decimal

from mockserver.core import debits, delivery, dunning_dates, events, numbers
from mockserver.core.act import Act
from mockserver.core.content import new_content, overridden, sums_of
from mockserver.core.inputs import BillogramFields, Patch
from mockserver.core.model import Billogram, Content, Recipient
from mockserver.core.refusal import InvalidParameter, PermissionDenied, invalid

_NOBODY = Recipient(0)


def create(act: Act, given: BillogramFields) -> str:
    """Create a draft and return its id."""
    account = act.account
    content = new_content(act, given)
    customer_no = given.customer.over(_NOBODY).customer_no
    copy = recipient_copy(act, customer_no)
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
            events.BillogramCreated.callback_state,
            number=number,
            customer_no=customer_no,
            content=content,
            recipient=None if recipient is copy or recipient == copy else recipient,
            creditor_unique_value=unique,
            invoice_no=own_number,
        )
    )
    return key


def recipient_copy(act: Act, customer_no: int) -> Recipient:
    """Return the copy of a customer that a billogram would hold.

    Raise InvalidParameter when there is no such customer.
    """
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
    """Change a draft. Nothing happens when nothing differs."""
    sums = sums_of(content)
    created = billogram.events[0].sums.total
    if created < 0 <= sums.total:  # the documentation says it of sent ones [D]; for a draft [A]
        raise invalid("items", rule="put.sign", before=created, after=sums.total, remaining=sums.remaining)
    if sums.total < 0:
        _check_credits_allowed(act, sums.total)
    if (content, recipient) != (billogram.content, billogram.recipient):
        act.add(events.DraftChanged(billogram.id, act.now, content, recipient, sums))


def recipient_after(act: Act, billogram: Billogram, given: Patch[Recipient]) -> Recipient:
    """Return the copied customer after a PUT.

    Another customer number copies that customer again [R]. The other members override the copy.
    """
    old = billogram.recipient
    number = given.over(old).customer_no
    return overridden(old if number == old.customer_no else recipient_copy(act, number), given)


def send(act: Act, billogram: Billogram, method: str | None) -> None:
    """Command `send`: assign the numbers, create the invoice, and apply what is due immediately."""
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
            offers=act.state.sale_offers,
        )
    )
    delivery.deliver_first_invoice(act, billogram.id, method)
    open_claim(act, billogram.id)


def open_claim(act: Act, key: str) -> None:
    """Apply what follows immediately when a billogram is first claimed from the customer.

    A billogram with a total of 0 ends. Otherwise a debit is planned, and what is already due happens.
    """
    billogram = act.billogram(key)
    if not billogram.sums.total:
        act.add(events.BillogramEnded(act.mark(billogram), billogram.sums, ended_as="Ended"))  # [C]
    else:
        debits.plan(act, key)
        dunning_dates.after_sending(act, key)


def delete(act: Act, billogram: Billogram) -> None:
    """Delete a draft. Its id is not found afterwards."""
    act.add(events.Deleted(act.mark(billogram), billogram.sums))


def _check_rules(act: Act, given: BillogramFields, total: Decimal) -> tuple[str | None, int | None]:
    """Check the rules of the account, and return the unique value and the own invoice number.

    Both must be new in the account, and stand-alone credits must be enabled for a negative total.
    """
    unique, own_number = given.creditor_unique_value, given.invoice_no
    if unique is not None and unique in act.state.unique_values:
        raise InvalidParameter(
            "Billogram with same creditor_unique_value already exists",
            rule="billogram.creditor_unique_value",
            field="creditor_unique_value",
            path=None,
            creditor_unique_value=unique,
        )
    used = (act.state.invoice_numbers, act.state.document_numbers)
    if own_number is not None and any(own_number in numbers for numbers in used):
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
    """Refuse a stand-alone credit (negative total) unless the account has the feature enabled [D]."""
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

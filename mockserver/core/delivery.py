"""Delivery: the methods, the data that each needs, and the results (reference: behaviour 4)."""

from mockserver.core import events, letters
from mockserver.core.act import Act
from mockserver.core.documents import channel_of
from mockserver.core.model import Billogram, Content, Customer, EinvoiceRegistration, Internal, Recipient
from mockserver.core.refusal import InvalidObjectState, InvalidParameter, invalid
from mockserver.core.state import CUSTOMER

# Efaktura is the old name of Einvoice, kept as written [C]
METHODS = (
    "Email+Letter",
    "Email",
    "SMS+Letter",
    "SMS",
    "Letter",
    "Einvoice",
    "EDI",
    "DoNotNotify",
    "Efaktura",
)
EINVOICE = ("Einvoice", "Efaktura")


def check_method(act: Act, billogram: Billogram, method: str) -> None:
    """Refuse an unknown delivery method, and a method whose data is missing."""
    if method not in METHODS:
        raise invalid("method", rule="delivery.method", method=method, known=METHODS)
    absent = _missing(act, billogram, method)
    if absent:
        raise InvalidParameter(  # [D for address, A for the others]
            f"invalid delivery method, {absent} missing", rule="delivery.data", method=method
        )


def possible(act: Act, billogram: Billogram, method: str) -> bool:
    """Whether the billogram has the data that a known method needs."""
    return _missing(act, billogram, method) is None


def _missing(act: Act, billogram: Billogram, method: str) -> str | None:
    to = billogram.recipient
    if method.startswith("Email"):
        return None if to.email else "email"
    if method.startswith("SMS"):
        return None if to.phone else "phone"
    if method == "Letter":
        return None if has_address(to) else "address"
    if method in EINVOICE:
        customer: Customer | None = act.find(CUSTOMER, to.customer_no)
        # after a deregistration the billogram's own identifier is not enough either [A]
        refused = customer is not None and customer.deregistered
        known = registration_of(act, billogram) or einvoice_identifier(act, billogram)
        return None if known and not refused else "e-invoice registration"
    if method == "EDI":
        return None if edi_of(billogram.content, act.find(CUSTOMER, to.customer_no)) else "edi electronic_id"
    return None


def has_address(to: Recipient) -> bool:
    """Whether a letter can be sent: to the delivery address if that has a street, else to the address."""
    place = to.delivery_address if to.delivery_address.street_address else to.address
    return bool(place.street_address and place.zipcode and place.city)


def registration_of(act: Act, billogram: Billogram) -> EinvoiceRegistration | None:
    """Return the e-invoice registration of the billogram's customer, or None."""
    customer = act.find(CUSTOMER, billogram.recipient.customer_no)
    return None if customer is None else customer.einvoice


def einvoice_identifier(act: Act, billogram: Billogram) -> str | None:
    """Return the identifier of the customer's registration, else the billogram's own [C]."""
    registration = registration_of(act, billogram)
    own = billogram.content.regional.efaktura_recipient_identifier
    return own or None if registration is None else identifier_of(registration)


def edi_of(content: Content, customer: Customer | None) -> str | None:
    """Return the EDI address: the billogram's own [C], else that of the customer in the register [D]."""
    own = content.regional.edi.electronic_id
    return own or (None if customer is None else customer.edi.electronic_id)


def resend(act: Act, billogram: Billogram, method: str | None) -> None:
    """Command `resend`: send the present invoice by any method. The billogram keeps its own method [A]."""
    method = method or billogram.content.terms.delivery_method
    check_method(act, billogram, method)
    assert billogram.invoice_no is not None, "a sent one has its number"
    act.add(
        events.Resent(
            act.mark(billogram),
            billogram.sums,
            invoice_no=billogram.invoice_no,
            letter_id=act.new_letter(billogram),
            delivery_method=method,
        )
    )
    deliver(act, billogram.id, method)


def deliver(act: Act, key: str, method: str) -> None:
    """Deliver a document, and record a failure that is known immediately: bad addresses bounce [A]."""
    billogram = act.billogram(key)
    to = billogram.recipient
    if method.startswith("Email") and bounces(to.email):
        act.add(events.DeliveryFailed(act.mark(billogram), billogram.sums, customer_email=to.email))
    elif method.startswith("SMS") and unreachable(to.phone):
        act.add(events.DeliverySmsFailed(act.mark(billogram), billogram.sums, customer_phone=to.phone))


def deliver_first_invoice(act: Act, key: str, method: str) -> None:
    """Deliver the first invoice. An e-invoice or EDI invoice also has its own event.

    A failure that is known immediately is recorded: bad addresses bounce [A].
    """
    billogram = act.billogram(key)
    if method in (*EINVOICE, "EDI"):
        customer = act.find(CUSTOMER, billogram.recipient.customer_no)
        act.add(
            events.EfakturaSent(
                act.mark(billogram),
                billogram.sums,
                recipient_identifier=einvoice_identifier(act, billogram) if method in EINVOICE else None,
                electronic_id=edi_of(billogram.content, customer) if method == "EDI" else None,
            )
        )
    deliver(act, key, method)


def identifier_of(registration: EinvoiceRegistration) -> str | None:
    """Return the identifier of a recipient of e-invoices in their market."""
    return registration.identifier or registration.codice_destinatario or registration.pec


def send_fallback_letter(act: Act, billogram: Billogram) -> None:
    """Send a letter because the link of an e-mail or SMS was not opened in time.

    Without a postal address only a flag is set [A].
    """
    to = billogram.recipient
    if not has_address(to):
        act.add(events.LetterUndelivered(billogram.id, act.now))
        return
    sent = _event_before_letter(billogram)
    mark = act.mark(billogram)
    if channel_of(sent.delivery_method) == "SMS":
        act.add(events.SmsNotAccepted(mark, billogram.sums, customer_phone=to.phone))
    else:
        act.add(events.EmailNotAccepted(mark, billogram.sums, customer_email=to.email))
    billogram = act.billogram(billogram.id)
    act.add(
        events.LetterSent(
            act.mark(billogram),
            billogram.sums,
            invoice_no=sent.invoice_no,
            letter_id=act.new_letter(billogram),
            delivery_method="Letter",
        )
    )


def _event_before_letter(billogram: Billogram) -> events.LetterEvent:
    """Return the newest event that a letter may follow."""
    return next(each for each in reversed(billogram.events) if letters.may_be_followed(each))


def last_channel(billogram: Billogram) -> str | None:
    """Return the channel of the last document that was sent to the recipient, or None."""
    channels = [channel_of(each.method) for each in billogram.documents]
    return next((each for each in reversed(channels) if each), None)


def view(act: Act, billogram: Billogram) -> None:
    """Record that the recipient opens the link; only the first time is an event (behaviour 4.2)."""
    check_sent(billogram)
    if not billogram.delivery.viewed:
        act.add(
            events.DeliveryAccepted(
                act.mark(billogram),
                billogram.sums,
                type=last_channel(billogram),
                customer_email=billogram.recipient.email or None,
            )
        )


def fail(act: Act, billogram: Billogram) -> None:
    """Record that the last document could not be delivered (reference: behaviour 10)."""
    check_sent(billogram)
    mark, sums, to = act.mark(billogram), billogram.sums, billogram.recipient
    channel = last_channel(billogram)
    if channel == "Email":
        act.add(events.DeliveryFailed(mark, sums, customer_email=to.email))
    elif channel == "SMS":
        act.add(events.DeliverySmsFailed(mark, sums, customer_phone=to.phone))
    elif channel in ("Einvoice", "EDI"):
        identifier = einvoice_identifier(act, billogram) if channel == "Einvoice" else None
        act.add(
            events.EfakturaFailed(
                mark,
                sums,
                bankgiro=act.account.settings.payment.bankgiro or None,
                recipient_identifier=identifier,
            )
        )
    else:
        raise InvalidObjectState(
            f"nothing that can fail was sent: the last method is {channel or 'DoNotNotify'}",
            rule="simulate.delivery_failure",
            hint="send it by e-mail, SMS or as e-invoice",
            method=channel,
        )


def check_sent(billogram: Billogram) -> None:
    """Refuse a draft: no recipient has received it [A]."""
    if billogram.internal is Internal.UNATTESTED:
        raise InvalidObjectState(
            f"billogram {billogram.id} has not been sent: its recipient knows nothing of it",
            rule="simulate.sent",
            hint="send it first",
            state=billogram.internal,
        )


def bounces(email: str) -> bool:
    """Whether an e-mail address always fails, for tests: local part `bounce` or ending in `+bounce` [A]."""
    local = email.partition("@")[0]
    return local == "bounce" or local.endswith("+bounce")


def unreachable(phone: str) -> bool:
    """Whether a phone number always fails, for tests: it ends in 0000 [A]."""
    return phone.endswith("0000")

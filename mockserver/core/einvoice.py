"""Registrations of customers for e-invoices (reference: api 2.2, behaviour 7.4)."""

from msgspec import structs

from mockserver.core import events, sources
from mockserver.core.act import Act
from mockserver.core.inputs import EinvoiceFields
from mockserver.core.model import Customer, EfakturaNotice, EinvoiceRegistration, Value
from mockserver.core.refusal import InvalidObjectState, InvalidParameter, PermissionDenied, invalid, missing

SWEDEN, NORWAY, FINLAND, ITALY = ("Sweden", "Norway", "Finland", "Italy")
# the markets in which the API can create a registration [D]
_MEMBERS = {SWEDEN: ("identifier",), ITALY: ("pec", "codice_destinatario")}
# what a recipient registers with at the bank, if nothing else is given [A]
IDENTIFIER, _CODICE = "190000000000.SHB.SE", "0000000"
_BANKS = {  # the names of the codes whose meaning is known [A; Handelsbanken D]
    "AAB": "Ålandsbanken",
    "FRX": "Forex Bank",
    "FSPA": "Swedbank",
    "ICA": "ICA Banken",
    "LFB": "Länsförsäkringar Bank",
    "MARG": "Marginalen Bank",
    "NB": "Nordea",
    "SEB": "SEB",
    "SHB": "Handelsbanken",
    "SYD": "Sparbanken Syd",
}
_INDIVIDUALS = ("individual", "foreign individual")


class StatedData(Value, frozen=True):
    """What a Swedish recipient states about themselves at the bank; None is taken from the customer [A]."""

    ocr_number: str | None = None
    customer_no: int | None = None
    full_name: str | None = None
    email: str | None = None


def register(act: Act, customer: Customer, given: EinvoiceFields) -> EinvoiceRegistration:
    """Register a customer for the creditor, and replace an earlier registration.

    The customer's `updated_at` is unchanged [A]. In markets other than Sweden and Italy, recipients register
    with their bank [A].
    """
    market = act.account.market
    if market not in _MEMBERS:
        raise PermissionDenied(
            f"e-invoice registrations can't be created in the market {market}",
            rule="einvoice.market",
            market=market,
        )
    sent = _members(market, given)
    if not sent and market == SWEDEN:
        raise missing("identifier")
    if not sent:  # no single field is to blame [A]
        raise InvalidParameter("pec or codice_destinatario required", rule="einvoice.required", market=market)
    return _store(act, customer, sent, StatedData())


def register_at_bank(act: Act, customer: Customer, given: EinvoiceFields, stated: StatedData) -> None:
    """Register a customer who signed up at the bank. Without members they are made up [A]."""
    market = act.account.market
    sent = _members(market, given)
    for name, value in structs.asdict(stated).items():
        if value is not None and market != SWEDEN:
            raise invalid(name, rule="einvoice.member", market=market)
    if not sent and market in _MEMBERS:
        sent = {"identifier": IDENTIFIER} if market == SWEDEN else {"codice_destinatario": _CODICE}
    _store(act, customer, sent, stated)


def deregister(act: Act, customer: Customer) -> None:
    """Remove the registration of a customer who wants no e-invoices any more.

    The callback is that of the market [D]. `Einvoice` is refused until a new registration [D].
    """
    registration = customer.einvoice
    if registration is None:
        raise InvalidObjectState(
            "the customer has no e-invoice registration",
            rule="simulate.einvoice_registered",
            hint="simulate/einvoice-register first",
        )
    if act.account.market == SWEDEN:
        notice = _notice(act, customer, registration, StatedData())
        act.add(events.EfakturaChanged(customer.customer_no, None, notice))
    else:
        act.add(events.EinvoiceDeregistered(customer.customer_no))


def _members(market: str, given: EinvoiceFields) -> dict[str, str]:
    """Return the members that were sent. Those of another market are refused [A]."""
    sent = {name: value for name, value in structs.asdict(given).items() if value}
    for name in sent:
        if name not in _MEMBERS.get(market, ()):
            raise invalid(name, rule="einvoice.member", market=market)
    return sent


def _store(act: Act, customer: Customer, sent: dict[str, str], stated: StatedData) -> EinvoiceRegistration:
    """Add the event of the market, which has a callback of its own [D]."""
    if "identifier" in sent:  # in capitals and with the country, as the callback shows it [A]
        number, bank = sent["identifier"].upper().split(".")[:2]
        sent = {"identifier": f"{number}.{bank}.SE"}
    registration = EinvoiceRegistration(act.now, **sent)
    if act.account.market == SWEDEN:
        notice = _notice(act, customer, registration, stated)
        act.add(events.EfakturaChanged(customer.customer_no, registration, notice))
    else:
        act.add(events.EinvoiceRegistered(customer.customer_no, registration))
    return registration


def _notice(
    act: Act, customer: Customer, registration: EinvoiceRegistration, stated: StatedData
) -> EfakturaNotice:
    newest = sources.newest_sent(act, customer.customer_no)
    fmi = registration.identifier  # None of one that was made in another market
    number, bank = (None, None) if fmi is None else fmi.split(".")[:2]
    return EfakturaNotice(
        recipient_type="individual" if customer.company_type in _INDIVIDUALS else "company",
        customer_supplied=stated.customer_no or customer.customer_no,
        fmi=fmi,
        bank_name=_BANKS.get(bank or ""),
        bank_code=bank,
        id_number=number,
        ocr=stated.ocr_number or (None if newest is None else newest.ocr_number),
        full_name=stated.full_name or customer.name or None,
        email=stated.email or customer.contact.email or None,
    )

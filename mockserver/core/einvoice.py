"""Registrations of customers for e-invoices (reference: api 2.2, behaviour 7.4)."""

import re
from datetime import datetime

from msgspec import structs

from mockserver.core import calendar, events, numbers, sources
from mockserver.core.act import Act
from mockserver.core.inputs import EinvoiceFields
from mockserver.core.model import Customer, EfakturaLine, EfakturaNotice, EinvoiceRegistration, Value
from mockserver.core.refusal import InvalidObjectState, InvalidParameter, PermissionDenied, invalid, missing
from mockserver.core.state import CUSTOMER, is_digits

SWEDEN, NORWAY, FINLAND, ITALY = ("Sweden", "Norway", "Finland", "Italy")
# the markets in which the API can create a registration [D]
_MEMBERS = {SWEDEN: ("identifier",), ITALY: ("pec", "codice_destinatario")}
# what a recipient registers with at the bank, if nothing else is given [A]
IDENTIFIER, _CODICE = "190000000000.SHB.SE", "0000000"
# what banks in Finland report, if nothing else is given [A]
OPERATIONS = ("ADD", "CHANGE", "DELETE")  # the first [D], the others [A]
IDENTITY_CODE, ADDRESS = "DDMMYYCZZZQ", "FI0000000000000001"
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
        act.add(events.EfakturaChanged(customer.customer_no, None, notice, act.now))
    else:
        act.add(events.EinvoiceDeregistered(customer.customer_no))


def mismatch(act: Act, customer: Customer, operation: str, identification_number: str) -> None:
    """Record that a recipient registered with another identity code. Nothing else happens [D]."""
    _check_finland(act)
    act.add(
        events.EinvoiceMismatched(customer.customer_no, operation, customer.org_no, identification_number)
    )


def not_found(act: Act, number: str, operation: str, identification_number: str, address: str) -> None:
    """Record that somebody registered with a number of no customer. It is dropped [D]."""
    _check_finland(act)
    if is_digits(number) and len(number) < 17 and act.find(CUSTOMER, int(number)) is not None:
        raise InvalidObjectState(
            f"{number} is a customer: the recipient would be found",
            rule="simulate.einvoice_customer",
            hint="name a number of no customer",
            customer_no=int(number),
        )
    act.add(events.EinvoiceNotFound(number, operation, identification_number, address))


def _check_finland(act: Act) -> None:
    if act.account.market != FINLAND:
        raise InvalidObjectState(
            f"the market of the account is {act.account.market}: only banks in Finland report this",
            rule="simulate.einvoice_finland",
            hint="create the account with the market Finland",
            market=act.account.market,
        )


def forward(act: Act, at: datetime) -> None:
    """Forward the file with the registrations of the day before (reference: behaviour 7.4) [A].

    The file is in ISO 8859-1, and its lines end in CRLF. `at` is the moment of the run, in UTC.
    """
    timezone = act.account.timezone
    run = at.astimezone(calendar.zone(timezone))
    lines = [
        _line(each, timezone)
        for each in act.state.efaktura_day.lines
        if calendar.local_date(each.at, timezone) < run.date()
    ]
    digits = numbers.efaktura_file(act.account.seed, run.date().toordinal())
    act.add(
        events.EfakturaForwarded(
            run.date(),
            f"ANMALAN_{run:%Y%m%d%H%M%S}_{digits}.TXT",
            "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace"),
        )
    )


def _line(line: EfakturaLine, timezone: str) -> str:
    """Return a line of the file. A semicolon or a control character in a text becomes a blank [A]."""
    notice, at = line.notice, line.at.astimezone(calendar.zone(timezone))
    fields = (
        f"{at:%H%M%S}",
        "Registration" if line.registered else "Deregistration",
        notice.fmi,
        notice.ocr,
        str(line.customer_no),
        notice.full_name,
        notice.email,
    )
    return ";".join(_NO_FIELD.sub(" ", each or "") for each in fields)


_NO_FIELD = re.compile("[;\x00-\x1f\x7f-\x9f]")


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
        act.add(events.EfakturaChanged(customer.customer_no, registration, notice, act.now))
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

"""Registrations of customers for e-invoices (reference: api 2.2)."""

from msgspec import structs

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.inputs import EinvoiceFields
from mockserver.core.model import Customer, EinvoiceRegistration
from mockserver.core.refusal import InvalidParameter, PermissionDenied, invalid, missing

SWEDEN, NORWAY, FINLAND, ITALY = ("Sweden", "Norway", "Finland", "Italy")
# the markets in which the API can create a registration [D]
_MEMBERS = {SWEDEN: ("identifier",), ITALY: ("pec", "codice_destinatario")}


def register(act: Act, customer: Customer, given: EinvoiceFields) -> EinvoiceRegistration:
    """Register a customer, and replace an earlier registration. The customer's `updated_at` is unchanged [A].

    In markets other than Sweden and Italy, recipients register with their bank [A].
    """
    market = act.account.market
    if market not in _MEMBERS:
        raise PermissionDenied(
            f"e-invoice registrations can't be created in the market {market}",
            rule="einvoice.market",
            market=market,
        )
    sent = {name: value for name, value in structs.asdict(given).items() if value}
    for name in sent:
        if name not in _MEMBERS[market]:  # a member of the other market [A]
            raise invalid(name, rule="einvoice.member", market=market)
    if not sent and market == SWEDEN:
        raise missing("identifier")
    if not sent:  # no single field is to blame [A]
        raise InvalidParameter("pec or codice_destinatario required", rule="einvoice.required", market=market)
    registration = EinvoiceRegistration(act.now, **sent)
    act.add(events.EinvoiceRegistered(customer.customer_no, registration))
    return registration

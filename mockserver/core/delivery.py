"""Delivery methods and the data each needs (reference: behaviour 4.1, api 8.7)."""

from mockserver.core.model import Billogram
from mockserver.core.refusal import InvalidParameter, invalid

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


def check_method(billogram: Billogram, method: str) -> None:
    """Refuse an unknown method, and one whose data is missing."""
    if method not in METHODS:
        raise invalid("method", rule="delivery.method", method=method, known=METHODS)
    absent = _missing(billogram, method)
    if absent:
        raise InvalidParameter(  # [D for address, A for the others]
            f"invalid delivery method, {absent} missing", rule="delivery.data", method=method
        )


def _missing(billogram: Billogram, method: str) -> str | None:
    to = billogram.recipient
    if method.startswith("Email"):
        return None if to.email else "email"
    if method.startswith("SMS"):
        return None if to.phone else "phone"
    if method == "Letter":
        place = to.delivery_address if to.delivery_address.street_address else to.address
        known = place.street_address and place.zipcode and place.city
        return None if known else "address"
    if method in ("Einvoice", "Efaktura"):
        return "e-invoice registration"  # nobody can be registered yet
    if method == "EDI":
        return None if billogram.content.regional.edi.electronic_id else "edi electronic_id"
    return None


def bounces(email: str) -> bool:
    """Addresses that can't be reached, for tests: local part `bounce` or ending in `+bounce` [A]."""
    local = email.partition("@")[0]
    return local == "bounce" or local.endswith("+bounce")


def unreachable(phone: str) -> bool:
    """Phone numbers that can't be reached, for tests: those ending in 0000 [A]."""
    return phone.endswith("0000")

"""E-invoice registration of a customer (reference: api 2.2)."""

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic_core import PydanticCustomError

from mockserver.api.call import Call, answer
from mockserver.api.customer import find
from mockserver.api.fields import Email, Fields, read, text
from mockserver.api.shapes import EinvoiceRegistrationShape
from mockserver.core import einvoice
from mockserver.core.act import Act
from mockserver.core.model import EinvoiceRegistration
from mockserver.core.refusal import no_object
from mockserver.core.state import State
from mockserver.schema import optional, reads, string

_IDENTIFIER = r"^([0-9]{12})\.([A-Za-z]{2,4})(\.[sS][eE])?$"  # [D]
_CODICE = r"^[A-Za-z0-9]{6,7}$"  # [A]


def _like(pattern: str) -> Callable[[Any], Any]:
    """Text of this form; `""` is not given."""

    def read_text(value: Any) -> Any:
        found = text(value)
        if found and not re.fullmatch(pattern, found):
            raise PydanticCustomError("value", "bad value")
        return found or None

    return read_text


Identifier: TypeAlias = Annotated[
    str | None, reads(_like(_IDENTIFIER), optional(string(pattern=_IDENTIFIER)))
]
Codice: TypeAlias = Annotated[str | None, reads(_like(_CODICE), optional(string(pattern=_CODICE)))]


class EinvoiceFields(Fields):
    """`identifier` in Sweden; `pec`, `codice_destinatario` or both in Italy."""

    identifier: Identifier = None
    pec: Email = None
    codice_destinatario: Codice = None


EXAMPLE = {"identifier": "190000000000.SBF.SE"}


async def fetch(call: Call) -> bytes:
    """`GET /customer/{customer_no}/einvoice`: the e-invoice registration of a customer."""
    return answer(render_registration(await call.read(lambda state: _registration(state, call))))


async def create(call: Call) -> bytes:
    """`POST /customer/{customer_no}/einvoice`: registers a customer for e-invoices, or anew."""
    made: EinvoiceRegistration

    def decide(act: Act) -> None:
        nonlocal made
        customer = find(act.state, call.params["customer_no"])
        made = einvoice.register(act, customer, read(EinvoiceFields, call.json()))

    await call.execute(decide, rule="einvoice.register")
    return answer(render_registration(made))


def _registration(state: State, call: Call) -> EinvoiceRegistration:
    number = call.params["customer_no"]
    found = find(state, number).einvoice
    if found is None:
        raise no_object(number)  # [A]
    return found


def render_registration(registration: EinvoiceRegistration) -> EinvoiceRegistrationShape:
    """A registration, with the part of its market."""
    moment = registration.registered_at.isoformat(timespec="microseconds")  # UTC, `+00:00` [D]
    shown: EinvoiceRegistrationShape = {"status": "registered", "registered_at": moment}
    if registration.identifier is not None:
        number = registration.identifier  # one page shows it as `fmi`, the other as `identifier` [D; both A]
        shown["regional_sweden"] = {"fmi": number, "identifier": number}
    else:
        pec, codice = registration.pec, registration.codice_destinatario
        shown["regional_italy"] = {"pec": pec, "codice_destinatario": codice}
    return shown

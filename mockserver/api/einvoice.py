"""E-invoice registration of a customer (reference: api 2.2)."""

from mockserver.api.call import Call, answer
from mockserver.api.customer import find
from mockserver.api.inputs import read_input
from mockserver.api.shapes import EinvoiceRegistrationShape
from mockserver.core import einvoice
from mockserver.core.act import Act
from mockserver.core.inputs import EinvoiceFields
from mockserver.core.model import EinvoiceRegistration
from mockserver.core.refusal import no_object
from mockserver.core.state import State

EXAMPLE = {"identifier": "190000000000.SBF.SE"}


async def fetch(call: Call) -> bytes:
    """`GET /customer/{customer_no}/einvoice`: the e-invoice registration of a customer."""
    return answer(render_registration(await call.read(lambda state: _registration(state, call))))


async def create(call: Call) -> bytes:
    """`POST /customer/{customer_no}/einvoice`: registers a customer for e-invoices, or registers again."""
    made: EinvoiceRegistration

    def decide(act: Act) -> None:
        nonlocal made
        customer = find(act.state, call.params["customer_no"])
        made = einvoice.register(act, customer, read_input(EinvoiceFields, call.json()))

    await call.execute(decide, rule="einvoice.register")
    return answer(render_registration(made))


def _registration(state: State, call: Call) -> EinvoiceRegistration:
    number = call.params["customer_no"]
    found = find(state, number).einvoice
    if found is None:
        raise no_object(number)  # [A]
    return found


def render_registration(registration: EinvoiceRegistration) -> EinvoiceRegistrationShape:
    """A registration as the API shows it, with the member of its market."""
    moment = registration.registered_at.isoformat(timespec="microseconds")  # UTC, `+00:00` [D]
    shown: EinvoiceRegistrationShape = {"status": "registered", "registered_at": moment}
    if registration.identifier is not None:
        number = registration.identifier  # one page shows it as `fmi`, the other as `identifier` [D; both A]
        shown["regional_sweden"] = {"fmi": number, "identifier": number}
    elif registration.pec is None and registration.codice_destinatario is None:  # Norway, Finland
        shown["regional_sweden"] = {"fmi": None, "identifier": None}
    else:
        pec, codice = registration.pec, registration.codice_destinatario
        shown["regional_italy"] = {"pec": pec, "codice_destinatario": codice}
    return shown

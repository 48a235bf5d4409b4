"""Simulates recipients, agencies and buyers of claims (reference: control 1, behaviour 2.2, 4.2, 7)."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Struct
from pydantic import Field

from mockserver.api.billogram_view import render_billogram
from mockserver.api.customer import render_customer
from mockserver.api.kinds import CODICE, IDENTIFIER
from mockserver.control.call import Amount, Answer, Body, ControlCall, parse_body
from mockserver.control.errors import ControlError
from mockserver.core import (
    collection,
    debits,
    delivery,
    einvoice,
    factoring,
    messages,
    offers,
    other_events,
    sources,
)
from mockserver.core.act import Act
from mockserver.core.calendar import FIRST_DATE, LAST_DATE
from mockserver.core.inputs import EinvoiceFields
from mockserver.core.model import Billogram, Customer
from mockserver.core.refusal import no_object
from mockserver.core.state import CUSTOMER

Ip = Annotated[str, Field(min_length=1, max_length=100)]
Code = Annotated[str, Field(min_length=1, max_length=100)]
Day = Annotated[date, Field(ge=FIRST_DATE, le=LAST_DATE)]


class NothingBody(Body):
    """The body of a simulation without parameters."""


class ViewBody(Body):
    """The recipient opens the link; `ip` is the address that the event shows."""

    ip: Ip | None = None


class MessageBody(Body):
    """The recipient writes to the creditor; `ip` is the address that the event shows."""

    message: Annotated[str, Field(min_length=1, max_length=100_000)]
    ip: Ip | None = None


class Simulation(Struct, frozen=True):
    """An action of somebody other than the creditor: the type of its body, and its decision.

    `answer` is the type of its answer, if that is not the object.
    """

    body: type[Body]
    decide: Callable[[Act, Any, Any], None]
    example: dict[str, Any] = {}
    answer: Any = None


def operation_id(what: str) -> str:
    """Return the operation id of a simulation."""
    return "simulate" + what.title().replace("-", "")


def _message(act: Act, billogram: Billogram, given: MessageBody) -> None:
    """The recipient writes to the creditor."""
    messages.receive(act, billogram, given.message, given.ip)


def _view(act: Act, billogram: Billogram, given: ViewBody) -> None:
    """The recipient opens the link; only the first time makes an event."""
    delivery.view(act, billogram, given.ip)


def _delivery_failure(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The last e-mail, SMS or e-invoice is returned as undeliverable."""
    delivery.fail(act, billogram)


class ScheduleBody(Body):
    """A payment that the recipient schedules; without `date` for the usual day."""

    date: Day | None = None


def _schedule(act: Act, billogram: Billogram, given: ScheduleBody) -> None:
    """The recipient schedules a payment by the existing mandate; without `date` for the usual day."""
    debits.plan_manually(act, billogram, given.date)


def _cancel_scheduled(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The recipient cancels the scheduled payment."""
    debits.cancel_manually(act, billogram)


class CollectorPaymentBody(Body):
    """A payment to the collection agency."""

    amount: Amount


def _collector_payment(act: Act, billogram: Billogram, given: CollectorPaymentBody) -> None:
    """Somebody pays the collection agency at most the remaining sum; the whole of it closes the case."""
    collection.receive(act, billogram, given.amount)


def _collection_end(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The collection agency closes the case."""
    collection.end(act, billogram)


def _collection_cancel(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The case is withdrawn from the collection agency; the billogram is open again."""
    collection.cancel(act, billogram)


def _factoring_accept(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The buyer of claims accepts the offered billogram."""
    factoring.accept(act, billogram)


def _factoring_deny(act: Act, billogram: Billogram, _: NothingBody) -> None:
    """The buyer of claims refuses the offered billogram; it is open then."""
    factoring.deny(act, billogram)


class AcceptSaleBody(Body):
    """The sale offer that the recipient accepts; the case of its id does not matter."""

    offer_id: Annotated[str, Field(min_length=1, max_length=30)]


def _accept_sale(act: Act, billogram: Billogram, given: AcceptSaleBody) -> None:
    """The recipient accepts a sale offer; its item becomes a row of the customer's billing tab."""
    offers.accept(act, billogram, given.offer_id)


class EventBody(Body):
    """An event that nothing else causes. `data` has keys of its type; what is left out is filled."""

    type: Literal[
        "NewInvoicePDF",
        "EfakturaFailed",
        "PaymentUserUpdated",
        "RecurringPaymentUpdated",
        "FactoringCreditRequest",
        "FactoringCreditRequestDenied",
    ]
    data: dict[str, Any] | None = None


class NewInvoicePdfData(Body):
    invoice_no: Annotated[int, Field(ge=1, lt=10**15)] | None = None
    letter_id: Code | None = None


class EfakturaFailedData(Body):
    bankgiro: Code | None = None
    recipient_identifier: Code | None = None
    error_status: Code | None = None


class PaymentUserUpdatedData(Body):
    payment_type: Code | None = None
    payment_amount: Amount | None = None
    payment_date: Day | None = None
    payment_update_reason: Code | None = None


class RecurringPaymentUpdatedData(Body):
    recurring_type: Code | None = None


class FactoringCreditRequestData(Body):
    factoring_reference: Code | None = None
    amount: Amount | None = None


class FactoringCreditRequestDeniedData(Body):
    factoring_reference: Code | None = None
    message: Annotated[str, Field(max_length=100_000)] | None = None


_DATA: dict[str, type[Body]] = {
    "NewInvoicePDF": NewInvoicePdfData,
    "EfakturaFailed": EfakturaFailedData,
    "PaymentUserUpdated": PaymentUserUpdatedData,
    "RecurringPaymentUpdated": RecurringPaymentUpdatedData,
    "FactoringCreditRequest": FactoringCreditRequestData,
    "FactoringCreditRequestDenied": FactoringCreditRequestDeniedData,
}


def _event(act: Act, billogram: Billogram, given: EventBody) -> None:
    """An event that nothing else causes is written, with its callback. No sum and no state changes."""
    data = parse_body(_DATA[given.type], given.data or {})
    sent = {name: getattr(data, name) for name in data.model_fields_set}
    if isinstance(sent.get("payment_date"), date):
        sent["payment_date"] = sent["payment_date"].isoformat()
    other_events.write(act, billogram, given.type, sent)


# by a person with a billogram
BILLOGRAM_SIMULATIONS: dict[str, Simulation] = {
    "message": Simulation(MessageBody, _message, {"message": "When will it come?"}),
    "view": Simulation(ViewBody, _view),
    "delivery-failure": Simulation(NothingBody, _delivery_failure),
    "schedule-payment": Simulation(ScheduleBody, _schedule),
    "cancel-scheduled-payment": Simulation(NothingBody, _cancel_scheduled),
    "collector-payment": Simulation(CollectorPaymentBody, _collector_payment, {"amount": 50}),
    "collection-end": Simulation(NothingBody, _collection_end),
    "collection-cancel": Simulation(NothingBody, _collection_cancel),
    "factoring-accept": Simulation(NothingBody, _factoring_accept),
    "factoring-deny": Simulation(NothingBody, _factoring_deny),
    "accept-sale": Simulation(AcceptSaleBody, _accept_sale, {"offer_id": "extra1"}),
    "event": Simulation(EventBody, _event, {"type": "NewInvoicePDF"}),
}


class EmailBody(Body):
    """An e-mail address that the recipient has verified."""

    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=1000)]


class RecurringBody(Body):
    """The way of automatic payment; `unpaid_too`: payments of open billograms are scheduled as well."""

    type: Literal["autogiro"]
    unpaid_too: bool = True


class EinvoiceRegisterBody(Body):
    """A registration at the bank: the first five members in Sweden, the other two in Italy."""

    identifier: Annotated[str, Field(pattern=IDENTIFIER)] | None = None
    ocr_number: Annotated[str, Field(pattern="^[0-9]{1,25}$")] | None = None
    customer_no: Annotated[int, Field(ge=1, lt=10**15)] | None = None
    full_name: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=1000)] | None = None
    pec: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=1000)] | None = None
    codice_destinatario: Annotated[str, Field(pattern=CODICE)] | None = None


def _einvoice_register(act: Act, found: Customer, given: EinvoiceRegisterBody) -> None:
    """The recipient registers for e-invoices at the bank; an earlier registration is replaced."""
    fields = EinvoiceFields(
        identifier=given.identifier, pec=given.pec, codice_destinatario=given.codice_destinatario
    )
    stated = einvoice.StatedData(given.ocr_number, given.customer_no, given.full_name, given.email)
    einvoice.register_at_bank(act, found, fields, stated)


def _einvoice_deregister(act: Act, found: Customer, _: NothingBody) -> None:
    """The recipient wants no e-invoices any more; `Einvoice` is refused until a new registration."""
    einvoice.deregister(act, found)


def _verify_email(act: Act, found: Customer, given: EmailBody) -> None:
    """The recipient verifies an e-mail address; it becomes the address of the customer."""
    sources.verify_email(act, found, given.email)


def _enable_recurring(act: Act, found: Customer, given: RecurringBody) -> None:
    """The recipient turns automatic payment on; payments of open billograms are scheduled."""
    sources.enable_recurring(act, found, unpaid_too=given.unpaid_too)


def _disable_recurring(act: Act, found: Customer, _: NothingBody) -> None:
    """The recipient turns automatic payment off; its scheduled payments are cancelled."""
    sources.disable_recurring(act, found)


class EinvoiceMismatchBody(Body):
    """A registration with another identity code than the stored one, which is the customer's org_no."""

    operation: Literal["ADD", "CHANGE", "DELETE"] = "ADD"
    personal_identification_number: Code = einvoice.IDENTITY_CODE


def _einvoice_mismatch(act: Act, found: Customer, given: EinvoiceMismatchBody) -> None:
    """The bank reports another identity code than the stored one: in Finland. Nothing else happens."""
    einvoice.mismatch(act, found, given.operation, given.personal_identification_number)


class EinvoiceNotFoundBody(EinvoiceMismatchBody):
    """A registration with a number of no customer."""

    electronic_invoicing_address: Code = einvoice.ADDRESS


def _einvoice_not_found(act: Act, number: str, given: EinvoiceNotFoundBody) -> None:
    """The bank reports a registration with a number of no customer: in Finland. It is dropped."""
    einvoice.not_found(
        act,
        number,
        given.operation,
        given.personal_identification_number,
        given.electronic_invoicing_address,
    )


class DroppedShape(TypedDict):
    """The number that was typed, which is of no customer."""

    customer_number: str


# by a recipient, as a customer
NOT_FOUND = "einvoice-not-found"
CUSTOMER_SIMULATIONS: dict[str, Simulation] = {
    "verify-email": Simulation(EmailBody, _verify_email, {"email": "verified@example.com"}),
    "enable-recurring": Simulation(RecurringBody, _enable_recurring, {"type": "autogiro"}),
    "disable-recurring": Simulation(NothingBody, _disable_recurring),
    "einvoice-register": Simulation(EinvoiceRegisterBody, _einvoice_register),
    "einvoice-deregister": Simulation(NothingBody, _einvoice_deregister),
    "einvoice-mismatch": Simulation(EinvoiceMismatchBody, _einvoice_mismatch),
    NOT_FOUND: Simulation(EinvoiceNotFoundBody, _einvoice_not_found, answer=DroppedShape),
}


async def customer(call: ControlCall) -> Answer:
    """`POST …/customers/{no}/simulate/{what}`: simulates a recipient. Answers with the customer."""
    what, number = call.params["what"], call.params["no"]
    simulation = _found(CUSTOMER_SIMULATIONS, what)
    given: Any = call.typed_body(simulation.body)
    live = await call.live()
    if what == NOT_FOUND:
        await call.emulator.execute(
            live,
            lambda act: simulation.decide(act, number, given),
            cause=call.request_id,
            rule=f"simulate {what}",
        )
        dropped: DroppedShape = {"customer_number": number}
        return Answer(dropped)
    key = int(number) if number.isascii() and number.isdigit() and len(number) < 17 else -1

    def decide(act: Act) -> None:
        if act.find(CUSTOMER, key) is None:
            raise no_object(number)
        simulation.decide(act, act.customer(key), given)

    act = await call.emulator.execute(live, decide, cause=call.request_id, rule=f"simulate {what}")
    return Answer(render_customer(act.customer(key)))


def _found(table: Mapping[str, Simulation], what: str) -> Simulation:
    if what not in table:
        raise ControlError(
            404, "unknown_deed", f"there is no simulation {what}", f"known: {', '.join(table)}"
        )
    return table[what]


async def billogram(call: ControlCall) -> Answer:
    """`POST …/billograms/{id}/simulate/{what}`: simulates another person. Answers with the billogram."""
    what, key = call.params["what"], call.params["id"]
    simulation = _found(BILLOGRAM_SIMULATIONS, what)
    given = call.typed_body(simulation.body)
    live = await call.live()

    def decide(act: Act) -> None:
        simulation.decide(act, act.billogram(key), given)

    act = await call.emulator.execute(live, decide, cause=call.request_id, rule=f"simulate {what}")
    return Answer(render_billogram(act.billogram(key), call.base))

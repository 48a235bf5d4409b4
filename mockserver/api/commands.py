"""Commands of a billogram: one row each, by their names in the documentation [D] (reference: api 8.9)."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

from mockserver.api.billogram import Body, change, make, remove, shown
from mockserver.api.call import Call
from mockserver.api.inputs import read
from mockserver.core import (
    attachments,
    collection,
    credits,
    delivery,
    dunning,
    factoring,
    losses,
    messages,
    payments,
    respite,
    standalone,
)
from mockserver.core import billogram as drafts
from mockserver.core.act import Act
from mockserver.core.inputs import (
    AllocateFields,
    AmountFields,
    AttachFields,
    CreditFields,
    Input,
    MessageFields,
    MethodFields,
    NoFields,
    PayOutFields,
    RemindFields,
    RespiteFields,
)
from mockserver.core.machine import check_state
from mockserver.core.model import Billogram
from mockserver.core.refusal import NotFound, PermissionDenied, Refusal

I = TypeVar("I", bound=Input)  # noqa: E741


class Command(Struct, Generic[I], frozen=True):
    """What a built command reads and decides; the state check stands before it, for all commands.

    `id` is the name of its operation, `example` a body that works, `refusals` what it alone may refuse.
    """

    id: str
    fields: type[I]
    decide: Callable[[Act, Billogram, I], None]
    example: dict[str, Any]
    refusals: tuple[type[Refusal], ...] = ()


def _send(act: Act, billogram: Billogram, given: MethodFields) -> None:
    """Sends a draft by this method, else by its own."""
    drafts.send(act, billogram, given.method)


def _message(act: Act, billogram: Billogram, given: MessageFields) -> None:
    """Writes to the recipient."""
    messages.send(act, billogram, given.message)


def _credit(act: Act, billogram: Billogram, given: CreditFields) -> None:
    """Makes a credit invoice: over all that is not credited yet, over rows, over an amount."""
    credits.credit(act, billogram, given)


def _payment(act: Act, billogram: Billogram, given: AmountFields) -> None:
    """Books a payment by hand."""
    payments.pay(act, billogram, given.amount)


def _resend(act: Act, billogram: Billogram, given: MethodFields) -> None:
    """Sends the invoice again, by this method or by its own."""
    delivery.resend(act, billogram, given.method)


def _settle_underpayment(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Lets go what remains of one that was partly paid."""
    losses.settle_underpayment(act, billogram)


def _writeoff(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Writes off the fees that remain when the principal is settled."""
    losses.write_off(act, billogram)


def _writedown(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Marks what remains as a feared loss."""
    losses.write_down(act, billogram)


def _revert_writedown(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Takes that mark away."""
    losses.revert_writedown(act, billogram)


def _confirmed_loss(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Books what remains as lost."""
    losses.confirm_loss(act, billogram)


def _remind(act: Act, billogram: Billogram, given: RemindFields) -> None:
    """Sends a reminder, at most one a day; the fee is charged once."""
    dunning.remind(act, billogram, given.method, given.message)


def _collect(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Hands it to the collection agency."""
    collection.collect(act, billogram)


def _respite(act: Act, billogram: Billogram, given: RespiteFields) -> None:
    """Gives more time, to the end of a date."""
    respite.grant(act, billogram, given.date)


def _remove_respite(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Withdraws the respite."""
    respite.remove(act, billogram)


def _attach(act: Act, billogram: Billogram, given: AttachFields) -> None:
    """Attaches a PDF, in place of the one that is there."""
    attachments.attach(act, billogram, attachments.pdf(given.filename, given.content))


def _sell(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Offers a draft for sale."""
    factoring.sell(act, billogram)


def _credit_payment(act: Act, billogram: Billogram, given: PayOutFields) -> None:
    """Marks a stand-alone credit, or a part of it, as paid out."""
    standalone.pay_out(act, billogram, given.mode, given.amount)


def _credit_allocate(act: Act, billogram: Billogram, given: AllocateFields) -> None:
    """Uses a stand-alone credit, `source_id`, on this debit."""
    standalone.allocate(act, billogram, given.amount, given.source_id)


ATTACH = {"filename": "terms.pdf", "content": "JVBERi0xLjQKJSVFT0YK"}
COMMANDS: dict[str, Command[Any]] = {
    "send": Command("sendBillogram", MethodFields, _send, {"method": "Email"}, (PermissionDenied,)),
    "resend": Command("resendBillogram", MethodFields, _resend, {"method": "Email"}),
    "remind": Command("remindBillogram", RemindFields, _remind, {"method": "Email"}),
    "collect": Command("collectBillogram", NoFields, _collect, {}, (PermissionDenied,)),
    "payment": Command("payBillogram", AmountFields, _payment, {"amount": 125}),
    "settle-underpayment": Command("settleUnderpayment", NoFields, _settle_underpayment, {}),
    "credit": Command("creditBillogram", CreditFields, _credit, {"mode": "full"}),
    "writeoff": Command("writeoffBillogram", NoFields, _writeoff, {}),
    "writedown": Command("writedownBillogram", NoFields, _writedown, {}),
    "revert-writedown": Command("revertWritedown", NoFields, _revert_writedown, {}),
    "confirmed-loss": Command("confirmLoss", NoFields, _confirmed_loss, {}),
    "respite": Command("giveRespite", RespiteFields, _respite, {"date": "2026-04-20"}),
    "remove-respite": Command("removeRespite", NoFields, _remove_respite, {}),
    "message": Command("messageBillogram", MessageFields, _message, {"message": "Thank you"}),
    "attach": Command("attachToBillogram", AttachFields, _attach, ATTACH),
    "sell": Command("sellBillogram", NoFields, _sell, {}, (PermissionDenied,)),
    "credit-payment": Command("payOutCredit", PayOutFields, _credit_payment, {"mode": "remaining"}),
    "credit-allocate": Command(
        "allocateCredit", AllocateFields, _credit_allocate, {"amount": 50, "source_id": "Gm9xHv2K"}
    ),
}


async def command(call: Call) -> bytes:
    """`POST /billogram/{id}/command/{command}`: body, state, then what the command itself refuses."""
    name, key = call.params["command"], call.params["id"]
    if name not in COMMANDS:
        raise NotFound(f"no such command: {name}", rule="command.exists", command=name)
    act = await call.execute(lambda act: decide(act, name, key, call.json, call.base), rule=name)
    return shown(call, act.billogram(key))


def decide(act: Act, name: str, key: str, body: Body, base: str) -> str:
    """Any row of behaviour 2.2, `create`, `put` and `delete` too; returns the id of the billogram."""
    match name:
        case "create":
            return make(act, body)
        case "put":
            change(act, key, body, base)
        case "delete":
            remove(act, key)
        case _:
            row, billogram = COMMANDS[name], act.billogram(key)
            given = read(row.fields, body())
            check_state(billogram, name)
            row.decide(act, billogram, given)
    return key

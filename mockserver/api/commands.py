"""Commands of a billogram: one row each (reference: api 8.9)."""

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Struct

from mockserver.api.billogram import Body, change, make, remove, shown
from mockserver.api.billogram_fields import BASE64, Method, read_rows
from mockserver.api.call import Call
from mockserver.api.fields import (
    Amount,
    Fields,
    Given,
    NoFields,
    Text,
    changeable,
    day,
    decimals,
    read,
    required,
    text,
)
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
from mockserver.core.machine import check_state
from mockserver.core.model import Billogram
from mockserver.core.refusal import NotFound, PermissionDenied, Refusal
from mockserver.schema import component, number, one_word, optional, reads, string


class MethodFields(Fields):
    method: Method = None


def _sent_text(value: Any) -> Any:
    """It must be there; whether it says something is looked at after the state [A]."""
    return "" if value == "" else required(text)(value)


class AmountFields(Fields):
    amount: Annotated[Any, reads(required(decimals(2)), number(exclusiveMinimum=0))]


class Command(Struct, frozen=True):
    """What a built command reads and decides; the state check stands before it, for all commands.

    `id` is the name of its operation, `example` a body that works, `refusals` what it alone may refuse.
    """

    id: str
    fields: type[Fields]
    decide: Callable[[Act, Billogram, Given], None]
    example: dict[str, Any]
    refusals: tuple[type[Refusal], ...] = ()


def _send(act: Act, billogram: Billogram, given: Given) -> None:
    """Sends a draft by this method, else by its own."""
    drafts.send(act, billogram, given.get("method"))


class MessageFields(Fields):
    message: Annotated[str, reads(_sent_text, string(minimum=1))]


def _message(act: Act, billogram: Billogram, given: Given) -> None:
    """Writes to the recipient."""
    messages.write(act, billogram, given["message"])


CREDIT_ROWS = {"type": "array", "minItems": 1, "items": component("CreditRowFields")}


class CreditFields(Fields):
    mode: Annotated[str, reads(required(text), one_word(credits.MODES))]
    amount: Amount = None
    items: Annotated[list[Any] | None, reads(changeable(read_rows), CREDIT_ROWS)] = None
    method: Method = None


def _credit(act: Act, billogram: Billogram, given: Given) -> None:
    """Makes a credit invoice: over all that is not credited yet, over rows, over an amount."""
    credits.credit(act, billogram, given)


def _payment(act: Act, billogram: Billogram, given: Given) -> None:
    """Books a payment by hand."""
    payments.pay(act, billogram, given["amount"])


def _resend(act: Act, billogram: Billogram, given: Given) -> None:
    """Sends the invoice again, by this method or by its own."""
    delivery.resend(act, billogram, given.get("method"))


def _settle_underpayment(act: Act, billogram: Billogram, _: Given) -> None:
    """Lets go what remains of one that was partly paid."""
    losses.settle_underpayment(act, billogram)


def _writeoff(act: Act, billogram: Billogram, _: Given) -> None:
    """Writes off the fees that remain when the principal is settled."""
    losses.write_off(act, billogram)


def _writedown(act: Act, billogram: Billogram, _: Given) -> None:
    """Marks what remains as a feared loss."""
    losses.write_down(act, billogram)


def _revert_writedown(act: Act, billogram: Billogram, _: Given) -> None:
    """Takes that mark away."""
    losses.revert_writedown(act, billogram)


def _confirmed_loss(act: Act, billogram: Billogram, _: Given) -> None:
    """Books what remains as lost."""
    losses.confirm_loss(act, billogram)


class RemindFields(MethodFields):
    method: Annotated[str | None, reads(text, optional(one_word(dunning.METHODS)))] = None
    message: Text = None


def _remind(act: Act, billogram: Billogram, given: Given) -> None:
    """Sends a reminder, at most one a day; the fee is charged once."""
    dunning.remind(act, billogram, given.get("method"), given.get("message"))


def _collect(act: Act, billogram: Billogram, _: Given) -> None:
    """Hands it to the collection agency."""
    collection.collect(act, billogram)


class RespiteFields(Fields):
    date: Annotated[Any, reads(required(day), string(format="date"))]


def _respite(act: Act, billogram: Billogram, given: Given) -> None:
    """Gives more time, to the end of a date."""
    respite.give(act, billogram, given["date"])


def _remove_respite(act: Act, billogram: Billogram, _: Given) -> None:
    """Withdraws the respite."""
    respite.remove(act, billogram)


class AttachFields(Fields):
    filename: Annotated[str, reads(required(text), string(minimum=1))]
    content: Annotated[str, reads(required(text), BASE64)]


def _attach(act: Act, billogram: Billogram, given: Given) -> None:
    """Attaches a PDF, in place of the one that is there."""
    attachments.attach(act, billogram, attachments.pdf(given["filename"], given["content"]))


def _sell(act: Act, billogram: Billogram, _: Given) -> None:
    """Offers a draft for sale."""
    factoring.sell(act, billogram)


class PayOutFields(Fields):
    mode: Annotated[str, reads(required(text), one_word(standalone.MODES))]
    amount: Amount = None


def _credit_payment(act: Act, billogram: Billogram, given: Given) -> None:
    """Marks a stand-alone credit, or a part of it, as paid out."""
    standalone.pay_out(act, billogram, given["mode"], given.get("amount"))


class AllocateFields(AmountFields):
    source_id: Annotated[str, reads(required(text), string(minimum=1))]


def _credit_allocate(act: Act, billogram: Billogram, given: Given) -> None:
    """Uses a stand-alone credit, `source_id`, on this debit."""
    standalone.allocate(act, billogram, given["amount"], given["source_id"])


ATTACH = {"filename": "terms.pdf", "content": "JVBERi0xLjQKJSVFT0YK"}
COMMANDS: dict[str, Command] = {
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

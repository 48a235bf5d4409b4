"""The commands of a billogram: one row each, by their documented names [D] (reference: api 8.9)."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

from mockserver.api.billogram import Body, billogram_answer, change, make, remove
from mockserver.api.call import Call
from mockserver.api.inputs import read_input
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


class BillogramCommand(Struct, Generic[I], frozen=True):
    """The input and the decision of a command. The state is checked before the decision, for all commands.

    `id` is the name of its operation, `example` a valid body, and `refusals` holds those that only this
    command raises.
    """

    id: str
    fields: type[I]
    decide: Callable[[Act, Billogram, I], None]
    example: dict[str, Any]
    refusals: tuple[type[Refusal], ...] = ()


def _send(act: Act, billogram: Billogram, given: MethodFields) -> None:
    """Sends a draft, by the given method or by its own."""
    drafts.send(act, billogram, given.method)


def _message(act: Act, billogram: Billogram, given: MessageFields) -> None:
    """Sends a message to the recipient."""
    messages.send(act, billogram, given.message)


def _credit(act: Act, billogram: Billogram, given: CreditFields) -> None:
    """Creates a credit invoice: for all that is not credited yet, for rows, or for an amount."""
    credits.credit(act, billogram, given)


def _payment(act: Act, billogram: Billogram, given: AmountFields) -> None:
    """Records a manual payment."""
    payments.pay(act, billogram, given.amount)


def _resend(act: Act, billogram: Billogram, given: MethodFields) -> None:
    """Sends the invoice again, by the given method or by its own."""
    delivery.resend(act, billogram, given.method)


def _settle_underpayment(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Closes a partly paid billogram by giving up the remaining sum."""
    losses.settle_underpayment(act, billogram)


def _writeoff(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Writes off the remaining fees when the principal is settled."""
    losses.write_off(act, billogram)


def _writedown(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Marks the remaining sum as an expected loss."""
    losses.write_down(act, billogram)


def _revert_writedown(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Removes the mark of an expected loss."""
    losses.revert_writedown(act, billogram)


def _confirmed_loss(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Records the remaining sum as a confirmed loss."""
    losses.confirm_loss(act, billogram)


def _remind(act: Act, billogram: Billogram, given: RemindFields) -> None:
    """Sends a reminder, at most one a day. The fee is charged once."""
    dunning.remind(act, billogram, given.method, given.message)


def _collect(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Hands the billogram over to the collection agency."""
    collection.collect(act, billogram)


def _respite(act: Act, billogram: Billogram, given: RespiteFields) -> None:
    """Extends the time for payment to the end of a date."""
    respite.grant(act, billogram, given.date)


def _remove_respite(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Withdraws the respite."""
    respite.remove(act, billogram)


def _attach(act: Act, billogram: Billogram, given: AttachFields) -> None:
    """Attaches a PDF, which replaces an earlier one."""
    attachments.attach(act, billogram, attachments.pdf(given.filename, given.content))


def _sell(act: Act, billogram: Billogram, _: NoFields) -> None:
    """Offers a draft for sale."""
    factoring.sell(act, billogram)


def _credit_payment(act: Act, billogram: Billogram, given: PayOutFields) -> None:
    """Marks a stand-alone credit, or a part of it, as paid out."""
    standalone.pay_out(act, billogram, given.mode, given.amount)


def _credit_allocate(act: Act, billogram: Billogram, given: AllocateFields) -> None:
    """Allocates the stand-alone credit `source_id` to this debit."""
    standalone.allocate(act, billogram, given.amount, given.source_id)


ATTACH = {"filename": "terms.pdf", "content": "JVBERi0xLjQKJSVFT0YK"}
COMMANDS: dict[str, BillogramCommand[Any]] = {
    "send": BillogramCommand("sendBillogram", MethodFields, _send, {"method": "Email"}, (PermissionDenied,)),
    "resend": BillogramCommand("resendBillogram", MethodFields, _resend, {"method": "Email"}),
    "remind": BillogramCommand("remindBillogram", RemindFields, _remind, {"method": "Email"}),
    "collect": BillogramCommand("collectBillogram", NoFields, _collect, {}, (PermissionDenied,)),
    "payment": BillogramCommand("payBillogram", AmountFields, _payment, {"amount": 125}),
    "settle-underpayment": BillogramCommand("settleUnderpayment", NoFields, _settle_underpayment, {}),
    "credit": BillogramCommand("creditBillogram", CreditFields, _credit, {"mode": "full"}),
    "writeoff": BillogramCommand("writeoffBillogram", NoFields, _writeoff, {}),
    "writedown": BillogramCommand("writedownBillogram", NoFields, _writedown, {}),
    "revert-writedown": BillogramCommand("revertWritedown", NoFields, _revert_writedown, {}),
    "confirmed-loss": BillogramCommand("confirmLoss", NoFields, _confirmed_loss, {}),
    "respite": BillogramCommand("giveRespite", RespiteFields, _respite, {"date": "2026-04-20"}),
    "remove-respite": BillogramCommand("removeRespite", NoFields, _remove_respite, {}),
    "message": BillogramCommand("messageBillogram", MessageFields, _message, {"message": "Thank you"}),
    "attach": BillogramCommand("attachToBillogram", AttachFields, _attach, ATTACH),
    "sell": BillogramCommand("sellBillogram", NoFields, _sell, {}, (PermissionDenied,)),
    "credit-payment": BillogramCommand("payOutCredit", PayOutFields, _credit_payment, {"mode": "remaining"}),
    "credit-allocate": BillogramCommand(
        "allocateCredit", AllocateFields, _credit_allocate, {"amount": 50, "source_id": "Gm9xHv2K"}
    ),
}
MODES = frozenset(name for name, row in COMMANDS.items() if "mode" in row.fields.__struct_fields__)


async def command(call: Call) -> bytes:
    """`POST /billogram/{id}/command/{command}`: checks the body, the state, then the rules of the command."""
    name, key = call.params["command"], call.params["id"]
    if name not in COMMANDS:
        raise NotFound(f"no such command: {name}", rule="command.exists", command=name)
    act = await call.execute(lambda act: decide(act, name, key, call.json, call.base), rule=name)
    return billogram_answer(call, act.billogram(key))


def decide(act: Act, name: str, key: str, body: Body, base: str) -> str:
    """Decide any row of behaviour 2.2, also `create`, `put` and `delete`; returns the billogram's id."""
    match name:
        case "create":
            return make(act, body)
        case "put":
            change(act, key, body, base)
        case "delete":
            remove(act, key)
        case _:
            row, billogram = COMMANDS[name], act.billogram(key)
            given = read_input(row.fields, body())
            check_state(billogram, name)
            row.decide(act, billogram, given)
    return key

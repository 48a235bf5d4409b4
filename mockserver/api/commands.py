"""Commands of a billogram: one row each (reference: api 8.9)."""

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Struct
from pydantic.json_schema import SkipJsonSchema

from mockserver.api.billogram import shown
from mockserver.api.billogram_fields import Method
from mockserver.api.call import Call
from mockserver.api.errors import NotEmulated
from mockserver.api.fields import Amount, Fields, Given, decimals, read, required, text
from mockserver.core import billogram as drafts
from mockserver.core import credits, messages, payments
from mockserver.core.act import Act
from mockserver.core.machine import check_state
from mockserver.core.model import Billogram
from mockserver.core.refusal import NotFound, PermissionDenied, Refusal
from mockserver.schema import number, one_word, reads, string


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


class CreditFields(Fields):
    mode: Annotated[str, reads(required(text), one_word(("full",)))]
    amount: Annotated[Amount, SkipJsonSchema()] = None
    items: Annotated[list[Any] | None, SkipJsonSchema()] = None
    method: Method = None


def _credit(act: Act, billogram: Billogram, given: Given) -> None:
    """Makes a credit invoice over all that is not credited yet."""
    left = credits.check_creditable(billogram)
    credits.check_mode(given["mode"])
    if given["mode"] != "full":
        raise NotEmulated(f"command credit in mode {given['mode']}")
    credits.credit(act, billogram, left, given.get("method"))


def _payment(act: Act, billogram: Billogram, given: Given) -> None:
    """Books a payment by hand."""
    payments.pay(act, billogram, given["amount"])


COMMANDS: dict[str, Command | None] = {
    "send": Command("sendBillogram", MethodFields, _send, {"method": "Email"}, (PermissionDenied,)),
    "resend": None,
    "remind": None,
    "collect": None,
    "payment": Command("payBillogram", AmountFields, _payment, {"amount": 125}),
    "settle-underpayment": None,
    "credit": Command("creditBillogram", CreditFields, _credit, {"mode": "full"}),
    "writeoff": None,
    "writedown": None,
    "revert-writedown": None,
    "confirmed-loss": None,
    "respite": None,
    "remove-respite": None,
    "message": Command("messageBillogram", MessageFields, _message, {"message": "Thank you"}),
    "attach": None,
    "sell": None,
    "credit-payment": None,
    "credit-allocate": None,
}


async def command(call: Call) -> bytes:
    """`POST /billogram/{id}/command/{command}`: body, state, then what the command itself refuses."""
    name = call.params["command"]
    if name not in COMMANDS:
        raise NotFound(f"no such command: {name}", rule="command.exists", command=name)
    row = COMMANDS[name]

    def decide(act: Act) -> None:
        billogram = act.billogram(call.params["id"])
        body = call.json()
        given = read(row.fields, body) if row is not None else {}
        check_state(billogram, name)
        if row is None:
            raise NotEmulated(f"command {name}")
        row.decide(act, billogram, given)

    act = await call.execute(decide, rule=name)
    return shown(call, act.billogram(call.params["id"]))

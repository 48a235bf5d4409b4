"""The recipient's page: what it shows, in Swedish, and what its forms do (reference: behaviour 7.1, 7.2).

Each form sends the operation of the control plane that does the same. The texts are assumptions [A].
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from mockserver.ui.client import Client, Reply, path_of

STATES = {
    "Unpaid": "Obetald",
    "PartlyPaid": "Delbetald",
    "Overdue": "Förfallen",
    "Reminder_1": "Påminnelse 1",
    "Reminder_2": "Påminnelse 2",
    "Reminder_3": "Påminnelse 3",
    "Reminder_Many": "Flera påminnelser",
    "Collecting": "Inkasso",
    "Collection": "Inkasso",
    "Factoring": "Hos factoringbolag",
    "FactoringDenied": "Obetald",
    "Sold": "Såld",
    "Paid": "Betald",
    "Credited": "Krediterad",
    "Ended": "Avslutad",
    "CollectorEnded": "Avslutad",
}  # the rest shows as ended [S: so do confirmed losses]
UNITS = {
    "unit": "st",
    "hour": "timme",
    "day": "dag",
    "month": "månad",
    "year": "år",
    "litre": "liter",
}  # the other units are written alike in Swedish
_ENDED = "Avslutad"
_SETTLED = ("Betald", "Krediterad", "Såld", _ENDED)
_LATE = ("Overdue", "Reminder_1", "Reminder_2", "Reminder_3", "Reminder_Many", "Collecting", "Collection")

_CHANNELS = {
    "Email": " med e-post",
    "SMS": " med sms",
    "Letter": " med brev",
    "Einvoice": " som e-faktura",
    "Efaktura": " som e-faktura",
    "EDI": " med EDI",
}

# what the history says of an event, from its data; an event that is not here is not shown
_HISTORY: dict[str, str] = {
    "BillogramSent": "Fakturan skickades{channel}",
    "FactoringRequest": "Fakturan lämnades till ett factoringbolag",
    "BillogramSold": "Fakturan såldes",
    "FactoringDenied": "Fakturan skickades{channel}",
    "InvoiceSent": "En ny faktura skickades{channel}",
    "Resent": "Fakturan skickades igen{channel}",
    "LetterSent": "Fakturan skickades med brev",
    "DeliveryAccepted": "Fakturan öppnades",
    "Overdue": "Fakturan förföll",
    "ReminderSent": "Påminnelse {reminder_count} skickades{channel}",
    "Respite": "Anstånd till {date}",
    "RespiteRemoved": "Anståndet togs bort",
    "Collection": "Fakturan lämnades till inkasso",
    "CollectorPayment": "Betalt till inkassobolaget: {money}",
    "CollectionCancelled": "Inkassoärendet återkallades",
    "CollectionEnded": "Inkassoärendet avslutades",
    "Payment": "Betalning mottagen: {money}",
    "PaymentRecalled": "Betalning återtagen: {money}",
    "OverpaymentAdjustment": "För mycket betalt, utjämnat: {money}",
    "OverpaymentCustomerLiability": "För mycket betalt, till godo: {money}",
    "PaymentScheduled": "Betalning planerad till {payment_date}: {money}",
    "PaymentSystemUpdated": "Planerad betalning ändrad till {payment_date}: {money}",
    "PaymentSystemCancelled": "Den planerade betalningen ställdes in",
    "PaymentUserCancelled": "Du avbröt den planerade betalningen",
    "PaymentFailed": "Betalningen gick inte igenom",
    "AutogiroFailed": "Autogirot gick inte igenom",
    "RecurringPaymentEnabled": "Autogiro slogs på",
    "RecurringPaymentDisabled": "Autogiro slogs av",
    "Credit": "Krediterat: {money}",
    "CreditAllocated": "Kvittat: {money}",
    "Writeoff": "Avskrivet: {money}",
    "UnderpaymentSettled": "Avskrivet: {money}",
    "BillogramEnded": "Fakturan avslutades",
    "SaleAccepted": "Du köpte {item_title}",
    "CustomerMessage": "Du skrev",
    "CreditorMessage": "{creditor} skrev",
}
_MONEY = ("amount", "recalled_amount", "payment_amount")

DONE = {
    "pay": "Tack! Betalningen är registrerad.",
    "plan": "Betalningen är planerad.",
    "cancel-plan": "Den planerade betalningen är avbruten.",
    "message": "Meddelandet är skickat.",
    "verify-email": "E-postadressen är bekräftad.",
    "automatic-on": "Autogiro är nu på.",
    "automatic-off": "Autogiro är nu av.",
    "accept-sale": "Tack! Köpet läggs på din nästa faktura.",
}
WHY = {
    "amount": "Skriv ett belopp över 0 som är högst det som återstår att betala.",
    "means": "Välj hur du vill betala.",
    "payable": "Fakturan kan inte betalas här: inget återstår, eller så hanteras den av någon annan.",
    "when": "Välj när betalningen ska göras.",
    "date": "Förfallodagen har passerat. Välj nästa bankdag i stället.",
    "planned": "En betalning är redan planerad. Avbryt den först om du vill ändra den.",
    "mandate": "Det gick inte att planera en betalning. Det behövs autogiro eller ett annat medgivande i "
    "fakturans valuta, och en obetald faktura.",
    "unplanned": "Ingen betalning är planerad.",
    "message": "Skriv ett meddelande. Det får ha högst 100 000 tecken.",
    "email": "Skriv en e-postadress som namn@exempel.se.",
    "unpaid": "Välj om obetalda fakturor också ska betalas.",
    "off": "Autogiro är redan av.",
    "customer": "Företaget har inte kvar dig som kund med det här kundnumret.",
    "sale": "Erbjudandet finns inte längre.",
    "accepted": "Erbjudandet går inte att köpa här: det är redan köpt.",
    "busy": "Just nu går det inte att spara något. Försök igen om en stund.",
    "other": "Något gick fel.",
}  # why a form was refused, by the word in the address
_BUSY, _GONE = 503, 404
_REFUSED, _RULE = 400, 409

_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,2})?", re.ASCII)
_SPACES = str.maketrans("", "", " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}")
_LONGEST_NAME = 1000


class Visit(Struct, frozen=True):
    """A request for the page of one billogram. `ip` is the address of the caller."""

    client: Client
    account: str
    billogram: str
    ip: str | None

    async def look(self) -> Reply:
        """Return what the page shows."""
        return await self.client.send("GET", self._path("billograms", self.billogram, "recipient"))

    async def file(self, name: str) -> Reply:
        """Return a file of the page."""
        return await self.client.send("GET", self._path("billograms", self.billogram, "recipient", name))

    async def open(self) -> Reply:
        """Do what opening the page is: `simulate/view`."""
        return await self.simulate("view", self._from_here)

    async def simulate(self, what: str, body: Mapping[str, Any]) -> Reply:
        """Do something as the recipient of the billogram."""
        path = self._path("billograms", self.billogram, "simulate", what)
        return await self.client.send("POST", path, body)

    async def simulate_customer(self, number: int, what: str, body: Mapping[str, Any]) -> Reply:
        """Do something as the customer."""
        return await self.client.send("POST", self._path("customers", str(number), "simulate", what), body)

    async def pay(self, body: Mapping[str, Any]) -> Reply:
        """Pay by the bank."""
        return await self.client.send("POST", self._path("payments"), {"billogram": self.billogram, **body})

    async def write(self, text: str) -> Reply:
        """Write to the creditor."""
        return await self.simulate("message", {"message": text, **self._from_here})

    @property
    def _from_here(self) -> dict[str, str]:
        return {} if self.ip is None else {"ip": self.ip}

    def _path(self, *parts: str) -> str:
        return path_of("accounts", self.account, *parts)


Shown = Mapping[str, Any]  # RecipientPageShape of the control plane
Typed = Mapping[str, str]
Action = Callable[[Visit, Shown, Typed], Awaitable[str]]


def why(reply: Reply, **refused: str) -> str:
    """Return why an operation was refused; empty if it was done.

    `refused` has the words for a bad value (`value`) and for a state that does not allow it (`state`).
    """
    if reply.ok:
        return ""
    found = {_REFUSED: refused.get("value"), _RULE: refused.get("state"), _BUSY: "busy"}.get(reply.status)
    return found or "other"


async def pay(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Pay all that remains, or a part of it."""
    if not shown["payable"]:
        return "payable"
    local = "BANKGIRO" if shown["currency"] == "SEK" else "SEPA_CREDIT_TRANSFER"
    scheme = {"swish": "SWISH", "card": "CARD", "bank": local}.get(typed.get("means", ""))
    if scheme is None:
        return "means"
    amount = _amount(typed.get("amount", ""), Decimal(shown["remaining_sum"]))
    if amount is None:
        return "amount"
    body: dict[str, Any] = {"amount": amount, "scheme": scheme, "payer_name": shown["name"][:_LONGEST_NAME]}
    return why(await visit.pay(body), value="amount", state="payable")


def _amount(text: str, remaining: Decimal) -> Decimal | None:
    """Return an amount as people write it: `1 234,50`; all that remains for an empty text."""
    plain = text.translate(_SPACES).replace(",", ".")
    if not plain.strip():
        return remaining
    if not _AMOUNT.fullmatch(plain):
        return None
    return amount if 0 < (amount := Decimal(plain)) <= remaining else None


async def plan(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Plan a payment by the mandate that there is."""
    tomorrow = date.fromisoformat(shown["today"]) + timedelta(days=1)
    day = {"now": tomorrow.isoformat(), "due-date": shown["due_date"]}.get(typed.get("when", ""))
    if day is None:
        return "when"
    reply = await visit.simulate("schedule-payment", {"date": day})
    return why(reply, value="date", state="planned" if shown["planned"] else "mandate")


async def cancel_plan(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Cancel the planned payment."""
    return why(await visit.simulate("cancel-scheduled-payment", {}), state="unplanned")


async def message(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Write to the creditor."""
    text = typed.get("message", "").replace("\r\n", "\n").strip()
    return why(await visit.write(text), value="message") if text else "message"


async def verify_email(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Verify an e-mail address."""
    return await _as_customer(
        visit, shown, "verify-email", {"email": typed.get("email", "").strip()}, value="email"
    )


async def automatic_on(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Turn automatic payment on."""
    asked = {"": {}, "yes": {"unpaid_too": True}, "no": {"unpaid_too": False}}.get(
        typed.get("unpaid_too", "")
    )
    if asked is None:
        return "unpaid"
    return await _as_customer(visit, shown, "enable-recurring", {"type": "autogiro", **asked})


async def automatic_off(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Turn automatic payment off."""
    return await _as_customer(visit, shown, "disable-recurring", {}, state="off")


async def _as_customer(visit: Visit, shown: Shown, what: str, body: Mapping[str, Any], **refused: str) -> str:
    if not shown["customer"]:
        return "customer"
    reply = await visit.simulate_customer(shown["customer_no"], what, body)
    return "customer" if reply.status == _GONE else why(reply, **refused)


async def accept_sale(visit: Visit, shown: Shown, typed: Typed) -> str:
    """Accept a sale offer."""
    if not shown["customer"]:
        return "customer"
    reply = await visit.simulate("accept-sale", {"offer_id": typed.get("offer_id", "")})
    return "sale" if reply.status == _GONE else why(reply, value="sale", state="accepted")


ACTIONS: dict[str, Action] = {
    "pay": pay,
    "plan": plan,
    "cancel-plan": cancel_plan,
    "message": message,
    "verify-email": verify_email,
    "automatic-on": automatic_on,
    "automatic-off": automatic_off,
    "accept-sale": accept_sale,
}
KEPT = {"pay": "amount", "verify-email": "email"}  # the field that a refused form shows again


# what the page shows


class Past(Struct, frozen=True):
    """A line of the history. `message` is its text, if it is one."""

    at: str
    text: str
    message: str


def values(shown: Shown, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the template."""
    state = STATES.get(shown["state"], _ENDED)
    kind = "done" if state in _SETTLED else "late" if shown["state"] in _LATE else "open"
    refused = query.get("refused") if query.get("refused") in ACTIONS else None
    account = query.get("account", "")
    return {
        "page": shown,
        "invoice": shown["invoice"],
        "state": state,
        "kind": kind,
        "history": _history(shown),
        "others": [{**each, "state": STATES.get(each["state"], _ENDED)} for each in shown["others"]],
        "account": account,
        "done": DONE.get(query.get("done", "")),
        "refused": refused,
        "why": WHY.get(query.get("why", ""), WHY["other"]) if refused else None,
        "typed": query.get("typed", "") if refused else "",
        "money": money,
        "units": UNITS,
        "day": lambda text: text[:10],
    }


def _history(shown: Shown) -> list[Past]:
    found = []
    for event in shown["history"]:
        form, data = _HISTORY.get(event["type"]), event["data"] or {}
        if form is None:
            continue
        amount = next((data[name] for name in _MONEY if data.get(name) is not None), 0)
        channel = _CHANNELS.get(str(data.get("delivery_method", "")).partition("+")[0], "")
        known = {
            "money": money(amount, shown["currency"]),
            "channel": channel,
            "creditor": shown["invoice"]["creditor"],
            **{name: data.get(name) for name in ("date", "payment_date", "reminder_count", "item_title")},
        }
        message = data.get("message") or "" if event["type"] in _MESSAGES else ""
        found.append(Past(event["at"], form.format(**known), message))
    return found


_MESSAGES = ("CustomerMessage", "CreditorMessage", "ReminderSent")


def money(value: Any, currency: str = "") -> str:
    """Return an amount as it is written in Swedish: `1 234,50 SEK`."""
    text = f"{Decimal(value):,.2f}".replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")
    text = text.replace("-", "\N{MINUS SIGN}")
    return f"{text}\N{NO-BREAK SPACE}{currency}" if currency else text

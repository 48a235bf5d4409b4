"""The table of all rules that can refuse, by topic: why each refuses, what to do, and how sure we are.

It is loaded when an explanation is first asked for.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

EVIDENCE = {
    "D": "Billogram's documentation says so",
    "R": "seen in a recorded answer of Billogram",
    "C": "known from client code or older documentation",
    "S": "a support article of Billogram says so",
    "A": "our assumption: the real behaviour is not published",
}


class Reason(Struct, frozen=True):
    """`why` the rule refuses, what to `do`, and the `tags` of the evidence for it.

    `must` is the condition that did not hold, in the names of the values that the rule compared. `values`
    says which would be right: `one_of`, `above`, `below`, `at_most`, `after`, `not_before`, `maximum_length`;
    a text in it is the name of a compared one. In a family such as `state.*`, `{}` stands for the rest of the
    name.
    """

    why: str
    do: str
    tags: str
    must: str = ""
    values: Mapping[str, Any] = {}


# why a request was refused before a billogram was looked at: access, paths, queries, bodies, registers

ACCESS = {
    "auth.missing": Reason(
        "every request to the API needs HTTP Basic credentials: the API user as name, its key as password",
        "send Authorization: Basic with user:key in base64",
        "C",
    ),
    "auth.invalid": Reason(
        "the credentials open no account: the key is not the one that the account was born with, or adopted",
        "send the right key, or give the account another one by PATCH /_mock/accounts/{a}",
        "C",
    ),
    "auth.mock_account": Reason(
        "the header Mock-Account names no account that may be picked, or Mock-Token is not the control token",
        "name an account, send any Authorization header, and where there is a control token Mock-Token",
        "A",
    ),
    "feature.standalone_credits": Reason(
        "a negative total is a stand-alone credit, which Billogram must have switched on for the account",
        "turn the feature standalone_credits on by PATCH /_mock/accounts/{a}",
        "DA",
        must="the feature standalone_credits is on, or total_sum ≥ 0",
    ),
    "feature.collection": Reason(
        "handing a claim to a collection agency needs an agreement, which is a feature of the account",
        "turn the feature collection on by PATCH /_mock/accounts/{a}",
        "DA",
        must="the feature collection is on",
    ),
    "feature.factoring": Reason(
        "selling a claim needs an agreement with a buyer of claims, which is a feature of the account",
        "turn the feature factoring on by PATCH /_mock/accounts/{a}",
        "DA",
        must="the feature factoring is on",
    ),
    "log.unavailable": Reason(
        "the log could not be written (disk full, file gone or locked), so nothing was changed",
        "free the disk or the lock and send it again; /_mock/ready tells when",
        "A",
    ),
    "fault": Reason(
        "a fault that was laid down for this account struck the request: nobody has earned this refusal",
        "take the faults away by DELETE …/faults, or bear it: that is what they are for",
        "A",
        must="no fault strikes: it was the one with number fault, of kind fail",
    ),
}

PATHS = {
    "path.exists": Reason(
        "no resource of the API has this path",
        "look the path up in /openapi.json",
        "RC",
        must="asked is the path of a resource",
    ),
    "path.method": Reason(
        "the resource is there, but it does not know this HTTP method",
        "use one of the allowed methods",
        "C",
        must="the method is among the allowed",
        values={"one_of": "allowed"},
    ),
    "object.exists": Reason(
        "no object of this account has the id in the path: it was never made here, was deleted, or a reset "
        "or restore took it away",
        "list the resource to see what there is; accounts share nothing, so look at the user name too",
        "RC",
        must="there is an object with this id or filename",
    ),
    "command.exists": Reason(
        "a billogram knows no command of this name",
        "use one of the commands that are allowed now",
        "A",
        must="command is the name of a command",
    ),
    "query.required": Reason(
        "a list parameter that must be there is absent; page and page_size are required in most lists, and "
        "the three filter parameters belong together",
        "add the parameter",
        "C",
    ),
    "query.value": Reason(
        "a query parameter has a value that it does not know: a page below 1, a field that can't be filtered "
        "or ordered by, a direction that is neither asc nor desc",
        "send a value of the form that is shown",
        "C",
        must="value is one that the parameter knows",
    ),
    "not_emulated": Reason(
        "Billogram has this operation, and mockserver does not build it yet; it never pretends a success",
        "leave it out of the test, or stub it in the client; the README lists what works",
        "A",
        must="the operation is built",
    ),
}

BODIES = {
    "body.json": Reason(
        "the body is not JSON: NaN, infinities, comments and trailing commas are none either",
        "send what a JSON encoder makes",
        "A",
    ),
    "body.object": Reason(
        "the body is JSON, but no object",
        "send an object with named members",
        "A",
    ),
    "body.size": Reason(
        "the body is larger than the limit of 32 MiB",
        "send less, for example a smaller picture or attachment",
        "A",
        must="the body has at most maximum bytes",
        values={"at_most": "maximum"},
    ),
    "body.unknown": Reason(
        "the body has a key that this object does not know; unknown keys are refused at any level, before "
        "anything else is looked at",
        "leave the key out, or write it as the API does",
        "C",
    ),
    "body.value": Reason(
        "a member has a wrong type, lies beyond its bounds, or is no word of its list",
        "send a value of the form that is shown",
        "CDA",
        must="the value has the form that is shown (due_days: at most maximum)",
    ),
    "body.length": Reason(
        "a text is longer than its member may be",
        "shorten it",
        "DA",
        must="the text has at most maximum characters",
        values={"maximum_length": "maximum"},
    ),
    "body.read_only": Reason(
        "the member is made by Billogram: it can be read, and sent back unchanged in a PUT, but not set",
        "leave it out",
        "CD",
    ),
    "required": Reason(
        "a member that must be there is absent or empty",
        "add it, with a value that is not empty",
        "CA",
    ),
}

REGISTERS = {
    "address.careof_attention": Reason(
        "an address has either a care-of or an attention line, not both",
        "leave one of the two out",
        "CA",
    ),
    "customer.customer_no": Reason(
        "customer numbers are unique in an account, and another customer has this one",
        "leave customer_no out to get the next free one, or choose another",
        "R",
        must="no customer has this customer_no",
    ),
    "item.item_no": Reason(
        "an item number has at most 30 characters, and one that is all digits is not larger than the series "
        "of automatic numbers can go",
        "choose a shorter number",
        "A",
        must="item_no has at most 30 characters",
    ),
    "item.item_no_taken": Reason(
        "item numbers are unique in an account, and another item has this one",
        "leave item_no out to get the next free one, or choose another",
        "A",
        must="no item has this item_no",
    ),
    "picture.content": Reason(
        "logotype and cover photo must be a PNG, JPEG or GIF in base64",
        "send the bytes of the file in base64, without a data: prefix",
        "RA",
        must="the content, of size bytes, begins as a file of a known type does",
    ),
    "einvoice.member": Reason(
        "what a customer is registered for e-invoices by depends on the market, and this one does not use "
        "this member",
        "send only the members of the account's market, or make the account in another one",
        "A",
        must="the market uses this member",
    ),
    "einvoice.required": Reason(
        "in this market a registration for e-invoices needs one of pec and codice_destinatario",
        "send pec or codice_destinatario",
        "A",
        must="one of pec and codice_destinatario is there in this market",
    ),
    "einvoice.market": Reason(
        "in this market customers can't be registered for e-invoices by the creditor",
        "use an account of another market",
        "A",
        must="customers are registered by the creditor in this market",
    ),
    "mandate.customer": Reason(
        "a mandate belongs to a customer, and there is none with this number",
        "make the customer first, by POST /customer",
        "A",
        must="a customer has this customer_no",
    ),
    "mandate.iban": Reason(
        "the IBAN is wrong: its country, its length or its check sum",
        "send an IBAN with a right check sum, such as DE89370400440532013000",
        "A",
        must="the check sum of the iban is right",
    ),
    "mandate.scheme": Reason(
        "only SEPA mandates are cancelled through the API; autogiro is turned off by the recipient",
        "play the recipient: POST …/customers/{no}/simulate/disable-recurring",
        "DA",
        must="the scheme is SEPA_DIRECT_DEBIT",
    ),
    "mandate.usable": Reason(
        "the mandate has ended: what is cancelled or failed can't be cancelled once more",
        "import a new mandate if the customer is to pay by direct debit again",
        "DA",
        must="the status is PENDING or ACTIVE",
        values={"one_of": ("PENDING", "ACTIVE")},
    ),
}


# why a billogram was not made, changed, or given a command

DRAFTS = {
    "billogram.customer": Reason(
        "a billogram copies its customer when it is made, and there is none with this number",
        "make the customer first, by POST /customer, and use the number of its answer",
        "A",
        must="a customer has this customer_no",
    ),
    "billogram.due": Reason(
        "due_date and due_days say the same thing in two ways, and here they do not agree",
        "send one of them",
        "A",
        must="due_days are the days from invoice_date to due_date",
    ),
    "billogram.due_date": Reason(
        "a billogram is not due before its invoice date, nor beyond the last year that dates can have",
        "send a due date on or after the invoice date",
        "A",
        must="due_date ≥ invoice_date (with due_days, the due date has a year that can be written)",
        values={"not_before": "invoice_date"},
    ),
    "billogram.creditor_unique_value": Reason(
        "creditor_unique_value guards against making the same billogram twice: it is unique for ever, for "
        "deleted ones too",
        "look whether the billogram is there already; else send another value",
        "DA",
        must="no billogram has or had this creditor_unique_value",
    ),
    "billogram.invoice_no": Reason(
        "invoice numbers are one series per account, and this one is taken",
        "leave invoice_no out to get the next one when it is sent, or choose a free one",
        "RA",
        must="no billogram has this invoice_no",
    ),
    "billogram.fixed": Reason(
        "some members are settled when a billogram is made, and customer and currency when it is sent; a PUT "
        "may repeat them, not change them",
        "leave it out, or make another billogram",
        "SA",
    ),
    "callbacks.https": Reason(
        "this account sends callbacks to https addresses only, as the real service does",
        "use an https address, or set require_https to false by PUT …/callbacks",
        "DA",
        must="url begins with https:",
    ),
    "attachment.content": Reason(
        "an attachment is a PDF of at most 10 MiB in base64, and this is none",
        "send the bytes of a PDF (they begin with %PDF) in base64",
        "DA",
        must="the content, of size bytes, begins with %PDF and has at most 10 MiB",
    ),
    "attachment.content_missing": Reason(
        "a name was given for an attachment, but no file is there and none came with it",
        "send attachment_content too",
        "CA",
    ),
    "pdf.available": Reason(
        "the PDF is still being made: for pdf_delay after its document it is not available",
        "try again later; on a frozen clock nothing comes until it is moved",
        "CA",
        must="now ≥ available_at, for the document letter_id",
        values={"not_before": "available_at"},
    ),
}

SENT = {
    "put.credited": Reason(
        "after a credit the rows and the invoice fee of a billogram stay as they are, or its credit invoices "
        "would be about rows that are gone",
        "change other members, or credit the rest and make a new billogram",
        "A",
        must="credited_sum = 0, or rows and invoice fee are not changed",
    ),
    "put.sign": Reason(
        "a debit can't become a stand-alone credit by a change, nor the reverse, nor a credit be less than "
        "what was paid out of it",
        "make another billogram",
        "DA",
        must="before and after have the same sign (and remaining of a credit is not above 0)",
    ),
    "state.*": Reason(
        "the command {} is only possible in certain states of a billogram, and this one is in another",
        "bring it into one of the allowed states, where that is possible",
        "DA",
        must="state is among the allowed",
        values={"one_of": "allowed"},
    ),
}

COMMANDS = {
    "payment.not_on_credit": Reason(
        "the command payment books money that comes in, and a stand-alone credit waits for none",
        "when it was paid out to the customer, use credit-payment",
        "A",
        must="total_sum ≥ 0",
    ),
    "payment.amount": Reason(
        "a payment by hand is more than nothing and at most what remains to be paid",
        "pay at most what remains; more than that can only come from the bank: POST …/payments",
        "A",
        must="0 < amount ≤ remaining",
        values={"above": 0, "at_most": "remaining"},
    ),
    "settle-underpayment.paid": Reason(
        "an underpayment is there only when some money has come: here nothing was received",
        "wait for money; to let the whole go, use confirmed-loss",
        "A",
        must="paid < 0 (money that was received is negative)",
    ),
    "credit.not_on_credit": Reason(
        "a credit invoice takes back what was invoiced, and a stand-alone credit has invoiced nothing",
        "use credit-payment or credit-allocate to use it up",
        "A",
        must="total_sum ≥ 0",
    ),
    "credit.left": Reason(
        "all that was invoiced is credited already, or nothing of what this mode credits is unpaid",
        "nothing need be done; what was paid is credited by the mode full or amount",
        "A",
        must="something is left beside credited_sum, and in the modes remaining, rest and principal "
        "remaining_sum > 0",
    ),
    "credit.mode": Reason(
        "a credit is made in one of six modes, and this is none of them",
        "use one of the modes",
        "DCA",
        must="mode is among the known",
        values={"one_of": "known"},
    ),
    "credit.amount": Reason(
        "a credit over an amount is more than nothing, and at most what is not credited yet",
        "credit at most what is left",
        "A",
        must="0 < amount ≤ left",
        values={"above": 0, "at_most": "left"},
    ),
    "credit.count": Reason(
        "the count of a credited row is negative, and over all credits no more of a row is credited than was "
        "invoiced",
        "send a negative count of at most what is left of the row",
        "DA",
        must="0 < -count ≤ left",
        values={"below": 0},
    ),
    "credit.row": Reason(
        "a credited row names an invoiced one, by item_no or by title, price and vat, and none matches",
        "repeat the row as GET /billogram/{id} shows it",
        "A",
        must="an invoiced row has this item_no or title",
    ),
    "credit.sum": Reason(
        "rows whose sum is nothing can't be credited",
        "name rows with a price",
        "A",
        must="sum > 0",
    ),
    "writeoff.principal": Reason(
        "only reminder fees and interest are written off: the principal must be settled, and some of the "
        "fees unpaid",
        "book what is missing of the principal first; to let the principal go, use confirmed-loss",
        "SA",
        must="principal = 0 and remaining > 0",
    ),
    "writedown.once": Reason(
        "the mark of a write-down is on it already",
        "nothing need be done; revert-writedown takes the mark away",
        "SA",
    ),
    "revert-writedown.written_down": Reason(
        "there is no mark of a write-down that could be taken away",
        "nothing need be done; writedown sets the mark",
        "SA",
    ),
    "message.text": Reason(
        "a message to the recipient says something",
        "send some text",
        "A",
    ),
    "not_on_credit.*": Reason(
        "{} is for claims, and a stand-alone credit is money that the creditor owes",
        "use it up by credit-payment or credit-allocate",
        "A",
        must="total_sum ≥ 0",
    ),
}

CREDITS = {
    "credit-payment.on_credit": Reason(
        "credit-payment says that a stand-alone credit was paid out, and this billogram is a claim",
        "book money that comes in by the command payment",
        "A",
        must="total_sum < 0",
    ),
    "credit-payment.mode": Reason(
        "a credit is paid out as a whole or in part: the mode says which",
        "use one of the two modes",
        "A",
        must="mode is among the known",
        values={"one_of": "known"},
    ),
    "credit-payment.amount": Reason(
        "what is paid out of a credit is more than nothing, and at most what is left of it",
        "pay out at most what is left",
        "A",
        must="0 < amount ≤ left",
        values={"above": 0, "at_most": "left"},
    ),
    "credit-allocate.on_debit": Reason(
        "credit-allocate is given to the claim that is to become smaller, and this is the credit",
        "give the command to the debit, with the id of the credit as source_id",
        "DA",
        must="total_sum ≥ 0",
    ),
    "credit-allocate.amount": Reason(
        "what is allocated is more than nothing, at most what is left of the credit, and at most what "
        "remains of the debt",
        "allocate at most the smaller of the two",
        "D",
        must="0 < amount ≤ credit_left and amount ≤ debt",
        values={"above": 0, "at_most": ("credit_left", "debt")},
    ),
    "credit-allocate.source_id": Reason(
        "source_id names no billogram, or one of another customer or currency than the debt",
        "name a credit of the same customer in the same currency",
        "DA",
        must="source_id is there, its customer_no is the wanted one, its currency that of the debt",
    ),
    "credit-allocate.source": Reason(
        "the source is no stand-alone credit that was sent and of which something is left",
        "send it first if it is a draft, else use another one",
        "DA",
        must="state = Unpaid and total_sum < 0, of the source",
    ),
}

DELIVERY = {
    "delivery.method": Reason(
        "there is no delivery method of this name; they are written with capitals, such as Email "
        "and SMS+Letter",
        "use one of the methods",
        "DC",
        must="method is among the known",
        values={"one_of": "known"},
    ),
    "delivery.data": Reason(
        "the billogram's copy of the customer lacks what this method needs: an e-mail address, a phone "
        "number, a whole address, a registration for e-invoices, or an EDI id",
        "add it by PUT /billogram/{id}, or send by another method, such as DoNotNotify",
        "DA",
        must="the data for method is there",
    ),
    "remind.method": Reason(
        "a reminder leaves by e-mail, letter or SMS, and by nothing else",
        "use one of the three",
        "CA",
        must="method is among the known",
        values={"one_of": "known"},
    ),
}

DUNNING = {
    "not_due.*": Reason(
        "{} is only possible when the due date has passed, by the local dates of the account",
        "wait for the day after the due date: move the clock, or move the due date by PUT",
        "A",
        must="today > due_date",
    ),
    "respite.*": Reason(
        "{} is not possible while the recipient has been given more time",
        "wait for the day after the respite, or withdraw it by remove-respite",
        "DA",
        must="today > respite_date, or no respite",
    ),
    "remind.same_day": Reason(
        "there are never two reminders on one local day, whoever sends them",
        "wait for the next day",
        "D",
        must="last < today",
    ),
    "respite.date": Reason(
        "a respite gives more time than there is: its date lies after the due date and after today",
        "choose a later date",
        "DC",
        must="date > due_date and date > today",
        values={"after": ("due_date", "today")},
    ),
    "remove-respite.active": Reason(
        "no respite lasts that could be withdrawn: none was given, or it has ended",
        "nothing need be done",
        "A",
    ),
}


# why the bank, SEPA or another player said no: asked through the control plane, which shows hints itself

MONEY = {
    "payment.date": Reason(
        "money arrives today or came earlier; the bank knows no payments of tomorrow",
        "leave date out, or move the clock first",
        "A",
        must="date ≤ today",
    ),
    "payment.allocations": Reason(
        "a payment can't be shared out over billograms beyond its amount",
        "make the shares smaller, or the payment larger",
        "A",
        must="shared ≤ amount",
    ),
    "payment.unmatched": Reason(
        "all of this payment was placed already, so there is nothing to place by hand",
        "look at its allocations in GET …/payments/{id}",
        "A",
        must="something is unmatched",
    ),
    "payment.unmatched_amount": Reason(
        "more was to be placed by hand than is unmatched of this payment",
        "place at most what is unmatched",
        "A",
        must="amount ≤ unmatched",
    ),
    "payment.payable": Reason(
        "money is booked on billograms that were sent: not on drafts, sold ones, or stand-alone credits",
        "send the billogram first, or place the money elsewhere",
        "SA",
        must="the state takes money",
    ),
    "payment.currency": Reason(
        "one payment has one currency, so it can't be shared out over billograms of two",
        "report a payment for each currency",
        "A",
        must="there is one currency among the currencies",
    ),
    "outcomes.match": Reason(
        "what the bank will answer was laid down for something that does not exist",
        "name a billogram, mandate or customer of this account, or null for all",
        "A",
    ),
    "outcomes.plan": Reason(
        "an answer of the bank was laid down that it can't give: a type that does not follow, a reason that "
        "the type does not have, or a span that can't be read",
        "use the types and reasons of the page about money that comes back",
        "A",
    ),
}

SEPA = {
    "sepa.type": Reason(
        "SEPA knows no R-transaction of this type",
        "use one of the types of the page about money that comes back",
        "A",
    ),
    "sepa.scheme": Reason(
        "an R-transaction belongs to a scheme: direct debits, and one of them credit transfers; money of "
        "other schemes, and money booked by hand, never comes back",
        "report the payment with scheme SEPA_DIRECT_DEBIT",
        "A",
        must="scheme is that of the type",
    ),
    "sepa.status": Reason(
        "some R-transactions stop a debit before it is settled, the others take settled money back, and this "
        "one does not fit the payment",
        "GET …/payments/{id}/recall-options tells which are possible",
        "A",
        must="status is that which the type wants",
    ),
    "sepa.amount": Reason(
        "together the recalls of a payment take back at most what was paid",
        "ask for at most what is left",
        "A",
    ),
    "sepa.whole": Reason(
        "a debit that is not settled yet is stopped as a whole or not at all",
        "leave amount and allocations out",
        "A",
    ),
    "sepa.code": Reason(
        "each type of R-transaction has its own list of reasons, and this one is not on it",
        "use one of the reasons of the type, or leave code out",
        "A",
    ),
    "sepa.b2b": Reason(
        "in the B2B scheme a debtor can't have his money back after settlement",
        "use a mandate of the Core scheme",
        "A",
    ),
    "sepa.window": Reason(
        "each R-transaction is possible in a window of days around the settlement, and today is not in it",
        "move the clock into the window, or ask for the type whose window it is",
        "A",
        must="today lies in the window around settled",
    ),
}

SIMULATED = {
    "simulate.collection": Reason(
        "the collection agency knows only what was handed to it",
        "collect the billogram first",
        "A",
    ),
    "simulate.collector_amount": Reason(
        "the agency takes no more than what remains",
        "pay at most what remains",
        "A",
        must="amount ≤ remaining",
    ),
    "simulate.delivery_failure": Reason(
        "what was sent last can't come back: it left by letter, or did not leave at all",
        "send it by e-mail, SMS or as e-invoice",
        "A",
    ),
    "simulate.factoring": Reason(
        "a buyer of claims answers to what is offered to him, and this is not",
        "sell the billogram first",
        "A",
    ),
    "simulate.message": Reason(
        "the recipient's message is empty",
        "let him write something",
        "A",
    ),
    "simulate.not_scheduled": Reason(
        "the recipient can't cancel a payment that is not planned",
        "plan one: simulate/schedule-payment",
        "A",
    ),
    "simulate.recurring": Reason(
        "the recipient can't turn automatic payment off that is not on",
        "simulate/enable-recurring first",
        "A",
    ),
    "simulate.schedule": Reason(
        "a payment is planned by a usable mandate on an open billogram, and one of the two is missing",
        "send the billogram, and import a mandate in its currency",
        "A",
    ),
    "simulate.schedule_date": Reason(
        "a payment is planned for tomorrow or later",
        "choose a later date",
        "A",
    ),
    "simulate.scheduled": Reason(
        "one payment is planned per billogram, and there is one already",
        "cancel it first: simulate/cancel-scheduled-payment",
        "A",
    ),
    "simulate.sent": Reason(
        "nobody has seen a draft, so its recipient can do nothing with it",
        "send it first",
        "A",
    ),
}


TOPICS: Mapping[str, Mapping[str, Reason]] = {
    "Access and account": ACCESS,
    "Paths and queries": PATHS,
    "Bodies": BODIES,
    "Customers, items, mandates": REGISTERS,
    "Making and changing a billogram": DRAFTS,
    "Sent billograms and states": SENT,
    "Commands": COMMANDS,
    "Stand-alone credits": CREDITS,
    "Delivery": DELIVERY,
    "Reminders, respite, collection": DUNNING,
    "Payments and outcomes": MONEY,
    "SEPA": SEPA,
    "What others do": SIMULATED,
}
_FOUND = {rule: (topic, reason) for topic, rows in TOPICS.items() for rule, reason in rows.items()}


def reason_of(rule: str) -> tuple[str, Reason]:
    """Topic and reason of a rule; that of a family, such as `state.*`, in the words of its member."""
    if rule in _FOUND:
        return _FOUND[rule]
    family, _, member = rule.partition(".")
    topic, reason = _FOUND[f"{family}.*"]
    return topic, structs.replace(reason, why=reason.why.format(member))

"""The table of all rules that can refuse, by topic: why each refuses, what to do, and the evidence for it.

This module is imported at the first request for an explanation.
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

    `must` is the condition that did not hold, in terms of the values that the rule compared. `values` says
    which values are accepted: `one_of`, `above`, `below`, `at_most`, `after`, `not_before`,
    `maximum_length`; a text in it is the name of a compared value. In a family such as `state.*`, `{}` is
    replaced by the rest of the rule's name.
    """

    why: str
    do: str
    tags: str
    must: str = ""
    values: Mapping[str, Any] = {}


# refusals that depend on no billogram: access, paths, queries, bodies, registers

ACCESS = {
    "auth.missing": Reason(
        "every request to the API needs HTTP Basic credentials: user name and key of an API user",
        "send Authorization: Basic with user:key in base64",
        "C",
    ),
    "auth.invalid": Reason(
        "no account has these credentials: its key is the one that it was created with, or adopted",
        "send the correct key, or set another key by PATCH /_mock/accounts/{a}",
        "C",
    ),
    "auth.mock_account": Reason(
        "the header Mock-Account names no selectable account, or Mock-Token is not the control token",
        "name an account, send any Authorization header, and Mock-Token if there is a control token",
        "A",
    ),
    "auth.cross_site": Reason(
        "a web page of another origin sent the request, by its Origin or Sec-Fetch-Site header",
        "send it from a program, or name the address of the page's server with --public-url",
        "A",
    ),
    "feature.standalone_credits": Reason(
        "a negative total makes a stand-alone credit, which Billogram must enable for the account",
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
        "the log could not be written (disk full, file missing or locked), so nothing was changed",
        "free disk space or release the lock, then send the request again when /_mock/ready answers 200",
        "A",
    ),
    "fault": Reason(
        "a fault that is configured for this account matched the request; the request itself may be correct",
        "remove the faults by DELETE …/faults, or handle the failure in the client",
        "A",
        must="no fault matches; the one that matched has the number fault and the kind fail",
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
        "the resource exists, but it does not support this HTTP method",
        "use one of the allowed methods",
        "C",
        must="the method is among the allowed",
        values={"one_of": "allowed"},
    ),
    "object.exists": Reason(
        "no object of this account has the id in the path: it was never created here, it was deleted, or a "
        "reset or restore removed it",
        "list the resource to see the existing ids; accounts share no objects, so check the user name too",
        "RC",
        must="an object has this id or filename",
    ),
    "command.exists": Reason(
        "there is no command of this name",
        "use one of the commands that are allowed now",
        "A",
        must="command is the name of a command",
    ),
    "query.required": Reason(
        "a required list parameter is missing; page and page_size are required in most lists, and the three "
        "filter parameters must be sent together",
        "add the parameter",
        "C",
    ),
    "query.value": Reason(
        "a query parameter has an invalid value, such as a page below 1, a field that can't be filtered or "
        "ordered by, or a direction that is neither asc nor desc",
        "send a value of the form that is shown",
        "C",
        must="value is valid for the parameter",
    ),
}

BODIES = {
    "body.json": Reason(
        "the body is not valid JSON; NaN, infinities, comments and trailing commas are not valid either",
        "correct the problem, or send the output of a JSON encoder, in UTF-8 and not compressed",
        "A",
        must="the body is JSON in UTF-8; what it is instead is its problem",
    ),
    "body.object": Reason(
        "the body is JSON, but not an object",
        "send an object with named members",
        "A",
    ),
    "head.size": Reason(
        "the request line and the headers together are larger than the server reads",
        "send fewer or shorter headers",
        "A",
        must="size ≤ maximum",
    ),
    "body.size": Reason(
        "the body is larger than the limit of 32 MiB",
        "send less, for example a smaller picture or attachment",
        "A",
        must="the body has at most maximum bytes",
        values={"at_most": "maximum"},
    ),
    "body.limit": Reason(
        "the JSON of the body has more of something than the server reads: 50,000 members and elements "
        "(commas and brackets in texts count too), 100 levels, or in a body above 50,000 bytes 100 digits of "
        "a number",
        "send less in one request, in objects of the documented form",
        "A",
        must="what is exceeded, such as members, is at most maximum",
        values={"at_most": "maximum"},
    ),
    "body.unknown": Reason(
        "the body has a key that this object does not have; unknown keys are refused at any level, before "
        "anything else is checked",
        "leave the key out, or correct its spelling",
        "C",
    ),
    "body.value": Reason(
        "a member has a wrong type, is out of range, or is not one of the allowed words",
        "send a value of the form that is shown",
        "CDA",
        must="the value has the form that is shown (due_days: at most maximum)",
    ),
    "body.row": Reason(
        "a row is an object with named members; only an empty list is skipped, since PHP writes an empty "
        "object so",
        'send each row as an object such as {"title", "count", "price", "vat"}',
        "CA",
        must="the row of items at the place row, counted from 0, is an object or an empty list",
    ),
    "body.length": Reason(
        "a text is longer than the maximum length of its member, or a list has too many rows or elements",
        "shorten it",
        "DA",
        must="it has at most maximum characters, rows or elements",
        values={"maximum_length": "maximum"},
    ),
    "body.read_only": Reason(
        "Billogram sets this member: it can be read, and sent back unchanged in a PUT, but not changed",
        "leave it out",
        "CD",
    ),
    "required": Reason(
        "a required member is missing or empty",
        "send it with a value that is not empty",
        "CA",
    ),
}

REGISTERS = {
    "address.careof_attention": Reason(
        "an address can have a care-of or an attention line, but not both",
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
        must="the content, of size bytes, begins like a PNG, JPEG or GIF file",
    ),
    "einvoice.member": Reason(
        "the members of a registration for e-invoices depend on the market, and this market does not use "
        "this member",
        "send only the members of the account's market, or create an account in another market",
        "A",
        must="the market uses this member",
    ),
    "einvoice.required": Reason(
        "in this market a registration for e-invoices needs pec or codice_destinatario",
        "send pec or codice_destinatario",
        "A",
        must="pec or codice_destinatario is given in this market",
    ),
    "einvoice.market": Reason(
        "in this market the creditor can't register customers for e-invoices",
        "use an account of another market",
        "A",
        must="the creditor registers customers in this market",
    ),
    "mandate.customer": Reason(
        "a mandate belongs to a customer, and no customer has this number",
        "create the customer first, by POST /customer",
        "A",
        must="a customer has this customer_no",
    ),
    "mandate.iban": Reason(
        "the IBAN is invalid: its country, its length or its checksum",
        "send an IBAN with a valid checksum, such as DE89370400440532013000",
        "A",
        must="the checksum of the iban is valid",
    ),
    "mandate.scheme": Reason(
        "only SEPA mandates can be cancelled through the API; the recipient turns autogiro off",
        "simulate the recipient: POST …/customers/{no}/simulate/disable-recurring",
        "DA",
        must="the scheme is SEPA_DIRECT_DEBIT",
    ),
    "mandate.usable": Reason(
        "the mandate has ended: a cancelled or failed mandate can't be cancelled again",
        "import a new mandate if the customer is to pay by direct debit again",
        "DA",
        must="the status is PENDING or ACTIVE",
        values={"one_of": ("PENDING", "ACTIVE")},
    ),
}


TABS = {
    "tab.path": Reason(
        "in the paths of billing tabs a customer number is digits and at least 1, and the ids are UUIDs",
        "use the customer's number, and the ids that POST …/billing-tab/items answers",
        "DA",
    ),
    "tab.settings_required": Reason(
        "the settings of a billing tab are at least one of billing_frequency and delivery_method",
        "send one of the two; null follows the account",
        "DA",
    ),
    "tab.invoiced": Reason(
        "the rows of this billing tab are on a billogram already, so it can't change any more",
        "change or credit the billogram; the next row opens a new tab",
        "A",
        must="the tab has no billogram",
    ),
    "deduplication.key": Reason(
        "a row is added with a key of its own in a header, so that a repeated request adds it once",
        "send the header X-API-Deduplication-ID with 1 to 36 characters, such as a UUID",
        "DA",
        values={"maximum_length": "maximum"},
    ),
    "deduplication.used": Reason(
        "this key added another row to the billing tabs of the customer; a key never expires",
        "send a new key with a new row, or the same body again to get the first answer",
        "A",
        must="no row was added with this key, or the body is the same",
    ),
}


# refusals to create or change a billogram, or to execute a command on it

DRAFTS = {
    "billogram.customer": Reason(
        "a billogram copies its customer when it is created, and no customer has this number",
        "create the customer first, by POST /customer, and use the customer_no of its answer",
        "A",
        must="a customer has this customer_no",
    ),
    "billogram.due": Reason(
        "due_date and due_days express the same date, and here they contradict each other",
        "send one of them",
        "A",
        must="due_days is the number of days from invoice_date to due_date",
    ),
    "billogram.due_date": Reason(
        "a billogram can't be due before its invoice date, nor after the last year that a date can have",
        "send a due date on or after the invoice date",
        "A",
        must="due_date ≥ invoice_date (with due_days, the due date is a possible date)",
        values={"not_before": "invoice_date"},
    ),
    "billogram.creditor_unique_value": Reason(
        "creditor_unique_value prevents creating the same billogram twice; it stays in use for ever, even if "
        "the billogram is deleted",
        "check whether the billogram exists already; if not, send another value",
        "DA",
        must="no billogram has or had this creditor_unique_value",
    ),
    "billogram.invoice_no": Reason(
        "invoice numbers are unique in an account, and this one is in use",
        "leave invoice_no out to get the next one when it is sent, or choose a free one",
        "RA",
        must="no document has this invoice_no, and no draft has reserved it",
    ),
    "billogram.fixed": Reason(
        "some members are fixed when a billogram is created, and customer and currency when it is sent; a "
        "PUT can repeat them, but not change them",
        "leave the member out, or create another billogram",
        "SA",
    ),
    "callbacks.https": Reason(
        "this account sends callbacks to https addresses only, as the real service does",
        "use an https address, or set require_https to false by PUT …/callbacks",
        "DA",
        must="url begins with https:",
    ),
    "attachment.content": Reason(
        "an attachment must be a PDF of at most 10 MiB in base64, and this is not one",
        "send the bytes of a PDF (they begin with %PDF) in base64",
        "DA",
        must="the content, of size bytes, begins with %PDF and has at most 10 MiB",
    ),
    "attachment.content_missing": Reason(
        "a new name was given for the attachment, and no file for it was sent",
        "send attachment_content too; null removes the file",
        "DA",
        must="attachment_content is sent with a name, or attachment is the present name",
    ),
    "pdf.available": Reason(
        "the PDF is still being made: it is available pdf_delay after its document was created",
        "try again later; on a frozen clock, move the clock first",
        "CA",
        must="now ≥ available_at, for the document letter_id",
        values={"not_before": "available_at"},
    ),
}

SENT = {
    "put.credited": Reason(
        "after a credit the rows and the invoice fee of a billogram can't change, as its credit invoices "
        "refer to them",
        "change other members, or credit the rest and create a new billogram",
        "A",
        must="credited_sum = 0, or rows and invoice fee are not changed",
    ),
    "put.sign": Reason(
        "a change can't turn a debit into a stand-alone credit or the reverse, nor make a credit smaller "
        "than the amount that was paid out of it",
        "create another billogram",
        "DA",
        must="before and after have the same sign (and remaining of a credit is not above 0)",
    ),
    "state.*": Reason(
        "{} is only possible in certain states of a billogram, and this one is in another",
        "bring it into one of the allowed states, where that is possible",
        "DA",
        must="state is among the allowed",
        values={"one_of": "allowed"},
    ),
}

COMMANDS = {
    "payment.not_on_credit": Reason(
        "the command payment books incoming money, and a stand-alone credit is not paid by the customer",
        "if it was paid out to the customer, use credit-payment",
        "A",
        must="total_sum ≥ 0",
    ),
    "payment.amount": Reason(
        "a manual payment must be more than 0 and at most the remaining sum",
        "book at most the remaining sum; only the bank can report more than that: POST …/payments",
        "A",
        must="0 < amount ≤ remaining",
        values={"above": 0, "at_most": "remaining"},
    ),
    "settle-underpayment.paid": Reason(
        "an underpayment needs a payment, and nothing was paid here",
        "book a payment first; to give up the whole claim, use confirmed-loss",
        "A",
        must="paid < 0 (money that was received is negative)",
    ),
    "credit.not_on_credit": Reason(
        "a credit invoice reduces what was invoiced, and a stand-alone credit has invoiced nothing",
        "use credit-payment or credit-allocate to use it up",
        "A",
        must="total_sum ≥ 0",
    ),
    "credit.left": Reason(
        "everything invoiced is credited already, or nothing that this mode credits is unpaid",
        "nothing needs to be done; to credit what was paid, use the mode full or amount",
        "A",
        must="credited_sum is less than the invoiced sum, and in the modes remaining, rest and principal "
        "remaining_sum > 0",
    ),
    "credit.mode": Reason(
        "there are six modes of a credit, and this is not one of them",
        "use one of the modes",
        "DCA",
        must="mode is among the known",
        values={"one_of": "known"},
    ),
    "credit.amount": Reason(
        "the amount of a credit must be more than 0 and at most what is not credited yet",
        "credit at most what is left",
        "A",
        must="0 < amount ≤ left",
        values={"above": 0, "at_most": "left"},
    ),
    "credit.count": Reason(
        "the count of a credited row must be negative, and all credits of a row together can't exceed its "
        "invoiced count",
        "send a negative count of at most what is left of the row",
        "DA",
        must="0 < -count ≤ left",
        values={"below": 0},
    ),
    "credit.row": Reason(
        "a credited row must match an invoiced row, by item_no or by title, price and vat, and none matches",
        "repeat the row as GET /billogram/{id} shows it",
        "A",
        must="an invoiced row has this item_no or title",
    ),
    "credit.sum": Reason(
        "rows whose sum is 0 can't be credited",
        "send rows with a price",
        "A",
        must="sum > 0",
    ),
    "writeoff.principal": Reason(
        "only reminder fees and interest can be written off: the principal must be paid, and some of the "
        "fees unpaid",
        "book the rest of the principal first; to give up the principal, use confirmed-loss",
        "SA",
        must="principal = 0 and remaining > 0",
    ),
    "writedown.once": Reason(
        "the billogram is written down already",
        "nothing needs to be done; revert-writedown removes the mark",
        "SA",
    ),
    "revert-writedown.written_down": Reason(
        "the billogram is not written down",
        "nothing needs to be done; writedown sets the mark",
        "SA",
    ),
    "message.text": Reason(
        "a message to the recipient must not be empty",
        "send some text",
        "A",
    ),
    "not_on_credit.*": Reason(
        "{} is only possible on claims, and a stand-alone credit is money that the creditor owes",
        "use it up by credit-payment or credit-allocate",
        "A",
        must="total_sum ≥ 0",
    ),
}

CREDITS = {
    "credit-payment.on_credit": Reason(
        "credit-payment books that a stand-alone credit was paid out, and this billogram is a claim",
        "book incoming money by the command payment",
        "A",
        must="total_sum < 0",
    ),
    "credit-payment.mode": Reason(
        "a credit is paid out as a whole or in part; the mode must be one of these two",
        "use one of the two modes",
        "A",
        must="mode is among the known",
        values={"one_of": "known"},
    ),
    "credit-payment.amount": Reason(
        "the amount paid out of a credit must be more than 0 and at most what is left of it",
        "pay out at most what is left",
        "A",
        must="0 < amount ≤ left",
        values={"above": 0, "at_most": "left"},
    ),
    "credit-allocate.on_debit": Reason(
        "credit-allocate is a command of the debit that the credit reduces, and this billogram is the credit",
        "send the command to the debit, with the id of the credit as source_id",
        "DA",
        must="total_sum ≥ 0",
    ),
    "credit-allocate.amount": Reason(
        "the allocated amount must be more than 0, at most what is left of the credit, and at most what "
        "remains of the debt",
        "allocate at most the smaller of credit_left and debt",
        "D",
        must="0 < amount ≤ credit_left and amount ≤ debt",
        values={"above": 0, "at_most": ("credit_left", "debt")},
    ),
    "credit-allocate.source_id": Reason(
        "source_id names no billogram, or one of another customer or currency than the debt",
        "name a credit of the same customer in the same currency",
        "DA",
        must="source_id exists, and has the customer_no and the currency of the debt",
    ),
    "credit-allocate.source": Reason(
        "the source is not a sent stand-alone credit with an amount left",
        "send the source first if it is a draft, else use another credit",
        "DA",
        must="the source has state = Unpaid and total_sum < 0",
    ),
}

DELIVERY = {
    "delivery.method": Reason(
        "no delivery method has this name; the names are case-sensitive, such as Email and SMS+Letter",
        "use one of the methods",
        "DC",
        must="method is among the known",
        values={"one_of": "known"},
    ),
    "delivery.data": Reason(
        "the billogram's copy of the customer lacks what this method needs: an e-mail address, a phone "
        "number, a complete address, a registration or identifier for e-invoices, or an EDI id",
        "add the data by PUT /billogram/{id}, or send by another method, such as DoNotNotify",
        "DA",
        must="the customer has the data for method",
    ),
    "remind.method": Reason(
        "a reminder can only be sent by e-mail, letter or SMS",
        "use one of the three",
        "CA",
        must="method is among the known",
        values={"one_of": "known"},
    ),
}

DUNNING = {
    "not_due.*": Reason(
        "{} is only possible when the due date has passed, by local dates of the account",
        "wait for the day after the due date: move the clock, or change the due date by PUT",
        "A",
        must="today > due_date",
    ),
    "respite.*": Reason(
        "{} is not possible while a respite is active",
        "wait for the day after the respite, or withdraw it by remove-respite",
        "DA",
        must="today > respite_date, or no respite",
    ),
    "remind.same_day": Reason(
        "at most one reminder is sent on a local day, automatic or manual",
        "wait for the next day",
        "D",
        must="last < today",
    ),
    "respite.date": Reason(
        "a respite gives more time, so its date must be after the due date and after today",
        "choose a later date",
        "DC",
        must="date > due_date and date > today",
        values={"after": ("due_date", "today")},
    ),
    "remove-respite.active": Reason(
        "no respite is active that could be withdrawn: none was given, or it has ended",
        "nothing needs to be done",
        "A",
    ),
}


# refusals by the bank, SEPA or another person, of operations of the control plane

MONEY = {
    "payment.date": Reason(
        "the bank reports payments of today or earlier, never of a later date",
        "leave date out, or move the clock first",
        "A",
        must="date ≤ today",
    ),
    "payment.allocations": Reason(
        "the allocations of a payment can't exceed its amount",
        "reduce the allocations, or increase the amount",
        "A",
        must="shared ≤ amount",
    ),
    "payment.unmatched": Reason(
        "all of this payment is allocated already, so nothing is left to allocate",
        "look at its allocations in GET …/payments/{id}",
        "A",
        must="something is unmatched",
    ),
    "payment.unmatched_amount": Reason(
        "the amount exceeds the unmatched part of this payment",
        "allocate at most the unmatched part",
        "A",
        must="amount ≤ unmatched",
    ),
    "payment.payable": Reason(
        "payments are booked on sent billograms: not on drafts, sold billograms, or stand-alone credits",
        "send the billogram first, or allocate the money to another one",
        "SA",
        must="a billogram in this state can be paid",
    ),
    "payment.currency": Reason(
        "a payment has one currency, so it can't be allocated to billograms in two currencies",
        "report one payment for each currency",
        "A",
        must="currencies has one currency only",
    ),
    "outcomes.match": Reason(
        "the plan of outcomes applies to an object that does not exist",
        "name a billogram, mandate or customer of this account, or send null for all",
        "A",
    ),
    "outcomes.plan": Reason(
        "the plan has an outcome that is not possible: a type that can't follow, a reason that the type does "
        "not have, or an invalid duration",
        "use the types and reasons of the page about money that comes back",
        "A",
    ),
}

SEPA = {
    "sepa.type": Reason(
        "SEPA has no R-transaction of this type",
        "use one of the types of the page about money that comes back",
        "A",
    ),
    "sepa.scheme": Reason(
        "direct debits have R-transactions, and credit transfers have one of them; payments of other "
        "schemes, and manual payments, can't be recalled",
        "report the payment with scheme SEPA_DIRECT_DEBIT",
        "A",
        must="scheme is the scheme of the type",
    ),
    "sepa.status": Reason(
        "some R-transactions stop a debit before its settlement, the others return settled money, and this "
        "type is not possible for the status of the payment",
        "GET …/payments/{id}/recall-options lists which are possible",
        "A",
        must="status is the status that the type requires",
    ),
    "sepa.amount": Reason(
        "the recalls of a payment together can't exceed the paid amount",
        "recall at most what is left",
        "A",
    ),
    "sepa.whole": Reason(
        "a debit that is not settled yet can only be stopped as a whole",
        "leave amount and allocations out",
        "A",
    ),
    "sepa.code": Reason(
        "each type of R-transaction has its own list of reason codes, and this code is not on it",
        "use a reason code of the type, or leave code out",
        "A",
    ),
    "sepa.b2b": Reason(
        "in the B2B scheme the debtor has no right to a refund after settlement",
        "use a mandate of the Core scheme",
        "A",
    ),
    "sepa.window": Reason(
        "each R-transaction is possible in a window of days around the settlement, and today is not in it",
        "move the clock into the window, or use a type whose window includes today",
        "A",
        must="today is in the window around settled",
    ),
}

SIMULATED = {
    "simulate.collection": Reason(
        "the collection agency has no case for this billogram",
        "collect the billogram first",
        "A",
    ),
    "simulate.collector_amount": Reason(
        "a payment to the agency can't exceed the remaining sum",
        "pay at most the remaining sum",
        "A",
        must="amount ≤ remaining",
    ),
    "simulate.delivery_failure": Reason(
        "the last document can't be undeliverable here: it was sent by letter, or was not sent at all",
        "send it by e-mail, SMS or as e-invoice",
        "A",
    ),
    "simulate.einvoice_registered": Reason(
        "only a customer with an e-invoice registration can deregister",
        "register the customer first: simulate/einvoice-register",
        "A",
    ),
    "simulate.einvoice_customer": Reason(
        "a recipient whose number is one of a customer is found",
        "name a number of no customer",
        "A",
    ),
    "simulate.einvoice_finland": Reason(
        "only banks in Finland report a registration that does not match or finds nobody",
        "create an account with the market Finland",
        "D",
        must="market = Finland",
    ),
    "simulate.factoring": Reason(
        "a buyer of claims can only answer to an offered billogram, and this one is not offered",
        "sell the billogram first",
        "A",
    ),
    "simulate.message": Reason(
        "the recipient's message is empty",
        "send a text that is not empty",
        "A",
    ),
    "simulate.not_scheduled": Reason(
        "the recipient has no scheduled payment to cancel",
        "schedule one by simulate/schedule-payment",
        "A",
    ),
    "simulate.recurring": Reason(
        "automatic payment is not turned on, so the recipient can't turn it off",
        "turn it on first by simulate/enable-recurring",
        "A",
    ),
    "simulate.schedule": Reason(
        "scheduling a payment needs an open billogram and a usable mandate, and one of the two is missing",
        "send the billogram, and import a mandate in its currency",
        "A",
    ),
    "simulate.schedule_date": Reason(
        "a payment can only be scheduled for tomorrow or later",
        "choose a later date",
        "A",
    ),
    "simulate.scheduled": Reason(
        "a billogram can have one scheduled payment, and there is one already",
        "cancel it first: simulate/cancel-scheduled-payment",
        "A",
    ),
    "sale.type": Reason(
        "only a sale offer can be accepted, and this one is a banner",
        "accept a sale offer: GET /offer?type=sale lists them",
        "A",
    ),
    "sale.once": Reason(
        "a sale offer is accepted at most once on a billogram",
        "accept another offer, or this one on another billogram",
        "A",
        must="offer_id is not among accepted",
    ),
    "sale.customer": Reason(
        "the sale becomes a row of the customer's billing tab, and the billogram's customer number is no "
        "longer in use",
        "accept it on a billogram of a customer that exists",
        "A",
    ),
    "simulate.sent": Reason(
        "the recipient has not received a draft, so there is nothing to do with it",
        "send it first",
        "A",
    ),
}


OFFERS = {
    "offer.offer_id": Reason(
        "the offer_id must be unique without regard to case, and an offer with this one exists",
        "choose another offer_id, or change the existing offer by PUT",
        "D",
        must="offer_id is not used",
    ),
    "offer.banner": Reason(
        "sale_type and item describe a sale, and this offer is a banner",
        "leave them out, or create an offer of type sale",
        "A",
    ),
    "offer.accepted": Reason(
        "a sale offer that was accepted on a billogram is part of an agreement and can't be changed",
        "create another offer",
        "D",
    ),
}


TOPICS: Mapping[str, Mapping[str, Reason]] = {
    "Access and account": ACCESS,
    "Paths and queries": PATHS,
    "Bodies": BODIES,
    "Customers, items, mandates": REGISTERS,
    "Billing tabs": TABS,
    "Offers": OFFERS,
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


def row_of(rule: str) -> str | None:
    """Return the name of the row that a rule has in the tables: its own, or that of its family; or None."""
    family = f"{rule.partition('.')[0]}.*"
    return rule if rule in _FOUND else family if family in _FOUND else None


def reason_of(rule: str) -> tuple[str, Reason]:
    """Return topic and reason of a rule. In a reason of a family, such as `state.*`, `{}` is filled in."""
    if rule in _FOUND:
        return _FOUND[rule]
    family, _, member = rule.partition(".")
    topic, reason = _FOUND[f"{family}.*"]
    return topic, structs.replace(reason, why=reason.why.format(member))

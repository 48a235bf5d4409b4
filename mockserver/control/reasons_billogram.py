"""Why a billogram was not made, changed, or given a command."""

from mockserver.control.reason import Reason

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

BILLOGRAMS = {
    "Making and changing a billogram": DRAFTS,
    "Sent billograms and states": SENT,
    "Commands": COMMANDS,
    "Stand-alone credits": CREDITS,
    "Delivery": DELIVERY,
    "Reminders, respite, collection": DUNNING,
}

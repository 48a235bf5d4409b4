"""Why the bank, SEPA or another player said no: asked through the control plane, which shows hints itself."""

from mockserver.control.reason import Reason

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

BANK = {"Payments and outcomes": MONEY, "SEPA": SEPA, "What others do": SIMULATED}

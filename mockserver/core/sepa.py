"""The R-transactions of SEPA: who may take what back, until when, and why (reference: behaviour 8.1).

The documentation of recalls is generated from the table. The windows are in `recall_windows`.
"""

import re
from datetime import date

from msgspec import Struct

from mockserver.core.funds import CANCELLED, FAILED, SCHEDULED, SEPA, SETTLED, TRANSFER, IncomingPayment
from mockserver.core.recall_windows import (
    BEFORE_SENDING,
    DAY_BEFORE,
    EIGHT_WEEKS,
    LATER,
    SAME_DAY,
    THIRTEEN_MONTHS,
    Window,
    bank_days,
)
from mockserver.core.refusal import InvalidObjectState


class RTransaction(Struct, frozen=True):
    """One type: who requests it, for which status and scheme of payment, and in which window; None: never."""

    who: str
    status: str
    scheme: str
    core: Window | None
    b2b: Window | None
    default: str | None
    effect: str


class Code(Struct, frozen=True):
    """A reason: its ISO 20022 name, the types that it is valid for, and the mandate's status afterwards."""

    name: str
    types: tuple[str, ...]
    mandate: str | None = None


REVOCATION, CANCELLATION, REFUSAL, REJECT = "revocation", "cancellation_request", "refusal", "reject"
RETURN, REFUND, UNAUTHORISED, REVERSAL = "return", "refund", "refund_unauthorised", "reversal"
TRANSFER_RECALL = "cancellation_request of a credit transfer"  # asked for as cancellation_request, or recall
_CANCELLED, _FAILS, _RECALLED = "scheduled payment cancelled", "`PaymentFailed`", "`PaymentRecalled`"

TABLE: dict[str, RTransaction] = {
    REVOCATION: RTransaction("creditor", SCHEDULED, SEPA, BEFORE_SENDING, BEFORE_SENDING, None, _CANCELLED),
    CANCELLATION: RTransaction(
        "creditor's bank", SCHEDULED, SEPA, DAY_BEFORE, DAY_BEFORE, "DUPL", _CANCELLED
    ),
    REFUSAL: RTransaction("debtor", SCHEDULED, SEPA, DAY_BEFORE, SAME_DAY, "MS02", _FAILS),
    REJECT: RTransaction("a bank or the clearing", SCHEDULED, SEPA, SAME_DAY, SAME_DAY, "AM04", _FAILS),
    RETURN: RTransaction("debtor's bank", SETTLED, SEPA, bank_days(5), bank_days(3), "AM04", _RECALLED),
    REFUND: RTransaction("debtor, no reason needed", SETTLED, SEPA, EIGHT_WEEKS, None, "MD06", _RECALLED),
    UNAUTHORISED: RTransaction(
        "debtor: no mandate", SETTLED, SEPA, LATER, None, "MD01", f"{_RECALLED}, mandate cancelled"
    ),
    REVERSAL: RTransaction(
        "creditor gives back", SETTLED, SEPA, bank_days(5), bank_days(5), "AM05", _RECALLED
    ),
    TRANSFER_RECALL: RTransaction("payer's bank", SETTLED, TRANSFER, bank_days(10), None, "DUPL", _RECALLED),
}

_R, _T = REJECT, RETURN
CODES: dict[str, Code] = {
    "AC01": Code("IncorrectAccountNumber", (_R, _T), FAILED),
    "AC04": Code("ClosedAccountNumber", (_R, _T), CANCELLED),
    "AC06": Code("BlockedAccount", (_R, _T)),
    "AC13": Code("InvalidDebtorAccountType", (_R, _T)),
    "AG01": Code("TransactionForbidden", (_R, _T)),
    "AG02": Code("InvalidBankOperationCode", (_R, _T)),
    "AM04": Code("InsufficientFunds", (_R, _T)),
    "AM05": Code("Duplication", (_R, _T, REVERSAL, CANCELLATION)),
    "BE05": Code("UnrecognisedInitiatingParty", (_R, _T)),
    "CNOR": Code("CreditorBankIsNotRegistered", (_R, _T)),
    "DNOR": Code("DebtorBankIsNotRegistered", (_R, _T)),
    "FF01": Code("InvalidFileFormat", (_R,)),
    "FF05": Code("InvalidLocalInstrumentCode", (_R,)),
    "MD01": Code("NoMandate", (_R, _T, UNAUTHORISED), CANCELLED),
    "MD02": Code("MissingMandatoryInformationInMandate", (_R,)),
    "MD06": Code("RefundRequestByEndCustomer", (REFUND,)),
    "MD07": Code("EndCustomerDeceased", (_R, _T), CANCELLED),
    "MS02": Code("NotSpecifiedReasonCustomerGenerated", (REFUSAL, _R, _T, REVERSAL)),
    "MS03": Code("NotSpecifiedReasonAgentGenerated", (REFUSAL, _R, _T, REVERSAL)),
    "RC01": Code("BankIdentifierIncorrect", (_R, _T)),
    "RR01": Code("MissingDebtorAccountOrIdentification", (_R, _T)),
    "RR02": Code("MissingDebtorNameOrAddress", (_R, _T)),
    "RR03": Code("MissingCreditorNameOrAddress", (_R, _T)),
    "RR04": Code("RegulatoryReason", (_R, _T)),
    "SL01": Code("SpecificServiceOfferedByDebtorAgent", (REFUSAL, _R, _T)),
    "TM01": Code("CutOffTime", (_R,)),
    "DUPL": Code("DuplicatePayment", (CANCELLATION, TRANSFER_RECALL)),
    "TECH": Code("TechnicalProblem", (CANCELLATION, TRANSFER_RECALL)),
    "FRAD": Code("FraudulentOrigin", (CANCELLATION, TRANSFER_RECALL)),
}


class Option(Struct, frozen=True):
    """Whether a type of recall may be requested for a payment today, in which window, and why not."""

    type: str
    codes: tuple[str, ...]
    first: date | None
    last: date | None
    legal: bool
    reason: str


def reason_text(code: str) -> str:
    """Return the name of a reason with spaces between its words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", CODES[code].name)


def codes_of(kind: str) -> tuple[str, ...]:
    """Return the reasons that are valid for a type."""
    return tuple(code for code, row in CODES.items() if kind in row.types)


def kind_of(payment: IncomingPayment, requested: str | None) -> str:
    """Return the key of the requested type's row in the table; without a type the usual one [A]."""
    if requested in ("recall", CANCELLATION) and payment.scheme == TRANSFER:
        return TRANSFER_RECALL
    if requested is not None:
        return CANCELLATION if requested == "recall" else requested
    if payment.scheme == TRANSFER:
        return TRANSFER_RECALL
    return REJECT if payment.status == SCHEDULED else RETURN


def options(payment: IncomingPayment, today: date) -> list[Option]:
    """Return every type of recall and whether it may be requested for a payment today, in table order."""
    found = []
    for kind, row in TABLE.items():
        window = _window(kind, payment, None)
        first, last = (None, None) if window is None else window.bounds(payment.date)
        codes = codes_of(kind)
        problem = _problem(kind, payment, None, today)
        reason = (
            problem.message if problem is not None else f"{row.who}: {window.description if window else ''}"
        )
        if kind == TRANSFER_RECALL and problem is not None and _problem(kind, payment, "FRAD", today) is None:
            first, last = THIRTEEN_MONTHS.bounds(payment.date)
            problem, reason = None, f"{row.who}: {THIRTEEN_MONTHS.description}, FRAD only"
            codes = ("FRAD",)
        name = CANCELLATION if kind == TRANSFER_RECALL else kind
        found.append(Option(name, codes, first, last, problem is None, reason))
    return found


def check(payment: IncomingPayment, kind: str, code: str | None, today: date) -> None:
    """Raise InvalidObjectState with rule, window and alternatives if SEPA does not allow the recall today."""
    problem = _problem(kind, payment, code, today)
    if problem is not None:
        possible = [
            f"{each.type}{'' if each.last is None else f' until {each.last}'}"
            for each in options(payment, today)
            if each.legal
        ]
        problem.hint = f"possible today ({today}): {', '.join(possible) or 'nothing'}"
        raise problem


def _window(kind: str, payment: IncomingPayment, code: str | None) -> Window | None:
    if kind == TRANSFER_RECALL and code == "FRAD":
        return THIRTEEN_MONTHS
    row = TABLE[kind]
    return row.b2b if payment.b2b and kind != TRANSFER_RECALL else row.core


def _problem(kind: str, payment: IncomingPayment, code: str | None, today: date) -> InvalidObjectState | None:
    row = TABLE[kind]
    if payment.scheme != row.scheme:
        return _refused(
            f"{kind} is not possible on money of scheme {payment.scheme}", payment, rule="sepa.scheme"
        )
    if payment.status != row.status:
        wanted = f"it is asked for on a {row.status} one"
        return _refused(f"{kind}: this payment is {payment.status}, {wanted}", payment, rule="sepa.status")
    if payment.status == SETTLED and payment.recalled == payment.amount:
        return _refused(f"{kind}: all of this payment was taken back already", payment, rule="sepa.amount")
    if code is not None and code not in codes_of(kind):
        known = ", ".join(codes_of(kind)) or "none"
        return _refused(f"{kind} does not know the reason {code}, only {known}", payment, rule="sepa.code")
    window = _window(kind, payment, code)
    if window is None:
        return _refused(f"{kind} is not possible in the B2B scheme", payment, rule="sepa.b2b")
    first, last = window.bounds(payment.date)
    if (first is not None and today < first) or (last is not None and today > last):
        rule_text = f"{kind} is possible {window.description}, D = {payment.date}"
        span = f"{'…' if first is None else first} to {'…' if last is None else last}"
        return _refused(f"{rule_text}: {span}, and it is {today}", payment, rule="sepa.window")
    return None


def _refused(message: str, payment: IncomingPayment, *, rule: str) -> InvalidObjectState:
    return InvalidObjectState(
        message,
        rule=rule,
        scheme=payment.scheme,
        status=payment.status,
        settled=payment.date,
        b2b=payment.b2b,
    )

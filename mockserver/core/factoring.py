"""The sale of claims (factoring): a legacy feature known from client code (reference: behaviour 2.2)."""

from mockserver.core import billogram as drafts
from mockserver.core import delivery, events, numbers
from mockserver.core.act import Act
from mockserver.core.model import Billogram, Internal
from mockserver.core.refusal import InvalidObjectState, PermissionDenied


def sell(act: Act, billogram: Billogram) -> None:
    """Command `sell`: offer the claim. It has an OCR number of nine digits, and no invoice number yet."""
    account = act.account
    if not account.features.factoring:
        raise PermissionDenied("factoring is not enabled for this account", rule="feature.factoring")
    act.add(
        events.FactoringRequest(
            act.mark(billogram),
            billogram.sums,
            ocr_number=_free_ocr_number(act, billogram),
            link=numbers.link_token(account.seed, billogram.number),
            sells_for=billogram.sums.total,
            factoring_reference=numbers.factoring_reference(account.seed, billogram.number),
        )
    )


def accept(act: Act, billogram: Billogram) -> None:
    """Record that the buyer accepts the claim, and create the invoice."""
    check_offered(billogram)
    act.add(
        events.BillogramSold(
            act.mark(billogram),
            billogram.sums,
            invoice_no=_invoice_no(act, billogram),
            letter_id=act.new_letter(billogram),
            delivery_method="DoNotNotify",  # the buyer writes to the recipient [A]
            sold_for=billogram.sums.total,
            factoring_reference=numbers.factoring_reference(act.account.seed, billogram.number),
        )
    )


def deny(act: Act, billogram: Billogram) -> None:
    """Record that the buyer refuses the claim. The invoice is sent by the draft's method, if possible [A].

    Only now is it claimed from the customer: a debit is planned, as in the command `send` [A].
    """
    check_offered(billogram)
    method = billogram.content.terms.delivery_method
    if not delivery.possible(act, billogram, method):
        method = "DoNotNotify"
    act.add(
        events.FactoringDenied(
            act.mark(billogram),
            billogram.sums,
            invoice_no=_invoice_no(act, billogram),
            letter_id=act.new_letter(billogram),
            delivery_method=method,
            offers=act.state.sale_offers,
            factoring_reference=numbers.factoring_reference(act.account.seed, billogram.number),
        )
    )
    delivery.deliver_first_invoice(act, billogram.id, method)
    drafts.open_claim(act, billogram.id)


def check_offered(billogram: Billogram) -> None:
    """Refuse a billogram that is not offered for sale."""
    if billogram.internal is not Internal.FACTORING:
        raise InvalidObjectState(
            f"billogram {billogram.id} is not offered for sale",
            rule="simulate.factoring",
            hint="sell it first",
            state=billogram.internal,
        )


def _invoice_no(act: Act, billogram: Billogram) -> int:
    return billogram.invoice_no or act.account.highest_invoice_no + 1


def _free_ocr_number(act: Act, billogram: Billogram) -> str:
    attempt = 0
    while True:
        number = numbers.factoring_ocr_number(act.account.seed, billogram.number, attempt)
        if number not in act.state.ocr_numbers:
            return number
        attempt += 1

"""Renders a billogram as the API shows it (reference: api 8.7)."""

from typing import Any

from msgspec import Raw

from mockserver.api.cache import Rendered
from mockserver.api.rendering import (
    as_float,
    as_number,
    optional_day,
    render_address,
    render_event,
    render_sums,
    timestamp,
)
from mockserver.api.shapes import (
    BillogramShape,
    CallbacksShape,
    CompactBillogramShape,
    InfoShape,
    RecipientShape,
    RegionalShape,
    RowElectricityShape,
    RowShape,
)
from mockserver.core.machine import flags, public_state
from mockserver.core.model import (
    ADDRESS,
    DELIVERY_ADDRESS,
    PERMANENT_ADDRESS,
    Billogram,
    Callbacks,
    Info,
    Internal,
    Recipient,
    Regional,
    Row,
)
from mockserver.wire import decode

SHOWN_EVENTS = 100  # the newest events inside a billogram [D]


def shown_number(billogram: Billogram) -> int | None:
    """The invoice number in lists. A number of the creditor's own is shown only after attest [C]."""
    hidden = billogram.attested_at is None or billogram.internal is Internal.FACTORING  # [C; the second A]
    return None if hidden else billogram.invoice_no


def render_compact(billogram: Billogram) -> CompactBillogramShape:
    """A billogram as a row of a list [R]. An own invoice number is shown only after attest [C]."""
    to, terms, sums = billogram.recipient, billogram.content.terms, billogram.sums
    return {
        "id": billogram.id,
        "invoice_no": shown_number(billogram),
        "ocr_number": billogram.ocr_number,
        "creditor_unique_value": billogram.creditor_unique_value,
        "customer": {
            "customer_no": to.customer_no,
            "name": to.name,
            "email": to.email,
            "org_no": to.org_no,
        },
        "invoice_date": terms.invoice_date.isoformat(),
        "due_date": terms.due_date.isoformat(),
        "currency": terms.currency,
        "total_sum": as_float(sums.total),
        "remaining_sum": as_float(sums.remaining),
        "state": public_state(billogram),
        "flags": flags(billogram),
        "created_at": timestamp(billogram.created_at),
        "updated_at": timestamp(billogram.updated_at),
    }


def render_billogram(billogram: Billogram, base: str) -> BillogramShape:
    """A billogram with all its members; `base` is the address under which the client reaches the server."""
    content, sums, dunning = billogram.content, billogram.sums, billogram.dunning
    terms = content.terms
    # both addresses open the page that the recipient sees [A]
    link = f"{base}/r/{billogram.ocr_number}/{billogram.link}" if billogram.link else None
    return {
        "id": billogram.id,
        "invoice_no": None if billogram.internal is Internal.FACTORING else billogram.invoice_no,
        "ocr_number": billogram.ocr_number,
        "creditor_unique_value": billogram.creditor_unique_value,
        "customer": _recipients(billogram.recipient),
        "items": [_row(row) for row in content.items],
        "invoice_date": terms.invoice_date.isoformat(),
        "due_date": terms.due_date.isoformat(),
        "due_days": terms.due_days,
        "respite_date": optional_day(dunning.respite_date),
        "invoice_fee": as_number(terms.invoice_fee),
        "invoice_fee_vat": as_number(sums.invoice_fee_vat),
        "reminder_fee": as_float(terms.reminder_fee),
        "interest_rate": as_float(terms.interest_rate),
        "interest_fee": as_float(sums.interest_fee),
        "currency": terms.currency,
        "info": _info(content.info),
        "regional_sweden": _with_autogiro(billogram),
        "delivery_method": terms.delivery_method,
        "state": public_state(billogram),
        "url": link,
        "recipient_url": link,
        "flags": flags(billogram),
        "events": [render_event(event) for event in billogram.events[-SHOWN_EVENTS:]],
        "total_sum": as_float(sums.total),
        "remaining_sum": as_float(sums.remaining),
        "rounding_value": as_float(sums.rounding_value),
        "detailed_sums": render_sums(sums),
        "automatic_reminders": terms.automatic_reminders,
        "automatic_reminders_settings": [
            {"delay_days": step.delay_days, "message": step.message}
            for step in terms.automatic_reminders_settings
        ],
        "reminder_count": dunning.reminder_count,
        "automatic_collection": {
            "delay_days": terms.collection_delay_days,
            "amount": None if terms.collection_amount is None else as_number(terms.collection_amount),
            "use_default_settings": terms.collection_default_settings,
        },
        "callbacks": _callbacks(content.callbacks),
        "attachment": None if billogram.attachment is None else billogram.attachment.filename,
        "contract": None if content.contract is None else _raw(content.contract),
        "show_item_gross_prices": terms.show_item_gross_prices,
        "pdf": {"template": terms.pdf_template},
        "offers": list(billogram.offers),
        "sales_accepted": list(billogram.sales_accepted),
        "created_at": timestamp(billogram.created_at),
        "updated_at": timestamp(billogram.updated_at),
        "attested_at": None if billogram.attested_at is None else timestamp(billogram.attested_at),
    }


def _callbacks(callbacks: Callbacks) -> CallbacksShape:
    return {"url": callbacks.url, "sign_key": callbacks.sign_key, "custom": callbacks.custom}


def _recipient(to: Recipient) -> RecipientShape:
    return {
        "customer_no": to.customer_no,
        "name": to.name,
        "org_no": to.org_no,
        "vat_no": to.vat_no,
        "email": to.email,
        "phone": to.phone,
        "address": render_address(to.address, ADDRESS),
        "delivery_address": render_address(to.delivery_address, DELIVERY_ADDRESS),
        "permanent_establishment_address": render_address(
            to.permanent_establishment_address, PERMANENT_ADDRESS
        ),
    }


_UNSET: RowElectricityShape = {"nyttighet": None}  # [R]


def _power(electricity: str | None) -> RowElectricityShape:
    if electricity is None:
        return _UNSET
    shown: RowElectricityShape = _UNSET | decode(electricity.encode())
    return shown


def _row(row: Row) -> RowShape:
    electricity = row.electricity_collection
    return {
        "item_no": row.item_no,
        "title": row.title,
        "description": row.description,
        "count": as_float(row.count),
        "price": as_float(row.price),
        "vat": as_number(row.vat),
        "discount": as_float(row.discount),
        "unit": row.unit,
        "bookkeeping": {
            "income_account": row.income_account,
            "vat_account": row.vat_account,
            "objects": _raw(row.objects) if row.objects != "[]" else [],
        },
        "regional_sweden": {
            "rotavdrag": row.rotavdrag,
            "electricity_collection": _power(electricity),
        },
        "zero_vat_reason": row.zero_vat_reason,
        "zero_vat_reason_reference": row.zero_vat_reason_reference,
        "external_id": row.external_id,
    }


def _raw(json: str) -> Any:
    return Raw(json.encode())


def _info(info: Info) -> InfoShape:
    return {
        "order_no": info.order_no,
        "order_date": optional_day(info.order_date),
        "our_reference": info.our_reference,
        "your_reference": info.your_reference,
        "shipping_date": optional_day(info.shipping_date),
        "delivery_date": optional_day(info.delivery_date),
        "reference_number": info.reference_number,
        "message": info.message,
    }


def _regional(regional: Regional) -> RegionalShape:
    edi, power = regional.edi, regional.electricity_collection
    requested = regional.efaktura_requested_amount
    return {
        "rotavdrag": as_number(regional.rotavdrag),
        "rotavdrag_personal_number": regional.rotavdrag_personal_number,
        "rotavdrag_description": regional.rotavdrag_description,
        "rotavdrag_description_of_property": regional.rotavdrag_description_of_property,
        "rotavdrag_apartment_designation": regional.rotavdrag_apartment_designation,
        "rotavdrag_housing_association_org_no": regional.rotavdrag_housing_association_org_no,
        "reversed_vat": regional.reversed_vat,
        "autogiro_betalarnummer": regional.autogiro_betalarnummer,
        "autogiro_payment_date": None,
        "autogiro_status": None,
        "autogiro_full_status": None,
        "autogiro_total_sum": None,
        "efaktura_recipient_identifier": regional.efaktura_recipient_identifier,
        "efaktura_recipient_type": regional.efaktura_recipient_type,
        "efaktura_recipient_bank_name": regional.efaktura_recipient_bank_name,
        "efaktura_recipient_bank_id": regional.efaktura_recipient_bank_id,
        "efaktura_recipient_bank_code": regional.efaktura_recipient_bank_code,
        "efaktura_recipient_id_number": regional.efaktura_recipient_id_number,
        "efaktura_requested_amount": None if requested is None else _raw(requested),
        "edi": {
            "electronic_id": edi.electronic_id,
            "operator": edi.operator,
            "subtype": edi.subtype,
            "reference": edi.reference,
            "note": edi.note,
        },
        "electricity_collection": {
            "kommunkod": power.kommunkod,
            "naringsidkare": power.naringsidkare,
            "avflyttad": power.avflyttad,
            "avflyttad_datum": power.avflyttad_datum,
            "frankopplad": power.frankopplad,
            "frankopplad_datum": power.frankopplad_datum,
            "anladr": power.anladr,
            "natom": power.natom,
            "arsforb": power.arsforb,
            "anlid": power.anlid,
            "kravmall": power.kravmall,
            "plombkod": power.plombkod,
            "slutfaktura": power.slutfaktura,
        },
    }


def _with_autogiro(billogram: Billogram) -> Any:
    """`regional_sweden`: cached and shared bytes, unless the billogram has an autogiro payment."""
    autogiro = billogram.autogiro
    if autogiro is None:
        return _regionals(billogram.content.regional)
    shown = _regional(billogram.content.regional)
    shown["autogiro_status"] = autogiro.status
    shown["autogiro_full_status"] = autogiro.full_status
    shown["autogiro_payment_date"] = optional_day(autogiro.payment_date)
    shown["autogiro_total_sum"] = None if autogiro.total_sum is None else as_number(autogiro.total_sum)
    return shown


_recipients = Rendered(_recipient)
_regionals = Rendered(_regional)

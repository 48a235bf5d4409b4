"""The types of the answer of `GET /settings` (reference: api 4). An absent value is null or `""` [R]."""

from typing import Any, NotRequired, TypedDict

from mockserver.api.shapes import BookkeepingObjectShape, Float, Number, PdfShape, ReminderShape


class SettingsContactShape(TypedDict):
    name: str
    email: str
    phone: str
    www: str


class PostalAddressShape(TypedDict):
    street_address: str
    careof: str
    zipcode: str
    city: str
    province: str
    country: str


class VisitingAddressShape(TypedDict):
    street_address: str | None
    careof: str | None
    zipcode: str | None
    city: str | None
    province: str | None
    country: str | None


class InvoiceAddressShape(VisitingAddressShape):
    email: str | None


class NamedAddressShape(VisitingAddressShape):
    name: str | None


class DomesticAccountShape(TypedDict):
    account_no: str
    clearing_no: str


class InternationalAccountShape(TypedDict):
    bank: str
    iban: str
    bic: str
    swift: str


class AccountsPaidToShape(TypedDict):
    bankgiro: str
    plusgiro: str
    domestic_bank_account: DomesticAccountShape
    international_bank_account: InternationalAccountShape


class TaxShape(TypedDict):
    is_vat_registered: bool
    has_fskatt: bool
    vat_no: str


class RegionalBookkeepingShape(TypedDict):
    rotavdrag_account: str


class BookkeepingShape(TypedDict):
    income_account_for_vat_25: str
    income_account_for_vat_12: str
    income_account_for_vat_6: str
    income_account_for_vat_0: str
    reversed_vat_account: str
    vat_account_for_vat_25: str
    vat_account_for_vat_12: str
    vat_account_for_vat_6: str
    account_receivable_account: str
    client_funds_account: str
    banking_account: str
    interest_fee_account: str
    reminder_fee_account: str
    rounding_account: str
    factoring_receivable_account: str
    non_allocated_account: str
    income_payout_account: str
    written_down_receivables_account: str
    expected_loss_account: str
    debt_collection_funds_account: str
    liabilities_customers_account: str
    regional_sweden: RegionalBookkeepingShape
    sie_serie: str
    sie_continuous_numbering: str
    financial_year_start: str
    financial_year_months: int
    objects: NotRequired[list[BookkeepingObjectShape]]


class DefaultCollectionShape(TypedDict):
    delay_days: int | None
    amount: Number | None


class AutomaticWriteoffShape(TypedDict):
    settings: str | None
    amount: Number | None


class InvoiceSettingsShape(TypedDict):
    default_message: str | None
    default_interest_rate: Float
    default_reminder_fee: Float
    default_invoice_fee: Float
    automatic_reminders: list[ReminderShape]
    reminders_without_fee: list[Any]
    automatic_reminders_minimum_principal_sum: Number | None
    use_automatic_reminders_partly_paid: bool
    automatic_collection: DefaultCollectionShape
    automatic_writeoff: AutomaticWriteoffShape
    show_item_gross_prices: bool
    show_new_account_notice: bool
    pdf: PdfShape


class SettingsShape(TypedDict):
    name: str
    org_no: str
    company_id: str
    registration_email: str
    contact: SettingsContactShape
    address: PostalAddressShape
    invoice_address: InvoiceAddressShape
    registered_office_address: NamedAddressShape
    return_address: NamedAddressShape
    visiting_address: VisitingAddressShape
    payment: AccountsPaidToShape
    tax: TaxShape
    bookkeeping: BookkeepingShape
    invoices: InvoiceSettingsShape

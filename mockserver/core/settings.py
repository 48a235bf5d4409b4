"""The `settings` object of an account, with the member names of the API (reference: api 4).

The defaults are those of real new accounts [R].
"""

from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from mockserver.core import kinds
from mockserver.core.kinds import Json


class SettingsValue(Struct, frozen=True, gc=False):
    """Base of the members. The log holds every member, so that a changed default does not change old logs."""


class SettingsContact(SettingsValue, frozen=True):
    """How customers of the account can contact it."""

    name: str = ""
    email: str = ""
    phone: str = ""
    www: str = ""


class PostalAddress(SettingsValue, frozen=True):
    """The postal address of the account. Country is free text [C]."""

    street_address: str = ""
    careof: str = ""
    zipcode: kinds.Zipcode = ""
    city: str = ""
    province: str = ""
    country: str = "SE"


class VisitingAddress(SettingsValue, frozen=True):
    """Where the account can be visited. Members are null until they are set [R]."""

    street_address: str | None = None
    careof: str | None = None
    zipcode: kinds.Zipcode | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None


class InvoiceAddress(VisitingAddress, frozen=True):
    """Where invoices to the account are sent."""

    email: str | None = None


class NamedAddress(SettingsValue, frozen=True):
    """The registered office, or the return address of letters."""

    name: str | None = None
    street_address: str | None = None
    careof: str | None = None
    zipcode: kinds.Zipcode | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None


class DomesticBankAccount(SettingsValue, frozen=True):
    """A Swedish bank account."""

    account_no: str = ""
    clearing_no: str = ""


class InternationalBankAccount(SettingsValue, frozen=True):
    """A bank account outside Sweden."""

    bank: str = ""
    iban: str = ""
    bic: str = ""
    swift: str = ""


class PaymentSettings(SettingsValue, frozen=True):
    """The accounts that customers pay to."""

    bankgiro: str = ""
    plusgiro: str = ""
    domestic_bank_account: DomesticBankAccount = DomesticBankAccount()
    international_bank_account: InternationalBankAccount = InternationalBankAccount()


class Tax(SettingsValue, frozen=True):
    """Registration for VAT and F-tax."""

    is_vat_registered: bool = True
    has_fskatt: bool = True
    vat_no: str = ""


class BookkeepingObject(Struct, frozen=True):
    """A bookkeeping object, such as a cost centre or a project. It is stored as it was sent."""

    dimension_id: kinds.Name
    object_id: kinds.Name
    dimension_name: str | UnsetType | None = UNSET
    object_name: str | UnsetType | None = UNSET


class RegionalBookkeeping(SettingsValue, frozen=True):
    """Bookkeeping accounts that only Sweden has."""

    rotavdrag_account: str = "1513"


class Bookkeeping(SettingsValue, frozen=True):
    """Bookkeeping accounts. Their defaults are the real ones of 2017 and 2021 [R], two since 2021 [C]."""

    financial_year_start: kinds.YearAndMonth
    income_account_for_vat_25: str = "3001"
    income_account_for_vat_12: str = "3002"
    income_account_for_vat_6: str = "3003"
    income_account_for_vat_0: str = "3004"
    reversed_vat_account: str = "3231"
    vat_account_for_vat_25: str = "2610"
    vat_account_for_vat_12: str = "2620"
    vat_account_for_vat_6: str = "2630"
    account_receivable_account: str = "1500"
    client_funds_account: str = "1940"
    banking_account: str = "1920"
    interest_fee_account: str = "8313"
    reminder_fee_account: str = "8313"
    rounding_account: str = "3740"
    factoring_receivable_account: str = "1512"
    non_allocated_account: str = "2800"
    income_payout_account: str = "3005"
    written_down_receivables_account: str = "1519"
    expected_loss_account: str = "6352"
    debt_collection_funds_account: str = "1941"
    liabilities_customers_account: str = "2420"
    regional_sweden: RegionalBookkeeping = RegionalBookkeeping()
    sie_serie: str = ""
    sie_continuous_numbering: str = "monthly"
    financial_year_months: kinds.Months = 12
    objects: Annotated[str | None, Json(tuple[BookkeepingObject, ...])] = None  # absent until it is set [A]


class AutomaticReminder(SettingsValue, frozen=True):
    """One automatic reminder of the account's sequence, `delay_days` after the previous one."""

    delay_days: kinds.SomeDays
    message: str = ""


class AutomaticCollection(SettingsValue, frozen=True):
    """When an unpaid billogram is handed over to collection. Null means never."""

    delay_days: kinds.DelayDays | None = None
    amount: kinds.Amount | None = None


class AutomaticWriteoff(SettingsValue, frozen=True):
    """Which remaining fees are written off automatically, and up to which amount."""

    settings: str | None = None
    amount: kinds.Amount | None = None


class PdfSettings(SettingsValue, frozen=True):
    """The layout of the invoice."""

    template: str = ""


class InvoiceSettings(SettingsValue, frozen=True):
    """Defaults of new billograms, and the settings of automatic dunning."""

    default_message: str | None = None
    default_interest_rate: kinds.NotNegative = Decimal("8.5")
    default_reminder_fee: kinds.NotNegative = Decimal(60)
    default_invoice_fee: kinds.NotNegative = Decimal(0)
    automatic_reminders: tuple[AutomaticReminder, ...] = ()
    reminders_without_fee: kinds.AnyList = "[]"  # stored only
    automatic_reminders_minimum_principal_sum: kinds.Amount | None = None
    use_automatic_reminders_partly_paid: bool = False
    automatic_collection: AutomaticCollection = AutomaticCollection()
    automatic_writeoff: AutomaticWriteoff = AutomaticWriteoff()
    show_item_gross_prices: bool = False
    show_new_account_notice: bool = False
    pdf: PdfSettings = PdfSettings()


class Settings(SettingsValue, frozen=True):
    """The settings of an account."""

    name: str
    registration_email: str
    bookkeeping: Bookkeeping
    org_no: str = ""
    company_id: str = ""
    contact: SettingsContact = SettingsContact()
    address: PostalAddress = PostalAddress()
    invoice_address: InvoiceAddress = InvoiceAddress()
    registered_office_address: NamedAddress = NamedAddress()
    return_address: NamedAddress = NamedAddress()
    visiting_address: VisitingAddress = VisitingAddress()
    payment: PaymentSettings = PaymentSettings()
    tax: Tax = Tax()
    invoices: InvoiceSettings = InvoiceSettings()


def new_settings(account: str, year: int) -> Settings:
    """Return the settings of a new account. Name and e-mail address are made from its id [A]."""
    email = account if "@" in account else f"{account}@example.com"
    return Settings(
        name=account,
        registration_email=email,
        bookkeeping=Bookkeeping(financial_year_start=f"{year:04d}-01"),
    )


def country_of(settings: Settings) -> str:
    """Return the default country of customers: that of the settings if it has two letters, or SE [A]."""
    country = settings.address.country
    return country.upper() if len(country) == 2 and country.isalpha() else "SE"


def bookkeeping_accounts(settings: Settings, vat: Decimal) -> tuple[str, str]:
    """Return the income and the VAT account of a VAT rate [R]. An unusual rate has none [A]."""
    book = settings.bookkeeping
    if vat == 25:
        return book.income_account_for_vat_25, book.vat_account_for_vat_25
    if vat == 12:
        return book.income_account_for_vat_12, book.vat_account_for_vat_12
    if vat == 6:
        return book.income_account_for_vat_6, book.vat_account_for_vat_6
    if vat == 0:
        return book.income_account_for_vat_0, ""
    return "", ""

"""The `settings` object of an account, in the shape of the wire (reference: api 4).

The defaults are those of real new accounts [R].
"""

from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from mockserver.core import kinds
from mockserver.core.kinds import Json


class SettingsValue(Struct, frozen=True, gc=False):
    """Base of the members: written to the log in full, as a setting is a promise of that day."""


class SettingsContact(SettingsValue, frozen=True):
    """Whom customers of the account may write to."""

    name: str = ""
    email: str = ""
    phone: str = ""
    www: str = ""


class PostalAddress(SettingsValue, frozen=True):
    """The account's own address; country is free text [C]."""

    street_address: str = ""
    careof: str = ""
    zipcode: kinds.Zipcode = ""
    city: str = ""
    province: str = ""
    country: str = "SE"


class VisitingAddress(SettingsValue, frozen=True):
    """Where the account can be visited; null until given [R]."""

    street_address: str | None = None
    careof: str | None = None
    zipcode: kinds.Zipcode | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None


class InvoiceAddress(VisitingAddress, frozen=True):
    """Where invoices to the account go."""

    email: str | None = None


class NamedAddress(SettingsValue, frozen=True):
    """Registered office, or return address of letters."""

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
    """An account outside Sweden."""

    bank: str = ""
    iban: str = ""
    bic: str = ""
    swift: str = ""


class PaymentSettings(SettingsValue, frozen=True):
    """Where customers pay to."""

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
    """A cost centre, a project: kept as a client sent it."""

    dimension_id: kinds.Name
    object_id: kinds.Name
    dimension_name: str | UnsetType | None = UNSET
    object_name: str | UnsetType | None = UNSET


class RegionalBookkeeping(SettingsValue, frozen=True):
    """Accounts that only Sweden has."""

    rotavdrag_account: str = "1513"


class Bookkeeping(SettingsValue, frozen=True):
    """Account numbers; the real defaults, the same in 2017 and 2021 [R], two of them since 2021 [C]."""

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
    objects: Annotated[str | None, Json(tuple[BookkeepingObject, ...])] = None  # absent until given [A]


class AutomaticReminder(SettingsValue, frozen=True):
    """One step of the account's dunning sequence: days after the step before."""

    delay_days: kinds.SomeDays
    message: str = ""


class AutomaticCollection(SettingsValue, frozen=True):
    """When an unpaid billogram goes to collection; null: never."""

    delay_days: kinds.DelayDays | None = None
    amount: kinds.Amount | None = None


class AutomaticWriteoff(SettingsValue, frozen=True):
    """Which remaining fees are written off by themselves, up to which amount."""

    settings: str | None = None
    amount: kinds.Amount | None = None


class PdfSettings(SettingsValue, frozen=True):
    """How the invoice looks."""

    template: str = ""


class InvoiceSettings(SettingsValue, frozen=True):
    """Defaults of drafts made later, and automatic dunning."""

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
    """The whole object."""

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
    """The settings of a new account; name and e-mail are made from its id [A]."""
    email = account if "@" in account else f"{account}@example.com"
    return Settings(
        name=account,
        registration_email=email,
        bookkeeping=Bookkeeping(financial_year_start=f"{year:04d}-01"),
    )


def country_of(settings: Settings) -> str:
    """The country a customer gets who was given none: the settings' if it has two letters, else SE [A]."""
    country = settings.address.country
    return country.upper() if len(country) == 2 and country.isalpha() else "SE"


def bookkeeping_accounts(settings: Settings, vat: Decimal) -> tuple[str, str]:
    """Income and VAT account for a rate [R]; an unusual rate is booked as none [A]."""
    book = settings.bookkeeping
    if vat == 25:
        return book.income_account_for_vat_25, book.vat_account_for_vat_25
    if vat == 12:
        return book.income_account_for_vat_12, book.vat_account_for_vat_12
    if vat == 6:
        return book.income_account_for_vat_6, book.vat_account_for_vat_6
    return book.income_account_for_vat_0, ""

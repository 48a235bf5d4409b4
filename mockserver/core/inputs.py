"""Request bodies as frozen types, which know the members that were absent (reference: api 2-12).

A member is `UNSET` when it was absent and `None` when null was sent, which resets it to its default. Where
both mean the same, as in a row, it is `None`. An object that can be sent in part is a `Patch` of the stored
value, so that its members are declared once: in the value.
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, ClassVar, Generic, TypeAlias, TypeVar, Union

from msgspec import UNSET, Struct, UnsetType, field

from mockserver.core import kinds
from mockserver.core.kinds import Json, MemberSubset
from mockserver.core.model import (
    ADDRESS,
    DELIVERY_ADDRESS,
    PERMANENT_ADDRESS,
    Address,
    Callbacks,
    Contact,
    CustomerEdi,
    ElectricityCollection,
    Info,
    Recipient,
    Regional,
    Reminder,
    Value,
    replace,
)
from mockserver.core.refusal import Refusal
from mockserver.core.settings import BookkeepingObject

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

Maybe: TypeAlias = Union[T, UnsetType, None]  # noqa: UP007  # an alias with a parameter


class Patch(Struct, Generic[S], frozen=True):
    """The members of an object that were sent, in the order of its fields. False if there are none."""

    changes: tuple[tuple[str, object], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def over(self, base: S, defaults: S | None = None) -> S:
        """Return `base` with the members that were sent.

        Null resets a member to its value in `defaults`, or to the default of the type if there are none. Of
        the two names of a street line, the one that differs from the stored value counts; if both differ, the
        last counts, `address_line_1` [A].
        """
        changed: dict[str, object] = {}
        for name, value in self.changes:
            stored = getattr(base, name)
            if isinstance(value, Patch):
                value = value.over(stored, None if defaults is None else getattr(defaults, name))
            elif value is None:
                value = _default_of(type(base), name) if defaults is None else getattr(defaults, name)
            if value != stored:
                changed[name] = value
        return replace(base, **changed) if changed else base


def _default_of(kind: type[Struct], name: str) -> object:
    fields = kind.__struct_fields__
    return kind.__struct_defaults__[fields.index(name) - len(fields)]


def resolve(given: Maybe[T], stored: T, default: T) -> T:
    """Return a member after a request: the stored value if it was absent, its default if it was null."""
    if isinstance(given, UnsetType):
        return stored
    return default if given is None else given


def resolve_required(given: T | UnsetType, stored: T) -> T:
    """Return a required member after a request: the stored value if it was absent."""
    return stored if isinstance(given, UnsetType) else given


class Input(Struct, frozen=True, kw_only=True):
    """Base of the request bodies.

    `read_only` are keys that may be sent back unchanged in a PUT. `hidden` are members that the OpenAPI
    document does not show. `needed` are members that it shows as required although the type has a default,
    because the core checks them.
    """

    read_only: ClassVar[tuple[str, ...]] = ()
    hidden: ClassVar[tuple[str, ...]] = ()
    needed: ClassVar[tuple[str, ...]] = ()


class NoFields(Input, frozen=True, kw_only=True):
    """A command without parameters."""


# customers


class PaymentType(Value, frozen=True):
    """The recurring payment of a customer."""

    recurring_payment_type: str | None = None


class CustomerChanges(Input, frozen=True, kw_only=True):
    """The members of a customer that a PUT may send."""

    read_only: ClassVar[tuple[str, ...]] = ("links", "created_at", "updated_at")

    customer_no: kinds.CustomerNo | UnsetType = UNSET
    name: kinds.Name | UnsetType = UNSET
    company_type: Maybe[kinds.CompanyType] = UNSET
    org_no: Maybe[str] = UNSET
    vat_no: Maybe[str] = UNSET
    language: Maybe[kinds.Language] = UNSET
    notes: Maybe[str] = UNSET
    contact: Patch[Contact] = Patch()
    address: Annotated[Patch[Address], ADDRESS] = Patch()
    delivery_address: Annotated[Patch[Address], DELIVERY_ADDRESS] = Patch()
    permanent_establishment_address: Annotated[Patch[Address], PERMANENT_ADDRESS] = Patch()
    letter_forwarding_enabled: Maybe[bool] = UNSET
    payment_settings: Patch[PaymentType] = Patch()
    edi: Patch[CustomerEdi] = Patch()
    regional_sweden: Maybe[kinds.AnyObject] = UNSET


class CustomerFields(CustomerChanges, frozen=True, kw_only=True):
    """The members of a customer that a POST may send."""

    customer_no: kinds.NewCustomerNo | UnsetType = UNSET
    name: kinds.Name


class EinvoiceFields(Input, frozen=True, kw_only=True):
    """`identifier` in Sweden; `pec`, `codice_destinatario` or both in Italy."""

    identifier: kinds.Identifier | None = None
    pec: kinds.Email | None = None
    codice_destinatario: kinds.Codice | None = None


# items


class Accounts(Value, frozen=True):
    """The bookkeeping accounts of an item or a row."""

    income_account: str = ""
    vat_account: str = ""
    objects: Annotated[str, Json(tuple[BookkeepingObject, ...])] = "[]"


class RegionalItem(Value, frozen=True):
    """Members of an item that only Sweden has."""

    rotavdrag: bool | None = None


class ItemChanges(Input, frozen=True, kw_only=True):
    """The members of an item that a PUT may send."""

    read_only: ClassVar[tuple[str, ...]] = ("created_at", "updated_at")

    item_no: kinds.ItemNo | UnsetType = UNSET
    title: kinds.Name | UnsetType = UNSET
    description: Maybe[kinds.Text200] = UNSET
    price: kinds.Price | UnsetType = UNSET
    vat: kinds.Vat | UnsetType = UNSET
    unit: kinds.Unit | UnsetType = UNSET
    bookkeeping: Patch[Accounts] = Patch()
    regional_sweden: Patch[RegionalItem] = Patch()
    zero_vat_reason: Maybe[kinds.ZeroVatReason] = UNSET
    zero_vat_reason_reference: Maybe[str] = UNSET


class ItemFields(ItemChanges, frozen=True, kw_only=True):
    """The members of an item that a POST may send."""

    item_no: kinds.NewItemNo | UnsetType = UNSET
    title: kinds.Name
    price: kinds.Price
    vat: kinds.Vat
    unit: kinds.Unit


# billograms


class RowElectricity(ElectricityCollection, frozen=True):
    """Legacy fields of electricity sellers in a row."""

    nyttighet: str | None = None
    objtyp: str | None = None
    faktforb: str | None = None
    faktfrek: str | None = None


class RowRegional(Value, frozen=True):
    """Members of a row that only Sweden has."""

    rotavdrag: bool = False
    electricity_collection: Annotated[str | None, Json(Patch[RowElectricity])] = None


class RowFields(Input, frozen=True, kw_only=True):
    """A row. The item with this `item_no` supplies what is left out, except `count`."""

    needed: ClassVar[tuple[str, ...]] = ("count",)

    item_no: kinds.RowNo | None = None
    title: kinds.Title | None = None
    description: kinds.Text200 | None = None
    count: kinds.Count | None = None
    price: kinds.Number | None = None
    vat: kinds.Percent | None = None
    unit: kinds.RowUnit | None = None
    discount: kinds.Number | None = None
    bookkeeping: Patch[Accounts] = Patch()
    regional_sweden: Patch[RowRegional] = Patch()
    zero_vat_reason: kinds.ZeroVatReason | None = None
    zero_vat_reason_reference: str | None = None
    external_id: str | None = None


class CreditRowFields(RowFields, frozen=True, kw_only=True):
    """A row to credit. It identifies an invoiced row by `item_no`, or by `title`, `price` and `vat`."""

    count: kinds.CreditCount | None = None


R = TypeVar("R", bound=RowFields)


class Rows(Struct, Generic[R], frozen=True):
    """The rows before the first invalid one, and its refusal.

    The first bad row is reported before anything that a later phase refuses in other rows [C]. `places` are
    those of the valid rows among all that were sent, if some were skipped.
    """

    valid: tuple[R, ...]
    refusal: Refusal | None = None
    places: tuple[int, ...] = ()

    def __iter__(self) -> Iterator[R]:
        """Yield the valid rows, then raise the refusal of the first invalid one."""
        yield from self.valid
        if self.refusal is not None:
            raise self.refusal

    def numbered(self) -> Iterator[tuple[int, R]]:
        """Yield the valid rows with their places, then raise the refusal of the first invalid one."""
        yield from zip(self.places, self, strict=True) if self.places else enumerate(self)


class Collection(Value, frozen=True):
    """When a billogram is handed over to collection automatically."""

    delay_days: kinds.DelayDays | None = None
    amount: kinds.Amount | None = None
    use_default_settings: bool = False


class Pdf(Value, frozen=True):
    """The layout of the invoice."""

    template: str = ""


class OnSuccessFields(Input, frozen=True, kw_only=True):
    """The command that is executed immediately after the creation."""

    command: kinds.SuccessCommand
    method: kinds.Method | None = None


class BillogramChanges(Input, frozen=True, kw_only=True):
    """The members of a billogram that a PUT may send."""

    read_only: ClassVar[tuple[str, ...]] = (
        *("id", "ocr_number", "state", "url", "recipient_url", "flags", "events", "delivery_method"),
        *("total_sum", "remaining_sum", "rounding_value", "invoice_fee_vat", "interest_fee"),
        *("reminder_count", "respite_date", "detailed_sums", "offers", "sales_accepted"),
        *("created_at", "updated_at", "attested_at"),
    )
    hidden: ClassVar[tuple[str, ...]] = ("creditor_unique_value", "invoice_no", "on_success", "_event")

    customer: Annotated[Patch[Recipient], MemberSubset("RecipientChanges", {})] = Patch()
    items: Rows[RowFields] | UnsetType = UNSET
    invoice_date: Maybe[date] = UNSET
    due_date: Maybe[date] = UNSET
    due_days: Maybe[kinds.StoredDueDays] = UNSET
    currency: Maybe[kinds.Currency] = UNSET
    invoice_fee: Maybe[kinds.NotNegative] = UNSET
    reminder_fee: Maybe[kinds.NotNegative] = UNSET
    interest_rate: Maybe[kinds.NotNegative] = UNSET
    info: Patch[Info] = Patch()
    regional_sweden: Patch[Regional] = Patch()
    creditor_unique_value: kinds.UniqueValue | None = None
    callbacks: Patch[Callbacks] = Patch()
    automatic_reminders: Maybe[bool] = UNSET
    automatic_reminders_settings: Maybe[tuple[Reminder, ...]] = UNSET
    automatic_collection: Patch[Collection] = Patch()
    attachment: Maybe[str] = UNSET
    attachment_content: kinds.Base64 | None = None
    show_item_gross_prices: Maybe[bool] = UNSET
    pdf: Patch[Pdf] = Patch()
    contract: Maybe[kinds.AnyObject] = UNSET
    invoice_no: kinds.InvoiceNo | None = None
    on_success: OnSuccessFields | None = None
    event: kinds.Sell | None = field(default=None, name="_event")


class BillogramFields(BillogramChanges, frozen=True, kw_only=True):
    """The members of a billogram that a POST may send."""

    hidden: ClassVar[tuple[str, ...]] = ("_event",)

    customer: Annotated[Patch[Recipient], MemberSubset("RecipientFields", {}, needed=("customer_no",))]
    items: Rows[RowFields]
    due_days: Maybe[kinds.DueDays] = UNSET


# commands of a billogram


class MethodFields(Input, frozen=True, kw_only=True):
    """The delivery method."""

    method: kinds.Method | None = None


class MessageFields(Input, frozen=True, kw_only=True):
    """The message to the recipient."""

    message: kinds.Message


class AmountFields(Input, frozen=True, kw_only=True):
    """An amount of money."""

    amount: kinds.SomeAmount


class CreditFields(Input, frozen=True, kw_only=True):
    """What is credited. Some modes have an amount, or rows."""

    mode: kinds.CreditMode
    amount: kinds.Amount | None = None
    items: Rows[CreditRowFields] | UnsetType = UNSET
    method: kinds.Method | None = None


class RemindFields(Input, frozen=True, kw_only=True):
    """The delivery method of a reminder, and its text."""

    method: kinds.ReminderMethod | None = None
    message: str | None = None


class RespiteFields(Input, frozen=True, kw_only=True):
    """The last day of a respite."""

    date: kinds.FilledDate


class AttachFields(Input, frozen=True, kw_only=True):
    """The PDF that is attached."""

    filename: kinds.Filled
    content: kinds.Base64


class PayOutFields(Input, frozen=True, kw_only=True):
    """How much of a stand-alone credit is paid out."""

    mode: kinds.PayOutMode
    amount: kinds.Amount | None = None


class AllocateFields(Input, frozen=True, kw_only=True):
    """How much of which stand-alone credit is used."""

    amount: kinds.SomeAmount
    source_id: kinds.Filled


# billing tabs


class BillogramItemFields(RowFields, frozen=True, kw_only=True):
    """A row of a billing tab. `title` is required unless there is an `item_no`."""

    needed: ClassVar[tuple[str, ...]] = ()


class BillingTabItemFields(Input, frozen=True, kw_only=True):
    """The row that is added to the billing tab of a customer."""

    billogram_item: BillogramItemFields


class BillingTabSettingsFields(Input, frozen=True, kw_only=True):
    """When and how the billing tab of a customer is invoiced: at least one of the two."""

    billing_frequency: Maybe[kinds.Frequency] = UNSET
    delivery_method: Maybe[kinds.TabMethod] = UNSET


# mandates and pictures


class MandateFields(Input, frozen=True, kw_only=True):
    """A mandate that a customer signed."""

    customer_no: kinds.CustomerNo
    iban: kinds.Filled
    signed_at: kinds.SignedAt


class AmendmentFields(Input, frozen=True, kw_only=True):
    """The old creditor's mandate."""

    sepa_creditor_identifier: kinds.Filled
    unique_mandate_reference: kinds.Filled


class MigrationFields(Input, frozen=True, kw_only=True):
    """A mandate that is migrated from another creditor."""

    customer_no: kinds.CustomerNo
    iban: kinds.Filled
    signed_date: kinds.FilledDate
    amendment: AmendmentFields


class OfferPicture(Struct, frozen=True, kw_only=True):
    """The picture of an offer, and its type."""

    picture: kinds.Base64
    picture_type: kinds.FileType


class OfferMedia(Value, frozen=True):
    """The picture of a stored offer. In a PUT, a member that is not sent keeps its value [A]."""

    picture: kinds.Base64 = ""
    picture_type: kinds.FileType = ""


class OfferItemFields(Struct, frozen=True, kw_only=True):
    """What a sale offer sells."""

    title: kinds.Name
    price: kinds.Price
    vat: kinds.Vat
    unit: kinds.Unit | UnsetType = UNSET


class OfferFields(Input, frozen=True, kw_only=True):
    """A new banner or sale offer. A banner needs `info_link`, and a sale needs `item`."""

    read_only: ClassVar[tuple[str, ...]] = ("created_at", "updated_at")

    offer_id: kinds.OfferId
    type: kinds.OfferType
    title: kinds.OfferTitle
    text: kinds.Text1000
    info_link: kinds.InfoLink | None = None
    media: OfferPicture
    link_text: str | None = None
    sale_type: kinds.SaleType | None = None
    item: OfferItemFields | None = None


class OfferChanges(Input, frozen=True, kw_only=True):
    """The members of an offer that a PUT may send."""

    read_only: ClassVar[tuple[str, ...]] = (
        *("offer_id", "type", "link_text", "sale_type", "item"),
        *("created_at", "updated_at"),
    )

    title: kinds.OfferTitle | UnsetType = UNSET
    text: kinds.Text1000 | UnsetType = UNSET
    info_link: Maybe[kinds.InfoLink] = UNSET
    media: Patch[OfferMedia] = Patch()


class PictureFields(Input, frozen=True, kw_only=True):
    """A picture, and optionally its type; by default the type is detected."""

    content: kinds.Base64
    file_type: kinds.FileType | None = None

"""The kinds of values that clients send for members, declared in the members' types (reference: api 1.6).

A plain `str`, `bool` or `date` is declared by its type, any other member by the name of a kind. The edge has
a reader and a schema for each kind.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from msgspec import Struct


class Kind(Struct, frozen=True):
    """A kind of value: the name of a row in the edge's table of readers."""

    name: str


class MemberSubset(Struct, frozen=True):
    """The members of a value that can be sent in one place, and the name of that object in OpenAPI.

    `names` maps names in the request to members; two names may lead to the same member.
    """

    component: str
    names: Mapping[str, str]
    needed: tuple[str, ...] = ()


class Json(Struct, frozen=True):
    """An object, or a list of objects, of this type. It is checked, and then stored as JSON text."""

    type: Any


# `address_line_1` is another name of the street line [A]
SECOND_NAMES = {"address_line_1": "street_address"}

Text20: TypeAlias = Annotated[str, Kind("text 20")]
Text30: TypeAlias = Annotated[str, Kind("text 30")]
Text35: TypeAlias = Annotated[str, Kind("text 35")]
Text200: TypeAlias = Annotated[str, Kind("text 200")]
Text350: TypeAlias = Annotated[str, Kind("text 350")]
Text1000: TypeAlias = Annotated[str, Kind("text 1000")]
OfferId: TypeAlias = Annotated[str, Kind("offer id")]
OfferType: TypeAlias = Annotated[str, Kind("offer type")]
OfferTitle: TypeAlias = Annotated[str, Kind("title of an offer")]
InfoLink: TypeAlias = Annotated[str, Kind("link of an offer")]
SaleType: TypeAlias = Annotated[str, Kind("sale type")]
UniqueValue: TypeAlias = Annotated[str, Kind("unique value")]
Name: TypeAlias = Annotated[str, Kind("name")]  # never empty
Title: TypeAlias = Annotated[str, Kind("title")]  # null counts as absent, like in all required members
Filled: TypeAlias = Annotated[str, Kind("filled")]  # a text that must not be empty
Message: TypeAlias = Annotated[str, Kind("message")]
Zipcode: TypeAlias = Annotated[str, Kind("zipcode")]
Country: TypeAlias = Annotated[str, Kind("country")]
Email: TypeAlias = Annotated[str, Kind("email")]
Url: TypeAlias = Annotated[str, Kind("url")]
Language: TypeAlias = Annotated[str, Kind("language")]
Currency: TypeAlias = Annotated[str, Kind("currency")]
Digits16: TypeAlias = Annotated[str, Kind("digits 16")]
YearAndMonth: TypeAlias = Annotated[str, Kind("year and month")]
Base64: TypeAlias = Annotated[str, Kind("base64")]
ZeroVatReason: TypeAlias = Annotated[str, Kind("zero VAT reason")]
Identifier: TypeAlias = Annotated[str, Kind("e-invoice identifier")]
Codice: TypeAlias = Annotated[str, Kind("codice destinatario")]

CompanyType: TypeAlias = Annotated[str, Kind("company type")]
RecipientType: TypeAlias = Annotated[str, Kind("recipient type")]
Unit: TypeAlias = Annotated[str, Kind("unit")]
RowUnit: TypeAlias = Annotated[str, Kind("unit or none")]
Method: TypeAlias = Annotated[str, Kind("delivery method")]
ReminderMethod: TypeAlias = Annotated[str, Kind("reminder method")]
SuccessCommand: TypeAlias = Annotated[str, Kind("command on success")]
Sell: TypeAlias = Annotated[str, Kind("sell")]
CreditMode: TypeAlias = Annotated[str, Kind("credit mode")]
PayOutMode: TypeAlias = Annotated[str, Kind("credit-payment mode")]
Frequency: TypeAlias = Annotated[str, Kind("billing frequency")]
TabMethod: TypeAlias = Annotated[str, Kind("delivery method of a billing tab")]
FileType: TypeAlias = Annotated[str, Kind("file type")]

Number: TypeAlias = Annotated[Decimal, Kind("number")]
NotNegative: TypeAlias = Annotated[Decimal, Kind("not negative")]
Percent: TypeAlias = Annotated[Decimal, Kind("percent")]
Amount: TypeAlias = Annotated[Decimal, Kind("amount")]
SomeAmount: TypeAlias = Annotated[Decimal, Kind("amount above 0")]
Count: TypeAlias = Annotated[Decimal, Kind("count")]
CreditCount: TypeAlias = Annotated[Decimal, Kind("count below 0")]
Price: TypeAlias = Annotated[Decimal, Kind("price")]
Vat: TypeAlias = Annotated[Decimal, Kind("VAT")]
AmountOrText: TypeAlias = Annotated[str, Kind("amount or text")]  # kept as JSON text

CustomerNo: TypeAlias = Annotated[int, Kind("customer number")]
NewCustomerNo: TypeAlias = Annotated[int, Kind("number of a new customer")]
ItemNo: TypeAlias = Annotated[str, Kind("item number")]
NewItemNo: TypeAlias = Annotated[str, Kind("number of a new item")]
RowNo: TypeAlias = Annotated[str, Kind("item number of a row")]
InvoiceNo: TypeAlias = Annotated[int, Kind("invoice number")]
DelayDays: TypeAlias = Annotated[int, Kind("days of delay")]
SomeDays: TypeAlias = Annotated[int, Kind("days")]
DueDays: TypeAlias = Annotated[int, Kind("due days")]
StoredDueDays: TypeAlias = Annotated[int, Kind("due days, also longer ones")]
Months: TypeAlias = Annotated[int, Kind("months of a year")]

FilledDate: TypeAlias = Annotated[date, Kind("filled date")]
AnyObject: TypeAlias = Annotated[str, Kind("any object")]  # kept as JSON text
AnyList: TypeAlias = Annotated[str, Kind("any list")]  # kept as JSON text
SignedAt: TypeAlias = Annotated[datetime, Kind("moment of a signature")]

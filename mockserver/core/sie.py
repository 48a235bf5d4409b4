"""Bookkeeping as a file: SIE type 4I (reference: behaviour 6.8)."""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from msgspec import Struct

from mockserver.core.bookkeeping import SEK, Voucher
from mockserver.core.settings import Settings

ENCODING = "cp437"


class Names(Struct, frozen=True):
    """The names of accounts, of dimensions, and of objects by dimension and number."""

    accounts: Mapping[str, str]
    dimensions: Mapping[str, str]
    objects: Mapping[tuple[str, str], str]


def sie_file(
    vouchers: Sequence[tuple[int, Voucher]],
    *,
    series: str,
    settings: Settings,
    names: Names,
    made: date,
    month: date,
    currency: str,
) -> bytes:
    """Return the vouchers of a month, with their numbers, as a SIE file [A, after the SIE 4 format].

    `made` is the local date of the report, and `month` the first day of the month.
    """
    first, last = financial_year(settings.bookkeeping.financial_year_start, months_of(settings), month)
    lines = [
        "#FLAGGA 0",
        '#PROGRAM "mockserver" 2',
        "#FORMAT PC8",
        f"#GEN {made:%Y%m%d}",
        "#SIETYP 4",
        f"#FNAMN {_quoted(settings.name)}",
        *([f"#ORGNR {_field(settings.org_no)}"] if settings.org_no else []),
        f"#RAR 0 {first:%Y%m%d} {last:%Y%m%d}",
        *([f"#VALUTA {currency}"] if currency != SEK else []),
    ]
    legs = [leg for _, voucher in vouchers for leg in voucher.legs]
    lines += [
        f"#KONTO {_field(account)} {_quoted(account_name(names, account))}"
        for account in sorted({leg.account for leg in legs})
    ]
    objects = sorted({each for leg in legs for each in leg.objects}, key=lambda each: (_rank(each[0]), each))
    lines += [
        f"#DIM {_field(dimension)} {_quoted(names.dimensions.get(dimension, dimension))}"
        for dimension in sorted({dimension for dimension, _ in objects}, key=_rank)
    ]
    for dimension, number in objects:
        name = names.objects.get((dimension, number), number)
        lines.append(f"#OBJEKT {_field(dimension)} {_quoted(number)} {_quoted(name)}")
    for voucher_no, voucher in vouchers:
        lines.append(f"#VER {_field(series)} {voucher_no} {voucher.day:%Y%m%d} {_quoted(voucher.text)}")
        lines.append("{")
        for leg in voucher.legs:
            listed = " ".join(f"{_field(dimension)} {_quoted(number)}" for dimension, number in leg.objects)
            lines.append(f"#TRANS {_field(leg.account)} {{{listed}}} {kronor(leg.amount)}")
        lines.append("}")
    return "".join(f"{line}\r\n" for line in lines).encode(ENCODING, "replace")


def account_name(names: Names, account: str) -> str:
    """Return the name of an account; an account that only rows name has its number as name [A]."""
    return names.accounts.get(account, f"Konto {account}")


def kronor(ore: int) -> str:
    """Return an amount in öre as text with two decimals."""
    sign = "-" if ore < 0 else ""
    return f"{sign}{abs(ore) // 100}.{abs(ore) % 100:02d}"


def months_of(settings: Settings) -> int:
    """Return the months of a financial year."""
    return settings.bookkeeping.financial_year_months or 12


def financial_year(start: str, months: int, month: date) -> tuple[date, date]:
    """Return the first and the last day of the financial year that holds a month.

    The configured year is moved by whole years until it holds the month [A].
    """
    year, first_month = (int(part) for part in start.split("-")[:2])
    at, begins = _index(month), year * 12 + first_month - 1
    begins += (at - begins) // 12 * 12
    if at >= begins + months:  # a short year that does not hold the month: the months up to it [A]
        months = at - begins + 1
    first = date(begins // 12, begins % 12 + 1, 1)
    end = begins + months - 1
    return first, date(end // 12, end % 12 + 1, monthrange(end // 12, end % 12 + 1)[1])


def numbered(vouchers: Iterable[Voucher], month: date, settings: Settings) -> list[tuple[int, Voucher]]:
    """Return the vouchers of a month with their numbers, in the order of the acts.

    They begin with 1 in each month, or in each financial year [A].
    """
    book = settings.bookkeeping
    since = month
    if book.sie_continuous_numbering != "monthly":
        since = financial_year(book.financial_year_start, months_of(settings), month)[0]
    within = [each for each in vouchers if since <= each.day and _index(each.day) <= _index(month)]
    return [(number, each) for number, each in enumerate(within, 1) if _index(each.day) == _index(month)]


def _index(day: date) -> int:
    return day.year * 12 + day.month - 1


def _rank(dimension: str) -> tuple[int, int, str]:
    return (0, int(dimension), "") if dimension.isdecimal() else (1, 0, dimension)


def _quoted(text: str) -> str:
    """Return a text in double quotes. Control characters, which the format does not know, become blanks."""
    plain = "".join(max(each, " ") for each in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _field(text: str) -> str:
    """Return a text as a field: as it is if it is one plain word, else in quotes."""
    plain = text.isascii() and text.isprintable() and text and not set(' "{}\\#') & set(text)
    return text if plain else _quoted(text)


def series_of(settings: Settings) -> str:
    """Return the series of the vouchers: `A` if none is set [S]."""
    return settings.bookkeeping.sie_serie or "A"

"""Numbers and letters as documents show them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.documents import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0,00"),
        ("1186.25", "1 186,25"),
        ("-1186.25", "-1 186,25"),
        ("0.005", "0,01"),
        ("-0.004", "0,00"),
        ("1000000", "1 000 000,00"),
        ("1E+3", "1 000,00"),
    ],
)
def test_amounts(value: str, text: str) -> None:
    assert words.amount(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "like", "text"),
    [
        ("100", "100", "100,00"),
        ("0.0625", "0.0625", "0,0625"),
        ("1313.125", "1050.5", "1 313,13"),
        ("0.07", "0.0625", "0,07"),
        ("12345.678", "12345.678", "12 345,678"),
        ("-0.0625", "0.0625", "-0,0625"),
    ],
)
def test_prices_have_the_decimals_that_were_given(value: str, like: str, text: str) -> None:
    assert words.precise(Decimal(value), Decimal(like)) == text


@pytest.mark.parametrize(
    ("value", "text"), [("3", "3"), ("1250.50", "1 250,5"), ("-0", "0"), ("1E+3", "1 000"), ("12.5", "12,5")]
)
def test_counts(value: str, text: str) -> None:
    assert words.number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("Åäö ÅÄÖ é ü ß € \u2013 … ”citat”", "Åäö ÅÄÖ é ü ß € \u2013 … ”citat”"),
        ("Łódź Ďábel Ğ \u0130\u0131 Ở", "Lódz Dábel G Ii O"),
        ("A\u030angstro\u0308m", "Ångström"),
        ("日本 \U0001f600", "?? ?"),
        ("\U0001d518 \uff21 \u2165 \ufb01 \u2460", "U A VI fi 1"),
        ("a\tb\u00a0c\u202ed\x00e\x7f", "a b c d e "),
        ("e\u00adn\u200bd\ufeff", "end"),
        ("1\r\n2\r3\u20284", "1\n2\n3\n4"),
        ("\u20115 \u22125", "-5 -5"),
        ("\r\xad", ""),
        ("1\n\n2\n\n", "1\n\n2"),
        ("1\n\u0301", "1"),
        ("\ud800", "?"),
        ("", ""),
    ],
)
def test_letters_that_the_fonts_do_not_have_are_written_plainly(given: str, seen: str) -> None:
    assert words.printable(given) == seen


@given(st.text(st.characters()))
def test_whatever_is_written_can_be_shown(text: str) -> None:
    seen = words.printable(text)
    seen.encode("cp1252")
    assert all(letter == "\n" or ord(letter) >= 32 for letter in seen)
    assert words.printable(seen) == seen


@pytest.mark.parametrize(
    ("zipcode", "city", "country", "line"),
    [
        ("12345", "TESTSTAD", "SE", "123 45  TESTSTAD"),
        ("12345", "BERLIN", "DE", "12345  BERLIN"),
        ("", "ORT", "SE", "ORT"),
        (None, None, None, ""),
    ],
)
def test_towns(zipcode: str | None, city: str | None, country: str | None, line: str) -> None:
    assert words.town(zipcode, city, country) == line

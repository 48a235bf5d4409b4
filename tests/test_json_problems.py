"""What is said of a body that is not JSON: what it is instead, or where the mistake is."""

import gzip
import zlib

import pytest

from mockserver.json_problems import problem_of
from mockserver.wire import BadJson, decode
from tests.server import ACCOUNT, Server

BOM = b"\xef\xbb\xbf"
FORM = "it is a form (application/x-www-form-urlencoded)"

PROBLEMS: list[tuple[bytes, str]] = [
    # another encoding
    ('{"name": "Åsa"}'.encode("latin-1"), "it is not UTF-8: byte 10, counted from 0, is 0xc5"),
    (BOM + '{"name": "Åsa"}'.encode("latin-1"), "it is not UTF-8: byte 13, counted from 0, is 0xc5"),
    (b'{"\xed\xa0\x80": 1}', "it is not UTF-8: byte 2, counted from 0, is 0xed"),
    (b'{"a": 1}\xff', "it is not UTF-8: byte 8, counted from 0, is 0xff"),
    ("{}".encode("utf-16"), "it is UTF-16, as its BOM says, not UTF-8"),
    ("\ufeff{}".encode("utf-16-be"), "it is UTF-16, as its BOM says, not UTF-8"),
    ("{}".encode("utf-32"), "it is UTF-32, as its BOM says, not UTF-8"),
    ("\ufeff{}".encode("utf-32-be"), "it is UTF-32, as its BOM says, not UTF-8"),
    *(
        ("{}".encode(f"utf-{form}"), "it has zero bytes: it is UTF-16 or UTF-32 without a BOM, not UTF-8")
        for form in ("16-le", "16-be", "32-le", "32-be")
    ),
    (BOM + BOM + b"{}", "it has two BOMs"),
    # something else
    (gzip.compress(b"{}", mtime=0), "it is compressed with gzip, and bodies are read as they are sent"),
    *(
        (zlib.compress(b"{}", level), "it is compressed with deflate, and bodies are read as they are sent")
        for level in (1, 6, 9)
    ),
    (b"\x28\xb5\x2f\xfd\x00", "it is compressed with zstd, and bodies are read as they are sent"),
    (b"name=A&customer_no=1", FORM),
    (b"contact%5Bemail%5D=a%40example.com", FORM),
    (b"contact[email]=a", FORM),
    (b'data={"name": "A"}', FORM),
    (BOM + b"a=", FORM),
    (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
        "it is a form (multipart/form-data)",
    ),
    (b"--x\nX: y\ncontent-disposition: form-data\n\n1", "it is a form (multipart/form-data)"),
    (b"<html></html>", "it is XML or HTML"),
    (b" \n<?xml ?>", "it is XML or HTML"),
    (b"%PDF-1.4", "it is a PDF"),
    (b" \r\n\t", "it is blank"),
    # a mistake
    (b'{"a": 1,}', "a trailing comma at line 1, column 8"),
    ('{"å":\n ["ö",\n  1 ,\n\n]}'.encode(), "a trailing comma at line 3, column 5"),
    (BOM + b'{"a": 1,}', "a trailing comma at line 1, column 8"),
    ('{"å": "ö", "b": 1, }'.encode(), "a trailing comma at line 1, column 18"),
    (b"{,}", "a comma too many at line 1, column 2"),
    (b"[1,,2]", "a comma too many at line 1, column 4"),
    (b"{'a': 1}", "a text in single quotes at line 1, column 2"),
    (b"{\"a\": 'b'}", "a text in single quotes at line 1, column 7"),
    ("{“a”: 1}".encode(), "a typographic quotation mark at line 1, column 2"),
    ('{\N{NO-BREAK SPACE}"a": 1}'.encode(), "a no-break space at line 1, column 2"),
    (b"{a: 1}", "the key a without double quotes at line 1, column 2"),
    (b'{"a": 1, order_no : 1}', "the key order_no without double quotes at line 1, column 10"),
    (b'{"a": NaN}', "NaN, which is no JSON value, at line 1, column 7"),
    (b"[-Infinity]", "-Infinity, which is no JSON value, at line 1, column 2"),
    (b'{"a": None}', "None, which is no JSON value, at line 1, column 7"),
    (b'{"a":\r\n undefined}', "undefined, which is no JSON value, at line 2, column 2"),
    (b"[nope]", "nope, which is no JSON value, at line 1, column 2"),
    (b"[1, tru]", "tru, which is no JSON value, at line 1, column 5"),
    (b"name", "name, which is no JSON value, at line 1, column 1"),
    (b"// note\n{}", "a comment at line 1, column 1"),
    (b"{/* note */}", "a comment at line 1, column 2"),
    (b"[1,\n# note\n2]", "a comment at line 2, column 1"),
    (b'{"a": "x\ny"}', "a control character (0x0a) that is not escaped at line 1, column 9"),
    (b'{"a": +1}', "an unexpected '+' at line 1, column 7"),
    (b'{"a": .5}', "an unexpected '.' at line 1, column 7"),
    (b"-", "an invalid number at line 1, column 1"),
    (b'{"a": 01}', "an invalid number at line 1, column 7"),
    (b'{"a": -1.}', "an invalid number at line 1, column 7"),
    (b'{"a": 2e}', "an invalid number at line 1, column 7"),
    (b'{"a" 1}', "a missing ':' at line 1, column 6"),
    (b'{"a": 1 "b": 2}', "a missing ',' or '}' at line 1, column 9"),
    (b"[1 2]", "a missing ',' or ']' at line 1, column 4"),
    (b'{"a": "C:\\dir"}', "an escape that JSON does not have at line 1, column 10"),
    (rb'{"a": "\u12"}', r"an escape \u without four hexadecimal digits at line 1, column 8"),
    (b"{}\n{}", "more text after the end of the JSON at line 2, column 1"),
    (b'{"a": "b', "it ends too early"),
    (b"[", "it ends too early"),
    (
        rb'{"a": "\ud800"}',
        r"it ends too early, or a string has half of a surrogate pair, such as \ud83d alone",
    ),
    (b"9" * 5000, "it has a number that is too large"),
    (b"1e99999999999999999999", "it has a number that is too large"),
]


@pytest.mark.parametrize(("body", "problem"), PROBLEMS)
def test_the_problem_of_a_body(body: bytes, problem: str) -> None:
    with pytest.raises(BadJson) as refused:
        decode(body)
    assert problem_of(body, str(refused.value)) == problem


def explained_problem(server: Server, body: bytes) -> str:
    refused = server.post("/customer", body)
    assert refused.error == ("INVALID_PARAMETER", {"message": "invalid JSON"})
    answer = server.mock("GET", refused.headers["mock-explain"].removeprefix("/_mock"))
    problem: str = answer.json["condition"]["values"]["problem"]
    return problem


def test_explanations_have_the_problem_and_the_answer_has_not(server: Server) -> None:
    for body, problem in PROBLEMS:
        assert explained_problem(server, body) == problem


def test_the_problem_of_a_long_body_is_known(server: Server) -> None:
    """The journal keeps only the beginning of it."""
    body = b'{"name":\n"' + b"x" * 1_000_000 + b'",\n"notes": 1,}'
    assert explained_problem(server, body) == "a trailing comma at line 3, column 11"
    assert (
        explained_problem(server, body[:-20] + b"\xe5")
        == "it is not UTF-8: byte 1000005, counted from 0, is 0xe5"
    )


def test_the_control_plane_says_what_a_body_is(server: Server) -> None:
    for body, problem in PROBLEMS:
        refused = server.mock("POST", "/accounts", body)
        assert refused.status == 400
        error = refused.json["error"]
        assert (error["code"], error["message"]) == ("invalid_json", f"the body is not JSON: {problem}")


@pytest.mark.parametrize("body", [b'{"name": "A"}', ' {"name": "Åsa"}'.encode()])
def test_a_bom_is_accepted(server: Server, body: bytes) -> None:
    assert server.post("/customer", BOM + body).status == 200
    assert server.mock("PATCH", f"/accounts/{ACCOUNT}", BOM + b"{}").status == 200


def test_a_body_of_nothing_but_a_bom_is_blank(server: Server) -> None:
    assert explained_problem(server, BOM) == "it is blank"

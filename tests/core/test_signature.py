"""Signatures of callbacks (reference: webhooks 4)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.signature import legacy, problem, sign

KEY = "test-sign-key-1"
TIMESTAMP = "1772454821.718204"
NOW = 1772454821.718204
BODY = (
    b'{"callback_id":"5108d45a-3a0b-4176-82fd-502cdbf880d8",'
    b'"callback_timestamp":"2026-03-02T12:33:41.654321Z","callback_type":"RecipientUpdated",'
    b'"customer":{"customer_number":24,"updated_email":"contact@example.com"}}'
)
HMAC = "a4094c8b442474b39b1b81a2a968d7eb1c0f4993e110c453211bea4bbc0e915d"
MD5 = "de1f6bcc9ea570174b1d950332566d84"
BOTH = json.dumps(json.loads(BODY) | {"signature": MD5}).encode()  # as a BillogramEvent has it

UNSIGNED = "unsigned: header Billogram-Signature is missing"
CHANGED = "body or timestamp changed on the way: the key fits the older signature in the body"
WRONG_KEY = "wrong key: it fits neither the header nor the older signature in the body"
EITHER = "wrong key, or body changed on the way"
NO_TIME = "header Billogram-Request-Timestamp is missing"
BAD_TIME = "header Billogram-Request-Timestamp is not a number of seconds"


def signed(body: bytes, key: str = KEY, timestamp: str = TIMESTAMP) -> dict[str, str]:
    return {
        "billogram-request-timestamp": timestamp,
        "billogram-signature": sign(key, timestamp, body),
    }


def test_the_vector_of_the_reference() -> None:
    assert sign(KEY, TIMESTAMP, BODY) == HMAC
    assert legacy(KEY, "5108d45a-3a0b-4176-82fd-502cdbf880d8") == MD5
    assert legacy(KEY, "ee8f6454-f178-4ec7-b609-912fe2e7a724") == "931532cc64c0c8c598e2fd8008ea3b75"
    assert problem(KEY, signed(BODY), BODY) is None


def test_the_key_is_utf_8() -> None:
    assert sign("nyckel-åäö", "1", b"") == "6175d5173717ecf1cc79267b75fa931d440697b85456e0d323266417aafd206e"


@pytest.mark.parametrize(
    ("key", "body", "headers", "said"),
    [
        (KEY, BOTH, signed(BOTH), None),
        (KEY, b"\xff not JSON", signed(b"\xff not JSON"), None),
        (KEY, BODY, {}, UNSIGNED),
        (KEY, BODY, {"billogram-signature": "", "billogram-request-timestamp": TIMESTAMP}, UNSIGNED),
        (KEY, BODY, {"billogram-request-timestamp": TIMESTAMP}, UNSIGNED),
        (KEY, BODY, {"billogram-signature": HMAC}, NO_TIME),
        (KEY, BODY, {"billogram-signature": HMAC, "billogram-request-timestamp": ""}, NO_TIME),
        *(
            (KEY, BODY, signed(BODY, timestamp=bad), BAD_TIME)
            for bad in (
                "soon",
                "nan",
                "inf",
                "-1",
                "1_0",
                "1.",
                "1e9",
                "٣",
                "2026-03-02T12:33:41Z",
                "9" * 400,
            )
        ),
        ("other", BOTH, signed(BOTH), WRONG_KEY),
        ("other", BODY, signed(BODY), EITHER),  # no older signature tells more
        (KEY, BOTH + b" ", signed(BOTH), CHANGED),
        (KEY, BOTH, signed(BOTH) | {"billogram-request-timestamp": "1772454821.7"}, CHANGED),
        (KEY, BOTH, signed(BOTH) | {"billogram-signature": "å" * 64}, CHANGED),
        (KEY, BODY + b" ", signed(BODY), EITHER),
        (KEY, b"\xff not JSON", signed(BODY), EITHER),
        (KEY, b"[" * 100_000, signed(BODY), EITHER),
        (KEY, b'{"signature": null, "callback_id": 1}', signed(BODY), EITHER),
        (KEY, rb'{"signature": "\ud800", "callback_id": "\udfff"}', signed(BODY), WRONG_KEY),
    ],
)
def test_what_is_wrong(key: str, body: bytes, headers: dict[str, str], said: str | None) -> None:
    assert problem(key, headers, body) == said
    assert problem(key, headers, body, NOW) == said


@pytest.mark.parametrize(
    ("now", "tolerance", "said"),
    [
        (NOW + 300, 300, None),
        (NOW - 300, 300, None),
        (NOW + 301, 300, "stale: its timestamp is 301 seconds old"),
        (NOW - 301, 300, "stale: its timestamp is 301 seconds ahead"),
        (NOW + 301, 400, None),
        (NOW + 11, 10.5, "stale: its timestamp is 11 seconds old"),
        (NOW + 300.4, 300, "stale: its timestamp is 300 seconds old"),
    ],
)
def test_stale(now: float, tolerance: float, said: str | None) -> None:
    assert problem(KEY, signed(BODY), BODY, now, tolerance) == said


def test_stale_is_said_only_of_what_is_right() -> None:
    assert problem(KEY, signed(BOTH), BOTH + b" ", NOW + 9999) == CHANGED
    assert problem("other", signed(BOTH), BOTH, NOW + 9999) == WRONG_KEY


text = st.text(st.characters(exclude_categories=()))  # half pairs too
keys = text.filter(lambda key: "\0" not in key)  # HMAC fills up short keys with these
values = st.one_of(text, st.none(), st.integers(), st.lists(st.integers(), max_size=2))
bodies = st.one_of(
    st.binary(),
    st.fixed_dictionaries({}, optional={"signature": values, "callback_id": values}).map(
        lambda fields: json.dumps(fields).encode()
    ),
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "billogram-signature": text,
        "billogram-request-timestamp": st.one_of(text, st.floats().map(str), st.integers().map(str)),
    },
)


@given(text, headers, bodies, st.none() | st.floats(0, 1e10))
def test_garbage_is_wrong_and_nothing_worse(
    key: str, headers: dict[str, str], body: bytes, now: float | None
) -> None:
    said = problem(key, headers, body, now)
    assert said
    assert said.isascii()
    assert said.isprintable()


@given(text, st.binary(), st.floats(0, 1e10))
def test_what_is_signed_is_right(key: str, body: bytes, now: float) -> None:
    assert problem(key, signed(body, key, f"{now:.6f}"), body, now) is None


@given(keys, keys, text)
def test_the_older_signature_tells_the_key(key: str, other: str, callback_id: str) -> None:
    fields: dict[str, Any] = {"callback_id": callback_id, "signature": legacy(key, callback_id)}
    body = json.dumps(fields).encode()
    assert problem(key, signed(body, key), body + b" ") == CHANGED
    assert problem(other, signed(body, key), body) == (None if other == key else WRONG_KEY)

"""The signatures of a callback: how to make them, and why one is wrong (reference: webhooks 4).

A receiver gets up to two signatures: the header `Billogram-Signature` over timestamp and body [D], and in the
body of a BillogramEvent the older field `signature`, over the callback's id only [C].
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping

SIGNATURE = "billogram-signature"
TIMESTAMP = "billogram-request-timestamp"

_SECONDS = re.compile(r"\d{1,15}(\.\d{1,15})?", re.ASCII)


def sign(key: str, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of timestamp, colon and raw body [D], as lower-case hex [C]."""
    return hmac.new(_bytes(key), _bytes(timestamp) + b":" + body, hashlib.sha256).hexdigest()


def legacy(key: str, callback_id: str) -> str:
    """Return the MD5 of the callback's id and the key, as lower-case hex [C]. It is deprecated [D]."""
    return hashlib.md5(_bytes(callback_id) + _bytes(key), usedforsecurity=False).hexdigest()


def problem(
    key: str, headers: Mapping[str, str], body: bytes, now: float | None = None, tolerance: float = 300
) -> str | None:
    """Return why the signature is wrong, or None. The names of the headers must be in lower case.

    The older signature helps to find the cause, because it covers neither timestamp nor body [C]. `now` is in
    seconds since 1970; without it the age is not checked. `tolerance` is in seconds; each receiver chooses
    its own [A].
    """
    signature, timestamp = headers.get(SIGNATURE), headers.get(TIMESTAMP)
    if not signature:
        return "unsigned: header Billogram-Signature is missing"
    if not timestamp:
        return "header Billogram-Request-Timestamp is missing"
    if not _SECONDS.fullmatch(timestamp):
        return "header Billogram-Request-Timestamp is not a number of seconds"
    if not _same(signature, sign(key, timestamp, body)):
        return _cause(key, body)
    age = 0 if now is None else now - float(timestamp)
    if abs(age) > tolerance:
        return f"stale: its timestamp is {abs(age):.0f} seconds {'old' if age > 0 else 'ahead'}"
    return None


def _cause(key: str, body: bytes) -> str:
    try:
        callback = json.loads(body)
    except (ValueError, RecursionError):
        callback = None
    fields = callback if isinstance(callback, dict) else {}
    older, callback_id = fields.get("signature"), fields.get("callback_id")
    if not isinstance(older, str) or not isinstance(callback_id, str):
        return "wrong key, or body changed on the way"
    if _same(older, legacy(key, callback_id)):
        return "body or timestamp changed on the way: the key fits the older signature in the body"
    return "wrong key: it fits neither the header nor the older signature in the body"


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(_bytes(given), _bytes(right))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON may hold half a surrogate pair

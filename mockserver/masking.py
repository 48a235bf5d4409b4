"""URLs as they are shown: without user, password, query and fragment (reference: control 1, info)."""

import re

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def masked_url(url: str) -> str:
    """A URL as it is shown: user and password, query and fragment are replaced by `***`."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    rest, hash_sign, fragment = rest.partition("#")
    rest, question_mark, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    shown = f"{scheme}://{'***@' if user else at}{host}{slash}{path}{question_mark}{'***' if query else ''}"
    return f"{shown}{hash_sign}{'***' if fragment else ''}"


def masked_urls(text: str) -> str:
    """A text in which each URL is masked."""
    return _URL.sub(lambda found: masked_url(found[0]), text)

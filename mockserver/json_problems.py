"""Says why a body is not JSON: what it is instead, or where the mistake is."""

import re

_BEGINNINGS = {
    b"\x1f\x8b": "it is compressed with gzip, and bodies are read as they are sent",
    b"\x28\xb5\x2f\xfd": "it is compressed with zstd, and bodies are read as they are sent",
    b"\x78\x01": "it is compressed with deflate, and bodies are read as they are sent",
    b"\x78\x9c": "it is compressed with deflate, and bodies are read as they are sent",
    b"\x78\xda": "it is compressed with deflate, and bodies are read as they are sent",
    b"\xff\xfe\x00\x00": "it is UTF-32, as its BOM says, not UTF-8",
    b"\x00\x00\xfe\xff": "it is UTF-32, as its BOM says, not UTF-8",
    b"\xff\xfe": "it is UTF-16, as its BOM says, not UTF-8",
    b"\xfe\xff": "it is UTF-16, as its BOM says, not UTF-8",
    b"%PDF": "it is a PDF",
}
_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_SEEN = 2000  # bytes from which the kind of a body is recognized
_FORM = re.compile(rb"[\w.%+~*\[\]$-]+=")
_PART = re.compile(rb"--[^\r\n]+\r?\n(.*\n)*?content-disposition:", re.IGNORECASE)
_HALF_OF_A_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_PLACE = re.compile(r"(?:JSON is malformed: )?(.*) \(byte (\d+)\)", re.DOTALL)
_LAST_WORD = re.compile(rb"(?:-?[a-zA-Z_]\w*|-)[\]},\s]{0,3}\Z", re.ASCII)
_CONTROL = [bytes([each]) for each in range(32)]
_WORD = re.compile(r"-?[A-Za-z_]\w{0,30}")


def problem_of(body: bytes, reason: str) -> str:
    """Return what is wrong with a body that can't be decoded; `reason` is the message of the decoder."""
    return _kind_of(body) or _not_utf8(body) or _mistake(body.removeprefix(_BOM), reason)


def _kind_of(body: bytes) -> str | None:
    for beginning, kind in _BEGINNINGS.items():
        if body.startswith(beginning):
            return kind
    start = body[:_SEEN].removeprefix(_BOM).lstrip(_BLANK)
    if b"\x00" in start[:4]:
        return "it has zero bytes: it is UTF-16 or UTF-32 without a BOM, not UTF-8"
    if not start and len(body) <= _SEEN:
        return "it is blank"
    if start.startswith(b"<"):
        return "it is XML or HTML"
    if _PART.match(start):
        return "it is a form (multipart/form-data)"
    if _FORM.match(start):
        return "it is a form (application/x-www-form-urlencoded)"
    if start.startswith(_BOM):
        return "it has two BOMs"
    return None


def _not_utf8(body: bytes) -> str | None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"it is not UTF-8: byte {error.start}, counted from 0, is 0x{body[error.start]:02x}"
    return None


def _mistake(body: bytes, reason: str) -> str:
    found = _PLACE.fullmatch(reason)
    if found is None:
        return _without_place(body, reason)
    what, at = found[1], int(found[2])
    if what.startswith("trailing comma"):  # the decoder names the place of the bracket after it
        what, at = "a trailing comma", len(body[:at].rstrip(_BLANK)) - 1
    elif what == "trailing characters":  # it names the place after the first of them
        what, at = "more text after the end of the JSON", at - 1
    elif "escape" in what:  # it names a place in or after the escape
        what, at = _OTHERS[what], body.rfind(b"\\", 0, at)
    elif what == "invalid number":
        what, at = "an invalid number", len(body[:at].rstrip(b"0123456789.eE+-"))
    elif what in _UNEXPECTED:
        what, at = _unexpected(body, at)
    else:
        what = _OTHERS.get(what, what)
    return f"{what} at {_position(body, at)}"


_UNEXPECTED = ("invalid character", "object keys must be strings")
_OTHERS = {
    "expected ':'": "a missing ':'",
    "expected ',' or '}'": "a missing ',' or '}'",
    "expected ',' or ']'": "a missing ',' or ']'",
    "invalid escape character in string": "an escape that JSON does not have",
    "invalid character in unicode escape": r"an escape \u without four hexadecimal digits",
}


def _without_place(body: bytes, reason: str) -> str:
    if "truncated" in reason:
        if _HALF_OF_A_PAIR.search(body):
            return r"it ends too early, or a string has half of a surrogate pair, such as \ud83d alone"
        return "it ends too early"
    if "Integer" in reason or "InvalidOperation" in reason or "Overflow" in reason:
        return "it has a number that is too large"
    return reason


def _unexpected(body: bytes, at: int) -> tuple[str, int]:
    """Return what is found at a place where JSON has something else, and where it begins."""
    word = _LAST_WORD.search(body, max(at - 40, 0), at)  # such as nope, which the decoder took for null
    if word is not None and body[at : at + 1] not in _CONTROL:
        at = word.start()
    return _named(body, at), at


def _named(body: bytes, at: int) -> str:
    text = body[at : at + 200].decode("utf-8", "replace")
    word = _WORD.match(text)
    if word is not None and text[len(word[0]) :].lstrip().startswith(":"):
        return f"the key {word[0]} without double quotes"
    if word is not None:
        return f"{word[0]}, which is no JSON value,"
    if text.startswith(("//", "/*", "#")):
        return "a comment"
    if text[0] < " ":
        return f"a control character (0x{ord(text[0]):02x}) that is not escaped"
    return _CHARACTERS.get(text[0], f"an unexpected {text[0]!r}")


_CHARACTERS = {
    "'": "a text in single quotes",
    ",": "a comma too many",
    "\N{NO-BREAK SPACE}": "a no-break space",
    "\N{LEFT DOUBLE QUOTATION MARK}": "a typographic quotation mark",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "a typographic quotation mark",
}


def _position(body: bytes, at: int) -> str:
    """Return line and column of a byte, counted from 1, the columns in characters."""
    start = body.rfind(b"\n", 0, at) + 1
    line, column = body.count(b"\n", 0, at) + 1, len(body[start:at].decode("utf-8", "replace")) + 1
    return f"line {line}, column {column}"

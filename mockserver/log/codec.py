"""Records as bytes: JSON with Decimals as text. This is the only module that reads older formats.

What records of format 1 lack depends on the state before each event, so `core.fold` completes them.
"""

from msgspec import DecodeError, Struct, json

from mockserver.core.events import FORMAT, Record
from mockserver.log.interface import LogFailed

_encoder = json.Encoder()
_decoder = json.Decoder(Record)
_NEWER = "a record can't be read: written by a newer version of mockserver"


class _Format(Struct):
    format: int = 1


_format_decoder = json.Decoder(_Format)


def encode(record: Record) -> bytes:
    """Encode a record."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """Decode a record. Raise LogFailed if the bytes are damaged or in a format of a newer version."""
    try:
        record = _decoder.decode(body)
    except (DecodeError, UnicodeDecodeError) as error:
        if _format(body) > FORMAT:
            raise LogFailed(_NEWER) from error
        raise LogFailed(f"a record can't be read: damaged record: {error}") from error
    if record.format > FORMAT:  # this version would silently drop members that it does not know
        raise LogFailed(_NEWER)
    return record


def _format(body: bytes) -> int:
    try:
        return _format_decoder.decode(body).format
    except (DecodeError, UnicodeDecodeError):
        return FORMAT

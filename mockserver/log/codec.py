"""Records as bytes: JSON, Decimals as text. Here, and only here, an older format is read.

What records of format 1 lack depends on the state before each event: `core.fold` completes it.
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
    """The bytes of a record."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """The record of these bytes; LogFailed when they are not of a format that this version knows."""
    try:
        record = _decoder.decode(body)
    except (DecodeError, UnicodeDecodeError) as error:
        if _format(body) > FORMAT:
            raise LogFailed(_NEWER) from error
        raise LogFailed(f"a record can't be read: damaged record: {error}") from error
    if record.format > FORMAT:  # it may hold what this version would drop without a word
        raise LogFailed(_NEWER)
    return record


def _format(body: bytes) -> int:
    try:
        return _format_decoder.decode(body).format
    except (DecodeError, UnicodeDecodeError):
        return FORMAT

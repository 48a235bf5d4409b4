"""Records as bytes: JSON, Decimals as text. Here, and only here, an older format would be upgraded."""

from msgspec import DecodeError, Struct, json

from mockserver.core.events import FORMAT, Record
from mockserver.log.interface import LogFailed

_encoder = json.Encoder()
_decoder = json.Decoder(Record)


class _Format(Struct):
    format: int = FORMAT


_format_decoder = json.Decoder(_Format)


def encode(record: Record) -> bytes:
    """The bytes of a record."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """The record of these bytes; LogFailed when they are not of a format that this version knows."""
    try:
        return _decoder.decode(body)
    except DecodeError as error:
        known = _known_format(body)
        reason = f"damaged record: {error}" if known else "written by a newer version of mockserver"
        raise LogFailed(f"a record can't be read: {reason}") from error


def _known_format(body: bytes) -> bool:
    try:
        return _format_decoder.decode(body).format <= FORMAT
    except DecodeError:
        return True

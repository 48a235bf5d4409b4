"""The pictures of an account: logotype and cover photo (reference: api 5, 6)."""

import base64
import binascii

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.model import Picture
from mockserver.core.refusal import InvalidParameter
from mockserver.core.state import PICTURE

LOGOTYPE, COVERPHOTO = "logotype", "coverphoto"
PNG, JPEG, GIF = "image/png", "image/jpeg", "image/gif"
FILE_TYPES = (PNG, JPEG, GIF)  # the first [R], the rest [A]
MAX_SIZE = 10 * 1024 * 1024  # bytes [A]
_MAX_BASE64 = 2 * MAX_SIZE  # characters: more are not decoded at all
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG, b"GIF87a": GIF, b"GIF89a": GIF}


def change(act: Act, name: str, picture: Picture | None) -> None:
    """Replace the picture of this name, or remove it (None)."""
    if picture != act.find(PICTURE, name):
        act.add(events.PictureChanged(name, picture))


def picture(content: str, file_type: str | None = None) -> Picture:
    """Return the picture of a request. Raise InvalidParameter unless it is a PNG, JPEG or GIF in base64 of at
    most 10 MiB.

    Refused [R]; which file types are known [A]. White space in the base64 text is ignored, because some
    languages break its lines [A]. A `file_type` that was sent is stored, even if the content is of another
    type [A].
    """
    try:
        decoded = (
            base64.b64decode("".join(content.split()), validate=True) if len(content) <= _MAX_BASE64 else b""
        )
    except (binascii.Error, ValueError):
        decoded = b""
    detected = file_type_of(decoded)
    if detected is None or len(decoded) > MAX_SIZE:
        raise InvalidParameter("invalid content", rule="picture.content", size=len(decoded), known=FILE_TYPES)
    return Picture(decoded, file_type or detected)


def file_type_of(content: bytes) -> str | None:
    """Return the file type that the first bytes show, or None."""
    return next((kind for start, kind in _BEGINNINGS.items() if content.startswith(start)), None)

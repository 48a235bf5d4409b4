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
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG, b"GIF87a": GIF, b"GIF89a": GIF}


def change(act: Act, name: str, picture: Picture | None) -> None:
    """Store a picture in place of the one that is there, or take it away."""
    if picture != act.find(PICTURE, name):
        act.add(events.PictureChanged(name, picture))


def picture(content: str, file_type: str | None = None) -> Picture:
    """The picture of a request; InvalidParameter for what is no PNG, JPEG or GIF in base64 [R; kinds A].

    Lines may be broken, as some languages write base64 [A]. A `file_type` that was sent is kept as it was,
    also beside another content [A].
    """
    try:
        decoded = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    found = file_type_of(decoded)
    if found is None:
        raise InvalidParameter("invalid content", rule="picture.content", size=len(decoded), known=FILE_TYPES)
    return Picture(decoded, file_type or found)


def file_type_of(content: bytes) -> str | None:
    """The file type by the first bytes."""
    return next((kind for start, kind in _BEGINNINGS.items() if content.startswith(start)), None)

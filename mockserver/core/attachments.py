"""The file that goes with a billogram: a PDF (reference: api 8.2, 8.9)."""

import base64
import binascii

from msgspec import UnsetType

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.inputs import BillogramChanges, settled
from mockserver.core.model import Attachment, Billogram
from mockserver.core.refusal import InvalidParameter, InvalidParameterCombination

MAX_SIZE = 10 * 1024 * 1024  # bytes [A]
_NAME = "attachment.pdf"  # of content that came without one [A]


def attach(act: Act, billogram: Billogram, attachment: Attachment | None) -> None:
    """Attach a file, or take it away; no event of Billogram."""
    if attachment != billogram.attachment:
        act.add(events.AttachmentChanged(billogram.id, act.now, attachment))


def pdf(filename: str, content: str) -> Attachment:
    """The file of command `attach`; InvalidParameter for what is no PDF of at most 10 MiB in base64."""
    return Attachment(filename, _decoded(content))


def given(present: Attachment | None, sent: BillogramChanges) -> Attachment | None:
    """The file after `attachment` and `attachment_content` of a request.

    A name alone is a new name for the file that is there, refused without one [A]; null takes it away.
    """
    name = settled(sent.attachment, present.filename if present else None, None)
    if sent.attachment_content:
        return Attachment(name or (present.filename if present else _NAME), _decoded(sent.attachment_content))
    if isinstance(sent.attachment, UnsetType):
        return present
    if not name:
        return None
    if present is None:
        raise InvalidParameterCombination(
            "attachment and attachment_content belong together",
            rule="attachment.content_missing",
            field="attachment",
        )
    return Attachment(name, present.content)


def _decoded(content: str) -> bytes:
    try:
        decoded = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded.startswith(b"%PDF") or len(decoded) > MAX_SIZE:
        raise InvalidParameter("invalid content", rule="attachment.content", size=len(decoded))
    return decoded

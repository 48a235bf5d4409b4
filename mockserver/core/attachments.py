"""The PDF file that is attached to a billogram (reference: api 8.2, 8.9)."""

import base64
import binascii

from mockserver.core import events
from mockserver.core.act import Act
from mockserver.core.inputs import BillogramChanges, resolve
from mockserver.core.model import Attachment, Billogram
from mockserver.core.refusal import InvalidParameter, InvalidParameterCombination

MAX_SIZE = 10 * 1024 * 1024  # bytes [A]
_MAX_BASE64 = 2 * MAX_SIZE  # characters: more are not decoded at all
_NAME = "attachment.pdf"  # of content that was sent without a name [A]


def attach(act: Act, billogram: Billogram, attachment: Attachment | None) -> None:
    """Attach a file, or remove it (None). This is no event of Billogram."""
    if attachment != billogram.attachment:
        act.add(events.AttachmentChanged(billogram.id, act.now, attachment))


def pdf(filename: str, content: str) -> Attachment:
    """Return the file of command `attach`.

    Raise InvalidParameter unless the content is a PDF of at most 10 MiB in base64.
    """
    return Attachment(filename, _decoded(content))


def file_of(sent: BillogramChanges) -> bytes | None:
    """Return the decoded `attachment_content` of a request, or None.

    It is a value by itself: bad content is refused before the state and the rows (api 8.2) [A].
    """
    return _decoded(sent.attachment_content) if sent.attachment_content else None


def from_request(
    present: Attachment | None, sent: BillogramChanges, content: bytes | None
) -> Attachment | None:
    """Return the file after `attachment` and `attachment_content` of a request; `content` is decoded.

    A new name needs content [A]. Null removes the file.
    """
    name = resolve(sent.attachment, present.filename if present else None, None)
    if content is not None:
        return Attachment(name or (present.filename if present else _NAME), content)
    if not name:
        return None
    if present is None or name != present.filename:
        raise InvalidParameterCombination(
            "attachment and attachment_content belong together",
            rule="attachment.content_missing",
            field="attachment_content",
            attachment=name,
        )
    return present


def _decoded(content: str) -> bytes:
    try:
        decoded = base64.b64decode(content, validate=True) if len(content) <= _MAX_BASE64 else b""
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded.startswith(b"%PDF") or len(decoded) > MAX_SIZE:
        raise InvalidParameter("invalid content", rule="attachment.content", size=len(decoded))
    return decoded

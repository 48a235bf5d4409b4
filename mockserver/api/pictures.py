"""Resources `logotype` and `coverphoto`, one of each per account (reference: api 5, 6)."""

import asyncio
from base64 import b64encode

from mockserver.api.call import Call, answer
from mockserver.api.inputs import read_input
from mockserver.api.shapes import EmptyShape, PictureShape
from mockserver.core import pictures
from mockserver.core.act import Act
from mockserver.core.inputs import PictureFields
from mockserver.core.model import Picture
from mockserver.core.pictures import COVERPHOTO, LOGOTYPE, PNG
from mockserver.core.state import PICTURE

EXAMPLE = {
    "content": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg==",
    "file_type": PNG,
}


async def fetch_logotype(call: Call) -> bytes:
    """`GET /logotype`: the logotype. `content` is null when there is none."""
    return await _fetch(call, LOGOTYPE)


async def store_logotype(call: Call) -> bytes:
    """`POST, PUT /logotype`: stores the logotype, which replaces an earlier one."""
    return await _store(call, LOGOTYPE)


async def delete_logotype(call: Call) -> bytes:
    """`DELETE /logotype`: deletes the logotype. Without one it does nothing."""
    return await _delete(call, LOGOTYPE)


async def fetch_coverphoto(call: Call) -> bytes:
    """`GET /coverphoto`: the cover photo. `content` is null when there is none."""
    return await _fetch(call, COVERPHOTO)


async def store_coverphoto(call: Call) -> bytes:
    """`POST /coverphoto`: stores the cover photo, which replaces an earlier one."""
    return await _store(call, COVERPHOTO)


async def delete_coverphoto(call: Call) -> bytes:
    """`DELETE /coverphoto`: deletes the cover photo. Without one it does nothing."""
    return await _delete(call, COVERPHOTO)


async def _fetch(call: Call, name: str) -> bytes:
    return await _answer(await call.read(lambda state: state.find(PICTURE, name)))


async def _store(call: Call, name: str) -> bytes:
    stored: Picture | None = None

    def decide(act: Act) -> None:
        nonlocal stored
        given = read_input(PictureFields, call.json())
        stored = pictures.picture(given.content, given.file_type)
        pictures.change(act, name, stored)

    await call.execute(decide, rule=f"{name}.store")
    return await _answer(stored)


async def _answer(picture: Picture | None) -> bytes:
    return await asyncio.to_thread(lambda: answer(render_picture(picture)))


async def _delete(call: Call, name: str) -> bytes:
    await call.execute(lambda act: pictures.change(act, name, None), rule=f"{name}.delete")
    empty: EmptyShape = {}
    return answer(empty)


def render_picture(picture: Picture | None) -> PictureShape:
    """A picture as the API shows it; `content` is null without a picture [R]."""
    if picture is None:
        return {"content": None, "file_type": PNG}
    return {"content": b64encode(picture.content).decode(), "file_type": picture.file_type}

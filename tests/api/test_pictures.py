"""Resources `logotype` and `coverphoto` (reference: api 5, 6)."""

import base64
from pathlib import Path
from typing import Any

import pytest

from mockserver.core.model import Picture
from mockserver.core.state import PICTURE
from tests.server import Server

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
JPEG, GIF87, GIF89 = b"\xff\xd8\xff\xe0\x00\x10JFIF", b"GIF87a\x01\x00\x01\x00", b"GIF89a\x01\x00\x01\x00"
NONE = {"content": None, "file_type": "image/png"}
BOTH = ("logotype", "coverphoto")
both = pytest.mark.parametrize("name", BOTH)


def body(content: bytes, **more: Any) -> dict[str, Any]:
    return {"content": base64.b64encode(content).decode(), **more}


@both
def test_none_one_another_and_none_again(server: Server, name: str) -> None:
    path = f"/{name}"
    other = next(each for each in BOTH if each != name)
    assert server.get(path).data == NONE
    png = body(PNG, file_type="image/png")
    assert server.post(path, png).data == png
    assert server.get(f"{path}/?").data == png
    gif = body(GIF89, file_type="image/gif")
    assert server.post(path, gif).data == gif == server.get(path).data
    assert server.get(f"/{other}").data == NONE
    assert server.fold().image() == server.image()
    assert server.call("DELETE", path).json == {"status": "OK", "data": {}}
    assert server.get(path).data == NONE
    assert server.fold().image() == server.image()


def test_put_is_the_same_as_post(server: Server) -> None:
    png = body(PNG, file_type="image/png")
    assert server.call("PUT", "/logotype", png).data == png == server.get("/logotype").data
    assert server.call("PUT", "/logotype", {}).error[1]["message"] == "Content not set"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/coverphoto", 405), ("PATCH", "/logotype", 405), ("GET", "/logotype/1", 404)],
)
def test_what_there_is_not(server: Server, method: str, path: str, status: int) -> None:
    assert server.call(method, path).status == status


@both
@pytest.mark.parametrize(
    ("content", "file_type"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF87, "image/gif"), (GIF89, "image/gif")],
)
@pytest.mark.parametrize("sent", [{}, {"file_type": None}, {"file_type": ""}], ids=str)
def test_the_type_is_found_from_the_content(
    server: Server, name: str, content: bytes, file_type: str, sent: dict[str, Any]
) -> None:
    assert server.post(f"/{name}", body(content, **sent)).data == body(content, file_type=file_type)


def test_a_type_that_was_sent_stays(server: Server) -> None:
    """As older clients send it: the same one for whatever they have."""
    sent = body(JPEG, file_type="image/png")
    assert server.post("/logotype", sent).data == sent == server.get("/logotype").data


def test_lines_may_be_broken(server: Server) -> None:
    """As Ruby and PHP write base64 unless told otherwise."""
    broken = base64.encodebytes(PNG * 9).decode().replace("\n", "\r\n")
    assert server.post("/logotype", {"content": broken}).data == body(PNG * 9, file_type="image/png")


@both
@pytest.mark.parametrize(
    "content",
    [
        *("iVBORw0KGgo", "%%%%", "iVBORw0KGgoAAAA=\0", "å", "x", 5, " "),
        *(base64.b64encode(each).decode() for each in (b"%PDF-1.4", b"<svg/>", b"RIFF\0\0\0\0WEBP", b"BM6")),
        *(base64.b64encode(each).decode() for each in (PNG[:7], PNG[1:], b"GIF88a", b"\xff\xd8")),
    ],
)
def test_what_is_no_picture(server: Server, name: str, content: Any) -> None:
    server.post(f"/{name}", body(PNG))
    position, image = server.position(), server.image()
    answer = server.post(f"/{name}", {"content": content})
    assert (answer.status, answer.error) == (400, ("INVALID_PARAMETER", {"message": "invalid content"}))
    assert answer.headers["mock-rule"] == "picture.content"
    assert (server.position(), server.image()) == (position, image)


@pytest.mark.parametrize(
    ("sent", "identifier", "message", "field"),
    [
        ({}, "INVALID_PARAMETER", "Content not set", "content"),
        ({"content": None}, "INVALID_PARAMETER", "Content not set", "content"),
        ({"content": ""}, "INVALID_PARAMETER", "Content not set", "content"),
        ({"content": ["x"]}, "INVALID_PARAMETER", "invalid content", "content"),
        ({"content": True}, "INVALID_PARAMETER", "invalid content", "content"),
        (body(PNG, file_type="image/webp"), "INVALID_PARAMETER", "invalid file type", "file_type"),
        (body(PNG, file_type=1), "INVALID_PARAMETER", "invalid file type", "file_type"),
        (body(PNG, name="x"), "UNKNOWN_PARAMETER", "unexpected key: name", "name"),
    ],
    ids=str,
)
def test_a_bad_body(server: Server, sent: dict[str, Any], identifier: str, message: str, field: str) -> None:
    answer = server.post("/logotype", sent)
    assert answer.error == (identifier, {"message": message, "field": field, "field_path": []})
    assert server.get("/logotype").data == NONE


def test_the_same_again_and_none_to_delete_are_no_acts(server: Server) -> None:
    server.post("/logotype", body(PNG))
    position = server.position()
    assert server.post("/logotype", body(PNG)).data == body(PNG, file_type="image/png")
    assert server.call("DELETE", "/coverphoto").data == {}
    assert server.position() == position


def test_a_large_one(server: Server) -> None:
    """One of 323,501 bytes was accepted [R]; the limit is that of every body."""
    large = PNG + b"\0" * 8_000_000
    assert server.post("/logotype", body(large)).data["content"] == body(large)["content"]
    answer = server.post("/logotype", body(PNG + b"\0" * 24 * 1024 * 1024))
    assert (answer.status, answer.headers["mock-rule"]) == (413, "body.size")
    assert server.state().find(PICTURE, "logotype") == Picture(large, "image/png")


def test_accounts_share_none_and_a_reset_takes_it_away(server: Server) -> None:
    server.post("/logotype", body(PNG))
    assert server.get("/logotype", account="other").data == NONE
    server.mock("POST", "/accounts/test/reset", {})
    assert server.get("/logotype").data == NONE


def test_documents_keep_the_one_of_their_moment(server: Server) -> None:
    server.post("/logotype", body(PNG))
    first = server.sent()["id"]
    server.call("DELETE", "/logotype")
    second = server.sent()["id"]
    documents = {key: server.state().billograms[key].documents[0] for key in (first, second)}
    assert documents[first].logotype == Picture(PNG, "image/png")
    assert documents[second].logotype is None


def test_they_are_still_there_after_a_restart(tmp_path: Path) -> None:
    file = str(tmp_path / "mock.db")
    server = Server(database=file)
    server.post("/logotype", body(PNG))
    server.post("/coverphoto", body(JPEG))
    server.post("/coverphoto", body(GIF87))
    server.call("DELETE", "/logotype")
    server.post("/logotype", body(GIF89, file_type="image/gif"))
    image = server.image()
    server.close()
    server = Server(database=file)
    assert server.get("/logotype").data == body(GIF89, file_type="image/gif")
    assert server.get("/coverphoto").data == body(GIF87, file_type="image/gif")
    assert server.image() == image
    server.close()

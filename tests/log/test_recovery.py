"""What goes wrong in the shell itself leaves nobody waiting, and is over once its cause is."""

from pathlib import Path

import pytest

from mockserver.log.sqlite import SQLiteLog
from mockserver.log.writer import Pending
from tests.log.test_held_commit import HeldLog
from tests.server import Server


def test_a_writer_that_died_is_told_and_begins_again() -> None:
    server = Server(HeldLog())
    try:
        server.customer()
        writer = server.emulator._writer
        assert writer is not None

        write = writer._write

        async def broken(together: list[Pending]) -> None:
            await write(together)
            raise AssertionError("broken")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writer, "_write", broken)
            assert server.post("/customer", {"name": "B"}).status == 200  # on disk before the task died
            assert server.get("/settings").status == 200  # reads go on
        ready = server.mock("GET", "/ready")
        assert (ready.status, "the log writer has died" in ready.json["error"]["message"]) == (503, True)
        assert server.post("/customer", {"name": "C"}).data["customer_no"] == 3
        assert server.mock("GET", "/ready").status == 200
        assert server.fold().image() == server.image()
    finally:
        server.close()


def test_a_replay_that_failed_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    first = Server(database=str(path))
    first.customer()
    first.close()
    other, server = SQLiteLog(path), Server(database=str(path))
    try:
        server.run(other.open())
        assert server.get("/customer/1").status == 503
        assert server.mock("GET", "/ready").status == 503
        server.run(other.close())
        assert server.get("/customer/1").data["customer_no"] == 1
        assert server.mock("GET", "/ready").status == 200
    finally:
        server.run(other.close())
        server.close()

"""An account that is opened from its checkpoint is the account that all its records make."""

import asyncio
import lzma
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec import msgpack

from mockserver import checkpoint, ledger
from mockserver.core import accounts
from mockserver.core.state import BILLOGRAM, KINDS, TAB_ROW, Packed
from mockserver.log.interface import CheckpointRow, LogFailed
from mockserver.log.sqlite import SQLiteLog
from tests.e2e.test_cli import run
from tests.server import ACCOUNT, KEY, Server, basic, dumps

GOLDEN = sorted((Path(__file__).parent.parent / "golden").glob("format*/*.db.xz"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is written however few acts there are."""
    monkeypatch.setattr(ledger, "_CHECKPOINT_AFTER", 1)


def saved(server: Server, account: str = ACCOUNT) -> int | None:
    """The position of the checkpoint that the account has."""
    live = server.emulator.live(account)
    assert live is not None
    position: int | None = live.saved.position
    return position


def whole(server: Server, account: str) -> Any:
    """The state, and the order in its tables, which equality of dictionaries does not see."""
    state = server.state(account)
    return state.image(), {
        kind: list(state.table(kind)) for kind in KINDS if kind not in ("customer", "item", "customer tabs")
    }


def life(server: Server, rounds: int = 3) -> None:
    """Something of everything: drafts, sent ones, payments, PDFs, a deleted draft, an item, webhooks."""
    customer = {"customer_no": server.customer()}
    assert server.mock("PUT", f"/accounts/{ACCOUNT}/callbacks", {"url": "mock:inbox"}).status == 200
    server.post("/item", {"title": "Item", "price": 10, "vat": 25, "unit": "hour"})
    for _ in range(rounds):
        server.draft(customer=customer)
        sent = server.sent(customer=customer)
        server.command(sent["id"], "payment", {"amount": 50})
        server.call("DELETE", f"/billogram/{server.draft(customer=customer)['id']}")


@contextmanager
def counted(server: Server) -> Iterator[list[int]]:
    """How many rows each part of a checkpoint has."""
    written: list[int] = []
    log = server.emulator.log
    write = log.write_checkpoint

    async def count(stream: str, rows: Any, head: Any) -> None:
        written.append(len(rows))
        await write(stream, rows, head)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "write_checkpoint", count)
        yield written


def reopened(server: Server, file: Path) -> Server:
    server.close()
    again = Server(database=str(file))
    again.run(again.open_all())
    return again


@pytest.mark.parametrize("packed", GOLDEN, ids=lambda path: path.name.partition(".")[0])
def test_every_golden_log_opens_from_a_checkpoint_as_from_its_records(packed: Path, file: Path) -> None:
    file.write_bytes(lzma.decompress(packed.read_bytes()))
    server = Server(database=str(file))
    accounts = [live.id for live in server.run(server.open_all())]
    server.run(server.emulator.tidy())
    expected = {account: whole(server, account) for account in accounts}
    positions = {account: saved(server, account) for account in accounts}
    assert all(positions.values())
    deliveries = {account: server.mock("GET", f"/accounts/{account}/deliveries").body for account in accounts}
    server = reopened(server, file)
    for account in accounts:
        assert saved(server, account) == positions[account]
        assert whole(server, account) == expected[account], account
        assert server.mock("GET", f"/accounts/{account}/deliveries").body == deliveries[account]
    server.close()


def test_later_checkpoints_write_what_has_changed(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    for _ in range(3):
        life(server, 1)
        expected = server.image()
        with counted(server) as written:
            server.run(server.emulator.tidy())
        assert 0 < sum(written) < 35
        server = reopened(server, file)
        assert saved(server) == server.position()
        assert server.image() == expected == server.fold().image()
    server.close()


@pytest.mark.parametrize("allowed", [0, 1000])
def test_what_is_changed_again_and_again(file: Path, monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    """The latest of each is read, whether all is in later segments again or was written anew."""
    monkeypatch.setattr(checkpoint, "_OUT_OF_DATE", allowed)
    monkeypatch.setattr(checkpoint, "_IN_SEGMENT", 2)
    server = Server(database=str(file))
    life(server)
    keys = list(server.state().billograms)
    for number in range(5):
        for key in reversed(keys):
            server.call("PUT", f"/billogram/{key}", {"info": {"message": f"message {number}"}})
            server.command(key, "payment", {"amount": 1})
        life(server, 1)
        server.run(server.emulator.tidy())
        expected = whole(server, ACCOUNT)
        assert server.fold().image() == expected[0]
        server = reopened(server, file)
        assert saved(server) == server.position()
        assert whole(server, ACCOUNT) == expected
    server.close()


def test_what_changes_while_the_first_checkpoint_is_written_is_in_the_next(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SLICE", 0.0)
    server = Server(database=str(file))
    life(server)
    headers = {"authorization": basic(ACCOUNT, KEY)}

    async def story() -> int:
        tidying = asyncio.create_task(server.emulator.tidy())
        changed = 0
        while not tidying.done():
            body = dumps({"name": f"Customer {changed}"})
            assert (await server.asgi("POST", "/api/v2/customer", body, headers)).status == 200
            changed += 1
        await tidying
        return changed

    assert server.run(story()) > 1
    server.run(server.emulator.tidy())
    expected = server.image()
    server = reopened(server, file)
    assert saved(server) == server.position()
    assert server.image() == expected == server.fold().image()
    server.close()


def test_what_was_undone_is_in_no_checkpoint(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    log = server.emulator.log

    async def refused(*_: Any) -> None:
        raise LogFailed("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "commit", refused)
        draft = {
            "customer": {"customer_no": 1},
            "items": [{"title": "Row", "count": 1, "price": 1, "vat": 25}],
        }
        assert server.call("POST", "/billogram", draft).status == 503
    life(server, 1)
    expected = server.image()
    server.run(server.emulator.tidy())
    server = reopened(server, file)
    assert saved(server) == server.position()
    assert server.image() == expected == server.fold().image()
    server.close()


def test_a_fork_that_is_read_from_records_shares_with_a_parent_from_a_checkpoint(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.mock("POST", f"/accounts/{ACCOUNT}/fork", {"id": "fork"})
    server.draft(customer={"customer_no": 1})
    expected = server.image(), server.image("fork")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "_CHECKPOINT_AFTER", 5)  # the fork has one act of its own
        server.run(server.emulator.tidy())
    server.close()
    server = Server(database=str(file))
    mine = server.state()  # it is opened first
    assert saved(server) is not None
    its = server.state("fork")
    assert saved(server, "fork") is None
    for key in its.billograms:
        assert its.billograms[key] is mine.billograms[key]
        assert its.agenda.of(key) is mine.agenda.of(key)
    for index in ("letters", "ocr_numbers"):
        for key, letter in zip(getattr(its, index), getattr(mine, index), strict=True):
            assert key is letter
    assert (server.image(), server.image("fork")) == expected
    server.close()


def test_records_after_the_checkpoint_are_read(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    position = saved(server)
    life(server)
    server.mock("PUT", f"/accounts/{ACCOUNT}/clock", {"now": "2026-05-02T09:00:00Z"})
    expected, inbox = server.image(), server.mock("GET", f"/accounts/{ACCOUNT}/inbox").body
    server = reopened(server, file)
    assert saved(server) == position
    assert server.image() == expected == server.fold().image()
    assert server.mock("GET", f"/accounts/{ACCOUNT}/inbox").body == inbox
    server.run(server.emulator.tidy())  # what those records changed is in the next one
    server = reopened(server, file)
    assert saved(server) == server.position()
    assert server.image() == expected
    server.close()


def test_when_the_rules_of_dunning_change_the_next_checkpoint_has_the_new_moments(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    before = server.state().agenda.entries()
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"timezone": "America/New_York"})
    assert len(before) == len(server.state().agenda.entries()) > 0
    assert not set(before) & set(server.state().agenda.entries())
    expected = server.image()
    server.run(server.emulator.tidy())
    server = reopened(server, file)
    assert saved(server) == server.position()
    assert server.image() == expected == server.fold().image()
    server.close()


def test_billing_tabs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that come and go, tabs that are invoiced and deleted, a customer's number, the account's zone."""
    monkeypatch.setattr(checkpoint, "_OUT_OF_DATE", 0)
    monkeypatch.setattr(checkpoint, "_IN_SEGMENT", 2)
    server = Server(database=str(file))
    numbers = [server.customer() for _ in range(3)]
    keys = count()

    def add(number: int) -> Any:
        headers, body = {"X-API-Deduplication-ID": f"{next(keys)}"}, {"billogram_item": {"title": "Row"}}
        path = f"/customer/{number}/billing-tab"
        return path, server.post(f"{path}/items", body, headers=headers).data

    def again() -> Server:
        server.run(server.emulator.tidy())
        expected = whole(server, ACCOUNT)
        assert server.fold().image() == expected[0]
        opened = reopened(server, file)
        assert saved(opened) == opened.position()
        table = opened.state().raw_table(TAB_ROW)
        assert all(type(each) is Packed and each.body is not None for each in table.values())
        assert whole(opened, ACCOUNT) == expected
        return opened

    for number in reversed(numbers):
        server.post(f"/customer/{number}/billing-tab/settings", {"delivery_method": "DoNotNotify"})
        for _ in range(3):
            add(number)
    server = again()
    path, row = add(numbers[0])
    server.call("DELETE", f"{path}/item/{row['item_id']}")
    path, row = add(numbers[1])
    server.call("DELETE", f"{path}/{row['billing_tab_id']}")
    server.call("PUT", f"/customer/{numbers[2]}", {"customer_no": 77})
    server = again()
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"timezone": "America/New_York"})
    server = again()
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "31d"})
    assert [each.billogram is not None for each in server.state().tabs.values()] == [True, False, True]
    add(numbers[0])
    server = again()
    server.close()


def test_aggregates_stay_packed_until_they_are_read(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    server = reopened(server, file)
    state = server.state()
    table = state.raw_table(BILLOGRAM)
    assert all(type(each) is Packed and each.body is not None for each in table.values())
    key = next(iter(table))
    server.get(f"/billogram/{key}")
    table = state.raw_table(BILLOGRAM)
    assert [each for each in table if type(table[each]) is not Packed] == [key]
    server.close()


def test_a_checkpoint_of_other_code_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    expected = server.image()
    monkeypatch.setattr(checkpoint, "version", lambda: "another")
    server = reopened(server, file)
    assert saved(server) is None
    assert server.image() == expected
    server.run(server.emulator.tidy())
    server = reopened(server, file)
    assert saved(server) == server.position()
    assert server.image() == expected
    server.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update checkpoint_rows set body = x'00' where kind = 'billogram'",
        "update checkpoint_rows set body = zeroblob(length(body)) where kind = 'account'",
        "update checkpoint_rows set key = key || 'x' where kind = 'billogram'",
        "delete from checkpoint_rows where kind = 'shared'",
        "delete from checkpoint_rows where kind = 'letters'",
        "update checkpoints set position = position - 1",
        "update checkpoints set position = position + 5",
        "delete from checkpoints",
    ],
)
def test_a_damaged_checkpoint_is_ignored(file: Path, statement: str) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    expected = server.image()
    server.close()
    with closing(sqlite3.connect(file)) as database, database:
        assert database.execute(statement).rowcount
    server = Server(database=str(file))
    assert server.image() == expected
    assert server.fold().image() == expected
    server.run(server.emulator.tidy())  # it is written anew
    server = reopened(server, file)
    assert saved(server) == server.position()
    assert server.image() == expected
    server.close()


@pytest.mark.parametrize("position", [1, 5, 12])
def test_a_damaged_record_before_the_checkpoint_closes_its_account(file: Path, position: int) -> None:
    """Although the checkpoint holds all that the record says: the log is no longer what was answered."""
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    assert saved(server) == live.position > 12
    server.close()
    with closing(sqlite3.connect(file)) as database, database:
        where = "where stream = ? and position = ?"
        (body,) = database.execute(f"select body from records {where}", (live.stream, position)).fetchone()
        flipped = bytes([body[0] ^ 1]) + body[1:]
        database.execute(f"update records set body = ? {where}", (flipped, live.stream, position))
    server = Server(database=str(file))
    status, data = server.get("/settings").error
    assert status == "SERVICE_UNAVAILABLE"
    assert f"stream {live.stream} at position {position}" in data["message"]
    assert server.get("/settings", account="other").status == 200
    server.close()


def test_a_checkpoint_that_cannot_be_written_is_written_anew_later(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    life(server)
    log = server.emulator.log

    async def refused(*_: Any) -> None:
        raise LogFailed("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "write_checkpoint", refused)
        with pytest.raises(LogFailed):
            server.run(server.emulator.tidy())
    assert saved(server) is None
    life(server)
    expected, inbox = server.image(), server.mock("GET", f"/accounts/{ACCOUNT}/inbox").body
    server.run(server.emulator.tidy())
    server = reopened(server, file)
    assert saved(server) == server.position()
    assert server.image() == expected
    assert server.mock("GET", f"/accounts/{ACCOUNT}/inbox").body == inbox
    server.close()


def test_nobody_waits_for_a_checkpoint(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are answered between its parts, and what they change is in the next checkpoint."""
    monkeypatch.setattr(checkpoint, "_AT_ONCE", 5)
    monkeypatch.setattr(checkpoint, "_TOGETHER", 2)
    monkeypatch.setattr(checkpoint, "SLICE", 0.0)
    server = Server(database=str(file))
    life(server, 4)

    async def story() -> int:
        tidying = asyncio.create_task(server.emulator.tidy())
        answered = 0
        while not tidying.done():
            live = server.emulator.live(ACCOUNT)
            assert live is not None
            await server.emulator.execute(
                live, lambda act: accounts.change(act, act.account), cause="test", rule="account"
            )
            answered += 1
        await tidying
        return answered

    assert server.run(story()) > 3
    expected = server.image()
    server = reopened(server, file)
    assert 0 < (saved(server) or 0) < server.position()
    assert server.image() == expected
    server.close()


def test_a_reset_while_a_checkpoint_is_written_ends_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_AT_ONCE", 5)
    monkeypatch.setattr(checkpoint, "_TOGETHER", 2)
    server = Server(database=str(file))
    life(server, 4)

    async def story() -> None:
        tidying = asyncio.create_task(server.emulator.tidy())
        answer = await server.asgi("POST", f"/_mock/accounts/{ACCOUNT}/reset", b"{}")
        assert answer.status == 200
        await tidying

    server.run(story())
    server.customer()
    expected = server.image()
    server = reopened(server, file)
    assert server.image() == expected
    server.close()


def test_database_check_compares_a_checkpoint_with_the_records(file: Path) -> None:
    server = Server(database=str(file))
    life(server)
    server.run(server.emulator.tidy())
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    server.close()
    assert run("database", "check", file.name, cwd=file.parent).returncode == 0

    async def change() -> None:
        log = SQLiteLog(file)
        await log.open()
        head = await log.checkpoint(live.stream)
        await log.write_checkpoint(
            live.stream, [CheckpointRow("letters", "000000000", msgpack.encode(([], [])))], head
        )
        await log.close()

    asyncio.run(change())
    done = run("database", "check", file.name, cwd=file.parent)
    assert done.returncode == 1
    assert (
        f"the checkpoint of stream {live.stream} at position {live.position} is not its fold" in done.stdout
    )


def test_a_file_of_somebody_else_runs_no_code() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("run",)

    for body in (pickle.dumps(Evil()), pickle.dumps(checkpoint.version), b"cmockserver.core.money\nadd\n."):
        with pytest.raises(pickle.UnpicklingError, match="is no value of an account"):
            checkpoint.unpacked(body, None)

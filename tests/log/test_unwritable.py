"""While the log can't be written nothing is applied; when it can, all is well (reference: control 6)."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from mockserver.log.interface import LogFailed, Write
from mockserver.log.memory import MemoryLog
from mockserver.log.sqlite import SQLiteLog
from tests.e2e.test_killed import Client, Process
from tests.log.test_held_commit import (
    LIST,
    PATIENCE,
    ROWS,
    SEND,
    WRITES,
    Ask,
    HeldLog,
    billogram,
    prepared,
    quiet,
    shown,
    writes,
)
from tests.server import NO_BODY, Answer, Server, fold

FULL = "the disk is full"
FAULTS: dict[str, Callable[[], Exception]] = {
    "LogFailed": lambda: LogFailed(FULL),
    "RuntimeError": lambda: RuntimeError(FULL),  # no store should, but nobody may wait for ever
    "OSError": lambda: OSError(28, FULL),
}


class FaultyLog(HeldLog):
    """Works for `good` more commits, then fails; None: it works. A commit takes a few turns of the loop."""

    def __init__(self, first: MemoryLog | None = None) -> None:
        super().__init__(first)
        self.good: int | None = None
        self.fault = FAULTS["LogFailed"]
        self.sweeps = True

    async def keep(self, writes: Sequence[Write]) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        if self.good is not None:
            if not self.good:
                raise self.fault()
            self.good -= 1
        await super().keep(writes)

    async def sweep(self) -> bool:
        if not self.sweeps:
            raise self.fault()
        return await super().sweep()


class FaultyServer(Server):
    """On a faulty log that has the prepared accounts."""

    def __init__(self) -> None:
        self.log = FaultyLog(prepared())
        super().__init__(self.log)
        self.run(self.open_all())

    def close(self) -> None:
        self.log.good = None
        self.log.let_go()
        self.run(asyncio.wait_for(self.emulator.close(), PATIENCE))
        self.loop.close()


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    server = FaultyServer()
    yield server
    server.close()


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, faulty: FaultyServer) -> None:
    """Every kind of failure."""
    faulty.log.fault = FAULTS[request.param]


async def compare(server: Server) -> None:
    """What the server holds is what the log tells: accounts, states, positions."""
    log = server.emulator.log
    streams = await log.pointers()
    live_accounts = {f"account:{live.id}": live for live in await server.open_all()}
    assert set(live_accounts) == {name for name in streams if name.startswith("account:")}
    taken = {
        f"snapshot:{live.id}/{each.name}": each.stream
        for live in server.emulator.live_accounts()
        for each in live.snapshots.values()
    }
    assert taken == {name: stream for name, stream in streams.items() if name.startswith("snapshot:")}
    for name, live in live_accounts.items():
        assert live.stream == streams[name]
        positions = [record.position async for record in log.read(live.stream)]
        assert positions == list(range(1, live.position + 1))
        assert live.state.image() == (await fold(log, name)).image()


def images(server: Server) -> dict[str, Any]:
    return {
        live.id: (live.position, live.last, live.state.image(), dict(live.snapshots))
        for live in server.emulator.live_accounts()
    }


def refused(answer: Answer) -> bool:
    """Whether it is the 503 of its dialect."""
    if answer.status != 503:
        return False
    body = answer.json
    if "error" in body:
        assert body["error"]["code"] == "log_unavailable", body
        assert FULL in body["error"]["message"], body
    else:
        assert body["status"] == "SERVICE_UNAVAILABLE", body
        assert FULL in body["data"]["message"], body
        assert answer.headers["mock-rule"] == "log.unavailable"
    return True


READY = Ask("GET", "/_mock/ready")


async def check_not_ready(server: Server, reason: str = FULL) -> None:
    answer = await READY.of(server)
    assert answer.status == 503
    assert answer.json["error"]["code"] == "not_ready"
    assert reason in answer.json["error"]["message"]


def durable_reads(server: Server) -> list[Ask]:
    sent = server.state().unique_values["sent"]
    paths = [f"/billogram/{sent}", f"/billogram{LIST}", "/customer/1", f"/customer{LIST}", "/settings"]
    mock = ["/_mock/accounts", "/_mock/accounts/test", "/_mock/accounts/test/clock"]
    return [Ask("GET", path) for path in paths + mock]


@pytest.mark.usefixtures("fault")
def test_all_that_wait_are_refused_and_undone(faulty: FaultyServer) -> None:
    """One write is being committed, every other kind waits behind it, and readers wait for them."""
    before = images(faulty)
    asks = list(writes(faulty).values())
    reads = durable_reads(faulty)

    async def story() -> None:
        expected = [shown(await ask.of(faulty)) for ask in reads]
        faulty.log.holding = True
        tasks = []
        readers: list[asyncio.Task[Answer]] = []
        for ask in asks:
            tasks.append(asyncio.ensure_future(ask.of(faulty)))
            await quiet()
            if not readers:
                readers = [asyncio.ensure_future(ask.of(faulty)) for ask in reads]
                await quiet()
        assert not any(task.done() for task in tasks + readers)
        faulty.log.good = 0
        faulty.log.let_go()
        for ask, answer in zip(asks, await asyncio.gather(*tasks), strict=True):
            assert refused(answer), (ask, answer)
        assert [shown(answer) for answer in await asyncio.gather(*readers)] == expected
        assert images(faulty) == before
        await compare(faulty)
        await check_not_ready(faulty)
        # reads go on, writes are tried and refused
        assert [shown(await ask.of(faulty)) for ask in reads] == expected
        assert refused(await asks[0].of(faulty))
        assert refused(await Ask("PATCH", "/_mock/accounts/test", {"default_due_days": 1}).of(faulty))
        assert images(faulty) == before
        await check_not_ready(faulty)
        faulty.log.good = None
        assert (await asks[0].of(faulty)).status == 200
        assert (await READY.of(faulty)).status == 200
        await compare(faulty)

    faulty.run(story())


@pytest.mark.usefixtures("fault")
@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_fails_leaves_everything_as_it_was(faulty: FaultyServer, write: str) -> None:
    ask = writes(faulty)[write]
    before = images(faulty)

    async def story() -> None:
        faulty.log.good = 0
        for _ in range(2):  # once by its own commit, once because the trial before it fails
            assert refused(await ask.of(faulty))
            assert images(faulty) == before
            assert list(images(faulty)) == list(before)  # listed in the same order
            await compare(faulty)
            await check_not_ready(faulty)
        faulty.log.good = 1  # the trial works, the commit does not
        assert refused(await ask.of(faulty))
        assert images(faulty) == before
        await compare(faulty)
        faulty.log.good = None
        assert (await ask.of(faulty)).status < 300
        assert images(faulty) != before
        assert (await READY.of(faulty)).status == 200
        await compare(faulty)

    faulty.run(story())


def test_a_write_that_fails_leaves_no_moment(faulty: FaultyServer) -> None:
    """Of a live clock: what was undone does not hold the account's time."""

    async def story() -> None:
        live = {"id": "live", "key": "secret", "clock": {"mode": "live"}}
        assert (await Ask("POST", "/_mock/accounts", live).of(faulty)).status == 201
        before = images(faulty)
        faulty.log.good = 0
        assert refused(await Ask("POST", "/customer", {"name": "B"}, "live").of(faulty))
        assert images(faulty) == before

    faulty.run(story())


@pytest.mark.usefixtures("fault")
def test_old_streams_that_cannot_be_dropped_trouble_nobody(faulty: FaultyServer) -> None:
    async def story() -> None:
        faulty.log.sweeps = False
        assert (await Ask("POST", "/_mock/accounts/test/reset").of(faulty)).status == 200
        await quiet()
        writing = asyncio.ensure_future(Ask("POST", "/customer", {"name": "B"}).of(faulty))
        await quiet()
        assert writing.done()
        assert writing.result().status == 200
        assert (await READY.of(faulty)).status == 200
        await compare(faulty)

    faulty.run(story())


async def fail_once(server: FaultyServer) -> None:
    """From here on the next write tries first."""
    server.log.good = 0
    assert refused(await Ask("POST", "/customer", {"name": "B"}).of(server))
    server.log.good = None


def _listing(account: str, key: str = "secret") -> Ask:
    return Ask("GET", f"/customer{LIST}", account=account, key=key)


@pytest.mark.parametrize(
    ("asks", "statuses"),
    [
        ([_listing("new")] * 4, [200] * 4),
        ([_listing("new", key) for key in "abc"], [200, 403, 403]),
        ([_listing("keyless", key) for key in "abc"], [200, 403, 403]),
        ([Ask("POST", "/_mock/accounts", {"id": "new"})] * 2, [201, 409]),
        ([Ask("POST", "/_mock/accounts/keyless/reset"), _listing("keyless")], [200, 200]),
        ([Ask("DELETE", "/_mock/accounts/keyless"), _listing("keyless")], [200, 200]),
        ([Ask("DELETE", "/_mock/accounts/keyless")] * 2, [200, 404]),
    ],
)
def test_requests_that_meet_after_a_failure(
    faulty: FaultyServer, asks: list[Ask], statuses: list[int]
) -> None:
    """All wait for the same trial; what each had looked at may have changed when it goes on."""

    async def story() -> None:
        await fail_once(faulty)
        answers = await asyncio.gather(*(ask.of(faulty) for ask in asks))
        assert sorted(answer.status for answer in answers) == statuses
        await compare(faulty)

    faulty.run(story())


# any order


class Step(Struct, frozen=True):
    """One request, `delay` turns of the loop after the others of its round."""

    kind: str
    account: str
    delay: int


KINDS = (
    "customer", "draft", "sent", "send", "pay", "delete", "list",
    "birth", "change", "clock", "reset", "removal",
    "snapshot", "restore", "forget", "fork",
)  # fmt: skip
STEPS = st.builds(Step, st.sampled_from(KINDS), st.sampled_from(["test", "twin"]), st.integers(0, 8))
ROUNDS = st.lists(
    st.tuples(
        st.lists(STEPS, min_size=1, max_size=5),
        st.one_of(st.none(), st.integers(0, 3)),
        st.sampled_from(list(FAULTS)),
    ),
    max_size=8,
)


def asked(server: Server, step: Step, unique: str) -> Ask:
    account = step.account
    live = server.emulator.live(account)
    values = list(live.state.unique_values.values()) if live is not None else []
    newest = values[-1] if values else "none"
    mock = f"/_mock/accounts/{account}"
    match step.kind:
        case "customer":
            return Ask("POST", "/customer", {"name": unique}, account)
        case "draft":
            return Ask("POST", "/billogram", billogram(unique), account)
        case "sent":
            return Ask("POST", "/billogram", billogram(unique, on_success=SEND), account)
        case "send":
            return Ask("POST", f"/billogram/{newest}/command/send", {"method": "Email"}, account)
        case "pay":
            return Ask("POST", f"/billogram/{newest}/command/payment", {"amount": 50}, account)
        case "delete":
            return Ask("DELETE", f"/billogram/{newest}", NO_BODY, account)
        case "birth":
            return Ask("POST", "/_mock/accounts", {"id": unique})
        case "change":
            return Ask("PATCH", mock, {"default_due_days": len(unique)})
        case "clock":
            return Ask("PUT", f"{mock}/clock", {"speed": 2})
        case "reset":
            return Ask("POST", f"{mock}/reset")
        case "removal":
            return Ask("DELETE", mock)
        case "snapshot":
            return Ask("POST", f"{mock}/snapshots", {"name": "s"})
        case "restore":
            return Ask("POST", f"{mock}/snapshots/s/restore")
        case "forget":
            return Ask("DELETE", f"{mock}/snapshots/s")
        case "fork":
            return Ask("POST", f"{mock}/fork", {"id": unique})
    return Ask("GET", f"/billogram{LIST}", NO_BODY, account)


@given(rounds=ROUNDS)
def test_failures_in_any_order(rounds: list[tuple[list[Step], int | None, str]]) -> None:
    server = FaultyServer()

    async def perform(step: Step, unique: str) -> Answer:
        for _ in range(step.delay):
            await asyncio.sleep(0)
        return await asked(server, step, unique).of(server)

    async def story() -> None:
        for number, (steps, good, fault) in enumerate(rounds):
            server.log.good, server.log.fault = good, FAULTS[fault]
            names = [f"u{number}-{index}" for index in range(len(steps))]
            answers = await asyncio.gather(*map(perform, steps, names))
            await quiet()
            await compare(server)
            await check_round(server, steps, names, answers)
            assert good is not None or not any(refused(answer) for answer in answers)
            ready = await READY.of(server)
            assert (ready.status == 200) == (server.emulator.trouble is None)
        server.log.good = None
        for account in ("test", "twin"):
            assert (await Ask("POST", "/customer", {"name": "last"}, account).of(server)).status == 200
        assert (await READY.of(server)).status == 200
        await compare(server)

    try:
        server.run(story())
        again = Server(HeldLog(server.log))
        again.run(again.open_all())
        assert {name: image[2] for name, image in images(again).items()} == {
            name: image[2] for name, image in images(server).items()
        }
        again.close()
    finally:
        server.close()


async def check_round(server: Server, steps: list[Step], names: list[str], answers: list[Answer]) -> None:
    """Each answered creation is there, no refused one is; unless its account went in the same round."""
    went = {step.account for step in steps if step.kind in ("reset", "removal", "restore")}
    for step, name, answer in zip(steps, names, answers, strict=True):
        assert answer.status in (200, 201, 400, 404, 409) or refused(answer), answer
        if step.kind in ("birth", "fork"):
            assert (server.emulator.live(name) is not None) == (answer.status == 201)
        elif step.kind in ("draft", "sent"):
            live = server.emulator.live(step.account)
            there = live is not None and name in live.state.unique_values
            assert there == (answer.status == 200) or (step.account in went and not there)


# the real store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def on_file(file: Path) -> Iterator[Server]:
    """A server on a file, with customer 1 and a sent billogram."""
    server = Server(database=str(file))
    server.customer(customer_no=1)
    server.post("/billogram", billogram("sent", on_success=SEND))
    yield server
    server.close()


def check_refused_and_recovered(
    server: Server, reason: str, mend: Callable[[], object], unique: str = "new"
) -> None:
    before = images(server)
    listed = server.get(f"/billogram{LIST}").body
    for _ in range(2):
        status, data = server.post("/billogram", billogram(unique)).error
        assert status == "SERVICE_UNAVAILABLE"
        assert reason in data["message"]
        assert server.mock("POST", "/accounts", {"id": "new"}).json["error"]["code"] == "log_unavailable"
        assert server.get("/customer/1", account="born").status == 503
        assert server.mock("POST", "/accounts/test/reset").status == 503
        server.run(check_not_ready(server, reason))
        assert server.get(f"/billogram{LIST}").body == listed
        assert images(server) == before
    mend()
    assert server.post("/billogram", billogram(unique)).status == 200
    assert server.mock("GET", "/ready").status == 200
    server.run(compare(server))


def check_the_same_after_restart(server: Server, file: Path) -> None:
    expected = {name: image[2] for name, image in images(server).items()}
    server.run(server.emulator.close())
    again = Server(database=str(file))
    again.run(again.open_all())
    assert {name: image[2] for name, image in images(again).items()} == expected
    again.close()


def test_the_file_is_moved_away_and_back(on_file: Server, file: Path) -> None:
    away = file.with_name("away.db")
    file.rename(away)
    check_refused_and_recovered(on_file, "is gone", lambda: away.rename(file))
    check_the_same_after_restart(on_file, file)


def test_another_file_stands_in_its_place(on_file: Server, file: Path) -> None:
    away = file.with_name("away.db")
    file.rename(away)
    shutil.copyfile(away, file)
    check_refused_and_recovered(on_file, "is gone", lambda: away.replace(file))
    check_the_same_after_restart(on_file, file)


def test_the_database_is_full(on_file: Server, file: Path) -> None:
    log = on_file.emulator.log
    assert isinstance(log, SQLiteLog)

    def limit(pages: int) -> None:
        on_file.run(log.pragma(f"max_page_count = {pages}"))

    limit(1)  # no more than there are
    unique = 0
    while on_file.post("/billogram", billogram(f"fill {unique}")).status == 200:
        unique += 1
    check_refused_and_recovered(on_file, "full", lambda: limit(1_000_000))
    assert len(on_file.state().unique_values) == 1 + unique + 1
    check_the_same_after_restart(on_file, file)


# a real disk


def check_full_disk(file: Path, fill: Callable[[Process], None], free: Callable[[Process], None]) -> None:
    """Fill, see the refusals, free, see it recover; kill, start again: all that was answered and no more."""
    answered: list[str] = []
    server = Process(file)
    try:
        with Client(server.port, "test") as client:
            client.data("POST", "/customer", {"name": "A", "contact": {"email": "a@example.com"}})
            fill(server)
            for name in ("fill", "small rest", "rest"):  # what is left may do for a small one or two
                while write(client, name, answered):
                    pass
            status, body = client.ask("GET", "/_mock/ready")
            assert (status, body["error"]["code"]) == (503, "not_ready")
            assert [row["creditor_unique_value"] for row in client.all("/billogram")[0]] == answered
            free(server)
            assert write(client, "freed", answered)
            assert client.ask("GET", "/_mock/ready")[0] == 200
            before = client.all("/billogram")
        server.kill()
        server = Process(file)
        with Client(server.port, "test") as client:
            assert client.all("/billogram") == before
            assert [row["creditor_unique_value"] for row in before[0]] == answered
        assert server.stop() == 0
    finally:
        server.kill()


def write(client: Client, name: str, answered: list[str]) -> bool:
    """One more billogram: whether it was kept."""
    unique = f"{name} {len(answered)}"
    rows = [{**ROWS[0], "description": "d" * 200}] * (1 if name.startswith("small") else 40)
    body = billogram(unique, items=rows, on_success=SEND)
    status, answer = client.ask("POST", "/api/v2/billogram", body)
    if status == 200:
        answered.append(unique)
    else:
        assert (status, answer["status"]) == (503, "SERVICE_UNAVAILABLE"), answer
    return status == 200


@pytest.mark.deep
@pytest.mark.parametrize("kilobytes", [300, 6000])  # below and above where the write-ahead log is folded in
def test_no_file_may_grow(file: Path, kilobytes: int) -> None:
    resource = pytest.importorskip("resource")

    def limit(server: Process, size: int) -> None:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    check_full_disk(
        file,
        lambda server: limit(server, kilobytes * 1024),
        lambda server: limit(server, resource.RLIM_INFINITY),
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.deep
def test_the_disk_is_full(small_disk: Path) -> None:
    ballast = small_disk / "ballast"

    def fill(_: Process) -> None:
        ballast.write_bytes(bytes(2 * 1024 * 1024))

    check_full_disk(small_disk / "log.db", fill, lambda _: ballast.unlink())

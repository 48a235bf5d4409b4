"""The clock of an account, as far as it moves by now (reference: control 1, behaviour 6.1)."""

from datetime import UTC, datetime, timedelta

from mockserver.emulator import Birth, Defaults, Emulator
from mockserver.log.memory import MemoryLog
from tests.server import Server


def test_a_frozen_clock_stands_and_moves_when_told(server: Server) -> None:
    assert server.draft()["invoice_date"] == "2026-03-02"
    shown = server.mock("GET", "/accounts/test/clock").json
    assert (shown["mode"], shown["now"]) == ("frozen", "2026-03-02T10:00:00+01:00")
    moved = server.mock("PUT", "/accounts/test/clock", {"now": "2026-03-31T22:00:00Z"}).json
    assert moved["now"] == "2026-04-01T00:00:00+02:00"
    made = server.draft()
    assert (made["invoice_date"], made["created_at"]) == ("2026-04-01", "2026-03-31 22:00:00")
    assert (
        server.mock("PUT", "/accounts/test/clock", {"timezone": "UTC"}).json["now"]
        == "2026-03-31T22:00:00+00:00"
    )
    assert server.draft()["invoice_date"] == "2026-03-31"
    assert server.fold().image() == server.image()


def test_no_later_moment_while_a_sent_billogram_is_open(server: Server) -> None:
    key = server.sent()["id"]
    later = {"now": "2026-03-03T00:00:00Z"}
    answer = server.mock("PUT", "/accounts/test/clock", later)
    assert (answer.status, answer.json["error"]["code"]) == (501, "not_built")
    assert server.mock("PUT", "/accounts/test/clock", {"now": "2026-03-02T09:00:00Z"}).status == 200
    server.command(key, "payment", {"amount": 125})
    assert server.mock("PUT", "/accounts/test/clock", later).status == 200


def test_modes_speed_and_time_that_never_goes_back() -> None:
    real = [datetime(2026, 1, 1, tzinfo=UTC)]
    log = MemoryLog()
    emulator = Emulator(log, Defaults(), real_time=lambda: real[0])
    server = Server()
    try:
        book = server.run(emulator.open_account(Birth("a", "k"), cause="test"))

        def put(**given: object) -> datetime:
            def decide(act: object) -> None:
                from mockserver.core import accounts
                from mockserver.core.act import Act

                assert isinstance(act, Act)
                accounts.change(act, {"clock": emulator.clock_after(act, given)})

            server.run(emulator.execute(book, decide, cause="test", rule="clock"))
            return emulator.now(book)

        start = real[0]
        assert emulator.now(book) == start
        real[0] += timedelta(hours=1)
        assert emulator.now(book) == start + timedelta(hours=1)  # live
        frozen = put(mode="frozen")
        real[0] += timedelta(hours=5)
        assert emulator.now(book) == frozen == start + timedelta(hours=1)
        assert put(mode="live", speed=24.0) == frozen  # goes on from there
        real[0] += timedelta(hours=1)
        assert emulator.now(book) == frozen + timedelta(days=1)
        put(speed=1.0)
        real[0] -= timedelta(days=30)  # the machine's clock was set back
        assert emulator.now(book) == frozen + timedelta(days=1)
        records = server.run(_all(log))
        assert [at for at, _ in records] == sorted(at for at, _ in records)
    finally:
        server.close()


async def _all(log: MemoryLog) -> list[tuple[datetime, str]]:
    stream = (await log.pointers())["account:a"]
    return [(record.at, record.rule) async for record in log.read(stream)]

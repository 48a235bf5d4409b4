"""Snapshots, restore and fork: stories (reference: control 1); random ones stand in tests/log."""

import asyncio
from pathlib import Path
from typing import Any

from tests.server import ACCOUNT, Server

A = f"/accounts/{ACCOUNT}"
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
SEND = {"command": "send", "method": "Email"}


def fork(server: Server, name: str, of: str = ACCOUNT, **more: Any) -> dict[str, Any]:
    answer = server.mock("POST", f"/accounts/{of}/fork", {"id": name, **more})
    assert answer.status == 201, answer
    shown: dict[str, Any] = answer.json
    return shown


def sent_by(server: Server, account: str) -> dict[str, Any]:
    draft = {"customer": {"customer_no": 1}, "items": [ROW], "on_success": SEND}
    made: dict[str, Any] = server.post("/billogram", draft, account=account).data
    return made


def uuids(shown: dict[str, Any]) -> list[str]:
    return [event["event_uuid"] for event in shown["events"]]


def wait(server: Server, account: str = ACCOUNT) -> None:
    assert server.mock("POST", f"/accounts/{account}/deliveries/wait", {"idle": True}).status == 200


# snapshots


def test_a_restore_takes_everything_back_and_the_clock_with_it(server: Server) -> None:
    key = server.sent()["id"]
    before = server.get(f"/billogram/{key}").data
    clock = server.mock("GET", f"{A}/clock").json
    taken = server.mock("POST", f"{A}/snapshots", {"name": "sent"})
    assert (taken.status, taken.json) == (201, {"name": "sent", "at": clock["now"], "position": 3})
    server.mock("POST", f"{A}/clock/advance", {"by": "60d"})
    server.command(key, "payment", {"amount": 50})
    server.customer()
    server.mock("PATCH", A, {"default_due_days": 5})
    assert server.mock("GET", f"{A}/clock").json != clock
    restored = server.mock("POST", f"{A}/snapshots/sent/restore")
    assert restored.status == 200
    assert (restored.json["generation"], restored.json["clock"]) == (1, clock)
    assert restored.json["default_due_days"] == 30
    assert server.get(f"/billogram/{key}").data == before
    assert server.get("/customer?page=1&page_size=9").json["meta"]["total_count"] == 1
    assert server.fold().image() == server.image()
    assert server.mock("GET", f"{A}/snapshots").json == [taken.json]


def test_the_same_again_draws_the_same_but_for_uuids(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret", "callbacks": {"url": "mock:inbox"}})
    server.customer()
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    seen: list[dict[str, Any]] = []
    callbacks: list[str] = []
    for _ in range(3):
        made = sent_by(server, ACCOUNT)
        wait(server)
        callbacks += [each["callback_id"] for each in server.mock("GET", f"{A}/deliveries").json]
        seen.append(made)
        server.mock("POST", f"{A}/snapshots/s/restore")
    assert len({each["id"] for each in seen}) == len({each["ocr_number"] for each in seen}) == 1
    assert len({uuid for each in seen for uuid in uuids(each)}) == sum(len(uuids(each)) for each in seen)
    assert len(set(callbacks)) == len(callbacks) == 6


def test_what_was_pending_is_dropped_and_nothing_is_sent_twice(server: Server) -> None:
    dead = {"url": "http://127.0.0.1:9/", "retry_schedule": ["1d"]}
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret", "callbacks": dead})
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    server.sent()
    for _ in range(500):
        if all(each["attempts"] for each in server.mock("GET", f"{A}/deliveries").json):
            break
        server.run(asyncio.sleep(0.01))
    assert {each["status"] for each in server.mock("GET", f"{A}/deliveries").json} == {"pending"}
    server.mock("POST", f"{A}/snapshots/s/restore")
    shown = server.mock("GET", f"{A}/deliveries").json
    assert [each["status"] for each in shown] == ["dropped"] * len(shown)
    assert shown


def test_snapshots_outlive_a_reset_and_what_is_restored_but_not_the_account(server: Server) -> None:
    key = server.sent()["id"]
    server.mock("POST", f"{A}/snapshots", {"name": "b"})
    server.mock("POST", f"{A}/reset", {"seed": 7})
    server.mock("POST", f"{A}/snapshots", {"name": "a"})
    assert server.mock("POST", f"{A}/snapshots/b/restore").json["generation"] == 2
    assert server.get(f"/billogram/{key}").status == 200
    assert server.mock("POST", f"{A}/snapshots/a/restore").json["seed"] == 7
    assert server.get(f"/billogram/{key}").status == 404
    assert [each["name"] for each in server.mock("GET", f"{A}/snapshots").json] == ["b", "a"]
    assert server.mock("POST", f"{A}/snapshots", {"name": "b"}).json["error"]["code"] == "snapshot_exists"
    assert server.mock("DELETE", f"{A}/snapshots/b").json == {"name": "b"}
    assert server.mock("POST", f"{A}/snapshots/b/restore").json["error"]["code"] == "unknown_snapshot"
    server.mock("DELETE", A)
    server.customer()
    assert server.mock("GET", f"{A}/snapshots").json == []


def test_a_live_clock_goes_on_from_the_moment_of_the_snapshot(server: Server) -> None:
    clock = {"mode": "live", "now": "2026-03-02T10:00:00+01:00"}
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret", "clock": clock})
    taken = server.mock("POST", f"{A}/snapshots", {"name": "s"}).json
    server.mock("POST", f"{A}/clock/advance", {"by": "400d"})
    shown = server.mock("POST", f"{A}/snapshots/s/restore").json["clock"]
    assert shown["mode"] == "live"
    assert taken["at"] <= shown["now"] < "2026-03-02T10:01"


def test_the_timeline_shows_what_is_left(server: Server) -> None:
    server.customer()
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    server.customer()
    server.mock("POST", f"{A}/snapshots/s/restore")
    rows = server.mock("GET", f"{A}/timeline?kind=act").json
    assert [row["rule"] for row in rows] == ["account", "customer.create", "snapshot", "restore"]


# forks


def test_a_fork_has_the_same_state_and_goes_its_own_way(server: Server) -> None:
    key = server.sent()["id"]
    shown = fork(server, "other")
    assert shown["counts"] == {"customers": 1, "billograms": 1, "acts": 4}
    assert shown["seed"] != server.mock("GET", A).json["seed"]
    assert server.get(f"/billogram/{key}", account="other").data == server.get(f"/billogram/{key}").data
    server.command(key, "payment", {"amount": 125})
    assert server.get(f"/billogram/{key}", account="other").data["state"] == "Unpaid"
    here, there = sent_by(server, ACCOUNT), sent_by(server, "other")
    assert here["invoice_no"] == there["invoice_no"]
    assert here["id"] != there["id"]
    assert here["ocr_number"] != there["ocr_number"]
    assert not set(uuids(here)) & set(uuids(there))
    for name in (ACCOUNT, "other"):
        assert server.fold(name).image() == server.image(name)


def test_a_fork_names_its_origin_until_it_is_reset(server: Server) -> None:
    server.customer()
    assert server.mock("GET", A).json["forked_from"] is None
    assert fork(server, "child")["forked_from"] == {"id": ACCOUNT, "position": 2}
    assert fork(server, "grandchild", of="child", at=2)["forked_from"] == {"id": "child", "position": 2}
    server.mock("POST", "/accounts/child/snapshots", {"name": "s"})
    assert server.mock("POST", "/accounts/child/reset", {}).json["forked_from"] is None
    restored = server.mock("POST", "/accounts/child/snapshots/s/restore").json
    assert restored["forked_from"] == {"id": ACCOUNT, "position": 2}
    assert server.mock("GET", f"{A}/diff?against=account:grandchild").json["differences"] == []


def test_a_fork_draws_from_its_id_not_from_its_history() -> None:
    """The same id and the same requests give the same ids."""
    made = []
    for _ in range(2):
        server = Server()
        server.sent()
        fork(server, "other")
        made.append(sent_by(server, "other"))
        server.close()
    assert made[0] == made[1]


def test_a_fork_of_an_earlier_act_by_position_and_by_event(server: Server) -> None:
    key = server.sent()["id"]
    start = server.mock("GET", f"{A}/clock").json["now"]
    server.mock("POST", f"{A}/clock/advance", {"by": "60d"})
    paid = server.command(key, "payment", {"amount": 125}).data
    acts = server.mock("GET", f"{A}/timeline?kind=act").json
    assert server.mock("GET", f"{A}/clock").json["now"] > start
    by_position = fork(server, "position", at=3)
    by_event = fork(server, "event", at=paid["events"][0]["event_uuid"])
    assert by_position["clock"]["now"] == by_event["clock"]["now"] == start
    for name in ("position", "event"):
        assert server.get(f"/billogram/{key}", account=name).data["state"] == "Unpaid"
        assert server.fold(name).image() == server.image(name)
    assert fork(server, "latest", at=acts[-1]["position"])["clock"]["now"] > start
    assert server.get(f"/billogram/{key}", account="latest").data == paid
    # what is due in it is done when its clock gets there
    moved = server.mock("POST", "/accounts/position/clock/advance", {"by": "60d"}).json
    assert moved["count"] > 0


def test_forks_of_forks_outlive_their_parents(server: Server) -> None:
    key = server.sent()["id"]
    fork(server, "child")
    fork(server, "grandchild", of="child")
    fork(server, "back", of="grandchild", at=2)  # before either of them was
    server.mock("POST", f"{A}/reset")
    server.mock("DELETE", "/accounts/child")
    assert server.get(f"/billogram/{key}", account="grandchild").data["state"] == "Unpaid"
    assert server.get("/customer/1", account="back").status == 200
    assert server.get(f"/billogram/{key}", account="back").status == 404
    for name in ("grandchild", "back"):
        assert server.fold(name).image() == server.image(name)
    assert server.mock("POST", "/accounts/grandchild/reset").json["counts"]["acts"] == 1


def test_a_fork_sends_only_what_happens_in_it(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret", "callbacks": {"url": "mock:inbox"}})
    server.sent()
    fork(server, "other")
    wait(server, "other")
    assert server.mock("GET", "/accounts/other/deliveries").json == []
    made = sent_by(server, "other")
    wait(server, "other")
    shown = server.mock("GET", "/accounts/other/deliveries").json
    assert {each["billogram"] for each in shown} == {made["id"]}
    assert all(each["status"] == "delivered" for each in shown)


def test_a_fork_adopts_the_first_password(server: Server) -> None:
    server.customer()
    fork(server, "other")
    assert server.get("/customer/1", account="other", key="mine").status == 200
    assert server.get("/customer/1", account="other", key="secret").status == 403


# restart


def test_all_of_it_is_there_after_a_restart(tmp_path: Path) -> None:
    file = str(tmp_path / "log.db")
    server = Server(database=file)
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": "secret", "callbacks": {"url": "mock:inbox"}})
    key = server.sent()["id"]
    server.mock("POST", f"{A}/snapshots", {"name": "z"})
    server.command(key, "payment", {"amount": 25})
    server.mock("POST", f"{A}/snapshots", {"name": "a"})
    server.mock("POST", f"{A}/snapshots/z/restore")
    server.command(key, "payment", {"amount": 50})
    fork(server, "other")
    fork(server, "early", at=2)
    sent_by(server, "other")
    wait(server)
    wait(server, "other")

    def everything() -> Any:
        names = (ACCOUNT, "other", "early")
        shown = [server.mock("GET", f"/accounts/{name}/{what}").json for name in names for what in WHAT]
        return shown, [{k: v for k, v in server.image(name).items() if k != "_tables"} for name in names]

    before = everything()
    assert [each["name"] for each in before[0][1]] == ["z", "a"]
    server.close()
    server = Server(database=file)
    server.run(server.open_all())
    wait(server)
    assert everything() == before
    server.mock("POST", f"{A}/snapshots/a/restore")
    assert server.get(f"/billogram/{key}").data["remaining_sum"] == 100
    server.mock("DELETE", f"{A}/snapshots/z")
    server.close()
    server = Server(database=file)
    assert [each["name"] for each in server.mock("GET", f"{A}/snapshots").json] == ["a"]
    assert server.get(f"/billogram/{key}").data["remaining_sum"] == 100
    server.close()


WHAT = ("deliveries", "snapshots", "clock")

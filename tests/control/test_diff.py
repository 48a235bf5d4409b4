"""What differs between two states, member by member (reference: control 1)."""

from typing import Any

from tests.server import ACCOUNT, Server

A = f"/accounts/{ACCOUNT}"


def diff(server: Server, against: str) -> list[dict[str, Any]]:
    answer = server.mock("GET", f"{A}/diff?against={against}")
    assert answer.status == 200, answer
    assert answer.json["against"] == against
    found: list[dict[str, Any]] = answer.json["differences"]
    assert answer.json["count"] == len(found)
    return found


def test_nothing_differs_from_a_fresh_snapshot_or_fork(server: Server) -> None:
    server.sent()
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    server.mock("POST", f"{A}/fork", {"id": "other"})
    assert (
        diff(server, "snapshot:s")
        == diff(server, "account:other")
        == diff(server, f"account:{ACCOUNT}")
        == []
    )


def test_each_member_with_both_values(server: Server) -> None:
    key = server.sent()["id"]
    server.mock("POST", f"{A}/snapshots", {"name": "s"})
    server.command(key, "payment", {"amount": 50})
    server.customer()
    server.call("PUT", "/customer/1", {"name": "New Name AB"})
    server.call("PUT", "/settings", {"invoices": {"default_reminder_fee": 45}})
    server.mock("PATCH", A, {"default_due_days": 5, "callbacks": {"url": "mock:inbox", "sign_key": "s3cret"}})
    found = {(each["kind"], each["key"]): each for each in diff(server, "snapshot:s")}
    assert set(found) >= {("settings", ""), ("account", ""), ("customer", "1"), ("customer", "2")}
    assert found["customer", "2"]["change"] == "only here"
    customer, billogram = members(found["customer", "1"]), members(found["billogram", key])
    assert customer["name"] == ("New Name AB", "Test Customer AB")
    assert billogram["sums.remaining"] == (75, 125)
    assert billogram["events[2]"] == ("Payment", None)
    assert members(found["settings", ""])["invoices.default_reminder_fee"] == (45, 60)
    account = members(found["account", ""])
    assert account["default_due_days"] == (5, 30)
    assert "s3cret" not in str(account)
    assert [each["kind"] for each in found.values()].count("payment") == 1


def test_the_same_acts_on_both_sides_are_no_difference(server: Server) -> None:
    """Though each event has a uuid of its own, and each payment an id."""
    key = server.sent()["id"]
    server.mock("POST", f"{A}/fork", {"id": "other"})
    for account in (ACCOUNT, "other"):
        told = server.call("POST", f"/billogram/{key}/command/message", {"message": "Hi"}, account=account)
        assert told.status == 200
    assert diff(server, "account:other") == []
    for account in (ACCOUNT, "other"):
        there, money = f"/accounts/{account}/payments", {"billogram": key, "amount": 125}
        paid = server.mock("POST", there, money | {"scheme": "SEPA_DIRECT_DEBIT"}).json["id"]
        assert server.mock("POST", f"{there}/{paid}/recall", {"type": "refund", "code": "MD06"}).status == 201
    uuids = [
        server.call("GET", f"/billogram/{key}", account=account).data["events"][-1]["event_uuid"]
        for account in (ACCOUNT, "other")
    ]
    assert uuids[0] != uuids[1]
    assert [(each["kind"], each["change"]) for each in diff(server, "account:other")] == [
        ("payment", "only here"),
        ("payment", "only there"),
    ]


def test_against_an_account_and_the_other_way_round(server: Server) -> None:
    server.customer()
    server.mock("POST", f"{A}/fork", {"id": "other"})
    server.post("/item", {"title": "Item", "price": 1, "vat": 25, "unit": "unit"}, account="other")
    assert ("item", "only there") in [
        (each["kind"], each["change"]) for each in diff(server, "account:other")
    ]
    back = server.mock("GET", f"/accounts/other/diff?against=account:{ACCOUNT}").json["differences"]
    assert ("item", "only here") in [(each["kind"], each["change"]) for each in back]


def members(found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each["member"]: (each["here"], each["there"]) for each in found["members"]}

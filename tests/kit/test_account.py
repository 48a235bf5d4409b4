"""The fixture `billogram`, used as its users do (reference: control 3)."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest

from mockserver import BillogramAccount, Mockserver
from mockserver.kit.server import ControlRefused
from mockserver.kit.shapes import WebhookType
from tests.kit.helping import sent


def test_a_recall(billogram: BillogramAccount) -> None:
    """The example of the reference, typed."""
    key = sent(billogram)
    payment = billogram.pay(key, 125, scheme="SEPA_DIRECT_DEBIT")
    billogram.clock.advance("20d")
    billogram.recall(payment, type="refund", code="MD06")
    hook = billogram.webhooks.wait("PaymentRecalled")
    assert hook.signature_ok
    assert hook.json["payment_recall"]["total_amount"] == 125
    assert (hook.callback_type, hook.event_type, hook.billogram) == ("PaymentRecalled", None, key)
    assert hook.headers["User-Agent"] == "mockserver"
    assert hook.body.startswith(b"{")
    assert billogram.webhooks.wait("PaymentRecalled", billogram=key) is hook
    assert repr(hook) == f"<Webhook PaymentRecalled {key}>"


def test_credentials_are_those_of_the_account(billogram: BillogramAccount) -> None:
    plain = httpx.get(f"{billogram.url}/settings", auth=(billogram.user, billogram.key))
    assert plain.status_code == 200
    assert billogram.user.startswith("test-credentials-are-those-of-the-account-")
    control = httpx.get(f"{billogram.control_url}/callbacks").json()
    assert (control["url"], control["sign_key"]) == (billogram.webhook_url, billogram.sign_key)


def test_the_clock(billogram: BillogramAccount) -> None:
    clock = billogram.clock
    start = clock.now
    assert start.isoformat() == "2026-03-02T10:00:00+01:00"
    clock.advance(timedelta(minutes=90))
    clock.advance(to=start + timedelta(days=1))
    assert clock.now - start == timedelta(days=1)
    sent(billogram)
    assert clock.advance("60d", dry_run=True)["count"] > 0
    assert clock.advance(until="next")["happened"][0]["rule"] == "reports"
    assert clock.advance(until="next")["happened"][0]["rule"] == "overdue"
    assert clock.set("2026-05-01T00:00:00+02:00", speed=2.0)["speed"] == 2.0
    with pytest.raises(ControlRefused, match="can't be moved back") as refused:
        clock.set(start)
    assert (refused.value.status, refused.value.code) == (409, "clock_backwards")


def test_webhooks_one_after_the_other(billogram: BillogramAccount) -> None:
    key = sent(billogram)
    other = sent(billogram)
    for amount in (25, 50):
        billogram.pay(key, amount)
        assert billogram.webhooks.wait("Payment").json["event"]["data"]["amount"] == amount
    assert [hook.billogram for hook in billogram.webhooks.wait("BillogramSent", count=2)] == [key, other]
    assert billogram.webhooks.wait("BillogramSent", billogram=other).billogram == other
    billogram.webhooks.none("Overdue")
    billogram.webhooks.none("Payment", billogram=other)
    assert len(billogram.webhooks.all()) == 6


def test_a_timeout_lists_what_was_received(billogram: BillogramAccount) -> None:
    webhooks = billogram.webhooks
    with pytest.raises(AssertionError) as failed:
        webhooks.wait("Payment", timeout=0.01)
    assert str(failed.value) == "waited 0.01 s for Payment, one\nnothing was received"
    key = sent(billogram)
    webhooks.wait("BillogramSent")
    with pytest.raises(AssertionError) as failed:
        webhooks.wait("BillogramSent", billogram=key, count=2, timeout=0.01)
    assert str(failed.value) == (
        f"waited 0.01 s for BillogramSent of {key}, 2 of them\n"
        f"received:\n  BillogramCreated {key}\n  BillogramSent {key}"
    )
    with pytest.raises(AssertionError, match="number 2"):
        webhooks.wait("BillogramSent", timeout=0.01)
    with pytest.raises(AssertionError, match=r"^BillogramSent was received, 1 of them\nreceived:\n"):
        webhooks.none("BillogramSent")


def test_a_type_that_never_comes(billogram: BillogramAccount) -> None:
    with pytest.raises(ValueError, match=r"no webhook BilogramSent; did you mean BillogramSent"):
        billogram.webhooks.wait("BilogramSent")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="no webhook Nothing"):
        billogram.webhooks.none("Nothing")  # type: ignore[arg-type]


# no false green


@pytest.mark.parametrize(
    "kind", ["Pyament", "payment", "BilogramEvent", "PaymentRecaled", "Nothing at all", ""]
)
def test_a_misspelt_type_is_refused_at_once(billogram: BillogramAccount, kind: str) -> None:
    for look in (billogram.webhooks.wait, billogram.webhooks.none):
        with pytest.raises(ValueError, match=f"mockserver sends no webhook {kind}") as refused:
            look(kind)  # type: ignore[call-overload,arg-type]
        assert ("did you mean" in str(refused.value)) == (kind not in ("Nothing at all", ""))
    with pytest.raises(ValueError, match="did you mean Payment"):
        billogram.webhooks.none("Pyament")  # type: ignore[arg-type]


def test_what_could_never_fail_is_refused(billogram: BillogramAccount) -> None:
    other = sent(billogram)
    for look in (billogram.webhooks.wait, billogram.webhooks.none):
        with pytest.raises(ValueError, match="the account has no billogram nobody"):
            look("Payment", billogram="nobody")
    for count in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            billogram.webhooks.wait("Payment", count=count)
    before = billogram.snapshot()
    key = sent(billogram)
    billogram.webhooks.wait("BillogramSent", billogram=key)
    before.restore()
    billogram.webhooks.none("Payment", billogram=key)  # it was there
    billogram.webhooks.none("Payment", billogram=other)


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a receiver outside the kit. It answers 200 to everything below /good, else 500."""

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK" if environ["PATH_INFO"].startswith("/good") else "500 Oh", [])
        return [b""]

    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://user:secret@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.billogram(allow_failed_webhooks=True)
@pytest.mark.parametrize("own", [False, True], ids=["the account's", "the billogram's"])
@pytest.mark.parametrize(
    ("place", "status"),
    [("mock:inbox", 200), ("/good?token=secret", 200), ("/bad", 500), ("http://127.0.0.1:1/x", None)],
)
def test_webhooks_that_went_elsewhere(
    billogram: BillogramAccount, elsewhere: str, place: str, status: int | None, own: bool
) -> None:
    """`wait` and `none` see them wherever they went, and say so."""
    url = f"{elsewhere}{place}" if place.startswith("/") else place
    callbacks = {"url": url, "sign_key": billogram.sign_key}
    if own:
        key = sent(billogram, callbacks=callbacks)
    else:
        billogram.control("PUT", "/callbacks", callbacks)
        key = sent(billogram)
    with pytest.raises(AssertionError) as failed:
        billogram.webhooks.none("BillogramSent")
    said = str(failed.value)
    where = url.replace("user:secret@", "").partition("?")[0]
    assert f"  BillogramSent {key} to {where}" in said
    assert ("the receiver was changed" in said) != own
    assert "secret" not in said
    if status == 200:
        hook = billogram.webhooks.wait("BillogramSent", billogram=key)
        assert hook.url == url
    else:
        with pytest.raises(AssertionError, match="only 2xx counts"):
            billogram.webhooks.wait("BillogramSent", timeout=0.01)
        hook = billogram.webhooks.wait("BillogramSent", status="any")
    assert (hook.status_code, hook.signature_ok, hook.json["billogram"]["id"]) == (status, True, key)
    billogram.webhooks.none("Payment")
    with pytest.raises(AssertionError, match=r"waited 0.01 s for Payment, one\n"):
        billogram.webhooks.wait("Payment", timeout=0.01)


@pytest.mark.parametrize(
    ("callbacks", "kind", "reason"),
    [
        ({"url": None}, None, "the receiver was changed: the account has none"),
        ({"url": None}, "Payment", "the receiver was changed: the account has none"),
        (
            {"url": "mock:inbox", "types": ["PaymentRecalled"]},
            "Payment",
            "only webhooks of the types PaymentR",
        ),
        (
            {"url": "mock:inbox", "types": ["BillogramEvent"]},
            "PaymentRecalled",
            "of the types BillogramEvent",
        ),
        ({"url": "mock:inbox", "types": ["BillogramEvent"]}, "Payment", None),
        ({"url": "mock:inbox", "types": ["BillogramEvent"]}, None, None),
    ],
)
def test_an_account_that_sends_none(
    billogram: BillogramAccount, callbacks: dict[str, Any], kind: WebhookType | None, reason: str | None
) -> None:
    billogram.control("PUT", "/callbacks", callbacks)
    if reason is None:
        billogram.webhooks.none(kind)
        return
    with pytest.raises(AssertionError, match=f"none.. could only pass: .*{reason}"):
        billogram.webhooks.none(kind)
    with pytest.raises(AssertionError, match=reason):
        billogram.webhooks.wait(kind, timeout=0.01)


@pytest.mark.billogram(allow_failed_webhooks=True)
@pytest.mark.parametrize(
    ("answered", "status", "counts"),
    [
        (200, None, True),
        (204, None, True),
        (299, None, True),
        (301, None, False),
        (401, None, False),
        (500, None, False),
        (500, 500, True),
        (500, "any", True),
        (503, 500, False),
        (204, 204, True),
        (204, 200, False),
        (200, "any", True),
    ],
)
def test_which_answers_satisfy_a_wait(
    billogram: BillogramAccount, answered: int, status: int | Literal["any"] | None, counts: bool
) -> None:
    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        start(f"{answered} Answer", [])
        return [b""]

    billogram.deliver_to(app)
    key = sent(billogram)
    assert billogram.settle()
    if counts:
        assert billogram.webhooks.wait("BillogramSent", status=status, timeout=0.01).status_code == answered
        assert len(billogram.webhooks.wait(count=2, status=status, timeout=0.01)) == 2
    else:
        with pytest.raises(AssertionError, match=f"it was sent, and answered with {answered}"):
            billogram.webhooks.wait("BillogramSent", billogram=key, status=status, timeout=0.01)
    with pytest.raises(AssertionError, match="was received"):
        billogram.webhooks.none("BillogramSent")


@pytest.mark.billogram(allow_failed_webhooks=True)
def test_a_wait_goes_on_until_the_retry_is_accepted(billogram: BillogramAccount) -> None:
    answers = [200, 200, 500, 500]

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        start(f"{answers.pop()} Answer", [])
        return [b""]

    billogram.deliver_to(app)
    sent(billogram)
    first = billogram.webhooks.wait("BillogramSent", status=500)
    billogram.clock.advance("1m")
    second = billogram.webhooks.wait("BillogramSent")
    assert (first.callback_id, first.status_code) == (second.callback_id, 500)
    assert second.accepted


def test_the_bank_and_others(billogram: BillogramAccount) -> None:
    key = sent(billogram)
    plan = billogram.outcomes("ok", {"then": "refund.MD06", "after": "20d"}, billogram=key)
    assert plan["match"] is not None
    assert plan["match"]["billogram"] == key
    assert billogram.outcomes("reject.AM04")["match"] is None
    assert billogram.pay(None, "12.50", payer_name="Nobody")["unmatched"] == 12.5
    shown = billogram.simulate(key, "message", message="Hello")
    assert shown["events"][-1]["type"] == "CustomerMessage"
    assert billogram.control("GET", f"/agenda?billogram={key}")[0]["billogram"] == key
    with pytest.raises(ControlRefused, match="unknown member: scheem"):
        billogram.pay(key, 1, scheem="CARD")


def test_the_timeline(billogram: BillogramAccount) -> None:
    key = sent(billogram)
    other = sent(billogram)
    assert {row["kind"] for row in billogram.timeline()} >= {"request", "act", "delivery"}
    assert all(other not in row["billograms"] for row in billogram.timeline(key))
    text = str(billogram.timeline())
    assert text == billogram.timeline_text()
    assert text.startswith(f"account {billogram.user}, seed {billogram.seed}, its clock shows 2026-03-02 10")
    assert f"BillogramSent {other}" in text
    assert other not in str(billogram.timeline(key))


def test_books(billogram: BillogramAccount) -> None:
    key, other = sent(billogram), sent(billogram)
    billogram.http.post(
        "/billogram", json={"customer": {"customer_no": 1}, "items": []}
    )  # refused, or a draft
    billogram.pay(key, 100)
    billogram.http.post(f"/billogram/{other}/command/credit", json={"mode": "full"})
    right = [
        {"billogram": key, "received": 100, "credited": Decimal(0), "remaining": "25.00"},
        {"billogram": other, "received": 0.0, "credited": 125, "remaining": 0},
    ]
    billogram.assert_reconciled(right)
    wrong = [right[0] | {"received": 90, "remaining": 35}, {**right[1], "billogram": "unknown"}]
    with pytest.raises(AssertionError) as failed:
        billogram.assert_reconciled(wrong)
    assert str(failed.value) == (
        "the books differ\n"
        f"billogram {key} (PartlyPaid)\n"
        "  received: 90 in your books, 100 in the account\n"
        "  remaining: 35 in your books, 25 in the account\n"
        "  events:\n"
        "    2026-03-02 10:00:00  BillogramCreated\n"
        "    2026-03-02 10:00:00  BillogramSent remaining_sum=125\n"
        "    2026-03-02 10:00:00  Payment amount=100 remaining_sum=25\n"
        "billogram unknown is in your books only\n"
        f"billogram {other} (Credited) is missing in your books: received 0, credited 125, remaining 0\n"
        "  events:\n"
        "    2026-03-02 10:00:00  BillogramCreated\n"
        "    2026-03-02 10:00:00  BillogramSent remaining_sum=125\n"
        "    2026-03-02 10:00:00  Credit amount=125 remaining_sum=0\n"
        "    2026-03-02 10:00:00  BillogramEnded"
    )


@pytest.mark.parametrize(
    "row", [{"billogram": "x"}, {"billogram": "x", "received": "?", "credited": 0, "remaining": 0}]
)
def test_rows_that_are_none(billogram: BillogramAccount, row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"a row needs|not a number"):
        billogram.assert_reconciled([row])


def test_plain_code() -> None:
    with Mockserver() as server:
        with BillogramAccount(server, "shop") as account:
            sent(account)
            assert account.webhooks.wait("BillogramSent").signature_ok
            with pytest.raises(ValueError, match="shop"):
                BillogramAccount(server, "shop")
            account.webhooks.none("Payment")  # the one that could not be made left it alone
        with BillogramAccount(server, "shop") as account:
            assert account.timeline()[1:] == []


def test_back_to_a_snapshot(billogram: BillogramAccount) -> None:
    key = sent(billogram)
    start = billogram.clock.now
    before = billogram.snapshot()
    named = billogram.snapshot("sent")
    assert (repr(named), before.name) == (f"<Snapshot sent of {billogram.user}>", "snapshot 1")
    for snapshot in (before, named, before):
        billogram.pay(key, 125)
        billogram.clock.advance("40d")
        assert state(billogram, key) == "Paid"
        snapshot.restore()
        assert (state(billogram, key), billogram.clock.now) == ("Unpaid", start)
    billogram.pay(key, 125)
    assert billogram.webhooks.wait("Payment").billogram == key
    assert len(billogram.webhooks.wait("Payment", count=1)) == 1  # the others were undone
    assert [row["name"] for row in billogram.control("GET", "/snapshots")] == ["snapshot 1", "sent"]
    with pytest.raises(ControlRefused, match="there is a snapshot sent already"):
        billogram.snapshot("sent")


def test_undone_webhooks_are_forgotten(billogram: BillogramAccount) -> None:
    """Back and forth between snapshots: what is shown is what the present state has caused."""
    key = sent(billogram)
    first = billogram.snapshot()
    billogram.pay(key, 25)
    billogram.webhooks.wait("Payment")
    second = billogram.snapshot("second")
    billogram.pay(key, 25)
    billogram.webhooks.wait("Payment")
    assert names(billogram) == ["BillogramCreated", "BillogramSent", "Payment", "Payment"]
    second.restore()
    assert names(billogram) == ["BillogramCreated", "BillogramSent", "Payment"]
    billogram.pay(key, 50)
    assert billogram.webhooks.wait("Payment").json["event"]["data"]["amount"] == 50
    first.restore()
    assert names(billogram) == ["BillogramCreated", "BillogramSent"]
    billogram.webhooks.none("Payment")
    third = billogram.snapshot()
    billogram.control("POST", "/snapshots/second/restore")  # its own payment is there again
    assert names(billogram) == ["BillogramCreated", "BillogramSent", "Payment"]
    third.restore()
    assert names(billogram) == ["BillogramCreated", "BillogramSent"]
    billogram.pay(key, 125)
    assert billogram.webhooks.wait("BillogramEnded").billogram == key


def test_a_webhook_that_is_still_being_sent_when_it_is_undone(billogram: BillogramAccount) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def app(environ: Any, start: Any) -> list[bytes]:
        if b'"type":"Payment"' in environ["wsgi.input"].read():
            begun.set()
            go_on.wait(10)
        start("200 OK", [])
        return [b""]

    key = sent(billogram)
    billogram.webhooks.wait("BillogramSent")
    before = billogram.snapshot()
    billogram.deliver_to(app)
    billogram.pay(key, 25)
    assert begun.wait(10)
    before.restore()
    go_on.set()
    billogram.http.post(f"/billogram/{key}/command/message", json={"message": "Hello"})
    billogram.webhooks.wait("CreditorMessage")
    billogram.webhooks.none("Payment")


def test_webhooks_are_cleared(billogram: BillogramAccount) -> None:
    key = sent(billogram)
    billogram.webhooks.clear()  # waits for those that are being sent
    assert billogram.webhooks.all() == []
    billogram.webhooks.none("BillogramSent")
    other = sent(billogram)
    assert billogram.webhooks.wait("BillogramSent").billogram == other
    assert len(billogram.webhooks.wait(count=2)) == 2
    billogram.webhooks.clear()
    (first, *_) = billogram.control("GET", f"/deliveries?billogram={key}")
    billogram.control("POST", f"/deliveries/{first['id']}/replay")
    assert billogram.webhooks.wait().billogram == key  # it was received again since


def test_a_billogram_of_forgotten_webhooks(billogram: BillogramAccount) -> None:
    """One that was deleted or undone is still known when its webhooks are forgotten."""
    before = billogram.snapshot()
    key = sent(billogram, on_success=None)
    assert billogram.http.delete(f"/billogram/{key}").status_code == 200
    billogram.webhooks.clear()
    billogram.webhooks.none(billogram=key)
    before.restore()
    billogram.webhooks.none(billogram=key)


@pytest.mark.billogram(allow_failed_webhooks=True)
def test_the_check_of_the_end_of_a_test(billogram: BillogramAccount) -> None:
    sent(billogram)
    billogram.check()
    fork = billogram.fork()
    fork.control("PUT", "/callbacks", {"url": "http://127.0.0.1:1/nobody"})
    key = sent(fork)
    with pytest.raises(AssertionError, match=r"check\(allow_failed_webhooks=True\)") as failed:
        billogram.check()
    assert f"BillogramSent {key} to http://127.0.0.1:1/nobody" in str(failed.value)
    billogram.check(allow_failed_webhooks=True)


def names(account: BillogramAccount) -> list[str]:
    assert account.settle()
    return [each.name for each in account.webhooks.all()]


def test_a_fork_goes_its_own_way(billogram: BillogramAccount) -> None:
    key = sent(billogram)
    (act,) = [row for row in billogram.timeline() if row["kind"] == "act" and row["rule"] == "create"]
    other = billogram.fork()
    first = billogram.fork("first", at=act["position"])
    other.pay(key, 125)
    assert other.webhooks.wait("BillogramEnded").signature_ok
    assert [hook.name for hook in other.webhooks.all()] == ["Payment", "BillogramEnded"]
    assert (state(billogram, key), state(other, key)) == ("Unpaid", "Paid")
    assert (other.user, first.user) == (f"{billogram.user}-fork-1", "first")
    assert first.http.get(f"/billogram/{key}").status_code == 200
    deeper = other.fork()
    assert [each.user for each in billogram.with_forks()] == [
        billogram.user,
        other.user,
        f"{other.user}-fork-1",
        "first",
    ]
    billogram.webhooks.none("Payment")
    names = [each.user for each in billogram.with_forks()]
    assert deeper.seed != other.seed != billogram.seed
    with pytest.raises(ControlRefused, match="already"):
        billogram.fork("first")
    listed = [row["id"] for row in billogram.server.control("GET", "/accounts")]
    assert set(names) <= set(listed)


def test_forks_are_gone_with_their_account() -> None:
    with Mockserver(clock="frozen") as server:
        with BillogramAccount(server, "one") as account:
            account.fork().fork()
            assert len(server.control("GET", "/accounts")) == 3
        assert server.control("GET", "/accounts") == []
        assert not server.listener.app.sender.receivers


def state(account: BillogramAccount, key: str) -> str:
    return str(account.http.get(f"/billogram/{key}").json()["data"]["state"])


def test_a_delivery_policy_that_is_meant(billogram: BillogramAccount) -> None:
    """What it delays or drops is no failure of the test."""
    billogram.control("PUT", "/delivery-policy", {"drop": 1})
    sent(billogram)
    billogram.control("PUT", "/delivery-policy", {"delay": "1h", "order": "reverse", "duplicate": 1})
    sent(billogram)
    billogram.webhooks.none()
    assert billogram.undelivered() == []
    billogram.clock.advance("1h")
    came = billogram.webhooks.wait(count=4)
    assert [hook.event_type for hook in came] == ["BillogramSent"] * 2 + ["BillogramCreated"] * 2
    billogram.control("PUT", "/delivery-policy", {"delay": "1h"})
    sent(billogram)

"""The pages of webhooks: deliveries, one of them with its signature, receiver, laboratory, inbox (ui 2)."""

import hashlib
import hmac
from typing import Any

import pytest

from tests.control.test_clock import idle
from tests.server import ACCOUNT, Server
from tests.ui.pages import PageReader, read, send, submit

A = f"/accounts/{ACCOUNT}"
PAGE = f"/_mock/ui{A}/webhooks"
KEY = "test-sign-key-1"


pytestmark = pytest.mark.usefixtures("known")


def receive(server: Server, **more: Any) -> None:
    body = {"url": "mock:inbox", "sign_key": KEY, "retry_schedule": [], **more}
    assert server.mock("PUT", f"{A}/callbacks", body).status == 200


def deliveries(server: Server) -> Any:
    idle(server)
    return server.mock("GET", f"{A}/deliveries").json


def test_an_account_without_a_receiver_gets_one(server: Server) -> None:
    page = read(server, PAGE)
    assert "the account has no receiver" in page.text
    assert '"url":"mock:inbox"' in page.text
    page = read(server, f"{PAGE}/receiver")
    form = page.form(f"/_mock{A}/callbacks", "PUT")
    after = submit(server, f"{PAGE}/receiver", form, **{"body.url": "mock:inbox", "body.sign_key": KEY})
    assert server.mock("GET", f"{A}/callbacks").json["sign_key"] == KEY
    assert (
        after.form(f"/_mock{A}/callbacks", "PUT").fields["body.retry_schedule"]
        == '["1m","5m","15m","1h","3h","6h","12h"]'
    )
    assert "Nothing was sent yet" in read(server, PAGE).text


def test_a_refused_receiver_keeps_what_was_typed(server: Server) -> None:
    form = read(server, f"{PAGE}/receiver").form(f"/_mock{A}/callbacks", "PUT")
    answer = send(server, f"{PAGE}/receiver", form.fields | {"body.url": "nowhere <b>"})
    assert answer.status == 422
    page = PageReader(answer.body.decode())
    assert page.form(f"/_mock{A}/callbacks", "PUT").fields["body.url"] == "nowhere <b>"
    assert "must be an http or https address" in page.text


def test_the_one_that_failed_and_its_signature(server: Server) -> None:
    receive(server, respond=500)
    server.sent()
    receive(server)
    server.draft()
    found = deliveries(server)
    page = read(server, f"{PAGE}?status=failed")
    failed = [target for _, target in page.links if "/webhooks/0-" in target]
    assert failed == [f"{PAGE}/{each['id']}" for each in found if each["status"] == "failed"][::-1]
    one = read(server, failed[0])
    request = found[1]["attempts"][0]["request"]
    signed = f"{request['headers']['Billogram-Request-Timestamp']}:{request['body']}"
    signature = hmac.new(KEY.encode(), signed.encode(), hashlib.sha256).hexdigest()
    assert signed in one.text
    assert one.text.count(signature) == 3, "computed, sent, and the header"
    assert "They agree" in one.text
    assert KEY not in one.text


def test_one_is_replayed_and_then_all(server: Server) -> None:
    receive(server, respond=500)
    server.sent()
    first, _ = deliveries(server)
    receive(server)
    page = submit(
        server,
        f"{PAGE}/{first['id']}",
        read(server, f"{PAGE}/{first['id']}").form(f"/_mock{A}/deliveries/{first['id']}/replay"),
    )
    assert "Attempt 2, a replay: 200" in page.text
    assert [each["status"] for each in deliveries(server)] == ["delivered", "failed"]
    page = submit(server, PAGE, read(server, PAGE).form(f"/_mock{A}/deliveries/replay"))
    assert "Replay all that failed" not in page.text
    assert {each["status"] for each in deliveries(server)} == {"delivered"}


def test_a_wrong_signature_is_shown_as_such(server: Server) -> None:
    receive(server)
    page = read(server, f"{PAGE}/laboratory")
    (form,) = [each for each in page.forms if [made.text for made in each.buttons] == ["Wrong signature"]]
    page = submit(server, f"{PAGE}/laboratory", form)
    assert "Signature bad" in page.text
    server.draft()
    (made,) = deliveries(server)
    assert "They differ" in read(server, f"{PAGE}/{made['id']}").text
    assert "wrong" in read(server, f"{PAGE}/inbox").text
    page = submit(server, f"{PAGE}/laboratory", page.form(f"/_mock{A}/delivery-policy", "DELETE"))
    assert "Signature good" in page.text


def test_the_inbox_marks_what_came_again_or_late(server: Server) -> None:
    receive(server)
    server.mock("PUT", f"{A}/delivery-policy", {"order": "reverse", "duplicate": 1})
    server.sent(due_date="2026-03-20")
    server.sent(due_date="2026-03-25")
    server.mock("POST", f"{A}/clock/advance", {"by": "30d"})
    idle(server)
    text = read(server, f"{PAGE}/inbox").text
    assert "again" in text
    assert "after a later one" in text


def test_an_unknown_delivery_is_404(server: Server) -> None:
    assert "Not found" in read(server, f"{PAGE}/none", 404).text


def test_the_list_has_pages(server: Server) -> None:
    receive(server)
    for _ in range(26):
        server.sent()
    idle(server)
    page = read(server, PAGE)
    (older,) = [target for words, target in page.links if words == "Older"]
    assert len([1 for _, target in page.links if "/webhooks/0-" in target]) == 50
    page = read(server, PAGE + older)
    assert len([1 for _, target in page.links if "/webhooks/0-" in target]) == 2


def test_hostile_texts_are_shown_as_text(server: Server) -> None:
    receive(server, sign_key='<script>alert("k")</script>')
    server.sent(info={"message": "<script>alert(1)</script>"}, callbacks={"custom": "<img src=x onerror=1>"})
    for each in deliveries(server):
        source = server.run(server.asgi("GET", f"{PAGE}/{each['id']}")).body.decode()
        assert "<script>alert" not in source
        assert "<img src=x" not in source
    assert "<script>alert" not in server.run(server.asgi("GET", f"{PAGE}/receiver")).body.decode()

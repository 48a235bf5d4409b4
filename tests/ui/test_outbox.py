"""The outbox: what recipients got, as they see it, without opening their link (ui 2, 3)."""

from typing import Any

import pytest

from tests.server import ACCOUNT, Server
from tests.ui.pages import load, read

A = f"/accounts/{ACCOUNT}"
PAGE = f"/_mock/ui{A}/outbox"


pytestmark = pytest.mark.usefixtures("known")


def sent(server: Server, method: str = "Email", **more: Any) -> Any:
    """The newest message of the outbox, after a billogram was sent."""
    server.draft(on_success={"command": "send", "method": method}, **more)
    return server.mock("GET", f"{A}/outbox").json[-1]


def test_an_empty_outbox_says_how_to_fill_it(server: Server) -> None:
    page = read(server, PAGE)
    assert "Nothing was sent yet" in page.text
    assert ("Create a billogram", f"/_mock/ui{A}/billograms/new") in page.links


def test_the_newest_comes_first(server: Server) -> None:
    made = [sent(server, method) for method in ("Email", "SMS", "Letter")]
    links = [target for _, target in read(server, PAGE).links if target.startswith(f"{PAGE}/")]
    assert links == [f"{PAGE}/{each['letter_id']}" for each in made[::-1]]
    (first, *_) = made
    only = read(server, f"{PAGE}?billogram={first['billogram']}")
    links = [target for _, target in only.links if target.startswith(f"{PAGE}/")]
    assert links == [f"{PAGE}/{first['letter_id']}"]
    assert "Nothing was sent for this billogram" in read(server, f"{PAGE}?billogram=none").text


@pytest.mark.parametrize(
    ("method", "title"), [("Email", "The e-mail"), ("SMS", "The SMS"), ("Letter", "The letter")]
)
def test_a_message_as_the_recipient_sees_it(server: Server, method: str, title: str) -> None:
    made = sent(server, method)
    page = read(server, f"{PAGE}/{made['letter_id']}")
    assert title in page.text
    assert made["to"] in page.text
    assert (made["text"] in page.text) == (method != "Letter"), "a letter is its PDF"
    (link,) = [target for words, target in page.links if words == "Open it as the recipient"]
    assert link == made["link"]
    assert "Opening it counts as" in page.text
    source = load(server, f"{PAGE}/{made['letter_id']}").body.decode()
    assert source.count(f'href="{made["link"]}"') == 1, "the preview does not lead there"
    assert f'src="{made["link"]}' not in source


def test_the_pdf_is_shown_and_nothing_was_viewed(server: Server) -> None:
    made = sent(server)
    events = server.get(f"/billogram/{made['billogram']}").data["events"]
    page = read(server, f"{PAGE}/{made['letter_id']}")
    (pdf,) = [target for words, target in page.links if words == "invoice-1.pdf"]
    answer = load(server, pdf)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.body.startswith(b"%PDF-")
    assert f'<iframe src="{pdf}"' in load(server, f"{PAGE}/{made['letter_id']}").body.decode()
    assert server.get(f"/billogram/{made['billogram']}").data["events"] == events


def test_what_is_not_there_is_404(server: Server) -> None:
    read(server, f"{PAGE}/none", 404)


def test_hostile_texts_are_shown_as_text(server: Server) -> None:
    hostile = '<script>alert("x")</script>'
    made = sent(
        server,
        customer={"customer_no": server.customer(name=hostile)},
        info={"message": f"{hostile}\n\N{RIGHT-TO-LEFT OVERRIDE}"},
    )
    for path in (PAGE, f"{PAGE}/{made['letter_id']}"):
        assert "<script>alert" not in load(server, path).body.decode()

"""The page of the clock and the agenda: what happens on a day, and how to get there."""

import re
from collections.abc import Iterator

import pytest

from tests.server import Server
from tests.ui.pages import Form, PageReader, read, send

PAGE = "/_mock/ui/accounts/demo/clock"
ADVANCE = "/_mock/accounts/demo/clock/advance"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(fixture="demo")
    yield made
    made.close()


def now(server: Server) -> str:
    moment: str = server.mock("GET", "/accounts/demo/clock").json["now"]
    return moment


def day(page: PageReader, name: str) -> str:
    """The text of a day of the agenda, from its name to that of the next one."""
    text = " ".join(page.text.split())
    found = re.split(r"(\w+day \d{4}-\d\d-\d\d)", text)
    return found[found.index(name) + 1]


def button(page: PageReader, text: str, **body: str) -> Form:
    """The form of this one button."""
    wanted = {f"body.{name}": value for name, value in body.items()}
    (found,) = [
        each
        for each in page.forms
        if [one.text for one in each.buttons] == [text] and wanted.items() <= each.fields.items()
    ]
    assert (found.fields["method"], found.fields["path"]) == ("POST", ADVANCE)
    return found


def test_the_agenda_by_day_has_the_coming_days_in_any_case(server: Server) -> None:
    page = read(server, PAGE)
    assert "Monday 2026-03-02 today" in " ".join(page.text.split())
    assert "10:00 Collection news" in day(page, "Tuesday 2026-03-03")
    assert day(page, "Wednesday 2026-03-04").strip().startswith("in 2 days Nothing")
    for number in range(2, 16):
        assert f"day-2026-03-{number:02}" in page.ids


def test_what_happens_next_tuesday_is_previewed_and_then_done(server: Server) -> None:
    page = read(server, PAGE)
    tuesday = day(page, "Tuesday 2026-03-10")
    assert "Nothing" in tuesday
    form = button(page, "What would happen until then", by="9d")  # all of the eighth day from now
    shown = send(server, PAGE, {**form.fields, "preview": "1"})
    assert (shown.status, now(server)[:10]) == (200, "2026-03-02")
    preview = PageReader(shown.body.decode())
    text = " ".join(preview.text.split())
    assert "Nothing has been changed." in text
    assert "Saturday 2026-03-07 in 5 days 08:00 Reminder" in text
    done = button(preview, "Move the clock there", by="9d")
    assert send(server, PAGE, done.fields).status == 303
    assert now(server)[:10] == "2026-03-11"


def test_go_there(server: Server) -> None:
    page = read(server, PAGE)
    first = button(page, "Go there", to="2026-03-03T10:00:00+01:00")
    assert send(server, PAGE, first.fields).status == 303
    assert now(server) == "2026-03-03T10:00:00+01:00"


def test_a_refused_move_keeps_what_was_typed(server: Server) -> None:
    fields = {"method": "POST", "path": ADVANCE, "body.to": "2020-01-01T00:00:00+01:00"}
    answer = send(server, PAGE, fields)
    assert answer.status == 422
    page = PageReader(answer.body.decode())
    assert "the clock can't be moved back" in page.text
    assert "2020-01-01T00:00:00+01:00" in [each.fields.get("body.to") for each in page.forms]


def test_the_clock_is_changed(server: Server) -> None:
    form = read(server, PAGE).form("/_mock/accounts/demo/clock", "PUT")
    assert form.fields["body.mode"] == "frozen"
    answer = send(server, PAGE, {**form.fields, "body.timezone": "Europe/Helsinki", "body.speed": "2"})
    assert answer.status == 303
    assert "Europe/Helsinki" in read(server, PAGE).text
    assert "2 times as fast" in read(server, PAGE).text


def test_nothing_to_come(server: Server) -> None:
    server.mock("POST", "/accounts", {"id": "fresh", "clock": {"mode": "frozen"}})
    page = "/_mock/ui/accounts/fresh/clock"
    assert "Nothing" in read(server, page).text
    fields = {"method": "POST", "path": ADVANCE.replace("demo", "fresh"), "body.by": "30d", "preview": "1"}
    assert "Nothing would happen." in send(server, page, fields).body.decode()

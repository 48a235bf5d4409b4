"""The edge of the dashboard: other web pages, sessions, headers, static files (control 7, ui 1)."""

import gzip
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import Answer, Server
from tests.test_browsers import ask
from tests.ui.pages import PageReader, load, read, send

BASE = "/_mock/ui"
ADVANCE = {"method": "POST", "path": "/_mock/accounts/demo/clock/advance", "body.by": "1d"}
TOKEN = "T0ken"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(fixture="demo")
    yield made
    made.close()


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    made = Server(fixture="demo", control_token=TOKEN)
    yield made
    made.close()


def now(server: Server) -> str:
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = server.run(server.asgi("GET", "/_mock/accounts/demo/clock", b"", headers))
    moment: str = answer.json["now"]
    return moment


def test_the_root_leads_browsers_to_the_dashboard(server: Server) -> None:
    answer = load(server, "/")
    assert (answer.status, answer.headers["location"]) == (303, f"{BASE}/")
    plain = server.run(server.asgi("GET", "/", b"", {"accept": "application/json"}))
    assert plain.status != 303


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_without_ui_there_is_no_page(accept: str) -> None:
    bare = Server(ui=False)
    try:
        assert load(bare, f"{BASE}/", accept=accept).status == 404
        assert load(bare, "/", accept=accept).status != 303
    finally:
        bare.close()


def test_every_answer_has_the_headers_of_a_page(server: Server) -> None:
    for path in ("/", "/accounts/demo/billograms", "/nowhere", "/static/dashboard.css", "/static/none"):
        answer = load(server, BASE + path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["", "/", "/accounts/demo/billograms", "/accounts/demo/billograms/new"])
def test_pages_have_no_inline_style_or_script(server: Server, path: str) -> None:
    body = load(server, BASE + path).body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", body)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", body)


def test_pages_are_compressed_for_those_who_can_read_it(server: Server) -> None:
    packed = load(server, f"{BASE}/accounts/demo/billograms", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body).startswith(b"<!doctype html>")
    assert "content-encoding" not in load(server, f"{BASE}/accounts/demo/billograms").headers


def test_static_files_are_asked_for_again_with_a_tag(server: Server) -> None:
    first = load(server, f"{BASE}/static/dashboard.js")
    assert first.headers["content-type"].startswith("text/javascript")
    again = load(server, f"{BASE}/static/dashboard.js", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("name", ["../edge.py", "..%2fedge.py", "%2e%2e/edge.py", "", "none.css", "a\0b"])
def test_static_files_are_those_of_the_folder(server: Server, name: str) -> None:
    assert load(server, f"{BASE}/static/{name}").status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_pages_are_read_and_forms_are_posted(server: Server, method: str) -> None:
    answer = server.run(server.asgi(method, f"{BASE}/"))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


FOREIGN = [
    {"origin": "https://page.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_origin_changes_nothing(server: Server, headers: dict[str, str]) -> None:
    before = now(server)
    answer = send(server, f"{BASE}/accounts/demo/billograms", ADVANCE, **headers)
    assert (answer.status, now(server)) == (403, before)


@pytest.mark.parametrize("path", ["/", "/accounts/demo", "/static/dashboard.js", "/accounts/demo/stream"])
def test_a_page_of_an_unknown_host(server: Server, path: str) -> None:
    """A request as it comes from a socket; in process any host is known."""
    assert ask(server, "GET", BASE + path, ["page.example"], []).status == 421
    assert ask(server, "GET", f"{BASE}/", ["localhost"], []).status == 200


BAD_FORMS: list[tuple[dict[str, str], int]] = [
    ({}, 400),
    ({"method": "POST"}, 400),
    (ADVANCE | {"method": "GET"}, 400),
    (ADVANCE | {"path": "/_mock/ui/accounts/demo"}, 400),
    (ADVANCE | {"path": "https://page.example/"}, 400),
    (ADVANCE | {"path": "/_mock/accounts/demo/nothing"}, 400),
    (ADVANCE | {"path": "/r/1/x"}, 400),
    (ADVANCE | {"body.by": "soon"}, 422),
    (ADVANCE | {"body.nothing": "1"}, 422),
    (ADVANCE | {"path": "/_mock/accounts/nobody/clock/advance"}, 422),
]


@pytest.mark.parametrize(("fields", "status"), BAD_FORMS, ids=str)
def test_a_bad_form_changes_nothing(server: Server, fields: dict[str, str], status: int) -> None:
    before = now(server)
    answer = send(server, f"{BASE}/accounts/demo/billograms", fields)
    assert (answer.status, now(server)) == (status, before)
    if status == 422:
        assert "Refused: nothing was changed" in PageReader(answer.body.decode()).text


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/x-www-form-urlencoded", b"method=%ff", 400),
        ("application/x-www-form-urlencoded", b"\xff=1", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(3000)), 400),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 2_000_000, 413),
    ],
)
def test_what_is_no_form(server: Server, kind: str, body: bytes, status: int) -> None:
    headers = {"content-type": kind}
    assert server.run(server.asgi("POST", f"{BASE}/", body, headers)).status == status


@pytest.mark.parametrize(
    "then",
    ["https://page.example/", "//page.example/", "/r/1", "/_mock/ui/\\x", "/_mock/ui/{id}", "javascript:1"],
)
def test_a_form_leads_to_pages_of_the_dashboard_only(server: Server, then: str) -> None:
    path = f"{BASE}/accounts/demo/billograms"
    answer = send(server, path, ADVANCE | {"then": then})
    assert (answer.status, answer.headers["location"]) == (303, path)


def test_a_form_that_is_done_leads_back_with_its_filters(server: Server) -> None:
    path = f"{BASE}/accounts/demo/billograms"
    answer = send(server, f"{path}?state=Paid&search=%C3%A5", ADVANCE)
    assert answer.headers["location"] == f"{path}?state=Paid&search=%C3%A5"


# the control token


def cookie(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def signed_in(server: Server) -> str:
    """The cookie of a new session."""
    answer = send(server, f"{BASE}/accounts/demo/billograms", {"token": TOKEN})
    assert answer.status == 303
    return cookie(answer)


def test_pages_ask_for_the_token(locked: Server) -> None:
    for path in ("/", "/accounts/demo/billograms", "/accounts/demo/stream"):
        page = read(locked, BASE + path, 401)
        assert "Control token" in page.text
        assert "demo" not in page.text
    assert load(locked, f"{BASE}/static/dashboard.css").status == 200


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + " ", TOKEN.lower(), "å"])
def test_a_wrong_token_begins_no_session(locked: Server, token: str) -> None:
    answer = send(locked, f"{BASE}/", {"token": token})
    assert (answer.status, "set-cookie" in answer.headers) == (401, False)
    assert "The token is wrong" in answer.body.decode()


def test_the_right_token_begins_a_session(locked: Server) -> None:
    answer = send(locked, f"{BASE}/accounts/demo/billograms?state=Paid", {"token": TOKEN})
    assert answer.headers["location"] == f"{BASE}/accounts/demo/billograms?state=Paid"
    shown = answer.headers["set-cookie"]
    assert "HttpOnly" in shown
    assert "SameSite=Strict" in shown
    assert TOKEN not in shown
    assert cookie(answer) != signed_in(locked), "each session has a value of its own"
    page = load(locked, answer.headers["location"], cookie=cookie(answer))
    assert page.status == 200
    assert TOKEN not in page.body.decode()


@pytest.mark.parametrize(
    "sent", ["", "mockserver_session=", "mockserver_session=x", "mockserver_session", "=;=", "[]"]
)
def test_a_wrong_cookie_is_no_session(locked: Server, sent: str) -> None:
    assert load(locked, f"{BASE}/", cookie=sent).status == 401


def test_forms_of_a_session_carry_its_token(locked: Server) -> None:
    mine, other = signed_in(locked), signed_in(locked)
    path = f"{BASE}/accounts/demo/billograms"

    def token_of(session: str) -> str:
        page = PageReader(load(locked, path, cookie=session).body.decode())
        return next(form.fields["csrf"] for form in page.forms if "csrf" in form.fields)

    before = now(locked)
    for csrf in ("", "x", token_of(other)):
        assert send(locked, path, ADVANCE | {"csrf": csrf}, cookie=mine).status == 403
    assert send(locked, path, ADVANCE, cookie=mine).status == 403
    assert now(locked) == before
    assert send(locked, path, ADVANCE | {"csrf": token_of(mine)}, cookie=mine).status == 303
    assert now(locked) != before


def test_all_forms_of_a_session_have_its_token(locked: Server) -> None:
    session = signed_in(locked)
    for path in ("/", "/accounts/demo/billograms/new"):
        page = PageReader(load(locked, BASE + path, cookie=session).body.decode())
        forms = [each for each in page.forms if each.method == "post"]
        assert forms
        assert all(each.fields["csrf"] for each in forms)


def test_nothing_of_the_pages_is_imported_before_one_is_asked_for() -> None:
    program = "import sys, mockserver.cli.serve, mockserver.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names: Any = done.stdout.split()
    assert not [name for name in names if name.startswith(("mockserver.ui", "jinja2", "markdown_it"))]

"""The edge of the dashboard: protection from other web pages, sessions, routing, forms, and static files."""

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockserver.browsers import KnownHosts, cross_site
from mockserver.configuration import Configuration
from mockserver.control.timeline import BEAT, OPENED
from mockserver.ui.answers import HTML, Answers, BadForm, Headers, read_form, static_files
from mockserver.ui.client import API, CONTROL, Client, Reply
from mockserver.ui.forms import BadField, body_of, headers_of
from mockserver.ui.page import BASE, Page, PageCall, PageRow, Submitted, page_url
from mockserver.ui.render import fill, render
from mockserver.ui.routes import ROUTES
from mockserver.ui.schemas import Operations
from mockserver.wire import ClientGone, Paths, base_of, header

_SESSIONS = 1000
_ALIVE = b"retry: 1000\nevent: beat\ndata: 1\n\n"
_COOKIE = "mockserver_session"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
)


class Dashboard:
    """The ASGI application of everything under `/_mock/ui`."""

    def __init__(self, app: ASGIApp, configuration: Configuration) -> None:
        """`app` is the whole application, which executes the operations."""
        self._app = app
        self._token = configuration.control_token
        self._public_base = configuration.public_base
        self._known_hosts = KnownHosts(configuration.allowed_hosts, configuration.public_url)
        self._answers = Answers(_POLICY)
        self._sessions: dict[str, str] = {}  # the value of the cookie, and the CSRF token of its forms
        self._operations: Operations | None = None
        self._loading = asyncio.Lock()
        self._paths: Paths[PageRow] = Paths(("GET", row.path, row) for row in ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._respond(scope, receive, send)
        except ClientGone:
            return

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._known_hosts.knows(scope):
            await self._send(scope, send, _message(421, "Unknown host", _UNKNOWN_HOST))
            return
        if cross_site(scope, self._public_base, stream="text/event-stream" in _text(scope, b"accept")):
            await self._send(scope, send, _message(403, "Refused", "Another web page sent this request."))
            return
        if scope["method"] not in ("GET", "HEAD", "POST"):
            page = _message(405, "Not possible", "Pages are read with GET, and forms sent with POST.")
            await self._send(scope, send, page, extra=[(b"allow", b"GET, HEAD, POST")])
            return
        path = scope["path"].removeprefix(BASE).strip("/")
        if path.startswith("static/"):
            await self._send_static(scope, send, path.removeprefix("static/"))
            return
        csrf = self._csrf(scope)
        if csrf is None:
            await self._sign_in(scope, receive, send)
            return
        if scope["method"] != "POST" and path.startswith("accounts/") and path.endswith("/stream"):
            await self._stream(scope, receive, send, path.removesuffix("/stream"))
            return
        await self._page(scope, receive, send, path, csrf)

    async def _page(self, scope: Scope, receive: Receive, send: Send, path: str, csrf: str) -> None:
        found = self._paths.find(path)
        if found is None:
            await self._send(scope, send, _message(404, "No such page", "There is no page at this address."))
            return
        row = found[0]["GET"]
        call = PageCall(
            client=Client(self._app, _text(scope, b"host") or "localhost", self._token),
            operations=await self._described(),
            path=scope["path"],
            params=found[1],
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
            base=self._public_base or base_of(scope),
            token=self._token is not None,
            csrf=csrf,
        )
        if scope["method"] == "POST":
            answer = await self._submit(scope, receive, call)
            if isinstance(answer, str):
                await self._redirect(scope, send, answer)
                return
            if isinstance(answer, Page):
                await self._send(scope, send, answer)
                return
            call.submitted = answer
        page = await render(call, row)
        if page.location:
            await self._redirect(scope, send, page.location)
        else:
            await self._send(scope, send, page)

    async def _described(self) -> Operations:
        """Return the operations of both OpenAPI documents, which are read once."""
        async with self._loading:
            if self._operations is None:
                client = Client(self._app, "localhost", self._token)
                documents = {base: await _document(client, path) for base, path in _DOCUMENTS.items()}
                self._operations = Operations(documents)
        return self._operations

    # forms

    async def _submit(self, scope: Scope, receive: Receive, call: PageCall) -> Submitted | Page | str:
        """Send the operation of a form. Returns the address to go to, or the form to show again."""
        typed = await _read_form(scope, receive)
        if isinstance(typed, Page):
            return typed
        named = dict(typed)
        if call.csrf and not hmac.compare_digest(named.get("csrf", "").encode(), call.csrf.encode()):
            return _message(403, "Refused", "The form is of another session. Load the page again.")
        method, path = named.get("method", ""), named.get("path", "")
        operation = call.operations.find(method, path)
        if operation is None or not path.startswith((f"{API}/", f"{CONTROL}/")) or path.startswith(BASE):
            return _message(400, "Unknown form", "The form names no operation.")
        preview = "preview" in named
        shown = Submitted(method, path, named, refused=True)
        try:
            body = body_of(operation, typed)
        except BadField as error:
            return _again(shown, str(error))
        if preview:
            body = {**(body or {}), "dry_run": True}
        headers = {
            name: quote(value, safe=_IN_HEADER) for name, value in headers_of(operation, typed).items()
        }
        reply = await call.client.send(method, _encoded(path), body, call.account, headers)
        if not reply.ok:
            return await _refusal(call, shown, reply)
        if preview or "stay" in named:
            return Submitted(method, path, named, refused=False, answer=reply.value)
        return _next(named.get("then", ""), call, reply)

    # sessions

    def _csrf(self, scope: Scope) -> str | None:
        """Return the CSRF token of the session: empty if none is needed, None if nobody is signed in."""
        if self._token is None:
            return ""
        scheme, _, sent = _text(scope, b"authorization").strip().partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), self._token.encode()):
            return ""  # a web page can't send this header, so its forms need no CSRF token
        try:
            cookie = SimpleCookie(_text(scope, b"cookie")).get(_COOKIE)
        except CookieError:
            return None
        return None if cookie is None else self._sessions.get(cookie.value)

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for the control token, and begin a session when the right one is sent."""
        assert self._token is not None
        values: dict[str, Any] = {"wrong": False, "then": _own(scope["path"], scope["query_string"])}
        if scope["method"] == "POST":
            typed = await _read_form(scope, receive)
            if isinstance(typed, Page):
                await self._send(scope, send, typed)
                return
            named = dict(typed)
            if hmac.compare_digest(named.get("token", "").encode(), self._token.encode()):
                while len(self._sessions) >= _SESSIONS:
                    del self._sessions[next(iter(self._sessions))]
                session = secrets.token_urlsafe(32)
                self._sessions[session] = secrets.token_urlsafe(32)
                cookie = f"{_COOKIE}={session}; Path={CONTROL}; HttpOnly; SameSite=Strict"
                if (self._public_base or "").startswith("https:"):
                    cookie += "; Secure"
                await self._redirect(scope, send, values["then"], [(b"set-cookie", cookie.encode())])
                return
            values["wrong"] = True
        await self._send(scope, send, Page("sign_in.html", values, 401))

    # the live stream

    async def _stream(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Hand the request on to the timeline of the control plane, which streams."""
        headers = [each for each in scope["headers"] if each[0] not in (b"accept", b"authorization")]
        headers.append((b"accept", b"text/event-stream"))
        if self._token is not None:
            headers.append((b"authorization", f"Bearer {self._token}".encode()))
        target = f"{CONTROL}/{path}/timeline"

        async def send_visibly(message: Message) -> None:
            if message.get("body") in (OPENED, BEAT):  # a script does not see comments
                message["body"] = _ALIVE
            await send(message)

        asked = {**scope, "path": target, "raw_path": quote(target).encode(), "headers": headers}
        await self._app(asked, receive, send_visibly)

    # answers

    async def _send(self, scope: Scope, send: Send, page: Page, *, extra: Headers | None = None) -> None:
        if page.content is None:
            content, kind = fill(page).encode(), HTML
        else:
            content, kind = page.content, page.content_type
        headers = [(b"cache-control", b"no-store"), *(extra or ())]
        await self._answers.send(scope, send, page.status, headers, content, kind)

    async def _send_static(self, scope: Scope, send: Send, name: str) -> None:
        if name in static_files():
            await self._answers.send_static(scope, send, name)
        else:
            await self._send(scope, send, _message(404, "No such file", "There is no file at this address."))

    async def _redirect(self, scope: Scope, send: Send, target: str, extra: Headers | None = None) -> None:
        headers: Headers = [(b"location", target.encode()), *(extra or ())]
        await self._answers.send(scope, send, 303, headers, b"")


_IN_HEADER = " !#$&'()*+,/:;=?@[]{}|~"  # of a value that a person typed, what stays as it is
_UNKNOWN_HOST = "The address names a host that is not known to be this server: see --allowed-hosts."
_DOCUMENTS = {API: "/openapi.json", CONTROL: "/_mock/openapi.json"}


async def _document(client: Client, path: str) -> Mapping[str, Any]:
    reply = await client.send("GET", path)
    assert reply.ok, f"{path} was not answered: {reply.status}"
    found: Mapping[str, Any] = reply.value
    return found


async def _read_form(scope: Scope, receive: Receive) -> list[tuple[str, str]] | Page:
    try:
        return await read_form(scope, receive)
    except BadForm as problem:
        return _message(problem.status, problem.title, problem.text)


async def _refusal(call: PageCall, shown: Submitted, reply: Reply) -> Submitted:
    """Return the form with why it was refused: an error of the control plane, or one of the API."""
    value = reply.value if isinstance(reply.value, dict) else {}
    error = value.get("error")
    if isinstance(error, dict):
        return _again(shown, error.get("message", ""), error.get("hint", ""))
    data = value.get("data") or {}
    explanation = None
    if place := reply.headers.get("mock-explain"):
        explained = await call.client.send("GET", place)
        explanation = explained.value if explained.ok else None
    return Submitted(
        shown.method,
        shown.path,
        shown.typed,
        refused=True,
        message=data.get("message") or str(value.get("status", reply.status)),
        rule=reply.headers.get("mock-rule", ""),
        field=str(data.get("field") or ""),
        explanation=explanation,
    )


def _again(shown: Submitted, message: str, hint: str = "") -> Submitted:
    return Submitted(shown.method, shown.path, shown.typed, refused=True, message=message, hint=hint)


def _next(then: str, call: PageCall, reply: Reply) -> str:
    """Return the page after a form: one of the dashboard's own, or the present one."""
    value = reply.value if isinstance(reply.value, dict) else {}
    made = value.get("data") if isinstance(value.get("data"), dict) else value
    for name in ("id", "customer_no", "name"):
        if isinstance(made, dict) and name in made:
            then = then.replace(f"{{{name}}}", quote(str(made[name]), safe=""))
    if not then.startswith(f"{BASE}/") or "{" in then or "\\" in then:
        then = _encoded(call.path)
        if call.query:
            then += f"?{urlencode(call.query)}"
    return then.encode("ascii", "ignore").decode()


def _encoded(path: str) -> str:
    """Return a path for a request: what is encoded already stays as it is."""
    return quote(path, safe="/%:@!$&'()*+,;=~-._")


def _own(path: str, query: bytes) -> str:
    """Return the address of a page of the dashboard, without line breaks; the first page for any other."""
    target = _encoded(path) if path.startswith(f"{BASE}/") else f"{BASE}/"
    return f"{target}?{quote(query.decode('latin-1'), safe='=&%+')}" if query else target


def _message(status: int, title: str, text: str) -> Page:
    return Page("message.html", {"title": title, "text": text, "home": page_url()}, status)


def _text(scope: Scope, name: bytes) -> str:
    return (header(scope, name) or b"").decode("latin-1")

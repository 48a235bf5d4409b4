"""The edge of the recipient's page: everything under `/r/` (reference: behaviour 7, ui 3).

It is Billogram's own page, public by its link as the real one is: no credentials, no control token, no
cookies. Any name of the server may be used, since links are made from the name that the client of the API
used [A]; what a page of another origin sends is refused as everywhere (control 7).
"""

import asyncio
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from mockserver.browsers import cross_site
from mockserver.configuration import Configuration
from mockserver.ui import recipient
from mockserver.ui.answers import Answers, BadForm, Headers, read_form
from mockserver.ui.client import Client, Reply, path_of
from mockserver.ui.page import Page
from mockserver.ui.recipient import ACTIONS, KEPT, Visit
from mockserver.ui.render import fill
from mockserver.wire import ClientGone, header

BASE = "/r"
_STATIC = ("recipient.css", "icon.svg")
_FILES = ("invoice.pdf", "attachment.pdf", "logotype", "coverphoto")
_OFFER = re.compile(r"offer-[A-Za-z0-9]{1,30}", re.ASCII)  # the picture of an offer
_OCR_NUMBER = re.compile(r"\d{1,40}", re.ASCII)
_LINK = re.compile(r"[A-Z]{5}", re.ASCII)
_KEPT = 200  # characters of a refused field
_READ, _SENT = "GET, HEAD", "POST"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)
_BUSY = 503


class Recipient:
    """The ASGI application of everything under `/r/`."""

    def __init__(self, app: ASGIApp, configuration: Configuration) -> None:
        """`app` is the whole application, which executes the operations."""
        self._app = app
        self._token = configuration.control_token
        self._public_base = configuration.public_base
        self._answers = Answers(_POLICY)
        self._acting = asyncio.Lock()  # one act at a time: payments together are at most what remains

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._respond(scope, receive, send)
        except ClientGone:
            return

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        if cross_site(scope, self._public_base):
            await self._message(scope, send, 403, "En annan webbplats skickade det här. Inget har ändrats.")
            return
        ocr_number, _, rest = scope["path"].removeprefix(f"{BASE}/").partition("/")
        link, _, last = rest.partition("/")
        if ocr_number == "static" and rest in _STATIC and scope["method"] in ("GET", "HEAD"):
            await self._answers.send_static(scope, send, rest)
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        found = await self._find(scope, ocr_number, link, query.get("account"))
        is_page = "/" not in rest
        is_file = last in _FILES or _OFFER.fullmatch(last) is not None
        if isinstance(found, Visit) and (is_page or is_file or last in ACTIONS):
            allowed = _SENT if last in ACTIONS else _READ
            if scope["method"] not in allowed.split(", "):
                allow = [(b"allow", allowed.encode())]
                await self._message(scope, send, 405, "Så kan sidan inte användas.", allow)
            elif is_page:
                await self._page(scope, send, found, query)
            elif last in ACTIONS:
                await self._act(scope, receive, send, found, link, last, query)
            else:
                await self._file(scope, send, await found.file(last), last)
        else:
            await self._missing(scope, send, None if isinstance(found, Visit) else found)

    async def _find(
        self, scope: Scope, ocr_number: str, link: str, account: str | None
    ) -> Visit | Reply | None:
        """Return the visit of a link, or the refusal of the operation, or None if it can be no link."""
        if not (_OCR_NUMBER.fullmatch(ocr_number) and _LINK.fullmatch(link)):
            return None
        host = (header(scope, b"host") or b"localhost").decode("latin-1")
        client = Client(self._app, host, self._token, recipient=True)
        asked = f"?{urlencode({'account': account})}" if account else ""
        reply = await client.send("GET", path_of("links", ocr_number, link) + asked)
        if not reply.ok:
            return reply
        caller = scope.get("client")
        ip = str(caller[0])[:100] if caller and caller[0] else None
        return Visit(client, reply.value["account"], reply.value["billogram"], ip)

    async def _page(self, scope: Scope, send: Send, visit: Visit, query: Mapping[str, str]) -> None:
        if scope["method"] == "GET":
            await visit.open()  # the page is shown also while nothing can be written
        shown = await visit.look()
        if shown.ok:
            await self._send(scope, send, Page("recipient.html", recipient.values(shown.value, query)))
        else:
            await self._missing(scope, send, shown)

    async def _act(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        visit: Visit,
        link: str,
        action: str,
        query: Mapping[str, str],
    ) -> None:
        """Do what a form asks for, and go back to the page, whose address says how it went."""
        try:
            typed = dict(await read_form(scope, receive))
        except BadForm as problem:
            await self._message(scope, send, problem.status, "Formuläret kunde inte läsas.")
            return
        async with self._acting:
            shown = await visit.look()
            if not shown.ok:
                await self._missing(scope, send, shown)
                return
            refused = await ACTIONS[action](visit, shown.value, typed)
        outcome = {"account": query["account"]} if query.get("account") else {}
        if refused:
            outcome |= {"refused": action, "why": refused}
            if kept := typed.get(KEPT.get(action, ""), "")[:_KEPT]:
                outcome["typed"] = kept
        else:
            outcome["done"] = action
        target = f"../{link}?{urlencode(outcome, errors='replace')}#outcome"
        headers = [(b"location", target.encode()), (b"cache-control", b"no-store")]
        await self._answers.send(scope, send, 303, headers, b"")

    async def _file(self, scope: Scope, send: Send, reply: Reply, name: str) -> None:
        if not reply.ok:
            await self._missing(scope, send, reply)
            return
        found: dict[str, Any] = reply.value
        headers: Headers = [(b"cache-control", b"no-store")]
        if name.endswith(".pdf"):
            headers.append((b"content-disposition", f'inline; filename="{name}"'.encode()))
        await self._answers.send(scope, send, 200, headers, b64decode(found["content"]), found["file_type"])

    async def _missing(self, scope: Scope, send: Send, reply: Reply | None) -> None:
        if reply is not None and reply.status == _BUSY:
            await self._message(scope, send, _BUSY, "Sidan kan inte visas just nu. Försök igen om en stund.")
        else:
            await self._message(scope, send, 404, "Länken stämmer inte, eller så finns filen inte än.")

    async def _message(
        self, scope: Scope, send: Send, status: int, text: str, headers: Headers | None = None
    ) -> None:
        title = "Sidan finns inte" if status == 404 else "Det gick inte"
        up = "../" * (scope["path"].count("/") - 2)  # from this address to `/r/`
        await self._send(
            scope,
            send,
            Page("recipient_message.html", {"title": title, "text": text, "up": up}, status),
            headers,
        )

    async def _send(self, scope: Scope, send: Send, page: Page, headers: Headers | None = None) -> None:
        more: Headers = [(b"cache-control", b"no-store"), *(headers or ())]
        await self._answers.send(scope, send, page.status, more, fill(page).encode("utf-8", "replace"))

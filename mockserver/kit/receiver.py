"""The receiver of one account: it stores the webhooks, and checks their signature."""

import asyncio
import json
import logging
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from mockserver.core import signature
from mockserver.core.callbacks import Planned
from mockserver.in_process import InProcessRequest, InProcessResponse
from mockserver.kit.apps import HOST, LoopRunner, Runner, TestEnded, WsgiRunner
from mockserver.serving import real_monotonic
from mockserver.webhooks.sender import Request
from mockserver.webhooks.transport import Outcome

logger = logging.getLogger(__name__)

T = TypeVar("T")

ENDED = "the test ended before its application answered"
_SHOWN = 200  # characters of a response body
_PACKAGE = str(Path(__file__).parents[1])


class Webhook:
    """One attempt to deliver a callback to `url`: that of the test's receiver, or of another one.

    `status_code` is the status that the receiver answered with; None if it did not answer. `error` is the
    exception of its application, or why it did not answer.
    """

    def __init__(
        self,
        planned: Planned,
        request: Request,
        status_code: int | None,
        error: str | None,
    ) -> None:
        self.headers: dict[str, str] = dict(request.headers)
        self.body: bytes = request.body
        self.callback_id: str = planned.callback_id
        self.callback_type: str = planned.type
        self.event_type: str | None = planned.event_type
        self.billograms: tuple[str, ...] = _billograms(planned)
        self.url: str = planned.url
        self.status_code = status_code
        self.error = error
        self._sign_key = planned.sign_key

    @cached_property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def billogram(self) -> str | None:
        """The id of its billogram; of a recall over several billograms, the first."""
        return self.billograms[0] if self.billograms else None

    @property
    def signature_problem(self) -> str | None:
        """Why the signature in the headers is wrong, in words; None if it is right."""
        if self._sign_key is None:
            return "unsigned: the account has no key"
        headers = {name.lower(): value for name, value in self.headers.items()}
        return signature.problem(self._sign_key, headers, self.body)

    @property
    def accepted(self) -> bool:
        """Whether the receiver answered 2xx."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def signature_ok(self) -> bool:
        """Whether it is signed with the account's key."""
        return self.signature_problem is None

    @property
    def name(self) -> str:
        """The event type, or the callback type if it has no event type."""
        return self.event_type or self.callback_type

    def __repr__(self) -> str:
        return f"<Webhook {' '.join([self.name, *self.billograms])}>"


def _billograms(planned: Planned) -> tuple[str, ...]:
    if planned.billogram is not None:
        return (planned.billogram,)
    recall = (planned.payload or {}).get("payment_recall", {})
    return tuple(payable["billogram"]["id"] for payable in recall.get("payables", ()))


class Receiver:
    """Receives an account's callbacks on the server's loop. Answers 200, or what an application answers.

    It stores the attempts that went to other receivers too: a test that waits for a webhook, or for none,
    must not depend on where the account's webhooks go.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._received: list[Webhook] = []
        self._cleared = 0  # webhooks at the beginning of the list that are not shown any more
        # ids of callbacks that are not shown: their acts are undone
        self._undone: frozenset[str] = frozenset()
        self._tracebacks: dict[tuple[Any, ...], str] = {}  # of the application, by where it raised
        self._tracebacks_shown = 0
        self._changed = threading.Condition()
        self._app: Runner | None = None
        self._path = "/"

    async def __call__(self, planned: Planned, request: Request) -> Outcome:
        """Handle one attempt."""
        begun = perf_counter()
        app, status, error, response = self._app, 200, None, InProcessResponse(200, {}, b"")
        if app is not None:
            try:
                response = await app(InProcessRequest("POST", self._path, request.headers, request.body))
                status = response.status
            except TestEnded:
                return Outcome(None, ENDED, (perf_counter() - begun) * 1000, {}, "")
            except asyncio.CancelledError:
                raise
            except BaseException as raised:  # pytest.fail() and sys.exit() too
                logger.error("the receiving application raised %r", raised)
                self._keep_traceback(raised)
                status, error = 500, f"{type(raised).__name__}: {raised}"
        self._add(Webhook(planned, request, status, error))
        shown = error if error is not None else response.body.decode("utf-8", "replace")
        return Outcome(status, None, (perf_counter() - begun) * 1000, response.headers, shown[:_SHOWN])

    def observe(self, planned: Planned, request: Request, outcome: Outcome) -> None:
        """Store an attempt that went to another receiver."""
        # an attempt to this receiver is stored when it is answered
        if planned.url != self.url:
            self._add(Webhook(planned, request, outcome.status_code, outcome.error))

    def _add(self, webhook: Webhook) -> None:
        with self._changed:
            self._received.append(webhook)
            self._changed.notify_all()

    def _keep_traceback(self, raised: BaseException) -> None:
        trace = raised.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            trace = trace.tb_next  # the application's own frames begin later
        text = "".join(traceback.format_exception(type(raised), raised, trace)).rstrip()
        with self._changed:
            self._tracebacks.setdefault((type(raised), *_lines(trace)), text)

    def new_tracebacks(self) -> list[str]:
        """The tracebacks of the application that no message has shown yet; one for each place that raised."""
        with self._changed:
            found = list(self._tracebacks.values())[self._tracebacks_shown :]
            self._tracebacks_shown += len(found)
        return [line for text in found for line in ("the application raised:", *text.splitlines())]

    def deliver_to(self, app: Runner | None, path: str) -> None:
        """Let this application answer later callbacks. None: the receiver itself answers."""
        old, self._app, self._path = self._app, app, path
        if isinstance(app, WsgiRunner):
            app.notify = self._notify
        if old is not None:
            old.close()

    def needs_this_loop(self) -> bool:
        """Whether the application can't answer while the caller blocks."""
        return self._app is not None and self._app.runs_here()

    def all(self, *, hidden_too: bool = False) -> list[Webhook]:
        """The webhooks received so far, oldest first; by default without those that are forgotten."""
        with self._changed:
            return list(self._received) if hidden_too else self._shown()

    def _shown(self) -> list[Webhook]:
        return [each for each in self._received[self._cleared :] if each.callback_id not in self._undone]

    def clear(self) -> None:
        """Forget the webhooks received so far."""
        with self._changed:
            self._cleared = len(self._received)

    def forget(self, undone: frozenset[str], kept: frozenset[str]) -> None:
        """Forget callbacks by their ids, also those that are still being sent. `kept` are shown again."""
        with self._changed:
            self._undone = (self._undone | undone) - kept

    def until(self, look: Callable[[list[Webhook]], T | None], timeout: float) -> T | None:
        """Wait until `look` returns a result for the webhooks received; None after `timeout` seconds."""
        deadline = real_monotonic() + timeout
        with self._changed:
            while (found := look(self._shown())) is None:
                left = deadline - real_monotonic()
                if left <= 0:
                    return None
                if (app := self._app_called_here()) is not None and app.waiting():
                    self._changed.release()
                    try:
                        app.work()
                    finally:
                        self._changed.acquire()
                else:
                    self._changed.wait(left)
            return found

    def work_until(self, future: "Future[Any]") -> None:
        """Answer calls until the future is done, if the application is called on the caller's thread."""
        if (app := self._app_called_here()) is not None:
            app.work_until(future)

    def called_here(self) -> bool:
        """Whether the application is called on the caller's thread, while it waits."""
        return self._app_called_here() is not None

    def _app_called_here(self) -> WsgiRunner | None:
        app = self._app
        return app if isinstance(app, WsgiRunner) and app.called_here() else None

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """Called when the test function has returned: do not call an application on its loop any more."""
        if self._app is not None and type(self._app) is LoopRunner:
            self._app.end()

    def begin(self) -> None:
        """Called between two tests of one account.

        No application whose loop has ended answers any more, and what it raised in one test is not shown by
        another.
        """
        with self._changed:
            self._tracebacks.clear()
            self._tracebacks_shown = 0
        if self._app is not None and type(self._app) is LoopRunner:
            self.deliver_to(None, "/")

    def close(self) -> None:
        """Release the application."""
        if self._app is not None:
            self._app.close()


def _lines(trace: TracebackType | None) -> list[tuple[str, int]]:
    return [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(trace)]


def shown_url(url: str) -> str:
    """A URL for messages, without user, password and query: they may be secret."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def receiver_url(account: str) -> str:
    """The URL of an account's receiver. Its host name can't be resolved on a network."""
    return f"https://{HOST}/{quote(account, safe='')}"

"""The receiver of one account: it stores the webhooks, and checks their signature."""

import json
import logging
import threading
from collections.abc import Callable
from functools import cached_property
from time import monotonic, perf_counter
from typing import Any, TypeVar

from mockserver.core import signature
from mockserver.core.callbacks import Planned
from mockserver.in_process import InProcessRequest, InProcessResponse
from mockserver.kit.apps import HOST, LoopRunner, TestEnded
from mockserver.webhooks.sender import Request
from mockserver.webhooks.transport import Outcome

logger = logging.getLogger(__name__)

T = TypeVar("T")

ENDED = "the test ended before its application answered"
_SHOWN = 200  # characters of a response body


class Webhook:
    """One attempt to deliver a callback, as the receiver got it.

    `status_code` is the status that the receiver answered with, `error` the exception of its application.
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
    """Receives an account's callbacks on the server's loop. Answers 200, or what an application answers."""

    def __init__(self) -> None:
        self._received: list[Webhook] = []
        self._changed = threading.Condition()
        self._app: LoopRunner | None = None
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
            except Exception as raised:
                logger.error("the receiving application raised %r", raised, exc_info=raised)
                status, error = 500, f"{type(raised).__name__}: {raised}"
        with self._changed:
            self._received.append(Webhook(planned, request, status, error))
            self._changed.notify_all()
        shown = error if error is not None else response.body.decode("utf-8", "replace")
        return Outcome(status, None, (perf_counter() - begun) * 1000, response.headers, shown[:_SHOWN])

    def deliver_to(self, app: LoopRunner | None, path: str) -> None:
        """Let this application answer later callbacks. None: the receiver itself answers."""
        old, self._app, self._path = self._app, app, path
        if old is not None:
            old.close()

    def needs_this_loop(self) -> bool:
        """Whether the application can't answer while the caller blocks."""
        return self._app is not None and self._app.runs_here()

    def all(self) -> list[Webhook]:
        """The webhooks received so far, oldest first."""
        with self._changed:
            return list(self._received)

    def until(self, look: Callable[[list[Webhook]], T | None], timeout: float) -> T | None:
        """Wait until `look` returns a result for the webhooks received; None after `timeout` seconds."""
        deadline = monotonic() + timeout
        with self._changed:
            while (found := look(self._received)) is None:
                if not self._changed.wait(max(0.0, deadline - monotonic())) and monotonic() >= deadline:
                    return look(self._received)
            return found

    def end(self) -> None:
        """Called when the test function has returned: do not call an application on its loop any more."""
        if self._app is not None and type(self._app) is LoopRunner:
            self._app.end()

    def close(self) -> None:
        """Release the application."""
        if self._app is not None:
            self._app.close()


def receiver_url(account: str) -> str:
    """The URL of an account's receiver. Its host name can't be resolved on a network."""
    from urllib.parse import quote

    return f"https://{HOST}/{quote(account, safe='')}"

"""`Webhooks`: how a test waits for the webhooks of its account."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Literal, overload

from mockserver.core.callbacks import TYPES
from mockserver.core.events import BillogramEvent
from mockserver.kit.receiver import Receiver, Webhook, shown_url
from mockserver.kit.shapes import WebhookType

_TIMEOUT = 5.0  # seconds
_SHOWN = 40  # webhooks in a message

Status = int | Literal["any"] | None  # which answers count; None: 2xx


class Webhooks:
    """The webhooks of an account: every attempt to deliver one, to the test's receiver or to another."""

    def __init__(
        self,
        receiver: Receiver,
        undelivered: Callable[[], list[str]],
        settle: Callable[[float], bool],
        look: Callable[[float, tuple[str, str | None] | None], None],
        callbacks: Callable[[], dict[str, Any]],
        has_billogram: Callable[[str], bool],
        *,
        skip_copies: bool,
    ) -> None:
        self._receiver = receiver
        self._undelivered = undelivered  # the lines about failed deliveries
        self._settle = settle  # waits until no webhook is queued or being sent
        self._look = look  # releases the callbacks that are on hold until the test looks
        self._callbacks = callbacks  # where the account's webhooks go now, and of which types
        self._has_billogram = has_billogram
        self._skip_copies = skip_copies  # under billogram_orders only the first of each counts
        # ids of the callbacks that `wait` has returned, by its arguments
        self._returned: dict[tuple[str | None, str | None, Status], list[str]] = {}

    def all(self) -> list[Webhook]:
        """Every webhook sent so far, oldest first, whatever was answered; one sent again is listed again."""
        self._look(_TIMEOUT, None)
        if self._receiver.called_here():
            self._settle(_TIMEOUT)
        return self.received()

    def received(self) -> list[Webhook]:
        """As `all`, but without releasing the callbacks on hold. For the kit itself."""
        return self._receiver.all()

    @overload
    def wait(
        self,
        kind: WebhookType | None = None,
        *,
        billogram: str | None = None,
        status: Status = None,
        timeout: float = _TIMEOUT,
    ) -> Webhook: ...

    @overload
    def wait(
        self,
        kind: WebhookType | None = None,
        *,
        billogram: str | None = None,
        count: int,
        status: Status = None,
        timeout: float = _TIMEOUT,
    ) -> list[Webhook]: ...

    def wait(
        self,
        kind: WebhookType | None = None,
        *,
        billogram: str | None = None,
        count: int | None = None,
        status: Status = None,
        timeout: float = _TIMEOUT,
    ) -> Webhook | list[Webhook]:
        """Return the next webhook of this event or callback type that its receiver answered with 2xx.

        Those already sent count, wherever they went. `status`: the answer that counts in place of 2xx, or
        "any" for all, also for none. A second call with the same arguments waits for the webhook after that.
        With `count` it waits until that many have been sent since the account was created, and returns them
        all. Raises AssertionError after `timeout` seconds, with the list of what was sent.
        """
        __tracebackhide__ = True
        self._check_arguments(kind, billogram)
        if count is not None and count < 1:
            raise ValueError(f"count must be at least 1, not {count}; to assert that nothing comes: none()")
        self.check_loop("webhooks.wait", "webhooks.wait_async")
        self._look(timeout, None if kind is None else (kind, billogram))
        awaited = (kind, billogram, status)
        needed = len(self._returned.get(awaited, ())) + 1 if count is None else count

        def look(received: list[Webhook]) -> list[Webhook] | None:
            found = [
                each for each in received if _matches(each, kind, billogram) and _has_status(each, status)
            ]
            if self._skip_copies:
                found = _without_copies(found)
            return found if len(found) >= needed else None

        if self._receiver.called_here():  # nothing else calls the application: let it take all that waits
            self._settle(timeout)
        found = self._receiver.until(look, timeout)
        if found is None:
            described = _described(kind, billogram)
            times = f"{count} of them" if count is not None else f"number {needed}" if needed > 1 else "one"
            lines = self._refused(kind, billogram, status)
            raise AssertionError(
                "\n".join([f"waited {timeout:g} s for {described}, {times}", *lines, self._report()])
            )
        if needed > len(self._returned.get(awaited, ())):
            self._returned[awaited] = [each.callback_id for each in found[:needed]]
        return found if count is not None else found[needed - 1]

    @overload
    async def wait_async(
        self,
        kind: WebhookType | None = None,
        *,
        billogram: str | None = None,
        status: Status = None,
        timeout: float = _TIMEOUT,  # noqa: ASYNC109
    ) -> Webhook: ...

    @overload
    async def wait_async(
        self,
        kind: WebhookType | None = None,
        *,
        billogram: str | None = None,
        count: int,
        status: Status = None,
        timeout: float = _TIMEOUT,  # noqa: ASYNC109
    ) -> list[Webhook]: ...

    async def wait_async(
        self,
        kind: WebhookType | None = None,
        *,
        billogram: str | None = None,
        count: int | None = None,
        status: Status = None,
        timeout: float = _TIMEOUT,  # noqa: ASYNC109  # it raises an AssertionError with the list of what was received
    ) -> Webhook | list[Webhook]:
        """`wait` without blocking the event loop: for a test whose own loop runs the application."""
        __tracebackhide__ = True
        from anyio import to_thread

        def waiting() -> Webhook | list[Webhook]:
            if count is None:
                return self.wait(kind, billogram=billogram, status=status, timeout=timeout)
            return self.wait(kind, billogram=billogram, count=count, status=status, timeout=timeout)

        return await to_thread.run_sync(waiting)

    def none(
        self, kind: WebhookType | None = None, *, billogram: str | None = None, timeout: float = _TIMEOUT
    ) -> None:
        """Wait until no webhook is being sent, and assert that none of this type was sent to anybody.

        Raises AssertionError also when the account sends no webhooks of this type at all.
        """
        __tracebackhide__ = True
        self._check_arguments(kind, billogram)
        self.check_loop("webhooks.none", "webhooks.none_async")
        settled = self._settle(timeout)
        found = [each for each in self.received() if _matches(each, kind, billogram)]
        if found:
            raise AssertionError(
                f"{_described(kind, billogram)} was received, {len(found)} of them\n{self._report()}"
            )
        if (reason := self._switched_off(kind)) is not None:
            raise AssertionError(f"none() could only pass: {reason}")
        if not settled:
            raise AssertionError(f"after {timeout:g} s webhooks were still being sent\n{self._report()}")

    async def none_async(
        self,
        kind: WebhookType | None = None,
        *,
        billogram: str | None = None,
        timeout: float = _TIMEOUT,  # noqa: ASYNC109
    ) -> None:
        """`none` without blocking the event loop."""
        __tracebackhide__ = True
        from anyio import to_thread

        await to_thread.run_sync(lambda: self.none(kind, billogram=billogram, timeout=timeout))

    def clear(self, *, timeout: float = _TIMEOUT) -> None:
        """Wait until no webhook is being sent, and forget all webhooks so far: `wait` starts anew."""
        __tracebackhide__ = True
        self.check_loop("webhooks.clear", "webhooks.clear_async")
        if not self._settle(timeout):
            raise AssertionError(f"after {timeout:g} s webhooks were still being sent\n{self._report()}")
        self._receiver.clear()
        self._returned.clear()

    async def clear_async(self, *, timeout: float = _TIMEOUT) -> None:  # noqa: ASYNC109
        """`clear` without blocking the event loop."""
        __tracebackhide__ = True
        from anyio import to_thread

        await to_thread.run_sync(lambda: self.clear(timeout=timeout))

    def forget_undone(self, undone: frozenset[str], kept: frozenset[str]) -> None:
        """Forget the callbacks of undone acts; `kept` are those of the state that the account has again."""
        self._receiver.forget(undone, kept)
        for awaited, returned in self._returned.items():
            self._returned[awaited] = [each for each in returned if each not in undone]

    def check_loop(self, name: str, instead: str) -> None:
        """Raise RuntimeError if the application runs on the caller's own event loop, which would block."""
        if self._receiver.needs_this_loop():
            raise RuntimeError(
                f"{name}() would block the event loop that the application of deliver_to() runs on; "
                f"write: await billogram.{instead}(...)"
            )

    def _check_arguments(self, kind: str | None, billogram: str | None) -> None:
        _check_kind(kind)
        if billogram is not None and not self._has_billogram(billogram):
            raise ValueError(f"the account has no billogram {billogram}")

    def _switched_off(self, kind: str | None) -> str | None:
        """Why the account's configuration sends no webhook of this type, or None."""
        callbacks = self._callbacks()
        if callbacks["url"] is None:
            return "the receiver was changed: the account has none, so no webhook is sent"
        types = callbacks["types"]
        callback_type = kind if kind in TYPES else "BillogramEvent"
        if kind is not None and callback_type not in types:
            return f"the account sends only webhooks of the types {', '.join(types) or 'none'}"
        return None

    def _refused(self, kind: str | None, billogram: str | None, status: Status) -> list[str]:
        """Why webhooks that were sent did not count, and why none may have been sent."""
        statuses = {
            str(each.status_code or "nothing")
            for each in self.received()
            if _matches(each, kind, billogram) and not _has_status(each, status)
        }
        lines = [] if (reason := self._switched_off(kind)) is None else [reason]
        if statuses:
            counts = "only 2xx counts; for others: status=500, or status='any'" if status is None else ""
            lines.append(
                f"it was sent, and answered with {', '.join(sorted(statuses))}; {counts}".rstrip("; ")
            )
        return lines

    def _report(self) -> str:
        received = self.received()
        left_out = [f"  ({len(received) - _SHOWN} earlier ones)"] if len(received) > _SHOWN else []
        lines = [
            f"  {' '.join([each.name, *each.billograms])}{self._where(each)}{_answer(each)}"
            for each in received[-_SHOWN:]
        ]
        return "\n".join(
            [
                "received:" if received else "nothing was received",
                *left_out,
                *lines,
                *self._undelivered(),
                *self._change(),
                *self._receiver.new_tracebacks(),
            ]
        )

    def _where(self, webhook: Webhook) -> str:
        return "" if webhook.url == self._receiver.url else f" to {shown_url(webhook.url)}"

    def _change(self) -> list[str]:
        url = self._callbacks()["url"]
        if url is None or url == self._receiver.url:
            return []
        return [f"the receiver was changed: webhooks of the account go to {shown_url(url)}"]


def _answer(webhook: Webhook) -> str:
    if webhook.status_code is None:
        return f", not answered: {webhook.error}"
    if webhook.error is not None:
        return f", the application raised {webhook.error}"
    return "" if webhook.status_code == 200 else f", answered {webhook.status_code}"


def _has_status(webhook: Webhook, status: Status) -> bool:
    if status is None:
        return webhook.accepted
    return status in ("any", webhook.status_code)


def _matches(webhook: Webhook, kind: str | None, billogram: str | None) -> bool:
    return kind in (None, webhook.callback_type, webhook.event_type) and (
        billogram is None or billogram in webhook.billograms
    )


def _without_copies(found: list[Webhook]) -> list[Webhook]:
    by_id: dict[str, Webhook] = {}
    for each in found:
        by_id.setdefault(each.callback_id, each)
    return list(by_id.values())


def _described(kind: str | None, billogram: str | None) -> str:
    return f"{kind or 'any webhook'}{'' if billogram is None else f' of {billogram}'}"


def _check_kind(kind: str | None) -> None:
    """Raise ValueError for a type that no webhook has: `wait` could only time out, and `none` only pass."""
    known = [*TYPES, *_event_types(BillogramEvent)]
    if kind is not None and kind not in known:
        suggestions = get_close_matches(kind, known)
        hint = f"; did you mean {' or '.join(suggestions)}?" if suggestions else ""
        raise ValueError(f"mockserver sends no webhook {kind}{hint}")


def _event_types(base: type) -> Iterator[str]:
    each: type
    for each in base.__subclasses__():
        yield each.__name__
        yield from _event_types(each)

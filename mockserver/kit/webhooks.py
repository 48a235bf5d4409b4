"""What a test asks of the webhooks of its account."""

from collections import Counter
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import overload

from mockserver.core.callbacks import TYPES
from mockserver.core.events import BillogramEvent
from mockserver.kit.receiver import Receiver, Webhook

_PATIENCE = 5.0  # seconds
_SHOWN = 40  # webhooks in a message


class Webhooks:
    """The webhooks that came to an account's receiver."""

    def __init__(
        self,
        receiver: Receiver,
        stands: Callable[[], list[str]],
        settle: Callable[[float], bool],
        look: Callable[[float, tuple[str, str | None] | None], None],
        *,
        once: bool,
    ) -> None:
        self._receiver = receiver
        self._stands = stands  # what of the deliveries is worth telling
        self._settle = settle  # wait until nothing is under way
        self._look = look  # what waits for the test to look, comes
        self._once = once  # copies are the receiver's affair: the test waits for the first of each
        self._asked: Counter[tuple[str | None, str | None]] = Counter()

    def all(self) -> list[Webhook]:
        """Every webhook that came so far, oldest first; one that was sent again is there again."""
        self._look(_PATIENCE, None)
        return self.came()

    def came(self) -> list[Webhook]:
        """The same, for the kit: nobody looks."""
        return self._receiver.all()

    @overload
    def wait(
        self, kind: str | None = None, *, billogram: str | None = None, timeout: float = _PATIENCE
    ) -> Webhook: ...

    @overload
    def wait(
        self, kind: str | None = None, *, billogram: str | None = None, count: int, timeout: float = _PATIENCE
    ) -> list[Webhook]: ...

    def wait(
        self,
        kind: str | None = None,
        *,
        billogram: str | None = None,
        count: int | None = None,
        timeout: float = _PATIENCE,
    ) -> Webhook | list[Webhook]:
        """The next webhook of this event or callback type; those that are already there count.

        Asked the same again it waits for the one after. With `count` it waits until so many have come since
        the account was made, and returns them all. AssertionError after `timeout` seconds, with what came.
        """
        __tracebackhide__ = True
        _check_kind(kind)
        self._check_loop("wait", "wait_async")
        self._look(timeout, None if kind is None else (kind, billogram))
        asked = (kind, billogram)
        needed = self._asked[asked] + 1 if count is None else count

        def look(came: list[Webhook]) -> list[Webhook] | None:
            found = [each for each in came if _fits(each, kind, billogram)]
            if self._once:
                found = _firsts(found)
            return found if len(found) >= needed else None

        found = self._receiver.until(look, timeout)
        if found is None:
            wanted = _wanted(kind, billogram)
            times = f"{count} of them" if count is not None else f"number {needed}" if needed > 1 else "one"
            raise AssertionError(f"waited {timeout:g} s for {wanted}, {times}\n{self._told()}")
        self._asked[asked] = max(self._asked[asked], needed)
        return found if count is not None else found[needed - 1]

    @overload
    async def wait_async(
        self,
        kind: str | None = None,
        *,
        billogram: str | None = None,
        timeout: float = _PATIENCE,  # noqa: ASYNC109
    ) -> Webhook: ...

    @overload
    async def wait_async(
        self,
        kind: str | None = None,
        *,
        billogram: str | None = None,
        count: int,
        timeout: float = _PATIENCE,  # noqa: ASYNC109
    ) -> list[Webhook]: ...

    async def wait_async(
        self,
        kind: str | None = None,
        *,
        billogram: str | None = None,
        count: int | None = None,
        timeout: float = _PATIENCE,  # noqa: ASYNC109  # it ends in an assertion that tells what came
    ) -> Webhook | list[Webhook]:
        """`wait`, while the loop goes on: for a test whose own loop runs the application."""
        __tracebackhide__ = True
        from anyio import to_thread

        def waiting() -> Webhook | list[Webhook]:
            if count is None:
                return self.wait(kind, billogram=billogram, timeout=timeout)
            return self.wait(kind, billogram=billogram, count=count, timeout=timeout)

        return await to_thread.run_sync(waiting)

    def none(
        self, kind: str | None = None, *, billogram: str | None = None, timeout: float = _PATIENCE
    ) -> None:
        """Once nothing is under way: no webhook of this type has come since the account was made."""
        __tracebackhide__ = True
        _check_kind(kind)
        self._check_loop("none", "none_async")
        settled = self._settle(timeout)
        found = [each for each in self.came() if _fits(each, kind, billogram)]
        if found:
            raise AssertionError(f"{_wanted(kind, billogram)} came, {len(found)} of them\n{self._told()}")
        if not settled:
            raise AssertionError(f"after {timeout:g} s webhooks were still under way\n{self._told()}")

    async def none_async(
        self,
        kind: str | None = None,
        *,
        billogram: str | None = None,
        timeout: float = _PATIENCE,  # noqa: ASYNC109
    ) -> None:
        """`none`, while the loop goes on."""
        __tracebackhide__ = True
        from anyio import to_thread

        await to_thread.run_sync(lambda: self.none(kind, billogram=billogram, timeout=timeout))

    def _check_loop(self, name: str, instead: str) -> None:
        if self._receiver.needs_this_loop():
            raise RuntimeError(
                f"webhooks.{name}() would hold the event loop that the application of deliver_to() runs on; "
                f"write: await billogram.webhooks.{instead}(...)"
            )

    def _told(self) -> str:
        came = self.came()
        left_out = [f"  ({len(came) - _SHOWN} earlier ones)"] if len(came) > _SHOWN else []
        lines = [f"  {' '.join([each.name, *each.billograms])}{_answer(each)}" for each in came[-_SHOWN:]]
        return "\n".join(["came:" if came else "nothing came", *left_out, *lines, *self._stands()])


def _answer(webhook: Webhook) -> str:
    if webhook.error is not None:
        return f", the application raised {webhook.error}"
    return "" if webhook.status_code == 200 else f", answered {webhook.status_code}"


def _fits(webhook: Webhook, kind: str | None, billogram: str | None) -> bool:
    return kind in (None, webhook.callback_type, webhook.event_type) and (
        billogram is None or billogram in webhook.billograms
    )


def _firsts(found: list[Webhook]) -> list[Webhook]:
    by_id: dict[str, Webhook] = {}
    for each in found:
        by_id.setdefault(each.callback_id, each)
    return list(by_id.values())


def _wanted(kind: str | None, billogram: str | None) -> str:
    return f"{kind or 'any webhook'}{'' if billogram is None else f' of {billogram}'}"


def _check_kind(kind: str | None) -> None:
    """ValueError for a type that no webhook has: one would wait for it in vain, or never find it."""
    known = [*TYPES, *_events(BillogramEvent)]
    if kind is not None and kind not in known:
        near = get_close_matches(kind, known)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"mockserver sends no webhook {kind}{hint}")


def _events(base: type) -> Iterator[str]:
    each: type
    for each in base.__subclasses__():
        yield each.__name__
        yield from _events(each)

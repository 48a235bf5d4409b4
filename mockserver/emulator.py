"""The emulator: accounts, time and the log behind a handful of methods.

`execute` decides and applies an act without suspending, then waits until the act is durable. `read` waits
until everything that it could show is durable. A caller that is cancelled while it waits does not undo the
act: the state is always the fold of the log.
"""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import time
from types import BuiltinFunctionType
from typing import Any, TypeVar

from mockserver.clock_runner import ClockRunner
from mockserver.core import accounts
from mockserver.core.accounts import Defaults, NewAccount
from mockserver.core.act import Act
from mockserver.core.model import Account
from mockserver.core.state import State
from mockserver.ledger import AccountExists, AccountGone, Ledger, LiveAccount, new_stream
from mockserver.log.interface import Branch, Log, LogFailed
from mockserver.log.writer import durable, kept
from mockserver.snapshots import Snapshots

T = TypeVar("T")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRAMES = 5


def _real_time() -> datetime:
    """The time of this process: what `time.time()` shows everywhere in it, also when a test froze it."""
    if type(time) is BuiltinFunctionType:  # not replaced by freezegun; time-machine changes both alike
        return datetime.now(UTC)
    return _EPOCH + timedelta(seconds=_time_of_process())


def _time_of_process(frames: int = _FRAMES) -> float:
    # freezegun shows the real time to callers with a frame of `threading` among the last five, and the
    # server of a test runs in a thread: the application must see the same time
    return _time_of_process(frames - 1) if frames else time()


class Emulator(Ledger):
    """All accounts of one server. `first` is called before any request, as soon as the log is open."""

    def __init__(
        self,
        log: Log,
        defaults: Defaults | None = None,
        *,
        first: Callable[["Emulator"], Awaitable[None]] | None = None,
        real_time: Callable[[], datetime] = _real_time,
    ) -> None:
        super().__init__(log, defaults or Defaults(), real_time)
        self._first = first
        self._loaded = log.volatile and first is None
        self.time = ClockRunner(self)
        self.snapshots = Snapshots(self, self.time)

    async def close(self) -> None:
        """Stop the clocks, write what is still to be written, and close the log."""
        await self.time.stop()
        await super().close()

    async def _prepare(self) -> None:
        if self._first is not None:
            self._activity = "the fixture is being loaded"
            try:
                await self._first(self)
            except LogFailed as failure:
                self._activity = str(failure)
                raise

    # accounts

    async def enter(self, name: str, key: str, *, cause: str) -> LiveAccount | None:
        """Return the account that these credentials open, or None.

        Unless the list of accounts is closed, an unknown account is created with this key. An account without
        a key adopts this one.
        """
        while True:
            live = await self.find(name) if self.defaults.closed else await self.account(name)
            if live is None:
                if self.defaults.closed or not key:
                    return None
                with contextlib.suppress(AccountExists):  # created by another request in the meantime
                    return await self.open_account(NewAccount(name, key), cause=cause)
                continue
            if live.account.key_hash is None and key:
                await self.execute(live, lambda act: accounts.adopt(act, key), cause=cause, rule="key")
            if accounts.key_matches(live.account, key):
                return live
            if await kept(live.pending):  # the key in the account is durable, so it is really wrong
                return None

    async def pick(self, name: str, *, cause: str) -> LiveAccount | None:
        """Return the account with this id without checking a key. Create it unless the list is closed."""
        if self.defaults.closed:
            return await self.find(name)
        while (live := await self.account(name)) is None:
            with contextlib.suppress(AccountExists):  # created by another request in the meantime
                return await self.open_account(NewAccount(name), cause=cause)
        return live

    async def open_account(self, new: NewAccount, *, cause: str) -> LiveAccount:
        """Create an account. Raise AccountExists if the id is taken."""
        await self.vacant(new.id)
        return await self.open_as(self.created(new), cause=cause, rule="account")

    async def open_as(self, account: Account, *, cause: str, rule: str) -> LiveAccount:
        """Start an account with these values in a new root stream, in place of one with the same id."""
        live = LiveAccount(account.id, new_stream())
        act = Act(live.state, account.clock.now_at(self.real_time()))
        accounts.open_account(act, account)
        await durable(self.begin(live, act, (Branch(live.stream),), cause=cause, rule=rule))
        return live

    def created(self, new: NewAccount) -> Account:
        """Return the values of an account that is created now."""
        return accounts.created(new, self.defaults, *self.order_and_seed(new.id), self.real_time())

    async def reset(self, live: LiveAccount, *, seed: int | None, cause: str, **clock: Any) -> LiveAccount:
        """Empty an account: it continues in a new root stream. `clock` are changes of its clock."""
        return await self.decided_again(live, lambda: self._reset(live, seed, cause, clock))

    async def _reset(
        self, live: LiveAccount, seed: int | None, cause: str, clock: dict[str, Any]
    ) -> LiveAccount:
        await self.ready(live)
        start = accounts.moved(live.account.clock, self.real_time(), {"now": self.now(live), **clock})
        account = accounts.emptied(live.account, clock=start, seed=seed)
        return await self.open_as(account, cause=cause, rule="reset")

    # acts

    async def settled(self, live: LiveAccount) -> None:
        """Wait until what is due was carried out and acts can be applied. Raise AccountGone or LogFailed."""
        await self.decided_again(live, lambda: self.time.settled(live))

    async def execute(
        self, live: LiveAccount, decide: Callable[[Act], object], *, cause: str, rule: str
    ) -> Act:
        """Decide an act, apply it, and wait until it is durable. Return the act, which has what it changed.

        What is due by now is carried out first. If `decide` raises, nothing changes. LogFailed means that the
        act was undone.
        """
        return await self.decided_again(live, lambda: self._execute(live, decide, cause, rule))

    async def _execute(
        self, live: LiveAccount, decide: Callable[[Act], object], cause: str, rule: str
    ) -> Act:
        await self.time.settled(live)
        act = Act(live.state, self.now(live))
        try:
            decide(act)
        except Exception:
            await durable(live.pending)  # the state that led to the refusal must be durable too
            raise
        if act.events:
            act.close()
            self.apply(live, act, cause, rule)
        await durable(live.pending)
        return act

    async def read(self, live: LiveAccount, view: Callable[[State], T], *, gone_too: bool = False) -> T:
        """Return what `view` returns, once every act that it could show is durable.

        If one of them is undone, `view` is called again. With `gone_too`, an account is read even after it
        was reset or removed, as for the answer to a write. Raise AccountGone otherwise.
        """
        while True:
            if not gone_too:
                self.check_open(live)
                if self.time.is_due(live):
                    with contextlib.suppress(LogFailed):  # the state is shown without what is due
                        await self.time.settled(live)
                    self.check_open(live)
            pending = live.pending
            try:
                shown = view(live.state)
            except Exception:
                if await kept(pending):
                    raise
            else:
                if await kept(pending):
                    return shown
            if not gone_too:  # what was undone may include the key that the caller used
                raise AccountGone(live.id)


__all__ = ["AccountExists", "AccountGone", "Defaults", "Emulator", "LiveAccount", "LogFailed", "NewAccount"]

"""An account with all that a test needs: what the fixture `billogram` is."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mockserver.core.model import CallbackSettings, replace
from mockserver.emulator import LiveAccount, NewAccount
from mockserver.kit import books, timeline_text
from mockserver.kit.apps import runner
from mockserver.kit.clock import AccountClock
from mockserver.kit.receiver import ENDED, Receiver, address
from mockserver.kit.server_thread import ControlRefused, ServerThread
from mockserver.kit.webhooks import Webhooks
from mockserver.stories.initial_accounts import read_fixture
from mockserver.wire import decode, encode

if TYPE_CHECKING:
    import httpx

    from mockserver.kit.order_reruns import Turn

SIGN_KEY = "test-sign-key-1"
_PAGE = 10_000  # rows of a timeline in one answer
_PATIENCE = 5.0  # seconds until webhooks that are still under way are left alone

Amount = int | float | Decimal | str


class BillogramAccount:
    """A fresh account whose clock stands still and whose webhooks come to a receiver of its own, signed.

    `url`, `user` and `key` are what a client needs. Used in a `with` block, it is gone at the end.
    """

    def __init__(
        self,
        server: ServerThread,
        user: str,
        key: str = "secret",
        *,
        seed: int | None = None,
        now: datetime | None = None,
        sign_key: str = SIGN_KEY,
        fixture: str | None = None,
        born: Callable[["BillogramAccount"], int] | None = None,
        turn: "Turn | None" = None,
    ) -> None:
        """`born`: how the account comes to be, other than empty; gives its seed."""
        self.server = server
        self.url = server.url
        self.user = user
        self.key = key
        self.sign_key = sign_key
        self.webhook_url = address(user)
        self.control_url = f"{server.control_url}/accounts/{user}"
        self.not_built: list[str] = []  # operations that answered 501
        self._receiver = Receiver()
        self._http: httpx.Client | None = None
        self._forks: list[BillogramAccount] = []
        self._snapshots = 0
        self.clock = AccountClock(self.control)
        self.webhooks = Webhooks(
            self._receiver, self.undelivered, self.settle, self._look, once=_reorders(turn)
        )
        self._turn = turn
        server.listener.app.sender.receivers[self.webhook_url] = self._receiver
        try:
            self.seed = self._open(seed, now, fixture) if born is None else born(self)
        except BaseException:
            del server.listener.app.sender.receivers[self.webhook_url]
            raise
        if turn is not None:
            turn.begin(server, user, self.seed)

    def _open(self, seed: int | None, now: datetime | None, fixture: str | None) -> int:
        birth = NewAccount(self.user, self.key, seed=seed, clock_mode="frozen", now=now)
        callbacks = CallbackSettings(url=self.webhook_url, sign_key=self.sign_key)
        return self.server.run(_opened(self.server, birth, callbacks, fixture)).account.seed

    def __repr__(self) -> str:
        return f"<BillogramAccount {self.user} at {self.url}>"

    def __enter__(self) -> "BillogramAccount":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove it, with all it holds, and its forks."""
        while self._forks:
            self._forks.pop().close()
        self._receiver.end()
        if self._turn is not None:
            self._turn.end(each.callback_id for each in self.webhooks.came())
        live = self.server.listener.emulator.live(self.user)
        if live is not None:
            self.server.run(self.server.listener.emulator.remove(live))
        self.let_go()
        self.server.listener.app.sender.receivers.pop(self.webhook_url, None)

    def let_go(self) -> None:
        """Close client and receiver; the account stays."""
        for fork in self._forks:
            fork.let_go()
        if self._http is not None:
            self._http.close()
            self._http = None
        self._receiver.end()
        self._receiver.close()

    # clients

    @property
    def http(self) -> "httpx.Client":
        """A client of Billogram's API with base address and credentials; it needs the package `httpx`."""
        if self._http is None:
            try:
                import httpx
            except ImportError:
                raise RuntimeError(
                    "billogram.http needs httpx: pip install 'billogram-mockserver[pytest]'"
                ) from None
            # verify: reading certificates would take longer than the test, and nothing here uses TLS
            self._http = httpx.Client(
                base_url=self.url,
                auth=(self.user, self.key),
                trust_env=False,
                verify=False,  # noqa: S501
            )
        return self._http

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One operation of the control plane on this account: `control("GET", "/agenda")`; ControlRefused."""
        __tracebackhide__ = True
        if path.endswith(("/reset", "/restore")):  # what waits belongs to before it
            self._look(_PATIENCE)
        try:
            return self.server.control(method, f"/accounts/{quote(self.user, safe='')}{path}", body)
        except ControlRefused as refused:
            if refused.status == 501:
                self.not_built.append(f"{method} /_mock/accounts/…{path}")
            raise

    # the bank, and whoever else acts

    def pay(
        self, billogram_id: str | None, amount: Amount, *, scheme: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """Money comes from the bank; `more` as in `POST …/payments`. Returns the payment."""
        __tracebackhide__ = True
        body = {"billogram": billogram_id, "amount": amount, "scheme": scheme, **more}
        paid: dict[str, Any] = self.control("POST", "/payments", _given(body))
        return paid

    def recall(
        self,
        payment: str | Mapping[str, Any],
        *,
        type: str | None = None,  # noqa: A002  # the word of the control plane
        code: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A payment (or its id) is taken back; `more` as in `POST …/payments/{id}/recall`."""
        __tracebackhide__ = True
        key = payment if isinstance(payment, str) else payment["id"]
        body = _given({"type": type, "code": code, **more})
        recalled: dict[str, Any] = self.control("POST", f"/payments/{key}/recall", body)
        return recalled

    def outcomes(
        self,
        *plan: str | Mapping[str, str],
        billogram: str | None = None,
        payment_source: str | None = None,
        customer_no: int | None = None,
    ) -> dict[str, Any]:
        """What the bank will answer to collections, one after the other: `"ok"`, `"reject.AM04"`, …"""
        __tracebackhide__ = True
        match = _given({"billogram": billogram, "payment_source": payment_source, "customer_no": customer_no})
        body = {"match": match or None, "plan": list(plan)}
        laid_down: dict[str, Any] = self.control("PUT", "/outcomes", body)
        return laid_down

    def fault(
        self, fail: str | None = None, operation: str | None = None, **more: str | float
    ) -> dict[str, Any]:
        """From now on requests go wrong: `fault("status:503", "POST /billogram", times=1)`; `more` as in
        `POST …/faults`. `control("DELETE", "/faults")` takes all away.
        """
        __tracebackhide__ = True
        body = _given({"fail": fail, "operation": operation, **more})
        laid_down: dict[str, Any] = self.control("POST", "/faults", body)
        return laid_down

    def simulate(self, billogram_id: str, what: str, **body: Any) -> dict[str, Any]:
        """What others do to a billogram: `view`, `message`, `delivery-failure`, … Returns the billogram."""
        __tracebackhide__ = True
        path = f"/billograms/{billogram_id}/simulate/{what}"
        shown: dict[str, Any] = self.control("POST", path, body)
        return shown

    def run(self, scenario: str, **inputs: Any) -> dict[str, Any]:
        """Run a scenario (a name, or a file) in this account; returns its outputs.

        AssertionError with request, answer and expectation when a step fails; BadInputs, NotInLibrary or
        BadDocument before anything is sent. Webhooks come here again afterwards.
        """
        __tracebackhide__ = True
        from mockserver.stories import arazzo, library, report, runs
        from mockserver.stories.caller import Caller
        from mockserver.stories.operations import OPERATIONS
        from mockserver.stories.remote import basic

        document = arazzo.load(library.find(library.SCENARIOS, scenario), OPERATIONS)
        caller = Caller(self.server.listener.app, self.user, self.server.control_token)
        before = self.control("GET", "/callbacks")
        try:
            done = self.server.run(
                runs.run(document, caller, decode(encode(inputs)), credentials=basic(self.user, self.key))
            )
        finally:
            self.control("PUT", "/callbacks", before)
        if done.status == "failed":
            raise AssertionError(report.failure(done))
        return done.outputs

    def deliver_to(self, app: Any, path: str = "/") -> None:
        """From now on webhooks go straight to an ASGI or WSGI application, posted to `path`.

        In an `async def` test under asyncio, an ASGI application runs on the test's own loop, while the test
        awaits; every other one on a thread of the account. None: the receiver answers again.
        """
        __tracebackhide__ = True
        self._look(_PATIENCE)
        self._receiver.deliver_to(None if app is None else runner(app), path)

    # other states

    def snapshot(self, name: str | None = None) -> "Snapshot":
        """Name the present state, clock included; its `restore()` goes back to it, as often as wanted."""
        __tracebackhide__ = True
        self._snapshots += 1
        taken: dict[str, Any] = self.control(
            "POST", "/snapshots", {"name": name or f"snapshot {self._snapshots}"}
        )
        return Snapshot(self, taken["name"])

    def fork(self, name: str | None = None, *, at: int | str | None = None) -> "BillogramAccount":
        """Another account that goes on from the present state, or from that after an act: its position, or an
        `event_uuid` in it. It has a receiver of its own, and is gone with this one.
        """
        __tracebackhide__ = True
        named = name or f"{self.user}-fork-{len(self._forks) + 1}"

        def born(fork: BillogramAccount) -> int:
            self.control("POST", "/fork", {"id": named, "at": at})
            callbacks = {"url": fork.webhook_url, "sign_key": fork.sign_key}
            made: dict[str, Any] = fork.control("PATCH", "", {"key": fork.key, "callbacks": callbacks})
            return int(made["seed"])

        fork = BillogramAccount(self.server, named, self.key, sign_key=self.sign_key, born=born)
        self._forks.append(fork)
        return fork

    def family(self) -> Iterator["BillogramAccount"]:
        """It, its forks, and theirs."""
        yield self
        for fork in self._forks:
            yield from fork.family()

    # looking

    def timeline(self, billogram: str | None = None) -> list[dict[str, Any]]:
        """What happened, oldest first: rows as in `GET …/timeline`."""
        __tracebackhide__ = True
        chosen = "" if billogram is None else f"&billogram={billogram}"
        rows: list[dict[str, Any]] = []
        while True:
            after = f"&after={rows[-1]['id']}" if rows else ""
            page = self.control("GET", f"/timeline?limit={_PAGE}{chosen}{after}")
            rows += page
            if len(page) < _PAGE:
                return rows

    def told(self) -> str:
        """The newest rows of the timeline as text, with the seed."""
        now = self.control("GET", "/clock")["now"]
        return timeline_text.told(
            self.timeline(), account=self.user, seed=self.seed, now=now, receiver=self.webhook_url
        )

    def assert_reconciled(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The user's books say the same as the account: every sent billogram, what was received and credited,
        and what remains. AssertionError with each difference and the events behind it.
        """
        __tracebackhide__ = True
        emulator = self.server.listener.emulator
        live = emulator.live(self.user)
        assert live is not None, f"the account {self.user} is gone"
        found = books.differences(rows, self.server.run(emulator.read(live, books.booked)))
        if found:
            raise AssertionError("\n".join(["the books differ", *found]))

    def _look(self, timeout: float, asked: tuple[str, str | None] | None = None) -> None:
        """Under the marker billogram_orders: the test wants to see what came, or waits for one by name."""
        if self._turn is not None:  # an application on the caller's own loop can't answer meanwhile
            self._turn.look(0 if self._receiver.needs_this_loop() else timeout, asked)

    # the end of a test

    def settle(self, timeout: float = _PATIENCE) -> bool:
        """Wait until no webhook is queued or being sent; False when that took too long."""
        self._look(timeout)
        body = {"idle": True, "count": 0, "timeout": f"{timeout:.3f}s"}
        try:
            self.control("POST", "/deliveries/wait", body)
        except ControlRefused as refused:
            if refused.code == "timeout":
                return False
            raise
        return True

    def end_of_test(self) -> None:
        """The test function has returned: its own loop runs no application any more."""
        self._receiver.end()
        self.settle()

    def undelivered(self) -> list[str]:
        """Webhooks that could not be delivered, one line each; those the test did not wait for are none."""
        lines: list[str] = []
        for status in ("pending", "failed"):
            for delivery in self.control("GET", f"/deliveries?status={status}"):
                last = delivery["attempts"][-1] if delivery["attempts"] else None
                if last is None and delivery["next_attempt_at"] is not None:
                    continue  # delayed by a delivery policy, which is meant
                if last is None:
                    lines.append(f"  {self._named(delivery)}: still being sent")
                elif last["error"] != ENDED:
                    lines.append(f"  {self._named(delivery)}: {_why(last)}")
        if self._turn is not None:
            for delivery in self.control("GET", "/deliveries?status=delivered"):
                for made in delivery["attempts"]:
                    taken = made["status_code"] is not None and made["status_code"] < 300
                    if made["replay"] and not taken and made["error"] != ENDED:
                        lines.append(f"  a copy of {self._named(delivery)}: {_why(made)}")
        return [f"not delivered: {len(lines)}", *lines] if lines else []

    def _named(self, delivery: dict[str, Any]) -> str:
        words = [delivery["event_type"] or delivery["callback_type"], delivery["billogram"]]
        where = "" if delivery["url"] == self.webhook_url else f" to {delivery['url']}"
        return f"{' '.join(filter(None, words))}{where}"

    def unbuilt(self) -> list[str]:
        """The operations that answered 501, those of the kit too."""
        asked = self.control("GET", "/requests?status=501")
        return [*(f"{each['method']} {each['path']}" for each in asked), *self.not_built]


class Snapshot:
    """A named state of an account."""

    def __init__(self, account: BillogramAccount, name: str) -> None:
        self.account = account
        self.name = name

    def restore(self) -> None:
        """The account is what it was, its clock too; webhooks that came since are still in `webhooks`."""
        __tracebackhide__ = True
        self.account.control("POST", f"/snapshots/{quote(self.name, safe='')}/restore")

    def __repr__(self) -> str:
        return f"<Snapshot {self.name} of {self.account.user}>"


def _reorders(turn: "Turn | None") -> bool:
    return turn is not None and turn.order is not None


def _why(attempt: dict[str, Any]) -> str:
    said = attempt["response"]["body"] if attempt["response"] else ""
    return attempt["error"] or f"{attempt['status_code']} {said}".rstrip()


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


async def _opened(
    server: ServerThread, birth: NewAccount, callbacks: CallbackSettings, fixture: str | None
) -> LiveAccount:
    emulator = server.listener.emulator
    if fixture is None:
        return await emulator.open_account(replace(birth, callbacks=callbacks), cause="kit")
    found = await asyncio.to_thread(read_fixture, fixture)
    clock = {"mode": birth.clock_mode} | ({} if birth.now is None else {"now": birth.now.isoformat()})
    own = {"id": birth.id, "key": birth.key, "seed": birth.seed, "clock": clock}
    return await found.open(emulator, replace(found.new_account(own), callbacks=callbacks))

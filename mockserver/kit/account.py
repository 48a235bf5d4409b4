"""`BillogramAccount`: an account with everything a test needs. The fixture `billogram` returns one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import quote, unquote

from mockserver.control.timeline import TimelineShape
from mockserver.core.model import CallbackSettings
from mockserver.kit import books
from mockserver.kit.apps import TESTSERVER, runner
from mockserver.kit.clock import AccountClock
from mockserver.kit.new_account import NAMES, AccountOptions, check_names, open_account
from mockserver.kit.receiver import ENDED, Receiver, receiver_url, shown_url
from mockserver.kit.server_thread import ControlRefused, ServerThread
from mockserver.kit.shapes import (
    Fail,
    FaultShape,
    OutcomesShape,
    Payment,
    PaymentRecall,
    RecallType,
    Scheme,
    Simulated,
)
from mockserver.kit.timeline_text import Timeline
from mockserver.kit.webhooks import Webhooks
from mockserver.wire import decode, encode

if TYPE_CHECKING:
    import httpx

    from mockserver.kit.order_reruns import OrderRun

SIGN_KEY = "test-sign-key-1"
_PAGE = 10_000  # rows of a timeline in one response
_LIST_PAGE = 1000  # rows of other lists in one response
_TIMEOUT = 5.0  # seconds to wait for webhooks that are still being sent

Amount = int | float | Decimal | str


class BillogramAccount:
    """A new account with a frozen clock and a receiver of its own, to which its webhooks are sent, signed.

    A client needs `url`, `user` and `key`. At the end of a `with` block the account is removed.
    """

    def __init__(
        self,
        server: ServerThread,
        user: str,
        key: str = "secret",
        *,
        create: Callable[["BillogramAccount"], int] | None = None,
        order_run: "OrderRun | None" = None,
        **options: Unpack[AccountOptions],
    ) -> None:
        """`create` makes the account in place of the options, and returns its seed.

        Raises ValueError for a bad option, and if the account exists; TypeError for an unknown option.
        """
        check_names(options, NAMES)
        self.server = server
        self.url = server.url
        self.user = user
        self.key = key
        self.sign_key = options.get("sign_key", SIGN_KEY)
        self.webhook_url = receiver_url(user)
        self.control_url = f"{server.control_url}/accounts/{user}"
        self._receiver = Receiver(self.webhook_url)
        self._http: httpx.Client | None = None
        self._forks: list[BillogramAccount] = []
        self._snapshots = 0
        # ids of callbacks: those of a snapshot, by its name, and those from before the last restore
        self._planned: dict[str, frozenset[str]] = {}
        self._planned_before: frozenset[str] = frozenset()
        self.clock = AccountClock(self.control)
        self.webhooks = Webhooks(
            self._receiver,
            self.undelivered,
            self.settle,
            self._look,
            self._callbacks,
            self._has_billogram,
            skip_copies=_is_reordered(order_run),
        )
        self._order_run = order_run
        sender = server.listener.app.sender
        sender.receivers[self.webhook_url] = self._receiver
        try:
            self.seed = self._open(options) if create is None else create(self)
        except BaseException:
            del sender.receivers[self.webhook_url]
            raise
        sender.observers[user] = self._receiver.observe
        if order_run is not None:
            order_run.begin(server, user, self.seed)

    def _open(self, options: AccountOptions) -> int:
        callbacks = CallbackSettings(url=self.webhook_url, sign_key=self.sign_key)
        emulator = self.server.listener.emulator
        opening = open_account(emulator, self.user, self.key, options, callbacks=callbacks, mode="frozen")
        return self.server.run(opening).account.seed

    def __repr__(self) -> str:
        return f"<BillogramAccount {self.user} at {self.url}>"

    def __enter__(self) -> "BillogramAccount":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the account, its data and its forks."""
        while self._forks:
            self._forks.pop().close()
        self._receiver.end()
        if self._order_run is not None:
            self._order_run.end(each.callback_id for each in self._receiver.all(hidden_too=True))
        live = self.server.listener.emulator.live(self.user)
        if live is not None:
            self.server.run(self.server.listener.emulator.remove(live))
        self.server.listener.app.sender.receivers.pop(self.webhook_url, None)
        self.server.listener.app.sender.observers.pop(self.user, None)
        self.disconnect()  # raises what an application raises when it stops

    def disconnect(self) -> None:
        """Close the HTTP client and the receiver. The account remains on the server."""
        for fork in self._forks:
            fork.disconnect()
        if self._http is not None:
            self._http.close()
            self._http = None
        self._receiver.end()
        self._receiver.close()

    # clients

    @property
    def http(self) -> "httpx.Client":
        """A client of Billogram's API with base URL and credentials. It needs the package `httpx`."""
        if self._http is None:
            try:
                import httpx
            except ImportError:
                raise RuntimeError("billogram.http needs the package httpx: pip install httpx") from None
            # verify: reading certificates would take longer than the test, and nothing here uses TLS
            self._http = httpx.Client(
                base_url=self.url,
                auth=(self.user, self.key),
                trust_env=False,
                verify=False,  # noqa: S501
            )
        return self._http

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call an operation of the control plane on this account, such as `control("GET", "/agenda")`.

        Raises ControlRefused when the answer is an error.
        """
        __tracebackhide__ = True
        restores = path.endswith("/restore")
        if restores or path.endswith("/reset"):  # callbacks on hold belong to the state before it
            self._look(_TIMEOUT)
        planned = self._planned_now() if restores else frozenset()
        answer = self.server.control(method, f"/accounts/{quote(self.user, safe='')}{path}", body)
        if restores:
            taken = unquote(path.removesuffix("/restore").rpartition("/")[2])
            self._planned_before = self._planned.get(taken, planned)
            self.webhooks.forget_undone(planned - self._planned_before, self._planned_before)
        elif (method, path) == ("POST", "/snapshots"):
            self._planned[answer["name"]] = self._planned_now()
        return answer

    def _planned_now(self) -> frozenset[str]:
        """The ids of all callbacks that the present state has caused."""
        listener = self.server.listener

        async def ids() -> frozenset[str]:
            live = listener.emulator.live(self.user)
            deliveries = () if live is None else listener.app.sender.deliveries(live).by_id.values()
            return frozenset(each.planned.callback_id for each in deliveries)

        return self._planned_before | self.server.run(ids())

    # the bank, the recipient and other actors

    def pay(
        self, billogram_id: str | None, amount: Amount, *, scheme: Scheme | None = None, **more: Any
    ) -> Payment:
        """Report a payment from the bank, and return it. `more`: other members of `POST …/payments`.

        `amount` is in the billogram's currency; `billogram_id` None is money that belongs to nobody known.
        """
        __tracebackhide__ = True
        body = {"billogram": billogram_id, "amount": amount, "scheme": scheme, **more}
        paid: Payment = self.control("POST", "/payments", _without_none(body))
        return paid

    def recall(
        self,
        payment: str | Payment | Mapping[str, Any],
        *,
        type: RecallType | None = None,  # noqa: A002  # the member's name in the control plane
        code: str | None = None,
        **more: Any,
    ) -> PaymentRecall:
        """Recall a payment (or the one with this id). `more`: other members of `POST …/payments/{id}/recall`.

        Returns the recall.
        """
        __tracebackhide__ = True
        key = payment if isinstance(payment, str) else payment["id"]
        body = _without_none({"type": type, "code": code, **more})
        recalled: PaymentRecall = self.control("POST", f"/payments/{key}/recall", body)
        return recalled

    def outcomes(
        self,
        *plan: str | Mapping[str, str],
        billogram: str | None = None,
        payment_source: str | None = None,
        customer_no: int | None = None,
    ) -> OutcomesShape:
        """Set what the bank will answer to the next collections, in order: `"ok"`, `"reject.AM04"`, …"""
        __tracebackhide__ = True
        match = _without_none(
            {"billogram": billogram, "payment_source": payment_source, "customer_no": customer_no}
        )
        body = {"match": match or None, "plan": list(plan)}
        configured: OutcomesShape = self.control("PUT", "/outcomes", body)
        return configured

    def fault(
        self, fail: Fail | None = None, operation: str | None = None, **more: str | float
    ) -> FaultShape:
        """Make later requests fail: `fault("status:503", "POST /billogram", times=1)`.

        `more`: other members of `POST …/faults`. `control("DELETE", "/faults")` removes all faults.
        """
        __tracebackhide__ = True
        body = _without_none({"fail": fail, "operation": operation, **more})
        configured: FaultShape = self.control("POST", "/faults", body)
        return configured

    def simulate(self, billogram_id: str, what: Simulated, **body: Any) -> dict[str, Any]:
        """Simulate what others do: `view`, `message`, `delivery-failure`, … Returns the billogram."""
        __tracebackhide__ = True
        path = f"/billograms/{billogram_id}/simulate/{what}"
        shown: dict[str, Any] = self.control("POST", path, body)
        return shown

    def run(self, scenario: str, **inputs: Any) -> dict[str, Any]:
        """Run a scenario (a name, or a file) in this account, and return its outputs.

        Raises AssertionError with request, answer and expectation when a step fails; BadInputs, NotInLibrary
        or BadDocument before anything is sent. Afterwards webhooks are sent to this account's receiver again.
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

    def deliver_to(
        self,
        app: Any,
        path: str = "/",
        *,
        host: str = TESTSERVER,
        lifespan: bool = False,
        on_test_thread: bool | None = None,
    ) -> None:
        """Deliver later webhooks directly to an ASGI or WSGI application, as a POST to `path` at `host`.

        In an `async def` test under asyncio, an ASGI application runs on the test's own loop, while the test
        awaits; every other application runs on a thread of the account. `lifespan`: an ASGI application is
        started, on a thread and loop of its own, and stopped at the end of the test. `on_test_thread`: a
        WSGI application is called by the test's own thread, while it waits for webhooks; by default if that
        thread has an open transaction of Django. With None the receiver answers again.
        """
        __tracebackhide__ = True
        self._look(_TIMEOUT)
        if self._receiver.called_here():
            self.settle()
        to = None if app is None else runner(app, host=host, lifespan=lifespan, on_test_thread=on_test_thread)
        self._receiver.deliver_to(to, path)

    # other states

    def snapshot(self, name: str | None = None) -> "Snapshot":
        """Name the present state, clock included. `restore()` returns to it, any number of times."""
        __tracebackhide__ = True
        self._snapshots += 1
        taken: dict[str, Any] = self.control(
            "POST", "/snapshots", {"name": name or f"snapshot {self._snapshots}"}
        )
        return Snapshot(self, taken["name"])

    def fork(self, name: str | None = None, *, at: int | str | None = None) -> "BillogramAccount":
        """Make another account that continues from the present state, or from the state after an earlier act.

        `at` is the position of that act, or an `event_uuid` in it. The fork has a receiver of its own, and is
        removed together with this account.
        """
        __tracebackhide__ = True
        named = name or f"{self.user}-fork-{len(self._forks) + 1}"

        def create(fork: BillogramAccount) -> int:
            self.control("POST", "/fork", {"id": named, "at": at})
            callbacks = {"url": fork.webhook_url, "sign_key": fork.sign_key}
            changed: dict[str, Any] = fork.control("PATCH", "", {"key": fork.key, "callbacks": callbacks})
            return int(changed["seed"])

        fork = BillogramAccount(self.server, named, self.key, sign_key=self.sign_key, create=create)
        self._forks.append(fork)
        return fork

    def with_forks(self) -> Iterator["BillogramAccount"]:
        """This account, its forks, and the forks of these."""
        yield self
        for fork in self._forks:
            yield from fork.with_forks()

    # reading the state

    def timeline(self, billogram: str | None = None) -> Timeline:
        """The rows of `GET …/timeline`, oldest first. `print()` shows the newest of them as text."""
        __tracebackhide__ = True
        chosen = "" if billogram is None else f"&billogram={quote(billogram, safe='')}"
        rows: list[TimelineShape] = []
        while True:
            after = f"&after={rows[-1]['id']}" if rows else ""
            page = self.control("GET", f"/timeline?limit={_PAGE}{chosen}{after}")
            rows += page
            if len(page) < _PAGE:
                break
        now = self.control("GET", "/clock")["now"]
        return Timeline(rows, account=self.user, seed=self.seed, now=now, receiver=self.webhook_url)

    def timeline_text(self) -> str:
        """The newest rows of the timeline as text, with the account's seed."""
        return str(self.timeline())

    def assert_reconciled(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Assert that the user's books agree with the account.

        `rows` has one mapping for every sent billogram, with what was received and credited and what remains.
        Raises AssertionError with each difference and the events that explain it.
        """
        __tracebackhide__ = True
        emulator = self.server.listener.emulator
        live = emulator.live(self.user)
        assert live is not None, f"the account {self.user} does not exist any more"
        found = books.differences(rows, self.server.run(emulator.read(live, books.balances)))
        if found:
            raise AssertionError("\n".join(["the books differ", *found]))

    def _look(self, timeout: float, awaited: tuple[str, str | None] | None = None) -> None:
        """Under the marker billogram_orders, release the callbacks on hold: the test reads its webhooks now.

        `awaited`: the webhook that the test waits for, if it names one.
        """
        if self._order_run is not None:
            # an application on the caller's own loop can't answer while this blocks
            seconds = 0 if self._receiver.needs_this_loop() else timeout
            self._order_run.look(seconds, awaited, self._receiver.work_until)

    def _callbacks(self) -> dict[str, Any]:
        """Where the account's webhooks go now, and of which types."""
        found: dict[str, Any] = self.control("GET", "/callbacks")
        return found

    def _has_billogram(self, key: str) -> bool:
        """Whether the account has a billogram with this id, or has sent a webhook about it."""
        emulator = self.server.listener.emulator
        live = emulator.live(self.user)
        if live is not None and self.server.run(emulator.read(live, lambda state: key in state.billograms)):
            return True
        return any(key in each.billograms for each in self._receiver.all(hidden_too=True))

    # the end of a test

    def settle(self, timeout: float = _TIMEOUT) -> bool:
        """Wait until no webhook is queued or being sent. False if that takes more than `timeout` seconds."""
        __tracebackhide__ = True
        self.webhooks.check_loop("settle", "settle_async")
        self._look(timeout)
        body = {"idle": True, "count": 0, "timeout": f"{timeout:.3f}s"}
        try:
            path = f"/accounts/{quote(self.user, safe='')}/deliveries/wait"
            self.server.control("POST", path, body, meanwhile=self._receiver.work_until)
        except ControlRefused as refused:
            if refused.code == "timeout":
                return False
            raise
        return True

    async def settle_async(self, timeout: float = _TIMEOUT) -> bool:  # noqa: ASYNC109  # it returns False
        """`settle` without blocking the event loop: for a test whose own loop runs the application."""
        __tracebackhide__ = True
        from anyio import to_thread

        return await to_thread.run_sync(lambda: self.settle(timeout))

    def check(self, *, allow_failed_webhooks: bool = False) -> None:
        """Assert what the fixture asserts at the end of a test, of this account and its forks.

        Waits for webhooks that are being sent. Raises AssertionError if one could not be delivered.
        """
        __tracebackhide__ = True
        for each in self.with_forks():
            each.settle()
        found = self.problems("check({}=True)", allow_failed_webhooks=allow_failed_webhooks)
        if found:
            raise AssertionError("\n".join([*found, *self.new_tracebacks()]))

    async def check_async(self, *, allow_failed_webhooks: bool = False) -> None:
        """`check` without blocking the event loop: for a test whose own loop runs the application."""
        __tracebackhide__ = True
        from anyio import to_thread

        await to_thread.run_sync(lambda: self.check(allow_failed_webhooks=allow_failed_webhooks))

    def problems(self, hint: str, *, allow_failed_webhooks: bool) -> list[str]:
        """What `check` reports, as lines. `hint`: how to allow it, with the name of the option for `{}`."""
        found: list[str] = []
        for each in self.with_forks():
            if not allow_failed_webhooks and (lines := each.undelivered()):
                meant = hint.format("allow_failed_webhooks")
                found += [f"webhooks could not be delivered (if that is meant: {meant})", *lines]
        return found

    def end_of_test(self) -> None:
        """Stop using the test's own event loop, which ends with the test function; wait for deliveries."""
        self._receiver.end()
        self.settle()

    def begin_test(self) -> None:
        """Forget what is left of an earlier test: its tracebacks, and an application on its loop."""
        self._receiver.begin()

    def undelivered(self) -> list[str]:
        """The webhooks that could not be delivered, one line each.

        Webhooks whose application had no time to answer before the end of the test are not among them.
        """
        lines: list[str] = []
        for status in ("pending", "failed"):
            for delivery in self._whole(f"/deliveries?status={status}"):
                last = delivery["attempts"][-1] if delivery["attempts"] else None
                if last is None and delivery["next_attempt_at"] is not None:
                    continue  # delayed on purpose, by a delivery policy
                if last is None:
                    lines.append(f"  {self._label(delivery)}: still being sent")
                elif last["error"] != ENDED:
                    lines.append(f"  {self._label(delivery)}: {_reason(last)}")
        if self._order_run is not None:
            for delivery in self._whole("/deliveries?status=delivered"):
                for attempt in delivery["attempts"]:
                    taken = attempt["status_code"] is not None and attempt["status_code"] < 300
                    if attempt["replay"] and not taken and attempt["error"] != ENDED:
                        lines.append(f"  a copy of {self._label(delivery)}: {_reason(attempt)}")
        return [f"not delivered: {len(lines)}", *lines] if lines else []

    def _whole(self, path: str) -> list[dict[str, Any]]:
        """Return all rows of a list that is answered in pages."""
        rows: list[dict[str, Any]] = []
        while True:
            before = f"&before={rows[0]['id']}" if rows else ""
            page = self.control("GET", f"{path}&limit={_LIST_PAGE}{before}")
            rows = page + rows
            if len(page) < _LIST_PAGE:
                return rows

    def new_tracebacks(self) -> list[str]:
        """What the applications of this account and its forks raised and no message has shown, as lines."""
        of_forks = [line for fork in self._forks for line in fork.new_tracebacks()]
        return [*self._receiver.new_tracebacks(), *of_forks]

    def _label(self, delivery: dict[str, Any]) -> str:
        words = [delivery["event_type"] or delivery["callback_type"], delivery["billogram"]]
        where = "" if delivery["url"] == self.webhook_url else f" to {shown_url(delivery['url'])}"
        return f"{' '.join(filter(None, words))}{where}"


class Snapshot:
    """A named state of an account."""

    def __init__(self, account: BillogramAccount, name: str) -> None:
        self.account = account
        self.name = name

    def restore(self) -> None:
        """Set the account and its clock back to this state. `webhooks` forgets those of what is undone."""
        __tracebackhide__ = True
        self.account.control("POST", f"/snapshots/{quote(self.name, safe='')}/restore")

    def __repr__(self) -> str:
        return f"<Snapshot {self.name} of {self.account.user}>"


def _is_reordered(order_run: "OrderRun | None") -> bool:
    return order_run is not None and order_run.order is not None


def _reason(attempt: dict[str, Any]) -> str:
    body_text = attempt["response"]["body"] if attempt["response"] else ""
    return attempt["error"] or f"{attempt['status_code']} {body_text}".rstrip()


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}

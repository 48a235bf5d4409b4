"""`mockserver check-receiver`: sends good and bad webhooks to a receiver, and checks its answers.

The callbacks belong to an account that exists only while the command runs. The account has another seed in
each run, so that a receiver which stores the ids of callbacks does not take them for duplicates [A].
"""

import asyncio
import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

from msgspec import Struct

from mockserver.app import build
from mockserver.asgi import Application
from mockserver.cli.bar import Bar
from mockserver.configuration import Configuration
from mockserver.core import callbacks
from mockserver.core.callbacks import Planned
from mockserver.core.model import replace
from mockserver.masking import masked_urls
from mockserver.stories.caller import BILLOGRAM, MOCK, Caller, NamedOperation
from mockserver.stories.junit import Case, junit
from mockserver.webhooks.policy import PLAIN, Policy, signature_headers, with_signature_key
from mockserver.webhooks.sender import Request, request_of

_EXIT_FAILED, _EXIT_ERROR = 1, 2
_ACCOUNT = "check-receiver"
_HUGE = 8 * 1024 * 1024  # characters [A]
_PIECES, _PAUSE = 10, 0.2  # parts of the slow body; seconds between two parts [A]
_AGE = timedelta(days=20)  # from payment to recall: within the window of SEPA
_BILLOGRAMS, _RECALLED = 8, 2  # the number of billograms; the index of the payment that is recalled

CallbacksByEvent = dict[str, Planned]  # the callbacks of a billogram that is sent and paid


class Check(Struct, frozen=True):
    """What is sent, how it is sent, and the classes of statuses that are expected."""

    name: str
    callbacks: Sequence[Planned]
    expected: str
    hint: str
    policy: Policy = PLAIN
    transform: Callable[[bytes], bytes] = bytes  # changes the body before it is signed
    slow: bool = False


class Result(Struct, frozen=True):
    """The outcome of a check: for each request the status, or the reason why there is none."""

    check: Check
    outcomes: list[int | str]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every outcome is as expected."""
        return all(
            isinstance(each, int) and f"{each // 100}xx" in self.check.expected for each in self.outcomes
        )


def check_receiver(
    target: SplitResult, sign_key: str, seed: int | None, timeout: float, report: str | None
) -> int:
    """Run all checks. Returns 0 if all pass, 1 if one fails, 2 if the receiver can't be reached."""
    seed = time.time_ns() % 10**12 if seed is None else seed
    histories, recalled = asyncio.run(_prepare_callbacks(sign_key, seed))
    checks = list(_checks(histories, recalled))
    results: list[Result] = []
    with Bar() as bar:
        for number, check in enumerate(checks):
            bar.draw(number / len(checks), check.name)
            begun = time.perf_counter()
            try:
                outcomes = [_post(target, request, timeout, check.slow) for request in _requests(check)]
            except _NoConnection as error:
                if not results:
                    return _error(f"{target.geturl()} can't be reached: {error}")
                outcomes = [str(error)]
            results.append(Result(check, outcomes, time.perf_counter() - begun))
    for line in _table(results, seed):
        print(line)
    if report is not None:
        try:
            Path(report).write_text(_junit(results), encoding="utf-8")
        except OSError as error:
            return _error(f"{report} can't be written: {error.strerror}")
    return 0 if all(each.passed for each in results) else _EXIT_FAILED


def _error(reason: str) -> int:
    print(f"mockserver check-receiver: {masked_urls(reason)}", file=sys.stderr)
    return _EXIT_ERROR


# what is sent


async def _prepare_callbacks(sign_key: str, seed: int) -> tuple[list[CallbacksByEvent], Planned]:
    """The callbacks of billograms that are sent and paid, and the callback of a recalled payment."""
    app = build(Configuration(clock="frozen"))
    caller = Caller(app, _ACCOUNT)
    now = (datetime.now(UTC) - _AGE).isoformat()
    account = {
        "id": _ACCOUNT,
        "seed": seed,
        "clock": {"mode": "frozen", "now": now},
        "callbacks": {"url": callbacks.INBOX, "sign_key": sign_key},
    }
    await _call(caller, MOCK, "/accounts", account)
    person = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    await _call(caller, BILLOGRAM, "/customer", person)
    body = {
        "customer": {"customer_no": 1},
        "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
    }
    payments: list[str] = []
    for _ in range(_BILLOGRAMS):
        billogram = (await _call(caller, BILLOGRAM, "/billogram", body))["data"]["id"]
        paid = {"billogram": billogram, "amount": 125, "scheme": "SEPA_DIRECT_DEBIT"}
        payments.append((await _call(caller, MOCK, "/accounts/{a}/payments", paid))["id"])
    await _call(caller, MOCK, "/accounts/{a}/clock/advance", {"by": f"{_AGE.days}d"})
    recall = {"type": "refund", "code": "MD06"}
    await _call(caller, MOCK, f"/accounts/{{a}}/payments/{payments[_RECALLED]}/recall", recall)
    planned = _planned_callbacks(app)
    await app.close()
    histories: dict[str, CallbacksByEvent] = {}
    for each in planned:
        if each.billogram is not None and each.event_type is not None:
            histories.setdefault(each.billogram, {})[each.event_type] = each
    return list(histories.values()), next(
        each for each in planned if each.type == callbacks.PAYMENT_RECALLED.name
    )


def _planned_callbacks(app: Application) -> list[Planned]:
    live = app.emulator.live(_ACCOUNT)
    assert live is not None, "the account was created"
    return [each.planned for each in app.sender.deliveries(live).by_id.values()]


async def _call(caller: Caller, document: str, path: str, body: dict[str, Any]) -> Any:
    answered = await caller.call(NamedOperation(document, "POST", path), body=body)
    assert answered.status < 300, answered.body
    return json.loads(answered.body)


def _checks(histories: list[CallbacksByEvent], recalled: Planned) -> Iterator[Check]:
    """All checks. Each uses the callbacks of another billogram, which were not sent before."""
    history = iter(histories)

    def fresh(name: str = "BillogramCreated") -> list[Planned]:
        return [next(history)[name]]

    accept = "accept it: after an error it is sent again, for hours"
    yield Check("good callback", fresh(), "2xx", "nothing is wrong with it")
    refuse = "compare Billogram-Signature with the HMAC-SHA256 of timestamp, colon and raw body, and "
    one = fresh("Payment")
    yield Check("bad signature", one, "4xx", f"{refuse}refuse", Policy(signature="bad"))
    yield Check(
        "missing signature", one, "4xx", "refuse callbacks without a signature", Policy(signature="missing")
    )
    yield Check("signed with another key", one, "4xx", f"{refuse}refuse", Policy(signature="old-key"))
    yield Check(
        "stale timestamp", one, "4xx", "refuse callbacks older than a few minutes", Policy(timestamp="stale")
    )
    yield Check(
        "duplicate",
        fresh("Payment"),
        "2xx",
        f"store callback_id, ignore the copy, and {accept}",
        Policy(duplicate=1),
    )
    both = next(history)
    yield Check(
        "wrong order",
        [both["Payment"], both["BillogramEnded"]],
        "2xx",
        f"BillogramEnded may come before Payment: {accept}",
        Policy(order="reverse"),
    )
    yield Check(
        "unknown event type",
        fresh(),
        "2xx",
        f"types may be added: {accept}",
        transform=_with_unknown_event_type,
    )
    unknown = replace(recalled, type="SomethingNew", callback_id=both["BillogramSent"].callback_id)
    yield Check("unknown callback type", [unknown], "2xx", f"types may be added: {accept}")
    yield Check(
        "payment recalled",
        [recalled],
        "2xx",
        "a payment is recalled; the callback has no member billogram at the top",
    )
    slow = "a slow network is no error: wait a few seconds for the body"
    yield Check("slow body", fresh(), "2xx", slow, slow=True)
    huge = [replace(fresh()[0], custom="x" * _HUGE)]
    yield Check("huge body", huge, "2xx or 4xx", "accept it or refuse it (413), but answer")
    yield Check(
        "good callback at the end",
        fresh("Payment"),
        "2xx",
        "the receiver must still work after the other checks",
    )


def _with_unknown_event_type(body: bytes) -> bytes:
    callback = json.loads(body)
    callback["event"]["type"] = "SomethingNew"
    return json.dumps(callback, sort_keys=True, separators=(",", ":")).encode()


def _requests(check: Check) -> Iterator[Request]:
    """The requests of a check. Each is signed when it is about to be sent."""
    for planned in check.policy.ordered(0, check.callbacks):
        now, signature = time.time(), check.policy.signature
        signer = with_signature_key(planned, signature)
        timestamp = None if signer.sign_key is None else check.policy.timestamp_of_attempt(now, now)
        request = request_of(planned, timestamp, signature)
        body = check.transform(request.body)
        yield Request(request.headers | signature_headers(signer, timestamp, body, signature), body)


# sending


class _NoConnection(Exception):
    """No connection to the receiver; the text is the reason."""


def _post(target: SplitResult, request: Request, timeout: float, slow: bool) -> int | str:
    """The status of the response, or the reason why there is none. Redirects are not followed."""
    make = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = make(target.hostname or "", target.port, timeout=timeout)
    try:
        try:
            connection.connect()
        except UnicodeError:
            raise _NoConnection("not a host name") from None
        except OSError as error:
            raise _NoConnection(_reason(error)) from None
        try:
            _write(connection, target, request, slow)
        except TimeoutError:
            return f"stopped reading the body for {timeout:g} s"
        except OSError:
            pass  # the receiver may answer before it has read the whole body
        return _status(connection, timeout)
    finally:
        connection.close()


def _write(connection: http.client.HTTPConnection, target: SplitResult, request: Request, slow: bool) -> None:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    connection.putrequest("POST", path, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(request.body)))
    connection.putheader("Connection", "close")
    connection.endheaders()
    size = -(-len(request.body) // _PIECES) if slow else len(request.body)
    for at in range(0, len(request.body), size):
        if at:
            time.sleep(_PAUSE)
        connection.send(request.body[at : at + size])


def _status(connection: http.client.HTTPConnection, timeout: float) -> int | str:
    try:
        return connection.getresponse().status
    except TimeoutError:
        return f"no answer in {timeout:g} s"
    except http.client.BadStatusLine:
        return "closed without a response"
    except http.client.HTTPException as error:
        return f"no HTTP response: {type(error).__name__}"
    except OSError as error:
        return _reason(error)


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    return (error.strerror or str(error) or type(error).__name__).lower()


# reporting


def _table(results: list[Result], seed: int) -> Iterator[str]:
    width = max(len(each.check.name) for each in results)
    yield f"{'check':{width}}  {'expected':10}  received"
    for each in results:
        outcomes = ", ".join(map(str, each.outcomes))
        verdict = "ok" if each.passed else "FAILED"
        yield f"{each.check.name:{width}}  {each.check.expected:10}  {outcomes:10}  {verdict}"
    failed = [each for each in results if not each.passed]
    yield f"{len(results) - len(failed)} of {len(results)} passed (seed {seed})"
    for each in failed:
        yield f"{each.check.name}: {each.check.hint}"


def _junit(results: list[Result]) -> str:
    cases = [
        Case(each.check.name, each.seconds)
        if each.passed
        else Case(each.check.name, each.seconds, _failure_text(each), each.check.hint)
        for each in results
    ]
    return junit("mockserver check-receiver", "check-receiver", cases)


def _failure_text(each: Result) -> str:
    return f"expected {each.check.expected}, received {', '.join(map(str, each.outcomes))}"

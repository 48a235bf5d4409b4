"""`mockserver check-receiver`: attacks an endpoint that takes webhooks, and says what it should answer.

The callbacks are those of an account that lives as long as the command. It is given a new seed each time,
so that a receiver which remembers what it has seen takes them for new ones [A].
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
from mockserver.stories.caller import BILLOGRAM, MOCK, Caller, NamedOperation
from mockserver.stories.junit import Case, junit
from mockserver.webhooks.policy import PLAIN, Policy, signature_headers, with_signature_key
from mockserver.webhooks.sender import Request, request_of

_FAILED, _COULD_NOT = 1, 2
_ACCOUNT = "check-receiver"
_HUGE = 8 * 1024 * 1024  # characters [A]
_PIECES, _PAUSE = 10, 0.2  # of the slow body; seconds between two pieces [A]
_AGE = timedelta(days=20)  # between payment and recall: within what SEPA allows
_STORIES, _RECALLED = 8, 2  # how many billograms, and which payment is recalled: one that was sent before

Story = dict[str, Planned]  # of one billogram that is sent and paid, by event type


class Check(Struct, frozen=True):
    """What is sent, how, and which classes of statuses are right for each of it."""

    name: str
    callbacks: Sequence[Planned]
    wanted: str
    hint: str
    policy: Policy = PLAIN
    changed: Callable[[bytes], bytes] = bytes  # the body, before it is signed
    slow: bool = False


class Result(Struct, frozen=True):
    """What came of it: for each request a status, or why there is none."""

    check: Check
    came: list[int | str]
    seconds: float

    @property
    def good(self) -> bool:
        """Whether that is as wanted."""
        return all(isinstance(each, int) and f"{each // 100}xx" in self.check.wanted for each in self.came)


def check_receiver(
    target: SplitResult, sign_key: str, seed: int | None, timeout: float, report: str | None
) -> int:
    """0 when all is well, 1 when a check fails, 2 when the receiver can't be reached."""
    seed = time.time_ns() % 10**12 if seed is None else seed
    stories, recalled = asyncio.run(_planned(sign_key, seed))
    checks = list(_checks(stories, recalled))
    results: list[Result] = []
    with Bar() as bar:
        for number, check in enumerate(checks):
            bar.draw(number / len(checks), check.name)
            begun = time.perf_counter()
            try:
                came = [_post(target, request, timeout, check.slow) for request in _requests(check)]
            except _NoConnection as error:
                if not results:
                    return _could_not(f"{target.geturl()} can't be reached: {error}")
                came = [str(error)]
            results.append(Result(check, came, time.perf_counter() - begun))
    for line in _table(results, seed):
        print(line)
    if report is not None:
        try:
            Path(report).write_text(_junit(results), encoding="utf-8")
        except OSError as error:
            return _could_not(f"{report} can't be written: {error.strerror}")
    return 0 if all(each.good for each in results) else _FAILED


def _could_not(reason: str) -> int:
    print(f"mockserver check-receiver: {reason}", file=sys.stderr)
    return _COULD_NOT


# what is sent


async def _planned(sign_key: str, seed: int) -> tuple[list[Story], Planned]:
    """The callbacks of billograms that are sent and paid, and of a payment that is taken back."""
    app = build(Configuration(clock="frozen"))
    caller = Caller(app, _ACCOUNT)
    now = (datetime.now(UTC) - _AGE).isoformat()
    born = {
        "id": _ACCOUNT,
        "seed": seed,
        "clock": {"mode": "frozen", "now": now},
        "callbacks": {"url": callbacks.INBOX, "sign_key": sign_key},
    }
    await _call(caller, MOCK, "/accounts", born)
    person = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    await _call(caller, BILLOGRAM, "/customer", person)
    body = {
        "customer": {"customer_no": 1},
        "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
    }
    payments: list[str] = []
    for _ in range(_STORIES):
        key = (await _call(caller, BILLOGRAM, "/billogram", body))["data"]["id"]
        paid = {"billogram": key, "amount": 125, "scheme": "SEPA_DIRECT_DEBIT"}
        payments.append((await _call(caller, MOCK, "/accounts/{a}/payments", paid))["id"])
    await _call(caller, MOCK, "/accounts/{a}/clock/advance", {"by": f"{_AGE.days}d"})
    recall = {"type": "refund", "code": "MD06"}
    await _call(caller, MOCK, f"/accounts/{{a}}/payments/{payments[_RECALLED]}/recall", recall)
    planned = _of(app)
    await app.close()
    stories: dict[str, Story] = {}
    for each in planned:
        if each.billogram is not None and each.event_type is not None:
            stories.setdefault(each.billogram, {})[each.event_type] = each
    return list(stories.values()), next(
        each for each in planned if each.type == callbacks.PAYMENT_RECALLED.name
    )


def _of(app: Application) -> list[Planned]:
    live = app.emulator.live(_ACCOUNT)
    assert live is not None, "it was made"
    return [each.planned for each in app.sender.deliveries(live).by_id.values()]


async def _call(caller: Caller, document: str, path: str, body: dict[str, Any]) -> Any:
    answered = await caller.call(NamedOperation(document, "POST", path), body=body)
    assert answered.status < 300, answered.body
    return json.loads(answered.body)


def _checks(stories: list[Story], recalled: Planned) -> Iterator[Check]:
    """Each on a billogram of its own, whose callbacks were not sent before."""
    story = iter(stories)

    def fresh(name: str = "BillogramCreated") -> list[Planned]:
        return [next(story)[name]]

    accept = "accept it: an error is answered by sending it again, for hours"
    yield Check("good callback", fresh(), "2xx", "nothing is wrong with it")
    refuse = "compare Billogram-Signature with the HMAC-SHA256 of timestamp, colon and raw body, then "
    one = fresh("Payment")
    yield Check("bad signature", one, "4xx", f"{refuse}refuse", Policy(signature="bad"))
    yield Check("missing signature", one, "4xx", "refuse what has no signature", Policy(signature="missing"))
    yield Check("signed with another key", one, "4xx", f"{refuse}refuse", Policy(signature="old-key"))
    yield Check(
        "stale timestamp", one, "4xx", "refuse what is older than some minutes", Policy(timestamp="stale")
    )
    yield Check(
        "duplicate",
        fresh("Payment"),
        "2xx",
        f"keep callback_id, do nothing, and {accept}",
        Policy(duplicate=1),
    )
    both = next(story)
    yield Check(
        "wrong order",
        [both["Payment"], both["BillogramEnded"]],
        "2xx",
        f"BillogramEnded came before Payment: {accept}",
        Policy(order="reverse"),
    )
    yield Check("unknown event type", fresh(), "2xx", f"new types may come: {accept}", changed=_of_a_new_type)
    unknown = replace(recalled, type="SomethingNew", callback_id=both["BillogramSent"].callback_id)
    yield Check("unknown callback type", [unknown], "2xx", f"new types may come: {accept}")
    yield Check("payment recalled", [recalled], "2xx", "money was taken back; it has no billogram at the top")
    slow = "a slow network is no error: wait some seconds for the body"
    yield Check("slow body", fresh(), "2xx", slow, slow=True)
    huge = [replace(fresh()[0], custom="x" * _HUGE)]
    yield Check("huge body", huge, "2xx or 4xx", "take it or refuse it (413), but answer")
    yield Check("good callback at the end", fresh("Payment"), "2xx", "it must go on after all of this")


def _of_a_new_type(body: bytes) -> bytes:
    told = json.loads(body)
    told["event"]["type"] = "SomethingNew"
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _requests(check: Check) -> Iterator[Request]:
    """The requests of a check, each made when its turn comes."""
    for planned in check.policy.ordered(0, check.callbacks):
        now, signature = time.time(), check.policy.signature
        signer = with_signature_key(planned, signature)
        timestamp = None if signer.sign_key is None else check.policy.timestamp_of_attempt(now, now)
        request = request_of(planned, timestamp, signature)
        body = check.changed(request.body)
        yield Request(request.headers | signature_headers(signer, timestamp, body, signature), body)


# sending


class _NoConnection(Exception):
    """Why there is none."""


def _post(target: SplitResult, request: Request, timeout: float, slow: bool) -> int | str:
    """The status of the answer, or why there is none; redirects are not followed."""
    make = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = make(target.hostname or "", target.port, timeout=timeout)
    try:
        try:
            connection.connect()
        except UnicodeError:
            raise _NoConnection("that is no name of a host") from None
        except OSError as error:
            raise _NoConnection(_reason(error)) from None
        try:
            _write(connection, target, request, slow)
        except TimeoutError:
            return f"took no more of the body for {timeout:g} s"
        except OSError:
            pass  # it does not want all of the body: perhaps it has said so
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
        return "closed without an answer"
    except http.client.HTTPException as error:
        return f"no HTTP answer: {type(error).__name__}"
    except OSError as error:
        return _reason(error)


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    return (error.strerror or str(error) or type(error).__name__).lower()


# telling


def _table(results: list[Result], seed: int) -> Iterator[str]:
    width = max(len(each.check.name) for each in results)
    yield f"{'check':{width}}  {'expected':10}  came"
    for each in results:
        came = ", ".join(map(str, each.came))
        verdict = "ok" if each.good else "FAILED"
        yield f"{each.check.name:{width}}  {each.check.wanted:10}  {came:10}  {verdict}"
    bad = [each for each in results if not each.good]
    yield f"{len(results) - len(bad)} of {len(results)} as they should be (seed {seed})"
    for each in bad:
        yield f"{each.check.name}: {each.check.hint}"


def _junit(results: list[Result]) -> str:
    cases = [
        Case(each.check.name, each.seconds)
        if each.good
        else Case(each.check.name, each.seconds, _told(each), each.check.hint)
        for each in results
    ]
    return junit("mockserver check-receiver", "check-receiver", cases)


def _told(each: Result) -> str:
    return f"expected {each.check.wanted}, came {', '.join(map(str, each.came))}"

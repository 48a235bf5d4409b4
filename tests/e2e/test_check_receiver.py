"""`mockserver check-receiver` against good receivers, and those with one bug each (reference: control 2)."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from mockserver.cli import check_receiver
from mockserver.cli.main import main
from tests.e2e.served import COMMAND, PATIENCE, clean_environment
from tests.e2e.test_cli import dead_port, one_line
from tests.webhooks import world
from tests.webhooks.world import Got, Receiver, hmac_sha256, legacy_md5

KEY = "test-sign-key-1"
CHECKS = [
    "good callback",
    "bad signature",
    "missing signature",
    "signed with another key",
    "stale timestamp",
    "duplicate",
    "wrong order",
    "unknown event type",
    "unknown callback type",
    "payment recalled",
    "slow body",
    "huge body",
    "good callback at the end",
]


def fits(got: Got) -> bool:
    header, timestamp = map(got.headers.get, ("billogram-signature", "billogram-request-timestamp"))
    return timestamp is not None and header == hmac_sha256(KEY, timestamp.encode() + b":" + got.body)


def fresh(got: Got) -> bool:
    return abs(time.time() - float(got.headers["billogram-request-timestamp"])) < 300


class Careful:
    """A receiver as it should be; each method can be overridden by a bug."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.ended: set[str] = set()

    def __call__(self, got: Got) -> int:
        if not self.trusted(got):
            return 401
        if got.callback_id in self.seen:
            return self.again(got)
        self.seen.add(got.callback_id)
        if len(got.body) > 2**20:
            return self.huge(got)
        if got.json["callback_type"] == "BillogramEvent":
            return self.event(got)
        return self.other(got)

    def trusted(self, got: Got) -> bool:
        return fits(got) and fresh(got)

    def again(self, _: Got) -> int:
        return 200

    def huge(self, _: Got) -> int:
        return 413

    def event(self, got: Got) -> int:
        if got.event_type == "BillogramEnded":
            self.ended.add(got.billogram)
        return 204

    def other(self, _: Got) -> int:
        return 200


class TakesHuge(Careful):
    def huge(self, _: Got) -> int:
        return 200


class BelievesHeader(Careful):
    """A signature is there, so all is well."""

    def trusted(self, got: Got) -> bool:
        return "billogram-signature" in got.headers and fresh(got)


class BelievesUnsigned(Careful):
    def trusted(self, got: Got) -> bool:
        return "billogram-signature" not in got.headers or super().trusted(got)


class OnlyOldSignature(Careful):
    """Checks the signature in the body, which covers neither body nor time."""

    def trusted(self, got: Got) -> bool:
        said = got.json.get("signature")
        return fits(got) if "signature" not in got.json else said == legacy_md5(KEY, got.callback_id)


class BelievesStale(Careful):
    def trusted(self, got: Got) -> bool:
        return fits(got)


class CrashesUnsigned(Careful):
    def __call__(self, got: Got) -> int:
        return 500 if "billogram-signature" not in got.headers else super().__call__(got)


class BreaksOnDuplicate(Careful):
    def again(self, _: Got) -> int:
        return 500


class TrustsOrder(Careful):
    def event(self, got: Got) -> int:
        return 409 if got.billogram in self.ended else super().event(got)


class KnowsEvents(Careful):
    def event(self, got: Got) -> int:
        return super().event(got) if got.event_type.startswith(("Billogram", "Payment")) else 500


class KnowsOneType(Careful):
    def other(self, got: Got) -> int:
        return 500 if got.json["callback_type"] != "PaymentRecalled" else 200


class ForgetsRecalls(Careful):
    def other(self, got: Got) -> int:
        return 400 if got.json["callback_type"] == "PaymentRecalled" else 200


class BreaksOnHuge(Careful):
    def huge(self, _: Got) -> int:
        raise MemoryError


class Redirects(Careful):
    def event(self, _: Got) -> int:
        return 302


ROWS: list[tuple[Callable[[], Any], list[str]]] = [
    (Careful, []),
    (TakesHuge, []),
    (BelievesHeader, ["bad signature", "signed with another key"]),
    (BelievesUnsigned, ["missing signature"]),
    (OnlyOldSignature, ["bad signature", "stale timestamp"]),
    (BelievesStale, ["stale timestamp"]),
    (CrashesUnsigned, ["missing signature"]),
    (BreaksOnDuplicate, ["duplicate"]),
    (TrustsOrder, ["wrong order"]),
    (KnowsEvents, ["unknown event type"]),
    (KnowsOneType, ["unknown callback type"]),
    (ForgetsRecalls, ["payment recalled"]),
    (BreaksOnHuge, ["huge body"]),
    (
        Redirects,
        [
            "good callback",
            "duplicate",
            "wrong order",
            "unknown event type",
            "slow body",
            "good callback at the end",
        ],
    ),
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_receiver, "_PAUSE", 0.01)


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[list[str]], list[str]]:
    """Exit code; name, verdict and what came of each row; the lines behind them."""
    with pytest.raises(SystemExit) as ended:
        main(["check-receiver", *arguments])
    shown = capsys.readouterr()
    assert shown.err == ""
    _, *lines = shown.out.splitlines()
    rows = [[each.strip() for each in line.split("  ") if each.strip()] for line in lines[: len(CHECKS)]]
    assert isinstance(ended.value.code, int)
    return ended.value.code, rows, lines[len(CHECKS) :]


@pytest.mark.parametrize(("make", "failing"), ROWS, ids=[row[0].__name__ for row in ROWS])
def test_each_bug_is_found_and_nothing_else(
    make: Callable[[], Any], failing: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = tmp_path / "junit.xml"
    with Receiver(make()) as receiver:
        code, rows, more = checked(capsys, receiver.url(), "--sign-key", KEY, "--report", str(report))
        got = list(receiver.got)
    assert [row[0] for row in rows] == CHECKS
    assert [row[0] for row in rows if row[-1] == "FAILED"] == failing
    assert code == (1 if failing else 0)
    passed, *hints = more
    assert passed.startswith(f"{len(CHECKS) - len(failing)} of {len(CHECKS)} passed (seed ")
    assert [hint.partition(":")[0] for hint in hints] == failing
    (suite,) = Xml.fromstring(report.read_text())
    assert (suite.get("tests"), suite.get("failures")) == (str(len(CHECKS)), str(len(failing)))
    assert [case.get("name") for case in suite] == CHECKS
    assert [case.get("name") for case in suite if case.find("failure") is not None] == failing
    assert len(got) == len(CHECKS) + 2


def test_what_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    with Receiver(Careful()) as receiver:
        code, _, _ = checked(capsys, receiver.url("/hook?from=mock"), "--sign-key", KEY, "--seed", "7")
        got = list(receiver.got)
    assert code == 0
    assert {each.path for each in got} == {"/hook?from=mock"}
    assert {each.headers["content-type"] for each in got} == {"application/json"}
    first, bad, unsigned, other, stale, once, twice, ended, paid, new, kind, recalled, slow, huge, last = got
    first.check_signature(KEY)
    assert not fits(bad)
    assert bad.json["signature"] == legacy_md5(KEY, bad.callback_id)
    assert unsigned.json["signature"] is None
    assert not [name for name in unsigned.headers if name.startswith("billogram-")]
    other.check_signature(f"old-{KEY}")
    assert fits(stale)
    assert not fresh(stale)
    assert once.body == twice.body
    assert (ended.event_type, paid.event_type) == ("BillogramEnded", "Payment")
    assert ended.billogram == paid.billogram
    assert new.event_type == "SomethingNew"
    assert kind.json["callback_type"] == "SomethingNew"
    assert recalled.json["payment_recall"]["payables"][0]["billogram"]["id"] == once.billogram
    assert len(huge.body) > 8 * 2**20
    for each in (once, ended, paid, new, slow, huge, last):
        each.check_signature(KEY)
    ids = [
        each.callback_id for each in (first, bad, once, ended, paid, new, kind, recalled, slow, huge, last)
    ]
    assert len(set(ids)) == len(ids), "none of them was seen before"


def test_the_same_seed_sends_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    def sent(*more: str) -> list[str]:
        with Receiver(Careful()) as receiver:
            checked(capsys, receiver.url(), "--sign-key", KEY, *more)
            return [each.callback_id for each in receiver.got]

    assert sent("--seed", "7") == sent("--seed", "7") != sent("--seed", "8")
    assert sent() != sent(), "a receiver that remembers takes them for new ones"


def test_one_that_does_not_wait_for_a_slow_body(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world._Handler, "timeout", 0.2)
    monkeypatch.setattr(check_receiver, "_PAUSE", 0.5)
    monkeypatch.setattr(check_receiver, "_PIECES", 3)
    with Receiver(TakesHuge()) as receiver:
        code, rows, _ = checked(capsys, receiver.url(), "--sign-key", KEY)
    assert code == 1
    assert "slow body" in [row[0] for row in rows if row[-1] == "FAILED"]


def test_one_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    class Hangs(Careful):
        def other(self, _: Got) -> int:
            time.sleep(1)
            return 200

    with Receiver(Hangs()) as receiver:
        code, rows, _ = checked(capsys, receiver.url(), "--sign-key", KEY, "--timeout", "0.5s")
    assert code == 1
    assert [row[0] for row in rows if "no answer in 0.5 s" in row] == [
        "unknown callback type",
        "payment recalled",
    ]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["http://127.0.0.1:{dead}/hook", "--sign-key", KEY], "can't be reached: connection refused"),
        (["http://nowhere.invalid/hook", "--sign-key", KEY], "can't be reached: "),
        (["ftp://127.0.0.1/hook", "--sign-key", KEY], "must be an address such as"),
        (["http://127.0.0.1:99999/", "--sign-key", KEY], "ort"),
        (["http://127.0.0.1:{dead}/hook"], "--sign-key"),
        (["http://127.0.0.1:{dead}/hook", "--sign-key", ""], "must be printable text"),
        (["--sign-key", KEY], "URL"),
        (["http://127.0.0.1:{dead}/", "--sign-key", KEY, "--timeout", "soon"], "not a duration"),
        (["http://127.0.0.1:{dead}/", "--sign-key", KEY, "--timeout", "0s"], "must be above 0s"),
        (["http://127.0.0.1:{dead}/", "--sign-key", KEY, "--seed", "x"], "must be a whole number"),
    ],
)
def test_what_can_not_be_run(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with dead_port() as dead, pytest.raises(SystemExit) as ended:
        main(["check-receiver", *(each.format(dead=dead) for each in arguments)])
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out) == (2, "")
    assert line in one_line(shown.err)


def test_a_report_that_can_not_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Receiver(Careful()) as receiver, pytest.raises(SystemExit) as ended:
        main(
            ["check-receiver", receiver.url(), "--sign-key", KEY, "--report", str(tmp_path / "no" / "x.xml")]
        )
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert "x.xml can't be written: No such file or directory" in one_line(shown.err)
    assert len(shown.out.splitlines()) == len(CHECKS) + 2, "what came of it is seen all the same"


def test_as_a_command() -> None:
    with Receiver(Careful()) as receiver:
        done = subprocess.run(
            [*COMMAND, "check-receiver", receiver.url(), "--sign-key", KEY],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env=clean_environment(),
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("  ok\n") == len(CHECKS)

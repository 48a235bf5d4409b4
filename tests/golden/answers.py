"""What is compared of an answer, and what is left out of it: the one place for both."""

import base64
import hashlib
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from tests.golden.process import Answer, Process

KINDS = ("answers", "refusals", "documents")  # of a round, in the order in which they are asked for
EXPLANATION = "{Mock-Explain}"  # as a path: that of the last refusal, as its header names it


class LeftOut(NamedTuple):
    """Members that are of the process and not of the data, or prose that may be worded anew."""

    path: str  # a pattern that the path of the request begins with
    members: tuple[str, ...]  # at whatever depth
    reason: str
    after_move: bool = False  # only after time was moved in this process


LEFT_OUT = (
    LeftOut(
        r"/_mock/info",
        ("version", "uptime", "storage", "configuration"),
        "they tell of the process; the counts stay",
    ),
    LeftOut(
        r"/_mock/accounts/[^/]+/(deliveries|timeline)",
        ("duration_ms",),
        "measured when an attempt is made: one of this process takes another time each run",
        after_move=True,
    ),
    LeftOut(
        r"/_mock/accounts/[^/]+/inbox",
        ("number",),
        "the numbers of the rows came with pages",
    ),
    LeftOut(
        r"/_mock/accounts/[^/]+/payments/[^/]+/recall-options",
        ("reasons",),
        "the names of the codes came with the pages of the dashboard",
    ),
    LeftOut(
        r"/_mock/accounts(/[^/]+)?$",
        ("forked_from",),
        "a member since these logs were recorded; their forks do not know it",
    ),
    LeftOut(
        r"\{Mock-Explain\}",
        ("at", "message", "why", "advice", "hint", "meaning", "reason", "topic", "near"),
        "explanations are prose; their rules, values and steps stay",
    ),
    LeftOut(
        r"/api/v2/billogram/[^/]+/command/",
        ("message", "hint"),
        "the text of a refusal may be worded anew; its identifier and field stay",
    ),
)
OF_THIS_RUN = "(a request of this run)"  # in place of its id, which is drawn anew in every process


class Request(NamedTuple):
    """One request; `account` is that of the credentials, None for the control plane."""

    method: str
    path: str
    account: str | None = None
    body: Any = None


class Asked:
    """Asks one process after another for the same data, and knows the ids of the requests of all."""

    def __init__(self) -> None:
        self._runs: set[str] = set()
        self._explanation = ""

    def ask(self, process: Process, request: Request, *, moved: bool) -> tuple[int, Any]:
        """Status and body, as they are compared. A PDF is shown by what it says."""
        path = self._explanation if request.path == EXPLANATION else request.path
        answer = process.call(request.method, path, request.body, request.account)
        if run := answer.headers.get("mock-request-id"):
            self._runs.add(run.partition("-")[0])
        self._explanation = answer.headers.get("mock-explain", "")
        return answer.status, self._shown(request, answer, moved=moved)

    def _shown(self, request: Request, answer: Answer, *, moved: bool) -> Any:
        if not answer.body:
            return None
        if answer.status == 200 and ".pdf" in request.path:
            return _with_lines(answer.json)
        absent = {
            member
            for each in LEFT_OUT
            if re.match(each.path, request.path) and (moved or not each.after_move)
            for member in each.members
        }
        if not absent and not any(run.encode() in answer.body for run in self._runs):
            return answer.json
        return self._without(answer.json, absent)

    def _without(self, value: Any, absent: set[str]) -> Any:
        if isinstance(value, dict):
            return {name: self._without(each, absent) for name, each in value.items() if name not in absent}
        if isinstance(value, list):
            return [self._without(each, absent) for each in value]
        if isinstance(value, str) and value[:8] in self._runs and re.fullmatch(r"[0-9a-f]{8}-\d+", value):
            return OF_THIS_RUN
        return value


_DRAWN = re.compile(rb"([\d.-]+ [\d.-]+) Td \((.*)\) Tj")


def _with_lines(shown: Any) -> Any:
    """Instead of the bytes of a PDF: its texts, a digest of where they are drawn, its dates and pictures.

    What else is in the bytes depends on the versions of the libraries that write them. An attached file has
    no texts, so it is digested whole.
    """
    content = base64.b64decode(shown["data"]["content"])
    drawn = _DRAWN.findall(content)
    if not drawn:
        return shown | {"data": shown["data"] | {"content": hashlib.sha256(content).hexdigest()}}
    layout = hashlib.sha256(b"\n".join(place for place, _ in drawn)).hexdigest()[:16]
    whole = {
        "texts": [text.decode("cp1252") for _, text in drawn],
        "layout": layout,
        "of": re.findall(r"/(?:CreationDate|Title) .*", content.decode("latin-1")),
        "pictures": content.count(b"/Subtype /Image"),
    }
    return shown | {"data": shown["data"] | {"content": whole}}


def became_preview(request: Request, expected: tuple[int, Any], got: tuple[int, Any]) -> bool:
    """Whether a draft that had no PDF now has a preview. It is the only answer that changed on purpose.

    The preview shows the draft, which is compared by itself; what it looks like is tested elsewhere.
    """
    if (expected[0], got[0]) != (404, 200) or not request.path.endswith(".pdf"):
        return False
    texts = got[1]["data"]["content"]["texts"]
    return bool(expected[1]["status"] == "NOT_FOUND" and "UTKAST" in texts and "Fakturanummer" not in texts)


_ABSENT = "(absent)"


_PROSE = "$.condition.must"  # of an explanation: a sentence, recorded before it was left out like the others


def differences(expected: Any, got: Any, path: str = "$") -> Iterator[str]:
    """Where two bodies differ: the JSON path, the expected value and the one that was received."""
    if path == _PROSE and isinstance(expected, str) and isinstance(got, str):
        return
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in sorted(expected.keys() | got.keys()):
            yield from differences(expected.get(name, _ABSENT), got.get(name, _ABSENT), f"{path}.{name}")
    elif isinstance(expected, list) and isinstance(got, list):
        for number, (one, other) in enumerate(zip_longest(expected, got, fillvalue=_ABSENT)):
            yield from differences(one, other, f"{path}[{number}]")
    elif expected != got or type(expected) is not type(got):
        yield f"{path}: expected {_short(expected)}, got {_short(got)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."

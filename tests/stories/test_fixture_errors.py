"""A bad fixture: file, line, reason; the account is as it was (reference: control 4)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from mockserver.log.memory import MemoryLog
from tests.server import Server


class Bad(Struct, frozen=True):
    """A text, the line that is to blame, and words of the reason."""

    text: str
    line: int
    said: str


MADE = """\
customers:
- {as: fir, name: Fir AB, contact: {email: fir@example.com}}
items:
- {item_no: AXE, title: Axe, price: 100, vat: 25, unit: unit}
acts:
- do: createBillogram
  as: axes
  with:
    customer: {customer_no: $fir}
    items: [{item_no: AXE, count: 2}]
"""  # ten lines
SENT = MADE + "- {do: sendBillogram, on: $axes, with: {method: Email}}\n"
LISTED = [
    # YAML
    Bad("account: {\n  seed: 1\nacts: []\n", 3, "bad YAML: did not find expected ',' or '}'"),
    Bad("account: {}\nitems: []\naccount: {}\n", 3, "duplicate key"),
    Bad("account:\n  seed: 1\n  clock: {mode: frozen}\n  seed: 2\n", 4, "duplicate key"),
    Bad("", 1, "is empty"),
    Bad("# only this\n", 1, "is empty"),
    Bad("acts: []\n---\nacts: []\n", 2, "another document"),
    Bad("acts:\n  - *nobody\n", 2, "undefined alias"),
    Bad("acts: &all\n  - *all\n", 1, "too many values, or too deep"),
    Bad("[acts]: 1\n", 1, "a key must be text"),
    Bad("account:\n  seed: !!int seven\n", 2, "can't be read as int"),
    Bad("account: !!python/object:os.system {}\n", 1, "unknown tag"),
    Bad("account:\n  seed: !!binary c2l4\n", 2, "can't be read as binary"),
    # its form
    Bad("- acts\n", 1, "a fixture must be a mapping"),
    Bad("acts: []\nact: []\n", 2, "unknown key: act; did you mean acts?"),
    Bad("\n\nacts: {do: this}\n", 3, "acts must be a list"),
    Bad("acts:\n  - sendBillogram\n", 2, "acts[0] must be a mapping"),
    Bad("acts:\n  - {}\n", 2, "an act has do, or at or after"),
    Bad("acts:\n  - do: deleteOutcomes\n    wit: {}\n", 3, "unknown key: wit; did you mean with?"),
    Bad("acts:\n  - on: $x\n    after: 1d\n", 2, "on without do"),
    Bad("acts:\n  - {at: 2026-04-01 10:00,\n     after: 1d}\n", 2, "at and after exclude each other"),
    Bad("acts:\n  - do: [sendBillogram]\n", 2, "do must be text"),
    Bad("acts:\n  - after: 3\n", 2, "after must be text"),
    Bad("acts:\n\n  - do: sendBilogram\n", 3, "sendBilogram can't be done here; did you mean sendBillogram?"),
    Bad("acts:\n  - do: getBillogram\n    on: x\n", 2, "it is not an act of an account's history"),
    Bad("acts:\n  - do: resetAccount\n", 2, "it is not an act of an account's history"),
    Bad("acts:\n  - do: advanceClock\n", 2, "it is not an act of an account's history"),
    Bad("acts:\n  - do: sendBillogram\n", 2, "sendBillogram needs on: a billogram"),
    Bad("acts:\n  - do: createItem\n    on: $x\n", 2, "on can't be given"),
    Bad("acts:\n  - do: updateSettings\n    as: x\n", 3, "makes nothing that could have a name"),
    Bad("customers:\n  - {name: A,\n     as: 7up}\n", 3, "a name is letters, digits, - and _"),
    # the account
    Bad("account:\n  seed: 1\n  colour: red\n", 3, "unknown key: colour"),
    Bad("account:\n  fixture: demo\n", 2, "unknown key: fixture"),
    Bad("account:\n  seed: many\n", 2, "seed: "),
    Bad("account:\n  clock:\n    mode: odd\n", 3, "mode: "),
    Bad("account:\n  clock:\n    now: 2026-03-02\n", 3, "now: Value error, must be ISO 8601 with zone"),
    Bad("account:\n  timezone: Europe/Nowhere\n", 2, "unknown time zone"),
    Bad("account:\n  settings:\n    name: A\n    colour: red\n", 4, "settings: "),
    Bad("account:\n  settings:\n    invoices:\n      default_reminder_fee: -1\n", 4, "settings: "),
    Bad("account: 7\n", 1, "account must be a mapping"),
    Bad("account:\n  callbacks:\n    url: ftp://example.com\n", 3, "url: "),
    # references
    Bad(MADE + "- {do: sendBillogram, on: $axe}\n", 11, "no earlier act is called axe; did you mean axes?"),
    Bad(MADE + "- do: createPayment\n  with:\n    amount: 5\n    billogram: $axe\n", 14, "called axe"),
    Bad("acts:\n- {do: sendBillogram, on: $later}\n" + MADE[:0], 2, "no earlier act is called later"),
    Bad(
        MADE + "- do: sendBillogram\n  on: $fir\n", 12, "$fir is a customer, sendBillogram needs a billogram"
    ),
    Bad(MADE + "- do: recallPayment\n  on: $axes\n", 12, "$axes has no payment"),
    Bad(MADE + "- do: sendBillogram\n  on: [axes]\n", 12, "on must be a billogram"),
    Bad(MADE + "- {do: createPayment, as: fir, with: {amount: 5}}\n", 11, "something is called fir already"),
    # refused acts
    Bad(
        SENT + "- do: sendBillogram\n  on: $axes\n", 12, "sendBillogram is refused: Event Send not supported"
    ),
    Bad(MADE.replace("count: 2", "count: two"), 10, "createBillogram is refused: "),
    Bad(MADE.replace("$fir}", "77}"), 9, "(INVALID_PARAMETER, customer_no)"),
    Bad(MADE.replace("vat: 25", "vat: 25, colour: red"), 4, "(UNKNOWN_PARAMETER, colour)"),
    Bad(MADE.replace("name: Fir AB, ", ""), 2, "createCustomer is refused: Name not set"),
    Bad(MADE + "- do: sendBillogram\n  on: none\n", 11, "sendBillogram is refused: object not found"),
    Bad(SENT + "- do: createPayment\n  with:\n    amount: 5\n    payer: me\n", 15, "unknown member: payer"),
    Bad(SENT + "- do: createPayment\n  with:\n    amount: -5\n", 14, "createPayment is refused: amount"),
    Bad(SENT + "- do: createPayment\n  with: [5]\n", 13, "createPayment is refused"),
    Bad(SENT + "- do: simulateCollectionEnd\n  on: $axes\n", 12, "simulateCollectionEnd is refused"),
    # time
    Bad("acts:\n- at: 2026-03-01 10:00\n", 2, "the clock can't be moved back"),
    Bad("acts:\n- after: 1d\n- at: 2026-03-03 09:59\n", 3, "it shows 2026-03-03T10:00:00+01:00"),
    Bad("acts:\n- at: 2026-04-01\n", 2, "must be a moment such as 2026-03-02 10:00"),
    Bad("acts:\n- at: 2026-04-31 10:00\n", 2, "must be a moment"),
    Bad("acts:\n- at: tomorrow\n", 2, "must be a moment"),
    Bad("acts:\n- at: 9999-01-01 10:00\n", 2, "at: "),
    Bad("acts:\n- after: 1 day\n", 2, "not a duration"),
    Bad("acts:\n- after: 9999y\n", 2, "leaves the calendar"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(library=(str(tmp_path),))
    yield made
    made.close()


def records(server: Server) -> Any:
    """What the log holds, all of it."""
    log = server.emulator.log
    assert isinstance(log, MemoryLog)
    return {stream: list(each) for stream, each in log._records.items()}, dict(log._pointers)


@pytest.mark.parametrize("bad", LISTED, ids=lambda bad: bad.said)
def test_it_is_told_and_changes_nothing(bad: Bad, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(bad.text)
    server.customer()
    before = server.image(), records(server)
    for operation, body in (
        ("/accounts", {"id": "new", "fixture": "bad"}),
        ("/accounts/test/reset", {"fixture": "bad"}),
    ):
        answer = server.mock("POST", operation, body)
        assert answer.status == 400, answer.body
        error = answer.json["error"]
        assert error["code"] == "fixture"
        assert error["hint"]
        assert error["message"].startswith(f"bad.yaml:{bad.line}: "), error
        assert bad.said in error["message"], error
        assert (server.image(), records(server)) == before
    assert server.emulator.live("new") is None


def test_no_such_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for asked, said in (
        ("demoo", "no fixture demoo; did you mean demo?"),
        (str(tmp_path / "none.yaml"), "there are demo, empty, sepa"),
        (str(tmp_path / "folder.yaml"), "no fixture"),
        ("../fixtures/demo.yaml", "no fixture"),
        ("a\0b", ""),
        ("x" * 4000, ""),
    ):
        answer = server.mock("POST", "/accounts", {"id": "a", "fixture": asked})
        assert (answer.status, answer.json["error"]["code"]) == (400, "fixture"), asked
        assert said in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"acts: []\n# \xff\n", "bad.yaml:2: is not UTF-8"),
        (b"acts: []\n#" + b" " * 5 * 1024 * 1024, "bad.yaml: is larger than 5 MiB"),
        (b"acts: [" + b"[" * 100_000, "bad.yaml"),
        (b"acts: " + b"{a: " * 50 + b"1" + b"}" * 50, "too many values, or too deep"),
        (
            b"a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 10)) for n in b"bcdefgh"),
            "too many values, or too deep",
        ),
        (b"acts: \x07\n", "bad YAML: unacceptable character"),
        (b"\xef\xbb\xbfaccount: {}\nx: 1\n", "bad.yaml:2: unknown key: x"),
    ],
)
def test_files_that_can_be_nothing(data: bytes, said: str, server: Server, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(data)
    answer = server.mock("POST", "/accounts", {"id": "a", "fixture": "bad"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "fixture")
    assert said in answer.json["error"]["message"]


def test_a_body_that_does_not_fit(server: Server) -> None:
    body = {"id": "a", "fixture": "demo", "clock": {"now": "2026-03-02T10:00:00+01:00"}}
    error = server.mock("POST", "/accounts", body).json["error"]
    assert error["message"].startswith("demo.yaml:")
    assert "the clock can't be moved back" in error["message"]
    assert server.mock("POST", "/accounts", {"id": "a", "fixture": 7}).status == 400
    assert server.mock("POST", "/accounts", {"id": "a", "fixture": ""}).status == 400
    assert server.mock("POST", "/accounts/none/reset", {"fixture": "demo"}).status == 404
    assert server.emulator.live("a") is None

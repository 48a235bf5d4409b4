"""Random stories of snapshots, restores and forks against plain copies of the states they should give."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server import Server

NAMES = ("a", "b", "c")
PICK = st.integers(0, 9)
WHO = st.sampled_from(NAMES)
OPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["customer", "sent", "pay", "advance"]), WHO, PICK),
        st.tuples(st.sampled_from(["customer", "sent", "pay"]), WHO, PICK),
        st.tuples(st.sampled_from(["snapshot", "restore", "forget"]), WHO, PICK),
        st.tuples(st.sampled_from(["fork", "fork at"]), WHO, PICK),
        st.tuples(st.sampled_from(["reset", "delete", "reopen"]), WHO, PICK),
    ),
    min_size=1,
    max_size=14,
)
Plain = dict[str, Any]
_OWN = ("id", "order", "key_hash", "seed", "generation", "clock", "forked_from", "earlier_seeds")


class World:
    """Servers one after another on one log, and the model: plain states by position."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.server = self.started()
        self.past: dict[str, dict[int, Plain]] = {}
        self.named: dict[tuple[str, str], dict[int, Plain]] = {}

    def started(self) -> Server:
        server = Server() if self.file is None else Server(database=self.file)
        server.run(server.open_all())
        return server

    def plain(self, who: str) -> Plain:
        """A copy of a state; what belongs to the account alone left out."""
        state = self.server.state(who)
        found = {name: value for name, value in state.image().items() if name != "_tables"}
        account = {name: getattr(state.account, name) for name in state.account.__struct_fields__}
        return found | {"account": {name: value for name, value in account.items() if name not in _OWN}}

    def now(self, who: str) -> str:
        return str(self.mock("GET", f"/accounts/{who}/clock")["now"])

    def mock(self, method: str, path: str, body: Any = None) -> Any:
        return self.server.mock(method, path, {} if body is None else body).json

    def remember(self, who: str) -> None:
        self.past.setdefault(who, {})[self.server.position(who)] = self.plain(who)

    # what can happen

    def act(self, kind: str, who: str, pick: int) -> None:
        server = self.server
        if who not in self.past:
            self.mock("POST", "/accounts", {"id": who})
            self.remember(who)
            server.get("/settings", account=who)
            self.remember(who)
        if kind == "customer":
            server.post("/customer", {"name": f"{pick}", "contact": {"email": "a@example.com"}}, account=who)
        elif kind == "sent" and server.state(who).customers:
            row = {"title": "Row", "count": 1, "price": 100 + pick, "vat": 25}
            sent = {"command": "send", "method": "Email"}
            draft = {"customer": {"customer_no": 1}, "items": [row], "on_success": sent}
            server.post("/billogram", draft, account=who)
        elif kind == "pay" and server.state(who).billograms:
            keys = list(server.state(who).billograms)
            path = f"/billogram/{keys[pick % len(keys)]}/command/payment"
            server.post(path, {"amount": 50}, account=who)
        elif kind == "advance":
            self.mock("POST", f"/accounts/{who}/clock/advance", {"by": f"{pick}d"})
        self.remember(who)

    def branch(self, kind: str, who: str, pick: int) -> None:
        base, label = f"/accounts/{who}", f"s{pick % 2}"
        if who not in self.past:
            return
        if kind == "snapshot":
            if self.mock("POST", f"{base}/snapshots", {"name": label}).get("name"):
                self.named[who, label] = self.past[who] | {0: {"now": self.now(who)}}
        elif kind == "restore" and (who, label) in self.named:
            generation = self.mock("GET", base)["generation"]
            shown = self.mock("POST", f"{base}/snapshots/{label}/restore")
            past = dict(self.named[who, label])
            assert shown["clock"]["now"] == past.pop(0)["now"]
            assert shown["generation"] == generation + 1
            assert self.plain(who) == past[max(past)]
            self.past[who] = past
            self.remember(who)
        elif kind == "forget" and self.named.pop((who, label), None) is not None:
            self.mock("DELETE", f"{base}/snapshots/{label}")
        elif kind == "reset":
            self.mock("POST", f"{base}/reset")
            del self.past[who]
            self.remember(who)
        elif kind == "delete":
            self.mock("DELETE", base)
            del self.past[who]
            self.named = {key: value for key, value in self.named.items() if key[0] != who}
        elif kind.startswith("fork"):
            self.fork(who, NAMES[pick % 3], pick if kind == "fork at" else None)

    def fork(self, who: str, other: str, pick: int | None) -> None:
        if other in self.past:
            return
        past = self.past[who]
        at = max(past) if pick is None else list(past)[pick % len(past)]
        self.mock("POST", f"/accounts/{who}/fork", {"id": other} | ({} if pick is None else {"at": at}))
        assert self.plain(other) == past[at]
        self.past[other] = {position: each for position, each in past.items() if position <= at}
        self.server.get("/settings", account=other)  # adopts the key
        self.remember(other)

    def reopen(self) -> None:
        if self.file is not None:
            self.server.close()
            self.server = self.started()

    def hold(self) -> None:
        assert set(self.server.emulator.known()) == set(self.past)
        for who, past in self.past.items():
            assert self.plain(who) == past[max(past)], who
            assert self.server.fold(who).image() == self.server.image(who)
            listed = {each["name"] for each in self.mock("GET", f"/accounts/{who}/snapshots")}
            assert listed == {name for account, name in self.named if account == who}


def story(file: str | None, ops: list[tuple[str, str, int]]) -> None:
    world = World(file)
    try:
        for kind, who, pick in ops:
            if kind == "reopen":
                world.reopen()
            elif kind in ("customer", "sent", "pay", "advance"):
                world.act(kind, who, pick)
            else:
                world.branch(kind, who, pick)
            world.hold()
    finally:
        world.server.close()


def in_file(ops: list[tuple[str, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story(str(Path(folder) / "log.db"), [*ops, ("reopen", "a", 0)])


def in_memory(ops: list[tuple[str, str, int]]) -> None:
    story(None, ops)


@pytest.mark.parametrize(("play", "share"), [(in_memory, 1), (in_file, 4)])
def test_branches_are_plain_copies(play: Callable[[list[tuple[str, str, int]]], None], share: int) -> None:
    given(OPS)(settings(max_examples=settings().max_examples // share)(play))()

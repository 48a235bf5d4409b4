"""Fixtures: accounts to start from (reference: control 4).

The acts of a fixture are operations of the two OpenAPI documents. They are played on a scratch application
with a log of its own, by the rules that every client meets; what comes out is taken over in one write.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from msgspec import Struct
from pydantic import ValidationError

from mockserver.api.settings import changed_settings
from mockserver.asgi import Application
from mockserver.configuration import Configuration
from mockserver.control.accounts import AccountBody, new_account
from mockserver.control.call import parse_body
from mockserver.control.errors import ControlError
from mockserver.control.operations import OPERATIONS
from mockserver.core import accounts, calendar
from mockserver.core.accounts import FROZEN_START
from mockserver.core.model import Account, replace
from mockserver.core.refusal import Refusal
from mockserver.core.settings import new_settings
from mockserver.emulator import Emulator, LiveAccount, NewAccount
from mockserver.in_process import InProcessResponse
from mockserver.log.memory import MemoryLog
from mockserver.snapshots import Played
from mockserver.stories import library, yaml_source
from mockserver.stories.caller import BILLOGRAM, Caller, NamedOperation, Table, operations
from mockserver.stories.yaml_source import BadFile, Steps

_ID = "fixture"  # where the account has none yet
_PARTS = ("account", "customers", "items", "acts")
MEMBERS = ("at", "after", "do", "on", "with", "as")
_HINT = "correct the fixture; nothing was changed"

# what an act can make and name: what it is, and where its id stands in the answer
MADE = {
    "createCustomer": ("customer", ("data", "customer_no")),
    "createItem": ("item", ("data", "item_no")),
    "createBillogram": ("billogram", ("data", "id")),
    "createPayment": ("payment", ("id",)),
    "createSepaDdMandate": ("payment source", ()),  # its answer has none: the newest one
    "migrateSepaDdMandate": ("payment source", ()),
}
_KINDS = {
    "customer": "customer",
    "customers": "customer",
    "item": "item",
    "billogram": "billogram",
    "billograms": "billogram",
    "payments": "payment",
    "payment_source": "payment source",
    "payment-sources": "payment source",
}  # by the step of a path before the id
_BANK = (
    *("createPayment", "allocatePayment", "recallPayment", "setOutcomes", "deleteOutcomes"),
    "changeMockPaymentSource",
)
_OBJECT = re.compile(r"/([\w-]+)/{(?!a})(\w+)}")
_NAME = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_REFERENCE = re.compile(r"\$([A-Za-z][\w-]*)", re.ASCII)


class FixtureAct(Struct, frozen=True):
    """One act: where it stands, and what it says."""

    steps: Steps
    do: str | None = None
    on: Any = None
    body: Any = None
    name: str | None = None
    at: str | None = None
    after: str | None = None


class Named(Struct, frozen=True):
    """What an act made."""

    kind: str
    id: Any


@cache
def acts() -> dict[str, NamedOperation]:
    """The operations that can be acts: what clients and others do to an account, but for its clock."""
    return {
        name: called
        for name, called in operations(OPERATIONS).items()
        if called.path.count("{") - called.path.count("{a}") == (object_of(called) is not None)
        and (
            (called.document == BILLOGRAM and called.method != "GET")
            or name in _BANK
            or "/simulate/" in called.path
        )
    }


def object_of(called: NamedOperation) -> tuple[str, str] | None:
    """What an operation is done to, and the parameter of its path for it."""
    found = _OBJECT.search(called.path)
    return None if found is None or found[1] not in _KINDS else (_KINDS[found[1]], found[2])


def find_fixture(asked: str, table: Table) -> "Fixture":
    """The fixture of this name or path, checked as far as it can be before it is played; ControlError.

    `table`: the operations that the control plane has, more than can be acts.
    """
    try:
        path = library.find(library.FIXTURES, asked)
    except (library.NotInLibrary, OSError, ValueError) as error:
        hint = f"a name ({', '.join(library.names(library.FIXTURES))}) or the path of a file"
        raise ControlError(400, "fixture", str(error), hint) from None
    shown = path.name if path.parent == library.folder(library.FIXTURES) else asked
    try:
        file = yaml_source.read_file(path)
    except BadFile as error:
        raise ControlError(400, "fixture", _placed(shown, error.line, error.reason), _HINT) from None
    return Fixture(path, shown, file, operations(table))


def _placed(file: str, line: int, reason: str) -> str:
    return f"{file}:{line}: {reason}" if line else f"{file}: {reason}"


def _near(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    near = get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}" if known else ""


class Fixture:
    """An account to start from, read from a file. It can be played as often as one likes."""

    def __init__(
        self, path: Path, shown: str, file: yaml_source.ParsedFile, known: Mapping[str, NamedOperation]
    ) -> None:
        self._path = path
        self._shown = shown
        self._file = file
        self._known = known
        whole = self._mapping(file.value, ())
        self._only(whole, _PARTS, ())
        self.account = self._mapping(whole.get("account") or {}, ("account",))
        self._check_account()
        self._acts = [
            *self._register(whole, "customers", "createCustomer"),
            *self._register(whole, "items", "createItem"),
            *map(self._act, self._list(whole, "acts")),
        ]

    # reading

    def bad(self, steps: Steps, reason: str, hint: str = _HINT) -> NoReturn:
        """Refuse the fixture for what stands there."""
        raise ControlError(400, "fixture", _placed(self._shown, self._file.line(steps), reason), hint)

    def _mapping(self, value: Any, steps: Steps) -> dict[str, Any]:
        if not isinstance(value, dict):
            what = "".join(f"[{step}]" if isinstance(step, int) else step for step in steps)
            self.bad(steps, f"{what or 'a fixture'} must be a mapping")
        return value

    def _only(self, value: dict[str, Any], known: tuple[str, ...], steps: Steps) -> None:
        for name in value:
            if name not in known:
                self.bad((*steps, name), f"unknown key: {name}{_near(name, known)}")

    def _list(self, whole: dict[str, Any], part: str) -> Iterator[tuple[Steps, dict[str, Any]]]:
        found = whole.get(part) or []
        if not isinstance(found, list):
            self.bad((part,), f"{part} must be a list")
        for index, each in enumerate(found):
            steps = (part, index)
            yield steps, self._mapping(each, steps)

    def _check_account(self) -> None:
        try:
            if "fixture" in self.account:
                self.bad(
                    ("account", "fixture"), "unknown key: fixture; a fixture can't begin with another one"
                )
            body = AccountBody.model_validate({"id": _ID, **self.account})
            if body.settings is not None:
                new = new_settings(_ID, FROZEN_START.year)
                changed_settings(new, body.settings, new)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            steps = ("account", *problem["loc"])
            name = str(steps[-1])
            unknown = problem["type"] == "extra_forbidden"
            self.bad(steps, f"unknown key: {name}" if unknown else f"{name}: {problem['msg']}")
        except Refusal as refusal:
            steps = ("account", "settings", *(refusal.path or ()), refusal.field or "")
            self.bad(steps, f"settings: {refusal.message}")

    def _register(self, whole: dict[str, Any], part: str, do: str) -> Iterator[FixtureAct]:
        for steps, body in self._list(whole, part):
            yield FixtureAct(
                steps,
                do,
                body={name: value for name, value in body.items() if name != "as"},
                name=self._name(body, steps),
            )

    def _act(self, row: tuple[Steps, dict[str, Any]]) -> FixtureAct:
        steps, said = row
        self._only(said, MEMBERS, steps)
        for name in ("at", "after", "do"):
            if name in said and not isinstance(said[name], str):
                self.bad((*steps, name), f"{name} must be text")
        if "at" in said and "after" in said:
            self.bad(steps, "at and after exclude each other")
        do = said.get("do")
        if do is None:
            if not {"at", "after"} & set(said):
                self.bad(steps, "an act has do, or at or after")
            for name in ("on", "with", "as"):
                if name in said:
                    self.bad((*steps, name), f"{name} without do")
        elif do not in acts():
            known = (
                _near(do, acts()) if do not in self._known else "; it is not an act of an account's history"
            )
            self.bad((*steps, "do"), f"{do} can't be done here{known}")
        elif (object_of(acts()[do]) is not None) != ("on" in said):
            what = object_of(acts()[do])
            self.bad(
                steps,
                f"{do} needs on: a {what[0]}" if what else f"{do} is done to nothing: on can't be given",
            )
        elif "as" in said and do not in MADE:
            self.bad((*steps, "as"), f"{do} makes nothing that could have a name")
        return FixtureAct(
            steps,
            do,
            said.get("on"),
            said.get("with"),
            self._name(said, steps),
            said.get("at"),
            said.get("after"),
        )

    def _name(self, said: dict[str, Any], steps: Steps) -> str | None:
        if "as" not in said:
            return None
        name = said["as"]
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            self.bad((*steps, "as"), "a name is letters, digits, - and _, and begins with a letter")
        return name

    # what comes of it

    def body(self, own: Mapping[str, Any]) -> AccountBody:
        """The account as POST /_mock/accounts would make it; its own members win, member by member."""
        said = {name: value for name, value in own.items() if value is not None and name != "fixture"}
        return parse_body(AccountBody, _laid_over(self.account, said))

    def new_account(self, own: Mapping[str, Any]) -> NewAccount:
        """The same, as the emulator makes it."""
        return new_account(self.body(own))

    async def open(self, emulator: Emulator, new: NewAccount) -> LiveAccount:
        """Make an account and load it; AccountExists, ControlError."""
        await emulator.vacant(new.id)
        # where nobody says when, it begins at the same moment every time [A]
        start = new.now or emulator.defaults.now or FROZEN_START
        account = emulator.created(replace(new, now=start))
        played = await self._played(account, "account")
        return await emulator.snapshots.take_over(played, None, cause=self._cause(()))

    async def reset(self, emulator: Emulator, live: LiveAccount, seed: int | None) -> LiveAccount:
        """Empty an account and load it. Id, key, callbacks and what the fixture doesn't name stay [A]."""
        await emulator.settled(live)
        own = live.account
        body = self.body({"id": own.id})
        start = body.clock
        given = {name: getattr(start, name) for name in ("mode", "now") if start and getattr(start, name)}
        clock = accounts.moved(own.clock, emulator.real_time(), {"now": emulator.now(live)} | given)
        emptied = accounts.emptied(own, clock=clock, seed=body.seed if seed is None else seed)
        changes: dict[str, Any] = {
            name: getattr(body, name)
            for name in ("timezone", "default_due_days", "market", "pdf_delay")
            if getattr(body, name) is not None
        }
        if body.features is not None:
            changes["features"] = replace(own.features, **body.features.given())
        if body.settings is not None:
            changes["settings"] = changed_settings(emptied.settings, body.settings, own.first_settings)
        played = await self._played(replace(emptied, **changes), "reset")
        return await emulator.snapshots.take_over(played, live, cause=self._cause(()))

    async def _played(self, account: Account, rule: str) -> Played:
        scratch = Application(Configuration(closed=True), MemoryLog())
        await scratch.sender.stop()  # what the acts bring about is history
        try:
            now = account.clock.now
            still = replace(account, clock=accounts.started("frozen", now, now))
            causes: list[tuple[int, str]] = []
            live = await scratch.emulator.open_as(still, cause="fixture", rule=rule)
            causes.append((live.position, self._cause(("account",))))
            player = _Player(self, scratch, live)
            for act in self._acts:
                await player.do(act)
                causes.append((live.position, self._cause(act.steps)))
                await asyncio.sleep(0)  # others get their turn
            records = []
            async for record in scratch.emulator.log.read(live.stream):
                while causes[0][0] < record.position:
                    causes.pop(0)
                records.append(replace(record, cause=causes[0][1]))
            return Played(live.state, tuple(records), scratch.emulator.now(live), account.clock)
        finally:
            await scratch.close()

    def _cause(self, steps: Steps) -> str:
        """What the log names as the cause of an act: file and line, wherever the file lies."""
        return f"{self._path.name}:{self._file.line(steps)}"


def _laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for name, value in own.items():
        old = found.get(name)
        found[name] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


class _Player:
    """Does the acts of a fixture, one after the other."""

    def __init__(self, fixture: Fixture, scratch: Application, live: LiveAccount) -> None:
        self._fixture = fixture
        self._emulator = scratch.emulator
        self._live = live
        self._caller = Caller(scratch, live.id)
        self._named: dict[str, Named] = {}

    async def do(self, act: FixtureAct) -> None:
        """Move the clock to its moment, then do it; ControlError names the line."""
        await self._wait(act)
        if act.do is None:
            return
        called = acts()[act.do]
        path = {}
        if (what := object_of(called)) is not None:
            kind, parameter = what
            path[parameter] = str(await self._object(act, kind))
        body = self._resolved(act.body, (*act.steps, "with")) if act.body is not None else {}
        answered = await self._caller.call(called, path, body=body if called.method != "DELETE" else None)
        if answered.status >= 300:
            self._refused(act, answered)
        if act.name is not None:
            if act.name in self._named:
                self._fixture.bad((*act.steps, "as"), f"something is called {act.name} already")
            self._named[act.name] = await self._made(act.do, answered)

    async def _wait(self, act: FixtureAct) -> None:
        said = act.at or act.after
        if said is None:
            return
        member = "at" if act.at else "after"
        zone = self._live.account.timezone
        try:
            if act.at is None:
                calendar.after(self._emulator.now(self._live), said, zone)
                moved = {"by": said}
            else:
                moved = {"to": _moment(said, zone).isoformat()}
        except ValueError as error:
            self._fixture.bad((*act.steps, member), f"{member}: {error}")
        answered = await self._caller.call(operations(OPERATIONS)["advanceClock"], body=moved)
        if answered.status >= 300:
            told = json.loads(answered.body)["error"]
            self._fixture.bad((*act.steps, member), f"{member}: {told['message']}; {told['hint']}")

    async def _object(self, act: FixtureAct, kind: str) -> Any:
        """The id of what an act is done to; a billogram stands for its newest payment [A]."""
        steps = (*act.steps, "on")
        if not (isinstance(act.on, str) and _REFERENCE.fullmatch(act.on)):
            if isinstance(act.on, str | int) and not isinstance(act.on, bool) and act.on != "":
                return act.on
            self._fixture.bad(steps, f"on must be a {kind}: the $name of an earlier act, or an id")
        found = self._find(act.on[1:], steps)
        if found.kind == "billogram" and kind == "payment":
            payments = [
                payment.id
                for payment in self._live.state.payments.values()
                if found.id in (payment.planned_for, *(part.billogram for part in payment.allocations))
            ]
            if not payments:
                self._fixture.bad(steps, f"{act.on} has no payment")
            return payments[-1]
        if found.kind != kind:
            self._fixture.bad(steps, f"{act.on} is a {found.kind}, {act.do} needs a {kind}")
        return found.id

    def _find(self, name: str, steps: Steps) -> Named:
        if name not in self._named:
            self._fixture.bad(steps, f"no earlier act is called {name}{_near(name, self._named)}")
        return self._named[name]

    def _resolved(self, value: Any, steps: Steps) -> Any:
        """A body with the ids of what it refers to; `$$` begins a text with a dollar."""
        if isinstance(value, dict):
            return {name: self._resolved(each, (*steps, name)) for name, each in value.items()}
        if isinstance(value, list):
            return [self._resolved(each, (*steps, index)) for index, each in enumerate(value)]
        if isinstance(value, str) and value.startswith("$"):
            if value.startswith("$$"):
                return value[1:]
            if (found := _REFERENCE.fullmatch(value)) is not None:
                return self._find(found[1], steps).id
        return value

    async def _made(self, do: str, answered: InProcessResponse) -> Named:
        kind, members = MADE[do]
        if not members:
            return Named(kind, list(self._live.state.sources)[-1])
        found = json.loads(answered.body)
        for member in members:
            found = found[member]
        return Named(kind, found)

    def _refused(self, act: FixtureAct, answered: InProcessResponse) -> NoReturn:
        said = json.loads(answered.body)
        body = "with" if act.steps[0] == "acts" else None
        steps = act.steps if body is None else (*act.steps, body)
        if "error" in said:
            error = said["error"]
            where = re.match(r"(?:unknown member: )?([\w.]+)", error["message"])
            parts = where[1].split(".") if where else []
            steps = (*steps, *(int(part) if part.isdigit() else part for part in parts))
            self._fixture.bad(steps, f"{act.do} is refused: {error['message']}", error["hint"])
        data = said["data"]
        field = data.get("field")
        steps = (*steps, *(data.get("field_path") or ()), *(() if field is None else (field,)))
        told = f"{data['message']} ({said['status']}{'' if field is None else f', {field}'})"
        self._fixture.bad(steps, f"{act.do} is refused: {told}")


def _moment(text: str, zone: str) -> datetime:
    """ISO 8601; without a zone it is local time of the account."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
        raise ValueError("must be a moment such as 2026-03-02 10:00, in the account's zone")
    if found.tzinfo is not None:
        return found
    return calendar.moment(found.date(), found.time(), zone)

"""Fixtures: files that describe an account to start from (reference: control 4).

The acts of a fixture are operations of the two OpenAPI documents. They are executed on a scratch application
with a log of its own, by the same rules as requests; the result is written to the log at once.
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

_ID = "fixture"  # of an account that has no id yet
_DOCUMENT = "fixture"  # the member of a body, in place of the name of a file
_PARTS = ("account", "customers", "items", "acts")
MEMBERS = ("at", "after", "do", "on", "with", "as")
_HINT = "correct the fixture; nothing was changed"

# the acts that create an object: its kind, and the path of its id in the answer
MADE = {
    "createCustomer": ("customer", ("data", "customer_no")),
    "createItem": ("item", ("data", "item_no")),
    "createBillogram": ("billogram", ("data", "id")),
    "createPayment": ("payment", ("id",)),
    "createSepaDdMandate": ("payment source", ()),  # its answer has no id: it is the newest one
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
    """One act of a fixture: its path in the file, and its members."""

    steps: Steps
    do: str | None = None
    on: Any = None
    body: Any = None
    name: str | None = None
    at: str | None = None
    after: str | None = None


class Named(Struct, frozen=True):
    """An object that an act created, under a name."""

    kind: str
    id: Any


@cache
def acts() -> dict[str, NamedOperation]:
    """Return the operations that can be acts: they change an account, but not its clock."""
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
    """Return the kind of object that an operation applies to, and its path parameter; None if none."""
    found = _OBJECT.search(called.path)
    return None if found is None or found[1] not in _KINDS else (_KINDS[found[1]], found[2])


def find_fixture(asked: str, table: Table) -> "Fixture":
    """Load the fixture of a name or path, and validate it. Raises ControlError.

    `table` is all operations of the control plane; only some of them can be acts.
    """
    try:
        path = library.find(library.FIXTURES, asked)
    except (library.NotInLibrary, OSError, ValueError) as error:
        hint = f"a name ({', '.join(library.names(library.FIXTURES))}) or the path of a file"
        raise ControlError(400, "fixture", str(error), hint) from None
    bundled = path.parent == library.folder(library.FIXTURES)
    return _loaded(path, path.name if bundled else asked, table)


def named_fixture(asked: str, folders: tuple[str, ...], table: Table) -> "Fixture":
    """Load the fixture of a name, for a client. No path is opened. Raises ControlError."""
    try:
        path = library.named(library.FIXTURES, asked, folders)
    except library.NotInLibrary as error:
        hint = "a name; or the fixture itself, as an object; or start the server with --library FOLDER"
        raise ControlError(400, "fixture", str(error), hint) from None
    return _loaded(path, path.name, table)


def document_fixture(value: dict[str, Any], table: Table) -> "Fixture":
    """Validate a fixture that a client has sent. Raises ControlError."""
    try:
        return Fixture(_DOCUMENT, yaml_source.document(value), operations(table))
    except BadFile as error:
        raise ControlError(400, "fixture", f"{_DOCUMENT}: {error.reason}", _HINT) from None


def _loaded(path: Path, shown: str, table: Table) -> "Fixture":
    try:
        file = yaml_source.read_file(path)
    except BadFile as error:
        raise ControlError(400, "fixture", _placed(shown, error.line, error.reason), _HINT) from None
    return Fixture(shown, file, operations(table))


def _placed(file: str, line: int, reason: str) -> str:
    return f"{file}:{line}: {reason}" if line else f"{file}: {reason}"


def _suggestion(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    similar = get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {similar[0]}?" if similar else f"; known: {', '.join(known)}" if known else ""


class Fixture:
    """A fixture, parsed from a file or sent by a client. It can be loaded any number of times."""

    def __init__(self, shown: str, file: yaml_source.ParsedFile, known: Mapping[str, NamedOperation]) -> None:
        self._shown = shown
        self._file = file
        self._known = known
        whole = self._mapping(file.value, ())
        if whole and not set(whole) & set(_PARTS):  # a file of another kind is not quoted
            self.bad(tuple(whole)[:1], f"is no fixture: it has none of {', '.join(_PARTS)}")
        self._only(whole, _PARTS, ())
        self.account = self._mapping(whole.get("account") or {}, ("account",))
        self._check_account()
        self._acts = [
            *self._register(whole, "customers", "createCustomer"),
            *self._register(whole, "items", "createItem"),
            *map(self._act, self._list(whole, "acts")),
        ]

    # parsing

    def bad(self, steps: Steps, reason: str, hint: str = _HINT) -> NoReturn:
        """Raise ControlError for an error at a path of the file."""
        line = self._file.line(steps)
        message = _placed(self._shown, line, reason) if line else f"{self._at(steps)}: {reason}"
        raise ControlError(400, "fixture", message, hint)

    def _at(self, steps: Steps) -> str:
        """Return a place in a fixture without lines, such as `fixture.acts[3].with`."""
        return self._shown + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)

    def _mapping(self, value: Any, steps: Steps) -> dict[str, Any]:
        if not isinstance(value, dict):
            what = "".join(f"[{step}]" if isinstance(step, int) else step for step in steps)
            self.bad(steps, f"{what or 'a fixture'} must be a mapping")
        return value

    def _only(self, value: dict[str, Any], known: tuple[str, ...], steps: Steps) -> None:
        for name in value:
            if name not in known:
                self.bad((*steps, name), f"unknown key: {name}{_suggestion(name, known)}")

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
        steps, members = row
        self._only(members, MEMBERS, steps)
        for name in ("at", "after", "do"):
            if name in members and not isinstance(members[name], str):
                self.bad((*steps, name), f"{name} must be text")
        if "at" in members and "after" in members:
            self.bad(steps, "at and after exclude each other")
        do = members.get("do")
        if do is None:
            if not {"at", "after"} & set(members):
                self.bad(steps, "an act has do, or at or after")
            for name in ("on", "with", "as"):
                if name in members:
                    self.bad((*steps, name), f"{name} without do")
        elif do not in acts():
            known = (
                _suggestion(do, acts())
                if do not in self._known
                else "; it is not an act of an account's history"
            )
            self.bad((*steps, "do"), f"{do} can't be done here{known}")
        elif (object_of(acts()[do]) is not None) != ("on" in members):
            what = object_of(acts()[do])
            self.bad(
                steps,
                f"{do} needs on: a {what[0]}" if what else f"{do} is done to nothing: on can't be given",
            )
        elif "as" in members and do not in MADE:
            self.bad((*steps, "as"), f"{do} makes nothing that could have a name")
        return FixtureAct(
            steps,
            do,
            members.get("on"),
            members.get("with"),
            self._name(members, steps),
            members.get("at"),
            members.get("after"),
        )

    def _name(self, members: dict[str, Any], steps: Steps) -> str | None:
        if "as" not in members:
            return None
        name = members["as"]
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            self.bad((*steps, "as"), "a name is letters, digits, - and _, and begins with a letter")
        return name

    # loading

    def body(self, own: Mapping[str, Any]) -> AccountBody:
        """Return the body of the account. The members of `own` override those of the fixture, recursively."""
        given = {name: value for name, value in own.items() if value is not None and name != "fixture"}
        return parse_body(AccountBody, _merged(self.account, given))

    def new_account(self, own: Mapping[str, Any]) -> NewAccount:
        """Return the account before its creation. The members of `own` override those of the fixture."""
        return new_account(self.body(own))

    async def open(self, emulator: Emulator, new: NewAccount) -> LiveAccount:
        """Create an account and load the fixture. Raises AccountExists or ControlError."""
        await emulator.vacant(new.id)
        # without a configured time, it always starts at the same moment [A]
        start = new.now or emulator.defaults.now or FROZEN_START
        account = emulator.created(replace(new, now=start))
        played = await self._played(account, "account")
        return await emulator.snapshots.take_over(played, None, cause=self._cause(()))

    async def reset(self, emulator: Emulator, live: LiveAccount, seed: int | None) -> LiveAccount:
        """Empty an account and load the fixture. Id, key, callbacks and members not in it are kept [A]."""
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
        await scratch.sender.stop()  # callbacks of the acts are history, and never sent
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
                await asyncio.sleep(0)  # lets other requests run
            records = []
            async for record in scratch.emulator.log.read(live.stream):
                while causes[0][0] < record.position:
                    causes.pop(0)
                records.append(replace(record, cause=causes[0][1]))
            return Played(live.state, tuple(records), scratch.emulator.now(live), account.clock)
        finally:
            await scratch.close()

    def _cause(self, steps: Steps) -> str:
        """Return the cause of an act for the log: name of the file, without its folder, and line."""
        line = self._file.line(steps)
        return f"{Path(self._shown).name}:{line}" if line else self._at(steps)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for name, value in own.items():
        old = found.get(name)
        found[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


class _Player:
    """Executes the acts of a fixture."""

    def __init__(self, fixture: Fixture, scratch: Application, live: LiveAccount) -> None:
        self._fixture = fixture
        self._emulator = scratch.emulator
        self._live = live
        self._caller = Caller(scratch, live.id)
        self._named: dict[str, Named] = {}

    async def do(self, act: FixtureAct) -> None:
        """Move the clock to the moment of an act, then execute it. Raises ControlError with the line."""
        await self._wait(act)
        if act.do is None:
            return
        called = acts()[act.do]
        path = {}
        if (what := object_of(called)) is not None:
            kind, parameter = what
            path[parameter] = str(await self._object(act, kind))
        body = self._resolved(act.body, (*act.steps, "with")) if act.body is not None else {}
        headers = {name: ".".join(map(str, act.steps)) for name in called.headers}  # a key of its own [A]
        sent = body if called.method != "DELETE" else None
        answered = await self._caller.call(called, path, headers=headers, body=sent)
        if answered.status >= 300:
            self._refused(act, answered)
        if act.name is not None:
            if act.name in self._named:
                self._fixture.bad((*act.steps, "as"), f"something is called {act.name} already")
            self._named[act.name] = await self._made(act.do, answered)

    async def _wait(self, act: FixtureAct) -> None:
        when = act.at or act.after
        if when is None:
            return
        member = "at" if act.at else "after"
        zone = self._live.account.timezone
        try:
            if act.at is None:
                calendar.after(self._emulator.now(self._live), when, zone)
                moved = {"by": when}
            else:
                moved = {"to": _moment(when, zone).isoformat()}
        except ValueError as error:
            self._fixture.bad((*act.steps, member), f"{member}: {error}")
        answered = await self._caller.call(operations(OPERATIONS)["advanceClock"], body=moved)
        if answered.status >= 300:
            refusal = json.loads(answered.body)["error"]
            self._fixture.bad((*act.steps, member), f"{member}: {refusal['message']}; {refusal['hint']}")

    async def _object(self, act: FixtureAct, kind: str) -> Any:
        """Return the id of the object of an act; a billogram can refer to its newest payment [A]."""
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
            self._fixture.bad(steps, f"no earlier act is called {name}{_suggestion(name, self._named)}")
        return self._named[name]

    def _resolved(self, value: Any, steps: Steps) -> Any:
        """Replace the references in a body by ids; `$$` escapes a leading dollar sign."""
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
        answer = json.loads(answered.body)
        body = "with" if act.steps[0] == "acts" else None
        steps = act.steps if body is None else (*act.steps, body)
        if "error" in answer:
            error = answer["error"]
            where = re.match(r"(?:unknown member: )?([\w.]+)", error["message"])
            parts = where[1].split(".") if where else []
            steps = (*steps, *(int(part) if part.isdigit() else part for part in parts))
            self._fixture.bad(steps, f"{act.do} is refused: {error['message']}", error["hint"])
        data = answer["data"]
        field = data.get("field")
        steps = (*steps, *(data.get("field_path") or ()), *(() if field is None else (field,)))
        reason = f"{data['message']} ({answer['status']}{'' if field is None else f', {field}'})"
        self._fixture.bad(steps, f"{act.do} is refused: {reason}")


def _moment(text: str, zone: str) -> datetime:
    """Parse a moment of ISO 8601; without a zone it is local time of the account. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
        raise ValueError("must be a moment such as 2026-03-02 10:00, in the account's zone")
    if found.tzinfo is not None:
        return found
    return calendar.moment(found.date(), found.time(), zone)

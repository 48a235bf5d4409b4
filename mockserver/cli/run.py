"""`mockserver run`: runs scenarios on a server of its own, on a running one, or on Billogram's sandbox."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from msgspec import Struct

from mockserver.cli import sandbox
from mockserver.cli.bar import Bar
from mockserver.cli.sandbox import SandboxClient, Unsafe
from mockserver.configuration import Configuration
from mockserver.masking import masked_urls
from mockserver.serving import Listener, new_event_loop
from mockserver.stories import arazzo, library, report
from mockserver.stories.arazzo import BadDocument, Document
from mockserver.stories.caller import operations
from mockserver.stories.library import SCENARIOS, NotInLibrary
from mockserver.stories.operations import OPERATIONS
from mockserver.stories.remote import NoServer, Remote, basic
from mockserver.stories.report import Timed
from mockserver.stories.runs import BadInputs, choose, from_text, inputs_of
from mockserver.stories.runs import run as run_scenario

_EXIT_FAILED, _EXIT_ERROR = 1, 2
_KEY = "secret"  # key of the accounts that are created for scenarios


class _Task(Struct, frozen=True):
    """One scenario and its inputs."""

    document: Document
    inputs: dict[str, Any]


class _CannotRun(Exception):
    """The scenarios can't be run; the text is the line to show."""


def run(given: Mapping[str, Any]) -> int:
    """Run scenarios one after the other. Returns 0, 1 if one fails, or 2 if they can't be run."""
    try:
        tasks = _tasks(given["scenario"], given["input"])
        given = _safe(given, tasks)
        with asyncio.Runner(loop_factory=new_event_loop()) as runner:
            done = runner.run(_run_all(tasks, given))
        for line in report.table(done):
            print(line)
        for each in done:
            if each.run.status == "failed":
                print(f"\n{report.failure(each.run)}")
        if given["report"] is not None:
            _write(given["report"], report.junit(done))
    except (_CannotRun, NotInLibrary, BadDocument, BadInputs, NoServer, Unsafe) as error:
        print(f"mockserver run: {masked_urls(str(error))}", file=sys.stderr)
        return _EXIT_ERROR
    except KeyboardInterrupt:
        print("mockserver run: interrupted", file=sys.stderr)
        return _EXIT_ERROR
    return _EXIT_FAILED if any(each.run.status == "failed" for each in done) else 0


def _safe(given: Mapping[str, Any], tasks: Sequence[_Task]) -> Mapping[str, Any]:
    """Apply the rules of the sandbox; returns what was given, with the credentials of the sandbox.

    Nothing has been sent yet, and no name was looked up.
    """
    base, on_sandbox = given["base_url"], False
    if base is not None:
        on_sandbox = sandbox.is_sandbox(base)
    if not on_sandbox:
        for option in ("credentials", "mailbox", "write"):
            if given[option] is not None:
                raise _CannotRun(f"--{option} is for --base-url {sandbox.SANDBOX}")
        return {**given, "sandbox": False}
    if given["account"] is not None:
        raise _CannotRun(
            f"credentials of the sandbox are no argument, which others can see: use {sandbox.USER} and "
            f"{sandbox.KEY}, or --credentials"
        )
    dependent = [task.document.name for task in tasks if not task.document.anywhere]
    if dependent:
        raise _CannotRun(_no_control_plane(base, dependent))
    for task in tasks:
        sandbox.check_level(task.document, given["write"] or sandbox.READ, given["mailbox"])
    return {**given, "sandbox": True, "account": sandbox.credentials(given["credentials"])}


def _tasks(asked: Sequence[str], inputs: Sequence[tuple[str, str]]) -> list[_Task]:
    """Read and check all scenarios and inputs, before anything is sent."""
    found: list[_Task] = []
    for name in asked:
        document = arazzo.load(library.find(SCENARIOS, name), OPERATIONS)
        try:
            values = from_text(document, dict(inputs))
            inputs_of(choose(document, values), values)
        except BadInputs as error:
            raise BadInputs(f"{document.name}: {error}") from None
        found.append(_Task(document, values))
    return found


async def _run_all(tasks: Sequence[_Task], given: Mapping[str, Any]) -> list[Timed]:
    done: list[Timed] = []
    async with _server(given["base_url"]) as base:
        if given["base_url"] is not None and not given["sandbox"]:
            await _check(tasks, base, given["control_token"])
        with Bar() as bar:
            for number, task in enumerate(tasks):
                bar.draw(number / len(tasks), task.document.name)
                done.append(await _run_one(task, base, given))
    return done


async def _run_one(task: _Task, base: str, given: Mapping[str, Any]) -> Timed:
    user, key = given["account"] or (f"scenario-{task.document.name}", _KEY)
    if given["sandbox"]:
        client: Remote = SandboxClient(base, user, key, given["mailbox"])
    else:
        client = Remote(base, user, key, given["control_token"])
    async with client as caller:
        begun = perf_counter()
        done = await run_scenario(task.document, caller, task.inputs, credentials=basic(user, key))
        return Timed(done, perf_counter() - begun)


@contextlib.asynccontextmanager
async def _server(base: str | None) -> AsyncIterator[str]:
    """The address `base`, or that of a server which is started for this run."""
    if base is not None:
        yield base
        return
    listener = Listener(Configuration(clock="frozen"))
    await listener.open("127.0.0.1", 0)
    try:
        await listener.serve()
        await listener.emulator.loaded()
        yield listener.address
    finally:
        await listener.stop()


async def _check(tasks: Sequence[_Task], base: str, token: str | None) -> None:
    """Raise _CannotRun if a scenario needs the control plane and the server has none."""
    dependent = [task.document.name for task in tasks if not task.document.anywhere]
    if not dependent:
        return
    async with Remote(base, "-", "-", token) as caller:
        answered = await caller.call(operations(OPERATIONS)["info"])
    if answered.status == 401:
        raise _CannotRun(
            f"{base} requires its control token: use --control-token, or MOCKSERVER_CONTROL_TOKEN"
        )
    if answered.status != 200 or "mock-request-id" not in answered.headers:
        raise _CannotRun(_no_control_plane(base, dependent))


def _no_control_plane(base: str, dependent: Sequence[str]) -> str:
    found = (arazzo.load(library.find(SCENARIOS, name), OPERATIONS) for name in library.names(SCENARIOS))
    portable = ", ".join(each.name for each in found if each.anywhere)
    return (
        f"{base} has no control plane, which {', '.join(dependent)} can't do without: it is no mockserver. "
        f"These run against every server: {portable}"
    )


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise _CannotRun(f"{path} can't be written: {error.strerror}") from None

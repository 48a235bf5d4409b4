"""Snapshots, restore and fork: named states of an account, and copies of it (reference: control 1)."""

from typing import Annotated, TypedDict

from pydantic import AfterValidator, Field

from mockserver.control.accounts import AccountId, shown_account
from mockserver.control.call import Answer, Body, ControlCall, Shown
from mockserver.control.deliveries import format_moment
from mockserver.control.errors import ControlError, unknown
from mockserver.emulator import AccountExists, LiveAccount
from mockserver.ledger import Snapshot
from mockserver.snapshots import NoSuchAct, SnapshotExists


def _name(text: str) -> str:
    if not text.isprintable() or "/" in text:
        raise ValueError("1 to 100 printable characters without slash")
    return text


class SnapshotBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_name)]


class ForkBody(Body):
    """`at` is the position of an act, or the `event_uuid` of an event in it; without it the present state."""

    id: AccountId
    at: Annotated[int, Field(ge=1, strict=True)] | Annotated[str, Field(min_length=1)] | None = None


class SnapshotShape(TypedDict):
    name: str
    at: Shown
    position: int


class ForgottenShape(TypedDict):
    name: str


SNAPSHOT = {"name": "before the reminder"}
FORK = {"id": "other"}


async def listing(call: ControlCall) -> Answer:
    """`GET …/snapshots`: lists the snapshots, in the order in which they were taken."""
    live = await call.live()
    taken = await call.emulator.read_all(
        lambda: sorted(live.snapshots.values(), key=lambda each: each.number)
    )
    return Answer([_render(live, each) for each in await call.page().of(taken, lambda each: each.name)])


async def create(call: ControlCall) -> Answer:
    """`POST …/snapshots`: takes a snapshot of the present state, its time included."""
    name = call.typed_body(SnapshotBody).name
    live = await call.live()
    try:
        taken = await call.emulator.snapshots.snapshot(live, name, cause=call.request_id)
    except SnapshotExists as error:
        raise ControlError(
            409, "snapshot_exists", str(error), "use another name, or DELETE it first"
        ) from None
    return Answer(_render(live, taken), 201)


async def restore(call: ControlCall) -> Answer:
    """`POST …/snapshots/{name}/restore`: restores the account and its clock to the state of a snapshot.

    The request journal and the faults are cleared, as by a reset [A].
    """
    old, taken = await find_snapshot(call, call.params["name"])
    live = await call.emulator.snapshots.restore(old, taken, cause=call.request_id)
    call.traffic.forget(old.stream)
    return Answer(await shown_account(call.emulator, live))


async def remove(call: ControlCall) -> Answer:
    """`DELETE …/snapshots/{name}`: deletes a snapshot. The account does not change."""
    live, taken = await find_snapshot(call, call.params["name"])
    await call.emulator.snapshots.forget(live, taken)
    return Answer({"name": taken.name})


async def fork(call: ControlCall) -> Answer:
    """`POST …/fork`: creates another account with the present state, or the state after an earlier act."""
    body = call.typed_body(ForkBody)
    live = await call.live()
    try:
        other = await call.emulator.snapshots.fork(live, body.id, body.at, cause=call.request_id)
    except AccountExists as error:
        raise ControlError(409, "account_exists", str(error), "use another id, or DELETE it first") from None
    except NoSuchAct as error:
        hint = "GET …/timeline?kind=act shows position and event_uuid of each act"
        raise ControlError(404, "unknown_act", str(error), hint) from None
    return Answer(await shown_account(call.emulator, other), 201)


async def find_snapshot(call: ControlCall, name: str) -> tuple[LiveAccount, Snapshot]:
    """Return the account of the path and its durable snapshot of this name. Raises ControlError if none."""
    live = await call.live()
    taken = await call.emulator.read_all(lambda: live.snapshots.get(name))
    if taken is None:
        raise unknown("snapshot", name, "GET …/snapshots")
    return live, taken


def _render(live: LiveAccount, taken: Snapshot) -> SnapshotShape:
    return {
        "name": taken.name,
        "at": format_moment(taken.at, live.account.timezone),
        "position": taken.position,
    }

"""A frozen account whose clock is moved to local times, and what was told on the way."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from mockserver.log.interface import Log
from tests.server import ACCOUNT, KEY, Answer, Server

STOCKHOLM = "Europe/Stockholm"
MOCK = f"/accounts/{ACCOUNT}"


def utc(local: str, zone: str = STOCKHOLM) -> str:
    """A local time as the API shows the moment; of a double one the first."""
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat(" ")[:19]


class Dunned(Server):
    """Its account is born at a local time of its zone. `invoices` are members of the settings."""

    def __init__(
        self,
        start: str = "2026-03-02 10:00",
        zone: str = STOCKHOLM,
        *,
        log: Log | None = None,
        invoices: dict[str, Any] | None = None,
        **account: Any,
    ) -> None:
        super().__init__(log)
        self.zone = zone
        born = {"mode": "frozen", "now": self.moment(start)}
        body = {"id": ACCOUNT, "key": KEY, "timezone": zone, "clock": born} | account
        assert self.mock("POST", "/accounts", body).status == 201
        if invoices:
            self.rules(**invoices)

    def __enter__(self) -> "Dunned":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def moment(self, local: str) -> str:
        """With its offset."""
        return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(self.zone)).isoformat()

    def rules(self, **invoices: Any) -> None:
        """Members of the settings' `invoices`."""
        assert self.call("PUT", "/settings", {"invoices": invoices}).status == 200

    def to(self, local: str) -> list[dict[str, Any]]:
        """Move to a local time; returns what happened to billograms, without the monthly reports."""
        moved = self.mock("POST", f"{MOCK}/clock/advance", {"to": self.moment(local)})
        assert moved.status == 200, moved.body
        happened: list[dict[str, Any]] = moved.json["happened"]
        return [each for each in happened if each["rule"] != "reports"]

    def at(self, local: str, key: str, command: str, **body: Any) -> Answer:
        """A command at a local time."""
        self.to(local)
        return self.command(key, command, body)

    def put(self, key: str, **body: Any) -> dict[str, Any]:
        """Changes of a billogram."""
        shown: dict[str, Any] = self.call("PUT", f"/billogram/{key}", body).data
        return shown

    def simulate(self, key: str, what: str, **body: Any) -> Answer:
        """What others do."""
        return self.mock("POST", f"{MOCK}/billograms/{key}/simulate/{what}", body)

    def shown(self, key: str) -> dict[str, Any]:
        """The billogram as the API shows it."""
        data: dict[str, Any] = self.get(f"/billogram/{key}").data
        return data

    def told(self, key: str, *types: str) -> list[tuple[str, str]]:
        """Type and moment in UTC of each event after its sending; only some types if they are named."""
        events = self.shown(key)["events"][2:]
        return [(e["type"], e["created_at"]) for e in events if not types or e["type"] in types]

    def reminded(self, key: str) -> list[str]:
        """Moments in UTC of the reminders."""
        return [at for _, at in self.told(key, "ReminderSent")]

    def agenda(self) -> list[tuple[str, str]]:
        """Rule and moment in UTC of each entry of a billogram."""
        shown = self.mock("GET", f"{MOCK}/agenda").json
        return [(e["rule"], _utc(e["at"])) for e in shown if e["rule"] != "reports"]


def steps(*delays: int) -> list[dict[str, Any]]:
    """A sequence of automatic reminders."""
    return [{"delay_days": delay, "message": f"step {number}"} for number, delay in enumerate(delays, 1)]


def happened(moved: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Rule and moment in UTC of each act of a move."""
    return [(each["rule"], _utc(each["at"])) for each in moved]


def _utc(shown: str) -> str:
    return datetime.fromisoformat(shown).astimezone(UTC).isoformat(" ")[:19]

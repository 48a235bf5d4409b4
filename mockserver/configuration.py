"""The configuration of a server (reference: control 2)."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

MEMORY = "memory"
ClockMode = Literal["live", "frozen"]


class Configuration(Struct, frozen=True, kw_only=True):
    """The options of a server, each with its default."""

    database: str = MEMORY  # or the path of a file
    closed: bool = False
    clock: ClockMode = "live"  # clock mode of new accounts
    now: datetime | None = None  # clock of new accounts at their creation, with time zone
    fixture: str | None = None  # name or file of the fixture that is loaded at the start
    library: tuple[str, ...] = ()  # folders whose files clients may name as fixtures and scenarios
    seed: int | None = None
    control_token: str | None = None
    invalid_auth_status: int = 403
    public_url: str | None = None  # base URL in links; None: the Host header of the client
    callback_url: str | None = None  # receiver of the callbacks of new accounts
    sign_key: str | None = None  # signs the callbacks of new accounts
    allowed_hosts: tuple[str, ...] = ()  # names of the server besides loopback and that of `public_url`
    callback_hosts: tuple[str, ...] | None = None  # allowed receivers; None: all but this server

    @property
    def public_base(self) -> str | None:
        """`public_url` without a trailing slash, as the prefix of other URLs; None if it is not set."""
        return None if self.public_url is None else self.public_url.rstrip("/")

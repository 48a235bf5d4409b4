"""What a server is configured with (reference: control 2)."""

from datetime import datetime

from msgspec import Struct

MEMORY = "memory"


class Configuration(Struct, frozen=True, kw_only=True):
    """The options of a server, each with its default."""

    database: str = MEMORY  # or the path of a file
    closed: bool = False
    clock: str = "live"  # of new accounts: live or frozen
    now: datetime | None = None  # of new accounts, with zone
    fixture: str | None = None  # name or file of the one that the server begins with
    seed: int | None = None
    control_token: str | None = None
    invalid_auth_status: int = 403
    public_url: str | None = None  # where clients and recipients reach the server, instead of their Host
    callback_url: str | None = None  # of new accounts: where their callbacks go
    sign_key: str | None = None  # of new accounts: with which callbacks are signed
    callback_hosts: tuple[str, ...] | None = None  # where callbacks may go; None: everywhere but ourselves

    @property
    def public_base(self) -> str | None:
        """`public_url` as the beginning of other addresses: without a slash at its end."""
        return None if self.public_url is None else self.public_url.rstrip("/")

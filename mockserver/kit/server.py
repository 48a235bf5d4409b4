"""`Mockserver`: a server in a thread of a test, and accounts on it."""

from types import TracebackType
from typing import TYPE_CHECKING, Unpack

from mockserver.app import Options
from mockserver.core.model import CallbackSettings
from mockserver.emulator import NewAccount
from mockserver.kit.server_thread import ControlRefused, ServerThread

if TYPE_CHECKING:
    from mockserver.kit.account import BillogramAccount

__all__ = ["ControlRefused", "Mockserver"]


class Mockserver(ServerThread):
    """A server that runs as long as a `with` block. It listens on loopback; `url` ends in `/api/v2`."""

    def __init__(self, *, port: int = 0, **options: Unpack[Options]) -> None:
        super().__init__(port=port, **options)
        self._accounts: list[BillogramAccount] = []

    def __enter__(self) -> "Mockserver":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Finish running requests, write pending records, and stop."""
        while self._accounts:
            self._accounts.pop().disconnect()
        super().stop()

    def account(self, user: str, key: str = "secret") -> "BillogramAccount":
        """Create an account with these credentials: the kind of object that the fixture `billogram` returns.

        The account remains when the block ends. Its clock follows the options of the server, and its webhooks
        go to the server's `callback_url`, if it has one. Raises ValueError if the account exists.
        """
        from mockserver.kit.account import SIGN_KEY, BillogramAccount  # only when an account is created

        configuration = self._configuration

        def create(account: BillogramAccount) -> int:
            own = CallbackSettings(url=account.webhook_url, sign_key=account.sign_key)
            new_account = NewAccount(user, key, callbacks=own if configuration.callback_url is None else None)
            opening = self.listener.emulator.open_account(new_account, cause="Mockserver.account")
            return self.run(opening).account.seed

        account = BillogramAccount(
            self, user, key, sign_key=configuration.sign_key or SIGN_KEY, create=create
        )
        self._accounts.append(account)
        return account

"""`with Mockserver() as server`: a server inside a test, and accounts on it."""

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
    """A server for the length of a `with` block. It listens on loopback; `url` ends in `/api/v2`."""

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
        """Let running requests end, write what waits, and stop."""
        while self._accounts:
            self._accounts.pop().let_go()
        super().stop()

    def account(self, user: str, key: str = "secret") -> "BillogramAccount":
        """A new account with these credentials, as the fixture `billogram` is one.

        It stays when the block ends. Its clock is as those of the server are, and where the server has a
        `callback_url` its webhooks go there. ValueError: there is one of this name.
        """
        from mockserver.kit.account import SIGN_KEY, BillogramAccount  # when the first one is wanted

        made = self._configuration

        def born(account: BillogramAccount) -> int:
            own = CallbackSettings(url=account.webhook_url, sign_key=account.sign_key)
            birth = NewAccount(user, key, callbacks=own if made.callback_url is None else None)
            opening = self.listener.emulator.open_account(birth, cause="Mockserver.account")
            return self.run(opening).account.seed

        account = BillogramAccount(self, user, key, sign_key=made.sign_key or SIGN_KEY, born=born)
        self._accounts.append(account)
        return account

"""`Mockserver`: a server in a thread of a test, and accounts on it."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Unpack

from mockserver.app import Options
from mockserver.core.model import CallbackSettings, replace
from mockserver.kit.server_thread import ControlRefused, ServerThread

if TYPE_CHECKING:
    from mockserver.kit.account import BillogramAccount
    from mockserver.kit.new_account import AccountOptions

__all__ = ["ControlRefused", "Mockserver"]


class Mockserver(ServerThread):
    """A server that runs as long as a `with` block. It listens on loopback; `url` ends in `/api/v2`."""

    # called with each server before it stops, while pytest gathers the coverage of a run
    on_stop: ClassVar[Callable[[ServerThread], None] | None] = None

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
        if Mockserver.on_stop is not None and self._thread is not None:
            Mockserver.on_stop(self)
        super().stop()

    def account(
        self, user: str, key: str = "secret", **options: "Unpack[AccountOptions]"
    ) -> "BillogramAccount":
        """Create an account with these credentials: the kind of object that the fixture `billogram` returns.

        The account remains when the block ends. Its clock follows the options of the server, and its webhooks
        go to the server's `callback_url`, if it has one. Raises ValueError for a bad option, and if the
        account exists; TypeError for an unknown option.
        """
        from mockserver.kit.account import SIGN_KEY, BillogramAccount  # only when an account is created
        from mockserver.kit.new_account import NAMES, check_names, open_account

        check_names(options, NAMES)

        configuration = self._configuration

        def create(account: BillogramAccount) -> int:
            own = CallbackSettings(url=account.webhook_url, sign_key=account.sign_key)
            callbacks: CallbackSettings | None = own
            if configuration.callback_url is not None:
                callbacks = replace(own, url=configuration.callback_url) if has_own_key else None
            emulator = self.listener.emulator
            opening = open_account(emulator, user, key, options, callbacks=callbacks, mode=None)
            return self.run(opening).account.seed

        has_own_key = "sign_key" in options
        options = {"sign_key": configuration.sign_key or SIGN_KEY, **options}
        account = BillogramAccount(self, user, key, create=create, **options)
        self._accounts.append(account)
        return account

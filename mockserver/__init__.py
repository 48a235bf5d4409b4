"""A local mock and sandbox server for the Billogram v2 API.

`create_app()` is an ASGI application; `with Mockserver() as server` runs one in a thread;
`BillogramAccount` is an account on it with all that a test needs, `billogram_account()` makes a fixture of
pytest with one, and `BillogramMixin` gives one to each test of a `unittest.TestCase`.
"""

from typing import TYPE_CHECKING, Any

from mockserver.version import __version__

if TYPE_CHECKING:
    from mockserver.app import create_app
    from mockserver.kit.account import BillogramAccount
    from mockserver.kit.plugin import billogram_account
    from mockserver.kit.server import Mockserver
    from mockserver.kit.test_case import BillogramMixin

__all__ = [
    "BillogramAccount",
    "BillogramMixin",
    "Mockserver",
    "__version__",
    "billogram_account",
    "create_app",
]


def __getattr__(name: str) -> Any:
    """Imported when first asked for, so that `import mockserver` costs nothing."""
    if name == "create_app":
        from mockserver.app import create_app

        return create_app
    if name == "Mockserver":
        from mockserver.kit.server import Mockserver

        return Mockserver
    if name == "BillogramAccount":
        from mockserver.kit.account import BillogramAccount

        return BillogramAccount
    if name == "BillogramMixin":
        from mockserver.kit.test_case import BillogramMixin

        return BillogramMixin
    if name == "billogram_account":
        from mockserver.kit.plugin import billogram_account

        return billogram_account
    raise AttributeError(name)

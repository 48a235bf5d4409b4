"""`BillogramMixin`: the account of a `unittest.TestCase`."""

import atexit
import os
import unittest
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from mockserver.kit.account import BillogramAccount
from mockserver.kit.new_account import KeyedOptions, identity
from mockserver.kit.server import Mockserver

_servers: dict[int, Mockserver] = {}  # by process: a forked one needs its own

if TYPE_CHECKING:
    _TestCase = unittest.TestCase
else:
    _TestCase = object  # so that the mixin itself is not collected as a test case


def _server() -> Mockserver:
    """The server of all test cases of this process."""
    found = _servers.get(os.getpid())
    if found is None:
        found = _servers[os.getpid()] = Mockserver(clock="frozen")
        found.start()
        atexit.register(found.stop)
    return found


class BillogramMixin(_TestCase):
    """Gives each test of a `unittest.TestCase` an account, as the fixture `billogram` does under pytest.

    Name it before `TestCase`: `class TestShop(BillogramMixin, TestCase)`. The account is created when the
    test first uses `self.billogram`, with `billogram_options`. It is checked after the test and its
    `tearDown`, and its timeline is added to the report of a failure.
    """

    billogram_options: ClassVar[KeyedOptions] = {}
    allow_failed_webhooks: ClassVar[bool] = False

    @cached_property
    def billogram(self) -> BillogramAccount:
        """The account of this test."""
        name, seed = identity(f"::{self.id()}")
        options: Any = {"seed": seed, **self.billogram_options}
        account = BillogramAccount(_server(), name, **options)
        self.addCleanup(self._remove)
        self.addCleanup(self._check)
        return account

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run the test; a failure gets the timeline of the account."""
        given = self.defaultTestResult() if result is None else result
        shown: Any = _ResultWithTimeline(given, self)
        if result is None:
            given.startTestRun()
        try:
            super().run(shown)
        finally:
            if result is None:
                given.stopTestRun()
        return given

    def _check(self) -> None:
        for each in self.billogram.with_forks():
            each.end_of_test()
        found = self.billogram.problems(
            "{} = True in the class",
            allow_failed_webhooks=self.allow_failed_webhooks,
        )
        if found:
            self.fail("\n".join(found))

    def _remove(self) -> None:
        self.billogram.close()
        del self.billogram


class _ResultWithTimeline:
    """A result that adds the timeline of a test's account to each failure, and otherwise is the given one."""

    def __init__(self, result: unittest.TestResult, test: BillogramMixin) -> None:
        self._result = result
        self._test = test

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802  # the names of unittest
        self._result.addError(test, self._noted(err))

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        self._result.addFailure(test, self._noted(err))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        self._result.addSubTest(test, subtest, None if err is None else self._noted(err))

    def _noted(self, err: Any) -> Any:
        account = vars(self._test).get("billogram")
        if account is not None:
            try:
                text = account.timeline_text()
            except Exception as error:  # the report of the failure itself matters more
                text = f"the timeline can't be shown: {error!r}"
            if raised := account.new_tracebacks():
                err[1].add_note("\n".join(["billogram application", *raised]))
            err[1].add_note(f"billogram timeline\n{text}")
        return err

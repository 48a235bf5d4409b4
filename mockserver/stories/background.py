"""Work in a thread that does not keep the process from ending."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_NAME = "mockserver background work"


async def in_daemon_thread(work: Callable[..., T], *arguments: Any) -> T:
    """What `work` returns or raises.

    A server that stops does not wait for it, as it would for `asyncio.to_thread`: a large file takes long.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def end(result: Any, error: BaseException | None) -> None:
        if future.done():  # cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def run() -> None:
        result: Any = None
        failed: BaseException | None = None
        try:
            result = work(*arguments)
        except BaseException as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(end, result, failed)
        failed = None  # its traceback holds this frame

    threading.Thread(target=run, daemon=True, name=_NAME).start()
    return await future


def is_running() -> bool:
    """Whether such a thread is still at work."""
    return any(thread.name == _NAME for thread in threading.enumerate())

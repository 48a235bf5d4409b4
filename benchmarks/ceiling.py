"""The ceiling: what the same socket, loop and JSON encoder do when nobody thinks about billograms.

`python -m benchmarks.ceiling FILE`: bare Starlette that reads a request as any server must (path, Basic
credentials, JSON body) and answers with the headers and the object of FILE, encoded anew each time.
"""

import asyncio
import json
import signal
import sys
from base64 import b64decode
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers import ACCOUNT, KEY, Answer

# the collector set as in `mockserver serve`
from mockserver.cli.serve import _tune_garbage_collector
from mockserver.configuration import Configuration
from mockserver.serving import Listener, new_event_loop
from mockserver.wire import encode


def application(answer: Answer) -> Starlette:
    """The application. It holds the object with floats, which are encoded faster than Decimals."""
    decode = msgspec.json.Decoder().decode
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}

    async def create(request: Request) -> Response:
        if not _allowed(request):
            return Response(status_code=401)
        decode(await request.body())
        return Response(encode(answer.body), headers=headers)

    async def fetch(request: Request) -> Response:
        if not _allowed(request):
            return Response(status_code=401)
        return Response(encode(answer.body), headers=headers)

    return Starlette(
        routes=[
            Route("/api/v2/billogram", create, methods=["POST"]),
            Route("/api/v2/billogram/{id}", fetch, methods=["GET"]),
        ]
    )


def _allowed(request: Request) -> bool:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    user, _, key = b64decode(value).decode().partition(":")
    return user == ACCOUNT and key == KEY


class _Bare(Listener):
    """mockserver's own listener, with its protocol, options and socket, but another application."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(Configuration())
        self._config.app = app


async def _serve(app: Starlette) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listener = _Bare(app)
    await listener.open("127.0.0.1", 0)
    try:
        await listener.serve()
        print(json.dumps({"url": f"{listener.address}/api/v2"}), flush=True)
        _tune_garbage_collector()
        await stop.wait()
    finally:
        await listener.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        runner.run(_serve(application(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Answer))))

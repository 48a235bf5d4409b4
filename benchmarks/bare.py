"""A bare application on Starlette, pydantic and uvicorn: what any such server needs to start."""

import json
import socket

import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class Item(BaseModel):
    """Something to validate."""

    title: str
    price: float


async def health(request: Request) -> JSONResponse:
    """The one route."""
    return JSONResponse(Item(title="ok", price=1).model_dump())


if __name__ == "__main__":
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/_mock/health", health)])
    print(json.dumps({"url": f"http://127.0.0.1:{sock.getsockname()[1]}/api/v2"}), flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[sock])

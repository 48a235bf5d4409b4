"""What the package relies on that no documentation promises, so that any release may change it.

Each row says what it is, where it is used and why there is no public way, and checks that it is there in the
form that is used. `pyproject.toml` bounds the version from above; `make newest` runs all tests with the
newest versions within the bounds.
"""

import asyncio
import inspect
import re
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def parameters(called: Any) -> list[str]:
    return list(inspect.signature(called).parameters)


# uvicorn


def uvicorn_protocol(_: pytest.FixtureRequest) -> None:
    import httptools
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
    from uvicorn.server import ServerState

    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the task is cancelled before it begins")

    class Link(asyncio.Transport):
        def is_closing(self) -> bool:
            return False

    async def story() -> None:
        state = ServerState()
        config = uvicorn.Config(application, lifespan="off", log_config=None, proxy_headers=False)
        config.load()
        protocol = HttpToolsProtocol(config=config, server_state=state, app_state={})
        protocol.connection_made(Link())
        assert state.connections == {protocol}
        protocol.data_received(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        cycle = protocol.cycle
        assert type(cycle) is RequestResponseCycle
        assert (cycle.response_complete, cycle.disconnected) == (False, False)
        assert isinstance(cycle.message_event, asyncio.Event)
        assert protocol.scope is cycle.scope
        assert protocol.scope["path"] == "/a"
        assert isinstance(protocol.transport, Link)
        assert (protocol.url, protocol.headers) == (b"/a", [(b"host", b"x")])
        assert isinstance(protocol.parser, httptools.HttpRequestParser)
        assert parameters(protocol.send_400_response) == ["msg"]
        assert parameters(protocol._unset_keepalive_if_required) == []
        (task,) = state.tasks
        task.cancel()
        protocol.shutdown()
        assert cycle.keep_alive is False
        protocol.connection_lost(ConnectionError())
        assert (cycle.disconnected, state.connections) == (True, set())
        await asyncio.wait([task])
        await asyncio.sleep(0)
        assert state.tasks == set()

    asyncio.run(story())


def httptools_upgrade(_: pytest.FixtureRequest) -> None:
    from httptools import HttpParserUpgrade, HttpRequestParser

    class Heard:
        def __init__(self) -> None:
            self.bodies: list[bytes] = []
            self.parser = HttpRequestParser(self)

        def on_headers_complete(self) -> None:
            assert self.parser.should_upgrade()

        def on_body(self, body: bytes) -> None:
            self.bodies.append(body)

    head = b"PUT /a HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n"
    heard = Heard()
    with pytest.raises(HttpParserUpgrade) as caught:
        heard.parser.feed_data(memoryview(head + b"{}"))
    assert (caught.value.args, heard.bodies) == ((len(head),), [])
    assert (heard.parser.get_method(), heard.parser.get_http_version()) == (b"PUT", "1.1")


# pytest


def pytest_runner(request: pytest.FixtureRequest) -> None:
    from _pytest.runner import runtestprotocol

    assert parameters(runtestprotocol) == ["item", "log", "nextitem"]
    assert "_initrequest" in runtestprotocol.__code__.co_names, "an item can be run again"
    session: Any = request.session
    assert parameters(session._setupstate.teardown_exact) == ["nextitem"]


def pytest_sections(request: pytest.FixtureRequest) -> None:
    assert isinstance(request.node._report_sections, list)


class TestInstance:
    def test_an_item_keeps_its_instance_under_these_names(self, request: pytest.FixtureRequest) -> None:
        kept = vars(request.node)
        assert kept["_instance"] is self
        assert kept["_obj"].__self__ is self


def pytest_instance(_: pytest.FixtureRequest) -> None:
    """TestInstance checks it: that needs an item of a class."""


# aiohttp


def aiohttp_protocols(_: pytest.FixtureRequest) -> None:
    import aiohttp
    from aiohttp.client_proto import ResponseHandler

    async def story() -> None:
        connector: Any = aiohttp.TCPConnector()
        try:
            factory = connector._factory
            assert isinstance(factory, partial)
            assert (factory.func, factory.args, [*factory.keywords]) == (ResponseHandler, (), ["loop"])
            made = ResponseHandler(loop=asyncio.get_running_loop())
            assert parameters(made.data_received) == ["data"]
            assert made.exception() is None
        finally:
            await connector.close()

    asyncio.run(story())
    assert "_factory" in aiohttp.TCPConnector._create_direct_connection.__code__.co_names


def aiohttp_start(_: pytest.FixtureRequest) -> None:
    import aiohttp
    from aiohttp.connector import Connection

    assert parameters(aiohttp.ClientResponse.start) == ["self", "connection"]
    assert inspect.iscoroutinefunction(aiohttp.ClientResponse.start)
    assert isinstance(vars(Connection)["transport"], property)
    assert isinstance(vars(Connection)["protocol"], property)


# others


def fpdf_widths(_: pytest.FixtureRequest) -> None:
    from fpdf import FPDF
    from fpdf.fonts import CORE_FONTS_CHARWIDTHS

    for name in ("helvetica", "helveticaB"):
        assert all(isinstance(CORE_FONTS_CHARWIDTHS[name][chr(code)], int) for code in range(256))
    assert parameters(FPDF.file_id) == ["self"]


def asyncio_pending(_: pytest.FixtureRequest) -> None:
    async def story() -> None:
        task: Any = asyncio.current_task()
        assert task._log_destroy_pending is True

    asyncio.run(story())


class Row(Struct, frozen=True):
    package: str
    what: str
    where: str
    uses: str  # text of that file
    why: str
    check: Callable[[pytest.FixtureRequest], None]


ROWS = [
    Row(
        "uvicorn",
        "the protocol of a connection, its cycle of one request, and the state that connections share",
        "connection.py",
        "class Connection(HttpToolsProtocol)",
        "each of several pipelined requests must hear that the client has gone, a fault must reset a "
        "connection, and `uvicorn.Server` takes a tenth of a second to see that it should stop",
        uvicorn_protocol,
    ),
    Row(
        "httptools",
        "HttpParserUpgrade carries where the head of a request that asks for an upgrade ends",
        "connection.py",
        "upgrade.args[0]",
        "the parser takes what follows for another protocol, and no option makes it ignore an upgrade",
        httptools_upgrade,
    ),
    Row(
        "pytest",
        "_pytest.runner.runtestprotocol, SetupState.teardown_exact",
        "kit/order_reruns.py",
        "runtestprotocol",
        "hooks can't make the request of an item anew, and the hook of the teardown can't be called twice",
        pytest_runner,
    ),
    Row(
        "pytest",
        "Item._report_sections",
        "kit/order_reruns.py",
        "_report_sections.clear()",
        "sections can only be added",
        pytest_sections,
    ),
    Row(
        "pytest",
        "Function._instance, Function._obj",
        "kit/order_reruns.py",
        'vars(item).pop("_instance", None)',
        "an item makes the instance of its class once",
        pytest_instance,
    ),
    Row(
        "aiohttp",
        "BaseConnector._factory, ResponseHandler.data_received",
        "webhooks/transport.py",
        "connector._factory = factory",
        "no parameter sets the protocol, and an answer whose body breaks HTTP must not lose its status",
        aiohttp_protocols,
    ),
    Row(
        "aiohttp",
        "ClientResponse.start, Connection.transport, Connection.protocol",
        "webhooks/transport.py",
        "async def start(self, connection",
        "only there the connection of an answer that fails is known, and can be aborted",
        aiohttp_start,
    ),
    Row(
        "fpdf2",
        "fpdf.fonts.CORE_FONTS_CHARWIDTHS",
        "documents/pdf.py",
        "CORE_FONTS_CHARWIDTHS",
        "pages are laid out before there is a document to measure text with",
        fpdf_widths,
    ),
    Row(
        "asyncio",
        "Task._log_destroy_pending",
        "kit/apps.py",
        "_log_destroy_pending = False",
        "a task whose loop is closed can't be cancelled, and is complained of when it is collected",
        asyncio_pending,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_it_is_there(row: Row, request: pytest.FixtureRequest) -> None:
    assert row.uses in (ROOT / "mockserver" / row.where).read_text(encoding="utf-8")
    row.check(request)


@pytest.mark.parametrize("package", sorted({row.package for row in ROWS} - {"asyncio"}))
def test_its_version_is_bounded_from_above(package: str) -> None:
    needed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["pytest"]]
    (bounds,) = [each for each in needed if re.match(rf"{package}\W", each)]
    assert re.search(r",<\d", bounds), bounds


def test_nothing_private_is_used_that_no_row_names() -> None:
    """A private member of something that is not `self`, and a module that is not public."""
    private = re.compile(r"noqa: SLF001|(?:from|import) [\w.]*\b_[a-z]\w*(?:\.| import)|\.pop\(\"_\w+\"")
    found = {
        path.relative_to(ROOT / "mockserver").as_posix()
        for path in (ROOT / "mockserver").rglob("*.py")
        if private.search(path.read_text(encoding="utf-8"))
    }
    # the thread of a connection to SQLite is checked by tests/log/test_sqlite.py
    assert found - {"log/sqlite.py"} <= {row.where for row in ROWS}

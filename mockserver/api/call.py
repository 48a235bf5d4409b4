"""One call of an operation, and the envelope of its answer (reference: api 1.4)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from msgspec import Struct

from mockserver.api.cache import AnswerCache
from mockserver.api.errors import TooLarge
from mockserver.core.act import Act
from mockserver.core.refusal import InvalidParameter
from mockserver.core.state import State
from mockserver.documents.pdf import PdfCache
from mockserver.emulator import Emulator, LiveAccount
from mockserver.json_problems import problem_of
from mockserver.wire import BadJson, JsonBody, JsonTooLarge, encode, header

T = TypeVar("T")

MAX_LINE = 4094  # bytes of a request line [R]
MAX_BODY = 32 * 1024 * 1024  # bytes [A]; a picture of 323,501 bytes was accepted [R]


class Call(Struct):
    """The arguments of an endpoint: the account, the parameters of the path, and the request."""

    emulator: Emulator
    cache: AnswerCache
    pdf_cache: PdfCache
    live: LiveAccount
    request_id: str
    params: dict[str, str]
    query_string: bytes
    body: JsonBody | None  # None: it exceeds the limit
    base: str  # the address under which the client reaches the server: scheme and host
    headers: list[tuple[bytes, bytes]]

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters. If one is repeated, its last value counts [A]."""
        return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """A header of the request, or None. Bytes that are no UTF-8 are replaced."""
        found = header({"headers": self.headers}, name.lower().encode())
        return None if found is None else found.decode("utf-8", "replace").strip()

    def json(self) -> Any:
        """The body as JSON. Its `Content-Type` is ignored; an empty body is null [C]."""
        if self.body is None:
            raise TooLarge("request body too large", rule="body.size", maximum=MAX_BODY)
        if not self.body.raw:
            return None
        try:
            return self.body.read()
        except JsonTooLarge as error:
            raise InvalidParameter(
                f"request body too large, maximum {error.maximum} {error.what}",
                rule="body.limit",
                exceeded=error.what,
                maximum=error.maximum,
            ) from None
        except BadJson as error:  # explained here: the journal keeps only the beginning of a long body
            problem = problem_of(self.body.raw, str(error))
            raise InvalidParameter("invalid JSON", rule="body.json", problem=problem) from None

    async def execute(self, decide: Callable[[Act], object], *, rule: str) -> Act:
        """Decide and apply an act, and wait until it is durable."""
        return await self.emulator.execute(self.live, decide, cause=self.request_id, rule=rule)

    async def read(self, view: Callable[[State], T]) -> T:
        """Read the durable state through `view`."""
        return await self.emulator.read(self.live, view)


def answer(data: Any, meta: Any = None) -> bytes:
    """The envelope of a success; `data` is never null [C]."""
    if meta is None:
        return b'{"status":"OK","data":' + encode(data) + b"}"
    return b'{"status":"OK","meta":' + encode(meta) + b',"data":' + encode(data) + b"}"

"""Resource `report` (reference: api 7). Reports are not built yet: the list is empty."""

from typing import Any

from mockserver.api.call import Call, answer
from mockserver.api.listing import Listed, read_query
from mockserver.core.refusal import NotFound

LISTED: Listed[Any] = Listed(
    number=lambda _: 0,
    filters={"filename": lambda _: None},
    orders={"filename": lambda _: None, "created_at": lambda _: None},
)


async def listing(call: Call) -> bytes:
    """`GET /report`: lists reports. Reports are not built yet: the list is empty."""
    read_query(LISTED, call.query)
    await call.read(lambda state: state)
    return answer([], {"total_count": 0})


async def fetch(call: Call) -> bytes:
    """`GET /report/{filename}`: one report. Reports are not built yet: none is found."""
    await call.read(lambda state: state)
    filename = call.params["filename"]
    message = f"no report with id={filename} was found"  # [R]
    raise NotFound(message, rule="object.exists", filename=filename)

"""Resource `billogram` (reference: api 8); its commands are in `commands`."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from mockserver.api.billogram_view import render_billogram, render_compact, shown_number
from mockserver.api.call import Call, answer
from mockserver.api.inputs import check_read_only, read_input
from mockserver.api.listing import Filter, Listed, Query, answer_list, read_query, select
from mockserver.core import attachments, changes, factoring, money
from mockserver.core import billogram as drafts
from mockserver.core.act import Act
from mockserver.core.content import changed_content
from mockserver.core.inputs import BillogramChanges, BillogramFields
from mockserver.core.machine import check_state, public_state
from mockserver.core.model import Billogram, Internal
from mockserver.core.refusal import ReadOnlyParameter, no_object
from mockserver.core.state import Bucket, State, is_digits, merged_slice
from mockserver.wire import decode, encode, sliced

EXAMPLE = {
    "customer": {"customer_no": 1},
    "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25, "unit": "unit"}],
    "info": {"order_no": "T-1001"},
}
CHANGE = {"info": {"order_no": "T-1002"}}

Body = Callable[[], Any]  # called after the object is found (reference: api 1.7, order of checks)


async def create(call: Call) -> bytes:
    """`POST /billogram`: creates a billogram. With `on_success` it is also sent or sold, or not created."""
    key = ""

    def decide(act: Act) -> None:
        nonlocal key
        key = make(act, call.json)

    act = await call.execute(decide, rule="create")
    return billogram_answer(call, act.billogram(key))


def make(act: Act, body: Body) -> str:
    """Decide the creation of a billogram, and return its id."""
    given = read_input(BillogramFields, body())
    file = attachments.from_request(None, given, attachments.file_of(given))
    key = drafts.create(act, given)
    attachments.attach(act, act.billogram(key), file)
    if given.on_success is not None and given.on_success.command == "send":
        drafts.send(act, act.billogram(key), given.on_success.method)
    elif given.on_success is not None or given.event is not None:  # the older `_event` can only sell [C]
        factoring.sell(act, act.billogram(key))
    return key


async def fetch(call: Call) -> bytes:
    """`GET /billogram/{id}`: one billogram with all its members."""
    billogram = await call.read(lambda state: find(state, call.params["id"]))
    return call.cache.get(call.live.id, billogram, call.base) or billogram_answer(call, billogram)


LISTED: Listed[Billogram] = Listed(
    number=lambda each: each.number,
    filters={
        "id": lambda each: each.id,
        "invoice_no": lambda each: shown_number(each),
        "invoice_date": lambda each: each.content.terms.invoice_date.isoformat(),
        "due_date": lambda each: each.content.terms.due_date.isoformat(),
        "ocr_number": lambda each: each.ocr_number,
        "customer:name": lambda each: each.recipient.name,
        "customer:customer_no": lambda each: each.recipient.customer_no,
        "customer:org_no": lambda each: each.recipient.org_no,
        "state": public_state,
        "creditor_unique_value": lambda each: each.creditor_unique_value,
    },
    orders={
        "invoice_no": lambda each: shown_number(each),
        "invoice_date": lambda each: each.content.terms.invoice_date.isoformat(),
        "due_date": lambda each: each.content.terms.due_date.isoformat(),
        "customer:name": lambda each: each.recipient.name,
        "customer:customer_no": lambda each: each.recipient.customer_no,
        "state": public_state,
        "attested_at": lambda each: None if each.attested_at is None else each.attested_at.isoformat(),
        "created_at": lambda each: each.created_at.isoformat(),
        "updated_at": lambda each: each.updated_at.isoformat(),
    },
    special=lambda each: (
        each.id,
        shown_number(each),
        each.ocr_number,
        each.recipient.name,
        each.recipient.customer_no,
    ),
)


async def listing(call: Call) -> bytes:
    """`GET /billogram`: lists billograms in short form. The remaining sum is that of all matches [R]."""
    query = read_query(LISTED, call.query)
    numbers, _ = await call.read(lambda state: _candidates(state, query))
    async for part in sliced(numbers):  # after a start they are packed, and unpacking many takes long
        call.live.state.unpack_billograms(part)
    found, totals = await call.read(lambda state: _found(state, query))
    if totals is not None and query.order is None:
        page = found
    else:
        matches = await select(LISTED, query, found)
        page = matches[query.start : query.stop]
        totals = totals or (len(matches), await _remaining(matches))
    count, remaining = totals
    meta = {"total_count": count, "total_remaining_sum": f"{money.cents(remaining):f}"}
    return await answer_list(page, render_compact, meta)


Totals = tuple[int, Decimal]


def _found(state: State, query: Query) -> tuple[list[Billogram], Totals | None]:
    numbers, totals = _candidates(state, query)
    return state.billograms_of(numbers), totals


def _candidates(state: State, query: Query) -> tuple[list[int], Totals | None]:
    """The numbers of the requested page if an index holds it in order, else of all that may be on it.

    The second value is the number of matches and their remaining sum, if an index holds them.
    """
    buckets = _buckets(state, query.filter)
    orders = [bucket.order for bucket in ([state.bucket()] if buckets is None else buckets)]
    whole = buckets is None or query.order is not None
    start, stop = (0, None) if whole else (query.start, query.stop)
    numbers = merged_slice(orders, start, stop)
    if buckets is None:
        return numbers, None
    return numbers, (sum(map(len, orders)), money.add(*(bucket.remaining for bucket in buckets)))


async def _remaining(matches: list[Billogram]) -> Decimal:
    """The remaining sum of all matches, added up in slices."""
    total = money.ZERO
    async for part in sliced(matches):
        total = money.add(total, *(each.sums.remaining for each in part))
    return total


def _buckets(state: State, wanted: Filter | None) -> list[Bucket] | None:
    """The indexes that hold exactly the matches of a filter; None if all billograms must be filtered."""
    if wanted is None:
        return [state.bucket()]
    if wanted.type != "field" or not wanted.value:
        return None
    if wanted.field == "state":
        states = {part.strip().casefold() for part in wanted.value.split(",")}
        return [state.bucket_of_state(each) for each in state.states() if each.casefold() in states]
    if wanted.field == "customer:customer_no" and is_digits(wanted.value) and len(wanted.value) <= 20:
        return [state.bucket_of_customer(int(wanted.value))]
    return None


async def update(call: Call) -> bytes:
    """`PUT /billogram/{id}`: changes a draft or a sent billogram. If sent, a new total makes a document."""
    key = call.params["id"]
    act = await call.execute(lambda act: change(act, key, call.json, call.base), rule="put")
    return billogram_answer(call, act.billogram(key))


def change(act: Act, key: str, body: Body, base: str) -> None:
    """Decide a change of a billogram; `base` is the address under which the client reaches the server."""
    billogram = act.billogram(key)
    sent = body()
    given = read_input(BillogramChanges, sent, put=True)
    decoded = attachments.file_of(given)
    check_state(billogram, "put")
    _check_read_only(billogram, sent or {}, base)
    _check_fixed(billogram, given)
    file = attachments.from_request(billogram.attachment, given, decoded)
    content = changed_content(act, billogram.content, given)
    recipient = drafts.recipient_after(act, billogram, given.customer)
    if billogram.internal is Internal.UNATTESTED:
        drafts.change(act, billogram, content, recipient)
        attachments.attach(act, act.billogram(key), file)
    else:
        changes.change_sent(act, billogram, content, recipient, file)


def _check_read_only(billogram: Billogram, sent: dict[str, Any], base: str) -> None:
    shown = decode(encode(render_billogram(billogram, base)))
    for name in ("url", "recipient_url"):  # they depend on how the client reaches the server
        if _same_place(sent.get(name), shown[name]):
            shown[name] = sent[name]
    check_read_only(BillogramChanges, sent, shown)


def _same_place(sent: Any, shown: str | None) -> bool:
    """Whether two URLs of a billogram are equal apart from the server's address."""
    return (
        isinstance(sent, str)
        and shown is not None
        and sent.rpartition("/r/")[2] == shown.rpartition("/r/")[2]
    )


def _check_fixed(billogram: Billogram, given: BillogramChanges) -> None:
    """Refuse changes of what is fixed at creation or by sending (reference: api 8.2, behaviour 2.2)."""
    terms, recipient = billogram.content.terms, billogram.recipient
    if (
        billogram.internal is Internal.UNPAID
        and given.customer.over(recipient).customer_no != recipient.customer_no
    ):
        raise _fixed("customer_no", ("customer",))
    if given.creditor_unique_value not in (None, billogram.creditor_unique_value):
        raise _fixed("creditor_unique_value")
    if given.invoice_no not in (None, billogram.invoice_no):
        raise _fixed("invoice_no")
    if given.on_success is not None:
        raise _fixed("on_success")
    if given.event is not None:
        raise _fixed("_event")
    if billogram.internal is Internal.UNPAID and given.currency not in (UNSET, None, terms.currency):
        raise _fixed("currency")


def _fixed(name: str, path: tuple[str, ...] = ()) -> ReadOnlyParameter:
    return ReadOnlyParameter(f"read-only key: {name}", rule="billogram.fixed", field=name, path=path)


async def delete(call: Call) -> bytes:
    """`DELETE /billogram/{id}`: deletes a draft."""
    await call.execute(lambda act: remove(act, call.params["id"]), rule="delete")
    return answer({})


def remove(act: Act, key: str) -> None:
    """Decide the deletion of a billogram."""
    billogram = act.billogram(key)
    check_state(billogram, "delete")
    drafts.delete(act, billogram)


def find(state: State, key: str) -> Billogram:
    """The billogram with the id of a path. NotFound if there is none, or it was deleted."""
    billogram = state.billograms.get(key)
    if billogram is None or billogram.internal is Internal.DELETED:
        raise no_object(key)
    return billogram


def billogram_answer(call: Call, billogram: Billogram) -> bytes:
    """The answer that shows a billogram. It is cached for the next GET."""
    body = answer(render_billogram(billogram, call.base))
    return call.cache.keep(call.live.id, billogram, call.base, body)

"""Which requests are recorded: every GET of the API and of the control plane, and some refused commands."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tests.golden.answers import EXPLANATION, Request
from tests.golden.process import Process

_PAGES = "page=1&page_size=100"
_LISTS = {  # filters, orders and pages of each list
    "/customer": (
        _PAGES,
        "page=2&page_size=2",
        "page=1&page_size=50&order_field=name&order_direction=desc",
        "page=1&page_size=50&filter_type=field-prefix&filter_field=name&filter_value=T",
        "page=1&page_size=50&filter_type=special&filter_field=search&filter_value=example",
    ),
    "/item": (
        "",
        "page=1&page_size=1&order_field=price&order_direction=desc",
        "filter_type=field&filter_field=title&filter_value=Item+A",
    ),
    "/billogram": (
        _PAGES,
        "page=2&page_size=5",
        "page=1&page_size=30&order_field=due_date&order_direction=asc",
        "page=1&page_size=30&order_field=updated_at&order_direction=desc",
        "page=1&page_size=30&filter_type=field&filter_field=state&filter_value=Unpaid",
        "page=1&page_size=30&filter_type=field&filter_field=state&filter_value=Paid,Ended,Credited",
        "page=1&page_size=30&filter_type=field&filter_field=customer:customer_no&filter_value=1",
        "page=1&page_size=30&filter_type=field-prefix&filter_field=invoice_date&filter_value=2026-0",
        "page=1&page_size=30&filter_type=special&filter_field=search&filter_value=Test",
    ),
    "/billogram_event": (
        "page=1&page_size=100&filter_type=field&filter_field=type&filter_value=BillogramSent",
        "page=1&page_size=100&filter_type=field&filter_field=type&filter_value=Payment",
    ),
    "/report": (_PAGES,),
}
_REFUSED: tuple[tuple[str, Any], ...] = (  # by whatever is wrong first: never accepted
    ("payment", {"amount": 10**14}),
    ("send", {"method": "Pigeon"}),
    ("remind", {"method": "Pigeon"}),
    ("credit", {"mode": "amount", "amount": 10**14}),
    ("credit-payment", {"mode": "amount", "amount": 10**14}),
    ("respite", {"date": "2001-01-01"}),
)
_MOST_PLACED = 2  # billograms of each account whose own timeline is asked for
_MOST_REFUSED = 2  # billograms of each account that are asked for what is refused


def of_server() -> Iterator[Request]:
    """Requests about the server as a whole."""
    yield Request("GET", "/_mock/info")
    yield Request("GET", "/_mock/accounts")


def of_account(process: Process, account: str, *, moved: bool = False) -> Iterator[Request]:
    """Everything about one account but its PDFs.

    The control plane comes first, because the journal of requests, which the timeline shows, is empty then.
    After a move it is not: then only those rows of the timeline are asked for that come from the log.
    """
    billograms = _listed(process, account, "billogram", "id")
    yield from _of_control(process, account, billograms, moved=moved)
    for resource, key in (("customer", "customer_no"), ("item", "item_no")):
        for each in _listed(process, account, resource, key):
            yield Request("GET", f"/api/v2/{resource}/{quote(str(each))}", account)
            if resource == "customer":
                yield Request("GET", f"/api/v2/customer/{each}/einvoice", account)
                yield Request("GET", f"/api/v2/payment_source?customer_no={each}", account)
    for name in ("settings", "logotype", "coverphoto"):
        yield Request("GET", f"/api/v2/{name}", account)
    for resource, queries in _LISTS.items():
        for query in queries:
            yield Request("GET", f"/api/v2/{resource[1:]}?{query}", account)
    for key in billograms:
        yield Request("GET", f"/api/v2/billogram/{key}", account)
        query = f"{_PAGES}&filter_type=field&filter_field=billogram_id&filter_value={key}"
        yield Request("GET", f"/api/v2/billogram_event?{query}", account)


def _of_control(process: Process, account: str, billograms: list[Any], *, moved: bool) -> Iterator[Request]:
    base = f"/_mock/accounts/{quote(account)}"
    paths = ["", "/clock", "/agenda", "/payments", "/outcomes", "/payment-sources", "/callbacks", "/inbox"]
    paths += ["/deliveries", "/outbox", "/snapshots", "/timeline?kind=act&limit=10000"]
    paths += [f"/deliveries?status={status}" for status in ("pending", "failed", "dropped")]
    if moved:
        paths += ["/timeline?kind=delivery&limit=50", "/timeline?kind=attempt&limit=50"]
    else:
        paths += ["/delivery-policy", "/faults", "/timeline?limit=100"]
    now = process.call("GET", f"{base}/clock").json["now"]
    paths.append(f"/agenda?until={quote(f'{int(now[:4]) + 1}{now[4:]}')}")
    for each in process.call("GET", f"{base}/payments").json:
        paths += [f"/payments/{each['id']}", f"/payments/{each['id']}/recall-options"]
    paths += [
        f"/payment-sources/{each['id']}" for each in process.call("GET", f"{base}/payment-sources").json
    ]
    paths += [f"/outbox/{each['letter_id']}" for each in process.call("GET", f"{base}/outbox").json]
    for key in billograms:
        paths += [f"/{what}?billogram={key}" for what in ("agenda", "payments", "outbox")]
    for key in billograms[:_MOST_PLACED]:
        kind = "&kind=act" if moved else ""
        paths += [f"/deliveries?billogram={key}", f"/timeline?billogram={key}{kind}"]
    for each in process.call("GET", f"{base}/snapshots").json:
        paths.append(f"/diff?against=snapshot:{quote(each['name'])}")
    others = [each["id"] for each in process.call("GET", "/_mock/accounts").json]
    for other in others[:2]:
        paths.append(f"/diff?against=account:{quote(other)}")
    for path in paths:
        yield Request("GET", f"{base}{path}")


def of_documents(process: Process, account: str) -> Iterator[Request]:
    """The PDF of every document, and every attached file."""
    for key in _listed(process, account, "billogram", "id"):
        yield Request("GET", f"/api/v2/billogram/{key}.pdf", account)
        yield Request("GET", f"/api/v2/billogram/{key}/attachment.pdf", account)
    for each in process.call("GET", f"/_mock/accounts/{quote(account)}/outbox").json:
        path = f"/api/v2/billogram/{each['billogram']}.pdf?letter_id={each['letter_id']}"
        yield Request("GET", path, account)


def refused(process: Process, account: str) -> Iterator[Request]:
    """Commands that no billogram accepts, each with its explanation."""
    for key in _listed(process, account, "billogram", "id")[:_MOST_REFUSED]:
        for command, body in _REFUSED:
            yield Request("POST", f"/api/v2/billogram/{key}/command/{command}", account, body)
            yield Request("GET", EXPLANATION)


def move(account: str, span: str) -> Iterator[Request]:
    """Move its clock, and wait for the callbacks.

    The delivery policy puts the time of that clock into their signatures, in place of real time.
    """
    base = f"/_mock/accounts/{quote(account)}"
    yield Request("PUT", f"{base}/delivery-policy", body={"timestamp": "clock"})
    yield Request("POST", f"{base}/clock/advance", body={"by": span})
    yield Request("POST", f"{base}/deliveries/wait", body={"idle": True, "timeout": "60s"})


def _listed(process: Process, account: str, resource: str, key: str) -> list[Any]:
    found = process.call("GET", f"/api/v2/{resource}?page=1&page_size=1000", account=account)
    return [each[key] for each in found.json["data"]]

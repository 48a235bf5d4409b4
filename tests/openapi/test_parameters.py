"""What the documents name of a query is what is read of it, no more and no less."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import pytest
from msgspec import structs

from mockserver.api.call import Call
from mockserver.api.operations import OPERATIONS
from mockserver.control.call import ControlCall
from mockserver.stories.operations import OPERATIONS as CONTROL_OPERATIONS
from tests.api.test_offer import BANNER
from tests.documented import API, CONTROL, Document
from tests.server import ACCOUNT, Server

ASKED = [row for row in CONTROL_OPERATIONS if row.query]
LISTS = [row.path for row in OPERATIONS if row.listed is not None]
SINGLE = [row for row in OPERATIONS if row.listed is None and row.method == "GET"]
PLAIN = [row.path for row in SINGLE if not row.query]


def documented(made: Document, path: str) -> dict[str, Document]:
    """The query parameters of a GET: schemas by name."""
    parameters = made["paths"][path]["get"]["parameters"]
    return {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}


# the control plane


@pytest.mark.parametrize("row", ASKED, ids=lambda row: row.id)
def test_an_operation_of_the_control_plane_reads_what_its_row_names(
    row: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = set()
    query = ControlCall.query

    def noted(call: ControlCall, name: str) -> str | None:
        read.add(name)
        return query(call, name)

    monkeypatch.setattr(ControlCall, "query", noted)
    sent = server.sent()
    ocr_number, link = sent["url"].split("/")[-2:]
    assert row.method == "GET"
    asked = f"?against=account:{ACCOUNT}" if "against" in row.query else ""
    path = row.path.format(a=ACCOUNT, id=sent["id"], ocr_number=ocr_number, link=link)
    assert server.mock("GET", path + asked).status == 200
    assert read == set(row.query) == set(documented(CONTROL, row.path))


def test_a_parameter_that_the_row_does_not_name_is_a_mistake_of_ours(server: Server) -> None:
    server.sent()
    path = f"/accounts/{ACCOUNT}/agenda"
    found = server.app._control._paths.find(path)
    assert found is not None
    rows, _ = found
    rows["GET"] = structs.replace(rows["GET"], query={"until": {}})
    with pytest.raises(AssertionError, match="does not name billogram"):
        server.mock("GET", path)


# the API


class Noted(dict[str, str]):
    """A query that knows what was looked up in it."""

    def __init__(self, query: Mapping[str, str]) -> None:
        super().__init__(query)
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[Noted]:
    """Those that were looked at."""
    made: list[Noted] = []
    query = Call.query.fget  # type: ignore[attr-defined]

    def noted(call: Call) -> Noted:
        made.append(Noted(query(call)))
        return made[-1]

    monkeypatch.setattr(Call, "query", property(noted))
    return made


@pytest.mark.parametrize("path", LISTS)
def test_a_list_reads_what_is_documented(path: str, server: Server, queries: list[Noted]) -> None:
    words = documented(API, path)
    one = {name: schema["enum"][0] if "enum" in schema else "1" for name, schema in words.items()}
    # each word of each parameter once; `search` goes with `special` and nothing else
    sent = [one, *(one | {name: word} for name in words for word in words[name].get("enum", ()))]
    for query in sent:
        if "special" in query.values() or "search" in query.values():
            query |= {"filter_type": "special", "filter_field": "search"}
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        assert server.get(f"{path}?{asked}").status == 200, asked
    assert set(chain.from_iterable(each.read for each in queries)) == set(words)


def test_what_is_no_list_reads_none(server: Server, queries: list[Noted]) -> None:
    server.post("/item", {"title": "Item", "price": 1, "vat": 25, "unit": "unit"})
    key = server.sent(attachment_content="JVBERi0xLjQKJSVFT0YK")["id"]
    server.post("/customer/1/einvoice", {"identifier": "190000000000.SBF.SE"})
    server.post("/customer/1/billing-tab/settings", {"billing_frequency": "daily"})
    body, headers = {"billogram_item": {"title": "Row"}}, {"X-API-Deduplication-ID": "1"}
    added = server.post("/customer/1/billing-tab/items", body, headers=headers).data
    ids = {"billing_tab_id": added["billing_tab_id"], "billing_tab_item_id": added["item_id"]}
    server.post("/offer", BANNER)
    for path in PLAIN:
        names = {"customer_no": 1, "item_no": 1, "id": key, "filename": "none", "offer_id": "banner7", **ids}
        found = server.get(path.format(**names))
        assert found.status == (404 if path.startswith("/report/") else 200), path
    assert queries == []
    for row in SINGLE:
        if row.query:
            queries.clear()
            server.get(row.path.format(id=key) + "?" + "&".join(f"{name}=1" for name in row.query))
            assert set(chain.from_iterable(each.read for each in queries)) == set(row.query), row.path

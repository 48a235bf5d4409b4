"""The list of billograms and the form of a new one (reference: ui 2)."""

from tests.server import ACCOUNT, KEY, Server
from tests.ui.pages import read, send

A = f"/accounts/{ACCOUNT}"
UI = f"/_mock/ui{A}/billograms"


def shown(server: Server, query: str = "") -> list[str]:
    links = read(server, UI + query).links
    return [
        target.rpartition("/")[2]
        for _, target in links
        if target.startswith(f"{UI}/") and "new" not in target
    ]


def test_a_column_sorts_the_list_both_ways(demo: Server) -> None:
    created = shown(demo)
    label, target = next(link for link in read(demo, UI).links if link[0] == "Total")
    assert (label, target) == ("Total", "?order=total_sum")
    largest = shown(demo, target)
    sums = {each["id"]: each["total_sum"] for each in demo.mock("GET", f"{A}/billograms?limit=1000").json}
    assert [sums[key] for key in largest] == sorted(sums.values(), reverse=True)
    ((_, target),) = (link for link in read(demo, UI + target).links if link[0] == "Total ▼")
    assert [sums[key] for key in shown(demo, target)] == sorted(sums.values())
    ((_, target),) = (link for link in read(demo, UI + target).links if link[0] == "Total ▲")
    assert shown(demo, target) == created


def test_a_filter_keeps_the_order(demo: Server) -> None:
    page = read(demo, f"{UI}?order=due_date&state=Paid")
    (form,) = (each.fields for each in page.forms if "search" in each.fields)
    assert form["order"] == "due_date"
    assert form["state"] == "Paid"


def test_a_billogram_is_made_with_rows_for_a_chosen_customer(demo: Server) -> None:
    page = read(demo, f"{UI}/new?customer=103")
    form = page.form("/api/v2/billogram")
    assert form.fields["body.customer.customer_no"] == "103"
    fields = form.fields | {
        "body.items.1.title": "Räksmörgås",
        "body.items.1.count": "2,5",
        "body.items.1.price": "10",
        "body.items.1.vat": "12",
        "body.on_success.command": "",
        "body.on_success.method": "",
    }
    answer = send(demo, f"{UI}/new", fields)
    assert answer.status == 303
    key = answer.headers["location"].rpartition("/")[2]
    made = demo.get(f"/billogram/{key}").data
    assert [row["title"] for row in made["items"]] == ["Shovel", "Räksmörgås"]
    assert (made["customer"]["customer_no"], made["state"]) == (103, "Unattested")


def test_an_account_without_customers_says_what_is_missing() -> None:
    server = Server()
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY})
    page = read(server, f"{UI}/new")
    listed = read(server, UI)
    server.close()
    assert "this account has none" in page.text
    assert "There is no billogram yet" in listed.text

"""What the recipient sees of a billogram, and how its link is found (reference: behaviour 7.1)."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.control.test_snapshots import fork
from tests.server import ACCOUNT, Server

OPENED = ("Email", "Letter")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="


def link_of(billogram: dict[str, Any]) -> str:
    """The end of its address: OCR number and letters."""
    link: str = billogram["url"].partition("/r/")[2]
    return link


def found(server: Server, link: str, query: str = "") -> tuple[str, str] | None:
    answer = server.mock("GET", f"/links/{link}{query}")
    if answer.status == 404:
        assert answer.json["error"]["code"] == "unknown_link"
        return None
    return answer.json["account"], answer.json["billogram"]


def seen(server: Server, key: str, account: str = ACCOUNT) -> dict[str, Any]:
    answer = server.mock("GET", f"/accounts/{account}/billograms/{key}/recipient")
    assert answer.status == 200, answer.body
    shown: dict[str, Any] = answer.json
    return shown


def new_account(server: Server, name: str, **more: Any) -> None:
    assert server.mock("POST", "/accounts", {"id": name, "key": "secret", **more}).status == 201


def sent_by(server: Server, account: str) -> dict[str, Any]:
    """One that another account has sent."""
    customer = {"name": "Other AB", "contact": {"email": "other@example.com"}}
    number = server.post("/customer", customer, account=account).data["customer_no"]
    body = {
        "customer": {"customer_no": number},
        "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
    }
    made: dict[str, Any] = server.post("/billogram", body, account=account).data
    return made


def offered(server: Server) -> dict[str, Any]:
    return server.draft(on_success={"command": "sell", "method": "Email"})


# links


def test_a_link_leads_to_its_billogram(server: Server) -> None:
    first, second = server.sent(), server.sent()
    other = sent_by(server, "other")
    assert found(server, link_of(first)) == (ACCOUNT, first["id"])
    assert found(server, link_of(second)) == (ACCOUNT, second["id"])
    assert found(server, link_of(other)) == ("other", other["id"])


@pytest.mark.parametrize("wrong", ["AAAAA", "aaaaa", "%00", "%C3%A5", "x" * 1000])
def test_half_a_link_leads_nowhere(server: Server, wrong: str) -> None:
    ocr_number, _, letters = link_of(server.sent()).partition("/")
    assert found(server, f"{ocr_number}/{wrong}") is None
    assert found(server, f"{wrong}/{letters}") is None
    assert found(server, f"{ocr_number}/{letters.lower()}") is None


def test_a_link_stays_through_a_sale(server: Server) -> None:
    for answer in ("factoring-accept", "factoring-deny"):
        billogram = offered(server)
        assert found(server, link_of(billogram)) == (ACCOUNT, billogram["id"])
        path = f"/accounts/{ACCOUNT}/billograms/{billogram['id']}/simulate/{answer}"
        assert server.mock("POST", path).status == 200
        assert found(server, link_of(billogram)) == (ACCOUNT, billogram["id"])


def test_of_accounts_with_the_same_link_the_newest_is_meant_or_the_named_one(server: Server) -> None:
    for name in ("one", "two"):
        new_account(server, name, seed=5)
    first, second = (sent_by(server, name) for name in ("one", "two"))
    link = link_of(first)
    assert link == link_of(second)
    assert found(server, link) == ("two", second["id"])
    assert found(server, link, "?account=one") == ("one", first["id"])
    assert found(server, link, "?account=none") is None
    server.mock("DELETE", "/accounts/two")
    assert found(server, link) == ("one", first["id"])
    assert found(server, link_of(sent_by(server, "third")), "?account=one") is None


def test_a_fork_has_the_links_of_its_past(server: Server) -> None:
    before = server.sent()
    fork(server, "fork")
    after = sent_by(server, "fork")
    assert found(server, link_of(before)) == ("fork", before["id"])
    assert found(server, link_of(before), f"?account={ACCOUNT}") == (ACCOUNT, before["id"])
    assert found(server, link_of(after)) == ("fork", after["id"])
    later = server.sent()
    assert found(server, link_of(later)) == (ACCOUNT, later["id"])


def test_a_link_ends_with_a_reset(server: Server) -> None:
    billogram = server.sent()
    server.mock("POST", f"/accounts/{ACCOUNT}/reset", {})
    assert found(server, link_of(billogram)) is None


def test_a_link_opens_only_the_account_that_can_have_it(tmp_path: Path) -> None:
    file = str(tmp_path / "log.db")
    server = Server(database=file)
    links = {name: link_of(sent_by(server, name)) for name in ("a", "b", "c")}
    assert server.mock("POST", "/accounts/c/fork", {"id": "d"}).status == 201
    links["d"] = link_of(sent_by(server, "d"))
    server.call("PUT", "/settings", {}, account="sale")
    customer = {"name": "Test AB", "contact": {"email": "contact@example.com"}}
    number = server.post("/customer", customer, account="sale").data["customer_no"]
    body = {
        "customer": {"customer_no": number},
        "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "sell", "method": "Email"},
    }
    links["sale"] = link_of(server.post("/billogram", body, account="sale").data)
    server.close()

    for name, opened in {"a": {"a"}, "b": {"b"}, "c": {"c", "d"}, "d": {"d"}, "sale": {"sale"}}.items():
        server = Server(database=file)
        assert found(server, "1234567890123456/ABCDE") is None
        assert found(server, "123456789/ABCDE") is None
        assert list(server.emulator.live_accounts()) == []
        account, _ = found(server, links[name]) or ("", "")
        assert account == ("d" if name == "c" else name)
        assert {live.id for live in server.emulator.live_accounts()} == opened
        server.close()


# what is seen


def test_what_the_recipient_sees(server: Server) -> None:
    billogram = server.sent(info={"message": "Welcome", "your_reference": "Anna"}, due_days=10)
    shown = seen(server, billogram["id"])
    assert shown["path"] == f"/r/{link_of(billogram)}"
    assert (shown["state"], shown["payable"], shown["remaining_sum"]) == ("Unpaid", True, 125)
    assert (shown["today"], shown["due_date"]) == ("2026-03-02", "2026-03-12")
    invoice = shown["invoice"]
    facts = {each["label"]: each["value"] for each in invoice["facts"]}
    assert (facts["Fakturanummer"], facts["OCR-nummer"]) == ("1", billogram["ocr_number"])
    assert invoice["recipient"] == ["Test Customer AB", "Testgatan 1", "123 45  TESTSTAD"]
    assert (invoice["message"], invoice["references"]) == (
        "Welcome",
        [{"label": "Er referens", "value": "Anna"}],
    )
    assert invoice["lines"][0]["cells"][invoice["title_at"]] == "Row"
    assert invoice["due"] == {"label": "Att betala", "value": "125,00 SEK"}
    assert [event["type"] for event in shown["history"]] == ["BillogramCreated", "BillogramSent"]
    assert (shown["others"], shown["files"], shown["automatic"]) == ([], ["invoice.pdf"], False)


def test_the_sums_are_those_of_now(server: Server) -> None:
    key = server.sent()["id"]
    server.command(key, "payment", {"amount": 25})
    sums = {each["label"]: each["value"] for each in seen(server, key)["invoice"]["sums"]}
    assert (sums["Totalt"], sums["Betalt"]) == ("125,00 SEK", "-25,00")
    assert seen(server, key)["invoice"]["due"]["value"] == "100,00 SEK"
    server.command(key, "payment", {"amount": 100})
    shown = seen(server, key)
    assert (shown["payable"], shown["invoice"]["payment"]) == (False, [])


def test_a_draft_has_no_page(server: Server) -> None:
    path = f"/accounts/{ACCOUNT}/billograms/{server.draft()['id']}/recipient"
    assert server.mock("GET", path).status == 404
    assert server.mock("GET", f"{path}/invoice.pdf").status == 404


def test_one_that_is_offered_has_no_number_and_no_document(server: Server) -> None:
    shown = seen(server, offered(server)["id"])
    assert "Fakturanummer" not in [each["label"] for each in shown["invoice"]["facts"]]
    assert (shown["state"], shown["payable"], shown["files"]) == ("Factoring", False, [])


def test_other_billograms_are_those_of_the_same_customer(server: Server) -> None:
    number = server.customer()
    mine = [server.sent(customer={"customer_no": number}) for _ in range(3)]
    server.draft(customer={"customer_no": number})
    server.sent()
    sent_by(server, "other")
    others = seen(server, mine[1]["id"])["others"]
    assert [each["path"] for each in others] == [f"/r/{link_of(mine[2])}", f"/r/{link_of(mine[0])}"]
    assert others[0]["invoice_no"] == mine[2]["invoice_no"]


def test_a_customer_who_takes_over_a_number_sees_nothing_of_the_earlier_one(server: Server) -> None:
    number = server.customer()
    old = server.sent(customer={"customer_no": number})
    server.call("PUT", f"/customer/{number}", {"customer_no": 77})
    body = {"customer_no": number, "name": "Another AB", "contact": {"email": "another@example.com"}}
    server.post("/customer", body)
    new = server.sent(customer={"customer_no": number})
    assert (seen(server, new["id"])["others"], seen(server, new["id"])["customer"]) == ([], True)
    assert (seen(server, old["id"])["others"], seen(server, old["id"])["customer"]) == ([], False)
    assert seen(server, old["id"])["email"] == "contact@example.com"


def test_at_most_fifty_others_are_listed(server: Server) -> None:
    number = server.customer()
    sent = [server.sent(customer={"customer_no": number}) for _ in range(53)]
    others = seen(server, sent[0]["id"])["others"]
    assert [each["path"] for each in others] == [f"/r/{link_of(each)}" for each in sent[:2:-1]]


# files


def content(server: Server, key: str, name: str) -> tuple[bytes, str, str] | int:
    answer = server.mock("GET", f"/accounts/{ACCOUNT}/billograms/{key}/recipient/{name}")
    if answer.status != 200:
        return answer.status
    shown = answer.json
    return base64.b64decode(shown["content"]), shown["filename"], shown["file_type"]


def test_the_files_of_a_page(server: Server) -> None:
    attached = base64.b64encode(b"%PDF-1.4 attached").decode()
    key = server.sent(attachment="a.pdf", attachment_content=attached)["id"]
    assert content(server, key, "logotype") == 404
    server.post("/logotype", {"content": PNG, "file_type": "image/gif"})
    server.post("/coverphoto", {"content": PNG})
    assert seen(server, key)["files"] == ["invoice.pdf", "attachment.pdf", "logotype", "coverphoto"]
    assert content(server, key, "attachment.pdf") == (b"%PDF-1.4 attached", "a.pdf", "application/pdf")
    for name in ("logotype", "coverphoto"):
        assert content(server, key, name) == (base64.b64decode(PNG), name, "image/png")
    assert content(server, key, "contract") == 404


def test_the_pdf_is_that_of_the_newest_document(server: Server) -> None:
    key = server.sent(due_days=1)["id"]

    def api() -> bytes:
        letter = server.state().billograms[key].documents[-1].letter_id
        return base64.b64decode(server.get(f"/billogram/{key}.pdf?letter_id={letter}").data["content"])

    assert content(server, key, "invoice.pdf") == (api(), "1.pdf", "application/pdf")
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "5d"})
    server.command(key, "remind", {"method": "Email"})
    assert content(server, key, "invoice.pdf") == (api(), "1.pdf", "application/pdf")
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"pdf_delay": "10s"})
    server.command(key, "resend", {"method": "Email"})
    assert content(server, key, "invoice.pdf") == 404
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "10s"})
    assert content(server, key, "invoice.pdf") == (api(), "1.pdf", "application/pdf")

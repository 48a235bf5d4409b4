"""PDFs and attachments over the API (reference: api 8.8)."""

import asyncio
import base64
from typing import Any

import pytest

from tests.api.test_pictures import PNG
from tests.documents import papers
from tests.server import ACCOUNT, KEY, Answer, Server, basic

PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()


@pytest.fixture
def sent(server: Server) -> dict[str, Any]:
    return server.sent()


def content(answer: Answer) -> bytes:
    assert answer.data["file_type"] == "application/pdf"
    return base64.b64decode(answer.data["content"], validate=True)


def letters(server: Server, key: str) -> list[tuple[int, str]]:
    found = [event["data"] for event in server.get(f"/billogram/{key}").data["events"]]
    return [(data["invoice_no"], data["letter_id"]) for data in found if data and "letter_id" in data]


def advance(server: Server, by: str) -> None:
    assert server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": by}).status == 200


def test_the_pdf_of_an_invoice(server: Server, sent: dict[str, Any]) -> None:
    answer = server.get(f"/billogram/{sent['id']}.pdf")
    told = papers.text(content(answer))
    assert f"Fakturanummer {sent['invoice_no']}" in told
    assert sent["ocr_number"] in told
    assert "Att betala 125,00 SEK" in told


def test_each_document_by_its_number_and_by_its_letter(server: Server, sent: dict[str, Any]) -> None:
    key = sent["id"]
    for mode in ({"mode": "amount", "amount": 25}, {"mode": "amount", "amount": 50}):
        papers.command(server, key, "credit", mode)
    papers.command(server, key, "resend", {"method": "Email"})
    first, one, two, again = letters(server, key)
    assert first[0] == again[0]
    made = {letter: content(server.get(f"/billogram/{key}.pdf?letter_id={letter}")) for _, letter in
            (first, one, two, again)}  # fmt: skip
    assert len(set(made.values())) == 4

    def of(query: str) -> bytes:
        return content(server.get(f"/billogram/{key}.pdf{query}"))

    assert of("") == of("?invoice_no=&letter_id=") == made[again[1]]
    assert of(f"?invoice_no={one[0]}") == made[one[1]]
    assert of(f"?invoice_no={first[0]}") == made[again[1]], "as last sent"
    assert of(f"?invoice_no={two[0]}&letter_id={two[1]}") == made[two[1]]
    assert of(f"?page=1&page_size=100&invoice_no=1&invoice_no={two[0]}") == made[two[1]]
    assert "Summa kreditering -25,00 SEK" in papers.text(made[one[1]])
    assert "Kreditfaktura" not in papers.text(made[first[1]])


def test_what_is_not_there_is_not_found(server: Server, sent: dict[str, Any]) -> None:
    draft, key, other = server.draft(invoice_no=4001)["id"], sent["id"], server.sent()["id"]
    letter, others = letters(server, key)[0][1], letters(server, other)[0][1]
    for path, asked in [
        (f"/billogram/{draft}.pdf?invoice_no=4001", "4001"),
        (f"/billogram/{draft}.pdf?letter_id={draft}", draft),
        (f"/billogram/{draft}.pdf?letter_id={letter}", letter),
        (f"/billogram/{key}.pdf?invoice_no=77", "77"),
        (f"/billogram/{key}.pdf?letter_id=none", "none"),
        (f"/billogram/{key}.pdf?letter_id={others}", others),
        (f"/billogram/{key}.pdf?letter_id={letter}&invoice_no=77", letter),
        ("/billogram/none.pdf", "none"),
        ("/billogram/none.pdf.pdf", "none.pdf"),
        (f"/billogram/{key}/attachment.pdf", key),
        ("/billogram/none/attachment.pdf", "none"),
    ]:
        answer = server.get(path)
        expected = "NOT_FOUND", {"message": f"object not found with id={asked}"}
        assert answer.error == expected, path
        assert (answer.status, answer.headers["mock-rule"]) == (404, "object.exists")
    server.call("DELETE", f"/billogram/{draft}")
    assert server.get(f"/billogram/{draft}.pdf").error[0] == "NOT_FOUND"


DRAFTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("an invoice", {}, ["Faktura UTKAST", "Row 1 st 100,00 25 % 100,00", "Att betala 125,00 SEK"]),
    ("with an own number", {"invoice_no": 4001}, ["Faktura UTKAST"]),
    (
        "a stand-alone credit",
        {"items": [{"title": "Back", "count": -1, "price": 100, "vat": 25}]},
        ["Kreditfaktura UTKAST", "Er till godo 125,00 SEK"],
    ),
    (
        "nothing to pay",
        {"items": [{"title": "Text", "count": 0, "price": 0, "vat": 0}]},
        ["Att betala 0,00 SEK"],
    ),
    ("an attachment", {"attachment": "a.pdf", "attachment_content": PDF}, ["Bilaga: a.pdf"]),
    (
        "several pages",
        {"items": [{"title": f"Row {n}", "count": 1, "price": 1, "vat": 25} for n in range(90)]},
        ["Row 89", "Sida 3 (3)"],
    ),
]


@pytest.mark.parametrize(("body", "there"), [row[1:] for row in DRAFTS], ids=[row[0] for row in DRAFTS])
def test_a_draft_has_a_preview_at_once(server: Server, body: dict[str, Any], there: list[str]) -> None:
    made = server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "pdf_delay": "90s"}).json
    assert made["pdf_delay"] == "90s"
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"features": {"standalone_credits": True}})
    draft = server.draft(**body)
    path, before = f"/billogram/{draft['id']}.pdf", server.position()
    preview = content(server.get(path))
    told = papers.text(preview)
    for line in there:
        assert line in told, told
    for absent in ("Fakturanummer", "OCR", "4001"):
        assert absent not in told
    assert papers.across(preview) == ["UTKAST"] * told.count("Sida ")
    assert content(server.get(f"{path}?invoice_no=&letter_id=")) == preview, "the same bytes"
    assert server.position() == before

    papers.command(server, draft["id"], "send", {"method": "Email"})
    advance(server, "90s")
    invoice = content(server.get(path))
    number = server.get(f"/billogram/{draft['id']}").data["invoice_no"]
    assert f"Fakturanummer {number}" in papers.text(invoice)
    assert (b"UTKAST" in invoice, papers.across(invoice)) == (False, [])


def test_a_preview_is_of_the_draft_and_the_creditor_as_they_are_now(server: Server) -> None:
    path = f"/billogram/{server.draft()['id']}.pdf"
    row = {"title": "Other", "count": 1, "price": 7, "vat": 25}
    changes: list[tuple[str, Any, str]] = [
        (path.removesuffix(".pdf"), {"items": [row]}, "Other 1 st 7,00"),
        (path.removesuffix(".pdf"), {"due_date": "2026-05-05"}, "2026-05-05"),
        ("/settings", papers.CREDITOR, "123-4567"),
    ]
    for changed, body, line in changes:
        assert line not in papers.text(content(server.get(path)))
        assert server.call("PUT", changed, body).status == 200
        assert line in papers.text(content(server.get(path)))
    papers.set_logotype(server, PNG)
    assert papers.pictures(content(server.get(path))) == 1


def test_one_that_is_offered_for_sale_has_none_yet(server: Server) -> None:
    key = server.draft()["id"]
    papers.command(server, key, "sell", {})
    assert server.get(f"/billogram/{key}.pdf").error[0] == "NOT_FOUND"
    accepted = f"/accounts/{ACCOUNT}/billograms/{key}/simulate/factoring-accept"
    assert server.mock("POST", accepted, {}).status == 200
    told = papers.text(content(server.get(f"/billogram/{key}.pdf")))
    assert f"OCR-nummer {server.get(f'/billogram/{key}').data['ocr_number']}" in told


@pytest.mark.parametrize("value", ["x", "-1", "0", "1.0", "9" * 20, "%20", "%D9%A3"])
def test_a_bad_number(server: Server, sent: dict[str, Any], value: str) -> None:
    for key in (sent["id"], "none"):  # the query is looked at first
        answer = server.get(f"/billogram/{key}.pdf?invoice_no={value}")
        expected = {"message": "invalid query parameter: invoice_no", "field": "invoice_no", "field_path": []}
        assert (answer.status, answer.error) == (400, ("INVALID_QUERY_PARAMETER", expected))


def test_it_is_not_available_at_once_where_the_account_says_so(server: Server) -> None:
    made = server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "pdf_delay": "90s"}).json
    assert made["pdf_delay"] == "90s"
    key = server.sent()["id"]
    path = f"/billogram/{key}.pdf"

    def wait() -> None:
        answer = server.get(path)
        expected = "NOT_AVAILABLE_YET", {"message": f"object not available yet with id={key}"}
        assert (answer.status, answer.error) == (404, expected)
        assert answer.headers["mock-rule"] == "pdf.available"

    wait()
    advance(server, "89s")
    wait()
    assert server.get(f"{path}?letter_id=none").error[0] == "NOT_FOUND"
    advance(server, "1s")
    first = content(server.get(path))
    papers.command(server, key, "credit", {"mode": "amount", "amount": 25})
    wait()  # for the latest one; the other is there
    assert content(server.get(f"{path}?invoice_no=1")) == first
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"pdf_delay": "0s"})
    assert content(server.get(path)) != first


def test_the_attachment(server: Server, sent: dict[str, Any]) -> None:
    for key in (sent["id"], server.draft()["id"]):
        papers.command(server, key, "attach", {"filename": "villkor.pdf", "content": PDF})
        answer = server.get(f"/billogram/{key}/attachment.pdf?page=1")
        expected = {"content": PDF, "filename": "villkor.pdf", "file_type": "application/pdf"}
        assert answer.data == expected
    assert server.call("PUT", f"/billogram/{key}", {"attachment": None}).status == 200
    assert server.get(f"/billogram/{key}/attachment.pdf").error[0] == "NOT_FOUND"


@pytest.mark.parametrize("path", ["/billogram/{}.pdf", "/billogram/{}/attachment.pdf"])
def test_head_and_other_methods(server: Server, sent: dict[str, Any], path: str) -> None:
    papers.command(server, sent["id"], "attach", {"filename": "a.pdf", "content": PDF})
    path = path.format(sent["id"])
    whole = server.get(path)
    headers = {"authorization": basic(ACCOUNT, KEY)}
    head = server.run(server.asgi("HEAD", f"/api/v2{path}", headers=headers))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))
    answer = server.post(path, {})
    assert (answer.status, answer.error[0]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_reset_makes_other_ones_under_the_same_ids(server: Server) -> None:
    first = server.sent()
    before = content(server.get(f"/billogram/{first['id']}.pdf"))
    server.mock("POST", f"/accounts/{ACCOUNT}/reset", {})
    second = server.sent(items=[{"title": "Other", "count": 1, "price": 7, "vat": 25}])
    assert letters(server, first["id"]) == letters(server, second["id"])
    after = content(server.get(f"/billogram/{second['id']}.pdf"))
    assert before != after
    assert "Other" in papers.text(after)


def test_others_are_answered_while_a_long_one_is_drawn(server: Server) -> None:
    rows = [{"title": f"Row {n}", "count": 1, "price": 1, "vat": 25} for n in range(1000)]
    key = server.sent(items=rows)["id"]
    server.get("/settings")
    headers = {"authorization": basic(ACCOUNT, KEY)}
    order: list[str] = []

    async def ask(path: str) -> Answer:
        answer = await server.asgi("GET", f"/api/v2{path}", headers=headers)
        order.append(path)
        return answer

    async def both() -> tuple[Answer, ...]:
        return await asyncio.gather(ask(f"/billogram/{key}.pdf"), ask("/settings"), ask("/item"))

    answers = server.run(both())
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert order[-1] == f"/billogram/{key}.pdf"


def test_the_log_has_nothing_of_it(server: Server, sent: dict[str, Any]) -> None:
    before = server.position()
    server.get(f"/billogram/{sent['id']}.pdf")
    server.get(f"/billogram/{sent['id']}/attachment.pdf")
    assert server.position() == before

"""The outbox: what left the house (reference: control 1, behaviour 4.2)."""

import base64
from typing import Any

import pytest

from mockserver.core.act import Act
from mockserver.core.documents import REMINDER
from mockserver.core.events import EinvoiceRegistered
from mockserver.core.model import EinvoiceRegistration, replace
from mockserver.documents import outbox
from tests.documents import papers
from tests.server import ACCOUNT, Server

OUTBOX = f"/accounts/{ACCOUNT}/outbox"


@pytest.fixture
def server(server: Server) -> Server:
    papers.as_creditor(server)
    server.customer(name="Åsa Lind", contact={"email": "asa@example.com", "phone": "0700000001"})
    return server


def sent(server: Server, method: str = "Email", **more: Any) -> str:
    body: dict[str, Any] = {"customer": {"customer_no": 1}} | more
    key: str = server.draft(**body)["id"]
    papers.command(server, key, "send", {"method": method})
    return key


def letters(server: Server, query: str = "") -> list[dict[str, Any]]:
    answer = server.mock("GET", f"{OUTBOX}{query}")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json
    return found


def register(server: Server, identifier: str) -> None:
    live = server.emulator.live(ACCOUNT)
    assert live is not None

    def decide(act: Act) -> None:
        act.add(EinvoiceRegistered(1, EinvoiceRegistration(registered_at=act.now, identifier=identifier)))

    server.run(server.emulator.execute(live, decide, cause="test", rule="register"))


def test_an_e_mail(server: Server) -> None:
    key = sent(server)
    (letter,) = letters(server)
    billogram = server.get(f"/billogram/{key}").data
    assert letter == {
        "letter_id": billogram["events"][1]["data"]["letter_id"],
        "at": "2026-03-02T10:00:00+01:00",
        "billogram": key,
        "kind": "invoice",
        "invoice_no": 1,
        "channel": "Email",
        "method": "Email",
        "to": "asa@example.com",
        "subject": "Faktura 1 från Snöskottarna Åre AB",
        "text": (
            "Hej Åsa Lind!\n\nHär är en faktura från Snöskottarna Åre AB.\n\n"
            "Fakturanummer: 1\nAtt betala: 125,00 SEK\nFörfallodatum: 2026-04-01\n"
            f"OCR-nummer: {billogram['ocr_number']}\nBankgiro: 123-4567\n\n"
            f"Se den här: {billogram['recipient_url']}\n\nHälsningar\nSnöskottarna Åre AB"
        ),
        "link": billogram["recipient_url"],
        "pdf": f"/api/v2/billogram/{key}.pdf?letter_id={letter['letter_id']}",
        "attachment": None,
    }
    pdf = server.get(letter["pdf"].removeprefix("/api/v2")).data["content"]
    assert base64.b64decode(pdf).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("method", "channel", "to", "subject"),
    [
        ("Email+Letter", "Email", "asa@example.com", True),
        ("SMS", "SMS", "0700000001", False),
        ("SMS+Letter", "SMS", "0700000001", False),
        ("Letter", "Letter", "Åsa Lind\nTestgatan 1\n123 45  TESTSTAD", True),
        ("Einvoice", "Einvoice", "195001011234.SHB.SE", True),
        ("Efaktura", "Einvoice", "195001011234.SHB.SE", True),
        ("EDI", "EDI", "7300009000001", True),
    ],
)
def test_every_way_out(server: Server, method: str, channel: str, to: str, subject: bool) -> None:
    register(server, "195001011234.SHB.SE")
    key = sent(server, method, regional_sweden={"edi": {"electronic_id": "7300009000001"}})
    (letter,) = letters(server)
    assert (letter["channel"], letter["method"], letter["to"]) == (channel, method, to)
    assert (letter["subject"] is not None) is subject
    assert "125,00 SEK" in letter["text"]
    assert letter["link"] in letter["text"]
    assert letter["billogram"] == key


def test_an_sms_is_short(server: Server) -> None:
    key = sent(server, "SMS")
    (letter,) = letters(server)
    number = server.get(f"/billogram/{key}").data["ocr_number"]
    assert letter["text"] == (
        "Faktura 1 från Snöskottarna Åre AB. Att betala 125,00 SEK, Förfallodatum 2026-04-01, "
        f"OCR-nummer {number}, Bankgiro 123-4567. {letter['link']}"
    )


def test_what_does_not_leave_is_not_there(server: Server) -> None:
    key = sent(server, "DoNotNotify")
    assert letters(server) == []
    letter = server.get(f"/billogram/{key}").data["events"][1]["data"]["letter_id"]
    for name in (letter, "none"):
        answer = server.mock("GET", f"{OUTBOX}/{name}")
        assert (answer.status, answer.json["error"]["code"]) == (404, "unknown_letter")
    assert server.get(f"/billogram/{key}.pdf").status == 200


def test_they_stand_in_order_of_leaving_and_can_be_chosen(server: Server) -> None:
    one, two = sent(server), sent(server, "SMS")
    papers.command(server, one, "attach", {"filename": "villkor.pdf", "content": "JVBERi0xLjQKJSVFT0YK"})
    papers.command(server, one, "credit", {"mode": "amount", "amount": 25, "method": "DoNotNotify"})
    papers.command(server, one, "credit", {"mode": "amount", "amount": 50})
    papers.command(server, two, "resend", {"method": "Letter"})
    found = letters(server)
    assert [(each["billogram"], each["kind"], each["channel"], each["attachment"]) for each in found] == [
        (one, "invoice", "Email", None),
        (two, "invoice", "SMS", None),
        (one, "credit", "Email", "villkor.pdf"),
        (two, "invoice", "Letter", None),
    ]
    assert letters(server, f"?billogram={one}") == [found[0], found[2]]
    assert letters(server, "?billogram=none") == []
    for each in found:
        assert server.mock("GET", f"{OUTBOX}/{each['letter_id']}").json == each
    assert "Summa kreditering: -50,00 SEK\nKvar att betala, efter detta: 50,00 SEK" in found[2]["text"]
    assert "Här är en kreditfaktura" in found[2]["text"]
    assert "Förfallodatum" not in found[2]["text"]
    assert server.fold().image() == server.image()


def test_the_letter_after_an_e_mail_is_a_document_of_its_own(server: Server) -> None:
    sent(server, "Email+Letter")
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "48h"})
    first, second = letters(server)
    assert (first["channel"], second["channel"]) == ("Email", "Letter")
    assert second["at"] == "2026-03-04T10:00:00+01:00"
    assert first["letter_id"] != second["letter_id"]


def test_an_e_invoice_tells_whom_it_went_to(server: Server) -> None:
    register(server, "first")
    key = sent(server, "Einvoice")
    register(server, "second")
    papers.command(server, key, "resend", {"method": "Einvoice"})
    assert [each["to"] for each in letters(server)] == ["first", "first"]
    other = sent(server)
    papers.command(server, other, "resend", {"method": "Einvoice"})
    assert letters(server, f"?billogram={other}")[1]["to"] == "second"


def test_later_changes_do_not_show(server: Server) -> None:
    sent(server)
    before = letters(server)
    server.call("PUT", "/customer/1", {"name": "Other", "contact": {"email": "other@example.com"}})
    server.call("PUT", "/settings", {"name": "Other"})
    assert letters(server) == before


def test_a_reminder_says_its_message(server: Server) -> None:
    key = sent(server)
    billogram = server.state().billograms[key]
    reminder = replace(papers.document(server, key), kind=REMINDER, message="Har ni glömt oss?")
    told = outbox.message(billogram, reminder, None, "http://mock.test")
    assert told.subject == "Påminnelse 1 från Snöskottarna Åre AB"
    assert "Vi påminner om en faktura" in told.text
    assert "Har ni glömt oss?" in told.text


def test_a_long_one_is_whole(server: Server) -> None:
    key = sent(server)
    for _ in range(250):
        server.command(key, "resend", {"method": "Email"})
    found = letters(server, "?limit=1000")
    assert len(found) == 251
    assert len({each["letter_id"] for each in found}) == 251

"""E-invoice registration of a customer, and what is sent by it (reference: api 2.2, behaviour 4.1)."""

from pathlib import Path
from typing import Any

import pytest

from mockserver.core import accounts
from mockserver.core.model import replace
from tests.server import ACCOUNT, KEY, Server

PATH = "/customer/1/einvoice"
NUMBER = "190000000000.SBF.SE"
PEC, CODICE = "fatture@pec.example.com", "AB12C3D"


def in_market(server: Server, market: str) -> None:
    """As the control plane will do it."""
    server.get("/settings")
    live = server.emulator.live(ACCOUNT)
    assert live is not None
    account = replace(live.account, market=market)
    server.run(
        server.emulator.execute(live, lambda act: accounts.change(act, account), cause="test", rule="account")
    )


def sweden(number: str = NUMBER, at: str = "2026-03-02T09:00:00.000000+00:00") -> dict[str, Any]:
    part = {"fmi": number, "identifier": number}
    return {"status": "registered", "registered_at": at, "regional_sweden": part}


def italy(pec: str | None = None, codice: str | None = None) -> dict[str, Any]:
    part = {"pec": pec, "codice_destinatario": codice}
    at = "2026-03-02T09:00:00.000000+00:00"
    return {"status": "registered", "registered_at": at, "regional_italy": part}


# making


def test_none_one_and_another(server: Server) -> None:
    server.customer()
    assert server.get(PATH).error == ("NOT_FOUND", {"message": "object not found with id=1"})
    assert server.post(PATH, {"identifier": NUMBER}).data == sweden() == server.get(PATH).data
    server.mock("POST", f"/accounts/{ACCOUNT}/clock/advance", {"by": "90.5s"})
    later = sweden("190000000000.SEB.SE", "2026-03-02T09:01:30.500000+00:00")
    assert server.post(PATH, {"identifier": "190000000000.seb"}).data == later == server.get(PATH).data
    assert server.fold().image() == server.image()


def test_the_customer_itself_does_not_change(server: Server) -> None:
    server.customer()
    before = server.get("/customer/1").data
    server.post(PATH, {"identifier": NUMBER})
    assert server.get("/customer/1").data == before
    assert before["updated_at"] is None


def test_it_stays_with_a_customer_that_is_changed_and_renumbered(server: Server) -> None:
    server.customer()
    server.post(PATH, {"identifier": NUMBER})
    server.call("PUT", "/customer/1", {"name": "Other"})
    assert server.get(PATH).data == sweden()
    server.call("PUT", "/customer/1", {"customer_no": 7})
    assert server.get(PATH).status == 404
    assert server.get("/customer/7/einvoice").data == sweden()


@pytest.mark.parametrize("number", ["0", "2", "x", "9" * 25])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody(server: Server, method: str, number: str) -> None:
    server.customer()
    answer = server.call(method, f"/customer/{number}/einvoice", {"identifier": NUMBER})
    assert answer.error == ("NOT_FOUND", {"message": f"object not found with id={number}"})


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_it_is_neither_changed_nor_deleted(server: Server, method: str) -> None:
    server.customer()
    answer = server.call(method, PATH, {"identifier": NUMBER})
    assert (answer.status, answer.error[0]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, POST, HEAD"


@pytest.mark.parametrize(
    "number", ["190000000000.SBF.SE", "190000000000.SBF", "198001011234.nb.Se", "000000000000.ABCD"]
)
def test_good_identifiers(server: Server, number: str) -> None:
    """They are shown in capitals with the country, whatever the form they were sent in."""
    server.customer()
    shown = f"{number.removesuffix('.SE').removesuffix('.Se').upper()}.SE"
    assert server.post(PATH, {"identifier": number}).data == sweden(shown) == server.get(PATH).data


@pytest.mark.parametrize(
    "number",
    [
        *("19000000000.SBF.SE", "1900000000000.SBF.SE", "190000000000.S.SE", "190000000000.ABCDE"),
        *(
            "190000000000.SBF.NO",
            "190000000000",
            "190000000000.SB1",
            " 190000000000.SBF",
            "190000000000.SBF\n",
        ),
        *("\uff11\uff190000000000.SBF", "190000000000.SÅB", 190000000000, True, ["190000000000.SBF"]),
    ],
    ids=repr,
)
def test_bad_identifiers(server: Server, number: Any) -> None:
    server.customer()
    position, image = server.position(), server.image()
    answer = server.post(PATH, {"identifier": number})
    data = {"message": "invalid identifier", "field": "identifier", "field_path": []}
    assert (answer.status, answer.error) == (400, ("INVALID_PARAMETER", data))
    assert (server.position(), server.image()) == (position, image)


@pytest.mark.parametrize("body", [{}, None, {"identifier": None}, {"identifier": ""}, {"pec": ""}], ids=str)
def test_without_an_identifier(server: Server, body: Any) -> None:
    server.customer()
    answer = server.post(PATH, body)
    data = {"message": "Identifier not set", "field": "identifier", "field_path": []}
    assert answer.error == ("INVALID_PARAMETER", data)


def test_unknown_members_and_what_is_no_object(server: Server) -> None:
    server.customer()
    answer = server.post(PATH, {"identifier": NUMBER, "fmi": NUMBER})
    assert (answer.error[0], answer.error[1]["field"]) == ("UNKNOWN_PARAMETER", "fmi")
    assert server.post(PATH, [1]).error == ("INVALID_PARAMETER", {"message": "invalid request body"})
    assert server.post(PATH, b"{").error == ("INVALID_PARAMETER", {"message": "invalid JSON"})
    assert server.get(PATH).status == 404


# markets


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"pec": PEC}, italy(PEC)),
        ({"codice_destinatario": CODICE}, italy(None, CODICE)),
        ({"codice_destinatario": "abc123"}, italy(None, "abc123")),
        ({"pec": PEC, "codice_destinatario": CODICE}, italy(PEC, CODICE)),
        ({"pec": PEC, "codice_destinatario": "", "identifier": None}, italy(PEC)),
    ],
    ids=str,
)
def test_italy(server: Server, body: dict[str, Any], shown: dict[str, Any]) -> None:
    server.customer()
    in_market(server, "Italy")
    assert server.post(PATH, body).data == shown == server.get(PATH).data
    assert server.post(PATH, {"pec": "b@example.com"}).data == italy("b@example.com"), "it replaces all of it"


@pytest.mark.parametrize(
    ("body", "message", "field"),
    [
        ({}, "pec or codice_destinatario required", None),
        ({"pec": None, "codice_destinatario": ""}, "pec or codice_destinatario required", None),
        ({"pec": "nowhere"}, "invalid pec", "pec"),
        ({"codice_destinatario": "12345"}, "invalid codice destinatario", "codice_destinatario"),
        ({"codice_destinatario": "12345678"}, "invalid codice destinatario", "codice_destinatario"),
        ({"codice_destinatario": "12-456"}, "invalid codice destinatario", "codice_destinatario"),
        ({"identifier": NUMBER}, "invalid identifier", "identifier"),
        ({"pec": PEC, "identifier": NUMBER}, "invalid identifier", "identifier"),
    ],
    ids=str,
)
def test_italy_refuses(server: Server, body: dict[str, Any], message: str, field: str | None) -> None:
    server.customer()
    in_market(server, "Italy")
    data = {"message": message} | ({} if field is None else {"field": field, "field_path": []})
    assert server.post(PATH, body).error == ("INVALID_PARAMETER", data)
    assert server.get(PATH).status == 404


@pytest.mark.parametrize("name", ["pec", "codice_destinatario"])
def test_members_of_the_other_market(server: Server, name: str) -> None:
    server.customer()
    body = {"identifier": NUMBER, name: {"pec": PEC, "codice_destinatario": CODICE}[name]}
    message = f"invalid {name.replace('_', ' ')}"
    data = {"message": message, "field": name, "field_path": []}
    assert server.post(PATH, body).error == ("INVALID_PARAMETER", data)


@pytest.mark.parametrize("market", ["Norway", "Finland"])
def test_elsewhere_recipients_register_themselves(server: Server, market: str) -> None:
    server.customer()
    in_market(server, market)
    for body in ({}, {"identifier": NUMBER}, {"pec": PEC}):
        answer = server.post(PATH, body)
        assert (answer.status, answer.error[0]) == (403, "PERMISSION_DENIED")
        assert answer.headers["mock-rule"] == "einvoice.market"
    assert server.post(PATH, {"x": 1}).error[0] == "UNKNOWN_PARAMETER"
    assert server.post("/customer/9/einvoice", {}).error[0] == "NOT_FOUND"
    assert server.get(PATH).error == ("NOT_FOUND", {"message": "object not found with id=1"})


def test_what_was_registered_stays_when_the_market_changes(server: Server) -> None:
    server.customer()
    server.post(PATH, {"identifier": NUMBER})
    in_market(server, "Finland")
    assert server.get(PATH).data == sweden()


# the callback


CREATED, DELETED, EFAKTURA = (
    "EinvoiceRegistrationCreated",
    "EinvoiceRegistrationDeleted",
    "EfakturaRegistration",
)
OUTSIDE = ("Norway", "Finland", "Italy")


def simulate(server: Server, number: int, what: str, body: Any = None) -> Any:
    path = f"/accounts/{ACCOUNT}/customers/{number}/simulate/{what}"
    return server.mock("POST", path, {} if body is None else body)


def told(server: Server) -> list[dict[str, Any]]:
    """The callbacks in the inbox, which name the moment and the type; their ids are those of the rows."""
    server.mock("POST", f"/accounts/{ACCOUNT}/deliveries/wait", {"idle": True})
    found = [each["json"] for each in server.mock("GET", f"/accounts/{ACCOUNT}/inbox").json]
    assert [each.pop("callback_id") for each in found] == [each["callback_id"] for each in rows(server)]
    assert {each.pop("callback_timestamp") for each in found} <= {"2026-03-02T09:00:00.000000Z"}
    for row in rows(server):
        assert (row["event_type"], row["billogram"], row["status"]) == (None, None, "delivered")
    return found


def listening(server: Server, market: str) -> None:
    inbox = {"url": "mock:inbox"}
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "market": market, "callbacks": inbox})
    server.customer(customer_no=24)


@pytest.mark.parametrize("market", OUTSIDE)
def test_the_callbacks_outside_of_sweden(server: Server, market: str) -> None:
    """Sent to the account's receiver, each time, with the number as text [D]."""
    listening(server, market)
    for _ in range(2):  # the second is in place of the first
        assert simulate(server, 24, "einvoice-register").status == 200
    server.post("/customer/24/einvoice", {"identifier": "x"})
    assert simulate(server, 24, "einvoice-deregister").status == 200
    info = {"recipient_information": {"customer_number": "24"}}
    assert told(server) == [{"callback_type": name} | info for name in (CREATED, CREATED, DELETED)]
    assert len(rows(server, f"?type={CREATED}")) == 2
    kinds = [row["kind"] for row in server.mock("GET", f"/accounts/{ACCOUNT}/timeline").json]
    assert (kinds.count("delivery"), kinds.count("attempt")) == (3, 3)
    assert server.fold().image() == server.image()


def test_the_creditor_causes_the_same_callback_in_italy(server: Server) -> None:
    listening(server, "Italy")
    server.post("/customer/24/einvoice", {"pec": PEC})
    info = {"recipient_information": {"customer_number": "24"}}
    assert told(server) == [{"callback_type": CREATED} | info]


def efaktura(kind: str = "Registration", **more: Any) -> dict[str, Any]:
    shown = {
        "registration_type": kind,
        "fmi": "190000000000.SHB.SE",
        "bank_name": "Handelsbanken",
        "bank_code": "SHB",
        "id_number": "190000000000",
        "recipient_type": "company",
        "ocr": None,
        "billogram_customer_number": 24,
        "customer_supplied_billogram_customer_no": 24,
        "full_name": "Test Customer AB",
        "email": "contact@example.com",
        "file_contents": None,
        "file_name": None,
    }
    return {"callback_type": EFAKTURA, "efaktura_registration": shown | more}


UNKNOWN_BANK = {"fmi": NUMBER, "bank_code": "SBF", "bank_name": None}
# who registers, what is sent -> what the callback shows
SWEDISH: list[tuple[str, Any, dict[str, Any]]] = [
    ("bank", {}, {}),
    ("bank", {"identifier": "190000000000.sbf"}, UNKNOWN_BANK),
    ("bank", {"ocr_number": "123455"}, {"ocr": "123455"}),
    ("bank", {"customer_no": 42}, {"customer_supplied_billogram_customer_no": 42}),
    (
        "bank",
        {"full_name": "Somebody", "email": "a@example.com"},
        {"full_name": "Somebody", "email": "a@example.com"},
    ),
    ("creditor", {"identifier": "190000000000.shb"}, {}),
    ("creditor", {"identifier": NUMBER}, UNKNOWN_BANK),
]


@pytest.mark.parametrize(("who", "body", "shown"), SWEDISH, ids=str)
def test_the_callback_in_sweden(server: Server, who: str, body: Any, shown: dict[str, Any]) -> None:
    """One type for both; a deregistration shows the registration that it ends."""
    listening(server, "Sweden")
    if who == "bank":
        answer = simulate(server, 24, "einvoice-register", body)
        assert answer.json["customer_no"] == 24
    else:
        answer = server.post("/customer/24/einvoice", body)
    assert answer.status == 200
    expected = efaktura(**shown)
    assert server.get("/customer/24/einvoice").data == sweden(expected["efaktura_registration"]["fmi"])
    assert simulate(server, 24, "einvoice-deregister").status == 200
    bank = {name: shown[name] for name in UNKNOWN_BANK if name in shown}
    assert told(server) == [expected, efaktura("Deregistration", **bank)]
    assert server.fold().image() == server.image()


@pytest.mark.parametrize(
    ("kind", "recipient"),
    [
        ("business", "company"),
        ("individual", "individual"),
        ("foreign individual", "individual"),
        ("foreign business", "company"),
    ],
)
def test_the_callback_names_the_newest_sent_billogram(server: Server, kind: str, recipient: str) -> None:
    inbox = {"url": "mock:inbox", "types": [EFAKTURA]}
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": inbox})
    server.customer(customer_no=24, company_type=kind, contact={"phone": "0700000001"})
    whole = {"customer": {"customer_no": 24}}
    send = {"command": "send", "method": "DoNotNotify"}
    for _ in range(2):
        newest = server.draft(**whole, on_success=send)
    server.draft(**whole)
    server.post("/customer/24/einvoice", {"identifier": "190000000000.SHB.SE"})
    (callback,) = told(server)
    expected = efaktura(ocr=newest["ocr_number"], recipient_type=recipient, email=None)
    assert callback == expected


def test_a_registration_of_another_market_that_ends_in_sweden(server: Server) -> None:
    listening(server, "Finland")
    simulate(server, 24, "einvoice-register")
    server.mock("PATCH", f"/accounts/{ACCOUNT}", {"market": "Sweden"})
    simulate(server, 24, "einvoice-deregister")
    nothing = dict.fromkeys(("fmi", "bank_name", "bank_code", "id_number"))
    assert told(server)[1:] == [efaktura("Deregistration", **nothing)]


@pytest.mark.parametrize("market", ["Sweden", *OUTSIDE])
def test_after_a_deregistration(server: Server, market: str) -> None:
    """There is no registration, and the method is refused everywhere until there is a new one."""
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "market": market})
    server.customer()
    refused = simulate(server, 1, "einvoice-deregister")
    assert (refused.status, refused.json["error"]["code"]) == (409, "rule")
    whole = {"customer": {"customer_no": 1}, "regional_sweden": {"efaktura_recipient_identifier": NUMBER}}
    simulate(server, 1, "einvoice-register")
    sent = server.draft(**whole, on_success={"command": "send", "method": "Einvoice"})
    assert sent["events"][-1]["type"] == "EfakturaSent"
    assert sent["flags"] == ["efaktura order sent"]
    draft = server.draft(**whole)
    before = server.get("/customer/1").data

    assert simulate(server, 1, "einvoice-deregister").status == 200
    assert server.get("/customer/1").data == before
    assert server.get(PATH).error == ("NOT_FOUND", {"message": "object not found with id=1"})
    assert simulate(server, 1, "einvoice-deregister").status == 409
    message = "invalid delivery method, e-invoice registration missing"
    send = {"command": "send", "method": "Einvoice"}
    for method in ("Einvoice", "Efaktura"):
        for answer in (
            server.command(draft["id"], "send", {"method": method}),
            server.command(sent["id"], "resend", {"method": method}),
            server.command(sent["id"], "credit", {"mode": "amount", "amount": 1, "method": "Efaktura"}),
            server.post("/billogram", {**whole, "items": ROWS, "on_success": send | {"method": method}}),
        ):
            assert answer.error == ("INVALID_PARAMETER", {"message": message})
    assert server.command(sent["id"], "resend", {}).error[1]["message"] == message
    dearer = server.call("PUT", f"/billogram/{sent['id']}", {"items": ROWS * 2}).data
    assert dearer["events"][-1]["data"]["delivery_method"] == "DoNotNotify"
    server.call("PUT", "/customer/1", {"customer_no": 7})
    server.call("PUT", f"/billogram/{draft['id']}", {"customer": {"customer_no": 7}})
    assert server.command(draft["id"], "send", {"method": "Einvoice"}).error[1]["message"] == message

    assert simulate(server, 7, "einvoice-register").status == 200
    assert server.command(draft["id"], "send", {"method": "Einvoice"}).status == 200
    assert server.fold().image() == server.image()


ROWS = [{"title": "Row", "count": 1, "price": 100, "vat": 25}]


@pytest.mark.parametrize(
    ("market", "body", "status"),
    [
        ("Sweden", {"pec": PEC}, 400),
        ("Sweden", {"codice_destinatario": CODICE}, 400),
        ("Italy", {"identifier": NUMBER}, 400),
        ("Italy", {"ocr_number": "18"}, 400),
        ("Norway", {"full_name": "Somebody"}, 400),
        ("Finland", {"customer_no": 7}, 400),
        ("Sweden", {"identifier": "x"}, 400),
        ("Sweden", {"customer_no": "7"}, 400),
        ("Sweden", {"unknown": 1}, 400),
        ("Italy", {"pec": PEC, "codice_destinatario": CODICE}, 200),
    ],
    ids=str,
)
def test_members_of_a_registration_at_the_bank(server: Server, market: str, body: Any, status: int) -> None:
    listening(server, market)
    assert simulate(server, 24, "einvoice-register", body).status == status
    assert server.get("/customer/24/einvoice").status == (200 if status == 200 else 404)
    assert len(told(server)) == (status == 200)


@pytest.mark.parametrize("market", ["Norway", "Finland"])
def test_a_registration_without_an_identifier(server: Server, market: str) -> None:
    listening(server, market)
    simulate(server, 24, "einvoice-register")
    part = {"fmi": None, "identifier": None}
    at = "2026-03-02T09:00:00.000000+00:00"
    shown = {"status": "registered", "registered_at": at, "regional_sweden": part}
    assert server.get("/customer/24/einvoice").data == shown


@pytest.mark.parametrize("what", ["einvoice-register", "einvoice-deregister"])
def test_a_simulation_of_nobody(server: Server, what: str) -> None:
    listening(server, "Sweden")
    assert simulate(server, 99, what).status == 404


def rows(server: Server, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.mock("GET", f"/accounts/{ACCOUNT}/deliveries{query}").json
    return found


@pytest.mark.parametrize(
    "callbacks", [{"url": None}, {"url": "mock:inbox", "types": ["BillogramEvent"]}], ids=str
)
def test_nobody_who_wants_the_callback(server: Server, callbacks: dict[str, Any]) -> None:
    server.mock("POST", "/accounts", {"id": ACCOUNT, "key": KEY, "callbacks": callbacks})
    server.customer()
    server.post(PATH, {"identifier": NUMBER})
    assert rows(server) == []


# sending by it


@pytest.mark.parametrize("method", ["Einvoice", "Efaktura"])
def test_it_makes_the_method_possible(server: Server, method: str) -> None:
    key = server.draft()["id"]
    refused = server.command(key, "send", {"method": method})
    missing = "invalid delivery method, e-invoice registration missing"
    assert refused.error == ("INVALID_PARAMETER", {"message": missing})
    server.post(PATH, {"identifier": NUMBER})
    sent = server.command(key, "send", {"method": method}).data
    assert [(each["type"], each["data"]) for each in sent["events"][2:]] == [
        ("EfakturaSent", {"recipient_identifier": NUMBER, "electronic_id": None})
    ]
    assert (sent["flags"], sent["delivery_method"]) == (["efaktura order sent"], method)
    server.command(key, "payment", {"amount": 125})
    assert server.get(f"/billogram/{key}").data["flags"] == ["efaktura order sent"]
    assert server.fold().image() == server.image()


@pytest.mark.parametrize("method", ["Einvoice", "Efaktura"])
def test_the_identifier_of_a_billogram_is_enough(server: Server, method: str) -> None:
    """Older clients have nothing else; a registration of the customer comes first (behaviour 4.1)."""
    own = "198001011234.SHB.SE"
    given = {"efaktura_recipient_identifier": own}
    for body in ({}, {"efaktura_recipient_identifier": ""}, {"efaktura_recipient_identifier": None}):
        refused = server.command(server.draft(regional_sweden=body)["id"], "send", {"method": method})
        assert refused.error[1]["message"] == "invalid delivery method, e-invoice registration missing"
    first = server.draft(regional_sweden=given)
    sent = server.command(first["id"], "send", {"method": method}).data
    assert sent["events"][-1]["type"] == "EfakturaSent"
    assert sent["events"][-1]["data"] == {"recipient_identifier": own, "electronic_id": None}
    assert sent["flags"] == ["efaktura order sent"]
    assert server.command(first["id"], "resend", {}).status == 200
    failed = server.mock(
        "POST", f"/accounts/{ACCOUNT}/billograms/{first['id']}/simulate/delivery-failure"
    ).json
    assert failed["events"][-1]["data"]["recipient_identifier"] == own
    letters = server.mock("GET", f"/accounts/{ACCOUNT}/outbox").json
    assert {letter["to"] for letter in letters} == {own}
    second = server.draft(customer={"customer_no": first["customer"]["customer_no"]}, regional_sweden=given)
    server.post(f"/customer/{first['customer']['customer_no']}/einvoice", {"identifier": NUMBER})
    sent = server.command(second["id"], "send", {"method": method}).data
    assert sent["events"][-1]["data"]["recipient_identifier"] == NUMBER


@pytest.mark.parametrize(
    ("body", "identifier"),
    [({"pec": PEC}, PEC), ({"pec": PEC, "codice_destinatario": CODICE}, CODICE)],
    ids=["pec", "both"],
)
def test_by_what_an_italian_recipient_is_known(server: Server, body: dict[str, Any], identifier: str) -> None:
    key = server.draft()["id"]
    in_market(server, "Italy")
    server.post(PATH, body)
    event = server.command(key, "send", {"method": "Einvoice"}).data["events"][-1]
    assert (event["type"], event["data"]["recipient_identifier"]) == ("EfakturaSent", identifier)


def test_at_creation_and_again(server: Server) -> None:
    number = server.customer()
    server.post(PATH, {"identifier": NUMBER})
    send = {"command": "send", "method": "Einvoice"}
    sent = server.draft(customer={"customer_no": number}, on_success=send)
    assert [each["type"] for each in sent["events"]] == ["BillogramCreated", "BillogramSent", "EfakturaSent"]
    again = server.command(sent["id"], "resend").data
    assert [each["type"] for each in again["events"][3:]] == ["Resent"]
    other = server.draft()  # of another customer
    assert server.command(other["id"], "send", {"method": "Einvoice"}).status == 400


def test_an_e_invoice_that_comes_back(server: Server) -> None:
    key = server.draft()["id"]
    server.post(PATH, {"identifier": NUMBER})
    server.command(key, "send", {"method": "Einvoice"})
    failed = server.mock("POST", f"/accounts/{ACCOUNT}/billograms/{key}/simulate/delivery-failure").json
    event = failed["events"][-1]
    assert event["type"] == "EfakturaFailed"
    assert (event["data"]["recipient_identifier"], event["data"]["error_status"]) == (NUMBER, None)
    assert failed["flags"] == ["efaktura order sent", "delivery failed"]


def test_it_is_still_there_after_a_restart(tmp_path: Path) -> None:
    file = str(tmp_path / "mock.db")
    server = Server(database=file)
    server.customer()
    server.post(PATH, {"identifier": NUMBER})
    server.close()
    server = Server(database=file)
    assert server.get(PATH).data == sweden()
    sent = server.draft(customer={"customer_no": 1}, on_success={"command": "send", "method": "Einvoice"})
    assert sent["flags"] == ["efaktura order sent"]
    image = server.image()
    server.close()
    server = Server(database=file)
    server.get("/settings")
    assert server.image() == image
    server.close()

"""The recipient's page: what it shows, what its forms do, what it never tells (reference: behaviour 7)."""

import base64
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from mockserver.api.shapes import STATES as PUBLIC_STATES
from mockserver.core import events
from mockserver.ui.recipient import ACTIONS, DONE, STATES, WHY
from tests.api.test_offer import BANNER, SALE
from tests.control.test_snapshots import fork
from tests.server import ACCOUNT, Answer, Server, scope_of
from tests.ui.pages import PageReader, load, send

A = f"/accounts/{ACCOUNT}"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "{{ 7 * 7 }} {money} %s",
    "\u202eright to left",
)


def link_of(billogram: dict[str, Any]) -> str:
    """The path of its page."""
    return str(urlsplit(billogram["url"]).path)


def show(server: Server, key: str) -> dict[str, Any]:
    shown: dict[str, Any] = server.get(f"/billogram/{key}").data
    return shown


def types(server: Server, key: str) -> list[str]:
    return [event["type"] for event in show(server, key)["events"]]


def opened(server: Server, link: str, status: int = 200) -> PageReader:
    answer = load(server, link)
    assert answer.status == status, (answer.status, answer.body)
    return PageReader(answer.body.decode())


def act(server: Server, link: str, action: str, **fields: str) -> dict[str, str]:
    """Sends a form; the outcome that the address has to which it leads."""
    path, _, query = link.partition("?")
    answer = send(server, f"{path}/{action}" + (f"?{query}" if query else ""), fields)
    assert answer.status == 303, (answer.status, answer.body)
    target = urlsplit(urljoin(f"http://mock.test{path}/{action}", answer.headers["location"]))
    assert (target.netloc, target.path) == ("mock.test", path)
    assert "set-cookie" not in answer.headers
    return {name: values[0] for name, values in parse_qs(target.query).items()}


def done(action: str) -> dict[str, str]:
    return {"done": action}


def refused(action: str, why: str, **more: str) -> dict[str, str]:
    return {"refused": action, "why": why, **more}


def autogiro(server: Server, customer: int) -> None:
    body = {"type": "autogiro"}
    assert server.mock("POST", f"{A}/customers/{customer}/simulate/enable-recurring", body).status == 200


def cash(server: Server, amount: object = "125") -> Any:
    """The newest payment."""
    return server.mock("GET", f"{A}/payments").json[-1]


# opening it


def test_the_first_opening_is_an_event_with_the_address_of_the_caller(server: Server) -> None:
    billogram = server.sent()
    for _ in range(2):
        opened(server, link_of(billogram))
    shown = show(server, billogram["id"])["events"]
    assert [event["type"] for event in shown][2:] == ["DeliveryAccepted"]
    assert shown[-1]["data"] == {"customer_email": "contact@example.com", "ip": "127.0.0.1", "type": "Email"}
    row = server.mock("GET", f"{A}/timeline?billogram={billogram['id']}").json[-1]
    assert (row["kind"], row["rule"]) == ("act", "simulate view")


def test_each_opening_clears_a_failed_delivery(server: Server) -> None:
    billogram = server.sent()
    for _ in range(2):
        server.mock("POST", f"{A}/billograms/{billogram['id']}/simulate/delivery-failure")
        opened(server, link_of(billogram))
        assert show(server, billogram["id"])["flags"] == []


def test_heads_files_and_pictures_are_no_opening(server: Server) -> None:
    attached = base64.b64encode(b"%PDF-1.4 attached").decode()
    billogram = server.sent(attachment="a.pdf", attachment_content=attached)
    server.post("/logotype", {"content": PNG})
    server.post("/coverphoto", {"content": PNG})
    link, position = link_of(billogram), server.position()
    head = server.run(server.asgi("HEAD", link))
    assert (head.status, head.body) == (200, b"")
    for name, kind in {
        "invoice.pdf": "application/pdf",
        "attachment.pdf": "application/pdf",
        "logotype": "image/png",
        "coverphoto": "image/png",
    }.items():
        for method in ("GET", "HEAD"):
            answer = server.run(server.asgi(method, f"{link}/{name}"))
            assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert load(server, f"{link}/attachment.pdf").body == b"%PDF-1.4 attached"
    assert load(server, f"{link}/logotype").body == base64.b64decode(PNG)
    assert load(server, f"{link}/invoice.pdf").body.startswith(b"%PDF-")
    assert server.position() == position


def test_a_page_that_can_not_be_written_is_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from mockserver.log.interface import LogFailed

    async def fails(*_: object, **__: object) -> None:
        raise LogFailed("the disk is full")

    billogram = server.sent()
    monkeypatch.setattr(server.emulator, "execute", fails)
    assert "Obetald" in opened(server, link_of(billogram)).text
    assert act(server, link_of(billogram), "message", message="?") == refused("message", "busy")


# what is shown


def test_what_is_on_the_page(server: Server) -> None:
    settings = {"name": "Åkes skaft", "org_no": "556677-8899", "contact": {"www": "www.example.com"}}
    server.call("PUT", "/settings", {**settings, "payment": {"bankgiro": "123-4567"}})
    rows = [{"title": "Spade", "description": "ash", "count": 2, "price": 1000, "vat": 25, "unit": "unit"}]
    billogram = server.sent(items=rows, info={"message": "Welcome", "your_reference": "Anna"}, due_days=10)
    page = opened(server, link_of(billogram))
    text = re.sub(r"\s+", " ", page.text)
    for each in (
        *("Faktura 1 från Åkes skaft", "Test.", "Obetald", "2 500,00 SEK", "Förfallodatum 2026-03-12"),
        *("556677-8899", "www.example.com", "123-4567", billogram["ocr_number"], "Welcome", "Anna"),
        *("Spade", "ash", "1 000,00", "25 %", "2 000,00", "Moms 25 % på 2 000,00", "500,00"),
        *("Test Customer AB", "Testgatan 1", "123 45 TESTSTAD", "2026-03-02 Fakturan skickades med e-post"),
    ):
        assert each in text, each
    assert ("Öppna som PDF", f"{link_of(billogram).rpartition('/')[2]}/invoice.pdf") in page.links
    assert sorted(form.action.rpartition("/")[2] for form in page.forms) == sorted(
        ["automatic-on", "message", "pay", "plan", "verify-email"]
    )


def test_the_page_needs_no_script_and_no_cookie(server: Server) -> None:
    answer = load(server, link_of(server.sent()))
    assert "set-cookie" not in answer.headers
    assert b"<script" not in answer.body
    assert b'<html lang="sv">' in answer.body
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_the_style_is_where_the_pages_say(server: Server) -> None:
    for path, status in ((link_of(server.sent()), 200), ("/r/x", 404), ("/r/a/b/c/d", 404)):
        answer = load(server, path)
        assert answer.status == status
        for name in re.findall(r'<link [^>]*href="([^"]+)"', answer.body.decode()):
            target = urljoin(path, name)
            assert target.startswith("/r/static/")
            assert load(server, target).status == 200


def test_every_public_state_has_a_name() -> None:
    hidden = {"Unattested", "Deleted", "Sending"}
    assert set(PUBLIC_STATES) - hidden <= STATES.keys()


def _nothing(server: Server, key: str) -> None:
    pass


def _command(name: str, body: Any = None) -> Callable[[Server, str], None]:
    def give(server: Server, key: str) -> None:
        answer = server.command(key, name, {} if body is None else body)
        assert answer.status == 200, answer.body

    return give


def _later(*spans: str) -> Callable[[Server, str], None]:
    def wait(server: Server, key: str) -> None:
        for span in spans:
            if span == "remind":
                assert server.command(key, "remind", {"method": "Email"}).status == 200
            else:
                assert server.mock("POST", f"{A}/clock/advance", {"by": span}).status == 200

    return wait


@pytest.mark.parametrize(
    ("happens", "state", "payable"),
    [
        (_nothing, "Obetald", True),
        (_command("payment", {"amount": 25}), "Delbetald", True),
        (_later("40d"), "Förfallen", True),
        (_later("40d", "remind"), "Påminnelse 1", True),
        (_later("40d", *["remind", "1d"] * 2), "Påminnelse 2", True),
        (_later("40d", *["remind", "1d"] * 3), "Påminnelse 3", True),
        (_later("40d", *["remind", "1d"] * 4), "Flera påminnelser", True),
        (
            lambda server, key: [_later("40d")(server, key), _command("collect")(server, key)],
            "Inkasso",
            False,
        ),
        (_command("payment", {"amount": 125}), "Betald", False),
        (_command("credit", {"mode": "full", "method": "Email"}), "Krediterad", False),
        (_command("confirmed-loss"), "Avslutad", False),
    ],
)
def test_the_state_in_swedish(
    server: Server, happens: Callable[[Server, str], object], state: str, payable: bool
) -> None:
    billogram = server.sent()
    happens(server, billogram["id"])
    answer = load(server, link_of(billogram))
    badge = re.search(r'<span class="badge \w+">([^<]+)</span>', answer.body.decode())
    assert badge is not None
    assert badge[1] == state
    actions = {form.action.rpartition("/")[2] for form in PageReader(answer.body.decode()).forms}
    assert ({"pay", "plan"} <= actions) is payable
    assert {"message", "verify-email"} <= actions
    if not payable:
        position = server.position()
        assert act(server, link_of(billogram), "pay", means="swish") == refused("pay", "payable")
        assert act(server, link_of(billogram), "plan", when="now") == refused("plan", "mandate")
        assert server.position() == position


def test_a_sale(server: Server) -> None:
    billogram = server.draft(on_success={"command": "sell", "method": "Email"})
    page = opened(server, link_of(billogram))
    assert "Hos factoringbolag" in page.text
    assert not [link for _, link in page.links if link.endswith("invoice.pdf")]
    assert load(server, f"{link_of(billogram)}/invoice.pdf").status == 404
    server.mock("POST", f"{A}/billograms/{billogram['id']}/simulate/factoring-accept")
    page = opened(server, link_of(billogram))
    assert "Såld" in page.text
    assert not [form for form in page.forms if form.action.endswith("/pay")]


def test_a_credit_can_not_be_paid(server: Server) -> None:
    credit = server.sent(items=[{"title": "Row", "count": 1, "price": -100, "vat": 25}])
    page = opened(server, link_of(credit))
    assert "Kreditfaktura 1" in page.text
    assert not [form for form in page.forms if form.action.endswith(("/pay", "/plan"))]
    assert act(server, link_of(credit), "pay", means="swish") == refused("pay", "payable")


def test_the_history_has_messages_of_both_sides_and_money(server: Server) -> None:
    billogram = server.sent()
    key = billogram["id"]
    act(server, link_of(billogram), "message", message="When?")
    server.command(key, "message", {"message": "Soon"})
    payment = server.mock("POST", f"{A}/payments", {"billogram": key, "amount": 25}).json["id"]
    server.command(key, "respite", {"date": "2026-05-01"})
    server.command(key, "credit", {"mode": "amount", "amount": 10, "method": "Email"})
    text = re.sub(r"\s+", " ", opened(server, link_of(billogram)).text)
    order = [
        *("Fakturan skickades med e-post", "Du skrevWhen?", "test skrevSoon"),
        *("Betalning mottagen: 25,00 SEK", "Anstånd till 2026-05-01", "Krediterat: 10,00 SEK"),
        "Fakturan öppnades",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "anstånd till 2026-05-01" in text
    assert payment not in text


def test_every_event_that_the_history_knows_exists() -> None:
    from mockserver.ui.recipient import _HISTORY

    assert all(hasattr(events, name) for name in _HISTORY)


# what the forms do: each act equals that of its counterpart


class Pair:
    """Two servers with the same past: the page is used on one, the control plane on the other."""

    def __init__(self, prepare: Callable[[Server], dict[str, Any]]) -> None:
        self.page, self.control = Server(), Server()
        self.billogram = prepare(self.page)
        assert prepare(self.control) == self.billogram

    def close(self) -> None:
        self.page.close()
        self.control.close()

    def events(self, server: Server) -> list[Any]:
        return [event["data"] for event in show(server, self.billogram["id"])["events"]] + [
            event["type"] for event in show(server, self.billogram["id"])["events"]
        ]


def _sent(server: Server) -> dict[str, Any]:
    server.mock("PUT", f"{A}/callbacks", {"url": "mock:inbox"})
    return server.sent()


def _with_autogiro(server: Server) -> dict[str, Any]:
    billogram = _sent(server)
    autogiro(server, billogram["customer"]["customer_no"])
    server.mock("POST", f"{A}/billograms/{billogram['id']}/simulate/cancel-scheduled-payment")
    return billogram


def _planned(server: Server) -> dict[str, Any]:
    billogram = _sent(server)
    autogiro(server, billogram["customer"]["customer_no"])
    return billogram


def _euro(server: Server) -> dict[str, Any]:
    return server.sent(currency="EUR")


def _with_sale(server: Server) -> dict[str, Any]:
    server.post("/offer", BANNER)
    server.post("/offer", SALE)
    return server.sent()


def _bought(server: Server) -> dict[str, Any]:
    billogram = _with_sale(server)
    server.mock(
        "POST", f"{A}/billograms/{billogram['id']}/simulate/accept-sale", {"offer_id": SALE["offer_id"]}
    )
    return billogram


PAY = f"{A}/payments"
NAME = "Test Customer AB"
ONE, HIM = f"{A}/billograms/{{key}}/simulate", f"{A}/customers/1/simulate"
COUNTERPARTS: list[Any] = [
    (_sent, "pay", {"means": "swish"}, PAY, {"amount": 125, "scheme": "SWISH", "payer_name": NAME}),
    (
        _sent,
        "pay",
        {"means": "card", "amount": "25"},
        PAY,
        {"amount": 25, "scheme": "CARD", "payer_name": NAME},
    ),
    (
        _sent,
        "pay",
        {"means": "bank", "amount": " 0\N{NO-BREAK SPACE}025,50 "},
        PAY,
        {"amount": Decimal("25.5"), "scheme": "BANKGIRO", "payer_name": NAME},
    ),
    (
        _euro,
        "pay",
        {"means": "bank", "amount": ""},
        PAY,
        {"amount": 125, "scheme": "SEPA_CREDIT_TRANSFER", "payer_name": NAME},
    ),
    (_with_autogiro, "plan", {"when": "now"}, f"{ONE}/schedule-payment", {"date": "2026-03-03"}),
    (_with_autogiro, "plan", {"when": "due-date"}, f"{ONE}/schedule-payment", {"date": "2026-04-01"}),
    (_planned, "cancel-plan", {}, f"{ONE}/cancel-scheduled-payment", {}),
    (_sent, "message", {"message": " a\r\nb "}, f"{ONE}/message", {"message": "a\nb", "ip": "127.0.0.1"}),
    (_sent, "verify-email", {"email": " n@example.com "}, f"{HIM}/verify-email", {"email": "n@example.com"}),
    (_sent, "automatic-on", {}, f"{HIM}/enable-recurring", {"type": "autogiro"}),
    (
        _sent,
        "automatic-on",
        {"unpaid_too": "yes"},
        f"{HIM}/enable-recurring",
        {"type": "autogiro", "unpaid_too": True},
    ),
    (
        _sent,
        "automatic-on",
        {"unpaid_too": "no"},
        f"{HIM}/enable-recurring",
        {"type": "autogiro", "unpaid_too": False},
    ),
    (_planned, "automatic-off", {}, f"{HIM}/disable-recurring", {}),
    (_with_sale, "accept-sale", {"offer_id": "extra1"}, f"{ONE}/accept-sale", {"offer_id": "extra1"}),
]


@pytest.mark.parametrize(("prepare", "action", "fields", "path", "body"), COUNTERPARTS)
def test_an_action_does_the_act_of_its_counterpart(
    prepare: Callable[[Server], dict[str, Any]],
    action: str,
    fields: dict[str, str],
    path: str,
    body: dict[str, Any],
) -> None:
    pair = Pair(prepare)
    try:
        key = pair.billogram["id"]
        if path == PAY:
            body = {"billogram": key, **body}
        assert pair.control.mock("POST", path.format(key=key), body).status in (200, 201)
        assert act(pair.page, link_of(pair.billogram), action, **fields) == done(action)
        assert pair.page.image() == pair.control.image()
        assert DONE[action] in opened(pair.page, f"{link_of(pair.billogram)}?done={action}").text
    finally:
        pair.close()


def test_every_action_is_compared_with_its_counterpart() -> None:
    assert {row[1] for row in COUNTERPARTS} == ACTIONS.keys() == DONE.keys()


def _closed(server: Server) -> dict[str, Any]:
    billogram = server.sent()
    server.command(billogram["id"], "payment", {"amount": 125})
    return billogram


def _past_due(server: Server) -> dict[str, Any]:
    billogram = _with_autogiro(server)
    server.mock("POST", f"{A}/clock/advance", {"by": "40d"})
    return billogram


@pytest.mark.parametrize(
    ("prepare", "action", "fields", "why"),
    [
        *(
            (_sent, "pay", {"means": "swish", "amount": amount}, "amount")
            for amount in (
                *("0", "-1", "125,01", "126", "1e2", "NaN", "0,001", "1.2.3", "1,2,3", "ten", "٣", "9" * 500),
                *("0x10", "+1", "1_0", ";", "<b>"),
            )
        ),
        *((_sent, "pay", {"means": means}, "means") for means in ("", "SWISH", "cash", "x" * 1000)),
        (_sent, "pay", {}, "means"),
        (_closed, "pay", {"means": "card", "amount": "1"}, "payable"),
        (_sent, "plan", {"when": "now"}, "mandate"),
        (_closed, "plan", {"when": "now"}, "mandate"),
        (_planned, "plan", {"when": "now"}, "planned"),
        (_past_due, "plan", {"when": "due-date"}, "date"),
        (_with_autogiro, "plan", {"when": "later"}, "when"),
        (_with_autogiro, "plan", {}, "when"),
        (_sent, "cancel-plan", {}, "unplanned"),
        *((_sent, "message", {"message": text}, "message") for text in ("", " \r\n\t", "x" * 100_001)),
        (_sent, "message", {}, "message"),
        *(
            (_sent, "verify-email", {"email": email}, "email")
            for email in ("", "nobody", "a b@c", "@", "a@", "x" * 1001 + "@example.com")
        ),
        (_sent, "automatic-on", {"unpaid_too": "perhaps"}, "unpaid"),
        (_sent, "automatic-off", {}, "off"),
        (_with_sale, "accept-sale", {}, "sale"),
        (_with_sale, "accept-sale", {"offer_id": "other"}, "sale"),
        (_with_sale, "accept-sale", {"offer_id": "banner7"}, "accepted"),
        (_bought, "accept-sale", {"offer_id": "extra1"}, "accepted"),
    ],
)
def test_a_refused_action_changes_nothing_and_says_why(
    server: Server,
    prepare: Callable[[Server], dict[str, Any]],
    action: str,
    fields: dict[str, str],
    why: str,
) -> None:
    billogram = prepare(server)
    link, before = link_of(billogram), server.image()
    told = act(server, link, action, **fields)
    assert {name: told[name] for name in ("refused", "why")} == refused(action, why)
    assert server.image() == before
    kept = {"pay": "amount", "verify-email": "email"}.get(action)
    assert told.get("typed", "") == (fields.get(kept, "")[:200] if kept else "")
    page = opened(server, f"{link}?{urlencode(told)}")
    assert WHY[why] in re.sub(r"\s+", " ", page.text)
    form = next((each for each in page.forms if each.action.endswith(f"/{action}")), None)
    if form is not None and told.get("typed"):
        assert kept is not None
        assert form.fields[kept] == told["typed"]


def test_offers_are_shown_with_their_pictures(server: Server) -> None:
    hostile = SALE | {"offer_id": "x2", "title": HOSTILE[0], "text": HOSTILE[1]}
    server.post("/offer", hostile)
    billogram = _with_sale(server)
    link = link_of(billogram)
    page = opened(server, link)
    assert [each.fields["offer_id"] for each in page.forms if each.action.endswith("accept-sale")] == [
        "x2",
        "extra1",
    ]
    assert "100,00\N{NO-BREAK SPACE}SEK / månad" in page.text
    assert HOSTILE[0] in page.text
    picture = load(server, f"{link}/offer-banner7")
    assert (picture.status, picture.headers["content-type"]) == (200, "image/png")
    assert picture.body == base64.b64decode(PNG)
    assert load(server, f"{link}/offer-other").status == 404
    act(server, link, "accept-sale", offer_id="extra1")
    page = opened(server, link)
    assert "Köpt." in page.text
    assert "Du köpte Extra service" in page.text
    assert len([each for each in page.forms if each.action.endswith("accept-sale")]) == 1


def test_two_payments_at_once_are_at_most_what_remains(server: Server) -> None:
    import asyncio

    billogram = server.sent()
    kind = {"content-type": "application/x-www-form-urlencoded"}

    async def both() -> list[Answer]:
        path = f"{link_of(billogram)}/pay"
        return await asyncio.gather(*(server.asgi("POST", path, b"means=swish", kind) for _ in range(2)))

    found = sorted(answer.headers["location"].partition("?")[2] for answer in server.run(both()))
    assert found == ["done=pay#outcome", "refused=pay&why=payable#outcome"]
    assert types(server, billogram["id"]).count("Payment") == 1


def test_a_live_clock(server: Server) -> None:
    made = server.mock("POST", "/accounts", {"id": "live", "key": "secret", "clock": {"mode": "live"}})
    assert made.status == 201
    number = server.post("/customer", {"name": "A", "contact": {"email": "a@b.se"}}, account="live").data
    body = {
        "customer": {"customer_no": number["customer_no"]},
        "items": [{"title": "Row", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
    }
    billogram = server.post("/billogram", body, account="live").data
    path = f"/accounts/live/customers/{number['customer_no']}/simulate/enable-recurring"
    server.mock("POST", path, {"type": "autogiro", "unpaid_too": False})
    assert act(server, link_of(billogram), "plan", when="now") == done("plan")
    assert act(server, link_of(billogram), "pay", means="card") == done("pay")
    assert "Betald" in opened(server, link_of(billogram)).text


# what it does not tell


def test_nothing_of_others_is_told(server: Server) -> None:
    secret = {"name": "Secret AB", "contact": {"email": "secret@example.com"}, "notes": "secret note"}
    other = server.post("/customer", secret).data["customer_no"]
    theirs = server.sent(customer={"customer_no": other}, creditor_unique_value="secret value")
    mine = server.customer(notes="secret of mine")
    first = server.sent(
        customer={"customer_no": mine},
        creditor_unique_value="value of mine",
        callbacks={"url": "http://127.0.0.1:9/secret", "sign_key": "secret key", "custom": "secret custom"},
    )
    second = server.sent(customer={"customer_no": mine})
    server.mock(
        "POST", f"{A}/payments", {"billogram": first["id"], "amount": 5, "payer_name": "Secret Payer"}
    )
    page = opened(server, link_of(first))
    answer = load(server, link_of(first)).body.decode()
    assert "ecret" not in answer
    assert "value of mine" not in answer
    for each in (theirs, first, second):
        assert each["id"] not in answer
    assert link_of(theirs).rpartition("/")[2] not in answer
    letters = "/".join(link_of(second).split("/")[-2:])
    assert ("Faktura 3", f"../{letters}") in page.links
    assert urljoin(link_of(first), f"../{letters}") == link_of(second)


def test_a_customer_who_took_over_a_number_is_another_one(server: Server) -> None:
    number = server.customer()
    old = server.sent(customer={"customer_no": number})
    server.call("PUT", f"/customer/{number}", {"customer_no": 77})
    server.post(
        "/customer", {"customer_no": number, "name": "Another AB", "contact": {"email": "x@example.com"}}
    )
    page = opened(server, link_of(old))
    before = server.image()
    assert "x@example.com" not in page.text
    assert not [form for form in page.forms if form.action.endswith(("email", "-on", "-off"))]
    for action, fields in {
        "verify-email": {"email": "a@b.se"},
        "automatic-on": {},
        "automatic-off": {},
        "accept-sale": {"offer_id": "extra1"},
    }.items():
        told = act(server, link_of(old), action, **fields)
        assert (told["refused"], told["why"]) == (action, "customer")
    assert server.image() == before


def test_accounts_with_the_same_link(server: Server) -> None:
    billogram = server.sent()
    fork(server, "fork")
    link = link_of(billogram)
    assert act(server, link, "pay", means="swish", amount="5") == done("pay")
    assert act(server, f"{link}?account={ACCOUNT}", "pay", means="swish", amount="6") == {
        "account": ACCOUNT,
        **done("pay"),
    }
    assert [server.state(name).billograms[billogram["id"]].sums.paid for name in ("fork", ACCOUNT)] == [
        -5,
        -6,
    ]
    page = opened(server, f"{link}?account={ACCOUNT}")
    assert all(form.action.endswith(f"?account={ACCOUNT}") for form in page.forms)
    assert all(target.endswith(f"?account={ACCOUNT}") for _, target in page.links)
    opened(server, f"{link}?account=other", 404)
    assert "fork" not in opened(server, link).text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_are_text(server: Server, hostile: str) -> None:
    server.call("PUT", "/settings", {"name": hostile, "contact": {"name": hostile}})
    customer = {"name": hostile, "contact": {"email": "a@example.com"}, "address": {"city": hostile}}
    number = server.post("/customer", customer).data["customer_no"]
    rows = [{"title": hostile, "description": hostile, "count": 1, "price": 100, "vat": 25}]
    billogram = server.sent(customer={"customer_no": number}, items=rows, info={"message": hostile})
    link = link_of(billogram)
    assert act(server, link, "message", message=hostile) == done("message")
    server.command(billogram["id"], "message", {"message": hostile})
    told = act(server, link, "verify-email", email=hostile)
    assert told["typed"] == hostile
    page = opened(server, f"{link}?{urlencode(told)}")
    assert page.text.count(hostile) >= 6
    raw = load(server, f"{link}?{urlencode(told)}&account=&done={hostile}&why={hostile}").body.decode()
    assert "<script" not in raw
    assert "<img src=x" not in raw
    (form,) = [each for each in page.forms if each.action.endswith("/verify-email")]
    assert form.fields["email"] == hostile


def test_long_values_are_shown(server: Server) -> None:
    billogram = server.sent()
    server.command(billogram["id"], "message", {"message": "x" * 10_000})
    act(server, link_of(billogram), "message", message="y" * 10_000)
    text = opened(server, link_of(billogram)).text
    assert "x" * 10_000 in text
    assert "y" * 10_000 in text


# what is not there, and what is refused


def test_a_wrong_address_is_a_page_in_the_same_form(server: Server) -> None:
    link = link_of(server.sent())
    position = server.position()
    ocr_number, letters = link.split("/")[2:]
    for path in (
        *(f"/r/{ocr_number}/AAAAA", f"/r/1/{letters}", f"{link}/", f"{link}/other", f"{link}/invoice.pdf/x"),
        *(
            "/r/",
            "/r//",
            "/r/x",
            "/r/static/",
            "/r/static/dashboard.js",
            "/r/%00/%00",
        ),
        *(
            f"/r/{ocr_number}/{letters.lower()}",
            f"/r/{'9' * 3000}/{letters}",
            "/r/../r/x",
        ),
        *(f"{link}/accept-offer", f"/r/{ocr_number}//{letters}"),
    ):
        for method in ("GET", "POST", "HEAD", "PUT"):
            answer = server.run(server.asgi(method, path))
            assert answer.status == 404, (method, path)
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            if method != "HEAD":
                page = PageReader(answer.body.decode())
                assert "Test." in page.text
                assert "Sidan finns inte" in page.text
                assert letters not in page.text
    for name in ("attachment.pdf", "logotype", "coverphoto"):
        opened(server, f"{link}/{name}", 404)
    assert server.position() == position


def test_a_draft_has_no_page(server: Server) -> None:
    draft = server.draft()
    assert draft["url"] is None
    assert load(server, "/r/None/None").status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *((method, "", "GET, HEAD") for method in ("POST", "PUT", "DELETE", "OPTIONS", "X")),
        *((method, "/invoice.pdf", "GET, HEAD") for method in ("POST", "PUT")),
        *((method, "/pay", "POST") for method in ("GET", "HEAD", "PUT")),
    ],
)
def test_other_methods(server: Server, method: str, path: str, allowed: str) -> None:
    answer = server.run(server.asgi(method, link_of(server.sent()) + path))
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"means": "swish"}', "application/json", 415),
        (b"means=swish", "multipart/form-data", 415),
        (b"means=%FF", "application/x-www-form-urlencoded", 400),
        (b"\xff=1", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 3000, "application/x-www-form-urlencoded", 400),
        (b"message=" + b"x" * 2_000_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_what_is_no_form(server: Server, body: bytes, kind: str, status: int) -> None:
    link, before = link_of(server.sent()), server.image()
    answer = server.run(server.asgi("POST", f"{link}/pay", body, {"content-type": kind}))
    assert answer.status == status
    assert "Formuläret kunde inte läsas" in answer.body.decode()
    assert server.image() == before


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "http://mock.test", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.test"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_forms_of_other_origins_are_refused(server: Server, headers: dict[str, str], allowed: bool) -> None:
    billogram = server.sent()
    answer = send(server, f"{link_of(billogram)}/pay", {"means": "swish"}, **headers)
    assert answer.status == (303 if allowed else 403)
    assert ("Payment" in types(server, billogram["id"])) is allowed
    read = server.run(server.asgi("GET", link_of(billogram), b"", headers))
    assert read.status == 200


@pytest.fixture
def guarded() -> Iterator[Server]:
    made = Server(control_token="token", ui=False)
    yield made
    made.close()


def test_no_token_is_needed_and_the_page_is_there_without_the_dashboard(guarded: Server) -> None:
    billogram = guarded.sent()
    assert act(guarded, link_of(billogram), "pay", means="swish") == done("pay")
    page = opened(guarded, link_of(billogram))
    assert "Betald" in page.text
    assert load(guarded, f"{link_of(billogram)}/invoice.pdf").body.startswith(b"%PDF-")
    assert guarded.mock("GET", "/accounts").status == 401


def test_any_name_of_the_server_is_known(server: Server) -> None:
    scope = scope_of("GET", link_of(server.sent()), b"", {})
    scope["server"] = ("127.0.0.1", 8080)
    status = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def answered(message: Any) -> None:
        status.append(message.get("status"))

    server.run(server.app(scope, receive, answered))
    assert status[0] == 200


def test_nothing_of_it_is_imported_before_the_first_page() -> None:
    import subprocess
    import sys

    code = "import mockserver.app, sys; mockserver.app.create_app(); print('mockserver.ui' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"

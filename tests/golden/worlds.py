"""What happens in each golden database. All of it comes through HTTP, but the money machine drives itself."""

import base64
from pathlib import Path
from typing import Any

from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.golden.process import Answer, Process
from tests.money.machine import Money
from tests.money.test_machine import BOUNDS
from tests.server import Server

PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
PIXEL = (  # a PNG of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ADDRESS = {"street_address": "Testgatan 1", "zipcode": "123 45", "city": "Teststad", "country": "SE"}
IBAN = "DE89370400440532013000"
ROW = {"title": "Row", "count": 1, "price": 100, "vat": 25}
_EXAMPLES, _STEPS = 16, 80
INBOX = {"url": "mock:inbox", "sign_key": "test-sign-key-1"}


class World:
    """One account of a process. Every request must succeed, except in `refused`."""

    def __init__(self, process: Process, account: str, **made: Any) -> None:
        self.process = process
        self.account = account
        if made:
            self._good(process.call("POST", "/_mock/accounts", {"id": account, "key": "secret"} | made))

    def _good(self, answer: Answer) -> Any:
        assert answer.status in (200, 201, 204), (answer.status, answer.body)
        return answer.json if answer.body else None

    def api(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.process.call(method, f"/api/v2{path}", body, self.account)
        return (self._good(answer) or {}).get("data")

    def refused(self, method: str, path: str, body: Any = None) -> None:
        """A request that is refused and changes nothing."""
        answer = self.process.call(method, f"/api/v2{path}", body, self.account)
        assert answer.status >= 400, answer.body

    def mock(self, method: str, path: str, body: Any = None) -> Any:
        return self._good(self.process.call(method, f"/_mock/accounts/{self.account}{path}", body))

    def to(self, moment: str) -> None:
        """Move to a moment with its zone."""
        self.mock("POST", "/clock/advance", {"to": moment})

    def by(self, span: str) -> None:
        self.mock("POST", "/clock/advance", {"by": span})

    def idle(self) -> None:
        """Until no callback is under way."""
        self.mock("POST", "/deliveries/wait", {"idle": True, "timeout": "60s"})

    def rules(self, **invoices: Any) -> None:
        self.api("PUT", "/settings", {"invoices": invoices})

    def customer(self, **more: Any) -> int:
        contact = {"name": "Contact", "email": "contact@example.com", "phone": "0700000001"}
        body = {"name": "Test Customer AB", "contact": contact, "address": ADDRESS} | more
        number: int = self.api("POST", "/customer", body)["customer_no"]
        return number

    def draft(self, customer: int = 1, **more: Any) -> str:
        body = {"customer": {"customer_no": customer}, "items": [ROW]} | more
        key: str = self.api("POST", "/billogram", body)["id"]
        return key

    def sent(self, customer: int = 1, method: str = "Email", **more: Any) -> str:
        return self.draft(customer, on_success={"command": "send", "method": method}, **more)

    def put(self, key: str, **body: Any) -> None:
        self.api("PUT", f"/billogram/{key}", body)

    def does(self, key: str, command: str, **body: Any) -> None:
        self.api("POST", f"/billogram/{key}/command/{command}", body)

    def deed(self, key: str, what: str, **body: Any) -> None:
        """Simulate what somebody else does to a billogram."""
        self.mock("POST", f"/billograms/{key}/simulate/{what}", body)

    def recipient(self, customer: int, what: str, **body: Any) -> None:
        self.mock("POST", f"/customers/{customer}/simulate/{what}", body)

    def pays(self, amount: Any, **more: Any) -> str:
        key: str = self.mock("POST", "/payments", {"amount": amount} | more)["id"]
        return key

    def recall(self, payment: str, **body: Any) -> None:
        self.mock("POST", f"/payments/{payment}/recall", body)

    def payment_for(self, key: str) -> str:
        """The newest one for a billogram."""
        found: str = self.mock("GET", f"/payments?billogram={key}")[-1]["id"]
        return found

    def mandate(self, customer: int, iban: str = IBAN, signed: str = "2026-02-01") -> str:
        body = {"customer_no": customer, "iban": iban, "signed_at": f"{signed} 00:00:00"}
        self.api("POST", "/sepa_dd_mandate", body)
        found: str = self.mock("GET", "/payment-sources")[-1]["id"]
        return found

    def snapshot(self, name: str) -> None:
        self.mock("POST", "/snapshots", {"name": name})

    def restore(self, name: str) -> None:
        self.mock("POST", f"/snapshots/{name}/restore")

    def fork(self, name: str, at: int | str | None = None) -> "World":
        """Another account; it adopts the usual key."""
        self.mock("POST", "/fork", {"id": name} | ({} if at is None else {"at": at}))
        made = World(self.process, name)
        made.api("GET", "/settings")
        return made

    def acts(self) -> list[Any]:
        found: list[Any] = self.mock("GET", "/timeline?kind=act&limit=10000")
        return found


class _Kept(Money):
    """The money machine, but its accounts stay in the file."""

    def teardown(self) -> None:
        """Remove nothing."""


def money(path: Path) -> None:
    """A long run of the money machine from a fixed seed. Each example is an account."""
    bounds = settings(
        BOUNDS, max_examples=_EXAMPLES, stateful_step_count=_STEPS, phases=(Phase.generate,), database=None
    )
    _Kept.server = Server(database=str(path))
    try:
        run_state_machine_as_test(seed(24)(_Kept), settings=bounds)
    finally:
        _Kept.server.close()


def demo(path: Path) -> None:
    """The fixture `demo`, then requests, forks, snapshots and restores."""
    with Process(path, fixture="demo") as process:
        world = World(process, "demo")
        world.api("GET", "/billogram?page=1&page_size=100")
        world.snapshot("as loaded")
        early = world.fork("demo-early", 40)
        acts = world.acts()
        uuid = next(each["event_uuid"] for act in acts[60:] for each in act["events"])
        event = world.fork("demo-event", uuid)
        world.mock("PUT", "/callbacks", INBOX)
        for number in range(6):
            key = world.sent(101 + number, items=[{"item_no": "TIMME", "count": number + 1}])
            if number % 2:
                world.pays(300 * (number + 1), billogram=key, payer_name="Somebody")
        world.refused("POST", f"/billogram/{key}/command/remind", {})
        world.refused("GET", "/billogram/nothing")
        world.by("40d")
        world.snapshot("forty days later")
        later = world.fork("demo-later")
        world.api("DELETE", "/item/SNO")
        world.api("PUT", "/item/JORD", {"item_no": "MULL", "price": 700})
        world.api("PUT", "/customer/101", {"customer_no": 901, "name": "Brf Lärkan"})
        world.by("3d")
        world.restore("as loaded")
        world.sent(102)
        world.by("10d")
        world.restore("forty days later")
        world.by("1d")
        for other in (early, event, later):
            other.sent(101)
            other.by("20d")
            other.snapshot("twenty days on")
        later.fork("demo-of-fork", 30)
        for other in (world, early, event, later):
            other.idle()


def sepa(path: Path) -> None:
    """The fixture `sepa`; mandates, failed and returned debits, recalls, autogiro."""
    with Process(path, fixture="sepa") as process:
        world = World(process, "sepa")
        world.snapshot("as loaded")
        world.by("100d")
        early = world.fork("sepa-early", 30)
        early.by("45d")
        start = {"clock": {"now": "2026-03-02T10:00:00+01:00"}, "timezone": "Europe/Berlin", "seed": 5}
        bank = World(process, "bank", callbacks=INBOX, **start)
        for number in range(6):
            bank.customer(name=f"Kunde {number + 1}")
        sources = [bank.mandate(1), bank.mandate(2, "DE50370400440532010404"), bank.mandate(3)]
        euro: dict[str, Any] = {"currency": "EUR", "items": [ROW | {"price": 80}]}
        first = [bank.sent(number, due_days=10, **euro) for number in (1, 2, 3, 1)]
        # planned debits that are changed and cancelled
        bank.put(first[0], items=[ROW | {"price": 60}])
        bank.does(first[0], "respite", date="2026-03-20")
        bank.deed(first[3], "cancel-scheduled-payment")
        bank.deed(first[3], "schedule-payment", date="2026-03-24")
        bank.does(first[2], "credit", mode="amount", amount=20)
        plans: list[tuple[Any, list[Any]]] = [
            ({"billogram": first[2]}, [{"then": "refund.MD06", "after": "20d"}]),
            ({"customer_no": 1}, [{"then": "return.AM04", "after": "2b"}, "reject.AC04", "ok"]),
            (None, ["ok", "reject.MD01", {"then": "refund_unauthorised.MD01", "after": "60d"}, "ok", "ok"]),
        ]
        for match, plan in plans:
            bank.mock("PUT", "/outcomes", {"match": match, "plan": plan})
        bank.by("30d")
        bank.mock("DELETE", "/outcomes")
        bank.mock("PUT", "/outcomes", {"match": {"payment_source": sources[2]}, "plan": ["ok", "ok"]})
        # the bank will recall money that is gone by then: the recall is dropped
        dropped = bank.sent(3, due_days=1, **euro)
        bank.mock(
            "PUT",
            "/outcomes",
            {"match": {"billogram": dropped}, "plan": [{"then": "refund.MD06", "after": "20d"}]},
        )
        bank.by("5d")
        bank.recall(bank.payment_for(dropped), type="return", code="AM04")
        bank.by("25d")
        # the bank will recall it too late: the recall is dropped as well
        late = bank.sent(3, due_days=1, **euro)
        bank.mock(
            "PUT",
            "/outcomes",
            {"match": {"billogram": late}, "plan": [{"then": "return.MS03", "after": "9b"}]},
        )
        bank.by("20d")
        # planned debits are stopped, a settled one is refunded
        bank.mandate(4)
        bank.mandate(5)
        planned = bank.sent(4, due_days=20, **euro)
        bank.recall(bank.payment_for(planned), type="revocation")
        planned = bank.sent(4, due_days=20, **euro)
        bank.recall(bank.payment_for(planned), type="refusal")
        other = bank.sent(5, due_days=1, **euro)
        bank.by("6d")
        bank.recall(bank.payment_for(other), type="refund", code="MD06", fee=3, message="Back, please")
        # transfers: one for two billograms, recalled in part; an unmatched one, allocated by hand; excess
        pair = [bank.sent(6, **euro), bank.sent(6, **euro)]
        shares = [{"billogram": each, "amount": 100} for each in pair]
        money = bank.pays(220, scheme="SEPA_CREDIT_TRANSFER", allocations=shares, payer_name="Kunde 6")
        bank.by("2d")
        bank.recall(money, type="cancellation_request", code="DUPL", amount=150)
        loose = bank.pays(75, ocr_number="123456789")
        bank.mock("POST", f"/payments/{loose}/allocate", {"billogram": pair[1], "amount": 50})
        bank.pays(300, billogram=bank.sent(6, **euro), scheme="SWISH")
        bank.pays(100.5, billogram=bank.sent(6, **euro), scheme="CARD")
        # mandates that change
        moved = {
            "customer_no": 2,
            "iban": IBAN,
            "signed_date": "2024-02-01",
            "amendment": {
                "sepa_creditor_identifier": "DE00ZZZ000000001",
                "unique_mandate_reference": "OLDREFERENCE00000000000001",
            },
        }
        bank.api("POST", "/sepa_dd_mandate/migrate", moved)
        business = bank.mandate(1)
        bank.mock("PATCH", f"/payment-sources/{business}", {"b2b": True})
        bank.sent(1, due_days=1, **euro)
        bank.by("5d")
        bank.sent(1, due_days=30, **euro)
        bank.api("POST", f"/payment_source/{business}/cancel", {})
        bank.mock("PATCH", f"/payment-sources/{sources[2]}", {"status": "FAILED"})
        bank.snapshot("after recalls")
        # autogiro
        bank.sent(6, items=[ROW], due_days=10)
        bank.recipient(6, "enable-recurring", type="autogiro")
        giro = [bank.sent(6, due_days=each) for each in (10, 12, 15)]
        bank.mock("PUT", "/outcomes", {"match": {"billogram": giro[1]}, "plan": ["reject.AM04"]})
        bank.by("12d")
        bank.put(giro[2], items=[ROW, ROW])
        bank.by("4d")
        bank.sent(6, due_days=40)
        bank.sent(6, due_days=2)
        bank.by("1d")
        what_if = bank.fork("bank-fork")
        bank.recipient(6, "disable-recurring")
        bank.recipient(6, "verify-email", email="verified@example.com")
        bank.recipient(5, "enable-recurring", type="autogiro")
        bank.sent(5, due_days=20)
        # pending when the file is closed: debits, a recall, outcomes, a mandate that lapses
        bank.mandate(2, signed="2023-10-20")
        bank.mandate(3)
        waits = bank.sent(3, due_days=1, **euro)
        bank.mock(
            "PUT",
            "/outcomes",
            {"match": {"billogram": waits}, "plan": [{"then": "refund.MD06", "after": "20d"}]},
        )
        bank.by("5d")
        bank.sent(3, due_days=15, **euro)
        bank.mock("PUT", "/outcomes", {"match": None, "plan": ["reject.AM04", "ok"]})
        for each in (world, early, bank, what_if):
            each.idle()


def dunning(path: Path) -> None:
    """Claims, letters, losses, credits; and the scenarios of the library, each in its account."""
    with Process(path) as process:
        worlds = [
            *_by_hand(process),
            _automatic(process),
            _letters(process),
            _credits(process),
            _sold(process),
            _full(process),
            *_elsewhere(process),
            *_scenarios(process),
        ]
        for world in worlds:
            world.idle()


def _by_hand(process: Process) -> list[World]:
    start = {"clock": {"now": "2026-01-12T10:00:00+01:00"}, "seed": 11}
    world = World(process, "by-hand", callbacks=INBOX, **start)
    world.rules(default_interest_rate=8.5, default_reminder_fee=60, default_invoice_fee=29)
    world.customer()
    world.customer(name="Nobody", contact={}, address=ADDRESS)
    a, b, c, d, e, f, g, h = [
        world.sent(items=[ROW | {"price": 1000 + 7 * n}], due_days=10) for n in range(8)
    ]
    world.does(a, "message", message="Dear customer")
    world.deed(a, "message", message="When will it come?")
    world.deed(a, "view")
    world.does(b, "attach", filename="terms.pdf", content=PDF)
    world.does(c, "respite", date="2026-02-10")
    world.does(d, "respite", date="2026-02-20")
    world.does(d, "remove-respite")
    world.by("15d")
    for key in (a, b, d, e):
        world.does(key, "remind", message="Please pay")
    world.refused("POST", f"/billogram/{a}/command/remind", {})
    world.by("1d")
    world.does(a, "remind", method="Letter")
    world.does(b, "payment", amount=500)
    world.put(b, items=[ROW | {"price": 1100}])
    world.put(b, items=[ROW | {"price": 900}], due_days=20)
    world.does(b, "resend", method="SMS")
    world.does(a, "writedown")
    world.does(e, "writedown")
    world.does(e, "revert-writedown")
    world.by("3d")
    world.does(a, "collect")
    world.by("4d")
    world.deed(a, "collector-payment", amount=300)
    world.does(d, "collect")
    world.by("2d")
    world.deed(d, "collection-cancel")
    world.does(e, "collect")
    world.deed(e, "collector-payment", amount=100)
    world.deed(e, "collection-end")
    amount = world.api("GET", f"/billogram/{f}")["total_sum"]
    world.does(f, "remind")
    world.does(f, "payment", amount=float(amount))
    world.does(f, "writeoff")
    world.does(g, "payment", amount=100)
    world.does(g, "settle-underpayment")
    world.does(h, "confirmed-loss")
    # small and large excess
    small, large = world.sent(), world.sent()
    world.pays(165, billogram=small)
    world.pays(1000, billogram=large)
    # written off by the account's own rule
    world.rules(automatic_writeoff={"settings": "all_fees", "amount": 100})
    own = world.sent(due_days=5)
    world.by("8d")
    world.does(own, "remind")
    world.by("1d")
    world.pays(154, billogram=own)
    world.api("DELETE", f"/billogram/{world.draft()}")
    draft = world.draft(items=[ROW, ROW])
    world.put(draft, items=[ROW], info={"message": "Another text"})
    waits = [world.sent(items=[ROW | {"price": 5000 + n}], due_days=5 * n) for n in range(1, 6)]
    world.does(waits[0], "respite", date="2026-06-01")
    world.does(waits[1], "writedown")
    other = world.fork("by-hand-fork")
    other.by("200d")
    return [world, other]


def _automatic(process: Process) -> World:
    start = {"clock": {"now": "2026-01-12T10:00:00+01:00"}, "seed": 12}
    world = World(process, "automatic", callbacks=INBOX, **start)
    world.rules(
        default_interest_rate=12,
        default_reminder_fee=60,
        automatic_reminders=[{"delay_days": n * 5, "message": f"Step {n}"} for n in (1, 2, 3)],
        automatic_collection={"delay_days": 10, "amount": 100},
    )
    world.customer()
    world.customer(contact={"email": "contact+bounce@example.com", "phone": "0700000000"})
    keys = [world.sent(1 + n % 2, due_days=5 + n, items=[ROW | {"price": 300 * n + 9}]) for n in range(8)]
    world.does(keys[2], "respite", date="2026-02-15")
    world.by("25d")
    world.does(keys[3], "payment", amount=100)
    world.by("60d")
    world.put(world.sent(), automatic_reminders=False)
    own = [{"delay_days": 3, "message": "Own"}]
    world.sent(automatic_reminders=True, automatic_reminders_settings=own)
    world.sent(automatic_collection={"delay_days": 3, "amount": 0})
    world.sent(due_days=3)
    world.by("7d")
    world.sent(due_days=12)
    return world


def _letters(process: Process) -> World:
    start = {"clock": {"now": "2026-03-02T10:00:00+01:00"}, "seed": 13, "pdf_delay": "1h"}
    world = World(process, "letters", callbacks=INBOX, **start)
    world.rules(automatic_reminders=[{"delay_days": 4, "message": "Step"}], default_reminder_fee=60)
    contact = {"email": "contact@example.com", "phone": "0700000001"}
    bounce = {"email": "contact+bounce@example.com", "phone": "0700000000"}
    both, bad, nowhere = (
        world.customer(),
        world.customer(contact=bounce),
        world.customer(contact=contact, address={}),
    )
    einvoice, edi = world.customer(), world.customer()
    world.api("POST", f"/customer/{einvoice}/einvoice", {"identifier": "190000000000.SBF.SE"})
    world.api("POST", f"/customer/{einvoice}/einvoice", {"identifier": "190000000001.SBF.SE"})
    for number in (both, bad, nowhere):
        for method in ("Email+Letter", "SMS+Letter", "Email", "SMS"):
            world.sent(number, method)
        viewed = world.sent(number, "Email+Letter")
        world.deed(viewed, "view")
    failed = world.sent(both, "Email+Letter")
    world.deed(failed, "delivery-failure")
    failed = world.sent(both, "SMS")
    for deed in ("view", "delivery-failure", "view"):
        world.deed(failed, deed)
    for _ in range(2):
        key = world.sent(einvoice, "Einvoice")
    world.deed(key, "delivery-failure")
    world.sent(edi, "EDI", regional_sweden={"edi": {"electronic_id": "7300009000000"}})
    world.sent(both, "Letter")
    world.sent(both, "DoNotNotify")
    world.sent(both, "Email+Letter", attachment="terms.pdf", attachment_content=PDF)
    world.by("50h")
    again = world.sent(both, "Email+Letter")
    world.does(again, "resend", method="SMS+Letter")
    world.does(again, "attach", filename="other.pdf", content=PDF)
    for name in ("logotype", "coverphoto"):
        world.api("POST", f"/{name}", {"content": PIXEL, "file_type": "image/png"})
    world.api("DELETE", "/coverphoto")
    world.by("30d")
    for method in ("Email+Letter", "SMS+Letter"):  # these letters are due after the file is closed
        for number in (both, nowhere):
            world.sent(number, method)
        world.does(world.sent(both, "Email"), "resend", method=method)
    world.by("47h")
    world.sent(both, "Email+Letter")
    return world


def _credits(process: Process) -> World:
    start = {"clock": {"now": "2026-03-02T10:00:00+01:00"}, "seed": 14}
    world = World(process, "credits", callbacks=INBOX, **start)
    world.api("POST", "/item", {"item_no": "A", "title": "Item A", "price": 33.33, "vat": 12, "unit": "unit"})
    world.customer()
    many = [
        {"item_no": "A", "count": 3},
        ROW | {"price": 19.99, "discount": 1},
        {"title": "Only a text", "count": 0, "price": 0, "vat": 0},
    ]
    one, two, three, four = [world.sent(items=many, invoice_fee=15) for _ in range(4)]
    world.does(one, "credit", mode="full")
    world.does(two, "credit", mode="items", items=[{"item_no": "A", "count": -1}])
    world.does(two, "credit", mode="amount", amount=10)
    world.does(two, "credit", mode="remaining")
    world.does(three, "payment", amount=50)
    world.does(three, "credit", mode="amount", amount=60)
    world.put(four, items=[{"item_no": "A", "count": 1}])
    world.put(four, items=[{"item_no": "A", "count": 5}, ROW])
    back = [{"title": "Back", "count": -1, "price": 100, "vat": 25}]
    paid, used, part = [world.sent(items=back) for _ in range(3)]
    world.does(paid, "credit-payment", mode="amount", amount=25)
    world.does(paid, "credit-payment", mode="remaining")
    debt = world.sent()
    world.does(debt, "credit-allocate", amount=50, source_id=part)
    world.does(debt, "credit-allocate", amount=75, source_id=used)
    world.by("7d")
    world.api("POST", "/item", {"item_no": "B", "title": "Item B", "price": 1, "vat": 25, "unit": "hour"})
    world.api("PUT", "/item/B", {"item_no": "C", "title": "Item C"})
    world.api("DELETE", "/item/A")
    return world


def _sold(process: Process) -> World:
    start = {"clock": {"now": "2026-03-02T10:00:00+01:00"}, "seed": 15}
    world = World(process, "sold", callbacks=INBOX, **start)
    world.customer()
    keys = [world.draft(items=[ROW | {"price": 200 + n}]) for n in range(3)]
    for key in keys:
        world.does(key, "sell")
    world.deed(keys[0], "factoring-accept")
    world.deed(keys[1], "factoring-deny")
    world.by("3d")
    return world


def _full(process: Process) -> World:
    """Every member that settings, customers, items and billograms can have."""
    start = {"clock": {"now": "2026-03-02T10:00:00+01:00"}, "seed": 16}
    world = World(process, "full", callbacks=INBOX, **start)
    place = ADDRESS | {"careof": "c/o Somebody", "province": "Province"}
    named = place | {"name": "Another Name"}
    world.api(
        "PUT",
        "/settings",
        {
            "name": "Creditor AB",
            "org_no": "556677-8899",
            "contact": {"name": "Office", "email": "office@example.com", "phone": "08", "www": "example.com"},
            "address": place,
            "invoice_address": place | {"email": "invoice@example.com"},
            "registered_office_address": named,
            "return_address": named,
            "visiting_address": place,
            "payment": {
                "bankgiro": "555-5555",
                "plusgiro": "5555-5",
                "domestic_bank_account": {"account_no": "1234567", "clearing_no": "8000"},
                "international_bank_account": {"bank": "Bank", "iban": IBAN, "bic": "EXAMSESS"},
            },
            "tax": {"is_vat_registered": True, "has_fskatt": True, "vat_no": "SE556677889901"},
            "bookkeeping": {
                "income_account_for_vat_25": "3001",
                "regional_sweden": {"rotavdrag_account": "1513"},
                "financial_year_start": "2026-01",
                "objects": [{"dimension_id": "6", "object_id": "P1", "object_name": "Project"}],
            },
            "invoices": {
                "default_message": "Thank you",
                "default_interest_rate": 11.5,
                "default_reminder_fee": 60,
                "default_invoice_fee": 19.5,
                "automatic_reminders_minimum_principal_sum": 50,
                "use_automatic_reminders_partly_paid": True,
                "show_item_gross_prices": True,
                "pdf": {"template": "standard"},
            },
        },
    )
    world.api("POST", "/logotype", {"content": PIXEL, "file_type": "image/png"})
    for kind in ("business", "individual"):
        world.customer(
            notes="A note",
            company_type=kind,
            org_no="556000-0000" if kind == "business" else "19121212-1212",
            vat_no="SE556000000001",
            delivery_address=ADDRESS | {"name": "Another Name", "careof": "c/o Somebody"},
        )
    account = {"income_account": "3001", "vat_account": "2610"}
    item = {"title": "Work", "description": "By the hour", "price": 333.333, "vat": 25, "unit": "hour"}
    world.api("POST", "/item", item | {"item_no": "W", "bookkeeping": account})
    rows = [
        {"item_no": "W", "count": 2.5, "discount": 10.01, "bookkeeping": account},
        {"title": "Book", "description": "Bound", "count": 3, "price": 87.654321, "vat": 6, "unit": "unit"},
        {"title": "Meal", "count": 1, "price": 99.99, "vat": 12, "external_id": "x-1"},
        {"title": "Only a text", "count": 0, "price": 0, "vat": 0},
    ]
    for number in (1, 2):
        body: dict[str, Any] = {
            "items": rows,
            "invoice_date": "2026-03-01",
            "due_date": "2026-03-09",
            "currency": "SEK",
            "invoice_fee": 25,
            "reminder_fee": 45,
            "interest_rate": 9.75,
            "invoice_no": 4000 * number,
            "creditor_unique_value": f"value-{number}",
            "info": {
                "order_no": "T-1001",
                "order_date": "2026-02-20",
                "our_reference": "Office",
                "your_reference": "Contact",
                "shipping_date": "2026-02-25",
                "delivery_date": "2026-02-26",
                "reference_number": "R-1",
                "message": "As agreed",
            },
            "callbacks": {"url": "mock:inbox", "custom": "custom value", "sign_key": "own-key"},
            "attachment": "terms.pdf",
            "attachment_content": PDF,
            "show_item_gross_prices": number == 1,
        }
        if number == 1:
            body["regional_sweden"] = {"reversed_vat": False, "autogiro_betalarnummer": "123456"}
        else:
            body["regional_sweden"] = {
                "rotavdrag": 300,
                "rotavdrag_personal_number": "19121212-1212",
                "rotavdrag_description": "Work",
            }
        key = world.sent(number, "Email+Letter", **body)
        world.put(
            key,
            customer={"name": "Renamed", "address": ADDRESS | {"zipcode": "543 21"}},
            info={"message": "Changed"},
        )
        world.by("3d")
        world.does(key, "credit", mode="items", items=[rows[1] | {"count": -1}])
        world.by("9d")
        world.does(key, "remind", method="Letter", message="Please pay")
    world.sent(1, regional_sweden={"reversed_vat": True}, items=[ROW | {"vat": 0, "price": 1234.56}])
    world.draft(2, items=rows, due_days=7)
    many = [ROW | {"title": f"Row {number}", "price": number + 0.37} for number in range(60)]
    world.sent(1, items=many)
    world.by("5d")
    return world


def _elsewhere(process: Process) -> list[World]:
    """Other zones, currencies and markets."""
    found = []
    rules = {"default_interest_rate": 7.5, "default_reminder_fee": 9.5}
    places = (
        ("oslo", "Europe/Oslo", "Norway", "NOK", "2026-03-28T10:00:00+01:00"),
        ("helsinki", "Europe/Helsinki", "Finland", "EUR", "2026-03-28T23:30:00+02:00"),
        ("roma", "Europe/Rome", "Italy", "EUR", "2026-10-24T10:00:00+02:00"),
        ("los-angeles", "America/Los_Angeles", "Sweden", "USD", "2026-10-30T23:30:00-07:00"),
        ("auckland", "Pacific/Auckland", "Sweden", "DKK", "2026-04-03T00:30:00+13:00"),
    )
    for number, (name, zone, market, currency, now) in enumerate(places):
        born = {"clock": {"now": now}, "timezone": zone, "market": market, "seed": 20 + number}
        world = World(process, name, callbacks=INBOX, **born)
        world.rules(automatic_reminders=[{"delay_days": 2, "message": "Step"}], **rules)
        world.customer()
        if market == "Italy":
            world.api("POST", "/customer/1/einvoice", {"codice_destinatario": "ABC1234"})
            world.sent(1, "Einvoice", currency=currency)
            world.mock("POST", "/customers/1/simulate/einvoice-deregister", {})
        keys = [world.sent(1, "Email+Letter", currency=currency, due_days=n) for n in (0, 1, 2, 40)]
        world.by("3d")
        world.does(keys[0], "respite", date=_next_month(now))
        world.by("4d")
        world.does(keys[1], "payment", amount=100)
        world.pays(1000, billogram=keys[2])
        found.append(world)
    return found


def _next_month(moment: str) -> str:
    """The 20th of the month after that of a moment."""
    return f"{moment[:5]}{int(moment[5:7]) + 1:02}-20"


def _scenarios(process: Process) -> list[World]:
    listed = process.call("GET", "/_mock/scenarios").json
    found = []
    for number, each in enumerate(listed):
        start = {"clock": {"now": "2026-03-02T10:00:00+01:00"}, "seed": 40 + number}
        world = World(process, f"scenario-{each['name']}", **start)
        run = world.mock("POST", f"/scenarios/{each['name']}/run", {})
        assert run["status"] == "passed", run
        found.append(world)
    return found


def branches(path: Path) -> None:
    """Forks, snapshots, restores and resets; settings that change; receivers that fail."""
    with Process(path) as process:
        start = {"clock": {"now": "2026-03-02T10:00:00+01:00"}, "seed": 31}
        world = World(process, "root", callbacks=INBOX, **start)
        world.rules(default_interest_rate=10, default_reminder_fee=45)
        world.api("POST", "/logotype", {"content": PIXEL, "file_type": "image/png"})
        world.customer()
        world.api(
            "POST", "/item", {"item_no": "A", "title": "Item A", "price": 50, "vat": 25, "unit": "unit"}
        )
        keys = [world.sent(1, "Email+Letter", due_days=5 + n) for n in range(4)]
        world.does(keys[0], "payment", amount=25)
        world.snapshot("early")
        # another time zone, other features, other rules
        world.mock(
            "PATCH",
            "",
            {"timezone": "Europe/Helsinki", "default_due_days": 14, "features": {"factoring": False}},
        )
        world.rules(default_reminder_fee=75, automatic_reminders=[{"delay_days": 3, "message": "Now"}])
        world.by("3d")
        # the receiver is down, then up again; some give up
        failing = INBOX | {"respond": 503, "retry_schedule": ["10m", "2h", "1d"]}
        world.mock("PUT", "/callbacks", failing)
        keys += [world.sent(1, due_days=3) for _ in range(3)]
        world.by("1h")
        world.idle()
        middle = world.acts()
        world.by("10d")
        world.idle()
        world.mock("PUT", "/callbacks", INBOX | {"types": ["BillogramEvent"]})
        world.does(keys[4], "remind")
        world.idle()
        delivery = world.mock("GET", "/deliveries?status=failed")[0]["id"]
        world.mock("POST", f"/deliveries/{delivery}/replay")
        world.mock("PUT", "/delivery-policy", {"duplicate": 1, "signature": "bad", "order": "reverse"})
        world.does(keys[5], "payment", amount=10)
        world.idle()
        world.mock("PUT", "/delivery-policy", {"drop": 1.0})
        world.does(keys[5], "payment", amount=11)
        world.idle()
        world.mock("DELETE", "/delivery-policy")
        # branches at positions and events, of branches too
        at = world.fork("at-position", middle[len(middle) // 2]["position"])
        uuid = [each["event_uuid"] for act in middle for each in act["events"]][-2]
        by_uuid = world.fork("at-event", uuid)
        at_first = world.fork("at-first", 1)
        for number, each in enumerate((at, by_uuid, at_first)):
            if each is at_first:
                each.customer()
            each.sent(1, "Email+Letter", due_days=number)
            each.by("2d")
            each.snapshot("own")
        deep = at.fork("fork-of-fork", 12)
        deep.sent()
        deep.by("30d")
        deepest = deep.fork("fork-of-fork-of-fork")
        deepest.sent(due_days=1)
        deepest.by("5d")
        deepest.snapshot("deep")
        deepest.sent()
        deepest.restore("deep")
        deepest.by("1d")
        at.by("9d")
        at.restore("own")
        by_uuid.mock("PUT", "/callbacks", INBOX | {"respond": 500})
        by_uuid.sent()
        by_uuid.idle()
        # restore the state before the settings changed, and go on from there
        world.snapshot("late")
        world.restore("early")
        world.sent(1, "SMS+Letter")
        world.by("4d")
        world.snapshot("beside")
        world.restore("late")
        world.mock("DELETE", "/snapshots/beside")
        world.by("2d")
        # billograms, a reset, and billograms again
        again = World(process, "again", callbacks=INBOX, **start)
        again.customer()
        again.sent(1, "Email+Letter")
        again.by("20d")
        again.snapshot("first life")
        again.mock("POST", "/reset", {})
        again.api("GET", "/settings")
        again.customer(name="Second Life AB")
        again.sent(1, "Email+Letter", due_days=2)
        again.by("6d")
        other = again.fork("again-fork")
        other.sent()
        fixture = World(process, "from-fixture", fixture="demo")
        fixture.mock("POST", "/reset", {"fixture": "sepa", "seed": 3})
        fixture.by("10d")
        # removed accounts, and a new one of the same name
        gone = World(process, "gone", **start)
        gone.customer()
        gone.sent()
        gone.mock("DELETE", "")
        parent = World(process, "parent", callbacks=INBOX, **start)
        parent.customer()
        parent.sent()
        orphan = parent.fork("orphan")
        parent.mock("DELETE", "")
        orphan.sent()
        parent = World(process, "parent", callbacks=INBOX | {"sign_key": None}, **start)
        parent.customer(name="Another parent")
        # a clock that ran by itself for a while, eleven days a second
        lively = World(process, "was-live", callbacks=INBOX, **start)
        lively.rules(default_interest_rate=10, automatic_reminders=[{"delay_days": 3, "message": "Now"}])
        lively.customer()
        lively.mock("PUT", "/clock", {"mode": "live", "speed": 1_000_000})
        for days in range(12):
            lively.sent(1, "Email+Letter", due_days=days)
        lively.mock("PUT", "/clock", {"mode": "frozen", "speed": 1})
        # adopted keys, and a new one
        process.call("POST", "/_mock/accounts", {"id": "adopted", **start})
        adopted = World(process, "adopted")
        adopted.customer()
        adopted.mock("PATCH", "", {"key": "other"})
        adopted.mock("PATCH", "", {"key": "secret"})
        adopted.sent()
        settled = [world, at, by_uuid, at_first, deep, deepest, again, other, fixture, orphan, parent]
        for each in (*settled, lively, adopted):
            each.idle()


WORLDS = {"demo": demo, "sepa": sepa, "money": money, "dunning": dunning, "branches": branches}

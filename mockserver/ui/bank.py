"""The bank: payments, recalls, unmatched money, mandates, and what the bank will answer to direct debits."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import structs

from mockserver.ui.forms import Field
from mockserver.ui.page import Form, Page, PageCall
from mockserver.ui.render import money

PAGE = 50
STATUSES = ("settled", "scheduled", "failed", "cancelled")
KINDS = (
    ("", "What remains"),
    ("less", "Less"),
    ("more", "More"),
    ("several", "Several billograms"),
    ("unmatched", "For nobody"),
)
_NEWEST = 50  # billograms among which those that are not paid are offered
_CUSTOMERS = 200  # that are offered for a mandate
_SHARES = 3  # of a payment for several billograms
_SPARE = 2  # empty rows of a plan
_CENT = Decimal("0.01")
_MORE = ("scheme", "payer_name", "date", "b2b")
_BOUNCE = "reject.AM04"


async def listing(call: PageCall) -> Page:
    """Show the payments, newest first, by status, and those of which money is unmatched."""
    asked = {name: call.query.get(name) for name in ("status", "unmatched", "billogram", "before", "after")}
    found = await call.get("payments", limit=PAGE, **asked)
    report = call.form("createPayment", body={"amount": 125, "payer_name": "Maja"})
    return Page(
        "bank.html",
        {
            "tab": "",
            "asked": asked,
            "statuses": STATUSES,
            "found": found[::-1],
            "limit": PAGE,
            "report": report,
        },
    )


# reporting a payment


async def pay(call: PageCall) -> Page:
    """Show the form of a payment: what remains of a billogram, less, more, for several, or for nobody."""
    unpaid = await _unpaid(call)
    named = call.query.get("billogram") or (unpaid[0]["id"] if unpaid else "")
    kind = call.query.get("kind", "") if named else "unmatched"
    billogram = await call.get("billograms", named) if named else None
    body, only = _reported(kind, billogram, unpaid)
    choices = {} if billogram is None else _choices([billogram, *unpaid])
    members = [name for name in only if name.endswith("billogram")]
    made = call.form(
        "createPayment",
        body=body,
        only=[*only, *_MORE],
        title="Report the payment",
        then=call.url("bank", "-").removesuffix("-") + "{id}",
        effect=await _effect(call, named) if billogram and not kind else None,
        choices=dict.fromkeys(members, choices),
    )
    form = _hide(made, "body.billogram")  # it is chosen above the form, so that the amount follows
    return Page(
        "bank_pay.html",
        {"tab": "pay", "b": billogram, "kind": kind, "kinds": KINDS, "unpaid": choices, "report": form},
    )


async def _unpaid(call: PageCall) -> list[Any]:
    """Return the newest billograms of which something remains to be paid, newest first."""
    found = await call.get("billograms", limit=_NEWEST)
    return [each for each in reversed(found) if each["remaining_sum"] > 0 and each["invoice_no"]]


def _choices(billograms: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return billograms by id, each with its number, customer and remaining sum."""
    return {
        each["id"]: f"{each['invoice_no'] or 'Draft'}, {each['customer']['name']}: "
        f"{money(each['remaining_sum'], each['currency'])}"
        for each in billograms
    }


def _reported(
    kind: str, billogram: Mapping[str, Any] | None, unpaid: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Return the body of a payment of this kind, and the members that are shown first."""
    if billogram is None or kind == "unmatched":
        return {"amount": 100, "payer_name": "Somebody"}, ["amount", "ocr_number"]
    remaining = _amount(billogram)
    body: dict[str, Any] = {"payer_name": billogram["customer"]["name"]}
    if kind == "several":
        others = [each for each in unpaid if each["id"] != billogram["id"]][: _SHARES - 1]
        body["allocations"] = [
            {"billogram": each["id"], "amount": _amount(each)} for each in (billogram, *others)
        ]
        rows = range(_SHARES)
        return body, [f"allocations.{row}.{name}" for row in rows for name in ("billogram", "amount")] + [
            "amount"
        ]
    amounts = {"less": (remaining / 2).quantize(_CENT), "more": remaining + 100}
    return {"amount": amounts.get(kind, remaining), "billogram": billogram["id"], **body}, [
        "amount",
        "billogram",
    ]


def _amount(billogram: Mapping[str, Any]) -> Decimal:
    return Decimal(str(billogram["remaining_sum"])).quantize(_CENT)


def _hide(form: Form, *names: str) -> Form:
    """Return a form of which these fields are sent and not shown."""
    fields = [structs.replace(each, kind="hidden") if each.name in names else each for each in form.fields]
    return structs.replace(form, fields=fields)


async def _effect(call: PageCall, billogram: str) -> Any:
    """Return what a payment of what remains would do."""
    actions = await call.get("billograms", billogram, "actions")
    return next((each["effect"] for each in actions["allowed"] if each["operation"] == "createPayment"), None)


# one payment


async def one(call: PageCall) -> Page:
    """Show a payment: its parts, the recalls that are possible today, and a form for unmatched money."""
    payment = await call.get("payments", call.params["id"])
    options = await call.get("payments", payment["id"], "recall-options")
    billograms = [part["billogram"] for part in payment["allocations"]]
    actions = await _recall_actions(call, payment["billogram"] or next(iter(billograms), None))
    allocate = None
    if payment["unmatched"]:
        unpaid = _choices(await _unpaid(call))
        body = {"billogram": next(iter(unpaid), ""), "amount": payment["unmatched"]}
        allocate = call.form(
            "allocatePayment", {"id": payment["id"]}, body, submit="Allocate", choices={"billogram": unpaid}
        )
    return Page(
        "bank_payment.html",
        {
            "p": payment,
            "recalls": [_recall(call, payment, each, actions) for each in options if each["legal"]],
            "impossible": [each for each in options if not each["legal"]],
            "allocate": allocate,
            "bounce": _bounce(call, {"billogram": payment["billogram"]}),
            "planned": await _planned(call, "billogram", payment["billogram"]),
        },
    )


async def _planned(call: PageCall, name: str, value: Any) -> Any:
    """Return the plan that has this match, or None."""
    plans = await call.get("outcomes")
    matches = {"billogram": None, "payment_source": None, "customer_no": None, name: value}
    return next((each for each in plans if value is not None and each["match"] == matches), None)


async def _recall_actions(call: PageCall, billogram: str | None) -> list[Any]:
    """Return the recalls among the actions of a billogram, which have a title and an effect."""
    if billogram is None:
        return []
    actions = await call.get("billograms", billogram, "actions")
    return [each for each in actions["allowed"] if each["operation"] == "recallPayment"]


def _recall(call: PageCall, payment: Mapping[str, Any], option: Mapping[str, Any], actions: list[Any]) -> Any:
    """Return a type of recall that is possible, with its title and its form."""
    kind, codes = option["type"], option["codes"]
    path = f"/{payment['id']}/recall"
    action = next(
        (each for each in actions if each["path"].endswith(path) and each["body"].get("type") == kind), None
    )
    body = {"type": kind, **({"code": codes[0]} if codes else {})} if action is None else action["body"]
    usual = sorted(codes, key=lambda code: code != body.get("code"))  # the one that is filled in comes first
    labels = {code: f"{code} {option['reasons'][code]}" for code in usual}
    form = call.form(
        "recallPayment",
        {"id": payment["id"]},
        body,
        only=["type", *(["code"] if codes else []), "amount", "fee", "message"],
        submit=kind.replace("_", " ").capitalize(),
        effect=None if action is None else action["effect"],
        choices={"type": {kind: kind}, "code": labels},
        key=kind,
    )
    title = kind if action is None else action["title"]
    return {**option, "codes": usual, "title": title, "form": _hide(form, "body.type")}


# direct debits


async def debits(call: PageCall) -> Page:
    """Show the mandates, the debits that are planned, and what the bank will answer."""
    sources = await call.get("payment-sources", limit=PAGE, before=call.query.get("before"))
    customers = await call.get("customers", limit=_CUSTOMERS)
    names = {each["customer_no"]: each["name"] for each in customers}
    plans = await call.get("outcomes")
    customer = call.query.get("customer")
    return Page(
        "bank_debits.html",
        {
            "tab": "debits",
            "sources": sources[::-1],
            "names": names,
            "customer": customer,
            "enable": _enable(call, customer) if customer else None,
            "command": _enable(call, str(customers[-1]["customer_no"])) if customers else None,
            "planned": await call.get("payments", status="scheduled", limit=PAGE),
            "plans": [(plan, _plan_form(call, plan, sources)) for plan in plans],
            "new": _plan_form(call, None, sources),
            "bounce": _bounce(call, None),
            "clear": call.form("deleteOutcomes", submit="Remove all plans", confirm="Remove all plans?"),
            "limit": PAGE,
        },
    )


def _enable(call: PageCall, customer: str) -> Form:
    """Return the form with which a customer turns automatic payment on."""
    body = {"type": "autogiro"}
    return call.form("simulateEnableRecurring", {"no": customer}, body, submit="Turn automatic payment on")


async def mandate(call: PageCall) -> Page:
    """Show a mandate, the form that changes it, and what the bank will answer to its debits."""
    source = await call.get("payment-sources", call.params["id"])
    mine = await _planned(call, "payment_source", source["id"])
    match = {"payment_source": source["id"]}
    return Page(
        "bank_mandate.html",
        {
            "s": source,
            "customer": await call.get("customers", str(source["customer_no"])),
            "change": call.form(
                "changeMockPaymentSource",
                {"id": source["id"]},
                {name: source[name] for name in ("status", "b2b", "last_collection")},
                submit="Change the mandate",
            ),
            "plan": _plan_form(call, mine or {"match": match, "plan": []}, [source]),
            "bounce": _bounce(call, match),
        },
    )


def _bounce(call: PageCall, match: Mapping[str, Any] | None) -> Form:
    """Return the form by which the next direct debit is rejected for lack of funds."""
    return call.form(
        "setOutcomes",
        body={"match": match, "plan": [_BOUNCE]},
        only=[*(f"match.{name}" for name in match or ()), "plan"],
        submit="Let the next direct debit bounce",
        key="bounce",
    )


def _plan_form(call: PageCall, plan: Mapping[str, Any] | None, sources: Iterable[Mapping[str, Any]]) -> Form:
    """Return the form of a plan: a row for each outcome, and empty ones; or the form of a new plan."""
    outcomes = [] if plan is None else plan["plan"]
    match = {} if plan is None else plan["match"] or {}
    named = [name for name, value in match.items() if value is not None]
    members = ("payment_source", "customer_no", "billogram") if plan is None else named
    mandates = {each["id"]: f"{each['scheme']} of customer {each['customer_no']}" for each in sources}
    form = call.form(
        "setOutcomes",
        body={"match": match, "plan": outcomes},
        only=[
            *(f"match.{name}" for name in members),
            *(name for row in range(len(outcomes) + _SPARE) for name in _outcome_members(row)),
        ],
        submit="Save the plan" if plan is not None else "Add the plan",
        key="new" if plan is None else "-".join(f"{name}-{match[name]}" for name in named) or "account",
        choices={"match.payment_source": mandates} if plan is None else None,
    )
    form = structs.replace(form, fields=[_readable(each) for each in form.fields])
    return form if plan is None else _hide(form, *(f"body.match.{name}" for name in named))


def _outcome_members(row: int) -> tuple[str, str, str]:
    return f"plan.{row}", f"plan.{row}.then", f"plan.{row}.after"


def _readable(field: Field) -> Field:
    """Return a field of a plan with a label that says what it holds; a recall has fields of its own."""
    steps = field.name.split(".")[2:]
    if field.name.startswith("body.match."):
        return structs.replace(field, label={"payment_source": "Mandate"}.get(steps[0], field.label))
    if len(steps) == 1:
        value = "" if field.value.startswith("{") else field.value
        return structs.replace(field, label="The bank answers", value=value)
    if steps[1] == "then":
        return structs.replace(field, label="or settles it, and recalls it as")
    return structs.replace(field, label="after", help="such as 20d, 2b (bank days)")

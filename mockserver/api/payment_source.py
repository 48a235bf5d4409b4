"""Payment sources and SEPA mandates (reference: api 12)."""

from datetime import UTC, datetime

from mockserver.api.call import Call, answer
from mockserver.api.errors import InvalidQueryParameter, MissingQueryParameter
from mockserver.api.inputs import read_input
from mockserver.api.kinds import CUSTOMER_NO
from mockserver.api.shapes import MandateShape, MigratedMandateShape, PaymentSourceShape
from mockserver.core import numbers, sources
from mockserver.core.act import Act
from mockserver.core.funds import SEPA, PaymentSource
from mockserver.core.inputs import MandateFields, MigrationFields, NoFields
from mockserver.core.state import SOURCE, State, is_digits

IMPORT = {"customer_no": 1, "iban": "DE89370400440532013000", "signed_at": "2026-02-01 00:00:00"}
MIGRATE = {
    "customer_no": 1,
    "iban": "DE89370400440532013000",
    "signed_date": "2026-02-01",
    "amendment": {
        "sepa_creditor_identifier": "DE00ZZZ000000001",
        "unique_mandate_reference": "OLDREFERENCE00000000000001",
    },
}
QUERY = {"customer_no": CUSTOMER_NO}


async def listing(call: Call) -> bytes:
    """`GET /payment_source`: lists the mandates of a customer. Without any it answers 204 [D]."""
    wanted = call.query.get("customer_no")
    if wanted is None:
        raise MissingQueryParameter(
            "missing query parameter: customer_no", rule="query.required", field="customer_no"
        )

    def view(state: State) -> list[PaymentSource]:
        fits = is_digits(wanted) and len(wanted) < 17
        if not fits or state.customers.get(int(wanted)) is None:
            raise InvalidQueryParameter(
                "invalid query parameter: customer_no", rule="query.value", field="customer_no"
            )
        return [source for source in state.sources_of(int(wanted)) if source.scheme == SEPA]

    found = await call.read(view)
    if not found:
        return b""
    return answer([render_source(each) for each in found], {"total_count": len(found)})


async def cancel(call: Call) -> bytes:
    """`POST /payment_source/{id}/cancel`: cancels a mandate and its planned debits."""
    key = call.params["id"]

    def decide(act: Act) -> None:
        source = sources.find(act, key)
        read_input(NoFields, call.json())
        sources.cancel(act, source)

    act = await call.execute(decide, rule="mandate")
    return answer(render_source(act.find(SOURCE, key)))


async def create(call: Call) -> bytes:
    """`POST /sepa_dd_mandate`: imports a mandate. It collects the open billograms of the customer."""
    found: list[PaymentSource] = []

    def decide(act: Act) -> None:
        given = read_input(MandateFields, call.json())
        found.append(sources.add(act, given.customer_no, given.iban, given.signed_at, migrated=False))

    await call.execute(decide, rule="mandate")
    shown: MandateShape = {
        "customer_no": found[-1].customer_no,
        "iban": found[-1].iban or "",
        "signed_at": f"{found[-1].signed_at:%Y-%m-%dT%H:%M:%S.%fZ}",
    }
    return answer(shown)


async def migrate(call: Call) -> bytes:
    """`POST /sepa_dd_mandate/migrate`: takes over a mandate of another creditor."""
    found: list[PaymentSource] = []
    seed = 0

    def decide(act: Act) -> None:
        nonlocal seed
        given = read_input(MigrationFields, call.json())
        signed = datetime.combine(given.signed_date, datetime.min.time(), UTC)
        found.append(sources.add(act, given.customer_no, given.iban, signed, migrated=True))
        seed = act.account.seed

    await call.execute(decide, rule="mandate")
    shown: MigratedMandateShape = {
        "customer_no": found[-1].customer_no,
        "iban": found[-1].iban or "",
        "signed_date": found[-1].signed_at.date().isoformat(),
        "sepa_creditor_identifier": numbers.creditor_identifier(seed),
        "unique_mandate_reference": found[-1].reference,
    }
    return answer(shown)


def render_source(source: PaymentSource) -> PaymentSourceShape:
    """A payment source as the API shows it."""
    return {
        "id": source.id,
        "status": source.status,
        "scheme": source.scheme,
        "details": {
            "reference": source.reference,
            "iban": source.iban or "",
            "signed_at": f"{source.signed_at:%Y-%m-%dT%H:%M:%S}",
        },
    }

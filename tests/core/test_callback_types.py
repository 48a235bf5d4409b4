"""The table of callback types: what brings each about, and that the OpenAPI document knows those."""

from collections import Counter

from mockserver.api import callback_shapes
from mockserver.core.callbacks import BILLOGRAM_EVENT, TABLE, TYPES
from mockserver.core.events import EVENTS, BillogramEvent, PaymentRecalled


def test_an_event_brings_about_one_type_at_most() -> None:
    count = Counter(event for row in TABLE for event in row.events)
    assert set(count.values()) == {1}
    assert set(count) <= set(EVENTS)
    assert len(set(TYPES)) == len(TYPES) == 9


def test_every_event_of_billogram_has_a_callback_but_the_one_that_a_recall_tells_of() -> None:
    own = {each for each in EVENTS if issubclass(each, BillogramEvent)}
    assert own - set(BILLOGRAM_EVENT.events) == {PaymentRecalled}


def test_the_document_describes_each_type_that_is_sent() -> None:
    sent = {row.name: row.summary for row in TABLE if row.events}
    described = callback_shapes.webhooks()
    assert {name: described[name]["post"]["summary"] for name in described} == sent
    assert all(sent.values())

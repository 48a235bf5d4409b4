"""Inputs over stored values: what was not given stays, null means the default (reference: api 1.8)."""

import pytest
from msgspec import UNSET

from mockserver.core.inputs import Patch, RowFields, Rows, resolve, resolve_required
from mockserver.core.model import Address, Contact, Info, Recipient
from mockserver.core.refusal import Refusal, invalid

STORED = Address(street_address="Testgatan 1", city="Teststad", country="SE")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), STORED),
        ((("city", "Annanstad"),), Address(street_address="Testgatan 1", city="Annanstad", country="SE")),
        ((("city", None),), Address(street_address="Testgatan 1", country="SE")),
        ((("city", ""), ("country", "NO")), Address(street_address="Testgatan 1", country="NO")),
        # of the two names of the street line the one that differs counts, if both do the last
        ((("street_address", "New"), ("street_address", "Testgatan 1")), Address("", "", "", "New")),
        ((("street_address", "Testgatan 1"), ("street_address", "New")), Address("", "", "", "New")),
        ((("street_address", "Old"), ("street_address", "New")), Address("", "", "", "New")),
        ((("street_address", None), ("street_address", "Testgatan 1")), Address()),
    ],
)
def test_a_patch_changes_what_was_given(changes: tuple[tuple[str, object], ...], expected: Address) -> None:
    changed = Patch[Address](changes).over(STORED)
    assert changed.street_address == expected.street_address
    if not any(name == "street_address" for name, _ in changes):
        assert changed == expected


def test_null_means_the_default_that_is_named() -> None:
    patch = Patch[Contact]((("name", None), ("email", None)))
    stored = Contact("A", "a@example.com", "1")
    assert patch.over(stored) == Contact("", "", "1")
    assert patch.over(stored, Contact("Default")) == Contact("Default", "", "1")


def test_a_part_of_a_part_is_changed_by_itself() -> None:
    patch = Patch[Recipient]((("name", "B"), ("address", Patch((("city", None), ("careof", "C"))))))
    changed = patch.over(Recipient(1, name="A", address=STORED))
    assert changed == Recipient(
        1, name="B", address=Address(street_address="Testgatan 1", careof="C", country="SE")
    )


def test_what_changes_nothing_gives_the_stored_value_itself() -> None:
    stored = Info(order_no="1")
    assert Patch[Info]((("order_no", "1"), ("message", None))).over(stored) is stored
    assert not Patch[Info]()


def test_a_member_after_a_request() -> None:
    assert (resolve(UNSET, 1, 2), resolve(None, 1, 2), resolve(3, 1, 2)) == (1, 2, 3)
    assert (resolve_required(UNSET, 1), resolve_required(3, 1)) == (1, 3)


def test_a_bad_row_is_refused_in_its_turn() -> None:
    good = RowFields(title="A")
    rows = iter(Rows((good, good), invalid("vat", ("items", 2), rule="body.value")))
    assert (next(rows), next(rows)) == (good, good)
    with pytest.raises(Refusal):
        next(rows)
    assert list(Rows((good,))) == [good]

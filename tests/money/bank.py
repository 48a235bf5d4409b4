"""The bank of the second model: mandates, debits, what is laid down, recalls (reference: behaviour 6.6, 8).

The windows of SEPA, its codes and its bank days are those that the test of the rules has by itself.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import count
from typing import Any

from tests.core.test_sepa import AFTERWARDS, DEBIT, DEFAULTS, RULES, TRANSFER, TYPES_OF, ten, thirteen_months
from tests.core.test_sepa import is_open as target_day
from tests.money.model import (
    DAY,
    STATE,
    VALUE,
    ZERO,
    Act,
    Billogram,
    Debit,
    Model,
    Payment,
    Refused,
    Told,
    swedish_bank_day,
)

AUTOGIRO = "AUTOGIRO"
SERVES = {DEBIT: "EUR", AUTOGIRO: "SEK"}
VIA = "pay via autogiro"
Outcome = str | dict[str, str]
BY_ACCOUNT: dict[str, Outcome] = {
    "DE50370400440532010404": "reject.AM04",
    "DE23370400440532010405": {"then": "return.AM04", "after": "2b"},
    "DE28370400440532010606": {"then": "refund.MD06", "after": "20d"},
    "DE83370400440532010101": {"then": "refund_unauthorised.MD01", "after": "60d"},
    "DE17370400440532010707": "reject.MD07",
}


@dataclass
class Mandate:
    """`number` counts all of them; `id` is known once it was made."""

    number: int
    customer: int
    scheme: str
    iban: str = ""
    status: str = "usable"
    b2b: bool = False
    id: str = ""


def bank_day(day: date, scheme: str, after: int = 0) -> date:
    """The first from a day on, or so many after it."""
    is_open = swedish_bank_day if scheme == AUTOGIRO else target_day
    while not is_open(day):
        day += DAY
    for _ in range(after):
        day += DAY
        while not is_open(day):
            day += DAY
    return day


class Banked(Model):
    """One account with its bank."""

    def __init__(self) -> None:
        super().__init__()
        self.mandates: list[Mandate] = []
        self.plans: dict[str, list[Outcome]] = {}
        self._planned = count(1)
        self._recalls = count(1)

    # mandates

    def usable(self, customer: int, scheme: str) -> list[Mandate]:
        return [
            each
            for each in self.mandates
            if (each.customer, each.scheme, each.status) == (customer, scheme, "usable")
        ]

    def _of_customer(self, customer: int) -> list[Billogram]:
        return [one for one in self.billograms.values() if one.customer == customer]

    def imports(self, customer: int, iban: str) -> list[Told]:
        """A SEPA mandate: what is open is planned by it."""
        self.mandates.append(Mandate(len(self.mandates), customer, DEBIT, iban))
        act = Act(self)
        for one in self._of_customer(customer):
            self.plan(act, one)
        return act.done()

    def turns_on(self, customer: int) -> list[Told]:
        self.mandates.append(Mandate(len(self.mandates), customer, AUTOGIRO))
        act = Act(self)
        self._tells_newest(act, customer, "RecurringPaymentEnabled")
        for one in self._of_customer(customer):
            self.plan(act, one)
        self._marks(customer)
        return act.done()

    def turns_off(self, customer: int) -> list[Told]:
        usable = self.usable(customer, AUTOGIRO)
        if not usable:
            raise Refused(STATE)
        act = Act(self)
        self._tells_newest(act, customer, "RecurringPaymentDisabled")
        for each in usable:
            self._ends(act, each, "CANCELLED")
        return act.done()

    def _tells_newest(self, act: Act, customer: int, kind: str) -> None:
        sent = [one for one in self._of_customer(customer) if one.internal != "Unattested"]
        if sent:
            act.tell(sent[-1], kind)

    def cancels(self, mandate: Mandate) -> list[Told]:
        if mandate.scheme != DEBIT:
            raise Refused(VALUE)
        if mandate.status != "usable":
            raise Refused(STATE)
        return self.changes(mandate, status="CANCELLED")

    def changes(self, mandate: Mandate, status: str | None = None, *, b2b: bool | None = None) -> list[Told]:
        act = Act(self)
        mandate.b2b = mandate.b2b if b2b is None else b2b
        if status == "ACTIVE":
            mandate.status = "usable"
            self._marks(mandate.customer)
        elif status is not None and status != mandate.status:
            self._ends(act, mandate, status)
        return act.done()

    def _ends(self, act: Act, mandate: Mandate, status: str) -> None:
        mandate.status = status
        for one in self.billograms.values():
            if one.debit is not None and self.payments[one.debit.payment].mandate == mandate.number:
                self.cancel(act, one)
                act.overdue_if_past(one)
        self._marks(mandate.customer)

    def _marks(self, customer: int) -> None:
        for one in self._of_customer(customer):
            self._mark(one)

    def _mark(self, one: Billogram) -> None:
        """The flag comes to what is open, and goes from all."""
        if one.currency != "SEK" or not self.usable(one.customer, AUTOGIRO):
            one.flags.discard(VIA)
        elif one.internal in ("Unpaid", "Collection") and not one.is_credit:
            one.flags.add(VIA)

    # debits

    def plan(self, act: Act, one: Billogram, day: date | None = None) -> None:
        if one.internal != "Unpaid" or one.is_credit or not one.remaining or one.debit is not None:
            return
        scheme = next((each for each, currency in SERVES.items() if currency == one.currency), "")
        usable = self.usable(one.customer, scheme)
        if not usable:
            return
        mandate = usable[-1]
        payment = Payment(
            id=f"debit {next(self._planned)}",
            amount=one.remaining,
            currency=one.currency,
            scheme=scheme,
            day=bank_day(day, scheme) if day else self._own_day(one, scheme),
            b2b=mandate.b2b,
            status="scheduled",
            mandate=mandate.number,
        )
        self.payments[payment.id] = payment
        one.debit = Debit(payment.id, payment.day)
        if scheme == AUTOGIRO:
            one.flags.add(VIA)
        act.tell(one, "PaymentScheduled")

    def _own_day(self, one: Billogram, scheme: str) -> date:
        respite = one.respite if one.in_respite and one.respite else one.due
        return bank_day(max(one.due, respite, self.today + DAY), scheme)

    def follow(self, act: Act, one: Billogram) -> None:
        if one.debit is None:
            return
        payment = self.payments[one.debit.payment]
        if not one.remaining or one.internal != "Unpaid":
            self.cancel(act, one)
        elif payment.amount != one.remaining:
            payment.amount = one.remaining
            act.tell(one, "PaymentSystemUpdated")

    def replan(self, act: Act, one: Billogram, *, even_if_unchanged: bool = True) -> None:
        if one.debit is not None:
            payment = self.payments[one.debit.payment]
            day = self._own_day(one, payment.scheme)
            if even_if_unchanged or day != one.debit.day:
                payment.day = one.debit.day = day
                payment.amount = one.remaining
                act.tell(one, "PaymentSystemUpdated")

    def cancel(self, act: Act, one: Billogram, kind: str = "PaymentSystemCancelled") -> None:
        assert one.debit is not None
        self.payments[one.debit.payment].status = "cancelled"
        one.debit = None
        act.tell(one, kind)

    def schedule(self, key: str, day: date | None) -> list[Told]:
        one = self.billograms[key]
        if one.debit is not None or (day is not None and day <= self.today):
            raise Refused(STATE)
        act = Act(self)
        act.on(one)
        self.plan(act, one, day)
        if not act.told:
            raise Refused(STATE)
        return act.done()

    def cancel_scheduled(self, key: str) -> list[Told]:
        one = self.billograms[key]
        if one.debit is None:
            raise Refused(STATE)
        act = Act(self)
        act.on(one)
        self.cancel(act, one, "PaymentUserCancelled")
        act.overdue_if_past(one)
        return act.done()

    # the bank answers

    def bank_answers(self) -> Iterable[Act]:
        """Debits and planned recalls of one moment in the order of their billograms."""
        while True:
            order = {key: index for index, key in enumerate(self.billograms)}
            due: list[tuple[int, int, str, Any]] = [
                (order[one.id], 0, "", one)
                for one in self.billograms.values()
                if one.debit is not None and one.debit.day <= self.today
            ]
            due += [
                (order[each.shares[0].billogram], 1, each.real, each)
                for each in self.payments.values()
                if each.planned_recall is not None and each.planned_recall[0] <= self.today
            ]
            if not due:
                return
            first = min(due, key=lambda each: each[:3])[3]
            act = Act(self)
            if isinstance(first, Billogram):
                self._answers(act, first)
            else:
                self._recalls_as_planned(act, first)
            yield act

    def _answers(self, act: Act, one: Billogram) -> None:
        assert one.debit is not None
        payment = self.payments[one.debit.payment]
        assert payment.mandate is not None
        outcome = self._drawn(one, self.mandates[payment.mandate])
        if isinstance(outcome, str) and outcome != "ok":
            self._fails(act, one, payment, outcome.partition(".")[2])
            return
        act.on(one)
        one.debit, payment.status = None, "settled"
        payment.amount = payment.unmatched = one.remaining
        self._receive(act, payment, one, payment.amount)
        if isinstance(outcome, dict):
            kind, _, code = outcome["then"].partition(".")
            number, unit = int(outcome["after"][:-1]), outcome["after"][-1]
            day = (
                bank_day(self.today, payment.scheme, number)
                if unit == "b"
                else self.today + timedelta(days=number)
            )
            payment.planned_recall = (day, kind, code)

    def _drawn(self, one: Billogram, mandate: Mandate) -> Outcome:
        for key in (one.id, f"mandate {mandate.number}", f"customer {mandate.customer}", ""):
            if self.plans.get(key):
                return self.plans[key].pop(0)
        return BY_ACCOUNT.get(mandate.iban, "ok")

    def _fails(self, act: Act, one: Billogram, payment: Payment, code: str) -> None:
        payment.status, one.debit = "failed", None
        act.tell(one, "PaymentFailed")
        if payment.scheme == AUTOGIRO:
            act.tell(one, "AutogiroFailed")
        act.overdue_if_past(one)
        self._after_code(act, payment, code)

    def _after_code(self, act: Act, payment: Payment, code: str | None) -> None:
        status = None if code is None else AFTERWARDS[code]
        if status is not None and payment.mandate is not None:
            mandate = self.mandates[payment.mandate]
            if mandate.status == "usable":
                self._ends(act, mandate, status)

    # recalls

    def _recalls_as_planned(self, act: Act, payment: Payment) -> None:
        assert payment.planned_recall is not None
        _, kind, code = payment.planned_recall
        payment.planned_recall = None
        try:
            self._check(payment, kind, code)
        except Refused:
            return
        self._takes(act, payment, code, payment.amount - payment.recalled, None)

    def recall(
        self,
        payment: Payment,
        kind: str | None,
        code: str | None,
        amount: Fraction | None = None,
        shares: list[tuple[str, Fraction]] | None = None,
    ) -> list[Told]:
        """What is asked for by hand."""
        if payment.scheme == TRANSFER:
            kind = "cancellation_request" if kind in (None, "recall") else kind
        elif kind in (None, "recall"):
            usual = "reject" if payment.status == "scheduled" else "return"
            kind = usual if kind is None else "cancellation_request"
        assert kind is not None
        code = code or DEFAULTS.get(kind)
        self._check(payment, kind, code)
        act = Act(self)
        if payment.status == "scheduled":
            if shares is not None or amount not in (None, payment.amount):
                raise Refused(STATE)
            one = next(
                each
                for each in self.billograms.values()
                if each.debit is not None and each.debit.payment == payment.id
            )
            if kind in ("revocation", "cancellation_request"):
                self.cancel(act, one)
                act.overdue_if_past(one)
            else:
                assert code is not None
                self._fails(act, one, payment, code)
        else:
            self._takes(act, payment, code, amount, shares)
        return act.done()

    def possible(self, payment: Payment) -> list[str]:
        """What may be asked for on it now, without a code."""
        found = []
        for kind in RULES:
            with suppress(Refused):
                self._check(payment, kind, DEFAULTS.get(kind))
                found.append(kind)
        return found

    def _check(self, payment: Payment, kind: str, code: str | None) -> None:
        """Whether SEPA knows it (8.1)."""
        if payment.scheme == TRANSFER:
            if kind != "cancellation_request" or code not in ("DUPL", "TECH", "FRAD"):
                raise Refused(STATE)
            window = thirteen_months if code == "FRAD" else ten
        elif payment.scheme == DEBIT:
            status, core, b2b = RULES[kind]
            if payment.status != status or (code is not None and kind not in TYPES_OF[code]):
                raise Refused(STATE)
            if payment.b2b and b2b is None:
                raise Refused(STATE)
            window = b2b if payment.b2b and b2b is not None else core
        else:
            raise Refused(STATE)
        first, last = window(payment.day)
        early = first is not None and self.today < first
        late = last is not None and self.today > last
        if early or late or payment.recalled == payment.amount:
            raise Refused(STATE)

    def _takes(
        self,
        act: Act,
        payment: Payment,
        code: str | None,
        amount: Fraction | None,
        shares: list[tuple[str, Fraction]] | None,
    ) -> None:
        free = payment.unmatched + payment.adjustment + payment.liability
        left = payment.amount - payment.recalled
        if shares is None:
            amount = left if amount is None else amount
            if not 0 < amount <= left:
                raise Refused(STATE)
            freed = min(free, amount)
            taken = self._in_order(payment, amount - freed)
        else:
            shared = sum((part for _, part in shares), ZERO)
            freed = shared - shared if amount is None else amount - shared
            on = {key: self._on(payment, key) for key, _ in shares}
            fits = all(0 < part <= on[key] for key, part in shares) and len(on) == len(shares)
            if not fits or not 0 <= freed <= free:
                raise Refused(STATE)
            taken = list(shares)
        name = f"recall {next(self._recalls)}"
        payment.recalled += freed + sum((part for _, part in taken), ZERO)
        for member in ("unmatched", "adjustment", "liability"):
            part = min(getattr(payment, member), freed)
            setattr(payment, member, getattr(payment, member) - part)
            freed -= part
        for key, part in taken:
            self._from(act, payment, self.billograms[key], part, name)
        self._after_code(act, payment, code)

    def _on(self, payment: Payment, key: str) -> Fraction:
        return sum((each.amount for each in payment.shares if each.billogram == key), ZERO)

    def _in_order(self, payment: Payment, amount: Fraction) -> list[tuple[str, Fraction]]:
        taken: dict[str, Fraction] = {}
        for each in payment.shares:
            part = min(each.amount, amount)
            amount -= part
            if part:
                taken[each.billogram] = taken.get(each.billogram, ZERO) + part
        assert not amount, "the parts add up"
        return list(taken.items())

    def _from(self, act: Act, payment: Payment, one: Billogram, amount: Fraction, name: str) -> None:
        left, lost = amount, ZERO
        for each in payment.shares:
            if each.billogram == one.id:
                part = min(each.amount, left)
                each.amount -= part
                left -= part
                lost += part if each.late else ZERO
        one.paid += amount
        one.lost += lost
        one.confirmed += lost
        reopens = one.internal == "Ended" and amount != lost
        if reopens:  # open again: what comes once per opening comes anew (8.2, 10)
            one.internal, one.ended_as = "Unpaid", ""
            one.overdue = one.interest = one.reminded = False
            one.accrued = one.claimed = ZERO
            one.counted_to = self.started_today
        act.tell(one, "PaymentRecalled", amount)
        act.told[-1] = replace(act.told[-1], recall=name)
        if one.internal == "Ended":
            return
        if one.in_respite and one.respite is not None and one.respite < self.today:
            one.in_respite = False
        self.follow(act, one)
        self._mark(one)
        act.overdue_if_past(one)

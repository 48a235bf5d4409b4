"""Executes the entries of the agenda: which function belongs to which rule (reference: behaviour 6.1) [A]."""

from collections.abc import Callable

from mockserver.core import (
    agenda,
    bank,
    collection,
    debits,
    delivery,
    dunning,
    dunning_dates,
    einvoice,
    recalls,
    reports,
    respite,
    sources,
    tabs,
)
from mockserver.core.act import Act
from mockserver.core.funds import IncomingPayment, PaymentSource
from mockserver.core.model import BillingTab, Billogram
from mockserver.core.state import PAYMENT, TAB

_BILLOGRAMS: dict[str, Callable[[Act, Billogram], None]] = {
    agenda.ORDER: debits.send_order,
    agenda.DEBIT: bank.answer,
    agenda.NEWS: collection.update_status,
    agenda.RESPITE: respite.end,
    agenda.OVERDUE: dunning_dates.mark_overdue,
    agenda.INTEREST: dunning_dates.start_interest,
    agenda.REMINDER: dunning.remind_automatically,
    agenda.COLLECTION: collection.hand_over,
    agenda.LETTER: delivery.send_fallback_letter,
}
_SOURCES: dict[str, Callable[[Act, PaymentSource], None]] = {
    agenda.MANDATE: sources.activate,
    agenda.LAPSE: sources.lapse,
}
_PAYMENTS: dict[str, Callable[[Act, IncomingPayment], None]] = {agenda.RECALL: recalls.recall_as_planned}
_TABS: dict[str, Callable[[Act, BillingTab], None]] = {agenda.TAB: tabs.bill}
RULES = frozenset((*_BILLOGRAMS, *_SOURCES, *_PAYMENTS, *_TABS, agenda.REPORTS, agenda.FORWARDING))


def carry_out(act: Act, due: agenda.Due) -> None:
    """Execute the rule of an entry on the billogram, mandate, payment or billing tab that it names."""
    if due.rule in _BILLOGRAMS:
        _BILLOGRAMS[due.rule](act, act.billogram(due.key))
    elif due.rule in _SOURCES:
        _SOURCES[due.rule](act, sources.find(act, due.key))
    elif due.rule == agenda.REPORTS:
        reports.make_monthly(act, due)
    elif due.rule == agenda.FORWARDING:
        einvoice.forward(act, due.at)
    elif due.rule in _TABS:
        _TABS[due.rule](act, act.find(TAB, due.key))
    else:
        _PAYMENTS[due.rule](act, act.find(PAYMENT, due.key))

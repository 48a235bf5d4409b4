"""The table of all rules that can refuse, by topic; loaded when an explanation is first asked for."""

from collections.abc import Mapping

from msgspec import structs

from mockserver.control.reason import Reason
from mockserver.control.reasons_bank import BANK
from mockserver.control.reasons_billogram import BILLOGRAMS
from mockserver.control.reasons_requests import REQUESTS

TOPICS: Mapping[str, Mapping[str, Reason]] = {**REQUESTS, **BILLOGRAMS, **BANK}
_FOUND = {rule: (topic, reason) for topic, rows in TOPICS.items() for rule, reason in rows.items()}


def reason_of(rule: str) -> tuple[str, Reason]:
    """Topic and reason of a rule; that of a family, such as `state.*`, in the words of its member."""
    if rule in _FOUND:
        return _FOUND[rule]
    family, _, member = rule.partition(".")
    topic, reason = _FOUND[f"{family}.*"]
    return topic, structs.replace(reason, why=reason.why.format(member))

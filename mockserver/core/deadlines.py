"""How each rule of the agenda is carried out (reference: behaviour 6.1) [A]."""

from collections.abc import Callable

from mockserver.core import agenda, collection, delivery, dunning, respite
from mockserver.core.act import Act
from mockserver.core.model import Billogram

RULES: dict[str, Callable[[Act, Billogram], None]] = {
    agenda.RESPITE: respite.end,
    agenda.OVERDUE: dunning.overdue,
    agenda.INTEREST: dunning.interest_started,
    agenda.REMINDER: dunning.remind_automatically,
    agenda.COLLECTION: collection.hand_over,
    agenda.NEWS: collection.news,
    agenda.LETTER: delivery.letter_after_all,
}

"""How each rule of the agenda is carried out (reference: behaviour 6.1) [A]."""

from collections.abc import Callable

from mockserver.core import agenda, delivery, dunning
from mockserver.core.act import Act
from mockserver.core.model import Billogram

RULES: dict[str, Callable[[Act, Billogram], None]] = {
    agenda.OVERDUE: dunning.overdue,
    agenda.INTEREST: dunning.interest_started,
    agenda.LETTER: delivery.letter_after_all,
}

"""Answers that need not be rendered anew: an aggregate never changes, so its answer doesn't either."""

from collections import OrderedDict

from mockserver.core.model import Billogram

_MOST = 1024  # about 5 MB


class AnswerCache:
    """The newest answers of `GET /billogram/{id}`, by the very aggregate they show."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], tuple[Billogram, str, bytes]] = OrderedDict()

    def get(self, account: str, billogram: Billogram, base: str) -> bytes | None:
        """The answer that shows this state of the billogram under this base address, if it is kept."""
        key = account, billogram.id
        found = self._answers.get(key)
        if found is None or found[0] is not billogram or found[1] != base:
            return None
        self._answers.move_to_end(key)
        return found[2]

    def keep(self, account: str, billogram: Billogram, base: str, answer: bytes) -> bytes:
        """Keep an answer, and return it."""
        self._answers[account, billogram.id] = billogram, base, answer
        self._answers.move_to_end((account, billogram.id))
        if len(self._answers) > _MOST:
            self._answers.popitem(last=False)
        return answer

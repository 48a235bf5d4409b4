"""What is known of a rule: why it refuses, what to do about it, and how sure we are."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

EVIDENCE = {
    "D": "Billogram's documentation says so",
    "R": "seen in a recorded answer of Billogram",
    "C": "known from client code or older documentation",
    "S": "a support article of Billogram says so",
    "A": "our assumption: the real behaviour is not published",
}


class Reason(Struct, frozen=True):
    """`why` the rule refuses, what to `do`, and the `tags` of the evidence for it.

    `must` is the condition that did not hold, in the names of the values that the rule compared. `values`
    says which would be right: `one_of`, `above`, `below`, `at_most`, `after`, `not_before`, `maximum_length`;
    a text in it is the name of a compared one. In a family such as `state.*`, `{}` stands for the rest of the
    name.
    """

    why: str
    do: str
    tags: str
    must: str = ""
    values: Mapping[str, Any] = {}

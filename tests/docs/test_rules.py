"""The page about refusals shows the rules as they are explained."""

import re

from tests.docs import pages, rules

PAGE = "docs/explanations.md"
MADE = re.compile(
    r"<!-- made by python -m tests\.docs\.rules -->\n(.*?)\n?<!-- end -->", re.MULTILINE | re.DOTALL
)


def test_the_tables_are_those_that_explain() -> None:
    found = MADE.search(pages.text(PAGE))
    assert found is not None
    right = rules.tables()
    assert found[1] == right, f"{PAGE} must show (python -m tests.docs.rules):\n\n{right}\n"

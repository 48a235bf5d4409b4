"""The page on money that comes back shows the R-transactions as they are."""

import re

from tests.docs import pages, transactions

PAGE = "docs/recalls.md"
MADE = re.compile(
    r"<!-- made by python -m tests\.docs\.transactions -->\n(.*?)\n?<!-- end -->", re.MULTILINE | re.DOTALL
)


def test_the_tables_are_those_of_the_core() -> None:
    found = MADE.search(pages.text(PAGE))
    assert found is not None
    right = transactions.tables()
    assert found[1] == right, f"{PAGE} must show (python -m tests.docs.transactions):\n\n{right}\n"

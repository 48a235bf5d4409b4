"""The page on money that comes back shows the R-transactions as they are."""

from tests.docs import pages, transactions

PAGE = "docs/recalls.md"


def test_the_tables_are_those_of_the_core() -> None:
    right = transactions.tables()
    pages.check_made(PAGE, transactions.__name__, right)

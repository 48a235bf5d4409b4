"""The page about refusals shows the rules as they are explained."""

from tests.docs import pages, rules

PAGE = "docs/explanations.md"


def test_the_tables_are_those_that_explain() -> None:
    right = rules.tables()
    pages.check_made(PAGE, rules.__name__, right)

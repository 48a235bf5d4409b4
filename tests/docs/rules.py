"""The tables of rules on the page about refusals, made from the table that explains them."""

from collections.abc import Iterator, Mapping

from mockserver.control.reasons import TOPICS, Reason


def tables() -> str:
    """One table for each topic."""
    return "\n".join(line for topic, rows in TOPICS.items() for line in _table(topic, rows)).strip()


def _table(topic: str, rows: Mapping[str, Reason]) -> Iterator[str]:
    yield from ("", f"### {topic}", "", "| rule | why it refuses | what must hold | |", "|---|---|---|---|")
    for rule, reason in rows.items():
        tags = "".join(f"[{tag}]" for tag in reason.tags)
        yield f"| `{rule}` | {reason.why.format('the command')} | {reason.must} | {tags} |"


if __name__ == "__main__":
    print(tables())

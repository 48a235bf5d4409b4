"""The state diagram and the table of commands, made from the machine's table.

`python -m tests.docs.diagram` prints what stands between the marks in docs/architecture.md.
"""

from collections.abc import Iterator

from mockserver.core.machine import OTHERS, TRANSITIONS
from mockserver.core.model import Internal

_COLUMNS = tuple(state for state in Internal if state is not Internal.DELETED)


def diagram() -> str:
    """Which command or event of others leads from which state to which, in Mermaid."""
    moves: dict[tuple[Internal, Internal], list[str]] = {}
    for name, row in (*TRANSITIONS.items(), *((other.name, other) for other in OTHERS)):
        for source in row.sources:
            for target in row.leads:
                if source is not target:
                    moves.setdefault((source, target), []).append(name)
    lines = [f"    [*] --> {Internal.UNATTESTED}: create"]
    for (source, target), names in sorted(moves.items(), key=lambda move: _order(*move[0])):
        lines.append(f"    {source} --> {target}: {', '.join(names)}")
    lines.append(f"    {Internal.DELETED} --> [*]")
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _order(*states: Internal) -> tuple[int, ...]:
    return tuple(list(Internal).index(state) for state in states)


def table() -> str:
    """In which states each command may be given, and where it may lead."""
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    yield f"| command | {' | '.join(f'`{state}`' for state in _COLUMNS)} |"
    yield f"|---|{'---|' * len(_COLUMNS)}"
    for name, command in TRANSITIONS.items():
        targets = ", ".join(f"`{state}`" for state in command.leads)
        allowed = f"→ {targets}" if targets else "stays"
        cells = (allowed if state in command.sources else "" for state in _COLUMNS)
        yield f"| `{name}` | {' | '.join(cells)} |"


if __name__ == "__main__":
    print(f"{diagram()}\n\n{table()}")

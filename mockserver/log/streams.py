"""Which streams are needed: those with a pointer, and their ancestors."""

from collections.abc import Iterable, Mapping


def needed(pointed: Iterable[str], parents: Mapping[str, str | None]) -> set[str]:
    """Return the streams with a pointer and all their ancestors, even if they do not exist."""
    found: set[str] = set()
    for stream in pointed:
        ancestor: str | None = stream
        while ancestor is not None and ancestor not in found:
            found.add(ancestor)
            ancestor = parents.get(ancestor)
    return found

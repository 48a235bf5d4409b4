"""Which streams are needed: those that a name means, and what they branched off from."""

from collections.abc import Iterable, Mapping


def needed(pointed: Iterable[str], parents: Mapping[str, str | None]) -> set[str]:
    """The pointed streams and all their ancestors, also those that are missing."""
    keep: set[str] = set()
    for stream in pointed:
        walk: str | None = stream
        while walk is not None and walk not in keep:
            keep.add(walk)
            walk = parents.get(walk)
    return keep

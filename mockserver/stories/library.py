"""Finds the bundled fixtures and scenarios by name, in a checkout and in an installed wheel."""

from pathlib import Path

FIXTURES, SCENARIOS = "fixtures", "scenarios"
_PACKAGE = Path(__file__).resolve().parents[1]


class NotInLibrary(LookupError):
    """No bundled file has this name, and no file this path."""


def folder(kind: str) -> Path:
    """Return the folder of the bundled fixtures or scenarios."""
    installed = _PACKAGE / "library" / kind  # a wheel has them inside the package
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def names(kind: str) -> list[str]:
    """Return the names of the bundled fixtures or scenarios, in alphabetical order."""
    return sorted(path.name.removesuffix(".yaml") for path in folder(kind).glob("*.yaml"))


def find(kind: str, asked: str) -> Path:
    """Return the bundled file of a name, or the file at a path. Raises NotInLibrary."""
    known = names(kind)
    if asked in known:
        return folder(kind) / f"{asked}.yaml"
    path = Path(asked)
    if path.is_file():
        return path
    from difflib import get_close_matches  # when a name is misspelt

    similar = get_close_matches(asked, known, cutoff=0.5)
    hint = f"; did you mean {' or '.join(similar)}?" if similar else f"; there are {', '.join(known)}"
    raise NotInLibrary(f"no {kind.removesuffix('s')} {asked}{hint}")

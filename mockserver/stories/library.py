"""The fixtures and scenarios that come along: found by name, in a checkout and in an installed wheel."""

from pathlib import Path

FIXTURES, SCENARIOS = "fixtures", "scenarios"
_PACKAGE = Path(__file__).resolve().parents[1]


class NotInLibrary(LookupError):
    """No file of this name or path."""


def folder(kind: str) -> Path:
    """Where the fixtures or scenarios are."""
    installed = _PACKAGE / "library" / kind  # a wheel carries them in the package
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def names(kind: str) -> list[str]:
    """Those that come along, in alphabetical order."""
    return sorted(path.name.removesuffix(".yaml") for path in folder(kind).glob("*.yaml"))


def find(kind: str, asked: str) -> Path:
    """The file of this name in the library, or at this path; NotInLibrary."""
    known = names(kind)
    if asked in known:
        return folder(kind) / f"{asked}.yaml"
    path = Path(asked)
    if path.is_file():
        return path
    from difflib import get_close_matches  # when a name is misspelt

    near = get_close_matches(asked, known, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(known)}"
    raise NotInLibrary(f"no {kind.removesuffix('s')} {asked}{hint}")

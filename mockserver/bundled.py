"""Where the files are that come with the package: fixtures, scenarios and the documentation."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    """Return the folder of the bundled files: inside the package in a wheel, otherwise the repository."""
    installed = _PACKAGE / "library"
    return installed if installed.is_dir() else _PACKAGE.parent

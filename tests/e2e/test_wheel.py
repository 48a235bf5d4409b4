"""The package as it is installed: built, put into a fresh environment, and run; all without a network."""

import email
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from mockserver.version import __version__
from tests.docs.pages import blocks
from tests.docs.reader import Reader
from tests.e2e.served import PATIENCE, Served, clean_environment

ROOT = Path(__file__).resolve().parents[2]
WHEELHOUSE = ROOT / ".wheelhouse" / str(sys.implementation.cache_tag)
PIP = (sys.executable, "-m", "pip")


def offline() -> dict[str, str]:
    """An environment in which pip finds what `make test` has put aside, and nothing else."""
    assert any(WHEELHOUSE.glob("*.whl")), f"{WHEELHOUSE} is empty: `make test` fills it"
    kept = {
        name: value
        for name, value in clean_environment().items()
        if not name.startswith("PIP_") and name != "PYTHONPATH"
    }
    return kept | {
        "PIP_COMPILE": "0",  # what is imported is compiled then
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_FIND_LINKS": str(WHEELHOUSE),
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INDEX": "1",
        "PIP_QUIET": "1",
    }


def fresh(folder: Path) -> Path:
    """The Python of a new environment with nothing in it: `pip --python` installs into it."""
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin" / "python"


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        env=offline(),
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, ROOT, cwd=made)
    (path,) = made.iterdir()
    return path


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, which finds everything else in ours."""
    folder = tmp_path_factory.mktemp("bare") / "installed"
    python = fresh(folder)
    run(*PIP, "--python", python, "install", "--no-deps", wheel, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    # dependencies, and the client and pytest that the pages use; a line here reads no .pth of that folder, so
    # our source is not in it
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"billogram_mockserver-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        text = archive.read(f"billogram_mockserver-{__version__}.dist-info/METADATA").decode()
        entries = archive.read(f"billogram_mockserver-{__version__}.dist-info/entry_points.txt").decode()
    assert "[pytest11]\nmockserver = mockserver.kit.plugin" in entries
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mockserver").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "mockserver/py.typed" in source
    assert {"mockserver/ui/templates/base.html", "mockserver/ui/static/dashboard.css"} <= source
    library = {
        f"mockserver/library/{path.relative_to(ROOT).as_posix()}"
        for kind in ("fixtures", "scenarios", "docs", "README.md")
        for path in (ROOT / kind, *(ROOT / kind).rglob("*"))
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }
    assert {"fixtures/empty.yaml", "README.md", "docs/faults.md", "docs/examples/shop/README.md"} <= {
        name.removeprefix("mockserver/library/") for name in library
    }
    assert {name for name in names if ".dist-info/" not in name} == source | library
    assert {name.rpartition("/")[2] for name in names - source - library} == {
        "METADATA",
        "WHEEL",
        "RECORD",
        "LICENSE",
        "entry_points.txt",
    }
    metadata = email.message_from_string(text)
    assert (metadata["Name"], metadata["Version"]) == ("billogram-mockserver", __version__)
    assert metadata["Requires-Python"] == ">=3.11"
    assert (ROOT / "README.md").read_text(encoding="utf-8") in text


def test_the_installed_command_serves(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = fresh(tmp_path / "installed")
    run(*PIP, "--python", python, "install", wheel, cwd=tmp_path)
    run(*PIP, "--python", python, "check", cwd=tmp_path)
    command = python.parent / "mockserver"
    assert run(command, "--version", cwd=tmp_path) == f"mockserver {__version__}\n"
    where = run(python, "-c", "import mockserver; print(mockserver.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(tmp_path / "installed")

    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("tests.e2e.served.COMMAND", (str(command),))
    with Served("--database", "kept.db", cwd=tmp_path) as server:
        assert server.mock("GET", "/info").json()["version"] == __version__
        made = server.api("POST", "/customer", {"name": "Test Customer AB"})
        assert (made.status_code, made.json()["data"]["customer_no"]) == (200, 1)
        for address, words in (
            ("/", "<h1>Accounts</h1>"),
            ("/docs/", "<h1"),
            ("/docs/faults", ">Faults</h1>"),
            ("/static/dashboard.css", ":root"),
        ):
            assert words in httpx.get(f"{server.address}/_mock/ui{address}").text
        run(command, "wait", "--url", server.address, cwd=tmp_path)
        told = run(command, "run", "nothing-to-pay", "--base-url", server.address, cwd=tmp_path)
        assert told.startswith("nothing-to-pay  passed")
    assert (tmp_path / "kept.db").exists()
    with Served("--fixture", "demo", cwd=tmp_path) as server:
        listed = server.api("GET", "/billogram?page=1&page_size=500").json()["data"]
        assert {"Reminder_Many", "Collecting", "Sold"} <= {each["state"] for each in listed}


@pytest.mark.parametrize("page", ["README.md", "docs/getting-started.md"])
def test_the_first_pages_work_with_the_installed_command(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("tests.e2e.served.COMMAND", (str(bare.parent / "mockserver"),))
    home = tmp_path / "home"
    home.mkdir()
    where = run(bare, "-c", "import mockserver; print(mockserver.__file__)", cwd=home)
    assert Path(where).is_relative_to(bare.parent.parent)
    with Reader(home, python=str(bare)) as reader:
        for block in blocks(page):
            reader.follow(block)
        reader.finish()
    assert (home / "sandbox.db").exists()

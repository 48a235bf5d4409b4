"""run, test, lint, deep, bench: the one runner behind the Makefile.

Needs Python 3.11 or later and its standard library; everything else is installed into .venv from the pins in
requirements/. Arguments go on to the program that is run (`make test ARGS="-k money"`).
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
KNOWN = ("python3.14", "python3.13", "python3.12", "python3.11")


def main():
    if sys.version_info < OLDEST:
        _start_again()
    os.chdir(str(ROOT))
    task, arguments = sys.argv[1], sys.argv[2:]
    tasks = {"run": run, "test": test, "lint": lint, "deep": deep, "bench": bench}
    tasks[task](arguments)


def run(arguments):
    """The server, with what is given in ARGS."""
    python = environment(".venv", "run", sys.executable)
    os.execv(str(python), [str(python), "-m", "mockserver", "serve", *arguments])


def lint(_arguments):
    """Style, types, and who may import whom."""
    python = environment(".venv", "dev", sys.executable)
    call(python, "ruff", "check", ".")
    call(python, "ruff", "format", "--check", ".")
    call(python, "mypy")
    called([str(python.parent / "lint-imports"), "--no-cache"])


def test(arguments):
    """lint, then the suite."""
    lint([])
    pytest(environment(".venv", "dev", sys.executable), arguments)


def deep(arguments):
    """What takes longer: the long tests, then the suite on every Python that is here."""
    lint([])
    pytest(environment(".venv", "dev", sys.executable), ["--deep", *arguments])
    for name in KNOWN:
        found = _found(name)
        if found:
            print("== the suite on " + name, flush=True)
            pytest(environment(".venv-" + name, "dev", found), arguments)


def bench(arguments):
    """The figures of benchmarks/README.md."""
    python = environment(".venv", "dev", sys.executable)
    if not shutil.which("wrk"):
        debian("wrk")
    peers()
    call(python, "benchmarks.run", *arguments)


def pytest(python, arguments):
    call(python, "pytest", "-n", str(os.cpu_count() or 2), *arguments)


def call(python, module, *arguments):
    """Run a module."""
    called([str(python), "-m", module, *arguments])


def called(command):
    """Run a command; its failure is ours."""
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def environment(folder, kind, base):
    """The Python of a virtual environment that holds the pinned dependencies of this kind, and ourselves."""
    place = ROOT / folder
    python = place / "bin" / "python"
    if not python.exists():
        _make(place, base)
    stamp = place / ("installed-" + kind)
    pins = [ROOT / "requirements" / name for name in ("build.txt", "run.txt", kind + ".txt")]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in [*pins, ROOT / "pyproject.toml"])).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        called([*pip, "--requirement", str(pins[0]), "--requirement", str(pins[-1])])
        called([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
        stamp.write_text(digest)
    if kind == "dev":
        wheelhouse(python)
    return python


def peers():
    """The servers that stand beside ours, in an environment of their own: their dependencies clash.

    Without a network the figures are made without them.
    """
    place, pins = ROOT / ".venv-peers", ROOT / "requirements" / "peers.txt"
    python, stamp = place / "bin" / "python", place / "installed"
    if stamp.exists() and stamp.read_text() == pins.read_text():
        return
    if not python.exists():
        _make(place, sys.executable)
    stamp.unlink(missing_ok=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--requirement", str(pins)], check=False).returncode:
        print("bench: the peers can't be installed here: the figures are made without them", file=sys.stderr)
        return
    stamp.write_text(pins.read_text())


def wheelhouse(python):
    """What the server and its build need, as wheels: the tests install them without a network."""
    tag = subprocess.run(
        [str(python), "-c", "import sys; print(sys.implementation.cache_tag)"],
        check=True,
        capture_output=True,
        text=True,
    )
    place = ROOT / ".wheelhouse" / tag.stdout.strip()
    stamp = place / "pins"
    pins = [ROOT / "requirements" / name for name in ("build.txt", "run.txt")]
    text = "".join(p.read_text() for p in pins)
    if not stamp.exists() or stamp.read_text() != text:
        shutil.rmtree(str(place), ignore_errors=True)
        pip = [str(python), "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        called([*pip, "--wheel-dir", str(place), *(word for p in pins for word in ("--requirement", str(p)))])
        stamp.write_text(text)


def _make(place, base):
    """A virtual environment; on Debian its module is a package of its own."""
    if subprocess.run([base, "-m", "venv", str(place)], check=False).returncode == 0:
        return
    shutil.rmtree(str(place), ignore_errors=True)
    version = subprocess.run(
        [base, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        check=True,
        capture_output=True,
        text=True,
    )
    debian("python" + version.stdout.strip() + "-venv")
    subprocess.run([base, "-m", "venv", str(place)], check=True)


def debian(*packages):
    """Install Debian packages; as root, or through sudo."""
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*prefix, "apt-get", "update", "-qq"], check=True, env=quiet)
    subprocess.run([*prefix, "apt-get", "install", "-y", "-qq", *packages], check=True, env=quiet)


def _found(name):
    """This Python, on the path or among those that pyenv keeps beside it."""
    kept = Path.home().glob(".pyenv/versions/*/bin/" + name)
    for python in [shutil.which(name), *map(str, sorted(kept))]:
        if python and _works(python):
            return python
    return None


def _works(python):
    return subprocess.run([python, "--version"], check=False, capture_output=True).returncode == 0


def _start_again():
    for name in KNOWN:
        found = shutil.which(name)
        if found and _works(found):
            os.execv(found, [found, *sys.argv])
    sys.exit("mockserver needs Python 3.11 or later")


if __name__ == "__main__":
    main()

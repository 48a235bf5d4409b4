"""The tasks of the Makefile: run, test, lint, deep, newest, bench, screenshots, interop.

Needs Python 3.11 or later and its standard library; everything else is installed into .venv from the pins in
requirements/. Arguments are passed to the program that is run (`make test ARGS="-k money"`).
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
REDOCLY = "@redocly/cli@2.77.0"
KNOWN = ("python3.14", "python3.13", "python3.12", "python3.11")


def main():
    if sys.version_info < OLDEST:
        _restart_with_newer_python()
    os.chdir(str(ROOT))
    task, arguments = sys.argv[1], sys.argv[2:]
    tasks = (run, test, lint, deep, newest, bench, screenshots, interop)
    {each.__name__: each for each in tasks}[task](arguments)


def run(arguments):
    """Run the server with the options in ARGS."""
    python = environment(".venv", "run", sys.executable)
    os.execv(str(python), [str(python), "-m", "mockserver", "serve", *arguments])


def lint(_arguments):
    """Check style, types and import contracts."""
    python = environment(".venv", "dev", sys.executable)
    run_module(python, "ruff", "check", ".")
    run_module(python, "ruff", "format", "--check", ".")
    run_module(python, "mypy")
    run_command([str(python.parent / "lint-imports"), "--no-cache"])


def test(arguments):
    """Run lint, then the test suite."""
    lint([])
    browser()
    pytest(environment(".venv", "dev", sys.executable), arguments)


def deep(arguments):
    """Run the suite with the long tests, then on every installed version of Python."""
    lint([])
    browser()
    pytest(environment(".venv", "dev", sys.executable), ["--deep", *arguments])
    for name in KNOWN:
        found = _find_python(name)
        if found:
            print("== the suite on " + name, flush=True)
            pytest(environment(".venv-" + name, "dev", found), arguments)


def newest(arguments):
    """Run the suite with the newest versions that pyproject.toml allows, and with the newest tools."""
    python = ROOT / ".venv-newest" / "bin" / "python"
    if not python.exists():
        _create_environment(python.parent.parent, sys.executable)
    browser()
    pins = _pins("build", "run", "dev")
    wanted = ["--editable", str(ROOT) + "[pytest]", *_pins("build", "dev")]
    run_command([*pip(python), "--upgrade", "--upgrade-strategy", "eager", *wanted])
    wheelhouse(python)
    listed = [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    found = subprocess.run(listed, check=True, stdout=subprocess.PIPE, text=True).stdout
    versions = {_normalized(each["name"]): each["version"] for each in json.loads(found)}
    for name, pinned in sorted(pins.items()):
        version = versions.get(_normalized(name), "nothing")
        if version != pinned:
            print("newest: " + name + " " + version + " instead of " + pinned, flush=True)
    pytest(python, arguments)


def _pins(*kinds):
    """The pinned version of each package in these files of requirements/."""
    found = {}
    for kind in kinds:
        for line in (ROOT / "requirements" / (kind + ".txt")).read_text(encoding="utf-8").splitlines():
            name, pinned, version = line.partition("==")
            if pinned:
                found[name] = version.partition(";")[0].strip()
    return found


def _normalized(name):
    """The normalized name of a package."""
    return name.lower().replace("_", "-").replace(".", "-")


def bench(arguments):
    """Measure the figures of benchmarks/README.md."""
    python = environment(".venv", "dev", sys.executable)
    if not shutil.which("wrk"):
        debian("wrk")
    peers()
    run_module(python, "benchmarks.run", *arguments)


def screenshots(_arguments):
    """Take the pictures of the documentation from the running product."""
    browser()
    run_module(environment(".venv", "dev", sys.executable), "tests.ui.screenshots")


def interop(_arguments):
    """Run the scenarios with another runner of Arazzo, against a mockserver on a free port.

    Only the URLs of the source descriptions are replaced in the documents.
    """
    python, place = environment(".venv", "run", sys.executable), ROOT / ".interop"
    place.mkdir(exist_ok=True)
    redocly = place / "node_modules" / ".bin" / "redocly"
    stamp = place / "installed"
    if not (redocly.exists() and stamp.exists() and stamp.read_text() == REDOCLY):
        if not shutil.which("npm"):
            sys.exit("make interop needs Node.js with npm")
        run_command(
            ["npm", "install", "--prefix", str(place), "--no-save", "--no-audit", "--no-fund", REDOCLY]
        )
        stamp.write_text(REDOCLY)
    serve = [str(python), "-m", "mockserver", "serve", "--port", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            control = json.loads(server.stdout.readline())["control"]
            names = _documents(place, control[: -len("/_mock")])
            result = _respect(redocly, names, place)
        finally:
            server.terminate()
    passed = {
        run["workflowId"]
        for file in result["files"].values()
        for run in file["executedWorkflows"]
        if run["status"] == "success"
    }
    failed = sorted(set(names) - passed)
    if failed:
        sys.exit("interop: failed under " + REDOCLY + ": " + ", ".join(failed) + "; see .interop/respect.log")
    print("interop: all " + str(len(names)) + " scenarios pass under " + REDOCLY)


def _documents(place, address):
    """Copy the scenarios, with this address as their source. Returns their names."""
    folder = place / "scenarios"
    shutil.rmtree(str(folder), ignore_errors=True)
    folder.mkdir()
    names = []
    for path in sorted((ROOT / "scenarios").glob("*.yaml")):
        text = path.read_text(encoding="utf-8").replace("http://127.0.0.1:8080", address)
        (folder / path.name).write_text(text, encoding="utf-8")
        names.append(path.stem)
    return names


def _respect(redocly, names, place):
    """Run the workflow named like each document. Returns the JSON report of the runner."""
    command = [str(redocly), "respect", *(name + ".yaml" for name in names), "--json-output", "result.json"]
    command += [word for name in names for word in ("--workflow", name)]
    quiet = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    print("interop: " + str(len(names)) + " scenarios, a few seconds each", flush=True)
    result = place / "scenarios" / "result.json"
    with (place / "respect.log").open("w", encoding="utf-8") as log:
        subprocess.run(
            command, cwd=str(result.parent), env=quiet, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    if not result.exists():
        sys.exit((place / "respect.log").read_text(encoding="utf-8"))
    return json.loads(result.read_text(encoding="utf-8"))


def pytest(python, arguments):
    # the suite starts some hundred processes, and each would compile all modules again
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # worksteal: most tests of a module stay on one worker, so that their shared fixtures are set up once
    run_module(python, "pytest", "-n", str(os.cpu_count() or 2), "--dist", "worksteal", *arguments)


def run_module(python, module, *arguments):
    """Run a Python module; exit if it fails."""
    run_command([str(python), "-m", module, *arguments])


def run_command(command):
    """Run a command; exit with its code if it fails."""
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def pip(python):
    """The start of a pip command that installs packages. Modules are compiled when they are imported."""
    return [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]


def environment(folder, kind, base):
    """The Python of a virtual environment with the pinned dependencies of this kind and this project."""
    place = ROOT / folder
    python = place / "bin" / "python"
    if not python.exists():
        _create_environment(place, base)
    stamp = place / ("installed-" + kind)
    pins = [ROOT / "requirements" / name for name in ("build.txt", "run.txt", kind + ".txt")]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in [*pins, ROOT / "pyproject.toml"])).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        run_command([*pip(python), "--requirement", str(pins[0]), "--requirement", str(pins[-1])])
        run_command([*pip(python), "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
        stamp.write_text(digest)
    if kind == "dev":
        wheelhouse(python)
    return python


def peers():
    """Install the servers that benchmarks compare with, in an environment of their own: versions conflict.

    Without a network the benchmarks run without them.
    """
    place, pins = ROOT / ".venv-peers", ROOT / "requirements" / "peers.txt"
    python, stamp = place / "bin" / "python", place / "installed"
    if stamp.exists() and stamp.read_text() == pins.read_text():
        return
    if not python.exists():
        _create_environment(place, sys.executable)
    stamp.unlink(missing_ok=True)
    if subprocess.run([*pip(python), "--requirement", str(pins)], check=False).returncode:
        print("bench: the other servers can't be installed: the benchmarks run without them", file=sys.stderr)
        return
    stamp.write_text(pins.read_text())


def wheelhouse(python):
    """Build wheels of the dependencies of the server and its build: the tests install them offline."""
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
        words = [word for p in pins for word in ("--requirement", str(p))]
        command = [str(python), "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        run_command([*command, "--wheel-dir", str(place), *words])
        stamp.write_text(text)


def _create_environment(place, base):
    """Create a virtual environment; on Debian install the package of the module venv if it is missing."""
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


def browser():
    """The browser in which the tests, and make screenshots, open pages."""
    if not shutil.which("chromium"):
        debian("chromium")


def debian(*packages):
    """Install Debian packages, as root or with sudo."""
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*prefix, "apt-get", "update", "-qq"], check=True, env=quiet)
    subprocess.run([*prefix, "apt-get", "install", "-y", "-qq", *packages], check=True, env=quiet)


def _find_python(name):
    """The path of this Python, from PATH or from the versions of pyenv. None if there is none."""
    kept = Path.home().glob(".pyenv/versions/*/bin/" + name)
    for python in [shutil.which(name), *map(str, sorted(kept))]:
        if python and _works(python):
            return python
    return None


def _works(python):
    return subprocess.run([python, "--version"], check=False, capture_output=True).returncode == 0


def _restart_with_newer_python():
    for name in KNOWN:
        found = shutil.which(name)
        if found and _works(found):
            os.execv(found, [found, *sys.argv])
    sys.exit("mockserver needs Python 3.11 or later")


if __name__ == "__main__":
    main()

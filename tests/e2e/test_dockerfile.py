"""The Dockerfile without Docker: its steps run in folders that stand for its stages.

Every absolute path means one below the folder of its stage, whose Python is a fresh environment. pip finds
only what `make test` has put aside. What needs root is left out, by name.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct, field

from mockserver.cli import main
from mockserver.cli.options import SERVE
from mockserver.version import __version__
from tests.e2e.served import PATIENCE, Served
from tests.e2e.test_wheel import ROOT, fresh, offline

LEFT_OUT = {
    "useradd": "needs root",
    "chown": "needs root, and the user that was left out",
}
README = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")


class Step(Struct, frozen=True):
    """One instruction."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The exec form, or the words of a line without its flags."""
        if self.text.startswith("["):
            words: list[str] = json.loads(self.text)
            return words
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    @property
    def flags(self) -> dict[str, str]:
        """What stands before the words: `--from=build`."""
        found = re.match(r"(?:--\S+\s+)*", self.text)
        assert found is not None, "it matches nothing too"
        return dict(flag.removeprefix("--").split("=", 1) for flag in found[0].split())


class Stage(Struct):
    """A stage: its base, its steps, and the folder that stands for its file system."""

    base: str
    steps: list[Step]
    root: Path = Path()
    environment: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """What the last step of this name says."""
        return next(step.text for step in reversed(self.steps) if step.name == name)

    def command(self, name: str) -> list[str]:
        """The exec form of ENTRYPOINT, CMD or HEALTHCHECK."""
        (step,) = (step for step in self.steps if step.name == name)
        if name == "HEALTHCHECK":
            step = Step(name, step.text.partition("CMD ")[2])
        assert step.text.startswith("["), "the shell form has no signals"
        return step.words


def read_dockerfile() -> dict[str, Stage]:
    """The stages by name; the last one is named `final`."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    steps: list[Step] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            steps = []
            stages[alias or "final"] = Stage(base, steps)
        else:
            steps.append(Step(name, rest.strip()))
    return stages


def context() -> Iterator[Path]:
    """What .dockerignore lets through; the last pattern that fits decides."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for folder, folders, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if not _ignored(here / name, patterns)]
        yield from (here / name for name in files if not _ignored(here / name, patterns))


def _ignored(path: Path, patterns: list[str]) -> bool:
    for pattern in reversed(patterns):
        plain = re.escape(pattern.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{plain}(/.*)?", path.as_posix()):
            return not pattern.startswith("!")
    return False


class Builder:
    """Builds the stages below a folder."""

    def __init__(self, home: Path) -> None:
        self.stages = read_dockerfile()
        self._home = home
        self._context = home / "context"
        for path in context():
            (self._context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self._context / path)
        for name, stage in self.stages.items():
            stage.root = home / name
            self._python(stage)
            self._build(stage)

    def _python(self, stage: Stage) -> None:
        """The base image: /usr/local/bin with python and pip, and a shell."""
        python = fresh(stage.root / "usr" / "local")
        pip = python.parent / "pip"
        pip.write_text(f'#!/bin/sh\nexec {sys.executable} -m pip --python {python} "$@"\n')
        pip.chmod(0o755)
        stage.environment = offline() | {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(stage.root)}

    def _build(self, stage: Stage) -> None:
        folder = stage.root
        for step in stage.steps:
            match step.name:
                case "WORKDIR":
                    folder = stage.root / step.text.lstrip("/")
                    folder.mkdir(parents=True, exist_ok=True)
                case "ENV":
                    stage.environment |= dict(word.split("=", 1) for word in step.words)
                case "COPY":
                    self._copy(step, stage, folder)
                case "RUN":
                    self._run(step, stage, folder)
                case "USER" | "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                    pass
                case _:
                    raise AssertionError(f"{step.name} is not understood here")

    def _copy(self, step: Step, stage: Stage, folder: Path) -> None:
        *sources, target = step.words
        start = self.stages[step.flags["from"]].root if "from" in step.flags else self._context
        to = stage.root / target.lstrip("/") if target.startswith("/") else folder / target
        for source in sources:
            path = start / source.lstrip("/")
            if path.is_dir():
                shutil.copytree(path, to, dirs_exist_ok=True)
            else:
                to.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)

    def _run(self, step: Step, stage: Stage, folder: Path) -> None:
        text = step.text
        lent: Path | None = None
        if "mount" in step.flags:
            mount = dict(part.split("=", 1) for part in step.flags["mount"].split(","))
            assert mount["type"] == "bind"
            lent = stage.root / mount["target"].lstrip("/")
            lent.symlink_to(self.stages[mount["from"]].root / mount["source"].lstrip("/"))
            text = re.sub(r"^--mount=\S+\s+", "", text)
        for command in text.split(" && "):
            if command.split()[0] in LEFT_OUT:
                continue
            environment = dict(stage.environment)
            if "--no-index" in command:  # then not what was put aside either
                del environment["PIP_FIND_LINKS"]
            done = subprocess.run(
                ["/bin/sh", "-euc", re.sub(r"(?<![\w./-])/(?=\w)", f"{stage.root}/", command)],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
                cwd=folder,
                env=environment,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if lent is not None:
            lent.unlink()


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_dockerfile()


def test_the_image_serves_and_is_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Builder(tmp_path).stages["final"]
    binaries = image.root / "usr" / "local" / "bin"
    (entry,) = image.command("ENTRYPOINT")
    serve, *arguments = image.command("CMD")
    assert serve == "serve"
    arguments[arguments.index("--port") + 1] = "0"
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("tests.e2e.served.COMMAND", (str(binaries / entry),))
    database = str(image.root / image.value("VOLUME").lstrip("/") / "sandbox.db")
    with Served(*arguments, cwd=tmp_path, MOCKSERVER_DATABASE=database) as server:
        assert server.mock("GET", "/info").status_code == 401
        info = server.mock("GET", "/info", token=server.told["control_token"]).json()
        assert info["version"] == __version__
        assert server.api("POST", "/customer", {"name": "Test Customer AB"}).status_code == 200
        checker, *check = image.command("HEALTHCHECK")
        subprocess.run(
            [binaries / checker, *check, "--url", server.address],
            timeout=PATIENCE,
            check=True,
            env=image.environment,
        )
    assert Path(database).stat().st_size > 0
    assert not (image.root / "wheels").exists()  # they were lent
    environment = {n: v for n, v in image.environment.items() if n.startswith("MOCKSERVER_")}
    with Served(cwd=tmp_path, **environment) as server:  # a command of one's own is reachable too
        assert "control_token" in server.told


def test_the_stages_stand_on_a_python_that_is_tested(stages: dict[str, Stage]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (base,) = {stage.base for stage in stages.values()}
    found = re.fullmatch(r"python:(3\.\d+)-slim", base)  # no registry's host
    assert found is not None, base
    assert f"Programming Language :: Python :: {found[1]}" in project["classifiers"]


def test_the_parts_of_the_image_fit_together(stages: dict[str, Stage]) -> None:
    image = stages["final"]
    arguments = image.command("CMD")
    port = image.value("EXPOSE")
    assert arguments[arguments.index("--port") + 1] == port
    assert arguments[arguments.index("--host") + 1] == "0.0.0.0"
    checked = main._parser().parse_args(image.command("HEALTHCHECK")[1:])
    assert checked.url == f"http://127.0.0.1:{port}"
    allowed = re.search(r"--timeout=(\d+)s", image.value("HEALTHCHECK"))
    assert allowed is not None
    assert checked.timeout < int(allowed[1])


def test_the_server_does_not_run_as_root(stages: dict[str, Stage]) -> None:
    image = stages["final"]
    user = image.value("USER")
    steps = [step.name for step in image.steps]
    made = next(step.text for step in image.steps if "useradd" in step.text)
    assert user not in ("root", "0")
    assert f" {user} " in f"{made} "
    assert f"chown {user} {image.value('VOLUME')}" in made
    assert "RUN" not in steps[steps.index("USER") :]
    assert steps.index("USER") < steps.index("VOLUME")


def test_everything_that_is_left_out_is_there(stages: dict[str, Stage]) -> None:
    text = " ".join(step.text for stage in stages.values() for step in stage.steps)
    assert all(name in text for name in LEFT_OUT)


def test_only_what_the_image_is_made_of_is_sent_to_the_engine() -> None:
    sent = {path.as_posix() for path in context()}
    assert {"LICENSE", "README.md", "pyproject.toml", "requirements/run.txt", "mockserver/py.typed"} <= sent
    tops = {path.partition("/")[0] for path in sent}
    told = {"LICENSE", "README.md", "pyproject.toml"}
    assert tops == told | {"requirements", "mockserver", "fixtures", "scenarios", "docs"}
    assert not any(path.endswith(".pyc") for path in sent)


def test_the_readme_runs_the_image_as_it_is(stages: dict[str, Stage]) -> None:
    image = stages["final"]
    commands = re.findall(r"`(docker run [^`]+)`", README)
    assert len(commands) >= 2
    for command in commands:
        words = shlex.split(command)
        published = words[words.index("-p") + 1]
        assert published.endswith(f":{image.value('EXPOSE')}")
        assert published.startswith("127.0.0.1:")  # for this machine only
        if "-v" in words:
            assert words[words.index("-v") + 1].endswith(f":{image.value('VOLUME')}")
        variables = [word.partition("=")[0] for word in words if word.startswith("MOCKSERVER_")]
        known = {option.variable for option in SERVE}
        assert set(variables) <= known

"""The snippets of the README for CI: what they name exists, and what they ask is answered."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import yaml

from mockserver.cli.options import SERVE
from tests.docs import pages
from tests.e2e.served import Served, clean_environment

PORT = 8080


def snippet(name: str) -> Any:
    (block,) = [each for each in pages.blocks(pages.README) if each.file == name]
    return yaml.safe_load(block.text)


def check(variables: dict[str, str]) -> None:
    """Each is one of an option, with a value that it takes."""
    known = {option.variable: option for option in SERVE}
    for name, value in variables.items():
        read = known[name].parse
        assert read is not None
        assert read(value)


def test_the_service_of_github_actions_answers_its_step(tmp_path: Path) -> None:
    job = snippet("ci.yaml")["jobs"]["test"]
    service = job["services"]["mockserver"]
    check(service["env"])
    assert service["ports"] == [f"{PORT}:{PORT}"]
    asked, tested = [step for step in job["steps"] if "run" in step]
    assert tested["env"] == {"BILLOGRAM_URL": f"http://127.0.0.1:{PORT}/api/v2"}
    with Served(cwd=tmp_path, **service["env"]) as server:
        command = shlex.split(asked["run"].replace(f"http://127.0.0.1:{PORT}", server.address))
        shown = subprocess.run(
            command, env=clean_environment(), capture_output=True, text=True, timeout=60, check=True
        )
    assert '"id":"shop"' in shown.stdout


def test_the_services_of_docker_compose_find_each_other() -> None:
    services = snippet("compose.yaml")["services"]
    ours, shop = services["mockserver"], services["shop"]
    variables = ours["environment"]
    check({name: value for name, value in variables.items() if name != "MOCKSERVER_DATABASE"})
    assert ours["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    host = re.fullmatch(r"http://(\w+):\d+/.*", variables["MOCKSERVER_CALLBACK_URL"])
    assert host is not None
    assert host[1] == variables["MOCKSERVER_CALLBACK_HOSTS"] == "shop"
    assert shop["depends_on"] == {"mockserver": {"condition": "service_healthy"}}
    dockerfile = (pages.ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "HEALTHCHECK" in dockerfile
    (volume,) = re.findall(r"^VOLUME (.*)$", dockerfile, re.MULTILINE)
    assert ours["volumes"] == [f"mockserver:{volume}"]
    assert variables["MOCKSERVER_DATABASE"].startswith(f"{volume}/")

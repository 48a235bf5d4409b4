"""`mockserver run` against Billogram's sandbox: hosts, credentials, levels (reference: control 9)."""

import asyncio
import json
import os
import socket
import traceback
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mockserver import Mockserver
from mockserver.cli import run as command
from mockserver.cli import sandbox
from mockserver.cli.main import main
from mockserver.cli.sandbox import SANDBOX, SandboxClient, Unsafe
from mockserver.stories.caller import operations
from mockserver.stories.operations import OPERATIONS

USER, KEY = "user-5f3a", "key-hunter2"

REFUSED = [
    "https://billogram.com",
    "https://billogram.com/api/v2",
    "http://sandbox.billogram.com",
    "https://sandbox.billogram.com:8443",
    "https://sandbox.billogram.com:443",
    "https://sandbox.billogram.com.evil.example",
    "https://sandbox.billogram.com@evil.example",
    f"https://{USER}:{KEY}@sandbox.billogram.com",
    "https://127.0.0.1@billogram.com",
    "https://sandbox.billogram.com/other",
    "https://sandbox.billogram.com./",
    "https://sandbox.billogram.com%2eevil.example",
    "https://sandbox-billogram.com",
    "https://sаndbox.billogram.com",  # noqa: RUF001  # a Cyrillic letter, which is the point
    "https://xn--sndbox-3nf.billogram.com",
    "https://www.sandbox.billogram.com",
    "https://93.184.216.34",
    "http://0x7f000001",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://10.0.0.1:8080",
    "http://0.0.0.0:8080",
    "http://[2001:db8::1]",
    "http://mock.example.com",
]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is looked up."""

    def no_name(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    monkeypatch.delenv(sandbox.USER, raising=False)
    monkeypatch.delenv(sandbox.KEY, raising=False)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str]:
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments])
    told = capsys.readouterr()
    return ended.value.code, told.out + told.err


@pytest.mark.parametrize("address", REFUSED)
def test_other_hosts_are_refused_before_a_name_is_looked_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(sandbox.USER, USER)
    monkeypatch.setenv(sandbox.KEY, KEY)
    code, told = run(
        capsys, "nothing-to-pay", "--base-url", address, "--write=send", "--mailbox", "me@example.com"
    )
    assert code == 2
    assert "is refused" in told or "argument --base-url" in told
    assert KEY not in told


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (SANDBOX, True),
        (f"{SANDBOX}/", True),
        (f"{SANDBOX}/api/v2", True),
        ("http://127.0.0.1:8080", False),
        ("http://127.0.0.2/api/v2", False),
        ("https://localhost:1", False),
        ("http://[::1]:8080", False),
    ],
)
def test_the_sandbox_and_loopback_are_allowed(address: str, *, expected: bool) -> None:
    assert sandbox.is_sandbox(address) is expected


GIVEN = ("--base-url", SANDBOX)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "sends: allow it on https://sandbox.billogram.com with --write=send"),
        (("--write",), "sends: allow it on https://sandbox.billogram.com with --write=send"),
        (("--write=send",), "name the address that gets all of it with --mailbox"),
        (("--write=send", "--mailbox", "me@example.com"), "the sandbox needs credentials"),
        (("--account", f"{USER}:{KEY}"), "credentials of the sandbox are no argument"),
        (("--mailbox", "me"), "argument --mailbox: must be an e-mail address"),
    ],
)
def test_levels(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str) -> None:
    code, told = run(capsys, "nothing-to-pay", *GIVEN, *options)
    assert code == 2
    assert said in told
    assert KEY not in told


def test_what_needs_the_control_plane(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(capsys, "pay-in-parts", *GIVEN, "--write=send", "--mailbox", "me@example.com")
    assert code == 2
    assert "has no control plane, which pay-in-parts can't do without" in told


@pytest.mark.parametrize("option", [("--write",), ("--mailbox", "a@b"), ("--credentials", "none")])
def test_options_of_the_sandbox_elsewhere(
    capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    code, told = run(capsys, "nothing-to-pay", *option)
    assert code == 2
    assert f"{option[0]} is for --base-url {SANDBOX}" in told


BODIES = [
    ({"on_success": {"command": "send", "method": "Letter"}}, "Letter"),
    ({"method": "SMS+Letter"}, "SMS+Letter"),
    ({"callbacks": {"url": "https://example.com"}}, "callbacks"),
]


async def _refused(body: Any) -> None:
    async with SandboxClient("http://127.0.0.1:9", USER, KEY, "me@example.com") as client:
        await client.call(operations(OPERATIONS)["createBillogram"], body=body)


@pytest.mark.parametrize(("body", "said"), BODIES)
def test_nothing_goes_to_an_address_that_was_not_named(body: Any, said: str) -> None:
    with pytest.raises(Unsafe, match=said.replace("+", r"\+")):
        asyncio.run(_refused(body))


@pytest.mark.parametrize("text", [f"{USER}:{KEY}", f"{USER}:{KEY}\n"])
def test_credentials_of_a_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials"
    path.write_text(text)
    path.chmod(0o600)
    assert sandbox.credentials(str(path), {}) == (USER, KEY)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f"{USER}:{KEY}", 0o640, "can be used by others"),
        (f"{USER}:{KEY}", 0o602, "can be used by others"),
        (USER, 0o600, "needs credentials"),
        (f":{KEY}", 0o600, "needs credentials"),
        (f"{USER}:{KEY}\nmore", 0o600, "needs credentials"),
        (None, 0o600, "can't be read"),
    ],
)
def test_a_bad_file_of_credentials(tmp_path: Path, text: str | None, mode: int, said: str) -> None:
    path = tmp_path / "credentials"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(Unsafe, match=said) as refused:
        sandbox.credentials(str(path), {})
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("crash", [False, True])
def test_a_run_replaces_addresses_and_shows_no_credentials(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, crash: bool
) -> None:
    """A server on this machine stands in for the sandbox."""
    monkeypatch.undo()
    report = tmp_path / "report.xml"
    with Mockserver(clock="frozen") as server:
        base = server.url.removesuffix("/api/v2")
        monkeypatch.setattr(sandbox, "SANDBOX", base)
        monkeypatch.setenv(sandbox.USER, USER)
        monkeypatch.setenv(sandbox.KEY, KEY)
        options = ("--base-url", base, "--write=send", "--mailbox", "me@example.com", "--report", str(report))
        if crash:

            def fail(*_: object) -> NoReturn:
                raise RuntimeError("a bug")

            monkeypatch.setattr(command, "basic", fail)
            with pytest.raises(RuntimeError) as failed:
                main(["run", "nothing-to-pay", *options])
            told = capsys.readouterr()
            shown = told.out + told.err + "".join(traceback.format_exception(failed.value))
        else:
            code, shown = run(capsys, "nothing-to-pay", *options)
            assert code == 0, shown
            requests = server.control("GET", f"/accounts/{USER}/requests")
            paths = [f"/accounts/{USER}/requests/{each['id']}" for each in requests]
            sent = json.dumps([server.control("GET", path) for path in paths])
            assert "me@example.com" in sent
            assert "contact@example.com" not in sent
            shown += report.read_text(encoding="utf-8")
    assert KEY not in shown
    assert sandbox.KEY in os.environ

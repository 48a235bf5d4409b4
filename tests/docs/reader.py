"""Somebody who follows a page word by word, in a folder of their own.

`sh` blocks go to one bash, `python` blocks to a Python of their own. A block with a file name behind its
language is saved under that name. A block that begins with `make run` or `mockserver serve` starts the
server, and stops the one before, unless it has a `--port` of its own. One that begins with `mockserver
listen` or `env`, or runs a saved program that listens, is another terminal: it runs on until the page ends.
`http://127.0.0.1:8080` stands for the address of the server, which is also `$MOCK`; the ports 8090 to 8099
stand for free ones.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from tests.docs.pages import Block
from tests.e2e import served
from tests.e2e.served import PATIENCE, Served, clean_environment

ADDRESS = "http://127.0.0.1:8080"
_SERVER = ("make run", "mockserver serve")
_END = "=== the end of a block ==="


class Terminal:
    """A program in another terminal."""

    def __init__(self, block: Block, words: list[str], port: int, home: Path, env: dict[str, str]) -> None:
        self.block = block
        self._shown = home / f"terminal-{port}"
        with self._shown.open("wb") as out:
            self._process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, cwd=home, env=env)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionError:
                ended = self._process.poll() is not None or time.monotonic() > deadline
                if ended:
                    self._process.kill()
                    raise AssertionError(f"{block.place}: {self._shown.read_text()}") from None
                time.sleep(0.01)

    def close(self) -> str:
        """End it; what it has shown."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
        return self._shown.read_text()


class _Server(Served):
    """The server of an environment of Python."""

    def __init__(self, python: str, *arguments: str, cwd: Path) -> None:
        self.command = (python, "-m", "mockserver")
        super().__init__(*arguments, cwd=cwd)


class Reader:
    """Follows the blocks of one page."""

    def __init__(self, home: Path, *, python: str = sys.executable) -> None:
        (home / ".curlrc").write_text(f"max-time = {PATIENCE}\n")
        self._home = home
        self._python = python
        self._environment = clean_environment(
            HOME=str(home),
            CURL_HOME=str(home),
            NO_PROXY="127.0.0.1",
            PATH=f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
            PYTHONUNBUFFERED="1",
        )
        self._ports: dict[str, int] = {}
        self._listens_on: dict[str, int] = {}  # which port a saved program listens on
        self._server: Served | None = None
        self._beside_it: dict[str, Served] = {}  # by the address that the page writes
        self._terminals: list[Terminal] = []
        self._bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            env=self._environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._bash:
            self._bash.kill()
        for terminal in self._terminals:
            terminal.close()
        for server in (*self._beside_it.values(), *filter(None, [self._server])):
            server.kill()

    def follow(self, block: Block) -> None:
        """Do what a block says, and look whether it shows what it should."""
        said = block.text if self._server is None else block.text.replace(ADDRESS, self._server.address)
        for written, server in self._beside_it.items():
            said = said.replace(written, server.address)
        said = re.sub(r"\b809\d\b", lambda found: str(self._port(found[0])), said)
        for written in re.findall(r"\b809\d\b", block.text) if block.file else ():
            self._listens_on[block.file] = self._port(written)
        block = replace(block, text=said)
        if block.file:
            (self._home / block.file).write_text(said)
        elif block.language == "python":
            _compare(block, self._run_python(said))
        elif said.startswith(_SERVER):
            self._serve(shlex.split(said, comments=True))
        elif self._runs_on(said):
            self._beside(block, shlex.split(said, comments=True))
        else:
            _compare(block, self._shell(said))

    def finish(self) -> None:
        """End the other terminals, and look whether they showed what they should."""
        while self._terminals:
            terminal = self._terminals.pop()
            _compare(terminal.block, terminal.close())

    def _port(self, written: str) -> int:
        if written not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._ports[written] = free.getsockname()[1]
        return self._ports[written]

    def _serve(self, words: list[str]) -> None:
        arguments = words[2:]
        if words[0] == "make":
            arguments = [each for word in arguments for each in shlex.split(word.removeprefix("ARGS="))]
            # it makes the environment that this reader has already
            (self._home / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
            (self._home / ".venv" / "bin" / "activate").touch()
        if "--port" in arguments:
            at = arguments.index("--port")
            address = f"http://127.0.0.1:{arguments[at + 1]}"
            del arguments[at : at + 2]
            self._beside_it[address] = _Server(self._python, *arguments, cwd=self._home)
            return
        if self._server is not None:
            assert self._server.stop(signal.SIGINT) == (0, "", "")
        self._server = _Server(self._python, *arguments, cwd=self._home)
        self._shell(f"MOCK={self._server.address}")

    def _runs_on(self, said: str) -> bool:
        return said.startswith(("mockserver listen", "env ")) or said.split()[1] in self._listens_on

    def _beside(self, block: Block, words: list[str]) -> None:
        if "--port" in words:
            port = int(words[words.index("--port") + 1])
            words = [*served.COMMAND, *words[1:]] if words[0] == "mockserver" else words
        else:
            port = self._listens_on[words[1]]
            words = [self._python if words[0] == "python" else words[0], *words[1:]]
        self._terminals.append(Terminal(block, words, port, self._home, self._environment))

    def _shell(self, said: str) -> str:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{\n{said}\n}} </dev/null\nprintf '\\n%s\\n' '{_END}'\n")
        self._bash.stdin.flush()
        shown: list[str] = []
        for line in self._bash.stdout:
            if line.rstrip() == _END:
                return "".join(shown)
            shown.append(line)
        raise AssertionError(f"bash gave up at:\n{said}\n{''.join(shown)}")

    def _run_python(self, said: str) -> str:
        done = subprocess.run(
            [self._python, "-c", said],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=self._home,
            env=self._environment,
        )
        assert done.returncode == 0, f"{said}\n{done.stderr}"
        return done.stdout


def _compare(block: Block, shown: str) -> None:
    place = 0
    for words in block.expected:
        assert words in shown[place:], f"{block.place}: no {words} in {shown[place:]}"
        place = shown.index(words, place) + len(words)

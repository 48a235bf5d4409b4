"""A server that is killed while it opens an account or writes its checkpoint: nothing is lost."""

import random
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.test_killed import Client, Process, Unanswered

CUSTOMERS = 1200  # more acts than a checkpoint is written after
ROUNDS = 4


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with an account that is worth a checkpoint, killed before there is one."""
    file = tmp_path_factory.mktemp("filled") / "log.db"
    server = Process(file)
    with Client(server.port, "big") as client:
        for number in range(CUSTOMERS):
            client.data("POST", "/customer", {"name": f"Customer {number}"})
    server.kill()
    return file


def test_kills_while_an_account_is_opened_and_its_checkpoint_written(filled: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    added = 0
    for _ in range(ROUNDS):
        server = Process(filled)
        # the first reads take some tenths of a second; half a second later the checkpoint is written
        timer = threading.Timer(rng.uniform(0.0, 1.2), server.kill)
        timer.start()
        try:
            with Client(server.port, "big") as client:
                while True:
                    client.data("POST", "/customer", {"name": f"Added {added}", "customer_no": 5000 + added})
                    added += 1
                    threading.Event().wait(rng.choice((0.0, 0.0, 0.7)))
        except Unanswered:
            timer.join()
        server = Process(filled)
        with Client(server.port, "big") as client:
            rows, meta = client.all("/customer")
            numbers = [row["customer_no"] for row in rows]
            assert numbers[:CUSTOMERS] == list(range(1, CUSTOMERS + 1))
            answered = list(range(5000, 5000 + added))
            assert numbers[CUSTOMERS:] in (
                answered,
                [*answered, 5000 + added],
            )  # one may not have been answered
            added = len(numbers) - CUSTOMERS
            assert meta["total_count"] == len(numbers)
        server.kill()
    command = [sys.executable, "-m", "mockserver", "database", "check", str(filled)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

"""What several tests of the kit do."""

import re
from typing import Any

import pytest

from mockserver import BillogramAccount


def sent(account: BillogramAccount, **more: Any) -> str:
    """The id of a sent billogram over 125 kronor."""
    person = {"name": "Test Customer AB", "contact": {"email": "contact@example.com"}}
    number = account.http.post("/customer", json=person).json()["data"]["customer_no"]
    body = {
        "customer": {"customer_no": number},
        "items": [{"title": "Shovel", "count": 1, "price": 100, "vat": 25}],
        "on_success": {"command": "send", "method": "Email"},
        **more,
    }
    answer = account.http.post("/billogram", json=body)
    assert answer.status_code == 200, answer.text
    key: str = answer.json()["data"]["id"]
    return key


def tracebacks(result: pytest.RunResult) -> dict[str, int]:
    """How many tracebacks of an application the reports of each test have."""
    # the summary repeats the messages where the variable CI is set
    text = result.stdout.str().partition("short test summary info")[0]
    reports = re.split(r"^_+ (?:ERROR at teardown of )?(test_\w+).*? _+$", text, flags=re.MULTILINE)
    shown: dict[str, int] = {}
    for name, report in zip(reports[1::2], reports[2::2], strict=True):
        shown[name] = shown.get(name, 0) + report.count("Traceback (most recent call last)")
    return shown

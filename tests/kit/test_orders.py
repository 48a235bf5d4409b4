"""Every order of a test's webhooks: what is tried, and what is found (reference: control 3)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.kit import orders
from mockserver.kit.orders import Order, flat
from tests.kit.test_plugin import run
from tests.kit.test_plugin import suite as suite  # a fixture

pytest_plugins = ["pytester"]

# which orders are tried

groups = st.lists(st.integers(0, 5), max_size=4)


def named(sizes: list[int]) -> Order:
    return tuple(tuple(f"{number}.{place}" for place in range(n)) for number, n in enumerate(sizes))


@given(groups, st.integers(0, 2**40), st.integers(1, 40))
def test_they_are_different_bounded_and_grow(sizes: list[int], seed: int, most: int) -> None:
    base = named(sizes)
    found = orders.orders(base, seed, most)
    assert found == orders.orders(base, seed, most), "of the same seed"
    assert len(set(found)) == len(found) <= most
    assert base not in found
    measured = [orders.size(base, order) for order in found]
    assert measured == sorted(measured)
    for order in found:
        assert [set(group) for group in order] == [set(group) for group in base], (
            "nothing is lost or moved away"
        )
        assert all(group.count(key) <= 2 for group in order for key in group), "one copy each"
    if any(sizes):
        assert measured[0] == 1


@given(groups, st.integers(0, 2**40))
def test_each_can_be_made_smaller_step_by_step(sizes: list[int], seed: int) -> None:
    base = named(sizes)
    for order in orders.orders(base, seed, 12):
        size = orders.size(base, order)
        steps = list(orders.smaller(base, order))
        assert len(steps) == size
        assert {orders.size(base, step) for step in steps} == {size - 1}
        assert orders.differences(flat(base), flat(order), str)


def test_few_webhooks_have_all_their_small_orders_tried() -> None:
    base: Order = (("a", "b", "c"),)
    found = orders.orders(base, 1, 24)
    small = {flat(order) for order in found if orders.size(base, order) == 1}
    moved = {tuple(text) for text in ("bac", "acb", "bca", "cab")}
    copied = {tuple(text) for text in ("aabc", "abac", "abca", "abbc", "abcb", "abcc")}
    assert small == moved | copied
    assert len(found) == 24
    assert orders.orders((("a",),), 1, 24) == [(("a", "a"),)], "there are no more"


@given(groups, st.integers(0, 2**40), st.integers(1, 40))
def test_late_ones(sizes: list[int], seed: int, most: int) -> None:
    base = named(sizes)
    late = {group[0]: range(number + 1, len(base)) for number, group in enumerate(base[:-1]) if group}
    found = orders.orders(base, seed, most, late)
    assert found == orders.orders(base, seed, most, late)
    assert len(set(found)) == len(found) <= most
    for order in found:
        assert set(flat(order)) == set(flat(base))
        moved = orders.late_ones(base, order)
        assert set(moved) <= set(late)
        for key in moved:
            (number,) = [number for number, group in enumerate(order) if key in group]
            assert number in late[key]
        size = orders.size(base, order)
        assert size > 0
        assert {orders.size(base, step) for step in orders.smaller(base, order)} == {size - 1}
    if late and most >= 24 and len(flat(base)) < 4:
        assert any(orders.late_ones(base, order) for order in found)


def test_another_seed_has_other_orders() -> None:
    base = named([4, 3])
    assert set(orders.orders(base, 1, 24)) != set(orders.orders(base, 2, 24))


@pytest.mark.parametrize(
    ("came", "words"),
    [
        ("abcd", []),
        ("abdc", ["d came before c"]),
        ("bcda", ["d came before a"]),
        ("dabc", ["d came before a"]),
        ("aabcd", ["a came twice"]),
        ("abcda", ["a came twice, again after d"]),
        ("baccdc", ["b came before a", "c came 3 times"]),
        ("abd", []),
        ("abxcd", []),
    ],
)
def test_in_words(came: str, words: list[str]) -> None:
    assert orders.differences("abcd", came, str) == words


# what they find

SHOP = """
import json

class Shop:
    '''Books payments from webhooks; with one bug, or none.'''

    def __init__(self, bug=None):
        self.bug = bug
        self.paid, self.seen, self.ended, self.came = {}, set(), set(), []

    def take(self, body):
        call = json.loads(body)
        name, key, number = call["event"]["type"], call["billogram"]["id"], call["callback_id"]
        self.came.append(name)
        new = number not in self.seen
        self.seen.add(number)
        if self.bug == "breaks" and not new:
            return 500
        if self.bug == "trusts" and key in self.ended:
            return 200
        if name == "Payment" and (new or self.bug == "counts"):
            self.paid[key] = self.paid.get(key, 0) + call["event"]["data"]["amount"]
        if name == "BillogramEnded":
            self.ended.add(key)
        return 200

    def __call__(self, environ, start):
        start(f"{self.take(environ['wsgi.input'].read())} Answer", [])
        return [b""]

    def asgi(self):
        async def app(scope, receive, send):
            status = self.take((await receive())["body"])
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        return app
"""


def section(result: pytest.RunResult) -> str:
    """What the reports say of the orders, with short ids."""
    said = "\n".join(
        re.findall(r"^-+ billogram orders -+\n(.*?)^-+ ", result.stdout.str(), re.MULTILINE | re.DOTALL)
    )
    return re.sub(r"\b(?=\w*[A-Za-z])\w{8}\b(?=,|$| came)", "ID", said, flags=re.MULTILINE)


STORIES = """
import pytest
from helper import sent
from shop import Shop

pytestmark = pytest.mark.billogram_orders

def paid(billogram, shop):
    billogram.deliver_to(shop)
    key = sent(billogram)
    billogram.pay(key, 125)
    billogram.webhooks.wait("BillogramEnded")
    assert shop.paid == {key: 125}

def test_good(billogram):
    paid(billogram, Shop())

def test_trusts(billogram):
    paid(billogram, Shop("trusts"))

def test_counts(billogram):
    paid(billogram, Shop("counts"))

def test_breaks(billogram):
    paid(billogram, Shop("breaks"))
"""


def test_bugs_are_found_with_the_smallest_order(suite: pytest.Pytester) -> None:
    suite.makepyfile(shop=SHOP)
    result = run(suite, STORIES)
    result.assert_outcomes(passed=2, failed=2, errors=1)
    said = section(result)
    assert (
        "  BillogramEnded ID came before Payment ID\noriginal order: BillogramCreated ID, BillogramSent ID, "
        in said
    )
    assert "failing order:  BillogramCreated ID, BillogramSent ID, BillogramEnded ID, Payment ID\n" in said
    assert "(1 order was tried" in said or re.search(r"\(\d+ orders were tried", said)
    assert re.search(r"^  Payment ID came twice(, again after \w+ ID)?$", said, re.MULTILINE)
    assert re.search(r"^  a copy of \w+ \w{8}: 500$", result.stdout.str(), re.MULTILINE)
    again = run(suite, STORIES)
    assert section(again) == said, "the same orders in every run"


def test_a_test_is_not_broken_by_copies_itself(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        import pytest
        from helper import sent

        @pytest.mark.billogram_orders(max=60)
        def test_it(billogram):
            key = sent(billogram)
            for amount in (25, 50):
                billogram.pay(key, amount)
                hook = billogram.webhooks.wait("Payment", billogram=key)
                assert hook.json["event"]["data"]["amount"] == amount
            hooks = billogram.webhooks.wait("BillogramEvent", count=4)
            assert len({hook.callback_id for hook in hooks}) == len(hooks) == 4
        """,
    )
    result.assert_outcomes(passed=1)


def test_an_order_of_two_changes_is_made_small(suite: pytest.Pytester) -> None:
    """Broken by one webhook twice and another too early: the larger orders find it, and lose the rest."""
    result = run(
        suite,
        """
        import json
        import pytest
        from helper import sent

        @pytest.mark.billogram_orders(max=60)
        def test_it(billogram):
            came = []
            def app(environ, start):
                came.append(json.loads(environ["wsgi.input"].read())["event"]["type"])
                start("200 OK", [])
                return [b""]
            billogram.deliver_to(app)
            key = sent(billogram)
            billogram.pay(key, 125)
            billogram.webhooks.wait("BillogramEnded")
            early = came.index("BillogramEnded") < came.index("Payment")
            assert not (early and came.count("BillogramSent") == 2)
        """,
    )
    result.assert_outcomes(failed=1)
    said = section(result)
    (changes,) = re.findall(r"failed\):\n(.*)original order", said, re.DOTALL)
    assert re.fullmatch(
        r"  BillogramEnded ID came before Payment ID\n  BillogramSent ID came twice(, again after .*)?\n",
        changes,
    )


LATE = """
import pytest
from helper import sent
from shop import Shop

def story(billogram, shop):
    billogram.deliver_to(shop)
    key = sent(billogram)
    billogram.webhooks.wait("BillogramSent")
    billogram.pay(key, 125)
    billogram.webhooks.wait("Payment")
    billogram.webhooks.none("Overdue")
    assert shop.came[-1] != "BillogramCreated"

@pytest.mark.billogram_orders
def test_in_time(billogram):
    story(billogram, Shop())

@pytest.mark.billogram_orders(late=True)
def test_late(billogram):
    story(billogram, Shop())
"""


def test_a_webhook_may_come_after_those_that_are_waited_for(suite: pytest.Pytester) -> None:
    suite.makepyfile(shop=SHOP)
    result = run(suite, LATE)
    result.assert_outcomes(passed=1, failed=1)
    said = section(result)
    assert "  BillogramCreated ID came only after the test had waited for others\n" in said
    (came,) = re.findall(r"^failing order:  (.*)$", said, re.MULTILINE)
    assert came.split(", ")[0] == "BillogramSent ID"
    assert came.split(", ")[-1] == "BillogramCreated ID"


ASYNCHRONOUS = """
import pytest
from helper import sent
from shop import Shop

pytestmark = [pytest.mark.KIND, pytest.mark.billogram_orders(max=12)]

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def paid(billogram, shop):
    billogram.deliver_to(shop.asgi())
    key = sent(billogram)
    billogram.pay(key, 125)
    await billogram.webhooks.wait_async("BillogramEnded")
    await billogram.webhooks.none_async("Overdue")
    assert shop.paid == {key: 125}

async def test_good(billogram):
    await paid(billogram, Shop())

async def test_trusts(billogram):
    await paid(billogram, Shop("trusts"))

async def test_not_waiting(billogram):
    billogram.deliver_to(Shop().asgi())
    sent(billogram)
    assert len(billogram.webhooks.all()) < 3
"""


@pytest.mark.parametrize("kind", ["asyncio", "anyio"])
def test_asynchronous_tests(suite: pytest.Pytester, kind: str) -> None:
    suite.makepyfile(shop=SHOP)
    result = run(suite, ASYNCHRONOUS.replace("KIND", kind))
    result.assert_outcomes(passed=2, failed=1)
    assert "  BillogramEnded ID came before Payment ID\n" in section(result)


# how a test is run again

AGAIN = """
import json, pathlib
import pytest
from helper import sent
from shop import Shop

def told(**what):
    with open(pathlib.Path(__file__).parent / "told", "a") as file:
        file.write(json.dumps(what) + "\\n")

@pytest.fixture(scope="module", autouse=True)
def module():
    told(module="up")
    yield
    told(module="down")

@pytest.fixture
def shop(tmp_path):
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "books").write_text("")
    yield Shop()

class TestShop:
    done = False

    @pytest.mark.billogram_orders(max=6)
    @pytest.mark.parametrize("amount", [50, 125])
    def test_it(self, billogram, shop, amount):
        assert not self.done, "an instance of its own"
        self.done = True
        billogram.deliver_to(shop)
        key = sent(billogram)
        billogram.webhooks.none("Payment")
        billogram.pay(key, amount)
        billogram.webhooks.wait("BillogramEnded" if amount == 125 else "Payment")
        told(amount=amount, seed=billogram.seed, user=billogram.user, came=shop.came, key=key)

@pytest.mark.billogram_orders
def test_without_webhooks(billogram):
    told(nothing=True)

def test_after_it():
    pass
"""


def told(folder: Path) -> list[Any]:
    lines = (folder / "told").read_text().splitlines()
    (folder / "told").unlink()
    return [json.loads(line) for line in lines]


def test_each_turn_is_a_test_of_its_own(suite: pytest.Pytester) -> None:
    suite.makepyfile(shop=SHOP)
    result = run(suite, AGAIN, "--junitxml=report.xml")
    result.assert_outcomes(passed=4)
    up, *turns, nothing, down = told(suite.path)
    assert (up, nothing, down) == ({"module": "up"}, {"nothing": True}, {"module": "down"})
    for amount, number in ((50, 6), (125, 6)):
        mine = [turn for turn in turns if turn["amount"] == amount]
        assert len(mine) == 1 + number
        assert len({(turn["seed"], turn["user"], turn["key"]) for turn in mine}) == 1, "the same account"
        came = [turn["came"] for turn in mine]
        assert all(row[:2] in (["BillogramCreated", "BillogramSent"], row[:2]) for row in came)
        assert len({json.dumps(row) for row in came[1:]}) == number, "each order once"
        for row in came:
            rest = {"Payment", "BillogramEnded"} if amount == 125 else {"Payment"}
            first = [each for each in row if each not in rest]
            assert set(first) == {"BillogramCreated", "BillogramSent"}
            assert row[: len(first)] == first, "what came at an earlier look stays before it"
    report = (suite.path / "report.xml").read_text()
    assert report.count('<property name="billogram_orders" value="6"') == 2
    suite.runpytest_subprocess("-n", "2", "-p", "no:randomly", timeout=60).assert_outcomes(passed=4)
    spread = [turn for turn in told(suite.path) if "came" in turn]
    key = json.dumps
    assert sorted(key(turn["came"]) for turn in spread) == sorted(key(turn["came"]) for turn in turns)


OTHERWISE = """
import time
import pytest
from helper import sent
from shop import Shop

turns = []

@pytest.mark.billogram_orders
def test_fails_as_it_is(billogram):
    turns.append(1)
    sent(billogram)
    assert False

@pytest.mark.billogram_orders
def test_skips(billogram):
    turns.append(1)
    pytest.skip("not today")

@pytest.mark.xfail(strict=True)
@pytest.mark.billogram_orders
def test_is_known_to_count(billogram):
    shop = Shop("counts")
    billogram.deliver_to(shop)
    key = sent(billogram)
    billogram.pay(key, 25)
    billogram.webhooks.wait("Payment")
    assert shop.paid == {key: 25}

@pytest.mark.billogram_orders(max=3)
def test_resets(billogram):
    shop = Shop()
    billogram.deliver_to(shop)
    sent(billogram)
    deadline = time.monotonic() + 30
    while turns[-1] != "reset" and len(shop.came) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)  # as it is, what was not sent is dropped by a reset
    billogram.control("POST", "/reset", {})
    assert set(shop.came) == {"BillogramCreated", "BillogramSent"}, "a reset looks, too"
    turns.append("reset")
    shop.came.clear()
    sent(billogram)
    billogram.webhooks.wait("BillogramSent", count=2)
    assert set(shop.came) == {"BillogramCreated", "BillogramSent"}

@pytest.mark.billogram_orders(max=3)
def test_does_not_look(billogram):
    shop = Shop()
    billogram.deliver_to(shop)
    sent(billogram)
    if turns[-1] == "again":
        assert shop.came
    turns.append("again")

@pytest.mark.billogram_orders(max=0)
def test_bad_marker(billogram):
    turns.append(1)

@pytest.mark.billogram_orders
def test_without_the_fixture():
    turns.append(1)

def test_turns():
    assert turns.count(1) == 2
"""


def test_what_ends_a_test_otherwise(suite: pytest.Pytester) -> None:
    suite.makepyfile(shop=SHOP)
    result = run(suite, OTHERWISE)
    result.assert_outcomes(passed=2, failed=2, skipped=1, xfailed=1, errors=2)
    shown = result.stdout.str()
    assert shown.count(" billogram orders -") == 1
    assert (
        "  the order is the same, but webhooks came only when the test looked at them, or at its end" in shown
    )
    assert "knows max, a number from 1 to 1000, and late, True or False" in shown
    assert "the marker billogram_orders is for tests with the fixture billogram" in shown


def test_a_fixture_of_the_module_that_fails_at_its_end(suite: pytest.Pytester) -> None:
    result = run(
        suite,
        """
        import pytest

        @pytest.fixture(scope="module")
        def module():
            yield
            raise ZeroDivisionError

        @pytest.mark.billogram_orders
        def test_it(billogram, module):
            billogram.http.get("/settings")
        """,
    )
    result.assert_outcomes(passed=1, errors=1)


def test_a_test_that_polls_gets_its_webhooks(suite: pytest.Pytester) -> None:
    suite.makepyfile(shop=SHOP)
    result = run(
        suite,
        """
        import time
        import pytest
        from helper import sent
        from shop import Shop

        @pytest.mark.billogram_orders(max=1)
        def test_it(billogram):
            shop = Shop()
            billogram.deliver_to(shop)
            sent(billogram)
            deadline = time.monotonic() + 20
            while len(shop.seen) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert set(shop.came) == {"BillogramCreated", "BillogramSent"}
        """,
    )
    result.assert_outcomes(passed=1)

"""Nothing is left out: endpoints, members, error codes, options and variables stand in the documentation."""

import argparse
import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.cli.main import _parser
from mockserver.cli.options import SERVE
from mockserver.control import (
    accounts,
    action_shapes,
    bank,
    billograms,
    callbacks,
    clock,
    coverage,
    customers,
    deliveries,
    diff,
    documents,
    explain_shapes,
    faults,
    machine,
    outbox,
    overview,
    payments,
    policy,
    recipient,
    requests,
    server,
    simulate,
    snapshots,
    tabs,
    timeline,
)
from mockserver.control.call import ControlOperation
from mockserver.control.edge import BASE
from mockserver.stories import scenario_endpoints
from mockserver.stories.operations import OPERATIONS
from tests.docs import pages

CONTROL = "docs/control-plane.md"
PACKAGE = re.compile(r"billogram[-_.]mockserver", re.IGNORECASE)
FETCH = re.compile(
    r"\b(pip3?|pipx|uvx?|poetry|pdm|rye|conda|mamba|easy_install)\b|\b(image:|docker (pull|run))"
)

# the bodies that the operations read and what they answer with: every member must be explained
MEMBERS: dict[str, list[Any]] = {
    "info": [server.ServerInfoShape, server.InfoCountsShape],
    "createAccount": [
        accounts.AccountBody,
        accounts.AccountPatch,
        accounts.ClockStart,
        accounts.FeatureSwitches,
    ],
    "getAccount": [accounts.AccountShape, accounts.CountsShape, accounts.OriginShape],
    "changeAccount": [accounts.AccountPatch],
    "resetAccount": [accounts.ResetBody],
    "getClock": [clock.ClockShape],
    "setClock": [clock.ClockBody],
    "advanceClock": [clock.AdvanceBody, clock.MovedShape, clock.HappenedShape],
    "getAgenda": [clock.DueShape],
    "getMockCustomer": [customers.CustomerInternalShape],
    "listTabs": [tabs.TabShape],
    "listDocuments": [documents.DocumentShape],
    "listActions": [
        action_shapes.ActionsShape,
        action_shapes.AllowedActionShape,
        action_shapes.EffectShape,
        action_shapes.RefusedActionShape,
        explain_shapes.StepShape,
    ],
    "getMockBillogram": [
        billograms.BillogramInternalShape,
        billograms.TakenShape,
        billograms.LossesShape,
    ],
    "getMachine": [machine.MachineShape, machine.TransitionShape],
    "getOverview": [
        overview.OverviewShape,
        overview.StateCountShape,
        overview.CurrencyShape,
        overview.MonthShape,
    ],
    "createPayment": [payments.PaymentBody, payments.Share],
    "allocatePayment": [payments.AllocateBody],
    "simulateBillogram": [simulate.MessageBody, simulate.ViewBody],
    "simulateCustomer": [simulate.RecurringBody],
    "recallPayment": [bank.RecallBody, bank.RecallShape],
    "listRecallOptions": [bank.RecallOptionShape],
    "setOutcomes": [bank.OutcomesBody, bank.MatchBody, bank.ThenBody],
    "listMockPaymentSources": [bank.SourceShape],
    "changeMockPaymentSource": [bank.SourcePatch],
    "getTimeline": [timeline.TimelineShape, timeline.ChangeShape],
    "getCallbacks": [callbacks.CallbacksBody, callbacks.AccountCallbacksShape],
    "getInbox": [deliveries.InboxShape],
    "listDeliveries": [deliveries.DeliveryShape, deliveries.AttemptShape, deliveries.SentShape],
    "replayDeliveries": [deliveries.ReplayBody],
    "waitForDeliveries": [deliveries.WaitBody],
    "createSnapshot": [snapshots.SnapshotBody, snapshots.SnapshotShape],
    "diffAccount": [diff.DiffShape, diff.DifferenceShape, diff.MemberShape],
    "getCoverage": [
        coverage.CoverageShape,
        coverage.GroupsShape,
        coverage.GroupShape,
        coverage.SeenShape,
    ],
    "createFault": [faults.FaultBody],
    "listFaults": [],
    "setDeliveryPolicy": [policy.PolicyBody],
    "forkAccount": [snapshots.ForkBody],
    "getOutbox": [outbox.LetterShape],
    "findLink": [recipient.LinkShape],
    "getRecipientPage": [
        recipient.RecipientPageShape,
        recipient.PlannedShape,
        recipient.InvoiceShape,
        recipient.ColumnShape,
        recipient.LineShape,
        recipient.PairShape,
        recipient.HistoryShape,
        recipient.OtherShape,
    ],
    "getRecipientFile": [recipient.FileShape],
    "listScenarios": [scenario_endpoints.ScenarioShape, scenario_endpoints.WorkflowShape],
    "runScenario": [
        scenario_endpoints.RunBody,
        scenario_endpoints.RunShape,
        scenario_endpoints.StepRunShape,
        scenario_endpoints.AskedShape,
        scenario_endpoints.ToldShape,
        scenario_endpoints.CriterionShape,
        scenario_endpoints.ComparedShape,
    ],
    "listRequests": [requests.RequestShape, requests.ExplanationShape],
    "getRequest": [requests.KeptRequestShape],
    "explainRequest": [
        explain_shapes.ExplainedShape,
        explain_shapes.EvidenceShape,
        explain_shapes.ConditionShape,
        explain_shapes.StateShape,
        explain_shapes.AllowedShape,
        explain_shapes.StepShape,
    ],
}


def title(row: ControlOperation) -> str:
    return f"`{row.method} {f'{BASE}{row.path}'.replace('/_mock/accounts/{a}', '…')}`"


def quoted(text: str) -> set[str]:
    """The words that stand as code."""
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w-]+", code)}


# the control plane


def test_every_built_endpoint_has_a_section_of_its_own_and_no_other_has() -> None:
    titles = [name for name, _ in pages.sections(CONTROL) if re.match(r"`[A-Z]+ ", name)]
    assert sorted(titles) == sorted(title(row) for row in OPERATIONS)


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.id)
def test_a_section_names_its_operation_and_every_member(row: ControlOperation) -> None:
    text = dict(pages.sections(CONTROL))[title(row)]
    assert text.lstrip().startswith(f"`{row.id}`. ")
    assert "\n```sh\n" in text
    members = {name for shape in MEMBERS.get(row.id, []) for name in shape.__annotations__}
    assert not members - quoted(text), f"{title(row)} does not explain {sorted(members - quoted(text))}"


def test_a_payment_is_explained() -> None:
    words = quoted(dict(pages.sections(CONTROL))["The bank"])
    assert not {*payments.PaymentShape.__annotations__, *payments.AllocationShape.__annotations__} - words


def test_every_deed_is_named() -> None:
    row = next(row for row in OPERATIONS if row.id == "simulateBillogram")
    assert not set(simulate.BILLOGRAM_SIMULATIONS) - quoted(dict(pages.sections(CONTROL))[title(row)])


def codes() -> Iterator[str]:
    """The code of every ControlError in the source."""
    for path in (pages.ROOT / "mockserver" / "control").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if not (isinstance(node, ast.Call) and isinstance(called, ast.Name)):
                continue
            code = node.args[1 if called.id == "ControlError" else 0] if node.args else None
            if not (isinstance(code, ast.Constant) and isinstance(code.value, str)):
                continue
            if called.id == "ControlError":
                yield code.value
            elif called.id == "unknown":
                yield f"unknown_{code.value}"


def test_every_error_code_is_named() -> None:
    found = set(codes())
    assert {"account_exists", "unknown_payment", "clock_backwards"} <= found
    assert not found - quoted(pages.text(CONTROL))


# the command line


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """`mockserver`, and every command and deed below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


COMMANDS = list(parsers(_parser()))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.prog))
def test_every_option_stands_in_a_section_on_its_command(command: argparse.ArgumentParser) -> None:
    texts = [text for page in pages.PAGES for name, text in pages.sections(page)]
    mine = "\n".join(text for text in texts if command.prog in text)
    assert mine, f"nothing is said of {command.prog}"
    if command.prog == "mockserver serve":
        mine = dict(pages.sections("docs/server.md"))["Options of `mockserver serve`"]
    options = {name for action in command._actions for name in action.option_strings} - {"-h", "--help"}
    missing = {name for name in options if not re.search(rf"{name}(?![\w-])", mine)}
    assert not missing, f"{command.prog}: {sorted(missing)} are not documented"


def test_every_variable_is_named() -> None:
    told = "\n".join(map(pages.text, pages.PAGES))
    known = {option.variable for option in SERVE}
    for path in (*(pages.ROOT / "mockserver").rglob("*.py"), pages.ROOT / "Dockerfile"):
        known |= set(re.findall(r"\bMOCKSERVER_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    missing = {name for name in known if not re.search(rf"\b{name}\b", told)}
    assert not missing


# the pages themselves


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page)):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        there = (pages.ROOT / page).parent.joinpath(path).resolve() if path else pages.ROOT / page
        assert there.is_file(), target
        if fragment:
            assert fragment in pages.anchors(there.relative_to(pages.ROOT).as_posix()), target


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#\s]+)", pages.text(pages.README)))
    assert linked == set(pages.PAGES) - {pages.README}


def instructions() -> Iterator[tuple[str, str]]:
    """Every line that a reader or a tool may take for an instruction, with where it is."""
    files = [pages.ROOT / page for page in pages.PAGES]
    for folder, kinds in (
        ("mockserver", "*.py"),
        ("docs/examples", "*"),
        ("scenarios", "*"),
        ("fixtures", "*"),
    ):
        files += (pages.ROOT / folder).rglob(kinds)
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            for line in file.read_text(encoding="utf-8").splitlines():
                yield str(file.relative_to(pages.ROOT)), line


def from_a_registry(line: str) -> bool:
    """Whether a line names the package, or an image of it, in a way that makes a registry be asked."""
    if PACKAGE.search(line):
        return not re.search(r"billogram_mockserver-\*\.whl", line)
    fetched = FETCH.search(line) is not None and re.search(r"[\w./]*mockserver(:|@|\[|==)[\w.]", line)
    return bool(fetched) and "registry.example.com/" not in line  # a place of the reader's own


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pip install billogram-mockserver", True),
        ("pip install 'billogram-mockserver[pytest]'", True),
        ('test = ["billogram-mockserver[pytest]"]', True),
        ("uv add billogram_mockserver", True),
        ("image: mockserver:0.1.0", True),
        ("docker pull ghcr.io/billogram/mockserver:latest", True),
        ("pip install dist/billogram_mockserver-*.whl", False),
        ("image: registry.example.com/mockserver:0.1.0", False),
        ("docker run --rm -p 127.0.0.1:8080:8080 mockserver", False),
    ],
)
def test_what_asks_a_registry_is_recognised(line: str, expected: bool) -> None:
    assert from_a_registry(line) is expected


def test_nothing_is_installed_from_a_registry_where_it_is_not() -> None:
    assert [each for each in instructions() if from_a_registry(each[1])] == []

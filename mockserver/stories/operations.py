"""All operations of the control plane, including those that use fixtures or scenarios."""

from mockserver.control import accounts, operations
from mockserver.control.call import ControlOperation
from mockserver.stories import account_endpoints, scenario_endpoints

_A = "/accounts/{a}"

OPERATIONS: tuple[ControlOperation, ...] = (
    *operations.OPERATIONS,
    ControlOperation(
        "createAccount",
        "POST",
        "/accounts",
        account_endpoints.create,
        body=accounts.AccountBody,
        answer=accounts.AccountShape,
        status=201,
        example=accounts.EXAMPLE,
        codes=("account_exists", "fixture", "refused"),
        tag="accounts",
    ),
    ControlOperation(
        "resetAccount",
        "POST",
        f"{_A}/reset",
        account_endpoints.reset,
        body=accounts.ResetBody,
        answer=accounts.AccountShape,
        example={},
        codes=("fixture",),
        tag="accounts",
    ),
    ControlOperation(
        "listScenarios",
        "GET",
        "/scenarios",
        scenario_endpoints.listing,
        answer=list[scenario_endpoints.ScenarioShape],
        tag="scenarios",
    ),
    ControlOperation(
        "getScenario",
        "GET",
        "/scenarios/{name}",
        scenario_endpoints.fetch,
        answer=scenario_endpoints.WholeScenarioShape,
        codes=("unknown_scenario", "scenario"),
        tag="scenarios",
    ),
    ControlOperation(
        "runScenario",
        "POST",
        f"{_A}/scenarios/{{name}}/run",
        scenario_endpoints.run,
        body=scenario_endpoints.RunBody,
        answer=scenario_endpoints.RunShape,
        example=scenario_endpoints.RUN,
        codes=("unknown_scenario", "scenario"),
        tag="scenarios",
    ),
)

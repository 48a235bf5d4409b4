"""Reports of scenario runs: text about the failed step, a table, and JUnit."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from msgspec import Struct, json

from mockserver.stories.junit import Case
from mockserver.stories.junit import junit as junit_report
from mockserver.stories.runs import Run, StepRun, count
from mockserver.wire import encode

_COLUMN = 56  # characters: two columns fit side by side
_LINES = 24  # of a body
_FOUND = 80  # characters of a value


class Timed(Struct, frozen=True):
    """A run and its duration."""

    run: Run
    seconds: float


def failure(run: Run) -> str:
    """Describe the failed step with request, answer and criteria; the text is empty if the run passed."""
    if run.status == "passed":
        return ""
    path = list(_path(run.steps))
    step = path[-1]
    lines = [f"{run.scenario}: the step {' > '.join(each.step for each in path)} failed, line {step.line}"]
    if step.description:
        lines.append(f"  {step.description}")
    if step.problem is not None:
        lines.append(f"  {step.problem}")
    if step.request is not None and step.answer is not None:
        lines.append("")
        answered = [f"answer {step.answer.status}", *_body(step.answer.body)]
        asked = [f"{step.request.method} {step.request.path}", *_body(step.request.body)]
        if len(asked[0]) > _COLUMN:  # it has a line of its own, above both columns
            lines.append(f"  {asked[0]}")
            asked[0] = ""
        lines += _side_by_side(asked, answered)
    if step.criteria:
        lines.append("")
        lines += list(_criteria(step))
    return "\n".join(line.rstrip() for line in lines)


def _path(steps: Sequence[StepRun]) -> Iterator[StepRun]:
    """Yield the steps that ran the workflow of the failed step, then the failed step."""
    last = steps[-1]
    yield last
    if last.steps and last.problem is None:
        yield from _path(last.steps)


def _body(body: Any) -> list[str]:
    if body is None:
        return []
    text = body if isinstance(body, str) else json.format(encode(body), indent=2).decode()
    lines = text.splitlines()
    left = len(lines) - _LINES
    return [*lines[:_LINES], f"... {left} more lines"] if left > 1 else lines


def _side_by_side(left: list[str], right: list[str]) -> list[str]:
    rows = zip_longest(left, right, fillvalue="")
    return [f"  {_cut(one, _COLUMN).ljust(_COLUMN)}  {_cut(two, _COLUMN)}" for one, two in rows]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _criteria(step: StepRun) -> Iterator[str]:
    """Yield a table of the expected values and of those that were found."""
    rows = [("", "expected", "found")]
    for criterion in step.criteria:
        for each in criterion.compared:
            problem = each.problem and each.problem.removeprefix(f"{each.what} ")
            found = problem or _cut(encode(each.found).decode(), _FOUND)
            rows.append(("ok" if each.passed else "NOT", f"{each.what} {each.expected}", found))
    width = min(max(len(expected) for _, expected, _ in rows), 2 * _COLUMN)
    for mark, expected, found in rows:
        yield f"  {mark:3}  {expected.ljust(width)}  {found}"


def junit(done: Sequence[Timed]) -> str:
    """Return a JUnit report of all runs."""
    return junit_report("mockserver run", "scenarios", [_case(each) for each in done])


def _case(each: Timed) -> Case:
    text = failure(each.run)
    return Case(each.run.scenario, each.seconds, text.splitlines()[0] if text else None, text)


def table(done: Sequence[Timed]) -> Iterator[str]:
    """Yield one line for each run."""
    width = max(len(each.run.scenario) for each in done)
    for each in done:
        yield (
            f"{each.run.scenario.ljust(width)}  {each.run.status}"
            f"  {count(each.run.steps):3} steps  {each.seconds:6.2f} s"
        )

"""What is told of runs: the step that failed, in words; JUnit."""

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
    """A run, and how long it took."""

    run: Run
    seconds: float


def failure(run: Run) -> str:
    """The step that failed: request, answer and expectation side by side; of a run that passed nothing."""
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
        if len(asked[0]) > _COLUMN:  # it stands alone, and the answer begins below it
            lines.append(f"  {asked[0]}")
            asked[0] = ""
        lines += _beside(asked, answered)
    if step.criteria:
        lines.append("")
        lines += list(_criteria(step))
    return "\n".join(line.rstrip() for line in lines)


def _path(steps: Sequence[StepRun]) -> Iterator[StepRun]:
    """The step that failed, behind the steps that ran its workflow."""
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


def _beside(left: list[str], right: list[str]) -> list[str]:
    rows = zip_longest(left, right, fillvalue="")
    return [f"  {_cut(one, _COLUMN).ljust(_COLUMN)}  {_cut(two, _COLUMN)}" for one, two in rows]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _criteria(step: StepRun) -> Iterator[str]:
    """What was expected, and beside it what was found."""
    rows = [("", "expected", "found")]
    for criterion in step.criteria:
        for each in criterion.compared:
            told = each.problem and each.problem.removeprefix(f"{each.what} ")
            found = told or _cut(encode(each.found).decode(), _FOUND)
            rows.append(("ok" if each.passed else "NOT", f"{each.what} {each.expected}", found))
    width = min(max(len(expected) for _, expected, _ in rows), 2 * _COLUMN)
    for mark, expected, found in rows:
        yield f"  {mark:3}  {expected.ljust(width)}  {found}"


def junit(done: Sequence[Timed]) -> str:
    """All runs, as JUnit has it."""
    return junit_report("mockserver run", "scenarios", [_case(each) for each in done])


def _case(each: Timed) -> Case:
    text = failure(each.run)
    return Case(each.run.scenario, each.seconds, text.splitlines()[0] if text else None, text)


def table(done: Sequence[Timed]) -> Iterator[str]:
    """One line a run."""
    width = max(len(each.run.scenario) for each in done)
    for each in done:
        yield (
            f"{each.run.scenario.ljust(width)}  {each.run.status}"
            f"  {count(each.run.steps):3} steps  {each.seconds:6.2f} s"
        )

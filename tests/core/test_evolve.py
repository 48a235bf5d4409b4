"""`evolve` copies what events say: without any of its lines, a fold of the golden logs is another state."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from mockserver.core import evolve
from mockserver.core.events import EVENTS, AttemptMade, Event
from mockserver.core.state import Change, State
from tests.core.golden_logs import own_log, upgraded_logs

_SOURCE = Path(evolve.__file__).read_text()
_SHOWN = 30  # of each event are tried; and all that change a member which none of these changed
Evolve = Callable[[Any, Event], tuple[Change, ...]]


class Seen:
    """The part of a state that an event was decided on."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.found: dict[tuple[str, Any], Any] = {}

    def find(self, kind: str, key: Any) -> Any:
        if self._state is not None:
            self.found[kind, key] = self._state.find(kind, key)
        return self.found[kind, key]

    def close(self) -> "Seen":
        """From now on nothing else is there."""
        self._state = None  # type: ignore[assignment]
        return self


class Case(Struct):
    """One event, what it was put on, and what it changed."""

    seen: Seen
    event: Event
    changes: tuple[Change, ...]


@cache
def cases() -> tuple[Case, ...]:
    """Of each event a few cases, and all in which it changes a member that it did not change before."""
    found: list[Case] = []
    count: Counter[type] = Counter()
    known: set[tuple[type, str, str]] = set()
    for records in (own_log(), *upgraded_logs().values()):
        state = State()
        for record in records:
            for event in record.events:
                seen = Seen(state)
                changes = evolve.evolve(seen, event)
                members = {(type(event), *each) for each in _changed(seen, changes)}
                count[type(event)] += 1
                if count[type(event)] <= _SHOWN or not members <= known:
                    known |= members
                    found.append(Case(seen.close(), event, changes))
                for change in changes:
                    state.put(*change)
    assert count.keys() == set(EVENTS) - {AttemptMade}, "every event of the fold"
    return tuple(found)


def _changed(seen: Seen, changes: tuple[Change, ...]) -> Iterator[tuple[str, str]]:
    for kind, key, new in changes:
        old = seen.found.get((kind, key))
        if old is None and isinstance(new, Struct):
            yield from ((kind, name) for name in new.__struct_fields__ if getattr(new, name))
        if isinstance(old, Struct) and isinstance(new, Struct):
            yield from (
                (kind, name)
                for name in new.__struct_fields__
                if getattr(old, name, None) != getattr(new, name)
            )


def survives(mutant: Evolve) -> bool:
    """Whether a changed `evolve` does the same in all cases."""
    for case in cases():
        try:
            if mutant(case.seen, case.event) != case.changes:
                return False
        except Exception:  # it fails: that is seen, too
            return False
    return True


# the lines, broken in every way that their form allows


class Break(ast.NodeTransformer):
    """Changes the place with this number, in the order of the tree."""

    def __init__(self, target: int) -> None:
        self._left = target
        self.what = ""

    def _hit(self, node: ast.AST, what: str) -> bool:
        self._left -= 1
        if self._left == -1:
            self.what = f"line {getattr(node, 'lineno', 0)}: {what}: {ast.unparse(node)}"
            return True
        return False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        kept = [each for each in node.keywords if not self._hit(each.value, f"without {each.arg} of")]
        return ast.copy_location(ast.Call(node.func, node.args, kept), node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        pairs = zip(node.keys, node.values, strict=True)
        kept = [each for each in pairs if not self._hit(each[0] or each[1], "without the row")]
        return ast.copy_location(ast.Dict([key for key, _ in kept], [value for _, value in kept]), node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        kept = [each for each in node.elts if not self._hit(each, "without the element")]
        return ast.copy_location(ast.Tuple(kept, node.ctx), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if self._hit(node, "always"):
            return node.body
        return node.orelse if self._hit(node, "never") else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if self._hit(node.test, "always"):
            return node.body
        return node.orelse if self._hit(node.test, "never") else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        for each in node.values:
            if self._hit(each, "only"):
                return each
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        kept = [each for each in node.ifs if not self._hit(each, "without")]
        return ast.comprehension(node.target, node.iter, kept, node.is_async)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """The annotations stay: they do nothing."""
        node.body = [
            line for each in node.body for line in self._lines(self.visit(each)) if not self._dropped(line)
        ]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node

    def _lines(self, made: ast.AST | list[ast.stmt]) -> list[ast.stmt]:
        return made if isinstance(made, list) else [made]  # type: ignore[list-item]

    def _dropped(self, line: ast.stmt) -> bool:
        return isinstance(line, ast.Assign | ast.Return) and self._hit(line, "without the line")


def mutants() -> Iterator[tuple[str, Evolve | None]]:
    """Each break of each line; None for one that can't even be imported."""
    target = 0
    while True:
        tree = ast.parse(_SOURCE)
        broken = Break(target)
        tree = ast.fix_missing_locations(broken.visit(tree))
        if not broken.what:
            break
        names: dict[str, Any] = {"__name__": "broken"}
        try:
            exec(compile(tree, "broken", "exec"), names)
            yield broken.what, names["evolve"]
        except Exception:
            yield broken.what, None
        target += 1


def test_evolve_as_it_is_does_the_same() -> None:
    names: dict[str, Any] = {"__name__": "same"}
    exec(compile(_SOURCE, "same", "exec"), names)
    assert survives(names["evolve"])


def test_no_line_of_evolve_can_be_broken_unseen() -> None:
    tried = list(mutants())
    survivors = [what for what, mutant in tried if mutant is not None and survives(mutant)]
    assert len(tried) > 150
    assert not survivors, "\n".join(survivors)

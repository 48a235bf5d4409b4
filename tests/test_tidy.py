"""The house rules, held over the source."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mockserver.api.commands import COMMANDS
from mockserver.core import machine

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mockserver"
EXAMPLES = ROOT / "docs" / "examples"
CORE, API, CLI = PACKAGE / "core", PACKAGE / "api", PACKAGE / "cli"

MAX_FILE, MAX_FUNCTION = 1500, 60  # lines

LIBRARIES = {"holidays", "msgspec", "stdnum"}  # that core may use, besides the standard library
# what core may not touch: clocks, chance, the world
FORBIDDEN_MODULES = {
    *("asyncio", "logging", "random", "secrets", "socket", "subprocess", "sys", "threading", "time", "uuid"),
    *("glob", "io", "os", "pathlib", "shutil", "sqlite3", "tempfile", "urllib"),
}
FORBIDDEN_NAMES = {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    *("datetime.datetime.fromtimestamp", "datetime.date.today", "datetime.date.fromtimestamp"),
}
FORBIDDEN_CALLS = {"open", "input", "eval", "exec", "hash", "id"}  # hash, id: other values in every process

# modules that imitate nothing: what they do is ours alone, so nobody could have seen it
OURS = {
    *("core/__init__.py", "core/accounts.py", "core/fold.py", "core/format1.py"),
    *("api/__init__.py", "api/cache.py", "api/operations.py"),
}
TAGS = set("DRCSA")  # [D]² is a weaker [D]

Rule = Callable[[Path, str], Iterator[str]]


def sources(folder: Path = PACKAGE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def broken(rule: Rule, paths: list[Path]) -> list[str]:
    """Every place where a rule is broken, as `file:line what`."""
    assert paths
    return [
        f"{path.relative_to(ROOT)}:{problem}"
        for path in paths
        for problem in rule(path, path.read_text(encoding="utf-8"))
    ]


def functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(tree: ast.AST) -> dict[str, str]:
    """What each imported name means: `date` is `datetime.date`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full name that an expression stands for, or nothing."""
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Comments and docstrings, each with its first line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield node.body[0].lineno, text


# the rules


def one_noun(path: Path, source: str) -> Iterator[str]:
    """A file is one noun, however long that is: this finds only what was pasted together by accident."""
    lines = source.count("\n")
    if lines > MAX_FILE:
        yield f"1 {lines} lines"


def short_functions(path: Path, source: str) -> Iterator[str]:
    for node in functions(source):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > MAX_FUNCTION:
            yield f"{node.lineno} {node.name} has {lines} lines"


def never_suspends(path: Path, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        asynchronous = isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        if asynchronous or (isinstance(node, ast.comprehension) and node.is_async):
            yield f"{getattr(node, 'lineno', 0)} {type(node).__name__}"


def pure(path: Path, source: str) -> Iterator[str]:
    tree = ast.parse(source)
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            modules = []
        for module in modules:
            top = module.partition(".")[0]
            foreign = top not in LIBRARIES | sys.stdlib_module_names and not module.startswith(
                "mockserver.core"
            )
            if top in FORBIDDEN_MODULES or foreign:
                yield f"{getattr(node, 'lineno', 0)} imports {module}"
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node, names) in FORBIDDEN_NAMES:
            yield f"{node.lineno} {dotted(node, names)}"
        if isinstance(node, ast.Call) and dotted(node.func, names) in FORBIDDEN_CALLS:
            yield f"{node.lineno} {dotted(node.func, names)}()"


def exact_money(path: Path, source: str) -> Iterator[str]:
    """No binary floating point; and in money.py no operator, which would use the thread's own context."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            if "speed" not in lines[node.lineno - 1]:  # of a clock: no money
                yield f"{node.lineno} {node.value}"
        elif path.name == "money.py" and _uses_an_operator(node):
            yield f"{getattr(node, 'lineno', 0)} {ast.unparse(node)}"


def _uses_an_operator(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp | ast.AugAssign):
        return not isinstance(node.op, ast.BitOr)  # as in `int | None`
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.UAdd) and not isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Call) and dotted(node.func, {}) in ("float", "round", "sum", "abs")


def documented(path: Path, source: str) -> Iterator[str]:
    """The module, its public functions and classes, and their public methods."""
    tree = ast.parse(source)
    found: list[ast.AST] = [tree, *tree.body]
    for outer in tree.body:
        if isinstance(outer, ast.ClassDef) and not outer.name.startswith("_"):
            found += outer.body
    for node in found:
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        name = getattr(node, "name", "the module")
        if not name.startswith("_") and not ast.get_docstring(node):
            yield f"{getattr(node, 'lineno', 1)} {name}"


def tags_of(source: str) -> Iterator[tuple[int, str]]:
    """Each evidence tag: a capital letter by itself in brackets, with or without words beside it."""
    for line, text in prose(source):
        for bracket in re.findall(r"\[([A-Z](?:[ ,;:][^\]]*)?)\]", text):
            for tag in re.findall(r"\b[A-Z]\b", bracket):
                yield line, tag


def known_tags(path: Path, source: str) -> Iterator[str]:
    for line, tag in tags_of(source):
        if tag not in TAGS:
            yield f"{line} [{tag}]"


def evidence(path: Path, source: str) -> Iterator[str]:
    ours = path.relative_to(PACKAGE).as_posix() in OURS
    tagged = any(tags_of(source))
    if not ours and not tagged:
        yield "1 no evidence tag"
    if ours and tagged:
        yield "1 has evidence tags: it is not one of ours alone"


def prints_nothing(path: Path, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and dotted(node.func, {}) == "print":
            yield f"{node.lineno} print"


def nothing_left_open(path: Path, source: str) -> Iterator[str]:
    for line, text in prose(source):
        for word in re.findall(r"\b(?:TODO|FIXME|XXX)\b", text):
            yield f"{line} {word}"


RULES: dict[Rule, list[Path]] = {
    one_noun: sources(),
    short_functions: sources(),
    never_suspends: sources(CORE),
    pure: sources(CORE),
    exact_money: sources(CORE),
    documented: sources(CORE) + sources(EXAMPLES / "shop" / "shop"),
    known_tags: sources(),
    evidence: sources(CORE) + sources(API),
    prints_nothing: [path for path in sources() if CLI not in path.parents],
    nothing_left_open: [*sources(), *sources(ROOT / "tests"), *sources(ROOT / ".ci"), *sources(EXAMPLES)],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_is_kept(rule: Rule) -> None:
    problems = broken(rule, RULES[rule])
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (one_noun, "x = 1\n" * 1501),
        (short_functions, "def f():\n" + "    x = 1\n" * 60),
        (never_suspends, "async def f(): pass"),
        (never_suspends, "def f(): return [x async for x in y]"),
        (pure, "import time"),
        (pure, "from os.path import join"),
        (pure, "def f():\n    import random"),
        (pure, "import pydantic"),
        (pure, "from mockserver.wire import encode"),
        (pure, "from . import money"),
        (pure, "from datetime import datetime\nx = datetime.now()"),
        (pure, "from datetime import datetime as d\nx = d.utcnow"),
        (pure, "import datetime\nx = datetime.date.today()"),
        (pure, "from datetime import date as day\nx = day.today()"),
        (pure, "from uuid import uuid4"),
        (pure, "x = open('file')"),
        (pure, "x = hash('text')"),
        (exact_money, "VAT = 0.25"),
        (exact_money, "x = a + b"),
        (exact_money, "x += a"),
        (exact_money, "x = -a"),
        (exact_money, "x = round(a)"),
        (documented, '"""x"""\ndef f(): pass'),
        (documented, '"""x"""\nclass C: pass'),
        (documented, '"""x"""\nclass C:\n    """x"""\n    def f(self): pass'),
        (documented, "x = 1"),
        (known_tags, "x = 1  # seen [X]"),
        (known_tags, "def f():\n    '''Half of it [R for one, else Q].'''"),
        (known_tags, "x = 1  # [D][E]²"),
        (evidence, "'''Nothing seen.'''"),
        (evidence, "x = '[R]'  # a text is no tag"),
        (prints_nothing, "print(1)"),
        (nothing_left_open, "x = 1  # " + "TO" + "DO later"),
    ],
)
def test_the_rule_bites(rule: Rule, source: str) -> None:
    assert list(rule(CORE / "money.py", source))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (pure, "from stdnum.se import orgnr\nfrom mockserver.core import money"),
        (pure, "from datetime import date, time\nx = time(0, 5)\ny = act.today\nz = act.now"),
        (exact_money, "def f(x: int | None) -> int: return -1"),
        (exact_money, "speed = 1.0"),
        (documented, '"""x"""\ndef _f(): pass\nclass _C: pass'),
        (known_tags, "x = 1  # [D]², [R; http here A], [A, not an Api], dict[str, Any], [Struct]"),
        (prints_nothing, "x.print(1)"),
    ],
)
def test_the_rule_does_not_bite(rule: Rule, source: str) -> None:
    assert list(rule(CORE / "money.py", source)) == []


def test_what_is_ours_is_there() -> None:
    assert [name for name in OURS if not (PACKAGE / name).is_file()] == []


def test_import_contracts_are_kept() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_every_command_of_the_machine_is_one_of_the_api() -> None:
    assert set(machine.TRANSITIONS) - {"delete", "put"} == set(COMMANDS)


def test_requirements_are_pinned_and_name_no_registry() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert files
    pin = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+(; [^;@/]+)?|-r \w+\.txt|#.*|")
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert [line for line in text.splitlines() if not pin.fullmatch(line)] == [], path
        assert "://" not in text
        assert not re.search(r"\b(pypi|pythonhosted|index-url|find-links)\b", text), path


def test_one_oldest_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert project["tool"]["mypy"]["python_version"] == "3.11"
    assert "OLDEST = (3, 11)" in (ROOT / ".ci" / "task.py").read_text(encoding="utf-8")
    versions = [c for c in project["project"]["classifiers"] if "Python :: 3." in c]
    assert versions[0] == "Programming Language :: Python :: 3.11"

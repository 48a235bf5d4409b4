"""Figures, and how they are told: a table, README.md, figures.json."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import gettempdir

import msgspec

_HERE = Path(__file__).parent
_README = _HERE / "README.md"
_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


class Effort(msgspec.Struct, frozen=True):
    """How long is measured: how often, and for how many seconds each time."""

    rounds: int
    seconds: int


class Figure(msgspec.Struct, frozen=True):
    """One thing measured, in several runs; beside it the runs of the ceiling, where it has one."""

    name: str
    unit: str
    runs: list[float]
    ceiling: list[float] | None = None
    target: float | None = None  # at least this share of the ceiling
    bound: float | None = None  # at least this, or where less is more at most
    less_is_more: bool = False

    @property
    def share(self) -> float | None:
        """How near it comes to the ceiling, median by median."""
        if self.ceiling is None:
            return None
        share = median(self.runs) / median(self.ceiling)
        return 1 / share if self.less_is_more else share


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    cpu: str
    cores: int
    kernel: str
    python: str
    files: str  # kind of file system that holds the database


def this_machine() -> Machine:
    """Read from the system."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return Machine(
        cpu=models[0] if models else platform.machine(),
        cores=os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        files=_file_system(Path(gettempdir()).resolve()),
    )


def _file_system(place: Path) -> str:
    """The kind of the mount that is deepest on the way to this place."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    kinds = {where: kind for where, kind in mounts if place.is_relative_to(where)}
    return kinds[max(kinds, key=len)] if kinds else "unknown"


def table(figures: list[Figure]) -> str:
    """As Markdown."""
    lines = [
        "| figure | unit | mockserver | min-max | beside | min-max | share | target |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for figure in figures:
        cells = [figure.name, figure.unit, *_cells(figure.runs), *_cells(figure.ceiling), *_shares(figure)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(runs: list[float] | None) -> tuple[str, str]:
    if runs is None:
        return "", ""
    return _shown(median(runs)), f"{_shown(min(runs))}-{_shown(max(runs))}"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _shares(figure: Figure) -> tuple[str, str]:
    share, target = figure.share, figure.target
    if figure.bound is not None:
        value, bound = median(figure.runs), figure.bound
        met = value <= bound if figure.less_is_more else value >= bound
        told = f"{'≤' if figure.less_is_more else '≥'} {_shown(bound)}, {'met' if met else 'missed'}"
        return "" if share is None else f"{share:.0%}", told
    if share is None:
        return "", ""
    if target is None:
        return f"{share:.0%}", ""
    return f"{share:.0%}", f"{target:.0%}, {'met' if share >= target else 'missed'}"


def write(figures: list[Figure], effort: Effort) -> None:
    """Into README.md between the markers, and as figures.json."""
    machine = this_machine()
    today = datetime.now(UTC).date()
    told = (
        f"{today}, {machine.cpu}, {machine.cores} cores, {machine.kernel}, {machine.python}, "
        f"files on {machine.files}; median of {effort.rounds} runs of {effort.seconds} s."
    )
    before, _, rest = _README.read_text(encoding="utf-8").partition(_BEGIN)
    _, found, after = rest.partition(_END)
    assert found, f"{_README.name} has lost its markers"
    text = f"{before}{_BEGIN}\n{told}\n\n{table(figures)}\n{_END}{after}"
    _README.write_text(text, encoding="utf-8")
    shown = {
        "date": today,
        "machine": machine,
        "effort": effort,
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                "mockserver": _spread(figure.runs),
                "ceiling": _spread(figure.ceiling),
                "share": None if figure.share is None else round(figure.share, 3),
                "target": figure.target,
                "bound": figure.bound,
            }
            for figure in figures
        ],
    }
    body = msgspec.json.format(msgspec.json.encode(shown), indent=2)
    (_HERE / "figures.json").write_bytes(body + b"\n")


def _spread(runs: list[float] | None) -> dict[str, float | list[float]] | None:
    if runs is None:
        return None
    rounded = [round(run, 3) for run in runs]
    return {"median": median(rounded), "min": min(rounded), "max": max(rounded), "runs": rounded}

"""The tables of R-transactions on the page about money that comes back, made from the table of the core."""

from collections.abc import Iterator

from mockserver.core.recall_windows import Window
from mockserver.core.sepa import CANCELLATION, CODES, TABLE, TRANSFER_RECALL


def tables() -> str:
    """The types with their windows, then the reasons."""
    return "\n".join([*_types(), "", *_codes()])


def _types() -> Iterator[str]:
    yield "| type | who | Core | B2B | reason, unless given | effect |"
    yield "|---|---|---|---|---|---|"
    for name, row in TABLE.items():
        default = "" if row.default is None else f"`{row.default}`"
        core = f"{_said(row.core)}; FRAD ≤ 13 months" if name == TRANSFER_RECALL else _said(row.core)
        yield f"| {_name(name)} | {row.who} | {core} | {_said(row.b2b)} | {default} | {row.effect} |"


def _codes() -> Iterator[str]:
    yield "| reason | ISO 20022 name | types | the mandate |"
    yield "|---|---|---|---|"
    for name, code in CODES.items():
        types = ", ".join(dict.fromkeys(f"`{_plain(each)}`" for each in code.types))
        yield f"| `{name}` | {code.name} | {types} | {code.mandate or 'stays'} |"


def _plain(name: str) -> str:
    return CANCELLATION if name == TRANSFER_RECALL else name


def _name(name: str) -> str:
    return f"`{_plain(name)}`{name.removeprefix(_plain(name))}"


def _said(window: Window | None) -> str:
    return "not possible" if window is None else window.description


if __name__ == "__main__":
    print(tables())

"""What is looked at in every entry of a rule set (usable.py)."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

Entry = Mapping[str, Any]


def number(value: object, low: int, high: int) -> bool:
    """Whether it is a whole number from `low` to `high`."""
    return isinstance(value, int) and low <= value <= high


def bounds(name: str) -> tuple[int, int]:
    """Least and greatest value of a limit of this name."""
    special = {"single_limit_fen": (0, 10**10), "annual_limit_fen": (0, 10**10), "tax_tolerance_fen": (0, 10**6), "max_lines": (1, 2**15 - 1)}
    if name in special:
        return special[name]
    most = {"1e4": 10**4, "months": 1200, "most": 100, "persons": 100, "seconds": 366 * 24 * 3600}
    unit = name.rpartition("_")[2]
    return int(unit == "seconds"), most.get(unit, 10**12)


def named(code: object, lengths: Container[int]) -> bool:
    """Whether it is a text of so many digits."""
    return isinstance(code, str) and len(code) in lengths and code.isascii() and code.isdigit()


def period(x: Entry) -> tuple[date, date]:
    """First and last day; KeyError or ValueError when they are none."""
    return date.fromisoformat(str(x["from"])), date.fromisoformat(str(x["to"]))


def dated(x: Entry) -> Iterator[str]:
    """Its days in their order, and whether it is sure."""
    first, last = period(x)
    if last < first or str(x.get("sure")).lower() not in ("true", "false"):
        yield "an entry ends before it begins, or says not whether it is sure"


def sourced(x: Entry, sources: Container[Any]) -> Iterator[str]:
    """Every entry has sources, and they are listed."""
    given = str(x.get("source", "")).split()
    if not given or any(name not in sources for name in given):
        yield "an entry has no source, or an unknown one"


def clashes(entries: Iterable[Entry], *keys: str) -> Iterator[str]:
    """Two that say something of the same on one day."""
    periods: dict[Sequence[str], list[tuple[date, date]]] = {}
    for x in entries:
        periods.setdefault(tuple(str(x[name]) for name in keys), []).append(period(x))
    for key, found in periods.items():
        found.sort()
        if any(later[0] <= before[1] for before, later in pairwise(found)):
            yield f"{' '.join(key)} stands twice on a day"

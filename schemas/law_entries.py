"""Entries of the law data's files with the line each begins in, and what is checked of every one of them."""

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from schemas.contracts import KINDS

Entry = Mapping[str, Any]
Reasons = Iterator[str]


@dataclass(frozen=True, slots=True)
class Place:
    """Something about one entry: `line` counts from 1 in `file`."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def both(*reasons: Reasons) -> Reasons:
    for some in reasons:
        yield from some


def whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and low <= value <= high


def blamed(entry: Entry) -> Reasons:
    """What is wrong with the documents that a finding blames."""
    blames = entry.get("blames")
    if not isinstance(blames, list) or not set(map(str, cast("list[Any]", blames))) <= set(KINDS):
        yield f"blames {blames!r} are not some of {', '.join(KINDS)}"


def dates(entry: Entry) -> Reasons:
    try:
        first, last = period(entry)
    except (KeyError, ValueError):
        yield "from and to are not both dates"
        return
    if last < first:
        yield f"to {last} lies before from {first}"
    if str(entry.get("sure")).lower() not in ("true", "false"):
        yield f"sure is {entry.get('sure')!r}, not true or false"


def period(entry: Entry) -> tuple[date, date]:
    return date.fromisoformat(str(entry["from"])), date.fromisoformat(str(entry["to"]))


def overlaps(file: str, rows: Sequence[tuple[int, Entry]], key: str) -> Iterator[Place]:
    ranked = sorted(rows, key=lambda row: (row[1][key], *period(row[1])))
    for (before, a), (line, b) in pairwise(ranked):
        if a[key] == b[key] and period(b)[0] <= period(a)[1]:
            yield Place(file, line, f"{b[key]} from {b['from']} overlaps with line {before}, in force to {a['to']}")


def same_twice(file: str, tables: Mapping[str, list[tuple[int, Entry]]], keys: Mapping[str, tuple[str, ...]]) -> Iterator[Place]:
    """Of sound entries those that say the same twice for a day. `keys`: by kind, what tells one entry from another."""
    for kind, entries in tables.items():
        yield from overlaps(file, [(line, {**x, "key": _named(x, keys[kind])}) for line, x in entries], "key")


def not_sure(file: str, tables: Mapping[str, list[tuple[int, Entry]]], keys: Mapping[str, tuple[str, ...]]) -> list[Place]:
    """What of sound entries is marked as not sure, with its source. `keys`: by kind, what an entry is named by."""
    return [
        Place(file, line, f"{kind} {_named(x, keys[kind])} from {x['from']}: {x['source']}")
        for kind, entries in tables.items()
        for line, x in entries
        if not x["sure"]
    ]


def _named(entry: Entry, keys: tuple[str, ...]) -> str:
    return " ".join(str(entry[name]) for name in keys)


def twice(file: str, rows: list[tuple[int, Entry]], keys: tuple[str, ...]) -> Iterator[Place]:
    first: dict[tuple[object, ...], int] = {}
    for line, x in rows:
        key = tuple(x[k] for k in keys)
        if first.setdefault(key, line) != line:
            yield Place(file, line, f"{' '.join(map(str, key))} stands in line {first[key]} already")


def csv_rows(path: Path) -> list[tuple[int, Entry]]:
    with path.open(newline="") as f:
        reader = csv.DictReader(f)
        return [(reader.line_num, row) for row in reader]


def toml_tables(path: Path, name: str) -> list[tuple[int, Entry]]:
    """The entries of [[name]] with the line of their heading."""
    text = path.read_text()
    lines = [n for n, line in enumerate(text.splitlines(), start=1) if line.split("#")[0].strip() == f"[[{name}]]"]
    return list(zip(lines, parsed(text).get(name, []), strict=True))


@lru_cache(maxsize=16)  # every check of a file reads it anew, a folder has some thirty of them
def parsed(text: str) -> Mapping[str, Any]:
    """TOML as it stands, to be read only; tomllib.TOMLDecodeError."""
    return tomllib.loads(text)

"""Refuses law data that cannot be used, with file, line and reason; and lists what of it is not sure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path

from pipeline.law import MEASURES
from schemas import classes_check, control_check, limits_check, risk_check, rules_check, samples_check
from schemas.law_entries import (
    Entry,
    Place,
    Reasons,
    both,
    csv_rows,
    dates,
    overlaps,
    period,
    toml_tables,
    twice,
    whole,
)
from schemas.tariff_fill import CHAPTER

KINDS = ("none", "ad_valorem", "specific", "compound")
COLUMNS = {
    "tariff.csv": ("hs8", "name", "tariff_1e4", "provisional_1e4", "vat_1e4", "consumption", "from", "to", "source", "sure"),
}  # fmt: skip
HIGHEST_1E4 = {"tariff_1e4": 10_000, "provisional_1e4": 10_000, "vat_1e4": 5_000, "rate_1e4": 9_000}
MOST_FEN = {"specific": 100_000, "threshold": 10**9}  # with MOST_PER and MOST_CONTENT: every product fits 127 bits
MOST_PER = 10**12
MOST_CONTENT = 10**9  # smallest units in one unit of goods (filings)
HIGHEST_CAP_MG = 10**12


class LawError(ValueError):
    """The law data cannot be used; says where and why."""


@dataclass(frozen=True, slots=True)
class Files:
    """The entries of a folder with the line each begins in."""

    tariff: list[tuple[int, Entry]]
    items: list[tuple[int, Entry]]
    units: list[tuple[int, Entry]]
    limits: list[tuple[int, Entry]]
    assumptions: list[tuple[int, Entry]]
    caps: list[tuple[int, Entry]]
    sources: list[tuple[int, Entry]]
    control: control_check.Control
    classes: classes_check.Classes
    risk: risk_check.Risk
    samples: samples_check.Samples
    findings: dict[str, Entry]


def read(folder: Path) -> Files:
    """The data of a folder as it stands; OSError or tomllib.TOMLDecodeError when it is not well-formed."""
    return Files(
        csv_rows(folder / "tariff.csv"),
        toml_tables(folder / "consumption.toml", "item"),
        toml_tables(folder / "consumption.toml", "unit"),
        toml_tables(folder / "limits.toml", "limit"),
        toml_tables(folder / "limits.toml", "assumption"),
        toml_tables(folder / "weights.toml", "cap"),
        toml_tables(folder / "sources.toml", "source"),
        control_check.read(folder),
        classes_check.read(folder),
        risk_check.read(folder),
        samples_check.read(folder),
        {x["code"]: x for kind in ("rule", "ledger", "engine") for _, x in toml_tables(folder / "rules.toml", kind)},
    )


def problems(folder: Path) -> list[Place]:
    """Why the rules, tariff, tax items, limits, weight caps and goods control of a folder cannot be used; empty when they can."""
    files = read(folder)
    sources = {x.get("id") for _, x in files.sources}
    sizes = {str(x.get("name")): x for _, x in files.units if not list(_unit(x))}
    items = {str(x.get("name")) for _, x in files.items}

    def source(entry: Entry) -> Reasons:
        named = str(entry.get("source", "")).split()
        if not named:
            yield "no source"
        yield from (f"unknown source {name!r}" for name in named if name not in sources)

    checks: tuple[tuple[str, list[tuple[int, Entry]], Callable[[Entry], Reasons]], ...] = (
        ("consumption.toml", files.units, _unit),
        ("consumption.toml", files.items, lambda x: both(_item(x, sizes), source(x))),
        ("tariff.csv", files.tariff, _whole_row("tariff.csv", lambda x: both(_line(x, items), source(x)))),
        ("limits.toml", files.limits, limits_check.limit),
        ("limits.toml", files.assumptions, limits_check.assumption),
        ("weights.toml", files.caps, lambda x: both(_cap(x), source(x))),
    )
    found = [Place(file, line, why) for file, rows, check in checks for line, x in rows for why in check(x)]
    found += rules_check.problems(folder)
    found += control_check.problems(files.control, {x["hs8"] for _, x in files.tariff if x.get("hs8")}, source)
    found += samples_check.problems(files.samples, source)
    found += risk_check.problems(files.risk, set(files.findings), source)
    findings = {**files.findings, **{str(x.get("code")): x for _, x in files.risk["band"]}}
    outcomes = {code: str(x.get("outcome")) for code, x in findings.items()}
    blameless = {code for code, x in findings.items() if not x.get("blames")}
    found += classes_check.problems(files.classes, outcomes, blameless, {str(x.get("name")) for _, x in files.limits}, source)
    if found:
        return found  # dates that are no dates cannot be compared
    return [
        *twice("consumption.toml", files.units, ("name",)),
        *twice("limits.toml", files.limits, ("name", "from")),
        *overlaps("consumption.toml", files.items, "name"),
        *overlaps("tariff.csv", files.tariff, "hs8"),
        *overlaps("weights.toml", files.caps, "group"),
        *_in_two_groups(files.caps),
        *_uncovered(files),
        *control_check.overlapping(files.control),
        *rules_check.other_units(folder),
        *classes_check.overlapping(files.classes),
        *risk_check.overlapping(files.risk),
        *samples_check.overlapping(files.samples),
    ]


def unsure(folder: Path) -> list[Place]:
    """What of a sound folder is marked as not sure, with its source."""
    files = read(folder)
    entries = (
        ("limits.toml", files.limits, "name"), ("weights.toml", files.caps, "group"),
        ("consumption.toml", files.items, "name"), ("tariff.csv", files.tariff, "hs8"),
    )  # fmt: skip
    unsure_of_others = [
        Place(file, line, f"{x[key]} from {x['from']}: {x['source']}")
        for file, rows, key in entries
        for line, x in rows
        if str(x["sure"]).lower() == "false"
    ]
    return [
        *unsure_of_others, *(Place("limits.toml", line, f"{x['name']}: {x['en']} ({x['source']})") for line, x in files.assumptions),
        *rules_check.unsure(folder), *control_check.unsure(files.control), *classes_check.unsure(files.classes), *risk_check.unsure(files.risk),
        *samples_check.unsure(files.samples),
    ]  # fmt: skip


def _whole_row(file: str, check: Callable[[Entry], Reasons]) -> Callable[[Entry], Reasons]:
    """The check for rows that have a field for every column, another reason for those that have not."""

    def checked(row: Entry) -> Reasons:
        if set(row) != set(COLUMNS[file]) or None in row.values():
            yield f"a row has to have the fields {', '.join(COLUMNS[file])}"
        else:
            yield from check(row)

    return checked


def _unit(unit: Entry) -> Reasons:
    if not unit.get("name"):
        yield "no name"
    if unit.get("measure") not in MEASURES:
        yield f"unknown measure {unit.get('measure')!r}"
    if not isinstance(unit.get("size"), int) or not 1 <= unit["size"] <= MOST_PER:
        yield f"size {unit.get('size')!r} is no whole number from 1 on"


def _item(item: Entry, units: Mapping[str, Entry]) -> Reasons:
    """Kind, rate and parts of a tax item fit each other."""
    kind, rate = item.get("kind"), item.get("rate_1e4")
    if not item.get("name"):
        yield "no name"
    if kind not in KINDS:
        yield f"unknown kind {kind!r}"
    yield from _rate("rate_1e4", rate)
    if (rate == 0) != (kind in ("none", "specific")):
        yield f"rate_1e4 {rate!r} does not suit kind {kind!r}"
    if ("specific" in item) != (kind in ("specific", "compound")):
        yield f"an amount for a quantity is for the kinds specific and compound, not {kind!r}"
    if kind == "none" and "threshold" in item:
        yield "a threshold without a tax"
    for name, most in MOST_FEN.items():
        measures = [units[x["unit"]]["measure"] for x in item.get(name, ()) if x.get("unit") in units]
        if len(set(measures)) < len(measures):
            yield f"{name}: two parts for one measure"
        for part in item.get(name, ()):
            yield from (f"{name}: {why}" for why in _part(part, units, most))
    yield from dates(item)


def _part(part: Entry, units: Mapping[str, Entry], most_fen: int) -> Reasons:
    if part.get("unit") not in units:
        yield f"unknown unit {part.get('unit')!r}"
    elif not whole(part.get("per"), 1, MOST_PER // units[part["unit"]]["size"]):
        yield f"per {part.get('per')!r} out of range"
    for name in ("fen", "below_fen"):
        if not whole(part.get(name, 0 if name == "below_fen" else None), 0, most_fen):
            yield f"{name} {part.get(name)!r} out of range"


def _line(line: Entry, items: Iterable[str]) -> Reasons:
    hs8 = line["hs8"]
    if len(hs8) != 8 or not (hs8.isascii() and hs8.isdigit()):
        yield f"hs8 {hs8!r} is not eight digits"
    elif hs8.startswith(CHAPTER):
        yield f"hs8 {hs8} lies in chapter {CHAPTER}, which is kept for the fill"
    for name in ("tariff_1e4", "provisional_1e4", "vat_1e4"):
        if line[name] or name != "provisional_1e4":
            yield from _rate(name, int(line[name]) if line[name].isdigit() else line[name])
    if line["consumption"] not in items:
        yield f"unknown tax item {line['consumption']!r}"
    yield from dates(line)


def _cap(cap: Entry) -> Reasons:
    group = cap.get("group")
    if not (isinstance(group, str) and group.isascii() and group.isalpha()):
        yield f"group {group!r} is no name of letters"  # it stands in keys and orders them
    if not cap.get("hs8"):
        yield "no hs8"
    for code in cap.get("hs8", ()):
        if not (isinstance(code, str) and 4 <= len(code) <= 8 and code.isascii() and code.isdigit()):
            yield f"hs8 {code!r} is not four to eight digits"
    if not whole(cap.get("cap_mg"), 0, HIGHEST_CAP_MG):
        yield f"cap_mg {cap.get('cap_mg')!r} out of range"
    yield from dates(cap)


def _rate(name: str, value: object) -> Reasons:
    if not whole(value, 0, HIGHEST_1E4[name]):
        yield f"{name} {value!r} out of range 0 to {HIGHEST_1E4[name]}"


def _in_two_groups(caps: list[tuple[int, Entry]]) -> Iterator[Place]:
    """A line of the tariff that two entries cap on one day, or one of them twice."""
    codes = [(code, line, x) for line, x in caps for code in x["hs8"]]
    for (a, before, x), (b, line, y) in combinations(codes, 2):
        (first, last), (other_first, other_last) = period(x), period(y)
        if (a.startswith(b) or b.startswith(a)) and first <= other_last and other_first <= last:
            yield Place("weights.toml", line, f"hs8 {b} is capped by line {before} already, as {a}")


def _uncovered(files: Files) -> Iterator[Place]:
    """Lines whose tax item is not in force on each of their days."""
    periods: dict[str, list[tuple[date, date]]] = {}
    for _, item in files.items:
        periods.setdefault(item["name"], []).append(period(item))
    for line, x in files.tariff:
        first, last = period(x)
        for start, end in sorted(periods[x["consumption"]]):
            if start <= first <= end:
                first = date.fromordinal(min(end.toordinal() + 1, date.max.toordinal()))
                if end >= last:
                    break
        else:
            yield Place("tariff.csv", line, f"{x['hs8']}: the tax item {x['consumption']} is not in force on {first}")

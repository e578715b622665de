"""What of the goods control (control.toml) cannot be used, and what of it is not sure."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from schemas.law_entries import Entry, Place, Reasons, both, dates, not_sure, period, same_twice, toml_tables, whole

FILE = "control.toml"
KEYS: dict[str, tuple[str, ...]] = {
    "positive": ("hs",), "negative": ("hs",), "self_use": ("hs",), "watch": ("hs",), "waste": ("hs",),
    "stop": ("hs", "country"), "brand": ("name",),
}  # fmt: skip
"""Kind of entry → what tells one entry from another in force on the same day."""
OF_THE_LIST = ("positive", "self_use", "watch")  # of no use for goods that are not on the positive list
DIGITS = range(2, 9)  # of an HS prefix; the positive list's own lines have eight
MODES = ("1210", "9610")
MOST_UNITS = 10**6
SHORTEST_NAME = 2  # of one character, half of all texts would be found
Control = Mapping[str, list[tuple[int, Entry]]]
"""Kind → its entries with the line each begins in."""


def read(folder: Path) -> Control:
    """The entries as they stand; OSError or tomllib.TOMLDecodeError when the file is not well-formed."""
    return {kind: toml_tables(folder / FILE, kind) for kind in KEYS}


def problems(control: Control, hs8: set[str], source: Callable[[Entry], Reasons]) -> list[Place]:
    """Why entries cannot be used. `hs8`: lines of the tariff; `source`: what is wrong with an entry's source."""
    return [
        Place(FILE, line, why)
        for kind, entries in control.items()
        for line, entry in entries
        for why in both(_hs(kind, entry, hs8), CHECKS[kind](entry), dates(entry), source(entry))
    ]


def overlapping(control: Control) -> Iterator[Place]:
    """Of sound entries those that say the same twice for a day; of self-use quantities also one inside another."""
    yield from same_twice(FILE, control, KEYS)
    ranked = sorted(control["self_use"], key=lambda entry: entry[1]["hs"])
    for (before, a), (line, b) in pairwise(ranked):
        inside = a["hs"] != b["hs"] and b["hs"].startswith(a["hs"])
        if inside and period(a)[0] <= period(b)[1] and period(b)[0] <= period(a)[1]:
            yield Place(FILE, line, f"{b['hs']} lies within {a['hs']} of line {before}: a line counts in one quantity only")


def unsure(control: Control) -> list[Place]:
    """What of sound entries is marked as not sure, with its source."""
    return not_sure(FILE, control, KEYS)


def _hs(kind: str, entry: Entry, hs8: set[str]) -> Reasons:
    if "hs" not in KEYS[kind]:
        return
    hs = str(entry.get("hs", ""))
    if not _digits(hs) or len(hs) not in DIGITS:
        yield f"hs {hs!r} is not two to eight digits"
    elif kind == "positive" and hs not in hs8:
        yield f"hs {hs} is no line of tariff.csv"
    elif kind in OF_THE_LIST and not any(line.startswith(hs) for line in hs8):
        yield f"no line of tariff.csv begins with {hs}"


def _footnote(entry: Entry) -> Reasons:
    if not set(entry) & {"modes", "names", "excluded"}:
        yield "a footnote names modes, names or excluded names"
    modes = entry.get("modes", ["1210"])
    if not modes or not set(modes) <= set(MODES):
        yield f"modes {modes!r} are not some of {', '.join(MODES)}"
    for key in ("names", "excluded"):
        for name in entry.get(key, ["-" * SHORTEST_NAME]) or [""]:
            yield from _name(key, name)


def _parcel(entry: Entry) -> Reasons:
    if not isinstance(entry.get("parcel"), dict) or not entry["parcel"]:
        yield "parcel is no table of quantities by unit"
        return
    for unit, most in cast("dict[str, Any]", entry["parcel"]).items():
        if len(unit) != 3 or not _digits(unit):
            yield f"unit {unit!r} is not three digits"
        if not whole(most, 1, MOST_UNITS):
            yield f"parcel of {most!r} out of range 1 to {MOST_UNITS}"
    yield from _longer("day", entry, "parcel")
    yield from _longer("month", entry, "day" if "day" in entry else "parcel")


def _longer(time: str, entry: Entry, shorter: str) -> Reasons:
    """Of a longer time no less may be had than of a shorter one."""
    if time not in entry:
        return
    if not isinstance(entry[time], dict) or not entry[time]:
        yield f"{time} is no table of quantities by unit"
        return
    for unit, most in cast("dict[str, Any]", entry[time]).items():
        if unit not in entry["parcel"]:
            yield f"{time}: unit {unit!r} is none of parcel"
        elif not whole(most, 1, MOST_UNITS):
            yield f"{time} of {most!r} out of range 1 to {MOST_UNITS}"
        elif isinstance(entry[shorter], dict) and whole(least := entry[shorter].get(unit, 1), 1, MOST_UNITS) and most < least:
            yield f"{time} of {most} is less than the {shorter} of {least}"


def _country(entry: Entry) -> Reasons:
    country = str(entry.get("country", ""))
    if len(country) != 3 or not _digits(country):
        yield f"country {country!r} is not three digits"


def _name(key: str, name: object) -> Reasons:
    if not isinstance(name, str) or len(name) < SHORTEST_NAME or name != name.strip():
        yield f"{key}: {name!r} is no text of {SHORTEST_NAME} characters or more without blanks around it"


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _nothing(_entry: Entry) -> Reasons:
    yield from ()


CHECKS: Mapping[str, Callable[[Entry], Reasons]] = {
    "positive": _footnote, "negative": _nothing, "self_use": _parcel, "watch": _nothing, "waste": _nothing,
    "stop": _country, "brand": lambda x: _name("name", x.get("name")),
}  # fmt: skip

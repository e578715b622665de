"""What of risk.toml cannot be used, and what of it is not sure. Conditions are checked where they are compiled (lawbook)."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from schemas.classes_check import ASKED_FOR
from schemas.law_entries import Entry, Place, Reasons, blamed, both, dates, overlaps, toml_tables, twice, whole

FILE = "risk.toml"
KINDS = ("typology", "indicator", "band")
MOST_POINTS = 1000
TEXTS: dict[str, tuple[str, ...]] = {
    "typology": ("name", "en", "zh"), "indicator": ("code", "when", "en", "zh"), "band": ("code", "en", "zh", "todo", "todo_zh", "law", "since"),
}  # fmt: skip
Risk = Mapping[str, list[tuple[int, Entry]]]


def read(folder: Path) -> Risk:
    """The entries as they stand; OSError or tomllib.TOMLDecodeError when the file is not well-formed."""
    return {kind: toml_tables(folder / FILE, kind) for kind in KINDS}


def problems(risk: Risk, codes: set[str], source: Callable[[Entry], Reasons]) -> list[Place]:
    """Why entries cannot be used. `codes`: taken by rules.toml; `source`: what is wrong with an entry's source."""
    names = {str(x.get("name")) for _, x in risk["typology"]}
    checks: dict[str, Callable[[Entry], Reasons]] = {
        "typology": lambda x: _texts("typology", x),
        "indicator": lambda x: both(_texts("indicator", x), _indicator(x, names), dates(x), source(x)),
        "band": lambda x: both(_texts("band", x), _band(x, names, codes)),
    }
    return [Place(FILE, line, why) for kind, entries in risk.items() for line, x in entries for why in checks[kind](x)]


def overlapping(risk: Risk) -> Iterator[Place]:
    """Of sound entries those that say the same twice."""
    yield from twice(FILE, risk["typology"], ("name",))
    yield from twice(FILE, risk["band"], ("code",))
    yield from twice(FILE, risk["band"], ("typology", "at_least"))
    yield from overlaps(FILE, risk["indicator"], "code")


def unsure(risk: Risk) -> list[Place]:
    """What of sound entries is marked as not sure, with its source."""
    indicators = [Place(FILE, line, f"indicator {x['code']} from {x['from']}: {x['source']}") for line, x in risk["indicator"] if not x["sure"]]
    return indicators + [Place(FILE, line, f"band {x['code']}: {x['law']}") for line, x in risk["band"] if not x.get("sure", True)]


def _texts(kind: str, entry: Entry) -> Reasons:
    yield from (f"no {name}" for name in TEXTS[kind] if not str(entry.get(name, "")).strip())


def _indicator(entry: Entry, names: set[str]) -> Reasons:
    if entry.get("scope") not in ("manifest", "line"):
        yield f"scope {entry.get('scope')!r} is neither manifest nor line"
    points = entry.get("points")
    if not isinstance(points, dict) or not points:
        yield "points is no table of points by typology"
        return
    for name, given in points.items():
        if name not in names:
            yield f"unknown typology {name!r}"
        if not whole(given, 1, MOST_POINTS):
            yield f"{given!r} points out of range 1 to {MOST_POINTS}"


def _band(entry: Entry, names: set[str], codes: set[str]) -> Reasons:
    if entry.get("code") in codes:
        yield f"{entry['code']} stands in rules.toml already"
    if entry.get("typology") not in names:
        yield f"unknown typology {entry.get('typology')!r}"
    if not whole(entry.get("at_least"), 1, 10 * MOST_POINTS):
        yield f"at_least {entry.get('at_least')!r} out of range"
    if not isinstance(entry.get("sure", True), bool):
        yield f"sure is {entry.get('sure')!r}, not true or false"
    if entry.get("outcome") != "HOLD":
        yield f"signs hold, they do not {entry.get('outcome')!r}"
    yield from blamed(entry)
    if entry.get("queue") not in ASKED_FOR:
        yield f"queue {entry.get('queue')!r} is not one of {', '.join(ASKED_FOR)}"

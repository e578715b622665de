"""What of samples.toml cannot be used, and what of it is not sure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

from pipeline.classes import CLASSES
from schemas.law_entries import Entry, Place, Reasons, both, dates, overlaps, toml_tables, whole

FILE = "samples.toml"
KINDS = ("category", "rate")
MODES = ("bonded", "direct")
RATES = ("review_1e6", "inspection_1e6")
MOST_1E6 = 400_000  # both together stay below everything
Samples = Mapping[str, list[tuple[int, Entry]]]


def read(folder: Path) -> Samples:
    """The entries as they stand; OSError or tomllib.TOMLDecodeError when the file is not well-formed."""
    return {kind: toml_tables(folder / FILE, kind) for kind in KINDS}


def problems(samples: Samples, source: Callable[[Entry], Reasons]) -> list[Place]:
    """Why entries cannot be used. `source`: what is wrong with an entry's source."""
    names = {str(x.get("name")) for _, x in samples["category"]}
    taken = Counter(str(chapter) for _, x in samples["category"] for chapter in x.get("chapters", ()))
    last = samples["category"][-1][0] if samples["category"] else 0
    found = [Place(FILE, line, why) for line, x in samples["category"] for why in _category(x, line == last, taken)]
    found += [Place(FILE, line, why) for line, x in samples["rate"] for why in both(_rate(x, names), dates(x), source(x))]
    have = {(x.get("class"), x.get("category")) for _, x in samples["rate"]}
    missing = [" ".join(of) for of in product(CLASSES, sorted(names)) if of not in have]
    return found + [Place(FILE, 1, f"no rate of {of}") for of in missing]


def overlapping(samples: Samples) -> Iterator[Place]:
    """Of sound rates those that are two for a day."""
    yield from overlaps(FILE, [(line, {**x, "key": f"{x['class']} {x['category']}"}) for line, x in samples["rate"]], "key")


def unsure(samples: Samples) -> list[Place]:
    """What of sound entries is marked as not sure, with its source."""
    return [
        Place(FILE, line, f"rate of {x['class']} {x['category']} from {x['from']}: {x['source']}") for line, x in samples["rate"] if not x["sure"]
    ]


def _category(entry: Entry, last: bool, taken: Mapping[str, int]) -> Reasons:
    if not entry.get("name"):
        yield "no name"
    chapters = entry.get("chapters")
    if not isinstance(chapters, list) or bool(chapters) == last:
        yield "every category but the last has chapters, and the last has what is left"
        return
    for chapter in chapters:
        if not (isinstance(chapter, str) and len(chapter) == 2 and chapter.isascii() and chapter.isdigit()):
            yield f"chapter {chapter!r} is not two digits"
        elif taken[chapter] > 1:
            yield f"chapter {chapter} belongs to two categories"


def _rate(entry: Entry, names: set[str]) -> Reasons:
    if entry.get("class") not in CLASSES:
        yield f"class {entry.get('class')!r} is not one of {', '.join(CLASSES)}"
    if entry.get("category") not in names:
        yield f"unknown category {entry.get('category')!r}"
    for mode in MODES:
        given = entry.get(mode)
        if not isinstance(given, dict) or set(given) != set(RATES):
            yield f"{mode} has to name {' and '.join(RATES)}"
            continue
        for name, value in given.items():
            if not whole(value, 0, MOST_1E6):
                yield f"{mode} {name} {value!r} out of range 0 to {MOST_1E6}"

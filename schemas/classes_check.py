"""What of classes.toml cannot be used, and what of it is not sure."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipeline import guarantees, stock
from pipeline.accounts import LEDGERS
from pipeline.classes import CLASSES, QUEUES, WAITING_QUEUES
from pipeline.decide import QUARANTINED
from pipeline.ledgers import NUMBERS
from schemas.law_entries import Entry, Place, Reasons, both, dates, not_sure, same_twice, toml_tables
from schemas.limits_check import in_range

FILE = "classes.toml"
KEYS: dict[str, tuple[str, ...]] = {
    "outcome": ("code", "class"), "tolerance": ("name", "of", "class"), "treatment": ("class", "kind", "en"),
}  # fmt: skip
"""Kind of entry → what tells one entry from another in force on the same day."""
ROLES = ("platform", "ecommerce")  # whose class rules can read
# Without what they ask for nobody knows the tax or a limit; and failure never releases.
NEVER_RELEASED = ("REG-02", "TAX-01", "LIM-05", "SYS-01")
# What is found where no class is asked for: by the ledgers, and without the rules.
WHATEVER_THE_CLASS = (*NUMBERS.values(), *(ledger.code for ledger in LEDGERS), *guarantees.CODES, *stock.CODES, QUARANTINED)
DRAWN = ("SMP-01", "SMP-02")  # samples go by rates of each class
ASKED_FOR = tuple(queue for queue in QUEUES if queue and queue not in WAITING_QUEUES)  # those are of guarantees and stock alone
Classes = Mapping[str, list[tuple[int, Entry]]]


def read(folder: Path) -> Classes:
    """The entries as they stand; OSError or tomllib.TOMLDecodeError when the file is not well-formed."""
    return {kind: toml_tables(folder / FILE, kind) for kind in KEYS}


def problems(
    classes: Classes, outcomes: Mapping[str, str], blameless: set[str], limits: set[str], source: Callable[[Entry], Reasons]
) -> list[Place]:
    """Why entries cannot be used. `outcomes`: of each finding's code; `blameless`: codes that blame no document; `limits`: names of
    limits.toml; `source`: what is wrong with an entry's source."""
    checks: dict[str, Callable[[Entry], Reasons]] = {
        "outcome": lambda x: _outcome(x, outcomes, blameless), "tolerance": lambda x: _tolerance(x, limits), "treatment": _treatment,
    }  # fmt: skip
    return [
        Place(FILE, line, why)
        for kind, entries in classes.items()
        for line, entry in entries
        for why in both(_class(entry), checks[kind](entry), dates(entry), source(entry))
    ]


def overlapping(classes: Classes) -> Iterator[Place]:
    """Of sound entries those that say the same twice for a day, and tolerances of one limit by the class of two roles."""
    yield from same_twice(FILE, classes, KEYS)
    roles: dict[str, str] = {}
    for line, x in classes["tolerance"]:
        if roles.setdefault(x["name"], x["of"]) != x["of"]:
            yield Place(FILE, line, f"{x['name']} goes by the class of the {roles[x['name']]} already")


def unsure(classes: Classes) -> list[Place]:
    """What of sound entries is marked as not sure, with its source."""
    return not_sure(FILE, classes, KEYS)


def _class(entry: Entry) -> Reasons:
    if entry.get("class") not in CLASSES:
        yield f"class {entry.get('class')!r} is not one of {', '.join(CLASSES)}"


def _outcome(entry: Entry, outcomes: Mapping[str, str], blameless: set[str]) -> Reasons:
    code, outcome, queue = str(entry.get("code")), entry.get("outcome"), entry.get("queue", "")
    if code not in outcomes:
        yield f"unknown code {code!r}"
    elif outcomes[code] != "HOLD":
        yield f"{code} rejects, whatever the class"
    elif code in WHATEVER_THE_CLASS:
        yield f"{code} holds, whatever the class"
    elif code in DRAWN:
        yield f"{code} goes by the rates of samples.toml"
    elif code in NEVER_RELEASED and outcome == "RELEASE":
        yield f"{code} is never released"
    elif code in blameless and outcome == "REJECT":
        yield f"{code} blames no document: nothing could follow its REJECT"
    if outcome not in ("RELEASE", "HOLD", "REJECT"):
        yield f"unknown outcome {outcome!r}"
    elif (queue in ASKED_FOR) != (outcome == "HOLD") or (queue and queue not in ASKED_FOR):
        yield f"queue {queue!r} does not suit {outcome}"


def _tolerance(entry: Entry, limits: set[str]) -> Reasons:
    if entry.get("name") not in limits:
        yield f"no limit {entry.get('name')!r} that it could stand for"
    if entry.get("of") not in ROLES:
        yield f"of {entry.get('of')!r} is not one of {', '.join(ROLES)}"
    yield from in_range(entry)


def _treatment(entry: Entry) -> Reasons:
    if entry.get("kind") not in ("reward", "penalty"):
        yield f"kind {entry.get('kind')!r} is neither reward nor penalty"
    for name in ("en", "zh"):
        if not str(entry.get(name, "")).strip():
            yield f"no text {name}"

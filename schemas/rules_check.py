"""What of rules.toml cannot be used, and what of a rule set does not fit the program it is for.

The program brings columns, codes, queues and units of measurement; those of the installation's own law data are the list.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline import guarantees, stock
from pipeline.classes import QUEUES
from pipeline.decide import QUARANTINED
from schemas.law_entries import Entry, Place, Reasons, blamed, both, parsed, toml_tables, twice

FOLDER = Path(__file__).parent / "law"
FILE = "rules.toml"
WAITS = {"guarantee": guarantees.CODES, "stock": stock.CODES}  # queue → the codes that have it, and have no other
MAY_REJECT = stock.CODES  # of these
OF_THE_PROGRAM = ("ledger", "engine", "document", "dead_letter")  # their codes are given by the program itself
TABLES = ("rule", *OF_THE_PROGRAM)
TEXTS = ("en", "zh", "todo", "todo_zh")
SCOPES = ("manifest", "line")
OUTCOMES = ("HOLD", "REJECT")
CODE = re.compile(r"[A-Z]{2,6}-[0-9]{2,3}")


def problems(folder: Path) -> Iterator[Place]:
    """Why rules.toml cannot be used; tomllib.TOMLDecodeError when it is no TOML."""
    entries = {table: toml_tables(folder / FILE, table) for table in TABLES}
    checks = {"rule": _rule, "ledger": _finding, "engine": _finding, "document": _document}
    for table, rows in entries.items():
        for line, x in rows:
            for why in both(_texts(x), checks.get(table, _nothing)(x)):
                yield Place(FILE, line, f"{x.get('code', 'no code')}: {why}")
    coded = [(line, x) for rows in entries.values() for line, x in rows if x.get("code")]
    yield from twice(FILE, sorted(coded, key=lambda row: row[0]), ("code",))
    for table in OF_THE_PROGRAM:
        yield from _codes(table, entries[table])
    yield from _columns(folder / FILE)


def unsure(folder: Path) -> list[Place]:
    """What of a sound rules.toml is marked as not sure, with the law it goes by."""
    entries = [x for table in TABLES for x in toml_tables(folder / FILE, table)]
    return [Place(FILE, line, f"{x['code']}: {x['law']}") for line, x in sorted(entries, key=lambda row: row[0]) if not x.get("sure", True)]


def _texts(entry: Entry) -> Reasons:
    if not CODE.fullmatch(str(entry.get("code", ""))):
        yield "a code is two to six capitals, a hyphen and two or three digits"
    if not str(entry.get("law", "")).strip():
        yield "no source: law is empty"
    for name in TEXTS:
        if not str(entry.get(name, "")).strip():
            yield f"{name} is empty"
    if not isinstance(entry.get("sure", True), bool):
        yield f"sure is {entry.get('sure')!r}, not true or false"


def _finding(entry: Entry) -> Reasons:
    outcome, blames = entry.get("outcome"), entry.get("blames")
    if outcome not in OUTCOMES:
        yield f"the outcome of a finding is HOLD or REJECT, not {outcome!r}"
    yield from blamed(entry)
    if outcome == "REJECT" and not blames:
        yield "a REJECT has to blame a document, or nothing could follow it"
    queue = entry.get("queue", "")
    if queue not in QUEUES:
        yield f"unknown queue {queue!r}"
    elif outcome in OUTCOMES and bool(queue) != (outcome == "HOLD"):
        yield f"queue {queue!r} does not suit {outcome}"
    if entry.get("code") == QUARANTINED and outcome != "HOLD":
        yield f"{QUARANTINED} holds: no rule could be run on the manifest, so nothing of it is known that could decide it"
    for waits, codes in WAITS.items():
        rejects = outcome == "REJECT" and entry.get("code") in MAY_REJECT
        if (queue == waits) != (entry.get("code") in codes and not rejects):
            yield f"queue {waits} is of {', '.join(codes)}, and they have no other: what waits there is released by itself"


def _rule(entry: Entry) -> Reasons:
    yield from _finding(entry)
    if entry.get("scope") not in SCOPES:
        yield f"scope {entry.get('scope')!r} is not one of {', '.join(SCOPES)}"
    if not isinstance(entry.get("when"), str):
        yield "no condition (when)"
    try:
        date.fromisoformat(str(entry.get("since")))
    except ValueError:
        yield f"since {entry.get('since')!r} is no date"


def _document(entry: Entry) -> Reasons:
    known = {x["code"]: x["status"] for x in _program()["document"]}
    if entry.get("status") != known.get(entry.get("code"), entry.get("status")):
        yield f"status {entry.get('status')!r} is not the {known[entry['code']]} that receipts have"


def _nothing(_entry: Entry) -> Reasons:
    yield from ()


def _codes(table: str, rows: list[tuple[int, Entry]]) -> Iterator[Place]:
    known, given = {x["code"] for x in _program()[table]}, {x.get("code") for _, x in rows}
    yield from (Place(FILE, line, f"unknown code {x['code']}: no {table} of the program") for line, x in rows if x.get("code") not in known)
    yield from (Place(FILE, 0, f"the {table} {code} is missing") for code in sorted(known - given))


def _columns(path: Path) -> Iterator[Place]:
    """Columns that nothing computes would fail on every manifest, and a personal one must not cease to be one."""
    text = path.read_text()
    columns: Mapping[str, list[str]] = parsed(text).get("columns", {})
    for name in (*SCOPES, "personal"):
        line = next((n for n, x in enumerate(text.splitlines(), start=1) if x.split("=")[0].strip() == name), 0)
        given, known = set(columns.get(name, ())), set(_program()["columns"][name])
        if unknown := sorted(given - known):
            yield Place(FILE, line, f"unknown columns {unknown} of {name}")
        if name == "personal" and (missing := sorted(known - given)):
            yield Place(FILE, line, f"{missing} are personal columns")


def other_units(folder: Path) -> Iterator[Place]:
    """The registry reads contents by the program's units, under whatever rule set: another size would say something else."""
    file = "consumption.toml"
    known = {x["name"]: (x["measure"], x["size"]) for _, x in toml_tables(FOLDER / file, "unit")}
    for line, x in toml_tables(folder / file, "unit"):
        if x.get("name") in known and (x.get("measure"), x.get("size")) != known[x["name"]]:
            yield Place(file, line, f"unit {x['name']} is not the one of the program, {known[x['name']]}")
        elif x.get("name") not in known:
            yield Place(file, line, f"unknown unit {x.get('name')!r}: the program has none of that name")


@lru_cache
def _program() -> Mapping[str, Any]:
    return parsed((FOLDER / FILE).read_text())

"""What two rule sets differ in, entry by entry."""

import csv
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas import law_pack

NAMES = ("code", "name", "id", "group", "hs", "hs8", "country", "class", "category", "from")  # what of an entry says which one it is
Entries = dict[tuple[str, str], Mapping[str, Any]]


class Difference(NamedTuple):
    """`change`: added, removed or changed; of what changed, `field` was `before` and is `after`."""

    file: str
    entry: str
    change: str
    field: str
    before: Any
    after: Any


def differences(before: bytes, after: bytes) -> list[Difference]:
    """Of two packed rule sets; law_pack.NoPack."""
    a, b = law_pack.unpacked(before), law_pack.unpacked(after)
    found = [x for name in sorted(set(a) | set(b)) for x in _of_file(name, _entries(name, a.get(name, b"")), _entries(name, b.get(name, b"")))]
    bytes_alone = [name for name in sorted(set(a) & set(b)) if a[name] != b[name] and name not in {x.file for x in found}]
    return found + [Difference(name, "", "changed", "comments or order", "", "") for name in bytes_alone]


def _of_file(file: str, before: Entries, after: Entries) -> Iterator[Difference]:
    for key in dict.fromkeys([*before, *after]):
        name = " ".join(filter(None, key))
        a, b = before.get(key), after.get(key)
        if a is None or b is None:
            change, entry = ("added", b) if a is None else ("removed", a)
            said = ", ".join(f"{k} {v}" for k, v in (entry or {}).items() if k not in NAMES)
            yield Difference(file, name, change, "", said if b is None else "", said if a is None else "")
            continue
        for field in dict.fromkeys([*a, *b]):
            if a.get(field) != b.get(field):
                yield Difference(file, name, "changed", field, *_shortened(a.get(field), b.get(field)))


def _shortened(before: Any, after: Any) -> tuple[Any, Any]:
    """Of two lists what only one of them has."""
    if isinstance(before, list) and isinstance(after, list):
        return [x for x in before if x not in after], [x for x in after if x not in before]  # pyright: ignore
    return before, after


def _entries(name: str, data: bytes) -> Entries:
    """The entries of a file by what they are and which one; values outside of entries under their table."""
    text = data.decode()
    if name.endswith(".csv"):
        return _named("", csv.DictReader(text.splitlines()))
    found: Entries = {}
    rest: dict[str, Any] = {}
    for table, value in tomllib.loads(text).items():
        if isinstance(value, list) and all(isinstance(x, dict) for x in value):  # pyright: ignore
            found |= _named(table, value)  # pyright: ignore
        elif isinstance(value, dict):
            found[table, ""] = value  # pyright: ignore
        else:
            rest[table] = value
    return found | ({("", ""): rest} if rest else {})


def _named(table: str, entries: Iterable[Mapping[str, Any]]) -> Entries:
    found: Entries = {}
    for x in entries:
        if "code" in x:
            name = " ".join(str(x[k]) for k in ("code", "class") if k in x)
        else:
            name = " ".join(f"from {x[k]}" if k == "from" else str(x[k]) for k in NAMES if x.get(k) and k != "code")
        while (table, name) in found:
            name += "'"
        found[table, name] = x
    return found

"""Which entry of a list of the goods control a finding goes by, and where that was seen."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from ops.law_files import sources, tariff
from schemas.lawbook import Lawbook

Entry = Mapping[str, Any]
Line = Mapping[str, Any]  # derived columns of a line
Fits = Callable[[Entry, Line], bool]


def _covers(entry: Entry, line: Line) -> bool:
    return (line["hs_code"] or "").startswith(entry["hs"])


def _stops(entry: Entry, line: Line) -> bool:
    return _covers(entry, line) and entry["country"] in (line["line_country"], line["origin"])


def _occurs(text: str, line: Line) -> bool:
    return any(text.lower() in (line[name] or "").lower() for name in ("line_itemName", "line_gmodel"))


def _watches(entry: Entry, line: Line) -> bool:
    return _occurs(entry["name"], line) or entry["name"].lower() in (line["brand"] or "").lower()


def _forbids_mode(entry: Entry, line: Line) -> bool:
    mode = "1210" if line["bonded"] else "9610"
    return _covers(entry, line) and bool(entry.get("modes")) and mode not in entry["modes"]


def _forbids_name(entry: Entry, line: Line) -> bool:
    wanted, excluded = entry.get("names", ()), entry.get("excluded", ())
    misnamed = (bool(wanted) and not any(_occurs(x, line) for x in wanted)) or any(_occurs(x, line) for x in excluded)
    return _covers(entry, line) and misnamed


def _over_time(entry: Entry, line: Line) -> bool:
    return _covers(entry, line) and ("day" in entry or "month" in entry)


LISTS: dict[str, tuple[str, Fits]] = {  # what a rule reads → the list behind it, and which of its entries apply to a line
    "negative": ("negative", _covers), "waste": ("waste", _covers), "watched": ("watch", _covers), "stopped": ("stop", _stops),
    "self_use_exceeded": ("self_use", _covers), "self_use_day_exceeded": ("self_use", _over_time), "self_use_month_exceeded": ("self_use", _over_time),
    "brand_watched": ("brand", _watches),
    "mode_allowed": ("positive", _forbids_mode), "name_allowed": ("positive", _forbids_name),
}  # fmt: skip


def entries_of(read: Iterable[str], lines: Iterable[Line], book: Lawbook, day: date) -> list[dict[str, Any]]:
    """`list`, `line`, the `entry` as it stands there and its `sources` (id → title), of each entry in force on a day that applies to
    one of the lines; `read`: the columns that a rule reads. Where goods are not on the positive list, the last row it had of them."""
    found: list[dict[str, Any]] = []
    for line in lines:
        for name in read:
            kind, fits = LISTS.get(name, ("", _covers))
            entries = book.control.entries.get(kind, ())
            chosen = [x for x in entries if x["from"] <= day <= x["to"] and fits(x, line)]
            if name == "listed":
                kind, chosen = "struck", list(_struck(book, line))
            found += [{"list": kind, "line": line["position"], "entry": dict(x), "sources": sources(book, x["source"])} for x in chosen]
    return found


def _struck(book: Lawbook, line: Line) -> Iterator[Entry]:
    rows = [x for x in tariff(book) if x["hs8"] == (line["hs_code"] or "")[:8]]
    if rows:
        last = max(rows, key=lambda x: x["to"])
        yield {name: last[name] for name in ("hs8", "name", "from", "to", "source", "sure")}

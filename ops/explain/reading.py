"""What the rules read of one manifest, and what came of it: findings, what passed, what was not asked, signs of risk."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from history.recompute import QUARANTINE, Recomputed
from ops.explain.checks import Asked, answers
from ops.explain.lists import entries_of
from ops.explain.risks import risk
from ops.explain.thresholds import NAMED, Thresholds
from ops.explain.values import is_money
from ops.law_files import sources
from pipeline.derived import FEN
from pipeline.goods_before import ORDERS, kept
from pipeline.risk import Indicator
from pipeline.rules import MASK, Looked, looked_at
from pipeline.sightings import COUNTERS
from schemas.lawbook import Lawbook

TEXTS = ("en", "zh", "todo", "todo_zh", "law", "since", "when")
ABOUT_AMOUNTS = re.compile("^(order|payment|waybill)_amount_(out|fine)$")
AMOUNTS_OF_LINES = ("line_qty_e5", "line_price_e5", "line_totalPrice_e5")
BLANK = re.compile(r"TRIM\((\w+)\) = ''")
WINDOWS = {"self_use_day_exceeded": "day", "self_use_month_exceeded": "month"}  # column → of goods_before.KEPT
LONGER = re.compile(r"LENGTH\((\w+)\) > (\d+)")


class Reading:
    """Of one decision made again; `fired`: the codes that were found. In quarantine no rule was asked."""

    def __init__(self, again: Recomputed, book: Lawbook, fired: Collection[str]) -> None:
        manifests = self._manifests = again.judged.manifests
        self._book, self._entries, self._fired = book, book.texts(), fired
        self._day = again.decided.heads["accepted_on"].item()
        self._class = manifests.heads["ecommerce_class"].item()
        self._lines = {x["position"]: x for x in manifests.lines.to_dicts()}
        self._thresholds = Thresholds(book, self._day, manifests.heads.row(0, named=True))
        self._looked = [] if QUARANTINE in fired else list(looked_at(manifests, book.on(self._day)))

    def finding(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of table finding, with the `items` of the lines it is true of (none where it is about the whole), the `parameters`
        it was held against, and the `entries` of lists it goes by. Where its condition is true when one of several things is,
        `decided_by` are the columns of those that are, and parameters those of these alone; `had`: of goods that are
        counted over some time, what the person had of them in other orders; `too_long`: of them length and most,
        `blank`: those that are empty or nothing but white space (a masked one does not show it).
        `amounts`: which made a finding about the amounts of a document. `by_class`: whether the class of the e-commerce firm
        has made another outcome or queue of it."""
        code, values = row["code"], json.loads(row["values_read"])
        true = [x for x in self._looked if x.rule.code == code and x.verdict]
        lines = [x.position for x in true if x.position is not None]
        concerned = [self._lines[n] for n in lines or self._lines]
        parts = list(self._true_parts(true[0])) if true else []
        read = list(dict.fromkeys(name for _, names in parts for name in names)) or list(values)
        parameters = self._thresholds.of(code, values)
        named = {name for part, _ in parts for name in NAMED.findall(part)} if parts else parameters.keys()
        entries = _once(entries_of(true[0].rule.reads, concerned, self._book, self._day)) if true else []
        return {
            "code": code, "outcome": row["outcome"], "blames": self._entries[code]["blames"], "values": values, "lines": lines,
            "items": [_item(self._lines[n]) for n in lines], "decided_by": read,
            "too_long": {name: {"length": _length(values.get(name)), "most": most} for name, most in _longer(parts)},
            "blank": [found[1] for text, _ in parts if (found := BLANK.fullmatch(text))],
            "amounts": self._amounts(values), "by_class": (code, self._class) in self._book.on(self._day).by_class,
            "parameters": {name: value for name, value in parameters.items() if name in named}, **self._texts(code),
            "entries": entries, "had": self._had(values.keys(), tuple(x["entry"]["hs"] for x in entries if "hs" in x["entry"])),
        }  # fmt: skip

    def _true_parts(self, x: Looked) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Text and columns of each alternative of a condition that is true of what it was true of."""
        lines, heads = self._manifests.lines, self._manifests.heads
        table = heads if x.position is None else lines.filter(pl.col("position") == x.position)
        for text, condition, names in self._book.alternatives(x.rule.code, self._day):
            if table.select(condition).item():
                yield text, names

    def _had(self, read: Collection[str], covered: tuple[str, ...]) -> list[dict[str, Any]]:
        """`hs8`, `unit` and `qty_e5` of what the person ordered in the window before that a rule about self-use reads, where the
        HS code begins as one that is `covered`."""
        window = next((of for name, of in WINDOWS.items() if name in read), None)
        packed = self._manifests.heads["counters"].item()
        if window is None or packed is None:
            return []
        rows = kept(pl.Series([0]), [packed], len(COUNTERS)).filter(pl.col("unit") != ORDERS, pl.col(window) > 0)
        names = [pl.col("hs8").cast(pl.String).str.zfill(8), pl.col("unit").cast(pl.String).str.zfill(3), pl.col(window).alias("qty_e5")]
        return [x for x in rows.select(names).to_dicts() if x["hs8"].startswith(covered)]

    def _amounts(self, read: Mapping[str, str | None]) -> list[dict[str, Any]]:
        """`name`, `line` (None: of the document) and `value` (None: out of bounds) of the amounts that a finding is about."""
        about = [found.groups() for column, value in read.items() if value == "True" for found in ABOUT_AMOUNTS.finditer(column)]
        return [
            {"name": name, "line": line, "value": value}
            for kind, what in about
            for line, name, value in self._amounts_of(kind)
            if (value is None if what == "out" else value is not None and is_money(name) and value % FEN)
        ]

    def _amounts_of(self, kind: str) -> Iterator[tuple[int | None, str, int | None]]:
        """Line, column and units of 10^-5 of every amount in a document."""
        for name, value in self._manifests.heads.row(0, named=True).items():
            if name.startswith(f"{kind}_") and name.endswith("_e5"):
                yield None, name, value
        for n, line in self._lines.items() if kind == "order" else ():
            yield from ((n, name, line[name]) for name in AMOUNTS_OF_LINES)

    def looked(self, asked: Asked) -> dict[str, Any]:
        """`passed`: what found nothing, with what it read, of several lines each; `not_asked`: checks of ledgers, numbers and samples
        that there was no reason to make, `why` being the name of a text; `risk`: see risks.risk."""
        found: dict[str, dict[str, Any]] = {}
        signs: dict[str, dict[str, Any]] = {}
        for x in self._looked:
            if isinstance(x.rule, Indicator) and x.verdict:
                self._read(signs, x).setdefault("points", dict(x.rule.points))
            elif x.verdict is False and x.rule.code not in self._fired:
                self._read(found, x)
        not_asked: dict[str, dict[str, Any]] = {}
        for code, answer in answers(asked):
            if isinstance(answer, str):
                not_asked[code] = {"code": code, "why": answer, **self._texts(code)}
            else:
                read = [{"line": None, "values": values} for values in answer]
                found[code] = {"code": code, **self._texts(code), "read": read, "parameters": self._thresholds.of(code, answer[0])}
        return {
            "passed": [found[code] for code in self._entries if code in found.keys() - signs.keys()],
            "not_asked": list(not_asked.values()),
            "risk": risk((signs[code] for code in sorted(signs)), self._book, self._day),
        }

    def _read(self, found: dict[str, dict[str, Any]], x: Looked) -> dict[str, Any]:
        """The entry of a rule or indicator among those found, with one more reading."""
        code, values = x.rule.code, json.loads(x.values_read)
        entry = found.setdefault(code, {"code": code, **self._texts(code), "read": [], "parameters": self._thresholds.of(code, values)})
        entry["read"].append({"line": x.position, "values": values})
        return entry

    def _texts(self, code: str) -> dict[str, Any]:
        """Of an indicator, whose law is where it was seen, the titles of those sources."""
        entry = self._entries[code]
        law = {} if "law" in entry else {"law": "; ".join(sources(self._book, entry["source"]).values())}
        return {name: entry[name] for name in TEXTS if name in entry} | law


def _item(line: Mapping[str, Any]) -> dict[str, Any]:
    names = {"item_no": "line_itemNo", "item_name": "line_itemName", "hs_code": "hs_code", "qty_e5": "line_qty_e5", "unit": "line_unit"}
    return {"line": line["position"]} | {name: line[of] for name, of in names.items()}


def _longer(parts: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, int]]:
    """Columns that are longer than a message allows, and what it allows."""
    for text, _ in parts:
        if found := LONGER.fullmatch(text):
            yield found[1], int(found[2])


def _length(value: str | None) -> int:
    """Characters of a text that was read; of a personal one its mask tells them."""
    text = value or ""
    return int(text.removeprefix(MASK)) if text.startswith(MASK) else len(text)


def _once(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of lists, those that several lines go by once, for the first of them."""
    found: list[dict[str, Any]] = []
    for x in entries:
        if all((x["list"], x["entry"]) != (y["list"], y["entry"]) for y in found):
            found.append(x)
    return found

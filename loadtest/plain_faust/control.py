"""Goods control: what the lists of a day (control.toml, and tariff.csv as the positive list) say of the lines of an order."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from loadtest.plain_faust.reading import Document

UNIT_E5 = 100_000
KINDS = ("positive", "negative", "self_use", "watch", "waste", "stop", "brand")
CAPITALS = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}  # to small letters, of ASCII only


class Controlled(NamedTuple):
    """What is wrong with a line; `too_many` None: a quantity that counts is not known."""

    unlisted: bool
    mode_barred: bool
    misnamed: bool
    negative: bool
    waste: bool
    stopped: bool
    watched: bool
    too_many: bool | None
    branded: bool


class _Code(NamedTuple):
    """What the lists say of an HS8 code. `modes` None: any; `origins`: stopped ones; `group`: self-use entry, `parcel`:
    its quantities by unit (None: no entry covers the code), `day` and `month`: of a person's orders."""

    listed: bool
    modes: list[str] | None
    names: list[str] | None
    excluded: list[str]
    negative: bool
    waste: bool
    watched: bool
    origins: set[str]
    group: str
    parcel: dict[str, int] | None
    day: dict[str, int]
    month: dict[str, int]


@dataclass(slots=True)
class DayControl:
    """`now`: kind → entries in force; `listed`: HS8 codes on the positive list; `codes`: those met so far."""

    now: dict[str, list[dict[str, Any]]]
    listed: set[str]
    brands: list[str]
    codes: dict[str, _Code]

    def of(self, hs8: str) -> _Code:
        """What the lists say of a code."""
        found = self.codes.get(hs8)
        if found is None:
            found = self.codes[hs8] = self._code(hs8)
        return found

    def _code(self, hs8: str) -> _Code:
        covering = {kind: [x for x in self.now[kind] if hs8.startswith(x["hs"])] for kind in KINDS if kind != "brand"}
        note = covering["positive"][0] if covering["positive"] else {}
        counted = covering["self_use"][0] if covering["self_use"] else {}
        names = note.get("names")
        return _Code(
            hs8 in self.listed, note.get("modes"), names and _small(names), _small(note.get("excluded", [])),
            bool(covering["negative"]), bool(covering["waste"]), bool(covering["watch"]),
            {x["country"] for x in covering["stop"]}, counted.get("hs", ""), counted.get("parcel"),
            counted.get("day", {}), counted.get("month", {}),
        )  # fmt: skip


def control_on(day: date, entries: dict[str, Any], tariff: Iterable[dict[str, str]]) -> DayControl:
    """The lists in force on a day."""
    now = {kind: [x for x in entries.get(kind, []) if x["from"] <= day <= x["to"]] for kind in KINDS}
    listed = {row["hs8"] for row in tariff if day <= date.fromisoformat(row["to"])}
    return DayControl(now, listed, _small([x["name"] for x in now["brand"]]), {})


def controlled(lines: list[Document], filed: list[tuple[str, bool, str, str] | None], control: DayControl) -> list[Controlled]:
    """What is wrong with each line; `filed`: HS code, whether it is bonded, origin and brand, None where the item is not registered."""
    codes = [control.of(item[0][:8]) if item else None for item in filed]
    counts: dict[tuple[str, str], int | None] = {}
    for line, code in zip(lines, codes, strict=True):
        if code is not None and code.parcel is not None:
            key, qty = (code.group, line["unit"]), line["qty"]
            before = counts.get(key, 0)
            counts[key] = None if before is None or qty is None else before + qty
    found: list[Controlled] = []
    for line, item, code in zip(lines, filed, codes, strict=True):
        texts = (line["itemName"].translate(CAPITALS), line["gmodel"].translate(CAPITALS))
        branded = _occurs(control.brands, texts) or (item is not None and _occurs(control.brands, (item[3].translate(CAPITALS), "")))
        if item is None or code is None:
            found.append(Controlled(False, False, False, False, False, False, False, False, branded))
            continue
        mode = "1210" if item[1] else "9610"
        misnamed = (code.names is not None and not _occurs(code.names, texts)) or _occurs(code.excluded, texts)
        found.append(
            Controlled(
                not code.listed, code.modes is not None and mode not in code.modes, misnamed, code.negative, code.waste,
                line["country"] in code.origins or item[2] in code.origins, code.watched, _too_many(line["unit"], code, counts), branded,
            )
        )  # fmt: skip
    return found


def _too_many(unit: str, code: _Code, counts: dict[tuple[str, str], int | None]) -> bool | None:
    if code.parcel is None:
        return False
    if unit not in code.parcel:
        return True
    count = counts[code.group, unit]
    return None if count is None else count > code.parcel[unit] * UNIT_E5


def _small(texts: list[str]) -> list[str]:
    return [text.translate(CAPITALS) for text in texts]


def _occurs(wanted: list[str], texts: tuple[str, str]) -> bool:
    for text in wanted:  # noqa: SIM110  a generator costs twice as much here
        if text in texts[0] or text in texts[1]:
            return True
    return False

"""Goods control of one day as the verifier reads it from control.toml and tariff.csv (docs/decisions.md section 5)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from loadtest.verify.documents import Document

UNIT_E5 = 100_000
Entry = Mapping[str, Any]
NO_ENTRY: Entry = {}
KINDS = ("positive", "negative", "self_use", "watch", "waste", "stop", "brand")
Texts = tuple[bytes, ...]
"""As _searched gives texts: what to look for in them."""


@dataclass(frozen=True, slots=True)
class CodeControl:
    """What the lists say of one HS8 code. `origins`: countries it is stopped from; `modes`, `names`, `excluded`: of its footnote, None
    where that says nothing of them; `self_use`: the entry that covers it, or an empty one."""

    listed: bool
    negative: bool
    waste: bool
    watched: bool
    origins: frozenset[str]
    modes: Sequence[str] | None
    names: Texts | None
    excluded: Texts | None
    self_use: Entry


class DayControl:
    """The lists in force on a day."""

    def __init__(self, day: date, entries: Mapping[str, Sequence[Entry]], last_days: Mapping[str, str]) -> None:
        """`entries`: kind → all its entries, as in control.toml; `last_days`: hs8 → ISO date of its last day on the list."""
        self._day, self._last_days = day.isoformat(), last_days
        self._in_force = {k: [x for x in entries.get(k, ()) if x["from"] <= day <= x["to"]] for k in KINDS}
        self._brands = tuple(_searched(x["name"]) for x in self._in_force["brand"])
        self._known: dict[str, CodeControl] = {}

    def derive(self, lines: Iterable[Document]) -> None:
        """Give the lines of an order, which have what is filed of them (`hs_code`, `origin`, `brand`; "": not registered), their
        columns of the goods control."""
        counted: list[tuple[Document, Entry]] = []
        for line in lines:
            code = self._of(line["hs_code"][:8])
            texts = _searched(f"{line['itemName']}\0{line['gmodel']}")  # neither of which holds U+0000
            line["listed"], line["negative"], line["waste"] = code.listed, code.negative, code.waste
            line["watched"], line["stopped"] = code.watched, not code.origins.isdisjoint((line["country"], line["origin"]))
            line["mode_allowed"] = code.modes is None or ("1210" if line["account_book_item"] else "9610") in code.modes
            wanted = code.names is None or _occurs(code.names, texts)
            line["name_allowed"] = wanted and not (code.excluded and _occurs(code.excluded, texts))
            line["brand_watched"] = _occurs(self._brands, texts) or _occurs(self._brands, _searched(line["brand"]))
            line["self_use_exceeded"] = False
            if code.self_use:
                counted.append((line, code.self_use))
        if counted:
            _too_many(counted)

    def self_use_of(self, hs8: str) -> Entry:
        """The self-use entry that covers a code; empty without one."""
        return self._of(hs8).self_use

    def _of(self, hs8: str) -> CodeControl:
        if hs8 not in self._known:
            found = {kind: [x for x in kept if hs8.startswith(x.get("hs", "-"))] for kind, kept in self._in_force.items()}
            footnote = next(iter(found["positive"]), NO_ENTRY)
            names, excluded = (tuple(map(_searched, footnote[part])) if part in footnote else None for part in ("names", "excluded"))
            self._known[hs8] = CodeControl(
                self._day <= self._last_days.get(hs8, ""),  # ISO dates compare as texts
                bool(found["negative"]),
                bool(found["waste"]),
                bool(found["watch"]),
                frozenset(x["country"] for x in found["stop"]),
                footnote.get("modes"),
                names,
                excluded,
                next(iter(found["self_use"]), NO_ENTRY),
            )
        return self._known[hs8]


def _too_many(counted: Sequence[tuple[Document, Entry]]) -> None:
    """`self_use_exceeded` of the lines of an order that a self-use entry covers."""
    total: Counter[tuple[str, str]] = Counter()
    unknown: set[tuple[str, str]] = set()
    for line, entry in counted:
        of = entry["hs"], line["unit"]
        if line["qty_e5"] is None:
            unknown.add(of)
        else:
            total[of] += line["qty_e5"]
    for line, entry in counted:
        of, most = (entry["hs"], line["unit"]), entry["parcel"].get(line["unit"])
        line["self_use_exceeded"] = True if most is None else None if of in unknown else total[of] > most * UNIT_E5


def _searched(text: str) -> bytes:
    """A text as it is compared: letters of ASCII alike in either case, all others as they are."""
    return text.encode().lower()


def _occurs(wanted: Texts, texts: bytes) -> bool:
    return any([one in texts for one in wanted])

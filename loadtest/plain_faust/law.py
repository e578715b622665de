"""The law data, read straight from schemas/law: rates, limits and what a finding leads to."""

import csv
import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import schemas
from loadtest.plain_faust.classes import DayClasses, classes_on
from loadtest.plain_faust.control import DayControl, control_on
from loadtest.plain_faust.risk import DayRisk, risk_on
from loadtest.plain_faust.samples import DaySamples, samples_on

FOLDER = Path(schemas.__file__).parent / "law"
FILES = (
    "rules.toml", "limits.toml", "tariff.csv", "consumption.toml", "weights.toml", "control.toml", "sources.toml", "classes.toml",
    "risk.toml", "samples.toml",
)  # fmt: skip
SHANGHAI = timezone(timedelta(hours=8))  # no summer time since 1991; log times are of this century


@dataclass(frozen=True, slots=True)
class Good:
    """A registered item: one `unit` of it holds `content` smallest units of `measure` ("": not filed). `book_item`: of an
    account book, or ""."""

    hs_code: str
    book_item: str
    unit: str
    content: int
    measure: str
    status: str
    price_low_fen: int
    price_high_fen: int
    origin: str
    brand: str

    @property
    def bonded(self) -> bool:
        return self.book_item != ""


@dataclass(frozen=True, slots=True)
class Part:
    """So many fen, below the threshold `below_fen`, for `per` smallest units of a measure."""

    fen: int
    below_fen: int
    per: int


@dataclass(frozen=True, slots=True)
class Rate:
    """Statutory rates in 10⁻⁴; by measure the amount for a quantity and the price from which the tax applies (None: the
    tax item has no such part)."""

    tariff_1e4: int
    vat_1e4: int
    consumption_1e4: int
    specific: dict[str, Part] | None
    threshold: dict[str, Part] | None

    @property
    def by_quantity(self) -> bool:
        """Whether the quantity decides on the tax."""
        return self.specific is not None or self.threshold is not None

    def suits(self, measure: str) -> bool:
        """Whether a content in this measure is enough to tax it."""
        return all([part is None or measure in part for part in (self.specific, self.threshold)])


@dataclass(frozen=True, slots=True)
class Cap:
    """How many mg of a group a person may buy in a year; `hs8`: prefixes of its HS codes."""

    group: str
    hs8: tuple[str, ...]
    mg: int


@dataclass(frozen=True, slots=True)
class DayLaw:
    """What is in force on one day. `limits`: name → value in fen, counts or months; `rates`: HS8 → Rate; `caps`: of the
    yearly weight of a group of goods."""

    year: int
    limits: dict[str, int]
    rates: dict[str, Rate]
    caps: list[Cap]
    control: DayControl
    classes: DayClasses
    risk: DayRisk
    samples: DaySamples


@lru_cache
def consequences() -> dict[str, tuple[str, str]]:
    """Finding code → (REJECT or HOLD, queue of a HOLD or empty)."""
    law = _toml("rules.toml") | _toml("risk.toml")
    return {r["code"]: (r["outcome"], r.get("queue", "")) for part in ("rule", "ledger", "engine", "band") for r in law[part]}


@lru_cache
def rule_set() -> str:
    """Hash of the law data that decides, as Tidegate computes it."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(FILES):
        for part in (name.encode(), (FOLDER / name).read_bytes()):
            digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()


def law_at(accepted_ms: int) -> DayLaw:
    """The law of the day, in Shanghai, of an acceptance time."""
    return _on(datetime.fromtimestamp(accepted_ms / 1000, SHANGHAI).date())


@lru_cache(maxsize=64)
def _on(day: date) -> DayLaw:
    limits = sorted((x for x in _toml("limits.toml")["limit"] if x["from"] <= day), key=lambda x: x["from"])
    control = control_on(day, _toml("control.toml"), _tariff())
    values = {x["name"]: x["value"] for x in limits}
    classes = classes_on(day, _toml("classes.toml"), consequences(), values)
    return DayLaw(day.year, values, _rates(day), _caps(day), control, classes, risk_on(day, _toml("risk.toml")), samples_on(day, _toml("samples.toml")))


def _caps(day: date) -> list[Cap]:
    caps = _toml("weights.toml")["cap"]
    return [Cap(x["group"], tuple(x["hs8"]), x["cap_mg"]) for x in caps if x["from"] <= day <= x["to"]]


def _rates(day: date) -> dict[str, Rate]:
    items = {x["name"]: x for x in _toml("consumption.toml")["item"] if x["from"] <= day <= x["to"]}
    found: dict[str, Rate] = {}
    for r in _tariff():
        item = items.get(r["consumption"])
        if item is not None and date.fromisoformat(r["from"]) <= day <= date.fromisoformat(r["to"]):
            duty = int(r["provisional_1e4"] or r["tariff_1e4"])
            parts = (_parts(item, "specific"), _parts(item, "threshold"))
            found[r["hs8"]] = Rate(duty, int(r["vat_1e4"]), item["rate_1e4"], *parts)
    return found


def _parts(item: dict[str, Any], name: str) -> dict[str, Part] | None:
    if name not in item:
        return None
    units = content_units()
    return {
        units[p["unit"]][0]: Part(p["fen"], p.get("below_fen", 0), p["per"] * units[p["unit"]][1]) for p in item[name]
    }


@lru_cache
def content_units() -> dict[str, tuple[str, int]]:
    """Unit → (measure, smallest units in it)."""
    return {u["name"]: (u["measure"], u["size"]) for u in _toml("consumption.toml")["unit"]}


@lru_cache
def _tariff() -> list[dict[str, str]]:
    with (FOLDER / "tariff.csv").open(newline="") as f:
        return list(csv.DictReader(f))


@lru_cache
def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text())

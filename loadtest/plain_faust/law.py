"""The law data, read straight from schemas/law: goods, rates, limits and what a finding leads to."""

import csv
import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import schemas

FOLDER = Path(schemas.__file__).parent / "law"
FILES = ("rules.toml", "limits.toml", "rates.toml", "goods.csv")
SHANGHAI = timezone(timedelta(hours=8))  # no summer time since 1991; log times are of this century


@dataclass(frozen=True, slots=True)
class Good:
    """A registered item: its HS code, and whether it is bonded."""

    hs_code: str
    bonded: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """Statutory rates in 10⁻⁴."""

    vat_1e4: int
    consumption_1e4: int


@dataclass(frozen=True, slots=True)
class DayLaw:
    """What is in force on one day. `limits`: name → value in fen, counts or months; `rates`: HS code → Rate."""

    year: int
    limits: dict[str, int]
    rates: dict[str, Rate]


@lru_cache
def goods() -> dict[tuple[str, str], Good]:
    """(ebcCode, itemNo) → item; the first row of a pair counts."""
    found: dict[tuple[str, str], Good] = {}
    with (FOLDER / "goods.csv").open(newline="") as f:
        for row in csv.DictReader(f):
            found.setdefault((row["ebc_code"], row["item_no"]), Good(row["hs_code"], bool(row["account_book_item"])))
    return found


@lru_cache
def consequences() -> dict[str, tuple[str, str]]:
    """Finding code → (REJECT or HOLD, queue of a HOLD or empty)."""
    law = _toml("rules.toml")
    return {r["code"]: (r["outcome"], r.get("queue", "")) for part in ("rule", "ledger", "engine") for r in law[part]}


@lru_cache
def rule_set() -> str:
    """Hash of the law data that decides, as Tidegate computes it."""
    digest = hashlib.blake2b(digest_size=8)
    for name in FILES:
        digest.update(name.encode() + b"\0" + (FOLDER / name).read_bytes())
    return digest.hexdigest()


def law_at(accepted_ms: int) -> DayLaw:
    """The law of the day, in Shanghai, of an acceptance time."""
    return _on(datetime.fromtimestamp(accepted_ms / 1000, SHANGHAI).date())


@lru_cache(maxsize=64)
def _on(day: date) -> DayLaw:
    limits = sorted((x for x in _toml("limits.toml")["limit"] if x["from"] <= day), key=lambda x: x["from"])
    rates = {
        r["hs_code"]: Rate(r["vat_1e4"], r["consumption_1e4"])
        for r in _toml("rates.toml")["rate"]
        if r["from"] <= day <= r["to"]
    }
    return DayLaw(day.year, {x["name"]: x["value"] for x in limits}, rates)


@lru_cache
def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text())

"""The law data the generator needs to know its answers, read straight from schemas/law."""

import csv
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import schemas
from loadtest.generate.control import barred
from loadtest.generate.tax import Rates, TaxItem

FOLDER = Path(schemas.__file__).parent / "law"
GOODS = Path(__file__).parent / "goods.csv"  # what items of every market are made of
NEVER_YET = "9999-01-01"  # a rate from then on is in force on no day that a set is sent on
UNTAXED = frozenset({"REG-02", "TAX-01"})


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the goods registry. `price_e5` is its usual price in 10⁻⁵ yuan; one `unit` of it holds `content`
    smallest units of `measure` ("" when nothing is filed); `book_item`: of an account book, or ""; `rates` None: none in
    force; `weight_group`: of goods with a yearly weight cap a person, else empty; `barred`: no clean order holds it."""

    item_no: str
    name: str
    hs_code: str
    unit: str
    country: str
    book_item: str
    price_e5: int
    content: int
    measure: str
    rates: Rates | None
    weight_group: str
    barred: bool

    @property
    def bonded(self) -> bool:
        """Whether it lies in a bonded warehouse under an account book."""
        return bool(self.book_item)

    @property
    def taxable(self) -> bool:
        """Whether rates and content are enough to tax it."""
        return self.rates is not None and self.rates.item.measured_in(self.measure)


@lru_cache
def goods() -> dict[str, tuple[Item, ...]]:
    """E-commerce firm → its items, both in the order of goods.csv."""
    tariff, units = _tariff(), _units()
    firms: dict[str, list[Item]] = {}
    with GOODS.open(newline="") as f:
        for row in csv.DictReader(f):
            measure, size = units.get(row["content_unit"], ("", 0))
            firms.setdefault(row["ebc_code"], []).append(
                Item(
                    row["item_no"], row["item_name"], row["hs_code"], row["unit"], row["country"],
                    row["account_book_item"], int(row["price_fen"]) * 1000,
                    int(row["content"] or 0) * size, measure, tariff.get(row["hs_code"][:8]), _weight_group(row["hs_code"]),
                    barred(row["hs_code"][:8], row["country"], bool(row["account_book_item"])),
                )
            )  # fmt: skip
    return {firm: tuple(items) for firm, items in firms.items()}


@lru_cache
def _tariff() -> dict[str, Rates]:
    """HS8 → rates; ValueError when they change in time: then an answer would depend on the day of acceptance."""
    items = _tax_items()
    found: dict[str, Rates] = {}
    with (FOLDER / "tariff.csv").open(newline="") as f:
        for row in csv.DictReader(f):
            if row["from"] >= NEVER_YET:
                continue
            duty = int(row["provisional_1e4"] or row["tariff_1e4"])
            rates = Rates(duty, int(row["vat_1e4"]), items[row["consumption"]])
            if found.setdefault(row["hs8"], rates) != rates:
                raise ValueError(f"tariff.csv: the rates of {row['hs8']} change in time")
    return found


@lru_cache
def _tax_items() -> dict[str, TaxItem]:
    """Tax items by name. Of several in time the last: only the threshold of beer changes, by 1.5 fen a litre between
    2.6 and 2.7 yuan, and no story prices beer there."""
    units = _units()
    found: dict[str, TaxItem] = {}
    for entry in tomllib.loads((FOLDER / "consumption.toml").read_text())["item"]:
        specific, threshold = entry.get("specific"), entry.get("threshold")
        found[entry["name"]] = TaxItem(
            entry["rate_1e4"],
            None if specific is None else {units[p["unit"]][0]: _amounts(p, units) for p in specific},
            None if threshold is None else {units[p["unit"]][0]: _amounts(p, units)[0] for p in threshold},
        )
    return found


def _amounts(part: dict[str, Any], units: dict[str, tuple[str, int]]) -> tuple[Fraction, Fraction]:
    per = part["per"] * units[part["unit"]][1]
    return Fraction(part["fen"], per), Fraction(part.get("below_fen", 0), per)


@lru_cache
def _units() -> dict[str, tuple[str, int]]:
    units = tomllib.loads((FOLDER / "consumption.toml").read_text())["unit"]
    return {u["name"]: (u["measure"], u["size"]) for u in units}


@lru_cache
def limit(name: str) -> int:
    """The value of a limit; the generator takes those that have had one value only."""
    (value,) = (x["value"] for x in tomllib.loads((FOLDER / "limits.toml").read_text())["limit"] if x["name"] == name)
    return value


@lru_cache
def weight_caps() -> dict[str, tuple[int, tuple[str, ...]]]:
    """Group → (cap in mg, prefixes of its HS codes); the generator takes caps that have had one value only."""
    caps = tomllib.loads((FOLDER / "weights.toml").read_text())["cap"]
    found = {x["group"]: (x["cap_mg"], tuple(x["hs8"])) for x in caps}
    if len(found) < len(caps):
        raise ValueError("weights.toml: a cap changes in time")
    return found


def _weight_group(hs_code: str) -> str:
    return next((group for group, (_, codes) in weight_caps().items() if hs_code.startswith(codes)), "")


@lru_cache
def outcomes() -> dict[str, str]:
    """Finding code → REJECT or HOLD."""
    law = tomllib.loads((FOLDER / "rules.toml").read_text())
    found = {r["code"]: r["outcome"] for table in ("rule", "ledger", "engine") for r in law[table]}
    return found | {r["code"]: r["outcome"] for r in risk_bands()}


@lru_cache
def risk_bands() -> list[dict[str, Any]]:
    """The findings of risk.toml."""
    return tomllib.loads((FOLDER / "risk.toml").read_text())["band"]


@lru_cache
def all_codes() -> frozenset[str]:
    """Every code of rules.toml: findings, fates of documents, dead letters."""
    law = tomllib.loads((FOLDER / "rules.toml").read_text())
    found = {r["code"] for table, rows in law.items() if table not in ("columns", "law_match") for r in rows}
    return frozenset(found | {r["code"] for r in risk_bands()})


@lru_cache
def classes() -> dict[str, list[dict[str, Any]]]:
    """Entries of classes.toml by kind; the generator takes those that have never been otherwise."""
    found = tomllib.loads((FOLDER / "classes.toml").read_text())
    if any(x["to"].year < 9999 for kind in ("outcome", "tolerance") for x in found[kind]):
        raise ValueError("classes.toml: an entry changes in time")
    return found


def outcome_of(codes: Iterable[str], class_: str) -> str:
    """The worst outcome of the findings for a firm of a class; RELEASE without any that counts."""
    other = {x["code"]: x["outcome"] for x in classes()["outcome"] if x["class"] == class_}
    found = {other.get(code, outcomes()[code]) for code in codes}
    return "REJECT" if "REJECT" in found else "HOLD" if "HOLD" in found else "RELEASE"


def tolerance(name: str, class_: str) -> int:
    """A limit as it is for a firm of a class."""
    return next((x["value"] for x in classes()["tolerance"] if (x["name"], x["class"]) == (name, class_)), limit(name))

"""The law data the generator needs to know its answers, read straight from schemas/law, and the tax in whole fen."""

import csv
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import schemas

FOLDER = Path(schemas.__file__).parent / "law"
UNTAXED = frozenset({"REG-02", "LIM-01"})


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the goods registry. `price_e5` is its usual price in 10⁻⁵ yuan, the rates are in 10⁻⁴."""

    item_no: str
    name: str
    unit: str
    country: str
    bonded: bool
    rated: bool
    price_e5: int
    vat_1e4: int
    consumption_1e4: int


@lru_cache
def goods() -> dict[str, tuple[Item, ...]]:
    """E-commerce firm → its items, both in the order of goods.csv."""
    rates = {r["hs_code"]: r for r in tomllib.loads((FOLDER / "rates.toml").read_text())["rate"]}
    firms: dict[str, list[Item]] = {}
    with (FOLDER / "goods.csv").open(newline="") as f:
        for row in csv.DictReader(f):
            rate: dict[str, Any] | None = rates.get(row["hs_code"])
            firms.setdefault(row["ebc_code"], []).append(
                Item(
                    row["item_no"], row["item_name"], row["unit"], row["country"],
                    bool(row["account_book_item"]), rate is not None, int(row["price_fen"]) * 1000,
                    rate["vat_1e4"] if rate else 0, rate["consumption_1e4"] if rate else 0,
                )
            )  # fmt: skip
    return {firm: tuple(items) for firm, items in firms.items()}


@lru_cache
def outcomes() -> dict[str, str]:
    """Finding code → REJECT or HOLD."""
    law = tomllib.loads((FOLDER / "rules.toml").read_text())
    return {r["code"]: r["outcome"] for table in ("rule", "ledger", "engine") for r in law[table]}


@lru_cache
def all_codes() -> frozenset[str]:
    """Every code of rules.toml: findings, fates of documents, dead letters."""
    law = tomllib.loads((FOLDER / "rules.toml").read_text())
    return frozenset(r["code"] for table, rows in law.items() if table not in ("columns", "law_match") for r in rows)


def outcome_of(codes: Iterable[str]) -> str:
    """The worst outcome of the findings; RELEASE without any."""
    found = {outcomes()[code] for code in codes}
    return "REJECT" if "REJECT" in found else "HOLD" if found else "RELEASE"


def tax_fen(totals_fen: Sequence[int], fee_fen: int, items: Sequence[Item]) -> int:
    """Consumption tax plus VAT of all lines in fen (decisions.md, section 7); one item for each line."""
    tax = 0
    for total, share, item in zip(totals_fen, _shares(totals_fen, fee_fen), items, strict=True):
        divisor = 10 * (10_000 - item.consumption_1e4)
        for rate in (item.consumption_1e4, item.vat_1e4):
            tax += (2 * 7 * (total + share) * rate + divisor) // (2 * divisor)
    return tax


def _shares(totals: Sequence[int], fee: int) -> list[int]:
    """`fee` split by totals: floor, then one fen each to the largest remainders, lower position first."""
    whole = sum(totals)
    if not totals:
        return []
    if whole <= 0:
        return [fee, *[0] * (len(totals) - 1)]
    shares = [fee * t // whole for t in totals]
    by_remainder = sorted(range(len(totals)), key=lambda n: (-(fee * totals[n] % whole), n))
    for n in by_remainder[: fee - sum(shares)]:
        shares[n] += 1
    return shares

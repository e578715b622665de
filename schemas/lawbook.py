"""Reads schemas/law into the law of a day. Its version is the hash of every file it read."""

import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.law import Consequence, Law, Rule, WeightCap
from schemas import control, law_check, law_pack, tariff
from schemas.control import ControlBook
from schemas.law_check import LawError
from schemas.tariff import Tariff

FOLDER = Path(__file__).parent / "law"
FILES = ("rules.toml", "limits.toml", "tariff.csv", "consumption.toml", "weights.toml", "control.toml", "sources.toml")
BITS = {"order": 1, "payment": 2, "waybill": 4}


@dataclass(frozen=True, eq=False)  # hashed by identity: `on` is cached
class Lawbook:
    """Dated law data: `on(day)` gives the law in force that day. `version`: the hash of `content`, its files packed."""

    version: str
    content: bytes = field(repr=False)
    rules: dict[str, Any]
    limits: list[dict[str, Any]]
    caps: list[dict[str, Any]]
    tariff: Tariff
    control: ControlBook

    @lru_cache(maxsize=64)  # noqa: B019  one book lives as long as the process
    def on(self, day: date) -> Law:
        """The law of `day`; LawError when a condition reads an unknown column or does not compile."""
        limits = self.limits_on(day)
        rates, terms = self.tariff.on(day)
        return Law(
            version=self.version,
            rules=tuple(
                self._compile(r, limits)
                for r in self.rules["rule"]
                if date.fromisoformat(r["since"]) <= day
            ),
            consequences={
                c.code: c
                for c in map(
                    _consequence,
                    [*self.rules["rule"], *self.rules["ledger"], *self.rules["engine"]],
                )
            },
            personal=frozenset(self.rules["columns"]["personal"]),
            single_limit_fen=limits["single_limit_fen"],
            annual_limit_fen=limits["annual_limit_fen"],
            waybill_reuse_months=limits["waybill_reuse_months"],
            rates=rates,
            terms=terms,
            weight_caps=tuple(
                WeightCap(x["group"], tuple(x["hs8"]), x["cap_mg"]) for x in self.caps if x["from"] <= day <= x["to"]
            ),
            control=self.control.on(day),
        )

    @lru_cache(maxsize=64)  # noqa: B019
    def limits_on(self, day: date) -> dict[str, int]:
        """Name → value of each limit in force on `day` (the latest `from` wins)."""
        dated = sorted((x for x in self.limits if x["from"] <= day), key=lambda x: x["from"])
        return {x["name"]: x["value"] for x in dated}

    def days(self) -> list[date]:
        """Every day on which something begins to be in force, from the first rule on."""
        begins = {x["from"] for x in [*self.limits, *self.caps, *self.tariff.items]} | self.control.begins()
        rules = {date.fromisoformat(r["since"]) for r in self.rules["rule"]}
        begins |= rules | set(self.tariff.lines["from"].to_list())
        return sorted(day for day in begins if day >= min(rules))

    @cached_property
    def statuses(self) -> dict[str, str]:
        """returnStatus of the receipt of each document code."""
        return {entry["code"]: entry["status"] for entry in self.rules["document"]}

    def texts(self) -> dict[str, dict[str, Any]]:
        """Code → its entry (en, zh, todo, law …) over every kind of code."""
        tables = ("rule", "ledger", "engine", "document", "dead_letter")
        return {entry["code"]: entry for table in tables for entry in self.rules[table]}

    def ledger_codes(self) -> frozenset[str]:
        """Codes of what the ledgers find: they rest on balances, which no document holds."""
        return frozenset(entry["code"] for entry in self.rules["ledger"])

    def _compile(self, entry: dict[str, Any], limits: dict[str, int]) -> Rule:
        allowed = set(self.rules["columns"][entry["scope"]])
        try:
            condition = pl.sql_expr(_fill(entry["when"], limits))
        except Exception as e:
            raise LawError(f"{entry['code']}: the condition does not compile: {e}") from e
        reads = tuple(dict.fromkeys(condition.meta.root_names()))
        if unknown := set(reads) - allowed:
            raise LawError(f"{entry['code']}: unknown columns {sorted(unknown)}")
        if not reads:
            raise LawError(f"{entry['code']}: the condition reads no column")
        return Rule(_consequence(entry), entry["scope"], condition, reads)


def _fill(condition: str, limits: dict[str, int]) -> str:
    # Only {name} of a known limit is replaced, so the braces of a regular expression stay as they are.
    for name, value in limits.items():
        condition = condition.replace("{" + name + "}", str(value))
    return condition


def _consequence(entry: dict[str, Any]) -> Consequence:
    blames = sum(BITS[kind] for kind in entry["blames"])
    if entry["outcome"] not in ("HOLD", "REJECT"):
        raise LawError(f"{entry['code']}: the outcome of a finding is HOLD or REJECT")
    if entry["outcome"] == "REJECT" and not blames:
        raise LawError(f"{entry['code']}: a REJECT has to blame a document, or nothing could follow it")
    return Consequence(entry["code"], entry["outcome"], entry.get("queue", ""), blames)


@lru_cache(maxsize=4)
def load(folder: Path = FOLDER) -> Lawbook:
    """The law data of a folder, as it is when it is first asked for; see `read`."""
    return read(folder)


def read(folder: Path) -> Lawbook:
    """The law data of a folder as it is now; LawError when it cannot be used: with every place and reason, and then none
    of it is."""
    return _read(folder, law_pack.of_folder(folder, FILES))


def of_content(content: bytes) -> Lawbook:
    """The law data of a packed rule set; LawError when it has other files than FILES or cannot be used."""
    try:
        files = law_pack.unpacked(content)
    except law_pack.NoPack as e:
        raise LawError(f"no rule set: {e}") from None
    if wrong := [f"{name}:0: {'is missing' if name in FILES else 'is no file of a rule set'}" for name in sorted(set(FILES) ^ set(files))]:
        raise LawError("; ".join(wrong))
    with law_pack.as_folder(files, FILES) as folder:
        return _read(folder, content)


def _read(folder: Path, content: bytes) -> Lawbook:
    if problems := law_check.problems(folder):
        raise LawError("; ".join(map(str, problems)))
    rates = tariff.read(folder)
    return Lawbook(
        version=law_pack.version_of(content),
        content=content,
        rules=tomllib.loads((folder / "rules.toml").read_text()),
        limits=tomllib.loads((folder / "limits.toml").read_text())["limit"],
        caps=tomllib.loads((folder / "weights.toml").read_text())["cap"],
        tariff=rates,
        control=control.read(folder, rates.lines),
    )

"""Reads schemas/law into the law of a day. Its version is the hash of every file it read."""

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import sampling
from pipeline.classes import QUEUES
from pipeline.law import Consequence, Law, Rule, WeightCap
from schemas import classes, control, law_check, law_pack, risk, samples, tariff
from schemas.classes import ClassBook
from schemas.control import ControlBook
from schemas.law_check import LawError
from schemas.risk import RiskBook
from schemas.samples import SampleBook
from schemas.tariff import Tariff

FOLDER = Path(__file__).parent / "law"
FILES = (
    "rules.toml", "limits.toml", "tariff.csv", "consumption.toml", "weights.toml", "control.toml", "sources.toml", "classes.toml",
    "risk.toml", "samples.toml",
)  # fmt: skip
BITS = {"order": 1, "payment": 2, "waybill": 4}
TOKEN = re.compile(r"'(?:[^']|'')*'|[()]|\b(?:OR|CASE|END)\b", re.IGNORECASE)
DEEPER = {"(": 1, "CASE": 1, ")": -1, "END": -1}


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
    classes: ClassBook
    risk: RiskBook
    samples: SampleBook

    @lru_cache(maxsize=64)  # noqa: B019  one book lives as long as the process
    def on(self, day: date) -> Law:
        """The law of `day`; LawError when a condition reads an unknown column or does not compile."""
        limits = self.limits_on(day)
        rates, terms = self.tariff.on(day)
        parameters = self.classes.parameters_on(day, limits)
        return Law(
            version=self.version,
            rules=tuple(
                self._compile(r, parameters)
                for r in self.rules["rule"]
                if date.fromisoformat(r["since"]) <= day
            ),
            consequences={
                c.code: c
                for c in map(
                    _consequence,
                    [*self.rules["rule"], *self.rules["ledger"], *self.rules["engine"], *self.risk.bands],
                )
            },
            personal=frozenset(self.rules["columns"]["personal"]),
            single_limit_fen=limits["single_limit_fen"],
            annual_limit_fen=limits["annual_limit_fen"],
            in_limit_share_1e4=limits["in_limit_share_1e4"],
            waybill_reuse_months=limits["waybill_reuse_months"],
            rates=rates,
            terms=terms,
            weight_caps=tuple(
                WeightCap(x["group"], tuple(x["hs8"]), x["cap_mg"]) for x in self.caps if x["from"] <= day <= x["to"]
            ),
            control=self.control.on(day),
            by_class=self.classes.outcomes_on(day),
            indicators=self.risk.indicators_on(day, lambda x: self._condition(x, parameters)),
            typologies=self.risk.typologies_on(day),
            samples=self.samples.on(day),
        )

    @lru_cache(maxsize=64)  # noqa: B019
    def limits_on(self, day: date) -> dict[str, int]:
        """Name → value of each limit in force on `day` (the latest `from` wins)."""
        dated = sorted((x for x in self.limits if x["from"] <= day), key=lambda x: x["from"])
        return {x["name"]: x["value"] for x in dated}

    def days(self) -> list[date]:
        """Every day on which something begins to be in force, from the first rule on."""
        begins = {x["from"] for x in [*self.limits, *self.caps, *self.tariff.items]} | self.control.begins() | self.classes.begins() | self.risk.begins() | self.samples.begins()
        rules = {date.fromisoformat(r["since"]) for r in self.rules["rule"]}
        begins |= rules | set(self.tariff.lines["from"].to_list())
        return sorted(day for day in begins if day >= min(rules))

    @cached_property
    def statuses(self) -> dict[str, str]:
        """returnStatus of the receipt of each document code."""
        return {entry["code"]: entry["status"] for entry in self.rules["document"]}

    def alternatives(self, code: str, day: date) -> list[tuple[str, pl.Expr, tuple[str, ...]]]:
        """A condition that is true when one of several things is (… OR …), in its parts: text, and as `_condition` gives it.

        One of another kind is its own only part.
        """
        entry, parameters = self.texts()[code], self.classes.parameters_on(day, self.limits_on(day))
        whole = self._condition(entry, parameters)
        parts = [(part, pl.sql_expr(_fill(part, parameters))) for part in _parts(entry["when"])]
        return [(part, e, tuple(name for name in whole[1] if name in e.meta.root_names())) for part, e in parts]

    def texts(self) -> dict[str, dict[str, Any]]:
        """Code → its entry (en, zh, todo, law …) over every kind of code."""
        tables = ("rule", "ledger", "engine", "document", "dead_letter")
        entries = [*self.risk.bands, *self.risk.entries["indicator"], *(x for table in tables for x in self.rules[table])]
        return {entry["code"]: entry for entry in entries}

    def codes_taken_as_stored(self) -> frozenset[str]:
        """Codes that no document makes again: what the ledgers find rests on balances, what is drawn on a secret seed."""
        return frozenset(entry["code"] for entry in self.rules["ledger"]) | set(sampling.CODES)

    def _compile(self, entry: dict[str, Any], parameters: dict[str, str]) -> Rule:
        return Rule(_consequence(entry), entry["scope"], *self._condition(entry, parameters))

    def _condition(self, entry: dict[str, Any], parameters: dict[str, str]) -> tuple[pl.Expr, tuple[str, ...]]:
        """The condition of an entry and the columns it reads."""
        allowed = set(self.rules["columns"][entry["scope"]])
        try:
            condition = pl.sql_expr(_fill(entry["when"], parameters))
        except Exception as e:
            raise LawError(f"{entry['code']}: the condition does not compile: {e}") from e
        reads = tuple(dict.fromkeys(condition.meta.root_names()))
        if unknown := set(reads) - allowed:
            raise LawError(f"{entry['code']}: unknown columns {sorted(unknown)}")
        if not reads:
            raise LawError(f"{entry['code']}: the condition reads no column")
        return condition, reads


def _fill(condition: str, parameters: dict[str, str]) -> str:
    # Only {name} of a known limit is replaced, so the braces of a regular expression stay as they are.
    for name, value in parameters.items():
        condition = condition.replace("{" + name + "}", value)
    return condition


def _parts(condition: str) -> list[str]:
    """What stands between the ORs that are in no brackets, texts or CASE."""
    depth, cuts = 0, [0]
    for token in TOKEN.finditer(condition):
        word = token.group().upper()
        depth += DEEPER.get(word, 0)
        if word == "OR" and depth == 0:
            cuts += token.span()
    cuts.append(len(condition))
    return [condition[begin:end].strip() for begin, end in zip(cuts[::2], cuts[1::2], strict=True)]


def _consequence(entry: dict[str, Any]) -> Consequence:
    blames = sum(BITS[kind] for kind in entry["blames"])
    if entry["outcome"] not in ("HOLD", "REJECT"):
        raise LawError(f"{entry['code']}: the outcome of a finding is HOLD or REJECT")
    if (entry["outcome"] == "HOLD") != (entry.get("queue", "") in QUEUES[1:]):
        raise LawError(f"{entry['code']}: a HOLD, and nothing else, has one of the queues {', '.join(QUEUES[1:])}")
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
        classes=classes.read(folder),
        risk=risk.read(folder),
        samples=samples.read(folder),
    )

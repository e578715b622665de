"""Evaluates the rules over whole tables. A condition that is null is a finding of its own, never a pass."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from pipeline import risk
from pipeline.law import Law, Rule
from pipeline.manifests import Manifests
from pipeline.risk import Indicator

FINDINGS = {"m": pl.UInt32, "code": pl.String, "outcome": pl.String, "values_read": pl.String}
QUEUED = FINDINGS | {"queue": pl.String}  # of those of the rules; the ledgers only reject
MASK = "***"
JSON = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Sieve:
    """The rules over one table. `columns`: `m`, what any of them reads, and the verdict of each by its code;
    `stopped`: true where one of the verdicts is true or null."""

    rules: Sequence[Rule | Indicator]
    columns: Sequence[pl.Expr]
    stopped: pl.Expr


@lru_cache(maxsize=64)
def _sieve(law: Law, scope: str) -> Sieve:
    rules = [rule for rule in (*law.rules, *law.indicators.values()) if rule.scope == scope]
    read = dict.fromkeys(name for rule in rules for name in rule.reads)
    verdicts = [rule.condition.alias(rule.code) for rule in rules]
    stopped = pl.any_horizontal(pl.lit(False), *(rule.code for rule in rules)).fill_null(True)  # there may be no rules
    return Sieve(rules, [pl.col("m", *read), *verdicts], stopped)


def findings(manifests: Manifests, law: Law) -> pl.DataFrame:
    """QUEUED: one row a manifest and code, with the values read as a JSON object (personal ones masked)."""
    found: dict[tuple[int, str], tuple[str, str, str]] = {}  # of several lines the first one counts
    unknown: dict[int, list[str]] = {}
    signs: dict[int, dict[str, dict[str, str | None]]] = {}
    for scope, table in (("manifest", manifests.heads), ("line", manifests.lines)):
        for rule, row in _not_false(table, _sieve(law, scope)):
            m, code = row["m"], rule.code
            if row[code] is None:
                unknown.setdefault(m, []).append(code)
            elif isinstance(rule, Indicator):
                signs.setdefault(m, {}).setdefault(code, _values(rule.reads, row, law.personal))
            elif (m, code) not in found:
                found[m, code] = rule.consequence.outcome, JSON.encode(_values(rule.reads, row, law.personal)), rule.consequence.queue
    for m, shown in signs.items():
        for code, read in risk.findings(shown, law.indicators, law.typologies):
            of = law.consequences[code]
            found[m, code] = of.outcome, JSON.encode(read), of.queue
    missing = law.consequences["SYS-01"]
    for m, codes in unknown.items():
        found[m, missing.code] = missing.outcome, json.dumps({"conditions": ",".join(dict.fromkeys(codes))}), missing.queue
    return pl.DataFrame([(*of, *what) for of, what in found.items()], schema=QUEUED, orient="row")


def _not_false(table: pl.DataFrame, sieve: Sieve) -> Iterator[tuple[Rule | Indicator, Mapping[str, Any]]]:
    """The rule and the row (what is read, and verdicts) wherever a rule is true or null, rule by rule.

    All rules are evaluated once, side by side; the few rows that any of them stops are looked at in plain Python.
    """
    if not len(table):
        return
    rows = table.select(sieve.columns).filter(sieve.stopped).rows(named=True)
    for rule in sieve.rules:
        code = rule.code
        for row in rows:
            if row[code] is not False:
                yield rule, row


def _values(names: Iterable[str], row: Mapping[str, Any], personal: frozenset[str]) -> dict[str, str | None]:
    return {name: _shown(row[name], name in personal) for name in names}


def _shown(value: object, personal: bool) -> str | None:
    if value is None or not personal:
        return None if value is None else str(value)
    return f"{MASK}{len(str(value))}" if value else ""

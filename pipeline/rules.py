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
QUEUED = FINDINGS | {"queue": pl.String}
FOUND = {name: FINDINGS[name] for name in ("m", "code", "values_read")}  # what it comes to is for the law to say
CODES = {name: QUEUED[name] for name in ("m", "code", "outcome", "queue")}
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


@dataclass(frozen=True, slots=True)
class Looked:
    """One rule or indicator at one manifest, or at one line of it: its verdict, and what it read as a finding would keep it
    (JSON)."""

    rule: Rule | Indicator
    m: int
    position: int | None
    verdict: bool | None
    values_read: str


def looked_at(manifests: Manifests, law: Law) -> Iterator[Looked]:
    """Every rule and indicator at every manifest and line, row by row: for a few manifests, to explain them."""
    tables = (("manifest", manifests.heads, list[str]()), ("line", manifests.lines, ["position"]))
    for scope, table, place in tables:
        sieve = _sieve(law, scope)
        for row in table.select(*sieve.columns, *place).rows(named=True) if len(table) else ():
            for rule in sieve.rules:
                yield Looked(rule, row["m"], row.get("position"), row[rule.code], JSON.encode(_values(rule.reads, row, law.personal)))


def codes(manifests: Manifests, law: Law) -> pl.DataFrame:
    """CODES of the same findings, without the values they read: for a great many manifests."""
    found: list[pl.DataFrame] = []
    for scope, table in (("manifest", manifests.heads), ("line", manifests.lines)):
        sieve = _sieve(law, scope)
        if not sieve.rules:
            continue
        stopped = table.select(sieve.columns).filter(sieve.stopped)
        verdicts = stopped.unpivot([rule.code for rule in sieve.rules], index="m", variable_name="code", value_name="verdict")
        found.append(verdicts.filter(pl.col("verdict").fill_null(True)))
    if not found:
        return pl.DataFrame(schema=CODES)
    code = pl.when(pl.col("verdict").is_null()).then(pl.lit("SYS-01")).otherwise("code").alias("code")
    unique = pl.concat(found).select("m", code).unique()
    signs = pl.col("code").is_in(list(law.indicators))
    reached = risk.codes(unique.filter(signs), law.indicators, law.typologies)
    return with_consequences(pl.concat([unique.filter(~signs), reached]), law).select(*CODES)


def with_consequences(found: pl.DataFrame, law: Law) -> pl.DataFrame:
    """Findings (`code`) with the `outcome` and `queue` that the law gives the code, whatever the class."""
    return found.with_columns(_consequences(law))


@lru_cache(maxsize=64)
def _consequences(law: Law) -> list[pl.Expr]:
    said = {"outcome": {c.code: c.outcome for c in law.consequences.values()}, "queue": {c.code: c.queue for c in law.consequences.values()}}
    return [pl.col("code").replace_strict(of, return_dtype=pl.String).alias(name) for name, of in said.items()]


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


def mistyped(law: Law, heads: pl.DataFrame, lines: pl.DataFrame) -> list[tuple[str, str]]:
    """(code, why) of every rule and indicator whose condition is no truth value over the columns of derived manifests; rows
    are not needed."""
    found: list[tuple[str, str]] = []
    for rule in (*law.rules, *law.indicators.values()):
        table = heads if rule.scope == "manifest" else lines
        try:
            (kind,) = table.clear().select(rule.condition).dtypes
        except pl.exceptions.PolarsError as e:
            found.append((rule.code, f"the condition does not compile: {e}".split("\n")[0]))
        else:
            if kind != pl.Boolean:
                found.append((rule.code, f"the condition is no truth value but {kind}"))
    return found


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

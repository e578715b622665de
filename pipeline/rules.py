"""Evaluates the rules over whole tables. A condition that is null is a finding of its own, never a pass."""

import json
from collections.abc import Iterable

import polars as pl

from pipeline.law import Law, Rule
from pipeline.manifests import Manifests

FINDINGS = {"m": pl.UInt32, "code": pl.String, "outcome": pl.String, "values_read": pl.String}
MASK = "***"


def findings(manifests: Manifests, law: Law) -> pl.DataFrame:
    """FINDINGS: one row a manifest and code, with the values read as a JSON object (personal ones masked)."""
    found: list[tuple[int, str, str, str]] = []
    unknown: dict[int, list[str]] = {}
    for scope, table in (("manifest", manifests.heads), ("line", manifests.lines)):
        rules = [rule for rule in law.rules if rule.scope == scope]
        suspects, hit = _not_false(table, rules)
        for rule in hit:
            verdicts = suspects.select("m", rule.condition.alias("verdict"), *(c for c in rule.reads if c != "m"))
            for m, verdict, *values in verdicts.filter(pl.col("verdict").fill_null(True)).iter_rows():
                if verdict is None:
                    unknown.setdefault(m, []).append(rule.code)
                else:
                    shown = _as_json(rule.reads, values, law.personal)
                    found.append((m, rule.code, rule.consequence.outcome, shown))
    missing = law.consequences["SYS-01"]
    for m, codes in unknown.items():
        rules_json = json.dumps({"conditions": ",".join(dict.fromkeys(codes))})
        found.append((m, missing.code, missing.outcome, rules_json))
    return pl.DataFrame(found, schema=FINDINGS, orient="row").unique(
        ["m", "code"], keep="first", maintain_order=True
    )


def _not_false(table: pl.DataFrame, rules: list[Rule]) -> tuple[pl.DataFrame, list[Rule]]:
    """The few rows where some rule is true or null, and the rules that are so somewhere."""
    if not len(table):
        return table, []
    verdicts = table.select(rule.condition.fill_null(True).alias(rule.code) for rule in rules)
    hits = verdicts.select(pl.all().any()).row(0)
    hit = [rule for rule, somewhere in zip(rules, hits, strict=True) if somewhere]
    if not hit:
        return table.clear(), []
    return table.filter(verdicts.select(pl.any_horizontal(rule.code for rule in hit)).to_series()), hit


def _as_json(names: Iterable[str], values: Iterable[object], personal: frozenset[str]) -> str:
    return json.dumps(
        {n: _shown(v, n in personal) for n, v in zip(names, values, strict=True)}, ensure_ascii=False
    )


def _shown(value: object, personal: bool) -> str | None:
    if value is None or not personal:
        return None if value is None else str(value)
    return f"{MASK}{len(str(value))}" if value else ""

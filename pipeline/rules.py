"""Evaluates the rules over whole tables. A condition that is null is a finding of its own, never a pass."""

import json
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from pipeline.law import Law, Rule
from pipeline.manifests import Manifests

FINDINGS = {"m": pl.UInt32, "code": pl.String, "outcome": pl.String, "values_read": pl.String}
MASK = "***"


def findings(manifests: Manifests, law: Law) -> pl.DataFrame:
    """FINDINGS: one row a manifest and code, with the values read as a JSON object (personal ones masked)."""
    found: dict[tuple[int, str], tuple[str, str]] = {}  # of several lines the first one counts
    unknown: dict[int, list[str]] = {}
    for scope, table in (("manifest", manifests.heads), ("line", manifests.lines)):
        for m, verdict, rule, values in _not_false(table, [rule for rule in law.rules if rule.scope == scope]):
            if verdict is None:
                unknown.setdefault(m, []).append(rule.code)
            elif (m, rule.code) not in found:
                found[m, rule.code] = rule.consequence.outcome, _as_json(rule.reads, values, law.personal)
    missing = law.consequences["SYS-01"]
    for m, codes in unknown.items():
        found[m, missing.code] = missing.outcome, json.dumps({"conditions": ",".join(dict.fromkeys(codes))})
    return pl.DataFrame([(*of, *what) for of, what in found.items()], schema=FINDINGS, orient="row")


def _not_false(
    table: pl.DataFrame, rules: Sequence[Rule]
) -> Iterator[tuple[int, bool | None, Rule, tuple[object, ...]]]:
    """Manifest, verdict and values read wherever a rule is true or null, rule by rule.

    All rules are evaluated once, side by side; the few rows that any of them stops are looked at in plain Python.
    """
    if not len(table):
        return
    verdicts = table.select(rule.condition.alias(rule.code) for rule in rules)
    stopped = verdicts.select(pl.any_horizontal(pl.all()).fill_null(True)).to_series().arg_true()
    if not len(stopped):
        return
    verdicts = verdicts[stopped]
    columns = {name: table[name][stopped].to_list() for name in {"m"}.union(*(rule.reads for rule in rules))}
    for rule in rules:
        for row, verdict in enumerate(verdicts[rule.code].to_list()):
            if verdict is not False:
                yield columns["m"][row], verdict, rule, tuple(columns[name][row] for name in rule.reads)


def _as_json(names: Iterable[str], values: Iterable[object], personal: frozenset[str]) -> str:
    return json.dumps(
        {n: _shown(v, n in personal) for n, v in zip(names, values, strict=True)}, ensure_ascii=False
    )


def _shown(value: object, personal: bool) -> str | None:
    if value is None or not personal:
        return None if value is None else str(value)
    return f"{MASK}{len(str(value))}" if value else ""

"""From findings to an outcome, and from documents to judged manifests."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import polars as pl

from pipeline import guarantees, rules
from pipeline.law import RETURN_STATUS, Law
from pipeline.manifests import Manifests, beside, derive
from pipeline.registry import Registry
from pipeline.tax import with_tax, without_tax

CONFIRMATION = "PAY-04"

REJECT = pl.col("reject")
VERDICT = [
    pl.col("m"),
    pl.when(REJECT).then(pl.lit("REJECT")).otherwise(pl.lit("HOLD")).alias("outcome"),
    (
        pl.when(REJECT).then(pl.lit(""))
        .when("orderer").then(pl.lit("orderer"))
        .when("guarantee").then(pl.lit("guarantee"))
        .otherwise(pl.lit("review"))
        .alias("queue")
    ),
    pl.when(REJECT).then(RETURN_STATUS["REJECT"]).otherwise(RETURN_STATUS["HOLD"]).cast(pl.Int16).alias("return_status"),
    pl.col("fault_kinds").cast(pl.Int16),
    REJECT,
]
# of the few that have findings; whoever has none is released
VERDICT_OR_RELEASE = [
    pl.col("outcome").fill_null("RELEASE"),
    pl.col("queue").fill_null(""),
    pl.col("return_status").fill_null(RETURN_STATUS["RELEASE"]),
    pl.col("fault_kinds").fill_null(0),
    (pl.col("tax_known") & ~REJECT.fill_null(False)).alias("taxed"),
]


@dataclass(frozen=True, slots=True)
class Judged:
    """Manifests with their outcome so far and the findings (rules.FINDINGS) that made it."""

    manifests: Manifests
    findings: pl.DataFrame


def judge(manifests: Manifests, law: Law, day: date, registry: Registry, quarantined: bool = False) -> Judged:
    """Derive, evaluate every rule and conclude manifests of an acceptance date. `quarantined`: evaluate none, hold all (SYS-02)."""
    derived = derive(manifests, law, registry)
    derived = without_tax(derived) if quarantined else with_tax(derived, law)
    if quarantined:
        found = derived.heads.select("m", code=pl.lit("SYS-02"), outcome=pl.lit("HOLD"), values_read=pl.lit("{}"))
    else:
        found = rules.findings(derived, law)
    terms = [*_terms(law), pl.lit(registry.version, pl.Int64).alias("registry_version")]
    verdicts = _verdicts(derived.heads, found, law).with_columns(terms)
    guaranteed = [registry.guarantees_on(day, derived.heads["guarantor_code"])]
    return Judged(Manifests(derived.heads.hstack(verdicts).hstack(guaranteed), derived.lines), found)


def conclude(heads: pl.DataFrame, found: pl.DataFrame, law: Law) -> pl.DataFrame:
    """Set outcome, queue, return_status, fault_kinds and taxed, from the findings of each manifest."""
    return heads.with_columns(_verdicts(heads, found, law))


def _verdicts(heads: pl.DataFrame, found: pl.DataFrame, law: Law) -> pl.DataFrame:
    verdicts = found.group_by("m").agg(_blame(law)).select(VERDICT)
    return beside(heads, verdicts).hstack([heads["tax_known"]]).select(VERDICT_OR_RELEASE)


@lru_cache(maxsize=64)
def _blame(law: Law) -> list[pl.Expr]:
    """What the findings of one manifest come to."""
    blames = {c.code: c.blames for c in law.consequences.values()}
    rejects, code = pl.col("outcome") == "REJECT", pl.col("code")
    blamed = code.replace_strict(blames, return_dtype=pl.Int16)
    return [
        rejects.any().alias("reject"),
        (code == CONFIRMATION).any().alias("orderer"),
        code.is_in(guarantees.CODES).all().alias("guarantee"),  # held for nothing else
        pl.when(rejects).then(blamed).otherwise(0).bitwise_or().alias("fault_kinds"),
    ]


@lru_cache(maxsize=64)
def _terms(law: Law) -> list[pl.Expr]:
    """What the ledgers and the decision need of the law."""
    return [
        pl.lit(law.annual_limit_fen, pl.Int64).alias("annual_limit_fen"),
        pl.lit(law.waybill_reuse_months, pl.Int32).alias("waybill_reuse_months"),
        pl.lit(law.version).alias("rule_set"),
    ]

"""From findings to an outcome, and from documents to judged manifests."""

from dataclasses import dataclass

import polars as pl

from pipeline import rules
from pipeline.law import RETURN_STATUS, Law
from pipeline.manifests import Manifests, beside, derive

UNTAXED = ("REG-02", "LIM-01", "SYS-02")  # held before a rate, full rates, or sound amounts are known
CONFIRMATION = "PAY-04"


@dataclass(frozen=True, slots=True)
class Judged:
    """Manifests with their outcome so far and the findings (rules.FINDINGS) that made it."""

    manifests: Manifests
    findings: pl.DataFrame


def judge(manifests: Manifests, law: Law, quarantined: bool = False) -> Judged:
    """Derive, evaluate every rule and conclude. `quarantined`: evaluate none, hold all (SYS-02)."""
    derived = derive(manifests, law)
    if quarantined:
        found = derived.heads.select("m", code=pl.lit("SYS-02"), outcome=pl.lit("HOLD"), values_read=pl.lit("{}"))
    else:
        found = rules.findings(derived, law)
    heads = conclude(derived.heads, found, law).with_columns(
        annual_limit_fen=pl.lit(law.annual_limit_fen, pl.Int64),
        waybill_reuse_months=pl.lit(law.waybill_reuse_months, pl.Int32),
        rule_set=pl.lit(law.version),
    )
    return Judged(Manifests(heads, derived.lines), found)


def conclude(heads: pl.DataFrame, found: pl.DataFrame, law: Law) -> pl.DataFrame:
    """Add outcome, queue, return_status, fault_kinds and taxed, from the findings of each manifest."""
    heads = heads.drop("outcome", "queue", "return_status", "fault_kinds", "taxed", strict=False)
    blames = {c.code: c.blames for c in law.consequences.values()}
    rejects = pl.col("outcome") == "REJECT"
    blamed = pl.col("code").replace_strict(blames, return_dtype=pl.Int16)
    verdicts = found.group_by("m").agg(
        reject=rejects.any(),
        orderer=(pl.col("code") == CONFIRMATION).any(),
        fault_kinds=pl.when(rejects).then(blamed).otherwise(0).bitwise_or(),
        untaxed=pl.col("code").is_in(UNTAXED).any(),
    )
    outcome = (
        pl.when("reject")
        .then(pl.lit("REJECT"))
        .when(pl.col("reject").is_not_null())
        .then(pl.lit("HOLD"))
        .otherwise(pl.lit("RELEASE"))
    )
    return (
        heads.with_columns(beside(heads, verdicts))
        .with_columns(outcome=outcome, fault_kinds=pl.col("fault_kinds").fill_null(0).cast(pl.Int16))
        .with_columns(
            queue=pl.when(pl.col("outcome") != "HOLD")
            .then(pl.lit(""))
            .when("orderer")
            .then(pl.lit("orderer"))
            .otherwise(pl.lit("review")),
            return_status=pl.col("outcome").replace_strict(RETURN_STATUS, return_dtype=pl.Int16),
            taxed=(pl.col("outcome") != "REJECT") & ~pl.col("untaxed").fill_null(False),
        )
        .drop("reject", "orderer", "untaxed")
    )

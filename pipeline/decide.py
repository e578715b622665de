"""From findings to an outcome, and from documents to judged manifests."""

from dataclasses import dataclass

import polars as pl

from pipeline import rules
from pipeline.law import RETURN_STATUS, Law
from pipeline.manifests import Manifests, beside, derive
from pipeline.tax import with_tax, without_tax

CONFIRMATION = "PAY-04"


@dataclass(frozen=True, slots=True)
class Judged:
    """Manifests with their outcome so far and the findings (rules.FINDINGS) that made it."""

    manifests: Manifests
    findings: pl.DataFrame


def judge(manifests: Manifests, law: Law, quarantined: bool = False) -> Judged:
    """Derive, evaluate every rule and conclude. `quarantined`: evaluate none, hold all (SYS-02)."""
    derived = derive(manifests, law)
    derived = without_tax(derived) if quarantined else with_tax(derived, law)
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
    blames = {c.code: c.blames for c in law.consequences.values()}
    rejects = pl.col("outcome") == "REJECT"
    blamed = pl.col("code").replace_strict(blames, return_dtype=pl.Int16)
    # of the few that have findings; whoever has none is released
    reject, status = pl.col("reject"), RETURN_STATUS
    verdicts = (
        found.group_by("m")
        .agg(
            reject=rejects.any(),
            orderer=(pl.col("code") == CONFIRMATION).any(),
            fault_kinds=pl.when(rejects).then(blamed).otherwise(0).bitwise_or(),
        )
        .select(
            "m",
            outcome=pl.when(reject).then(pl.lit("REJECT")).otherwise(pl.lit("HOLD")),
            queue=pl.when(reject).then(pl.lit("")).when("orderer").then(pl.lit("orderer")).otherwise(pl.lit("review")),
            return_status=pl.when(reject).then(status["REJECT"]).otherwise(status["HOLD"]).cast(pl.Int16),
            fault_kinds=pl.col("fault_kinds").cast(pl.Int16),
            rejected=reject,
        )
    )
    return heads.with_columns(
        pl.DataFrame(beside(heads, verdicts)).select(
            pl.col("outcome").fill_null("RELEASE"),
            pl.col("queue").fill_null(""),
            pl.col("return_status").fill_null(status["RELEASE"]),
            pl.col("fault_kinds").fill_null(0),
            # heads concluded before have no tax where it is not known
            taxed=heads["tax_known"] & ~pl.col("rejected").fill_null(False),
        )
    )

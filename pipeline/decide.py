"""From findings to an outcome, and from documents to judged manifests."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import polars as pl

from pipeline import rules
from pipeline.classes import QUEUES, RANK, RETURN_STATUS, with_outcomes
from pipeline.law import Law
from pipeline.manifests import Manifests, beside, derive
from pipeline.registry import Registry
from pipeline.tax import with_tax, without_tax

REJECT, QUEUE = pl.col("reject"), pl.when("reject").then(0).otherwise("rank")
PLACES = list(range(len(QUEUES)))
REJECTED = 100  # customs returnStatus
QUARANTINED = "SYS-02"
VERDICT = [
    pl.col("m"),
    pl.when(REJECT).then(pl.lit("REJECT")).when(QUEUE > 0).then(pl.lit("HOLD")).otherwise(pl.lit("RELEASE")).alias("outcome"),
    QUEUE.replace_strict(PLACES, QUEUES, return_dtype=pl.String).alias("queue"),
    pl.when(REJECT)
    .then(REJECTED)
    .otherwise(QUEUE.replace_strict(PLACES, [RETURN_STATUS[queue] for queue in QUEUES]))
    .cast(pl.Int16)
    .alias("return_status"),
    pl.col("fault_kinds").cast(pl.Int16),
    REJECT,
]
# of the few that have findings; whoever has none, or none that counts, is released
VERDICT_OR_RELEASE = [
    pl.col("outcome").fill_null("RELEASE"),
    pl.col("queue").fill_null(""),
    pl.col("return_status").fill_null(RETURN_STATUS[""]),
    pl.col("fault_kinds").fill_null(0),
    (pl.col("tax_known") & ~REJECT.fill_null(False)).alias("taxed"),
]


@dataclass(frozen=True, slots=True)
class Judged:
    """Manifests with their outcome so far and the findings (rules.QUEUED) that made it."""

    manifests: Manifests
    findings: pl.DataFrame


def judge(manifests: Manifests, law: Law, day: date, registry: Registry, quarantined: bool) -> Judged:
    """Derive, evaluate every rule and conclude manifests of an acceptance date. `quarantined`: evaluate none, hold all (SYS-02)."""
    derived = derive(manifests, law, registry)
    derived = without_tax(derived) if quarantined else with_tax(derived, law)
    if quarantined:
        found = derived.heads.select("m", code=pl.lit(QUARANTINED), values_read=pl.lit("{}"))
        found = rules.with_consequences(found, law).select(*rules.QUEUED)
    else:
        found = with_outcomes(rules.findings(derived, law), derived.heads, law.by_class)
    terms = [*_terms(law), pl.lit(registry.version, pl.Int64).alias("registry_version")]
    verdicts = _verdicts(derived.heads, found, law).with_columns(terms)
    guaranteed = [registry.guarantees_on(day, derived.heads["guarantor_code"])]
    lines = derived.lines.hstack([registry.entered_on(day, derived.lines["stock"], derived.lines["line_unit"])])
    return Judged(Manifests(derived.heads.hstack(verdicts).hstack(guaranteed), lines), found)


def conclude(heads: pl.DataFrame, found: pl.DataFrame, law: Law) -> pl.DataFrame:
    """Set outcome, queue, return_status, fault_kinds and taxed, from the findings of each manifest (rules.QUEUED)."""
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
        RANK.filter(pl.col("outcome") == "HOLD").max().fill_null(0).alias("rank"),
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

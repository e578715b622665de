"""What is told of guarantors whose account did not admit a manifest: an event of each in each lane (decisions.md section 11)."""

import polars as pl

from pipeline.guarantees import CODES, EXHAUSTED, NOT_VALID

WHAT = {EXHAUSTED: "EXHAUSTED", NOT_VALID: "NOT_VALID"}
READ = pl.Struct({"guarantor_code": pl.String, "entry_no": pl.Int32, "balance_fen": pl.Int64, "amount_fen": pl.Int64, "limit_fen": pl.Int64})
EVENT = {
    "lane": pl.Int16, "guarantor_code": pl.String, "code": pl.String, "manifests": pl.Int32, "tax_fen": pl.Int64,
    "entry_no": pl.Int32, "balance_fen": pl.Int64, "limit_fen": pl.Int64, "accepted_at": pl.Datetime("ms", "UTC"),
    "batch_seq": pl.Int64, "registry_version": pl.Int64, "rule_set": pl.String, "what": pl.String,
}  # fmt: skip
NO_EVENTS = pl.DataFrame(schema=EVENT)
OF_HEADS = pl.col("m", "lane", "accepted_at", "batch_seq", "registry_version", "rule_set")
TOLD = [
    pl.len().cast(pl.Int32).alias("manifests"),
    pl.col("amount_fen").sum().alias("tax_fen"),
    # of two acceptance dates in a batch each has its limit: that of the last one counts
    pl.col("entry_no", "balance_fen", "limit_fen", "accepted_at", "batch_seq", "registry_version", "rule_set").last(),
]


def events(refusals: pl.DataFrame, heads: pl.DataFrame) -> pl.DataFrame:
    """EVENT, one a lane, guarantor and code, in this order. `refusals`: rules.FOUND as a batch posted them, those of stock and
    other ledgers among them; `heads`: of its manifests, with lane and batch_seq."""
    if not len(refusals):
        return NO_EVENTS
    held = refusals.filter(pl.col("code").is_in(CODES))
    read = held.select("m", "code", pl.col("values_read").str.json_decode(READ).alias("read")).unnest("read")
    by_time = read.join(heads.select(OF_HEADS), on="m").sort("accepted_at")
    by_account = by_time.group_by("lane", "guarantor_code", "code").agg(TOLD).sort("lane", "guarantor_code", "code")
    return by_account.with_columns(pl.col("code").replace_strict(WHAT, return_dtype=pl.String).alias("what"))

"""What a rule set tried beside the live one came to in a batch, as a row of shadow_batch."""

import json
from collections.abc import Mapping

import polars as pl

from pipeline.flow import Decided
from pipeline.trial import Agreement, Tried, agreement
from sinks.batch import LaneState

ROW = {
    "lane": pl.Int16, "batch_seq": pl.Int64, "version": pl.Int64, "manifests": pl.Int32, "failed": pl.Int32,
    "outcomes": pl.String, "codes": pl.String, "differing": pl.String,
}  # fmt: skip


def shadow_row(other: Tried, failed: int, version: int, decided: Decided, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """One row, under the lowest lane of the batch. `failed`: manifests that were chosen and could not be tried."""
    heads = decided.heads
    found = agreement(other, heads["outcome"], decided.findings, decided.posted.refusals)
    lane = min(after)
    outcomes = {f"{live}>{tried}": count for (live, tried), count in sorted(found.outcomes.items())}
    texts = [json.dumps(x, separators=(",", ":")) for x in (outcomes, dict(sorted(found.codes.items())), _named(found, heads))]
    row = (lane, after[lane].batch_seq, version, len(other.chosen), failed, *texts)
    return pl.DataFrame([row], schema=ROW, orient="row")


def _named(found: Agreement, heads: pl.DataFrame) -> list[list[object]]:
    rows = heads.select("ebp_code", "order_no", "attempt")
    return [[*rows.row(m), *what] for m, *what in found.differing]

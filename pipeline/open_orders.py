"""Which documents an open order still waits for (decisions.md section 4)."""

import polars as pl

from pipeline.attempts import Past, contested_groups
from pipeline.contested import open_attempts
from pipeline.documents import Documents

OPEN = {
    "order_hash": pl.Int64, "ebp_code": pl.String, "order_no": pl.String, "attempt": pl.Int16,
    "missing": pl.Int16, "first_log_time": pl.Datetime("ms", "UTC"),
}  # fmt: skip
NONE_OPEN = pl.DataFrame(schema=OPEN)


def open_orders(documents: Documents, past: Past) -> pl.DataFrame:
    """OPEN: one row an order number and platform with documents that no manifest used and no fate met.

    `missing`: bits of the kinds without an effective document; a waybill without platform waits under ''.
    """
    if not len(documents):
        return NONE_OPEN
    rows: list[tuple[object, ...]] = []
    groups, pasts, fated, hash_of = contested_groups(documents, past, documents.hashes())
    for order_no, docs in groups.items():
        for found in open_attempts(docs, pasts.get(order_no, {}), fated):
            rows.append((hash_of[order_no], found.ebp_code, order_no, found.number, found.missing, found.since))
    return pl.DataFrame(rows, schema=OPEN, orient="row")

"""Rows of `order_documents`: the documents of one order number that came with one batch lie in one row, so that they cost one."""

from collections.abc import Mapping
from functools import reduce

import numpy as np
import polars as pl

from pipeline.documents import KINDS, NUMBERS

PLACE = ["kind", "partition", "kafka_offset"]
# From a table of each kind.
COLUMNS = [
    pl.col("order_hash"), pl.col("ebpCode").alias("ebp_code"), pl.col("orderNo").alias("order_no"),
    pl.col("partition", "log_time", "astray", "value"), pl.col("offset").alias("kafka_offset"),
]  # fmt: skip
# The places of the documents that manifests used, of all kinds behind each other.
USED = [
    reduce(pl.Expr.append, parts).alias(name)
    for name, parts in (
        ("kind", [pl.repeat(number, pl.len(), dtype=pl.Int16) for number in NUMBERS]),
        ("partition", [pl.col(f"{kind}_partition") for kind in KINDS]),
        ("kafka_offset", [pl.col(f"{kind}_offset") for kind in KINDS]),
    )
]
SHARED = ["order_hash", "ebp_code", "order_no", "partition", "astray", "open"]
# one of each kind in a row; a waybill without platform has its own, for it may be of another order than the next
BEGINS = pl.any_horizontal(
    *(pl.col(name) != pl.col(name).shift() for name in SHARED), pl.col("kind") <= pl.col("kind").shift(), pl.col("ebp_code") == ""
).fill_null(True)  # fmt: skip
ROW = pl.int_range(pl.len(), dtype=pl.Int64).alias("row")
ALONE = pl.when(pl.col("ebp_code") == "").then(pl.col("row")).otherwise(-1).alias("alone")
WAITS_ONCE = ["partition", "order_hash", "ebp_code", "order_no", "alone"]  # of these the first waits for all


def order_documents(tables: Mapping[str, pl.DataFrame], heads: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table but for `batch_seq`, in the order of its index, which is filled leaf by leaf then.

    `tables`: new documents by kind, with `value`; what the manifests `heads` used and `fates` met does not lie in a row with what
    stays open. `log_time`: the first of the row's; `waiting`: it has an open document that was logged before all others of its
    order number, platform and lane, which stay open or are met together.
    """
    documents = pl.concat(
        tables[kind].select(*COLUMNS, pl.lit(number, pl.Int16).alias("kind")) for kind, number in zip(KINDS, NUMBERS, strict=True)
    ).sort("order_hash", maintain_order=True)  # fmt: skip
    documents = documents.hstack([_open(documents, heads, fates)])
    documents = documents.with_columns(BEGINS.alias("begins")).with_columns((pl.col("begins").cum_sum() - 1).cast(pl.Int64).alias("row"))
    rows = documents.filter("begins").select(*SHARED, "row")
    for kind, number in zip(KINDS, NUMBERS, strict=True):
        of_kind = documents.filter(pl.col("kind") == number).select(
            "row", pl.col("kafka_offset").alias(f"{kind}_offset"), pl.col("log_time").alias(f"{kind}_logged"), pl.col("value").alias(f"{kind}_value")
        )  # fmt: skip
        rows = rows.join(of_kind, on="row", how="left", maintain_order="left")
    rows = rows.with_columns(pl.min_horizontal(f"{kind}_logged" for kind in KINDS).alias("log_time"))
    return rows.hstack([_waiting(rows)]).drop("row", "open").rename({"partition": "lane"})


def _open(documents: pl.DataFrame, heads: pl.DataFrame, fates: pl.DataFrame) -> pl.Series:
    """What no manifest of the batch used and none of its fates met."""
    met = pl.concat([heads.select(USED), fates.select(PLACE)]) if len(fates) else heads.select(USED)
    left = documents.select(*PLACE, ROW).join(met, on=PLACE, how="anti")
    return _marked("open", len(documents), left["row"])


def _waiting(rows: pl.DataFrame) -> pl.Series:
    first = rows.filter("open").select(*WAITS_ONCE[:-1], "log_time", "row", ALONE).sort("log_time").unique(WAITS_ONCE, keep="first")
    return _marked("waiting", len(rows), first["row"])


def _marked(name: str, count: int, rows: pl.Series) -> pl.Series:
    marks = np.zeros(count, np.bool_)
    marks[rows.to_numpy()] = True
    return pl.Series(name, marks)

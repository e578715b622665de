"""What customs answers: a receipt a manifest, a document that met a fate, and a report on an open order."""

from collections.abc import Mapping, Sequence
from functools import cache

import polars as pl

from pipeline.documents import BIT, KINDS, NUMBERS
from schemas.blake2b import Blake2b
from schemas.contracts import topic_name

FILED, REJECTED = "120", "100"  # returnStatus of one document
ID = Blake2b(16)
KEY = pl.concat_str("ebp_code", "order_no", separator="|").cast(pl.Binary).alias("key")
NOTHING = pl.lit("")
NOWHERE = (NOTHING, NOTHING, pl.lit(-1, pl.Int16), pl.lit(-1, pl.Int64))


def receipts(
    manifests: pl.DataFrame, fates: pl.DataFrame, reports: pl.DataFrame, statuses: Mapping[str, str], now_ms: Mapping[int, int]
) -> pl.DataFrame:
    """Fields of receipt-1 with `lane` and `key`, one row a receipt: of manifests, then of fates, then of reports.

    `manifests`: as publish.with_details gives them; fates and reports are placed. `statuses`: returnStatus by code of a
    document; `now_ms`: clock of each lane. polars' InvalidOperationError for a code or lane that they do not have.
    """
    parts = [manifests.select(_of_manifest())]
    if len(fates) or len(reports):
        answer = [
            _status(tuple(statuses.items())),
            pl.col("lane").replace_strict(now_ms, return_dtype=pl.Int64).alias("time"),
        ]
        if len(fates):
            parts.append(fates.with_columns(answer).select(_of_fate(tuple(map(topic_name, KINDS)))))
        if len(reports):
            parts.append(reports.with_columns(answer).select(_of_report()))
    found = pl.concat(parts)
    return found.hstack([ID.of(found["identity"]).bin.encode("hex").alias("receiptId")])


@cache
def _status(by_code: tuple[tuple[str, str], ...]) -> pl.Expr:
    return pl.col("code").replace_strict(dict(by_code), return_dtype=pl.String).alias("status")


@cache
def _of_manifest() -> list[pl.Expr]:
    return _receipt(
        "manifest",
        [pl.lit("manifest"), pl.col("decisionId")],
        pl.col("return_status").cast(pl.String),
        pl.col("accepted_at").dt.epoch("ms"),
        [
            pl.when(pl.col("fault_kinds") & BIT[kind] != 0).then(pl.lit(REJECTED)).otherwise(pl.lit(FILED))
            for kind in KINDS
        ],
        key=pl.col("key"),
    )


@cache
def _of_fate(topics: tuple[str, ...]) -> list[pl.Expr]:
    """`topics`: full names by kind."""
    number, partition, offset = pl.col("kind"), pl.col("partition"), pl.col("kafka_offset")
    kind, topic = (number.replace_strict(NUMBERS, names, return_dtype=pl.String) for names in (KINDS, topics))
    return _receipt(
        "document",
        [pl.lit("document"), topic, partition, offset],
        pl.col("status"),
        pl.col("time"),
        [pl.when(number == one).then(pl.col("status")).otherwise(NOTHING) for one in NUMBERS],
        place=(kind, topic, partition, offset),
    )


@cache
def _of_report() -> list[pl.Expr]:
    """A missing document has an empty status."""
    return _receipt(
        "open-order",
        [pl.lit("open"), pl.col("ebp_code"), pl.col("order_no"), pl.col("attempt"), pl.col("code")],
        pl.col("status"),
        pl.col("time"),
        [pl.when(pl.col("missing") & BIT[kind] != 0).then(NOTHING).otherwise(pl.lit(FILED)) for kind in KINDS],
    )


def _receipt(
    subject: str, identity: Sequence[pl.Expr], status: pl.Expr, time: pl.Expr, documents: Sequence[pl.Expr],
    place: Sequence[pl.Expr] = NOWHERE, key: pl.Expr = KEY,
) -> list[pl.Expr]:  # fmt: skip
    """`identity`: what its receiptId is made of; `documents`: returnStatus of each; `place`: kind, topic, partition and
    offset of the one it is about."""
    code = pl.col("code").fill_null("")
    fields = {
        "lane": pl.col("lane"),
        "key": key,
        "identity": pl.concat_str(identity, separator="|"),
        "subject": pl.lit(subject),
        "ebpCode": pl.col("ebp_code"),
        "orderNo": pl.col("order_no"),
        "attempt": pl.col("attempt"),
        **dict(zip(("kind", "topic", "partition", "offset"), place, strict=True)),
        "code": code,
        "returnStatus": status,
        "returnTime": time,
        "returnInfo": pl.concat_str(pl.lit("[Code:"), status, pl.lit(";Desc:"), code, pl.lit("]")),
        **{f"{kind}Status": one for kind, one in zip(KINDS, documents, strict=True)},
    }
    return [value.alias(name) for name, value in fields.items()]

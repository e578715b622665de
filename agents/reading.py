"""Records and stored documents become the tables of pipeline.documents; what cannot be read becomes dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from agents.records import Record, Records
from pipeline.documents import KINDS, MILLISECONDS, Documents, identity_code, together
from schemas.blake2b import Blake2b
from schemas.columnar import decode_columns
from schemas.contracts import PARTITIONS
from schemas.packed import Packed
from schemas.partitioning import home_partitions
from sinks.stored import StoredDocuments

NONE = Records.of(())
DIGEST = Blake2b(16)  # of a document's whole value: two with one digest are the same document


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that is not a document, with its code; the reason names no value."""

    record: Record
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Read:
    """`tables`: one a kind with `value` beside the wire fields; `lines` by `document`, a row number of orders."""

    tables: dict[str, pl.DataFrame]
    lines: pl.DataFrame
    dead: list[DeadLetter]
    decoded_alone: int


def order_hashes(order_nos: pl.Series) -> pl.Series:
    """i64, the first 8 bytes of BLAKE2b-128 of each order number: what documents are looked up by."""
    digests = DIGEST.digests(Packed.of_column(order_nos))
    return pl.Series("order_hash", digests[:, :8].copy().view(">i8").reshape(-1).astype(np.int64))


def read_records(records: Mapping[str, Records]) -> Read:
    """Decode the records of each kind and check that each carries the identity its key says."""
    tables: dict[str, pl.DataFrame] = {}
    dead: list[DeadLetter] = []
    lines = pl.DataFrame()
    alone = 0
    for kind in KINDS:
        of_kind = records.get(kind, NONE)
        decoded = decode_columns(kind, of_kind.values)
        alone += decoded.alone
        dead += [DeadLetter(of_kind[row], code, reason) for row, code, reason in decoded.undecodable]
        chosen = of_kind.at(decoded.frame["row"].to_numpy())
        origin = {**_origin(chosen), "value": chosen.values.binary(), "digest": DIGEST.column(chosen.values)}
        table = decoded.frame.hstack([column.alias(name) for name, column in origin.items()])
        named = table[["ebpCode", "orderNo"]].hstack([chosen.keys.binary().alias("key")])
        code = named.with_columns(may_lack_platform=pl.lit(kind == "waybill")).select(identity_code()).to_series()
        if code.null_count() < len(code):
            for position in code.is_not_null().arg_true().to_list():
                dead.append(DeadLetter(chosen[position], code[position], _identity_reason(code[position])))
            table = table.filter(code.is_null())
        # astray as well is what has no platform in its key: of two documents of one order in different lanes at least one is
        tables[kind] = table.with_columns(
            pl.col("astray") | (pl.col("ebpCode") == ""), order_hash=order_hashes(table["orderNo"])
        )
        if kind == "order":
            lines = _lines_of(table, decoded.lines)
        tables[kind] = _without_row(tables[kind])
    return Read(tables, lines, dead, alone)


def _origin(records: Records) -> dict[str, pl.Series]:
    """`astray`: not in the partition where its key belongs."""
    partition = records.column("partition")
    return {
        "partition": pl.Series(partition.astype(np.int16)),
        "offset": pl.Series(records.column("offset")),
        "log_time": pl.Series(records.column("timestamp")).cast(MILLISECONDS),
        "astray": pl.Series(partition != home_partitions(records.keys, PARTITIONS)),
    }


def read_stored(stored: StoredDocuments) -> Read:
    """Decode documents read back from PostgreSQL, without their values; they were readable before."""
    tables: dict[str, pl.DataFrame] = {}
    lines = pl.DataFrame()
    for number, kind in enumerate(KINDS, start=1):
        of_kind = stored.of_kind(number)
        decoded = decode_columns(kind, of_kind.values)
        if decoded.undecodable:
            raise ValueError(f"{len(decoded.undecodable)} stored documents do not decode any more")
        chosen = of_kind.at(decoded.frame["row"].to_numpy())
        table = decoded.frame.hstack(
            [
                chosen.column("partition"),
                chosen.column("offset"),
                chosen.column("log_time").cast(MILLISECONDS),
                DIGEST.column(chosen.values).alias("digest"),
                chosen.column("order_hash"),
            ]
        )
        if kind == "order":
            lines = _lines_of(table, decoded.lines)
        tables[kind] = _without_row(table)
    return Read(tables, lines, [], 0)


def as_documents(read: Read, stored: bool) -> Documents:
    """What was read in the core's form: `value` and `astray` stay behind, nobody needs them there."""
    mark = pl.lit(stored).alias("stored")
    tables = (read.tables[kind].drop("value", "astray", strict=False).with_columns(mark) for kind in KINDS)
    return Documents(*tables, lines=read.lines)


def documents(new: Read, stored: Read) -> Documents:
    """New and stored documents side by side."""
    return together([as_documents(new, stored=False), as_documents(stored, stored=True)])


def _lines_of(orders: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Of the lines those of these orders, by `document` instead of `row`."""
    rows, of_lines = orders["row"].to_numpy(), lines["row"].to_numpy()
    number = np.full(1 + max(rows.max(initial=0), of_lines.max(initial=0)), -1, np.int64)
    number[rows] = np.arange(len(rows))
    found = number[of_lines]
    if (found < 0).any():
        lines, found = lines.filter(pl.Series(found >= 0)), found[found >= 0]
    return _without_row(lines).hstack([pl.Series("document", found.astype(np.uint32))])


def _without_row(table: pl.DataFrame) -> pl.DataFrame:
    return table[[name for name in table.columns if name != "row"]]


def _identity_reason(code: str) -> str:
    return {
        "DL-03": "orderNo or ebpCode is empty or too long",
        "DL-04": "the record key is not <ebpCode>|<orderNo> of the document",
    }[code]

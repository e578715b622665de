"""Records and stored documents become the tables of pipeline.documents; what cannot be read becomes dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from agents.records import Record, Records
from pipeline.documents import KINDS, MILLISECONDS, Documents, identity_code, together
from schemas.amounts import Flags
from schemas.blake2b import Blake2b
from schemas.columnar import Decoded, decode_columns
from schemas.contracts import PARTITIONS
from schemas.packed import Packed, Vector, as_frame
from schemas.partitioning import home_partitions
from sinks.stored import StoredDocuments

NONE = Records.of(())
TIME = pa.timestamp("ms", "UTC")
MAY_LACK_PLATFORM = {kind: pl.Series("may_lack_platform", [kind == "waybill"]) for kind in KINDS}
IDENTITY = [identity_code().alias("code"), (pl.col("ebpCode") == "").alias("no_platform")]
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
        rows, chosen = decoded.rows, of_kind.at(decoded.rows)
        keys = [chosen.keys.binary().alias("key"), MAY_LACK_PLATFORM[kind].new_from_index(0, len(chosen))]
        code, no_platform = decoded.frame.hstack(keys).select(IDENTITY).get_columns()
        table = decoded.frame.hstack(_origin(chosen, decoded.frame.get_column("orderNo"), no_platform.to_numpy()))
        if code.null_count() < len(code):
            fit = code.is_null()
            for position, why in zip(np.flatnonzero(~fit.to_numpy()).tolist(), code.filter(~fit).to_list(), strict=True):
                dead.append(DeadLetter(chosen[position], why, _identity_reason(why)))
            table, rows = table.filter(fit), rows[fit.to_numpy()]
        tables[kind] = table
        if kind == "order":
            lines = _lines_of(rows, decoded)
    return Read(tables, lines, dead, alone)


def _origin(records: Records, order_nos: pl.Series, no_platform: Flags) -> pl.DataFrame:
    """`astray`: not in the partition where its key belongs, or without a platform in its key: of two documents of one
    order in different lanes at least one is."""
    partition = records.column("partition")
    astray = (partition != home_partitions(records.keys, PARTITIONS)) | no_platform
    return as_frame(
        {
            "partition": pa.array(partition, pa.int16()),
            "offset": pa.array(records.column("offset")),
            "log_time": pa.array(records.column("timestamp"), TIME),
            "astray": pa.array(astray),
            "value": records.values.views(),
            "digest": DIGEST.packed(records.values).views(),
            "order_hash": pa.array(order_hashes(order_nos).to_numpy()),
        }
    )


def read_stored(stored: StoredDocuments) -> Read:
    """Decode documents read back from PostgreSQL, without their values; they were readable before."""
    tables: dict[str, pl.DataFrame] = {}
    lines = pl.DataFrame()
    for number, kind in enumerate(KINDS, start=1):
        of_kind = stored.of_kind(number)
        decoded = decode_columns(kind, of_kind.values)
        if decoded.undecodable:
            raise ValueError(f"{len(decoded.undecodable)} stored documents do not decode any more")
        chosen = of_kind.at(decoded.rows)
        tables[kind] = decoded.frame.hstack(
            [
                chosen.column("partition"),
                chosen.column("offset"),
                chosen.column("log_time").cast(MILLISECONDS),
                DIGEST.column(chosen.values).alias("digest"),
                chosen.column("order_hash"),
            ]
        )
        if kind == "order":
            lines = _lines_of(decoded.rows, decoded)
    return Read(tables, lines, [], 0)


def as_documents(read: Read, stored: bool) -> Documents:
    """What was read in the core's form: `value` and `astray` stay behind, nobody needs them there."""
    mark = pl.Series("stored", [stored])
    tables = (
        table[:, [name for name in table.columns if name not in ("value", "astray")]].hstack([mark.new_from_index(0, len(table))])
        for table in (read.tables[kind] for kind in KINDS)
    )
    return Documents(*tables, lines=read.lines)


def documents(new: Read, stored: Read) -> Documents:
    """New and stored documents side by side."""
    return together([as_documents(new, stored=False), as_documents(stored, stored=True)])


def _lines_of(orders: Vector, decoded: Decoded) -> pl.DataFrame:
    """The lines of some orders, given by their rows, by `document`: which of them it is."""
    lines, of_lines = decoded.lines, decoded.line_rows
    number = np.full(1 + max(orders.max(initial=0), of_lines.max(initial=0)), -1, np.int64)
    number[orders] = np.arange(len(orders))
    found = number[of_lines]
    if (found < 0).any():
        lines, found = lines.filter(pl.Series(found >= 0)), found[found >= 0]
    return lines.hstack([pl.Series("document", found.astype(np.uint32))])


def _identity_reason(code: str) -> str:
    return {
        "DL-03": "orderNo or ebpCode is empty or too long, or ebpCode holds a |",
        "DL-04": "the record key is not <ebpCode>|<orderNo> of the document",
    }[code]

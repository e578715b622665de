"""What a batch freezes on the accounts of guarantors: one statement, right before its commit."""

from collections.abc import Iterable, Iterator, Sequence

import asyncpg
import numpy as np
import polars as pl

from pipeline.guarantees import Frozen
from sinks.batch import Freezing, LaneState
from sinks.errors import Contended
from sinks.named_sql import sql

MOVED = np.dtype([("manifest_id", ">i8"), ("amount_fen", ">i8")])  # an entry as guarantee_entry.moved packs it


def freezing(frozen: Frozen, manifest_ids: pl.Series) -> Freezing:
    """The accounts with their entries packed. `manifest_ids`: by manifest number."""
    entries, counts = frozen.entries, frozen.accounts["entries"]
    moved = np.empty(len(entries), MOVED)
    moved["manifest_id"], moved["amount_fen"] = manifest_ids[entries["m"]].to_numpy(), entries["amount_fen"].to_numpy()
    data, size = moved.tobytes(), MOVED.itemsize
    ends = (counts.cum_sum() * size).to_list()
    packed = [data[end - count * size : end] for end, count in zip(ends, counts.to_list(), strict=True)]
    return Freezing(frozen.accounts, packed)


def unpacked(row: asyncpg.Record) -> Iterator[tuple[int, int, int, int]]:
    """Running number, manifest_id, amount and balance after of each entry in a row of guarantee_entry."""
    moved = np.frombuffer(row["moved"], MOVED)
    ids, amounts = moved["manifest_id"].tolist(), moved["amount_fen"].tolist()
    number, balance = row["entry_no"] - len(ids), row["frozen_after_fen"] - sum(amounts)
    for manifest_id, amount in zip(ids, amounts, strict=True):
        number, balance = number + 1, balance + amount
        yield number, manifest_id, amount, balance


def entries_of(rows: Iterable[asyncpg.Record], manifest_id: int) -> list[dict[str, int]]:
    """Those of one manifest in rows of guarantee_entry."""
    names = ("entry_no", "manifest_id", "amount_fen", "frozen_after_fen")
    return [dict(zip(names, e, strict=True)) for row in rows for e in unpacked(row) if e[1] == manifest_id]


async def freeze(connection: asyncpg.Connection, wanted: Freezing, after: Sequence[LaneState]) -> None:
    """Contended when an account moved on so far that it does not admit all of it any more. `after`: the batch's lanes."""
    if len(wanted.accounts):
        columns = wanted.accounts.get_columns()
        if await connection.fetchval(sql("guarantee_freeze"), *columns, wanted.packed, after[0].lane, after[0].batch_seq):
            raise Contended("guarantee")

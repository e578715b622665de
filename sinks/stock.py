"""What a batch takes from the stock of account books, and what was counted there: one statement, near the end of its transaction."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import asyncpg
import numpy as np
import polars as pl

from pipeline.stock import MOVES, Drawn
from sinks.batch import Drawing, LaneState
from sinks.errors import Contended
from sinks.named_sql import sql

MOVED = np.dtype([("manifest_id", ">i8"), ("amount_e5", ">i8"), ("deducted", "u1")])  # an entry as stock_entry.moved packs it
COUNTED = {"book_item": pl.String, "counted_e5": pl.Int64, "entered_e5": pl.Int64, "kafka_offset": pl.Int64}
NOT_COUNTED = {"counted_e5": -1, "entered_e5": 0, "kafka_offset": -1}
NO_COUNTS = pl.DataFrame(schema=COUNTED)


class Scarce(Contended):
    """Items of stock that do not admit a batch any more: from now on it has to be known how they stand. `unopened`: those of
    the batch, when some have no account yet."""

    def __init__(self, book_items: Sequence[str], unopened: Sequence[str] = ()) -> None:
        super().__init__("stock")
        self.book_items, self.unopened = book_items, unopened


def drawing(
    drawn: Drawn, manifest_ids: pl.Series, counts: pl.DataFrame = NO_COUNTS, filed: Sequence[str] = ()
) -> Drawing:
    """The accounts with their entries packed. `manifest_ids`: by manifest number; `counts`: COUNTED, each item once; `filed`: items
    that may have no account yet."""
    entries, accounts = drawn.entries, drawn.accounts
    moved = np.empty(len(entries), MOVED)
    moved["manifest_id"], moved["amount_e5"] = manifest_ids[entries["m"]].to_numpy(), entries["amount_e5"].to_numpy()
    moved["deducted"] = entries["released"].to_numpy()
    if len(counts):
        both = accounts.join(counts, on="book_item", how="full", coalesce=True).sort("book_item")
        accounts = both.with_columns(pl.col(*list(MOVES)[1:]).fill_null(0), *(pl.col(c).fill_null(x) for c, x in NOT_COUNTED.items()))
    else:
        accounts = accounts.with_columns(pl.lit(x, pl.Int64).alias(c) for c, x in NOT_COUNTED.items())
    return Drawing(accounts, moved.tobytes(), filed)


def unpacked(row: asyncpg.Record) -> Iterator[tuple[str, int, dict[str, int]]]:
    """Book item, running number and the rest of each entry in a row of stock_entry."""
    found = iter(np.frombuffer(row["moved"], MOVED).tolist())
    columns = ("book_items", "entry_nos", "entries", "reserved_after_e5", "used_after_e5")
    for item, last, count, reserved, used in zip(*(row[c] for c in columns), strict=True):
        some = list(islice(found, count))
        reserved -= sum(amount for _, amount, deducted in some if not deducted)
        used -= sum(amount for _, amount, deducted in some if deducted)
        for number, (manifest_id, amount, deducted) in enumerate(some, start=last - count + 1):
            reserved, used = reserved + (0 if deducted else amount), used + (amount if deducted else 0)
            after = {"reserved_after_e5": reserved, "used_after_e5": used}
            yield item, number, {"manifest_id": manifest_id, "amount_e5": amount, "deducted": deducted, **after}


async def draw(connection: asyncpg.Connection, wanted: Drawing, after: Sequence[LaneState]) -> None:
    """Scarce when an item does not admit all of it any more, or has no account. `after`: the batch's lanes."""
    if wanted.filed:
        await connection.execute(sql("stock_open"), wanted.filed)
    if len(wanted.accounts):
        columns: list[Any] = [*wanted.accounts.get_columns(), after[0].lane, after[0].batch_seq, wanted.moved]
        row = await connection.fetchrow(sql("stock_draw"), *columns)
        assert row is not None, "an aggregate has one row"
        found, short = row
        if short or found < len(wanted.accounts):
            raise Scarce(short, wanted.accounts["book_item"].to_list() if found < len(wanted.accounts) else ())

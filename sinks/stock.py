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

MOVED = np.dtype([("manifest_id", ">i8"), ("amount_e5", ">i8"), ("movement", "u1")])  # an entry as stock_entry.moved packs it
MOVEMENTS = {"reserve": (1, 0), "deduct": (0, 1), "restore": (-1, 0)}  # in their numbers; what each adds to reserved and used
COUNTED = {"book_item": pl.String, "counted_e5": pl.Int64, "entered_e5": pl.Int64, "kafka_offset": pl.Int64}
NOT_COUNTED = {"counted_e5": -1, "entered_e5": 0, "kafka_offset": -1}
UNCOUNTED = [pl.lit(x, pl.Int64).alias(c) for c, x in NOT_COUNTED.items()]
GIVEN_BACK = [
    pl.len().cast(pl.Int32).alias("entries"), (-pl.col("amount_e5").sum()).alias("reserved_e5"), pl.lit(0, pl.Int64).alias("used_e5"),
    pl.lit(2**62, pl.Int64).alias("most_taken_e5"),  # however much is taken
]  # fmt: skip
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
    moved["movement"] = entries["released"].to_numpy()
    if len(counts):
        both = accounts.join(counts, on="book_item", how="full", coalesce=True).sort("book_item")
        accounts = both.with_columns(pl.col(*list(MOVES)[1:]).fill_null(0), *(pl.col(c).fill_null(x) for c, x in NOT_COUNTED.items()))
    else:
        accounts = accounts.with_columns(UNCOUNTED)
    return Drawing(accounts, moved.tobytes(), filed)


def restoring(entries: pl.DataFrame) -> Drawing:
    """What was reserved is available again. `entries`: manifest_id, book_item and amount_e5, by book item and turn."""
    moved = np.empty(len(entries), MOVED)
    moved["manifest_id"], moved["amount_e5"] = entries["manifest_id"].to_numpy(), entries["amount_e5"].to_numpy()
    moved["movement"] = list(MOVEMENTS).index("restore")
    return Drawing(entries.group_by("book_item", maintain_order=True).agg(GIVEN_BACK).with_columns(UNCOUNTED), moved.tobytes())


def unpacked(row: asyncpg.Record) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Book item, running number and the rest of each entry in a row of stock_entry."""
    found, movements = iter(np.frombuffer(row["moved"], MOVED).tolist()), list(MOVEMENTS.items())
    columns = ("book_items", "entry_nos", "entries", "reserved_after_e5", "used_after_e5")
    for item, last, count, reserved, used in zip(*(row[c] for c in columns), strict=True):
        some = [(ident, amount, *movements[number]) for ident, amount, number in islice(found, count)]
        reserved -= sum(amount * adds[0] for _, amount, _, adds in some)
        used -= sum(amount * adds[1] for _, amount, _, adds in some)
        for number, (manifest_id, amount, movement, adds) in enumerate(some, start=last - count + 1):
            reserved, used = reserved + amount * adds[0], used + amount * adds[1]
            after = {"reserved_after_e5": reserved, "used_after_e5": used}
            yield item, number, {"manifest_id": manifest_id, "amount_e5": amount, "movement": movement, **after}


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

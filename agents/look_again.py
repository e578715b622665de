"""Order numbers to look at again once their documents are stored: step 8 of docs/architecture.md."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from sinks.store import Store

LANES = {"order_hash": pl.Int64, "lane": pl.Int16}  # one row an order number
STORED = {**LANES, "unasked": pl.Boolean}
ASTRAY = {**LANES, "waits": pl.Int8}
ASTRAY_WAITS = 2  # batches; sinks.batch.LOOKED_BACK is two more
HASH = pl.col("order_hash")
NOTHING = pl.DataFrame(schema=LANES)
DUE, LEFT = pl.col("waits") == 0, pl.col("waits") >= 0
ASKED, UNASKED = (pl.lit(value).alias("unasked") for value in (False, True))
FULL_WAIT = pl.lit(ASTRAY_WAITS, pl.Int8).alias("waits")
LOWEST = pl.col("partition").min().alias("lane")


@dataclass(slots=True)
class LookAgain:
    """`stored`: of the last batch of each lane; `unasked` is looked at whatever others stored: it was stored when other lanes
    than now were ours, or what was decided of it may let another attempt be complete.
    `astray`: what came by a lane that is not its home, and for how many batches it still waits."""

    stored: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STORED))
    astray: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ASTRAY))

    def __bool__(self) -> bool:
        """Whether anything is left to look at."""
        return len(self.stored) + len(self.astray) > 0

    def own(self, last: Mapping[int, int]) -> None:
        """Lanes were claimed; `last`: order_hash → lane of their last batches."""
        known = first_lanes([as_lanes(last), self.stored.select(*LANES), self.astray.select(*LANES)])
        # what was foreign when these were stored may lie in a lane of ours by now, so nobody asks whether it is
        self.stored, self.astray = known.with_columns(UNASKED), self.astray.clear()

    def disown(self, gone: Iterable[int]) -> None:
        """Lanes went to others, who look at them."""
        stays = ~of_lanes(frozenset(gone))
        self.stored, self.astray = self.stored.filter(stays), self.astray.filter(stays)

    async def found(self, store: Store, mine: Iterable[int]) -> pl.DataFrame:
        """LANES of what was stored last and has met documents of lanes that are not `mine` meanwhile, or is looked at unasked.

        What came astray waits for two batches: the worker of its home, which looks in its next, has decided by then. Else
        both would see all of an order at the same moment, and the one that loses repeat its batch.
        """
        due = self.astray.filter(DUE)
        if self.stored.is_empty() and due.is_empty():
            return NOTHING
        # sorted once here, or PostgreSQL sorts them for each partition of the table
        rows = await store.fetch("foreign_documents", self.stored["order_hash"].sort(), list(mine), due["order_hash"])
        if not rows and not self.stored["unasked"].any():
            return NOTHING
        foreign = pl.Series([row["order_hash"] for row in rows], dtype=pl.Int64)
        looked_at = pl.concat([self.stored, due.select(*LANES, ASKED)])
        met = looked_at.filter(pl.col("unasked") | HASH.is_in(foreign.implode()))
        return first_lanes([met.select(*LANES)])

    def committed(
        self, worked: Iterable[int], came_by: pl.DataFrame, tables: Mapping[str, pl.DataFrame], unasked: pl.DataFrame
    ) -> None:
        """A batch of the lanes `worked` was stored: what it holds of its `tables` (`came_by`: LANES) is next, and LANES that
        are looked at `unasked`."""
        here = of_lanes(frozenset(worked))
        kept = pl.concat([unasked.with_columns(UNASKED), self.stored.filter(~here)])
        self.stored = came_by.with_columns(ASKED)
        if len(kept):
            surely = HASH.is_in(kept.filter("unasked")["order_hash"].implode())
            self.stored = first_lanes([came_by.with_columns(unasked=surely), kept])
        astray = pl.concat([table["order_hash"].filter(table["astray"]) for table in tables.values()])
        new = came_by.join(astray.to_frame(), on="order_hash", how="semi").with_columns(FULL_WAIT)
        waiting = self.astray.with_columns(pl.col("waits") - here.cast(pl.Int8)).filter(LEFT)
        self.astray = first_lanes([new, waiting])


@lru_cache
def of_lanes(lanes: frozenset[int]) -> pl.Expr:
    """Whether a row is of one of these lanes."""
    return pl.col("lane").is_in(list(lanes))


def as_lanes(by_order: Mapping[int, int]) -> pl.DataFrame:
    """LANES of order_hash → lane."""
    if not by_order:
        return NOTHING
    return pl.DataFrame({"order_hash": list(by_order), "lane": list(by_order.values())}, schema=LANES)


def lanes_of(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """LANES: the one the documents of each order number came by (the lowest, if by several)."""
    came = pl.concat([table[:, ["order_hash", "partition"]] for table in tables.values()])
    return came.group_by("order_hash").agg(LOWEST)


def first_lanes(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row an order number: that of the first part which has it."""
    return pl.concat(parts).unique("order_hash", keep="first")

"""What a batch takes from the ledgers, inside its transaction: numbers and accounts, granted as decided or decided again."""

from dataclasses import replace

import asyncpg
import polars as pl

from pipeline.ledgers import ACCOUNTS, Balances, admits
from sinks.copy import copy_all, encoded
from sinks.named_sql import sql

KEY = ["person_key", "year"]
AMOUNTS = {"entries": pl.Int32, "reserved": pl.Int64, "used": pl.Int64}
TAKEN = {"person_key": pl.Binary, "year": pl.Int16, **AMOUNTS, "expected": pl.Int32}
NOTHING_TAKEN = pl.DataFrame(schema=TAKEN)
# Of ledgers.Posted.accounts: what is taken of each (TAKEN), and what it is expected to stand at then.
WANTED = [
    pl.col(KEY),
    (pl.col("entry_no") - pl.col("read_entry_no")).alias("entries"),
    (pl.col("reserved_after_fen") - pl.col("read_reserved_fen")).alias("reserved"),
    (pl.col("used_after_fen") - pl.col("read_used_fen")).alias("used"),
    pl.col("entry_no").alias("expected"),
]
EXPECTED = [
    pl.col(*KEY, "exact", "annual_limit_fen"),
    pl.col("entry_no").alias("expected_entry_no"),
    pl.col("reserved_after_fen").alias("expected_reserved_fen"),
    pl.col("used_after_fen").alias("expected_used_fen"),
]
NONE_MOVED = pl.DataFrame(schema={
    **ACCOUNTS, "exact": pl.Boolean, "annual_limit_fen": pl.Int64,
    "expected_entry_no": pl.Int32, "expected_reserved_fen": pl.Int64, "expected_used_fen": pl.Int64,
})  # fmt: skip


class Taking:
    """What one transaction has taken so far. Accounts stay taken, and locked, when not all of it is granted: they are
    decided again on balances that nobody can move, and then the difference is taken, which is next to nothing.

    `balances`: as read, and where accounts moved on since, as they stand without this transaction.
    """

    def __init__(self, connection: asyncpg.Connection, balances: Balances) -> None:
        self.balances = balances
        self._connection = connection
        self._taken = NOTHING_TAKEN

    async def take(self, accounts: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame | None:
        """Take what was posted on `balances`: `accounts` as in ledgers.Posted, and rows of number_use. None when one is
        not granted any more: post again, on `balances` and the numbers as they are now.

        Else the accounts that moved on since they were read, and still admit it: their entries have to be counted on.
        """
        moved = await self._take_accounts(accounts)
        if len(moved) and not admits(moved):
            return None
        try:
            async with self._connection.transaction():  # a savepoint
                await copy_all(self._connection, encoded({"number_use": numbers}, ("number_use",)))
        except asyncpg.UniqueViolationError:
            return None
        return moved

    async def _take_accounts(self, accounts: pl.DataFrame) -> pl.DataFrame:
        """Brings what is taken of each account to what was posted; returns the accounts that were not where they were
        read, beside what was expected."""
        wanted = accounts.select(WANTED)
        change, self._taken = _changed(wanted, self._taken)
        change = change.sort(KEY)
        rows = await self._connection.fetch(sql("quota_accounts_take"), *(change[c] for c in TAKEN)) if len(change) else []
        if not rows:
            return NONE_MOVED
        moved = pl.DataFrame([tuple(r) for r in rows], schema=ACCOUNTS, orient="row")
        self.balances = replace(self.balances, accounts=_standing(self.balances.accounts, moved, wanted))
        return moved.join(accounts.select(EXPECTED), on=KEY, maintain_order="left")


def _changed(wanted: pl.DataFrame, taken: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What to add to the accounts (TAKEN), and all that is taken of them then. Nothing (0) is expected of an account
    that is ours already: it cannot move."""
    if not len(taken):
        return wanted, wanted
    beside = wanted.join(taken, on=KEY, how="full", coalesce=True, suffix="_before")
    ours = pl.col("entries_before").is_not_null()
    now = beside.select(*KEY, *(pl.col(c).fill_null(0) for c in AMOUNTS), "expected")
    change = beside.select(
        *KEY,
        *(pl.col(c).fill_null(0) - pl.col(f"{c}_before").fill_null(0) for c in AMOUNTS),
        expected=pl.when(ours).then(0).otherwise("expected"),
    )
    return change.filter(pl.any_horizontal(pl.col(c) != 0 for c in AMOUNTS)), now


def _standing(known: pl.DataFrame, moved: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """ACCOUNTS as known, and those that moved as they stand without what this transaction took."""
    without = moved.join(wanted, on=KEY, maintain_order="left").select(
        *KEY,
        entry_no=pl.col("entry_no") - pl.col("entries"),
        reserved_fen=pl.col("reserved_fen") - pl.col("reserved"),
        used_fen=pl.col("used_fen") - pl.col("used"),
    )
    return pl.concat([known.join(without, on=KEY, how="anti"), without])

"""What a batch takes from the ledgers, inside its transaction: accounts and numbers, granted as decided or decided again."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import asyncpg
import polars as pl

from pipeline.accounts import LEDGERS, Ledger
from pipeline.ledgers import Balances, admits
from sinks.copy import copy_all
from sinks.named_sql import sql

AMOUNTS = ("entries", "reserved", "used")
IS_NEW = pl.col("entries") == pl.col("expected")  # the account has no entry but the batch's: a COPY costs a third of an upsert


@cache
def _wanted(ledger: Ledger) -> list[pl.Expr]:
    """Of ledgers.Moves.accounts: the arguments of the ledger's statement, what is taken of each account and what entry it
    is expected to stand at then."""
    moves = (("entry_no", "entry_no"), *((ledger.of(f"{x}_after"), ledger.of(x)) for x in AMOUNTS[1:]))
    taken = [(pl.col(after) - pl.col(f"read_{read}")).alias(name) for name, (after, read) in zip(AMOUNTS, moves, strict=True)]
    return [pl.col(*ledger.key), *taken, pl.col("entry_no").alias("expected")]


@cache
def _opened(ledger: Ledger) -> list[pl.Expr]:
    """Of what is wanted: rows of the ledger's accounts, where none stood."""
    return [pl.col(*ledger.key), pl.col("entries").alias("entry_no"), *(pl.col(x).alias(ledger.of(x)) for x in AMOUNTS[1:])]


@cache
def _expected(ledger: Ledger) -> list[pl.Expr]:
    """Of the same: the limit, and how an account stands that has not moved since it was read."""
    amounts = (pl.col(ledger.of(f"{x}_after")).alias(f"expected_{ledger.of(x)}") for x in AMOUNTS[1:])
    return [pl.col(*ledger.key, "exact", ledger.of("limit")), pl.col("entry_no").alias("expected_entry_no"), *amounts]


class Taking:
    """What one transaction has taken so far. Accounts stay taken, and locked, when not all of it is granted: they are
    decided again on balances that nobody can move, and then the difference is taken, which is next to nothing.

    `balances`: as read, and where accounts moved on since, as they stand without this transaction.
    """

    def __init__(self, connection: asyncpg.Connection, balances: Balances) -> None:
        self.balances = balances
        self._connection = connection
        self._taken: dict[Ledger, pl.DataFrame] = {}

    async def take(self, accounts: Mapping[Ledger, pl.DataFrame], numbers: pl.DataFrame) -> dict[Ledger, pl.DataFrame] | None:
        """Take what was posted on `balances`: `accounts` as in ledgers.Moves, and rows of number_use. None when one is not
        granted any more: post again, on `balances` and the numbers as they are now.

        Else the accounts that moved on since they were read, and still admit it: their entries have to be counted on.
        """
        moved: dict[Ledger, pl.DataFrame] = {}
        for ledger in LEDGERS:
            if ledger in accounts and (rows := await self._take_accounts(ledger, accounts[ledger])) is not None:
                moved[ledger] = rows
        if not all(admits(ledger, rows) for ledger, rows in moved.items()):
            return None
        return moved if await self._insert("number_use", numbers) else None

    async def _insert(self, table: str, rows: pl.DataFrame) -> bool:
        """Whether none of them was there: all are inserted, or nothing is."""
        try:
            async with self._connection.transaction():  # a savepoint
                await copy_all(self._connection, {table: rows}, (table,))
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def _take_accounts(self, ledger: Ledger, accounts: pl.DataFrame) -> pl.DataFrame | None:
        """Brings what is taken of each account to what was posted; the accounts that were not where they were read, should
        there be some, beside what was expected."""
        wanted = accounts.select(_wanted(ledger))
        change, self._taken[ledger] = _changed([*ledger.key], wanted, before := self._taken.get(ledger))
        new = change.filter(IS_NEW)
        if before is None and len(new) and await self._insert(f"{ledger.name}_account", new.select(_opened(ledger))):
            change = change.filter(~IS_NEW)
        rows = await self._connection.fetch(sql(f"{ledger.name}_accounts_take"), *change.get_columns()) if len(change) else []
        if not rows:
            return None
        moved = pl.DataFrame([tuple(r) for r in rows], schema=ledger.standing, orient="row")
        standing = _standing(ledger, self.balances.accounts[ledger], moved, wanted)
        self.balances = replace(self.balances, accounts={**self.balances.accounts, ledger: standing})
        return moved.join(accounts.select(_expected(ledger)), on=[*ledger.key], maintain_order="left")


def _changed(key: list[str], wanted: pl.DataFrame, taken: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What to add to the accounts, and all that is taken of them then. Nothing (0) is expected of an account that is ours
    already: it cannot move."""
    if taken is None:
        return wanted, wanted
    beside = wanted.join(taken, on=key, how="full", coalesce=True, suffix="_before")
    ours = pl.col("entries_before").is_not_null()
    now = beside.select(*key, *(pl.col(c).fill_null(0) for c in AMOUNTS), "expected")
    change = beside.select(
        *key,
        *(pl.col(c).fill_null(0) - pl.col(f"{c}_before").fill_null(0) for c in AMOUNTS),
        expected=pl.when(ours).then(0).otherwise("expected"),
    )
    return change.filter(pl.any_horizontal(pl.col(c) != 0 for c in AMOUNTS)), now


def _standing(ledger: Ledger, known: pl.DataFrame, moved: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Accounts as known, and those that moved as they stand without what this transaction took."""
    key = [*ledger.key]
    columns = ("entry_no", ledger.of("reserved"), ledger.of("used"))
    without = moved.join(wanted, on=key, maintain_order="left").select(
        *key, *((pl.col(c) - pl.col(taken)).alias(c) for c, taken in zip(columns, AMOUNTS, strict=True))
    )
    return pl.concat([known.join(without, on=key, how="anti"), without])

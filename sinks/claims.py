"""What a batch takes from the ledgers, inside its transaction: numbers and accounts, granted as decided or not at all."""

import asyncpg
import polars as pl

from pipeline.ledgers import admits
from sinks.copy import copy_all, encoded
from sinks.named_sql import sql

MOVED = {
    "person_key": pl.Binary, "year": pl.Int16, "entry_no": pl.Int32, "reserved_fen": pl.Int64, "used_fen": pl.Int64,
}  # fmt: skip


class _NotGranted(Exception):
    """An account does not admit the batch any more: what it took so far is given back."""


async def claimed(connection: asyncpg.Connection, accounts: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame | None:
    """Take entries of `accounts` (as ledgers.Posted) and `numbers` (rows of number_use); None when one is not granted
    any more: then nothing was taken.

    Else the accounts that moved on since they were read, and still admit it: their entries have to be counted on.
    """
    try:
        async with connection.transaction():  # a savepoint
            moved = await _take_accounts(connection, accounts)
            if not admits(moved):
                raise _NotGranted
            await copy_all(connection, encoded({"number_use": numbers}, ("number_use",)))
            return moved
    except (_NotGranted, asyncpg.UniqueViolationError):
        return None


async def _take_accounts(connection: asyncpg.Connection, accounts: pl.DataFrame) -> pl.DataFrame:
    """Adds the entries of the batch; returns the accounts that were not where they were read, beside what was expected."""
    accounts = accounts.sort("person_key", "year")
    taken = accounts.select(
        "person_key", "year",
        entries=pl.col("entry_no") - pl.col("read_entry_no"),
        reserved=pl.col("reserved_after_fen") - pl.col("read_reserved_fen"),
        used=pl.col("used_after_fen") - pl.col("read_used_fen"),
        expected="entry_no",
    )  # fmt: skip
    rows = await connection.fetch(sql("quota_accounts_take"), *taken.get_columns()) if len(taken) else []
    moved = pl.DataFrame([tuple(r) for r in rows], schema=MOVED, orient="row")
    expected = accounts.select(
        "person_key", "year", "exact", "annual_limit_fen",
        expected_entry_no="entry_no", expected_reserved_fen="reserved_after_fen", expected_used_fen="used_after_fen",
    )  # fmt: skip
    return moved.join(expected, on=["person_key", "year"], maintain_order="left")

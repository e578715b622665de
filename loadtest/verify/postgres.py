"""Reads the tables as they are at one moment: a single read-only transaction, rows fetched in slices."""

from collections.abc import Callable
from typing import Any, NamedTuple

import asyncpg

from loadtest.verify import evidence as rows
from loadtest.verify.evidence import Tables

Progress = Callable[[str, int, int], None]
PREFETCH = 5_000  # rows a round trip
POSTGRES_EPOCH_MS = 946_684_800_000  # 2000-01-01, where PostgreSQL counts microseconds from
COMPUTED = {"value_sha256": "sha256(value)"}
SOURCES: tuple[tuple[str, str, type[NamedTuple]], ...] = (
    ("lanes", "lane", rows.Lane),
    ("consumed", "consumed", rows.Consumed),
    ("documents", "document", rows.DocumentRow),
    ("fates", "document_fate", rows.FateRow),
    ("open_reports", "open_report", rows.OpenReport),
    ("manifests", "manifest", rows.ManifestRow),
    ("lines", "manifest_line", rows.LineRow),
    ("findings", "finding", rows.FindingRow),
    ("accounts", "quota_account", rows.AccountRow),
    ("entries", "quota_entry", rows.EntryRow),
    ("uses", "number_use", rows.UseRow),
    ("dead_letters", "dead_letter", rows.DeadLetterRow),
)
"""Field of Tables, table, row type."""


async def read_postgres(dsn: str, progress: Progress = lambda _stage, _done, _total: None) -> Tables:
    """All tables of a proof; `progress` is told of each table. Errors of asyncpg pass through."""
    connection = await asyncpg.connect(dsn)
    try:
        # times as integers: microseconds since PostgreSQL's epoch become milliseconds since 1970
        await connection.set_type_codec(
            "timestamptz", schema="pg_catalog", format="tuple", encoder=lambda ms: ms, decoder=_milliseconds
        )
        tables = Tables()
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for field, table, shape in SOURCES:
                await _read_table(connection, table, shape, getattr(tables, field), progress)
        return tables
    finally:
        await connection.close()


def _milliseconds(value: tuple[int]) -> int:
    return value[0] // 1000 + POSTGRES_EPOCH_MS


async def _read_table(
    connection: Any, table: str, shape: type[NamedTuple], into: list[Any], progress: Progress
) -> None:
    total = await connection.fetchval(f"SELECT count(*) FROM {table}")
    columns = ", ".join(COMPUTED.get(name, name) for name in shape._fields)
    make = shape._make
    async for row in connection.cursor(f"SELECT {columns} FROM {table}", prefetch=PREFETCH):
        into.append(make(row))
        if len(into) % PREFETCH == 0:
            progress(f"table {table}", len(into), total)
    progress(f"table {table}", total, total)

"""Reads the tables as they are at one moment: a single read-only transaction, rows fetched in slices."""

from collections.abc import AsyncGenerator, Callable, Container
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from loadtest.verify import evidence as rows
from loadtest.verify.cases import ALL_NEED, BY_MANIFEST, BY_PARTITION, LANE_BITS, Share
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
    ("quota_used", "quota_used_entries", rows.UsedEntriesRow),
    ("weight_accounts", "weight_account", rows.WeightAccountRow),
    ("weight_entries", "weight_entry", rows.WeightEntryRow),
    ("weight_used", "weight_used_entries", rows.UsedEntriesRow),
    ("guarantee_accounts", "guarantee_account", rows.GuaranteeAccountRow),
    ("guarantee_entries", "guarantee_entry", rows.GuaranteeEntryRow),
    ("stock_accounts", "stock_account", rows.StockAccountRow),
    ("stock_entries", "stock_entry", rows.StockEntryRow),
    ("stock_counts", "stock_count", rows.StockCountRow),
    ("held", "held", rows.HeldRow),
    ("revisions", "revision", rows.RevisionRow),
    ("uses", "number_use", rows.UseRow),
    ("dead_letters", "dead_letter", rows.DeadLetterRow),
    ("sightings", "sighting", rows.SightingRow),
    ("sighting_reads", "sighting_read", rows.SightingReadRow),
    ("dropped", "dropped", rows.DroppedRow),
    ("registry_state", "registry_state", rows.RegistryState),
    ("registry_entries", "registry_entry", rows.RegistryEntryRow),
    ("rule_sets", "rule_set", rows.RuleSetRow),
    ("rule_events", "rule_event", rows.RuleEventRow),
    ("shadow_batches", "shadow_batch", rows.ShadowRow),
)
"""Field of Tables, table, row type."""


@asynccontextmanager
async def at_one_moment(dsn: str, snapshot: str | None = None) -> AsyncGenerator[Any]:
    """A connection in a read-only transaction; `snapshot`: one that another connection exported and still holds.

    Errors of asyncpg pass through.
    """
    connection = await asyncpg.connect(dsn)
    try:
        # times as integers: microseconds since PostgreSQL's epoch become milliseconds since 1970
        await connection.set_type_codec(
            "timestamptz", schema="pg_catalog", format="tuple", encoder=lambda ms: ms, decoder=_milliseconds
        )
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if snapshot is not None:
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            yield connection
    finally:
        await connection.close()


async def read_tables(
    connection: Any,
    without: Container[str] = (),
    *,
    only: Container[str] = tuple(field for field, _, _ in SOURCES),
    progress: Progress | None = None,
) -> Tables:
    """The tables of a proof named in `only` and not in `without`; `progress` is told of each."""
    tables = Tables()
    for field, table, shape in SOURCES:
        if field in only and field not in without:
            await _read_table(connection, table, shape, "", getattr(tables, field), progress)
    return tables


async def read_share_of_tables(connection: Any, share: Share) -> Tables:
    """What share_of leaves of all tables."""
    number, of = share
    where = {name: f" WHERE mod(mod({lane}, {of}) + {of}, {of}) = {number}" for names, lane in (  # of a negative lane too, as Share counts
        (BY_PARTITION, "partition"), (BY_MANIFEST, f"(manifest_id >> {LANE_BITS})"),
    ) for name in names}  # fmt: skip
    tables = Tables()
    for field, table, shape in SOURCES:
        if field in where or field in ALL_NEED:
            await _read_table(connection, table, shape, where.get(field, ""), getattr(tables, field))
    return tables


def _milliseconds(value: tuple[int]) -> int:
    return value[0] // 1000 + POSTGRES_EPOCH_MS


async def _read_table(
    connection: Any, table: str, shape: type[NamedTuple], where: str, into: list[Any], progress: Progress | None = None
) -> None:
    # a pass over the whole table by itself: only where somebody is told
    total = await connection.fetchval(f"SELECT count(*) FROM {table}{where}") if progress else 0
    row = partial(tuple.__new__, shape)  # of what is selected by the names of its fields: `_make` would count them again
    columns = ", ".join(COMPUTED.get(name, name) for name in shape._fields)
    cursor = await connection.cursor(f"SELECT {columns} FROM {table}{where}")
    while found := await cursor.fetch(PREFETCH):
        into.extend(map(row, found))
        if progress:
            progress(f"table {table}", len(into), total)

"""Brings a database to the newest schema, and keeps its time partitions ahead of the clock."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x71DE6A7E  # advisory lock: one migration at a time
DOCUMENT_VALUES = ("order_value", "payment_value", "waybill_value")
AHEAD = 3  # months of `order_documents` and the sightings, days of `outbox`


class MigrationError(RuntimeError):
    """A migration that was applied has changed, or one is missing here."""


async def migrate(dsn: str, now: datetime) -> list[str]:
    """Apply what is missing and return the names; `now` says which partitions are needed."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            applied = await _apply(connection)
            await ensure_partitions(connection, now)
        return applied
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration "
        "(name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    known = {r["name"]: r["sha256"] for r in await connection.fetch("SELECT name, sha256 FROM schema_migration")}
    files = {p.name: p.read_text() for p in sorted(FOLDER.glob("*.sql"))}
    if unknown := set(known) - set(files):
        raise MigrationError(f"the database is newer than this program: it has {', '.join(sorted(unknown))}")
    applied: list[str] = []
    for name, text in files.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        if name not in known:
            await connection.execute(text)
            await connection.execute("INSERT INTO schema_migration (name, sha256) VALUES ($1, $2)", name, digest)
            applied.append(name)
        elif known[name] != digest:
            raise MigrationError(f"{name} was changed after it was applied: add a new migration instead")
    return applied


async def ensure_partitions(connection: asyncpg.Connection, now: datetime) -> None:
    """Months of `order_documents` and the sightings, days of `outbox` from now on; what falls outside lands in the rest partition."""
    month = now.astimezone(UTC).date().replace(day=1)
    for _ in range(AHEAD):
        following = (month + timedelta(days=32)).replace(day=1)
        await _partition(connection, "order_documents", DOCUMENT_VALUES, month, following, f"{month:%Y%m}")
        for table in ("sighting", "sighting_read"):
            await _partition(connection, table, (), month, following, f"{month:%Y%m}")
        month = following
    day = now.astimezone(UTC).date()
    for _ in range(AHEAD):
        await _partition(connection, "outbox", ("messages",), day, day + timedelta(days=1), f"{day:%Y%m%d}")
        day += timedelta(days=1)


async def _partition(
    connection: asyncpg.Connection, table: str, blobs: Sequence[str], first: date, end: date, suffix: str
) -> None:
    """`blobs`: stored as they are, and in their row as long as it fits a page."""
    name = f"{table}_{suffix}"
    if await connection.fetchval("SELECT to_regclass($1)", name):
        return
    await connection.execute(
        f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{first} 00:00+00') TO ('{end} 00:00+00')"
    )
    if blobs:
        await connection.execute(f"ALTER TABLE {name} SET (toast_tuple_target = 8160)")
    for blob in blobs:
        await connection.execute(f"ALTER TABLE {name} ALTER COLUMN {blob} SET STORAGE EXTERNAL")

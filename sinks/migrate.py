"""Brings a database to the newest schema, and keeps its time partitions ahead of the clock."""

import hashlib
from datetime import datetime
from pathlib import Path

import asyncpg

from sinks.partitions import ensure_partitions

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x71DE6A7E  # advisory lock: one migration at a time


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

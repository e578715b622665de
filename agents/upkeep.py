"""Partitions by time made and dropped while the system runs: by the worker of lane 0, every hour."""

import logging
import time
from collections.abc import Collection
from datetime import UTC, datetime

import asyncpg

from agents.metrics import METRICS
from schemas.contracts import REGISTRY_PARTITION
from sinks.partitions import drop_expired, ensure_partitions
from sinks.store import AWAY, LIMITS

LOG = logging.getLogger("tidegate.upkeep")
SECONDS = 3600.0
AGAIN_SECONDS = 60.0  # after a failure
WAITS = {"lock_timeout": "2s"}  # batches wait behind it for as long as it waits for a batch


class Upkeep:
    """`look` over a connection of its own: a batch never waits for more than one lock of it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._next = float("-inf")  # by the monotonic clock

    async def look(self, lanes: Collection[int], now: datetime | None = None) -> None:
        """Make and drop what is due, if it is our turn and time. `lanes`: ours. What fails is told and tried again in a minute."""
        if REGISTRY_PARTITION not in lanes or time.monotonic() < self._next:
            return
        try:
            await self._look(now or datetime.now(UTC))
        except (asyncpg.PostgresError, *AWAY) as e:
            self._next = time.monotonic() + AGAIN_SECONDS
            METRICS.upkeep_failures.inc()
            LOG.warning("partitions not tended", extra={"reason": type(e).__name__})
        else:
            self._next = time.monotonic() + SECONDS

    async def _look(self, now: datetime) -> None:
        connection: asyncpg.Connection = await asyncpg.connect(self._dsn, timeout=10, server_settings=LIMITS | WAITS)
        try:
            made, dropped = await ensure_partitions(connection, now), await drop_expired(connection, now)
        finally:
            await connection.close(timeout=5)
        if made or dropped:
            LOG.info("partitions", extra={"made": made, "dropped": dropped})

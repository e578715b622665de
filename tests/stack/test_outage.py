"""PostgreSQL and Kafka go away and come back: the worker says which, is not ended for it, and goes on by itself."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

import asyncpg
import pytest

from agents.metrics import METRICS
from agents.stores import Stores
from loadtest.publish import send_all
from ops.stack import Stack
from schemas.endpoints import Endpoints
from sinks.errors import Unavailable
from sinks.store import LIMITS, Store
from tests.stack.workers import Group, generated, producer, workers

IMPATIENT = (sys.executable, "-m", "tests.stack.impatient_worker")
WAITS = 6  # for PostgreSQL, of a second and more each: longer than the watchdog of this worker is patient
HALF = 300


@asynccontextmanager
async def stopped(part: Stack, name: str) -> AsyncIterator[None]:
    """Without Kafka or PostgreSQL; it is there again afterwards, whatever happened."""
    store = {"Kafka": part.kafka, "PostgreSQL": part.postgres}[name]
    await asyncio.to_thread(store.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(store.start)
        part.save()


async def test_postgres_away_for_longer_than_the_watchdog_waits(topics: Endpoints, stack: Stack, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", 200, 21)
    planned = list(documents.documents())
    async with workers(topics, tmp_path, 1, command=IMPATIENT) as group:
        async with producer(topics) as sender:
            await send_all(sender, planned[:HALF])
            await group.settled()
            await group.until_asked("ready", "^ready$")
            async with stopped(stack, "PostgreSQL"):
                await group.until_asked("ready", "^PostgreSQL is away$")
                await send_all(sender, planned[HALF:])
                told = await group.until_asked("metrics", rf"^tidegate_store_unavailable_total {WAITS}\.0$")
                assert "\ntidegate_ready 0.0\n" in told
                assert sum(map(float, lags(told))) > 0
        await group.db.close()
        group.db = await asyncpg.connect(topics.postgres, timeout=10)
        await goes_on(group)
        await group.proved(documents)


async def test_kafka_away(topics: Endpoints, stack: Stack, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", 200, 22)
    planned = list(documents.documents())
    async with workers(topics, tmp_path, 1) as group:
        async with producer(topics) as sender:
            await send_all(sender, planned[:HALF])
        await group.settled()
        async with stopped(stack, "Kafka"):
            await group.until_asked("ready", "^Kafka is away$")
            await group.until_asked("metrics", r"^tidegate_ready 0\.0$")
        await group.until_asked("ready", "^ready$")
        async with producer(topics) as sender:
            await send_all(sender, planned[HALF:])
        await goes_on(group)
        await group.proved(documents)


def lags(told: str) -> list[str]:
    return [line.split()[-1] for line in told.splitlines() if line.startswith("tidegate_lag_records{")]


async def goes_on(group: Group) -> None:
    """The same process, as if nothing had been."""
    await group.settled()
    await group.until_asked("metrics", r"^tidegate_ready 1\.0$")
    assert [slot.restarts for slot in group.supervisor.slots] == [0]
    assert await group.stop() == [0]


@pytest.mark.parametrize("name", ["Kafka", "PostgreSQL"])
async def test_which_store_is_away_is_noticed_and_forgotten(topics: Endpoints, stack: Stack, name: str) -> None:
    stores = Stores(topics.postgres, topics.kafka_options())
    await until(stores, lambda: stores.away() is None)
    async with stopped(stack, name):
        await until(stores, lambda: stores.away() == f"{name} is away")
    await until(stores, lambda: stores.away() is None)
    await stores.close()


async def until(stores: Stores, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        await stores.look()
        while not true():
            await stores.look()


async def test_both_away() -> None:
    stores = Stores("postgresql://nobody@127.0.0.1:1/none", {"bootstrap_servers": "127.0.0.1:1"})
    assert stores.away() is None  # nobody asked
    await stores.look()
    assert stores.away() == "Kafka and PostgreSQL are away"
    await stores.close()


async def test_a_transaction_that_stays_open_is_told(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    stores, gauge = Stores(endpoints.postgres, {"bootstrap_servers": "127.0.0.1:1"}), METRICS.oldest_transaction_seconds._value
    async with db.transaction(isolation="repeatable_read"):
        await db.fetch("SELECT FROM lane")
        await stores.look()
        assert gauge.get() > 0
    await stores.close()


async def test_a_statement_that_takes_too_long_is_an_outage(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """It is given up by the server and asked again, and the connection goes on."""
    store = Store(endpoints.postgres)
    with patch.dict(LIMITS, statement_timeout="200ms"):
        async with db.transaction():
            await db.execute("LOCK TABLE lane")
            with pytest.raises(Unavailable, match="QueryCanceled"):
                await store.fetch("lanes_read", [0])
    assert await store.fetch("lanes_read", [0]) == []
    await store.close()

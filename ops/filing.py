"""What a market filed, put into a system before its documents come: published, and taken by a worker."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import asyncpg

from agents.filings import end_of, taken_to
from loadtest.publish import publish_filings
from ops.failed import RunFailed
from ops.supervisor import Supervisor
from schemas.endpoints import Endpoints
from sinks.store import Store

Say = Callable[[str, int, int], None]
TAKEN_SECONDS = 180.0
POLL_SECONDS = 0.1


async def publish_once(endpoints: Endpoints, market: str, say: Say, odd: bool = False) -> bool:
    """Publish what a market filed, unless something is filed already: a registry is kept for ever. Whether it did; `odd`: as in
    publish_filings."""
    connection: asyncpg.Connection = await asyncpg.connect(endpoints.postgres, timeout=10)
    try:
        if await connection.fetchval("SELECT version FROM registry_state"):
            return False
    finally:
        await connection.close()
    sent = 0

    def count(more: int) -> None:
        nonlocal sent
        sent += more
        say("filing", sent, 0)

    await publish_filings(market, endpoints.kafka_options(), count, odd)
    return True


async def until_taken(endpoints: Endpoints, say: Say, tend: Callable[[], object] = lambda: None) -> None:
    """Until running workers have taken the registry topic as it is now; `tend` is called all the while. RunFailed."""
    end = await end_of(endpoints.kafka_options(), "registry")
    store, deadline = Store(endpoints.postgres), time.monotonic() + TAKEN_SECONDS
    try:
        while (taken := (await taken_to(store, "registry"))[0]) < end:
            say("taking the registry", taken, end)
            if time.monotonic() > deadline:
                raise RunFailed(f"{TAKEN_SECONDS:.0f} s passed and {taken} of {end} registry events were taken: does a worker run?")
            tend()
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await store.close()


async def file_registry(endpoints: Endpoints, environment: Mapping[str, str], market: str, log: Path, say: Say) -> None:
    """Publish it, odd events too, and let a worker of its own take it, which is stopped then."""
    await publish_once(endpoints, market, say, odd=True)
    supervisor = Supervisor(1, environment=environment, log=log)
    supervisor.start()
    try:
        await until_taken(endpoints, say, supervisor.tend)
    finally:
        await asyncio.to_thread(supervisor.stop)

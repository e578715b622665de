"""Are broker and database there, and are they prepared? Asked before workers start, and by the doctor."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from agents.topic_identity import topics_of
from schemas.contracts import PARTITIONS, topics
from schemas.endpoints import Endpoints
from sinks.migrate import FOLDER, MigrationError
from sinks.topics import TopicError

LEADER_SECONDS = 5.0  # a topic made a moment ago has no leader yet


async def ready(endpoints: Endpoints) -> None:
    """Errors of aiokafka and asyncpg when one cannot be reached; TopicError, MigrationError when it is not prepared."""
    deadline = time.monotonic() + LEADER_SECONDS
    while (missing := await missing_topics(endpoints)) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    if missing:
        raise TopicError(f"{', '.join(missing)} missing: run `tidegate topics`.")
    connection: asyncpg.Connection = await asyncpg.connect(endpoints.postgres, timeout=10)
    try:
        missing = await missing_migrations(connection)
    finally:
        await connection.close()
    if missing:
        raise MigrationError(f"{', '.join(missing)} missing: run `tidegate migrate`.")


async def missing_topics(endpoints: Endpoints) -> list[str]:
    """Names of those that do not exist."""
    names = [t.name for t in topics()]
    found = await topics_of(endpoints.kafka_options(), names)
    return [name for name in names if name not in found]


async def missing_migrations(connection: asyncpg.Connection) -> list[str]:
    """Names of those the database does not have."""
    names = {p.name for p in FOLDER.glob("*.sql")}
    if not await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL"):
        return sorted(names)
    return sorted(names - {r["name"] for r in await connection.fetch("SELECT name FROM schema_migration")})


async def members(endpoints: Endpoints, groups: Iterable[str]) -> int:
    """How many workers there are in these consumer groups."""
    client = AIOKafkaAdminClient(**endpoints.kafka_options())
    try:
        await client.start()
        answers: list[Any] = await client.describe_consumer_groups(list(groups))
        return sum(len(group[5]) for answer in answers for group in answer.groups)
    except GroupCoordinatorNotAvailableError:
        return 0  # a broker that never had a group
    finally:
        await client.close()


async def end_offsets(endpoints: Endpoints, names: Iterable[str]) -> dict[tuple[str, int], int]:
    """Where each partition of these topics ends."""
    consumer = AIOKafkaConsumer(**endpoints.kafka_options())
    try:
        await consumer.start()
        ends = await consumer.end_offsets([TopicPartition(name, p) for name in names for p in range(PARTITIONS)])
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}
    finally:
        await consumer.stop()

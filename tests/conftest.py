"""One real Kafka and PostgreSQL for all tests that need them; each has a database and topics of its own."""

import asyncio
import gc
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import settings

from ops.capacity import fresh_stack
from ops.stack import Stack
from schemas import contracts
from schemas.endpoints import Endpoints
from schemas.lawbook import FOLDER
from sinks.migrate import migrate
from sinks.topics import ensure_topics

settings.register_profile("tidegate", deadline=None)  # no test asserts a time
settings.load_profile("tidegate")

HOME = Path(__file__).parents[1] / ".tidegate"
TEMPLATE = "migrated"
NUMBERS = count(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the law data, for a test to change."""
    return shutil.copytree(FOLDER, tmp_path / "law")


def changed(folder: Path, file: str, old: str, new: str) -> int:
    """Replace the only, or the first, `old` of a file of law data; gives the line it stands in."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


async def on_server(dsn: str, statement: str) -> None:
    """Run one statement outside of a transaction."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack of this session, with an empty migrated database to copy from; the jars are the project's."""
    with fresh_stack(HOME, f"test-{os.getpid()}") as running:
        dsn = running.endpoints().postgres
        asyncio.run(on_server(dsn, f"CREATE DATABASE {TEMPLATE}"))
        asyncio.run(migrate(database(dsn, TEMPLATE), datetime.now(UTC)))
        yield running


def database(dsn: str, name: str) -> str:
    """The address of another database of the same server."""
    return f"{dsn.rsplit('/', 1)[0]}/{name}"


def use_prefix(prefix: str) -> None:
    """Topic names are read from the environment and kept: forget what was kept."""
    os.environ["TIDEGATE_TOPIC_PREFIX"] = prefix
    contracts.topics.cache_clear()
    contracts.topic.cache_clear()


@asynccontextmanager
async def system(server: Endpoints) -> AsyncIterator[Endpoints]:
    """A database and a topic prefix of its own on this server; the prefix that was in use comes back afterwards."""
    name = f"t{next(NUMBERS)}"
    former = os.environ.get("TIDEGATE_TOPIC_PREFIX", contracts.PREFIX)
    await on_server(server.postgres, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    use_prefix(f"{name}.")
    try:
        yield Endpoints(server.kafka, database(server.postgres, name))
    finally:
        use_prefix(former)
        await on_server(server.postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def endpoints(stack: Stack) -> AsyncIterator[Endpoints]:
    """A system of its own, without topics."""
    async with system(stack.endpoints()) as made:
        yield made


async def led(endpoints: Endpoints, names: list[str]) -> None:
    """Until every partition has a leader that answers: a broker says that topics are made before they are."""
    consumer = AIOKafkaConsumer(**endpoints.kafka_options())
    await consumer.start()
    try:
        await consumer.end_offsets([TopicPartition(name, p) for name in names for p in range(contracts.PARTITIONS)])
    finally:
        await consumer.stop()


@pytest.fixture
async def topics(endpoints: Endpoints) -> AsyncIterator[Endpoints]:
    """The same with all topics made."""
    names = await ensure_topics(endpoints.kafka_options())
    await led(endpoints, names)
    yield endpoints
    client = AIOKafkaAdminClient(**endpoints.kafka_options())
    await client.start()
    await client.delete_topics(names)
    await client.close()


@pytest.fixture
async def db(endpoints: Endpoints) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test itself."""
    connection: asyncpg.Connection = await asyncpg.connect(endpoints.postgres, timeout=10)
    yield connection
    await connection.close()


@pytest.fixture
async def complaints() -> AsyncIterator[None]:
    """Fails when something is left behind that asyncio complains of: producers not closed, failures nobody looked at."""
    found: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(context["message"]))
    yield
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert found == []

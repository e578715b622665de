"""Everything that others than the three senders get to see, as pairs of a place and its bytes."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from ops.stack import Stack
from pipeline.documents import KINDS
from schemas.contracts import PARTITIONS, topic, topic_name, topics
from schemas.endpoints import Endpoints
from sinks.messages import unpack
from tests.stack.nodes import within

Piece = tuple[str, bytes]
RAW = {*(("order_documents", f"{kind}_value") for kind in KINDS), ("dead_letter", "record_key"), ("dead_letter", "record_value"), ("dead_letter", "headers")}
TABLES = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"


async def rows(db: asyncpg.Connection, raw: bool) -> AsyncIterator[Piece]:
    """Every column of every table; `raw`: only those that keep records as they came, else all but those."""
    for (table,) in await db.fetch(TABLES):
        for number, row in enumerate(await db.fetch(f'SELECT * FROM "{table}"')):
            for column, value in row.items():
                if ((table, column) in RAW) is raw:
                    place = f"{table}.{column} row {number}"
                    for piece in published(value) if (table, column) == ("outbox", "messages") else [as_bytes(value)]:
                        yield place, piece


def published(blob: bytes) -> Iterator[bytes]:
    """Messages of an outbox row but the dead letters, which carry the record as it came."""
    dead = topic(topic_name("dead-letter")).index
    for index, key, value in unpack(blob):
        if index != dead:
            yield key + b"\n" + value


def as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


async def outputs(endpoints: Endpoints, enough: Mapping[str, int]) -> list[tuple[str, bytes, bytes]]:
    """(kind, key, value) of everything published, once there is as much of each topic as `enough` says."""
    names = {t.name: t.name.removeprefix(topic_name("")) for t in topics() if t.role == "output"}
    found: list[tuple[str, bytes, bytes]] = []
    missing = dict(enough)
    consumer = AIOKafkaConsumer(
        **endpoints.kafka_options(), isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with consumer:
        consumer.assign([TopicPartition(name, p) for name in names for p in range(PARTITIONS)])
        while any(missing.values()):
            try:
                record = await within(consumer.getone())
            except TimeoutError:
                raise AssertionError(f"not published: {missing}") from None
            kind = names[record.topic]
            found.append((kind, record.key or b"", record.value or b""))
            missing[kind] = missing.get(kind, 0) - 1
    assert not any(missing.values()), f"more than was meant: {missing}"
    return found


def server_logs(stack: Stack) -> list[Piece]:
    """Every log file of Kafka and PostgreSQL; Kafka's topics, which its pages call logs too, lie in a folder below."""
    found = [path for part in (stack.kafka, stack.postgres) for path in sorted(part.folder.glob("*.log"))]
    return [(f"{path.parent.name}/{path.name}", path.read_bytes()) for path in found]


def forms(value: str) -> list[bytes]:
    """How a text may stand somewhere: as it is, in JSON's ASCII, in hex."""
    raw = value.encode()
    escaped = json.dumps(value)[1:-1].encode()
    return list(dict.fromkeys((raw, escaped, raw.hex().encode(), raw.hex().upper().encode())))


def leaks(pieces: Iterable[Piece], values: Mapping[str, str]) -> set[str]:
    """'place: whose value' of every planted value that stands somewhere."""
    wanted = [(form, whose) for value, whose in values.items() for form in forms(value)]
    return {f"{place}: {whose}" for place, piece in pieces for form, whose in wanted if form in piece}

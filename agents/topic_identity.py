"""Kafka's ids of topics: a topic that was deleted and made again has another one.

aiokafka's metadata request is too old to carry them, so version 12 is defined here
(Kafka protocol guide, Metadata API, key 3).
"""
# pyright: reportPrivateUsage=false

import asyncio
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)


class Uuid:
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(16))

    @classmethod
    def repr(cls, value: uuid.UUID) -> str:
        return str(value)


UUID: Any = Uuid
NAME = CompactString("utf-8")
ANSWER_SECONDS = 20


class MetadataResponse12(Response):
    API_KEY = 3  # pyright: ignore
    API_VERSION = 12  # pyright: ignore
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(("node_id", Int32), ("host", NAME), ("port", Int32), ("rack", NAME), ("tags", TaggedFields))),
        ("cluster_id", NAME),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16), ("name", NAME), ("topic_id", UUID), ("is_internal", Boolean),
                ("partitions", CompactArray(
                    ("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32),
                    ("replicas", CompactArray(Int32)), ("isr", CompactArray(Int32)),
                    ("offline", CompactArray(Int32)), ("tags", TaggedFields))),
                ("operations", Int32), ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )  # fmt: skip


class MetadataRequest12(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = MetadataResponse12
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", UUID), ("name", NAME), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIds(Request[MetadataRequest12]):
    """Metadata of topics by name; brokers before 3.0 refuse it."""

    API_KEY = 3

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    def build(self, request_struct_class: type[MetadataRequest12]) -> MetadataRequest12:
        no_id = uuid.UUID(int=0)
        return request_struct_class([(no_id, name, {}) for name in self._names], False, False, {})


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """Kafka's id of a topic, how many partitions it has, and which broker leads each; -1: none does."""

    id: str
    partitions: int
    leaders: Mapping[int, int]


class UnequalTopics(RuntimeError):
    """Topics that a lane reads are missing, or do not have the same number of partitions: there are no lanes."""


async def topics_of(kafka: Mapping[str, Any], names: Iterable[str]) -> dict[str, KafkaTopic]:
    """name → what the broker says of it, of the topics that exist; TimeoutError when it says nothing for too long."""
    client = AIOKafkaClient(**kafka)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await client.bootstrap()
            return await topics_over(client, names)
    finally:
        await client.close()


async def topics_over(client: AIOKafkaClient, names: Iterable[str]) -> dict[str, KafkaTopic]:
    """The same, asked by a client that is connected."""
    connection: Any = await client._get_conn(client.get_random_node())
    if connection is None:
        raise KafkaConnectionError("the broker cannot be reached")
    answer: Any = await connection.send(TopicIds(names))
    return {
        name: KafkaTopic(str(ident), len(partitions), {number: leader for _, number, leader, *_ in partitions})
        for error, name, ident, _internal, partitions, *_ in answer.topics if error == 0
    }  # fmt: skip


async def check_equal(kafka: Mapping[str, Any], names: Sequence[str]) -> None:
    """UnequalTopics, with what differs, unless all exist and have as many partitions as each other."""
    found = {name: t.partitions for name, t in (await topics_of(kafka, names)).items()}
    if missing := [name for name in names if name not in found]:
        raise UnequalTopics(f"missing: {', '.join(missing)}. `tidegate topics` makes them.")
    if len(set(found.values())) > 1:
        counts = ", ".join(f"{name} has {found[name]}" for name in names)
        raise UnequalTopics(f"unequal partition counts: {counts}. Documents of one order would never meet in a lane: make them equal.")

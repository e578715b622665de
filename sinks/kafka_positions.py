"""The relay's positions in Kafka: offsets of group `tidegate-relay`, one partition of the release topic a lane.

The offset stored for lane i is the batch_seq published last. They are committed inside the very transaction that
publishes, so they are true whatever happens to the worker.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from schemas.contracts import topic_name

GROUP = "relay"


def group_id() -> str:
    """Carries the topic prefix, so that two systems on one broker do not meet."""
    return topic_name(GROUP)


def as_offsets(positions: Mapping[int, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    """lane → batch_seq as group offsets."""
    return {TopicPartition(topic_name("release"), lane): OffsetAndMetadata(seq, "") for lane, seq in positions.items()}


async def read_positions(kafka: Mapping[str, Any], lanes: Iterable[int]) -> dict[int, int]:
    """lane → batch_seq that Kafka knows to be published; 0 where it knows none (expired, or nothing yet)."""
    client = AIOKafkaAdminClient(**kafka)
    await client.start()
    try:
        wanted = [TopicPartition(topic_name("release"), lane) for lane in lanes]
        found = await client.list_consumer_group_offsets(group_id(), partitions=wanted)
        return {tp.partition: max(0, meta.offset) for tp, meta in found.items()}
    finally:
        await client.close()


async def fence(kafka: Mapping[str, Any], transactional_id: str) -> None:
    """Initialise a transactional id: aborts what its last owner had under way and shuts that owner out."""
    producer = AIOKafkaProducer(**kafka, transactional_id=transactional_id, transaction_timeout_ms=5000)
    await producer.start()
    await producer.stop()

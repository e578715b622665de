"""The relay's positions in Kafka: offsets of group `tidegate-relay`, one partition of the release topic a lane.

The offset stored for lane i is the batch_seq published last. They are committed inside the very transaction that
publishes, so they are true whatever happens to the worker.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError
from aiokafka.structs import OffsetAndMetadata

from schemas.contracts import topic_name
from sinks.transactional import put_away, started

GROUP = "relay"
ELSEWHERE = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
PATIENCE_SECONDS = 30.0  # for a broker that has just started and does not know its groups yet


def group_id() -> str:
    """Carries the topic prefix, so that two systems on one broker do not meet."""
    return topic_name(GROUP)


def as_offsets(positions: Mapping[int, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    """lane → batch_seq as group offsets."""
    return {TopicPartition(topic_name("release"), lane): OffsetAndMetadata(seq, "") for lane, seq in positions.items()}


async def read_positions(kafka: Mapping[str, Any], lanes: Iterable[int]) -> dict[int, int]:
    """lane → batch_seq that Kafka knows to be published; 0 where it knows none (expired, or nothing yet).

    Waits for the group's coordinator; KafkaError or TimeoutError when it does not come.
    """
    wanted = {TopicPartition(topic_name("release"), lane) for lane in lanes}
    client = AIOKafkaAdminClient(**kafka)
    try:
        await client.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := await _offsets(client, wanted)) is None:
                await asyncio.sleep(0.1)
    finally:
        await client.close()
    return {tp.partition: max(0, meta.offset) for tp, meta in found.items()}


async def _offsets(
    client: AIOKafkaAdminClient, wanted: set[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata] | None:
    """None while the coordinator cannot tell.

    aiokafka overlooks the error code of the whole answer, and such an answer has no partitions in it. Taken for "knows
    none" it would have batches published twice, so every partition that was asked for has to be there.
    """
    try:
        found = await client.list_consumer_group_offsets(group_id(), partitions=list(wanted))
    except ELSEWHERE:
        return None
    return found if wanted <= set(found) else None


async def fence(kafka: Mapping[str, Any], transactional_id: str) -> None:
    """Initialise a transactional id: aborts what its last owner had under way and shuts that owner out."""
    await put_away(await started(kafka, transactional_id))

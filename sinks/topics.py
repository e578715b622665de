"""Creates the topics of topics.toml and refuses a broker where they are not as they must be."""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from schemas.contracts import CONFIG, PARTITIONS, topics

ALREADY_EXISTS = 36


class TopicError(RuntimeError):
    """A topic could not be made, or exists with another partition count."""


async def ensure_topics(kafka: Mapping[str, Any], replication: int = 1, retention_ms: int | None = None) -> list[str]:
    """Create what is missing and return the names; all document topics need the same partition count."""
    client = AIOKafkaAdminClient(**kafka)
    await client.start()
    try:
        config = CONFIG | ({"retention.ms": str(retention_ms)} if retention_ms else {})
        answer: Any = await client.create_topics(
            [NewTopic(t.name, PARTITIONS, replication, topic_configs=config | t.config) for t in topics()]
        )
        created: list[str] = []
        for name, code, message in answer.topic_errors:
            if code == 0:
                created.append(name)
            elif code != ALREADY_EXISTS:
                raise TopicError(f"{name}: {message or for_code(code).__name__}")
        await _check(client)
    finally:
        await client.close()
    if created:
        await _until_led(kafka, created)
    return created


async def _until_led(kafka: Mapping[str, Any], names: list[str]) -> None:
    """Wait until the leader of every partition answers for it: a broker makes a topic known a moment before it takes
    records for it, and producers log each refusal."""
    consumer = AIOKafkaConsumer(**kafka)
    await consumer.start()
    try:
        await consumer.end_offsets([TopicPartition(name, p) for name in names for p in range(PARTITIONS)])
    finally:
        await consumer.stop()


async def _check(client: AIOKafkaAdminClient) -> None:
    found: Any = await client.describe_topics([t.name for t in topics()])
    counts = {t["topic"]: len(t["partitions"]) for t in found}
    wrong = {name: n for name, n in counts.items() if n and n != PARTITIONS}
    if wrong:
        raise TopicError(f"these topics do not have {PARTITIONS} partitions: {wrong}")

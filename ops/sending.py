"""Records sent one after another, each acknowledged before the next: for what somebody sends by hand."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.endpoints import Endpoints


class Sending(NamedTuple):
    """A record for a topic; without a partition it goes where its key leads."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


class Sent(NamedTuple):
    """Where it lies."""

    topic: str
    partition: int
    offset: int


async def send_each(endpoints: Endpoints, records: Iterable[Sending]) -> list[Sent]:
    """Send them in their order. Errors of aiokafka pass through; what was acknowledged before stays sent."""
    producer = AIOKafkaProducer(**endpoints.kafka_options(), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        sent: list[Sent] = []
        for r in records:
            done = await producer.send_and_wait(r.topic, r.value, key=r.key, partition=r.partition, headers=list(r.headers))
            sent.append(Sent(done.topic, done.partition, done.offset))
        return sent
    finally:
        await producer.stop()

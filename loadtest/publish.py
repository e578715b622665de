"""Puts what a market filed into the registry topic, and a generated set into the document topics as fast as it goes, in sending order, slice by slice."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, cycle, islice
from typing import Any

from aiokafka import AIOKafkaProducer

from loadtest.generate import GeneratedSet, Planned
from loadtest.generate.filings import events, filings, odd_events
from schemas.contracts import REGISTRY_PARTITION, topic_name
from schemas.filings import written

SLICE = 6_000  # documents appended before the next slice starts, so that log times keep the sending order


async def preload(documents: GeneratedSet, kafka: Mapping[str, Any], progress: Callable[[int], None]) -> int:
    """Produce all documents with acks=all; returns how many. `progress` is told how many more were sent."""
    return await _produce(documents.documents(), kafka, progress)


async def publish_filings(market: str, kafka: Mapping[str, Any], progress: Callable[[int], None], odd: bool = False) -> int:
    """The same for all that a market filed, to the registry topic, and if `odd` for some events that change nothing."""
    told = chain(events(market), odd_events(market) if odd else ())
    return await _produce((Planned(0, "registry", REGISTRY_PARTITION, e.key, e.value) for e in told), kafka, progress)


async def file_anew(market: str, count: int, revision: int, kafka: Mapping[str, Any]) -> None:
    """Publish `count` entries of a market again as they stand, under a higher revision: changes that decide nothing anew."""
    entries = (replace(filing, revision=revision) for filing in islice(cycle(filings(market)), count))
    await _produce(
        (Planned(0, "registry", REGISTRY_PARTITION, f.key.encode(), written(f)) for f in entries), kafka, lambda _: None
    )


async def _produce(stream: Iterator[Planned], kafka: Mapping[str, Any], progress: Callable[[int], None]) -> int:
    producer = AIOKafkaProducer(**kafka, acks="all", enable_idempotence=True, max_batch_size=1 << 19, linger_ms=0)
    await producer.start()
    sent = 0
    try:
        while part := list(islice(stream, SLICE)):
            await send_all(producer, part)
            sent += len(part)
            progress(len(part))
    finally:
        await producer.stop()
    return sent


async def send_all(producer: AIOKafkaProducer, part: Iterable[Planned]) -> None:
    """Send records as whole batches by partition and wait until all are acknowledged."""
    by_place: dict[tuple[str, int], list[Planned]] = {}
    for one in part:
        by_place.setdefault((one.kind, one.partition), []).append(one)
    waits: list[Awaitable[Any]] = []
    for (kind, partition), records in by_place.items():
        batch = producer.create_batch()
        for one in records:
            if batch.append(key=one.key, value=one.value, timestamp=None, headers=list(one.headers)) is None:
                waits.append(await producer.send_batch(batch, topic_name(kind), partition=partition))
                batch = producer.create_batch()
                batch.append(key=one.key, value=one.value, timestamp=None, headers=list(one.headers))
        waits.append(await producer.send_batch(batch, topic_name(kind), partition=partition))
    await asyncio.gather(*waits)

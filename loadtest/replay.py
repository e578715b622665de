"""Open-loop replay: each document goes out at its intended time, whatever the system does with it.

The intended time stands in a header, so that latency can be measured from when a document should have been there
(coordinated omission); how late the replayer itself was is reported apart.
"""

import asyncio
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from loadtest.generate import GeneratedSet, Planned
from schemas.contracts import topic_name

INTENDED = "tidegate-intended-ms"  # header: ms since 1970, ASCII digits
TICK_SECONDS = 0.02
LEAD_SECONDS = 0.5  # from the call to the first intended time
IN_FLIGHT = 400  # batches sent and not acknowledged; more wait, and show as lateness


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """p50, p95, p99 and max, by nearest rank; empty without values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    at = {f"p{p}": ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 95, 99)}
    return {name: round(value, 1) for name, value in (at | {"max": ordered[-1]}).items()}


@dataclass(slots=True)
class Replayed:
    """`start_ms`: when due_ms 0 was, ms since 1970; `late_ms`: of each document, from intended time to sending."""

    start_ms: int
    sent: int = 0
    late_ms: "array[float]" = field(default_factory=lambda: array("d"))

    def lateness(self) -> dict[str, float]:
        """Percentiles of the replayer's own lateness in ms."""
        return percentiles(self.late_ms)


async def replay(
    documents: GeneratedSet, kafka: Mapping[str, Any], speed: float = 1.0, progress: Callable[[Replayed], None] = lambda _: None
) -> Replayed:
    """Send the whole set, `speed` times as fast as its profile says; all acknowledged on return."""
    producer = AIOKafkaProducer(**kafka, acks="all", enable_idempotence=True, max_batch_size=1 << 19, linger_ms=0)
    await producer.start()
    state = Replayed(int((time.time() + LEAD_SECONDS) * 1000))
    flying: set[asyncio.Future[Any]] = set()
    try:
        for part in _due(documents.documents(), state, speed):
            if not part:
                await asyncio.sleep(TICK_SECONDS)
                continue
            while len(flying) > IN_FLIGHT:
                _, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
            now = time.time() * 1000
            state.late_ms.extend(now - (state.start_ms + d.due_ms / speed) for d in part)
            flying |= {f for f in await _send(producer, part, state.start_ms, speed) if not f.done()}
            state.sent += len(part)
            progress(state)
        if flying:
            await asyncio.gather(*flying)
    finally:
        await producer.stop()
    return state


def _due(documents: Iterator[Planned], state: Replayed, speed: float) -> Iterator[list[Planned]]:
    """Documents whose time has come; an empty list while the next one's has not."""
    part: list[Planned] = []
    for one in documents:
        while state.start_ms + one.due_ms / speed > time.time() * 1000:
            yield part
            part = []
        part.append(one)
    yield part


async def _send(producer: AIOKafkaProducer, part: list[Planned], start_ms: int, speed: float) -> list[asyncio.Future[Any]]:
    by_place: dict[tuple[str, int], list[Planned]] = {}
    for one in part:
        by_place.setdefault((one.kind, one.partition), []).append(one)
    waits: list[asyncio.Future[Any]] = []
    for (kind, partition), records in by_place.items():
        batch = producer.create_batch()
        for one in records:
            headers = [*one.headers, (INTENDED, str(int(start_ms + one.due_ms / speed)).encode())]
            if batch.append(key=one.key, value=one.value, timestamp=None, headers=headers) is None:
                waits.append(await producer.send_batch(batch, topic_name(kind), partition=partition))
                batch = producer.create_batch()
                batch.append(key=one.key, value=one.value, timestamp=None, headers=headers)
        waits.append(await producer.send_batch(batch, topic_name(kind), partition=partition))
    return waits

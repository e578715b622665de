"""Decisions as a reader of the topics sees them: how many of each outcome, and how long after the last document was due."""

import time
from array import array
from collections import Counter
from collections.abc import Mapping
from math import inf
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.generate import GeneratedSet
from loadtest.replay import percentiles
from schemas.contracts import PARTITIONS, topic_name

DECISIONS = ("release", "hold", "reject")


class DecisionReader:
    """Reads the decision topics with read_committed from their beginning.

    Latency: from the intended time of an order number's last document to the moment its decision was read; only of
    order numbers with exactly three documents, for of others it is not certain which one completed it.
    """

    def __init__(self, documents: GeneratedSet, kafka: Mapping[str, Any]) -> None:
        self._kafka = kafka
        self._due: dict[bytes, float] = {}
        counts: Counter[bytes] = Counter()
        for d in documents.documents():
            if d.key:
                counts[d.key] += 1
                self._due[d.key] = max(self._due.get(d.key, 0), d.due_ms)
        self._due = {key: due for key, due in self._due.items() if counts[key] == 3}
        self.outcomes: Counter[str] = Counter()
        self._due_at_ms: array[float] = array("d")  # when the last document was due
        self._latency_ms: array[float] = array("d")

    async def run(self, start_ms: Mapping[str, float], speed: float = 1.0) -> None:
        """Read until cancelled; `start_ms["at"]` is when due_ms 0 was, known once the replay has begun."""
        consumer = AIOKafkaConsumer(**self._kafka, isolation_level="read_committed", auto_offset_reset="earliest", fetch_max_wait_ms=50)
        names = {topic_name(t): t.upper() for t in DECISIONS}
        await consumer.start()
        try:
            consumer.assign([TopicPartition(name, p) for name in names for p in range(PARTITIONS)])
            while True:
                found = await consumer.getmany(timeout_ms=100)
                now = time.time() * 1000
                for place, records in found.items():
                    self.outcomes[names[place.topic]] += len(records)
                    due_at = [start_ms["at"] + due / speed for r in records if (due := self._due.get(r.key or b"")) is not None]
                    self._due_at_ms.extend(due_at)
                    self._latency_ms.extend(now - due for due in due_at)
        finally:
            await consumer.stop()

    def percentiles(self, since_ms: float = 0, until_ms: float = inf) -> dict[str, float]:
        """Of the latency in ms, of decisions whose last document was due then (ms since 1970)."""
        return percentiles(ms for due, ms in zip(self._due_at_ms, self._latency_ms, strict=True) if since_ms <= due < until_ms)

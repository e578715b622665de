"""Documents at a bounded rate, open loop: what a fault holds up is sent when it is over, nothing is left out."""

import asyncio
import time
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer

from loadtest.generate import GeneratedSet, Planned
from loadtest.publish import SLICE, send_all
from schemas.endpoints import Endpoints

BEAT_SECONDS = 0.05
PATIENCE_SECONDS = 180.0  # how long the producer tries while the broker is away


class Load:
    """`rate` manifests a second, from `start` until the set is out; `rest` sends what is left as fast as it goes."""

    def __init__(self, endpoints: Endpoints, documents: GeneratedSet, rate: float) -> None:
        self._endpoints, self._stream = endpoints, documents.documents()
        self.per_second = rate * documents.about.documents / documents.about.manifests
        self.sent, self._unhurried = 0, True
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._producer = AIOKafkaProducer(
            **self._endpoints.kafka_options(), acks="all", enable_idempotence=True, max_batch_size=1 << 19,
            linger_ms=0, request_timeout_ms=int(PATIENCE_SECONDS * 1000), retry_backoff_ms=100,
        )  # fmt: skip
        await self._producer.start()
        self._task = asyncio.create_task(self._run(), name="load")

    def running(self) -> bool:
        """Whether documents still come; raises what broke it."""
        if self._task is not None and self._task.done():
            self._task.result()
            return False
        return True

    async def rest(self) -> int:
        """Send the rest of the set; returns how many documents it had."""
        self._unhurried = False
        if self._task is not None:
            await self._task
        return self.sent

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._producer.stop()

    async def _run(self) -> None:
        begun = time.monotonic()
        waiting = next(self._stream, None)
        while waiting is not None:
            due = int((time.monotonic() - begun) * self.per_second) if self._unhurried else self.sent + SLICE
            part = [waiting]
            if due > self.sent:
                part += _take(self._stream, min(SLICE, due - self.sent) - 1)
                await send_all(self._producer, part)
                self.sent += len(part)
                waiting = next(self._stream, None)
            if self._unhurried:
                await asyncio.sleep(BEAT_SECONDS)


def _take(stream: Iterator[Planned], most: int) -> list[Planned]:
    return [one for _, one in zip(range(most), stream, strict=False)]

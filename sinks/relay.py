"""Publishes committed batches: one Kafka transaction a round over all lanes of this worker.

The rows come from PostgreSQL; `wake` only says that there may be some. Order and completeness follow from
batch_seq, which the lane's single writer counts without holes.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.contracts import topics
from sinks.errors import Fenced
from sinks.kafka_positions import as_offsets, group_id, read_positions
from sinks.named_sql import sql
from sinks.record_batches import RecordBatch, record_batches
from sinks.store import LOST
from sinks.transactional import BATCH_BYTES, fenced, heard, put_away, started

LOG = logging.getLogger("tidegate.relay")
ROUND_BYTES = 8 << 20  # of messages in one Kafka transaction
ROUND_BATCHES = 64  # of one lane
POLL_SECONDS = 0.25


class LostBatches(RuntimeError):
    """Kafka has published batches that PostgreSQL does not know: it was restored from the past. Refuse, page."""


class OutboxGap(RuntimeError):
    """A batch is missing between two others of a lane: nothing more of it may be published."""


async def _no_step(_name: str) -> None:
    return None


@dataclass(slots=True)
class _Round:
    """`positions`: lane → batch_seq it ends with; `batches`: (topic index, lane) → what is sent to it, in this order;
    `size`: bytes read from the outbox."""

    positions: dict[int, int] = field(default_factory=lambda: dict[int, int]())
    batches: dict[tuple[int, int], list[RecordBatch]] = field(default_factory=lambda: dict[tuple[int, int], list[RecordBatch]]())
    messages: int = 0
    size: int = 0


class Relay:
    """`lanes` gives lane → epoch of the lanes owned right now. `step` is awaited at named points (tests hold it there).

    `published` is told messages and seconds of a round, `lost` why one came to nothing: "failed" or "fenced"."""

    def __init__(
        self,
        dsn: str,
        kafka: Mapping[str, Any],
        transactional_id: str,
        lanes: Callable[[], Mapping[int, int]],
        step: Callable[[str], Awaitable[None]] = _no_step,
        published: Callable[[int, float], None] = lambda _n, _s: None,
        lost: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._dsn, self._kafka, self._id = dsn, dict(kafka), transactional_id
        self._lanes, self._step, self._published, self._lost = lanes, step, published, lost
        self._producer: AIOKafkaProducer | None = None
        self._connection: asyncpg.Connection | None = None
        self._done: dict[int, tuple[int, int]] = {}  # lane → (epoch, batch_seq published)
        self._woken = asyncio.Event()
        self._stopping = False
        self._behind = 0

    def behind(self) -> int:
        """Batches of these lanes committed and, when last looked, not published."""
        return self._behind

    def wake(self) -> None:
        """A batch was committed."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until `stop`. Fenced and OutboxGap end it: the worker exits."""
        failures = 0
        while True:
            try:
                moved = await self.round()
                failures = 0
            except (Fenced, OutboxGap, LostBatches):
                raise
            except (KafkaError, asyncpg.PostgresError, *LOST) as e:
                LOG.warning("relay round failed", extra={"error": type(e).__name__})
                self._lost("failed")
                await self._forget()
                await self._look_behind()
                failures += 1
                await asyncio.sleep(min(2.0, 0.05 * 2**failures) * (0.5 + random.random()))
                continue
            if moved:
                continue
            if self._stopping:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
            self._woken.clear()

    def stop(self) -> None:
        """Let `run` publish what is there and end."""
        self._stopping = True
        self.wake()

    async def close(self) -> None:
        """Close the connections; what was under way is aborted by whoever claims the lanes."""
        await self._forget()

    async def round(self) -> int:
        """One transaction; returns how many batches it published."""
        lanes = dict(self._lanes())
        producer = await self._transactional_producer()
        await self._learn(lanes)
        found = await self._collect(lanes)
        if not found.positions:
            return 0
        begun = time.perf_counter()
        try:
            await self._commit(producer, found)
        except Exception as e:  # whatever it says: a fenced producer says different things at different moments
            by_another = fenced(producer, e)
            await self._forget()
            if not by_another:
                raise
            self._lost("fenced")
            await self._check_still_mine(e)
            return 0
        await self._step("kafka-committed")
        for lane, seq in found.positions.items():
            self._done[lane] = (lanes[lane], seq)
        await self._copy_positions(lanes, found.positions)
        self._published(found.messages, time.perf_counter() - begun)
        return len(found.positions)

    async def _commit(self, producer: AIOKafkaProducer, found: _Round) -> None:
        """Messages and positions in one transaction. It is never aborted from here: that could wait for ever, and the
        next initialisation of the id does it."""
        await producer.begin_transaction()
        await self._step("begun")
        await self._send(producer, found)
        await self._step("sent")
        await producer.send_offsets_to_transaction(as_offsets(found.positions), group_id())
        await self._step("offsets-sent")
        await producer.commit_transaction()

    async def _learn(self, lanes: Mapping[int, int]) -> None:
        """How far lanes that are new here were published: the higher of Kafka's position and PostgreSQL's copy.

        Kafka's group offsets expire when idle, the copy may lag behind a crash; neither is ever too high, unless
        PostgreSQL lost batches that Kafka has published: LostBatches.
        """
        new = [lane for lane, epoch in lanes.items() if self._done.get(lane, (None, 0))[0] != epoch]
        if not new:
            return
        known = await read_positions(self._kafka, new)
        for row in await (await self._postgres()).fetch(sql("relay_lanes"), new):
            lane = row["lane"]
            if known.get(lane, 0) > row["batch_seq"]:
                raise LostBatches(f"lane {lane}: Kafka has batch {known[lane]}, PostgreSQL ends at {row['batch_seq']}")
            self._done[lane] = (lanes[lane], max(known.get(lane, 0), row["published_seq"]))

    async def _collect(self, lanes: Mapping[int, int]) -> _Round:
        """Waiting messages of all lanes, each strictly following what was published."""
        connection = await self._postgres()
        rows = await connection.fetch(sql("relay_lanes"), list(lanes))
        found = _Round()
        behind = 0
        for row in rows:
            lane, epoch = row["lane"], lanes[row["lane"]]
            if row["epoch"] != epoch:
                continue  # another worker's by now; ours will be told by the next batch or rebalance
            done = self._done[lane][1]
            behind += row["batch_seq"] - done
            if row["batch_seq"] > done and found.size < ROUND_BYTES:
                await self._collect_lane(connection, lane, done, found)
        self._behind = behind
        return found

    async def _look_behind(self) -> None:
        """While rounds fail before they collect, batches are committed all the same; without PostgreSQL none is, and nothing changes."""
        lanes = self._lanes()
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            rows = await (await self._postgres()).fetch(sql("relay_lanes"), list(lanes))
            self._behind = sum(row["batch_seq"] - row["published_seq"] for row in rows if row["epoch"] == lanes[row["lane"]])

    async def _collect_lane(self, connection: asyncpg.Connection, lane: int, done: int, found: _Round) -> None:
        blobs: list[bytes] = []
        for row in await connection.fetch(sql("relay_pending"), lane, done, ROUND_BATCHES):
            if row["batch_seq"] != done + 1:
                raise OutboxGap(f"lane {lane}: batch {done + 1} is missing before {row['batch_seq']}")
            done += 1
            found.positions[lane] = done
            blobs.append(row["messages"])
            found.size += len(blobs[-1])
            if found.size >= ROUND_BYTES:
                break
        for index, batch in record_batches(blobs, BATCH_BYTES, int(time.time() * 1000)):
            found.batches.setdefault((index, lane), []).append(batch)
            found.messages += batch.record_count()

    async def _send(self, producer: AIOKafkaProducer, found: _Round) -> None:
        """First the first batch of every partition, which makes one request of them, then the second ones, and so on:
        a partition takes its next batch once its last is on the way."""
        names = [t.name for t in topics()]
        waits: list[asyncio.Future[Any]] = []
        for wave in zip_longest(*found.batches.values()):
            for (index, lane), batch in zip(found.batches, wave, strict=True):
                if batch is not None:
                    sent: asyncio.Future[Any] = await producer.send_batch(batch, names[index], partition=lane)
                    sent.add_done_callback(heard)  # should a later one fail first, nobody waits for it
                    waits.append(sent)
        await asyncio.gather(*waits)

    async def _copy_positions(self, lanes: Mapping[int, int], positions: Mapping[int, int]) -> None:
        connection = await self._postgres()
        order = sorted(positions)
        await connection.execute(
            sql("relay_published"), order, [lanes[lane] for lane in order], [positions[lane] for lane in order]
        )

    async def _transactional_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = await started(self._kafka, self._id)
            self._done.clear()  # what became of a transaction before is learnt from Kafka
        return self._producer

    async def _check_still_mine(self, cause: BaseException) -> None:
        """Of the lanes owned now: a rebalance may have exchanged them since the round began."""
        LOG.info("relay fenced", extra={"error": type(cause).__name__})
        lanes = dict(self._lanes())
        connection = await self._postgres()
        rows = await connection.fetch(sql("relay_lanes"), list(lanes))
        if lanes and not any(lanes.get(r["lane"]) == r["epoch"] for r in rows):
            raise Fenced("the relay was fenced and all its lanes are another worker's") from cause

    async def _postgres(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            connection: asyncpg.Connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=30)
            self._connection = connection
        return self._connection

    async def _forget(self) -> None:
        """Drop producer and connection; the next round makes new ones and reads the positions."""
        producer, self._producer = self._producer, None
        connection, self._connection = self._connection, None
        self._done.clear()
        if producer is not None:
            await put_away(producer)
        if connection is not None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                connection.terminate()

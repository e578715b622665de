"""A Faust transport that delivers one message per fetched batch of one partition, and leaves positions to us.

Stock Faust spends 100-160 µs a record before any work is done (four asyncio tasks each). Here an agent gets the
fetched records of a partition as one event; assignment, sensors and agents stay as they are. Faust's committed
offsets are never the truth: `LaneHooks.positions` says where to read, and nothing here ever commits to decide that.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Protocol, cast

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage


class LaneHooks(Protocol):
    """What the worker decides about partitions. Attached to the app as `app.lane_hooks`."""

    async def positions(self, assigned: set[TP]) -> Mapping[TP, int]:
        """Claim what is new and say where to read each assigned topic-partition."""
        ...

    def revoked(self, partitions: set[TP]) -> None:
        """These may go to another worker: hand out nothing of them any more."""
        ...

    def full(self) -> set[TP]:
        """Topic-partitions that are not to be fetched now: buffers full, or paused."""
        ...

    async def room(self) -> None:
        """Return when `full` may have become smaller."""
        ...


class BatchThread(driver.AIOKafkaConsumerThread):
    """The consumer thread, with two settings that Faust does not let through."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = 100  # Faust has 1500 ms
        consumer._isolation_level = "read_committed"  # intake may be transactional
        return consumer


class BatchConsumer(driver.Consumer):
    """Fetches whole batches; seeks where PostgreSQL says; keeps no account of acknowledgements."""

    def _new_consumer_thread(self) -> Any:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _hooks(self) -> LaneHooks:
        return cast(Any, self.app).lane_hooks

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """One message for each partition that has records; its value is the list of records."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        generation = self.app.consumer_generation_id
        wanted = self._get_active_partitions() - self._hooks.full()
        if not wanted:
            await asyncio.wait([asyncio.ensure_future(self._hooks.room())], timeout=timeout)
            return
        records = await self._getmany(active_partitions=wanted, timeout=min(timeout, 0.1))
        if self.should_stop or not records:
            return
        for tp, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return  # the positions of the new generation decide what is read next
            if batch and tp in wanted:
                yield tp, self._as_message(tp, batch, generation)

    def _as_message(self, tp: TP, batch: list[Any], generation: int) -> ConsumerMessage:
        first = batch[0]
        return ConsumerMessage(
            first.topic, first.partition, first.offset, first.timestamp / 1000.0, first.timestamp_type,
            (), None, batch, None, 0, sum(r.serialized_value_size for r in batch), tp, generation_id=generation,
        )  # fmt: skip

    async def perform_seek(self) -> None:
        """Called at the end of every rebalance: read on where the lanes stand."""
        assigned = {TP(*tp) for tp in self.assignment()}
        positions = await self._hooks.positions(assigned)
        self._read_offset.clear()
        await self.seek_wait(dict(positions))

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._hooks.revoked(revoked)
        await super().on_partitions_revoked(revoked)

    def ack(self, message: Any) -> bool:
        """Nothing is committed from acknowledgements, so nothing is kept of them."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Faust's own commits do nothing."""
        return False

    async def publish_positions(self, offsets: Mapping[TP, int]) -> bool:
        """Tell Kafka where we are, for lag dashboards; never read back."""
        mine = {TP(*tp) for tp in self.assignment()}
        return await self._commit({tp: offset for tp, offset in offsets.items() if tp in mine})


class BatchTransport(driver.Transport):
    """Registered for URLs that start with tidegate:// (entry point group faust.transports)."""

    Consumer = BatchConsumer


class RecordsSchema(faust.Schema):
    """Hands the list of records to the agent as it is."""

    async def decode(self, app: Any, message: Any, *, propagate: bool = False) -> Any:
        return self._decode(app, message)

    def loads_key(self, *_args: Any, **_kwargs: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value


def lanes_of(assigned: Iterable[TP], topics: Iterable[str]) -> set[int]:
    """Partition numbers of which every topic is assigned; ValueError when some topic's is missing."""
    wanted = set(topics)
    by_number: dict[int, set[str]] = {}
    for tp in assigned:
        if tp.topic in wanted:
            by_number.setdefault(tp.partition, set()).add(tp.topic)
    broken = [number for number, found in by_number.items() if found != wanted]
    if broken:
        raise ValueError(f"the assignment is not co-partitioned: lanes {sorted(broken)} lack a topic")
    return set(by_number)

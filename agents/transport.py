"""A Faust transport that delivers one message per fetched batch of one partition, and leaves positions to us.

Stock Faust spends 100-160 µs a record before any work is done (four asyncio tasks each). Here an agent gets the
fetched records of a partition as one event; assignment, sensors and agents stay as they are. Kafka's committed offset
is never read: after each rebalance `LaneHooks.positions` says where to go on, and until it has, nothing is fetched.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from agents.consumer_thread import FetchThread, HoldingListener
from agents.fetched_batches import AS_COLUMNS
from agents.intake import Intake
from agents.records import Records, together

LOG = logging.getLogger("tidegate.transport")
POLL_SECONDS = 0.25
POLL_SECONDS_WHILE_FULL = 0.1  # what is full holds more than a batch: there is time to notice that it has room again
LOG_APPEND_TIME = 1  # Kafka's timestamp type
VOID = -1  # a generation that no intake has


class LaneHooks(Protocol):
    """Who owns the lanes. Never called by two at a time, never cancelled; a failure of it ends the app."""

    async def positions(self, assigned: set[TP]) -> Mapping[TP, int]:
        """Claim what is new, reset the intake, and say where to read each assigned topic-partition."""
        ...

    def revoked(self, partitions: set[TP]) -> None:
        """These may go to another worker: hand out nothing of them any more."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """Value of a message: what one fetch brought of one topic-partition (`Intake.offer` says what the fields are)."""

    records: Records
    generation: int
    start: int
    position: int
    end: int
    size: int


class ClaimingConsumer(driver.Consumer):
    """Reads where the hooks say, commits nothing, keeps no account of acknowledgements; delivery is Faust's own."""

    RebalanceListener = HoldingListener
    as_columns: Any = None  # what asks aiokafka for whole batches
    _thread: FetchThread  # pyright: ignore

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._assigned: frozenset[TP] | None = None
        self._assignment_changed = asyncio.Event()
        self._reading: dict[TP, int] | None = None  # where the next fetch of each starts; None: nothing is fetched
        self._may_read = asyncio.Event()
        self.generation = 0  # of the intake, for which is read
        self._published: dict[TP, int] = {}

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _tidegate(self) -> Any:
        return cast(Any, self.app)

    @property
    def _intake(self) -> Intake:
        return self._tidegate.intake

    def held(self) -> set[TP]:
        """What aiokafka must not fetch: paused, or not ours to read yet."""
        reading = self._reading or {}
        return {tp for tp in self._assigned or () if tp not in reading} | {TP(*p) for p in self._intake.paused()}

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._stop_reading()
        self._assigned = None
        self._tidegate.hooks.revoked(revoked)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._stop_reading()
        await super().on_partitions_assigned(assigned, generation_id)
        self._assigned = frozenset(assigned)
        self._assignment_changed.set()

    def _stop_reading(self) -> None:
        self._reading = None
        self._may_read.clear()

    @Service.task
    async def _take_over(self) -> None:
        """Claim each assignment apart from Faust's rebalance, which gives up waiting or is cut short by the next one."""
        while not self.should_stop:
            await self._assignment_changed.wait()
            self._assignment_changed.clear()
            assigned = self._assigned
            if assigned is None:
                continue
            positions = await self._tidegate.hooks.positions(set(assigned))
            if self._assigned is not assigned:
                continue  # the claim stands until the next one, which has come already
            self.generation = self._intake.generation
            try:
                await self._thread.read_on(positions)
            except IllegalStateError:
                continue  # a rebalance has begun
            if self._assigned is assigned:
                self._reading = dict(positions)
                self._may_read.set()

    async def perform_seek(self) -> None:
        """Faust would go to Kafka's committed offsets here."""

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        reading = self._reading
        if reading is None:
            await self._wait_to_read(timeout)
            return {}
        await self._go_back(reading)
        wanted = {tp for tp in active_partitions or () if tp in reading} - self._intake.paused()
        if not wanted:
            await self._intake.room(timeout)
            return {}
        records = await super()._getmany(wanted, timeout)
        if self._thread.lost:
            lost, self._thread.lost = self._thread.lost, {}
            await self._tidegate.on_lost(lost)
        if self._thread.unreadable:
            unreadable, self._thread.unreadable = self._thread.unreadable, {}
            await self._tidegate.on_unreadable(unreadable)
        return records if reading is self._reading else {}

    async def _wait_to_read(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._may_read.wait()
        except TimeoutError:
            pass

    async def _go_back(self, reading: dict[TP, int]) -> None:
        """What got lost between here and the intake is fetched again."""
        strayed = {TP(*place): offset for place, offset in self._intake.strayed().items()}
        if strayed:
            LOG.info("fetching again", extra={"places": len(strayed)})
            await self._thread.read_on(strayed)
            reading.update(strayed)

    def _progress(self, reading: Mapping[TP, int], delivered: Collection[TP]) -> None:
        """How far fetching came where it brought no records: transaction markers are none."""
        for tp, (position, end) in self._thread.marks.items():
            if tp not in delivered and tp in reading:
                self._intake.progress(tp, self.generation, reading[tp], position, end)

    def ack(self, message: Any) -> bool:
        """Nothing is committed from acknowledgements, so nothing is kept of them."""
        message.acked = True
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Called by Faust at intervals: publishes the durable positions that changed, for lag dashboards."""
        durable = {TP(*place): offset for place, offset in self._tidegate.durable().items()}
        changed = {tp: offset for tp, offset in durable.items() if self._published.get(tp) != offset}
        if not changed or self._reading is None or not await self._commit(changed):
            return False
        self._published.update(changed)
        return True

    async def verify_all_partitions_active(self) -> None:
        """Faust's livelock detector compares unlike clocks; the worker has a watchdog of its own."""


class BatchConsumer(ClaimingConsumer):
    """One message for each fetched batch of one partition."""

    as_columns = staticmethod(AS_COLUMNS)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        full = self._intake.full()
        wanted = self._get_active_partitions() - full
        if not wanted:
            await self._intake.room(timeout)
            return
        reading = self._reading
        poll = POLL_SECONDS_WHILE_FULL if full else POLL_SECONDS
        fetched = await self._getmany(wanted, min(timeout, poll))
        if reading is None or reading is not self._reading or self.should_stop:
            return
        marks = self._thread.marks
        for tp, records in fetched.items():
            if records and self._intake.wants(tp):
                fetched_now = together(records)
                position, end = marks.get(tp, (int(fetched_now.rows["offset"][-1]) + 1, 0))
                message = self._as_message(tp, fetched_now, reading[tp], position, end)
                reading[tp] = position
                self._intake.announce(tp, len(fetched_now))
                yield tp, message
                if reading is not self._reading:
                    return  # the positions of the new assignment decide what is read next
        self._progress(reading, fetched)

    def _as_message(self, tp: TP, records: Records, start: int, position: int, end: int) -> ConsumerMessage:
        size = records.size
        value = Fetched(records, self.generation, start, position, end, size)
        first = records.rows[0]
        return ConsumerMessage(
            tp.topic, tp.partition, int(first["offset"]), first["timestamp"] / 1000.0, LOG_APPEND_TIME,
            cast(Any, ()), None, cast(Any, value), None, 0, size, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip


class StockConsumer(ClaimingConsumer):
    """One message a record, as Faust delivers; each says where it was read, as a fetched batch does: what Faust drops on
    its way, or brings after a change of positions, is noticed and read again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._starts: dict[TP, int] = {}  # of the fetch under way: where the next record of each was read
        self._read_under: dict[TP, int] | None = None  # and the positions it belongs to

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        reading, delivered = self._reading, set[TP]()
        async for tp, message in super().getmany(timeout):
            delivered.add(tp)
            yield tp, message
        if reading is not None and reading is self._reading:
            self._progress(reading, delivered)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        """Of what has room: Faust's own queue holds as many records as it is given."""
        full, reading = self._intake.full(), self._reading
        poll = POLL_SECONDS_WHILE_FULL if full else POLL_SECONDS
        wanted = {tp for tp in active_partitions or () if tp not in full}
        fetched = await super()._getmany(wanted, min(timeout, poll))
        self._starts, self._read_under = {}, reading
        if reading is not None and reading is self._reading:
            for tp, records in fetched.items():
                self._starts[tp], reading[tp] = reading[tp], records[-1].offset + 1
        return fetched

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        message = super()._to_message(tp, record)
        position: int = record.offset + 1
        start, self._starts[tp] = self._starts.get(tp, position), position
        generation = VOID  # the assignment it was read for has ended
        if self._reading is self._read_under:
            generation = self.generation
            self._intake.announce(tp, 1)
        end = self._thread.marks.get(tp, (position, 0))[1]
        message.value = cast(Any, Fetched(Records.of([record]), generation, start, position, end, record.serialized_value_size))
        return message


class IdleProducer(driver.Producer):
    """Agents send nothing, so there is no connection to send it over."""

    async def on_start(self) -> None:
        await self.add_runtime_dependency(self.buffer)

    async def flush(self) -> None:
        return None


class StockTransport(driver.Transport):
    """Faust's own delivery, record by record, for comparison: TIDEGATE_TRANSPORT=stock."""

    Consumer = StockConsumer
    Producer = IdleProducer


class BatchTransport(driver.Transport):
    """Registered for URLs that start with tidegate:// (entry point group faust.transports)."""

    Consumer = BatchConsumer
    Producer = IdleProducer


class RecordsSchema(faust.Schema[Any, Any]):
    """Hands key and value to the agent as they are."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return None

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value

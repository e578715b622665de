"""The thread in which aiokafka runs: made with our settings, and told what to fetch and what not."""
# pyright: reportPrivateUsage=false

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.fetched_batches import Unreadable

LOG = logging.getLogger("tidegate.transport")
FETCH_WAIT_MS = 100  # Faust has 1500
FETCH_BYTES = 24 << 20  # one answer of one broker
HOLD_UP_SECONDS = 0.01  # how long fetched and untaken records of one partition hold up the others of its broker
PUBLISH_SECONDS = 5.0


class HoldingListener(driver.ConsumerRebalanceListener):
    """Nothing is fetched of a new assignment before we have said where."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self._thread._ensure_consumer().pause(*assigned)
        await super().on_partitions_assigned(assigned)


class FetchThread(driver.AIOKafkaConsumerThread):
    """`marks`: position and readable end of each topic-partition after the last fetch. `lost`: positions that lie
    outside the log. `unreadable`: those where a batch begins that cannot be unpacked, with the reason. All are written here and read
    by the consumer after the call that wrote them."""

    marks: dict[TP, tuple[int, int]]
    lost: dict[TP, int]
    unreadable: dict[TP, str]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.marks, self.lost, self.unreadable = {}, {}, {}

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor  # keeps partition n of every topic on one worker
        consumer = aiokafka.AIOKafkaConsumer(
            **transport.app.kafka_options,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            key_deserializer=self.consumer.as_columns,  # type: ignore[attr-defined]
            auto_offset_reset="none",  # where to read is never left to Kafka
            isolation_level="read_committed",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            check_crcs=conf.broker_check_crcs,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
        )
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        fetcher: Any = self._ensure_consumer()._fetcher
        fetcher._prefetch_backoff = HOLD_UP_SECONDS

    async def read_on(self, positions: Mapping[TP, int]) -> None:
        """Seek; IllegalStateError when a rebalance took one of them meanwhile."""
        await self.call_thread(self._read_on, positions)

    async def _read_on(self, positions: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in positions.items():
            consumer.seek(TopicPartition(*tp), offset)
            self.consumer._read_offset.pop(tp, None)

    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: float | None = None, max_records: int | None = None
    ) -> Any:
        """Records of `active_partitions`; the others are neither returned nor, once held, fetched."""
        self._hold(consumer)
        try:
            records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        except OffsetOutOfRangeError as e:
            self.lost = {TP(*tp): offset for tp, offset in e.args[0].items()}
            return {}
        self.unreadable = {TP(*tp): str(found[0]) for tp, found in records.items() if isinstance(found[0], Unreadable)}
        self._mark(consumer)
        return {tp: found for tp, found in records.items() if tp not in self.unreadable} if self.unreadable else records

    def _hold(self, consumer: Any) -> None:
        held = {TopicPartition(*tp) for tp in self.consumer.held()}  # type: ignore[attr-defined]
        paused = consumer.paused()
        if held != paused:
            assigned = consumer.assignment()
            consumer.pause(*(assigned & held) - paused)
            consumer.resume(*(assigned & paused) - held)

    def _mark(self, consumer: Any) -> None:
        assignment = consumer._fetcher._subscriptions.subscription.assignment
        if assignment is None:
            return
        marks: dict[TP, tuple[int, int]] = {}
        for tp in assignment.tps:
            state = assignment.state_value(tp)
            end = state.lso if state.lso is not None else state.highwater
            if state.has_valid_position and end is not None:
                marks[TP(*tp)] = (state.position, end)
        self.marks = marks

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Tell Kafka where we are, for lag dashboards. Bounded, and no failure of it matters."""
        consumer = self._ensure_consumer()
        mine = {TopicPartition(*tp): OffsetAndMetadata(o, "") for tp, o in offsets.items() if tp in self.assignment()}
        if not mine:
            return False
        try:
            await asyncio.wait_for(consumer.commit(mine), PUBLISH_SECONDS)
        except (KafkaError, IllegalStateError, TimeoutError) as e:
            LOG.debug("positions not published", extra={"reason": type(e).__name__})
            return False
        return True

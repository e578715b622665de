"""Reads the document and output topics from their first record to their present end, committed records only."""

from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher

from loadtest.verify.cases import EVERYTHING, Share
from loadtest.verify.evidence import KINDS, OUTPUTS, Message, Place, Record
from schemas import kafka_headers
from schemas.contracts import PARTITIONS, topic_name

Progress = Callable[[str, int, int], None]
FETCH_BYTES = 8 << 20
POLL_MS = 500


def as_it_is(value: bytes) -> bytes:
    """As value deserializer of a consumer: it hands over the records as they are parsed."""
    return value


class _Parsed(fetcher.PartitionRecords):
    """Spares such a consumer the copy of each record, which took a third of all reading; others have what they had."""

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        return record if self._value_deserializer is as_it_is else super()._consumer_record(tp, record)  # pyright: ignore


async def read_kafka(
    options: Mapping[str, Any], share: Share = EVERYTHING, progress: Progress = lambda _stage, _done, _total: None
) -> tuple[dict[Place, Record], dict[tuple[int, int], int], list[Message]]:
    """Input records by place, the end offset by (kind, partition), and output messages in offset order by partition.

    `options`: of any aiokafka client; `share`: only these partitions. The ends are those of the start: what comes later is left out.
    """
    consumer = _consumer(options)
    await consumer.start()
    try:
        kinds = {topic_name(kind): number for number, kind in enumerate(KINDS, start=1)}
        outputs = {topic_name(name): name for name in OUTPUTS}
        everything = [TopicPartition(t, p) for t in [*kinds, *outputs] for p in range(PARTITIONS) if share.has(p)]
        ends = await consumer.end_offsets(everything)
        starts = await consumer.beginning_offsets(everything)
        inputs: dict[Place, Record] = {}
        messages: list[Message] = []

        def keep(tp: TopicPartition, records: list[Any]) -> None:
            partition, end = tp.partition, ends[tp]
            if records and records[-1].offset >= end:
                records = [r for r in records if r.offset < end]
            if number := kinds.get(tp.topic):
                for r in records:
                    headers = r.headers
                    inputs[number, partition, r.offset] = Record(r.timestamp, r.key, r.value, tuple(headers) if headers else ())
            else:
                name = outputs[tp.topic]
                messages.extend(Message(name, partition, r.offset, r.key, r.value or b"") for r in records)

        await _read_to_end(consumer, starts, ends, keep, progress)
        return inputs, {(kinds[tp.topic], tp.partition): end for tp, end in ends.items() if tp.topic in kinds}, messages
    finally:
        await consumer.stop()


async def read_filings(options: Mapping[str, Any]) -> dict[tuple[int, int], Record]:
    """Every record of the registry topic by (partition, offset), up to the end as it was at the start."""
    consumer = _consumer(options)
    await consumer.start()
    try:
        places = [TopicPartition(topic_name("registry"), p) for p in range(PARTITIONS)]
        starts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        filings: dict[tuple[int, int], Record] = {}

        def keep(tp: TopicPartition, records: list[Any]) -> None:
            for r in records:
                if r.offset < ends[tp]:
                    filings[tp.partition, r.offset] = Record(r.timestamp, r.key, r.value, tuple(r.headers or ()))

        await _read_to_end(consumer, starts, ends, keep, lambda *_: None)
        return filings
    finally:
        await consumer.stop()


def _consumer(options: Mapping[str, Any]) -> AIOKafkaConsumer:
    kafka_headers.tolerate()
    fetcher.PartitionRecords = _Parsed
    return AIOKafkaConsumer(
        **options, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES, fetch_max_bytes=4 * FETCH_BYTES, check_crcs=False,
        value_deserializer=as_it_is,
    )  # fmt: skip


async def _read_to_end(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    keep: Callable[[TopicPartition, list[Any]], None],
    progress: Progress,
) -> None:
    """Hand over the records of every partition up to its end; a partition is done when the position is there."""
    total = sum(ends[tp] - starts[tp] for tp in ends)
    left = {tp for tp in ends if ends[tp] > starts[tp]}
    if not left:
        return
    consumer.assign(list(left))
    while left:
        for tp, records in (await consumer.getmany(*left, timeout_ms=POLL_MS)).items():
            keep(tp, records)
        # transaction markers take offsets too, so the position is what tells the end, not the last record
        positions = {tp: await consumer.position(tp) for tp in left}
        finished = {tp for tp, position in positions.items() if position >= ends[tp]}
        if finished:
            consumer.pause(*finished)
            left -= finished
        progress("topics", total - sum(ends[tp] - positions[tp] for tp in left), total)

"""Lets aiokafka hand out each fetched batch whole, as columns, where it would make an object of each record.

Only for consumers that ask for it by `key_deserializer=AS_COLUMNS`; for all others nothing changes.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy  # pyright: ignore[reportPrivateUsage]
from aiokafka.structs import TopicPartition

from agents.records import Records
from schemas import kafka_headers
from schemas.packed import Bytes

_LENGTH = struct.Struct(">8xi")  # base offset, then how many bytes follow
_COUNT = struct.Struct(">57xi")
PREFIX, HEADER = 12, 61  # bytes before what the length counts; before the records of format 2


def AS_COLUMNS(key: bytes) -> bytes:
    """Says that a consumer takes whole batches."""
    return key


class _Whole:
    """A batch in the place of its last record: aiokafka goes on behind `offset`."""

    __slots__ = ("offset", "records")

    def __init__(self, records: Records, offset: int) -> None:
        self.records, self.offset = records, offset


class _Batch:
    """A batch whose iteration gives all its records at once; all else is as aiokafka reads it. Brokers from 4.0 on know
    no format but the second."""

    def __init__(self, plain: Any, tp: TopicPartition, data: Bytes, begin: int, end: int) -> None:
        self._plain, self._tp, self._data, self._begin, self._end = plain, tp, data, begin, end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def __next__(self) -> Any:
        return next(self._plain)

    def __iter__(self) -> Iterator[Any]:
        plain = self._plain
        (count,) = _COUNT.unpack_from(self._data.data, self._begin)
        times = (plain.first_timestamp, plain.max_timestamp if plain.timestamp_type else -1)
        records = Records.of_batch(self._tp.topic, self._tp.partition, plain.base_offset, count, times, *self._body())
        if len(records):
            yield _Whole(records, plain.next_offset - 1)

    def _body(self) -> tuple[Bytes, int, int]:
        """Where the records lie, uncompressed: all batches of a fetch in one buffer, if they came so."""
        if self._plain.compression_type == self._plain.CODEC_NONE:
            return self._data, self._begin + HEADER, self._end
        batch: Any = _DefaultRecordBatchPy(self._data.data[self._begin : self._end])
        batch._maybe_uncompress()
        body = np.frombuffer(bytes(batch._buffer), np.uint8)
        return body, 0, len(body)


class _Batches:
    """The batches of one fetch of one partition."""

    def __init__(self, tp: TopicPartition, plain: kafka_headers.Records) -> None:
        self._tp, self._plain = tp, plain
        self._data, self._at = np.frombuffer(plain.data, np.uint8), 0

    def has_next(self) -> bool:
        return self._plain.has_next()

    def next_batch(self) -> _Batch:
        begin = self._at
        self._at += PREFIX + _LENGTH.unpack_from(self._data.data, begin)[0]
        return _Batch(self._plain.next_batch(), self._tp, self._data, begin, self._at)


class PartitionRecords(fetcher.PartitionRecords):
    """aiokafka's, which leaves out aborted transactions, markers and what was read before."""

    def __init__(self, tp: TopicPartition, records: Any, aborted: Any, offset: int, key: Any, *rest: Any) -> None:
        self._whole = key is AS_COLUMNS
        super().__init__(tp, _Batches(tp, records) if self._whole else records, aborted, offset, None if self._whole else key, *rest)

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        return record.records if self._whole else super()._consumer_record(tp, record)


def allow() -> None:
    """For the consumers of this process that ask for it; once is enough."""
    kafka_headers.tolerate()
    fetcher.PartitionRecords = PartitionRecords  # pyright: ignore

"""Lets aiokafka hand out each fetched batch whole, as columns, where it would make an object of each record.

Only for consumers that ask for it by `key_deserializer=AS_COLUMNS`; for all others nothing changes.

A batch that cannot be unpacked comes as `Unreadable` in the place of its records, alone and again with each fetch: what was before it
in the log was handed out with fetches before, and of what is behind it nothing is.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition

from agents.records import Records
from agents.unpacking import NotUnpacked, unpacked
from schemas import kafka_headers
from schemas.packed import Bytes

_LENGTH = struct.Struct(">8xi")  # base offset, then how many bytes follow
_COUNT = struct.Struct(">57xi")
PREFIX, HEADER = 12, 61  # bytes before what the length counts; before the records of format 2
# A broker bounds a batch as it was sent (message.max.bytes: 1 MiB), and gzip makes up to a thousand times that of it, zstd thirty
# thousand. This is 64 times as much, and all that a worker buffers of all its topics: documents by the thousand come by gzip to 4 or 5
# times, one and the same document over and over to 180. What is unpacked of one fetch of a partition is bounded alike, or hundreds of small batches could be what one
# large must not.
MOST_UNPACKED = 64 << 20


def AS_COLUMNS(key: bytes) -> bytes:
    """Says that a consumer takes whole batches."""
    return key


class Unreadable(Exception):
    """The next batch of the log cannot be unpacked. Its message says which, and why."""


class _Whole:
    """A batch in the place of its last record: aiokafka goes on behind `offset`."""

    __slots__ = ("offset", "records")

    def __init__(self, records: Records, offset: int) -> None:
        self.records, self.offset = records, offset


class _Batch:
    """A batch whose iteration gives all its records at once; all else is as aiokafka reads it. Brokers from 4.0 on know
    no format but the second."""

    def __init__(self, plain: Any, fetch: "_Batches", begin: int, end: int) -> None:
        self._plain, self._fetch, self._begin, self._end = plain, fetch, begin, end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def __next__(self) -> Any:
        return next(self._plain)

    def __iter__(self) -> Iterator[Any]:
        plain = self._plain
        tp, data = self._fetch.tp, self._fetch.data
        (count,) = _COUNT.unpack_from(data.data, self._begin)
        times = (plain.first_timestamp, plain.max_timestamp if plain.timestamp_type else -1)
        records = Records.of_batch(tp.topic, tp.partition, plain.base_offset, count, times, *self._body(data))
        if len(records):
            yield _Whole(records, plain.next_offset - 1)

    def _body(self, data: Bytes) -> tuple[Bytes, int, int]:
        """Where the records lie, uncompressed: all batches of a fetch in one buffer, if they came so."""
        codec = self._plain.compression_type
        if codec == self._plain.CODEC_NONE:
            return data, self._begin + HEADER, self._end
        try:
            body = unpacked(codec, data.data[self._begin + HEADER : self._end], self._fetch.room)
        except NotUnpacked as e:
            raise Unreadable(f"the batch at offset {self._plain.base_offset} to {self._plain.next_offset - 1}: {e}") from None
        self._fetch.room -= len(body)
        return body, 0, len(body)


class _Batches:
    """The batches of one fetch of one partition. `room`: how many bytes may still be unpacked of it."""

    def __init__(self, tp: TopicPartition, plain: kafka_headers.Records) -> None:
        self.tp, self._plain, self.room = tp, plain, MOST_UNPACKED
        self.data, self._at = np.frombuffer(plain.data, np.uint8), 0

    def has_next(self) -> bool:
        return self._plain.has_next()

    def next_batch(self) -> _Batch:
        begin = self._at
        self._at += PREFIX + _LENGTH.unpack_from(self.data.data, begin)[0]
        return _Batch(self._plain.next_batch(), self, begin, self._at)


class PartitionRecords(fetcher.PartitionRecords):
    """aiokafka's, which leaves out aborted transactions, markers and what was read before."""

    def __init__(self, tp: TopicPartition, records: Any, aborted: Any, offset: int, key: Any, *rest: Any) -> None:
        self._whole = key is AS_COLUMNS
        self._began = offset
        super().__init__(tp, _Batches(tp, records) if self._whole else records, aborted, offset, None if self._whole else key, *rest)

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except Unreadable as e:
            if self.next_fetch_offset > self._began:
                raise StopIteration from None  # the next fetch begins with it, and has room for it if it is not more by itself
            return e

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        return record.records if self._whole else super()._consumer_record(tp, record)


def allow() -> None:
    """For the consumers of this process that ask for it; once is enough."""
    kafka_headers.tolerate()
    fetcher.PartitionRecords = PartitionRecords  # pyright: ignore

"""Kafka record batches (format 2) written straight from outbox blobs: no object a message.

A RecordBatch stands in for aiokafka's BatchBuilder, which copies key and value of each message on its own.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from aiokafka.record.util import calc_crc32c
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.packed import Bytes
from sinks.messages import HEADS

# What a topic's records take in a lane's buffer: how many and at most how many bytes; where those of the batch being
# written begin and end, and how many they are.
PLACE = np.dtype([("messages", np.int64), ("room", np.int64), ("begin", np.int64), ("end", np.int64), ("records", np.int64)])
BATCH = np.dtype([("topic", np.int64), ("begin", np.int64), ("end", np.int64), ("records", np.int64)])
Rows = NDArray[np.void]
TOPICS = 256  # a blob has a byte for it
OVERHEAD = 23  # most bytes of a record besides key and value: four lengths and numbers of five, three of one

# Base offset, length of what follows, leader epoch, format; CRC-32C of all that follows it; attributes, last offset
# delta, first and greatest time, producer id and epoch, base sequence, number of records.
_BEFORE_CRC, _CRC, _AFTER_CRC = struct.Struct(">qiib"), struct.Struct(">I"), struct.Struct(">hiqqqhii")
HEADER = _BEFORE_CRC.size + _CRC.size + _AFTER_CRC.size
_LENGTH_COUNTS_FROM = 12
FORMAT, TRANSACTIONAL, NO_LEADER_EPOCH = 2, 0x10, -1


class RecordBatch:
    """Records of one partition as one transactional, uncompressed batch; all have the time they were written at.

    The methods are those that aiokafka calls of a batch it is handed (sinks/aiokafka_private.py): when it sends the
    batch it says under which producer and sequence, and asks for the bytes, again for each try.
    """

    def __init__(self, records: Bytes, count: int, time_ms: int) -> None:
        self._records, self._count, self._time_ms = records, count, time_ms
        self._producer = (-1, -1, 0)
        self._built: bytes | None = None

    def record_count(self) -> int:
        return self._count

    def size(self) -> int:
        """In bytes, with the header."""
        return HEADER + len(self._records)

    def close(self) -> None:
        """It takes no more as it is."""

    def closed(self) -> bool:
        return True

    def append(self, **_message: Any) -> None:
        """None: it is full."""

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytes:
        if self._built is None:
            self._built = self._encoded()
        return self._built

    def _encoded(self) -> bytes:
        time, last = self._time_ms, self._count - 1
        head = _AFTER_CRC.pack(TRANSACTIONAL, last, time, time, *self._producer, self._count)
        covered = head + self._records.data
        length = self.size() - _LENGTH_COUNTS_FROM
        return _BEFORE_CRC.pack(0, length, NO_LEADER_EPOCH, FORMAT) + _CRC.pack(calc_crc32c(covered)) + covered


def record_batches(blobs: Sequence[bytes], most_bytes: int, time_ms: int) -> Iterator[tuple[int, RecordBatch]]:
    """(topic index, batch) of the messages of one lane, each topic's in their order; blobs as in sinks/messages.py.

    A batch is shorter than `most_bytes`, header included, unless it holds a single message. ValueError when a blob ends
    inside a message, before anything is given.
    """
    buffers = [np.frombuffer(blob, np.uint8) for blob in blobs]
    places = np.zeros(TOPICS, PLACE)
    for buffer in buffers:
        if not _measure(buffer, places):
            raise ValueError("an outbox row ends inside a message")
    places["begin"] = places["end"] = np.cumsum(places["room"]) - places["room"]
    records, batches, made = np.empty(places["room"].sum(), np.uint8), np.empty(places["messages"].sum(), BATCH), 0
    for buffer in buffers:
        made = _write(buffer, most_bytes - HEADER, places, records, batches, made)
    made = _finish(places, batches, made)
    for topic, begin, end, count in batches[:made].tolist():
        yield topic, RecordBatch(records[begin:end], count, time_ms)


@compiled
def _measure(blob: Bytes, places: Rows) -> bool:
    """Note what room each topic's messages take; False when the blob ends inside one."""
    at = 0
    while at < len(blob):
        if at + HEADS > len(blob):
            return False
        key = _length(blob, at + 1)
        if key > len(blob) - at - HEADS:
            return False
        value = _length(blob, at + 5 + key)
        if value > len(blob) - at - HEADS - key:
            return False
        place = places[blob[at]]
        place["messages"] += 1
        place["room"] += key + value + OVERHEAD
        at += HEADS + key + value
    return True


@compiled
def _write(blob: Bytes, most: int, places: Rows, records: Bytes, batches: Rows, made: int) -> int:
    """Append the messages of a measured blob to the batches of their topics; how many batches are full by now."""
    at = 0
    while at < len(blob):
        place: Any = places[blob[at]]
        key, key_length = at + 5, _length(blob, at + 1)
        value, value_length = key + key_length + 4, _length(blob, key + key_length)
        body = 3 + _varint_size(place["records"]) + _varint_size(key_length) + key_length + _varint_size(value_length) + value_length
        if place["records"] and place["end"] - place["begin"] + _varint_size(body) + body >= most:
            made = _close(blob[at], place, batches, made)
            body = 4 + _varint_size(key_length) + key_length + _varint_size(value_length) + value_length
        end = _put_varint(records, place["end"], body)
        records[end] = records[end + 1] = 0  # attributes, and how much later than the batch
        end = _put_varint(records, end + 2, place["records"])
        end = _put(records, end, blob, key, key_length)
        end = _put(records, end, blob, value, value_length)
        records[end] = 0  # headers
        place["end"] = end + 1
        place["records"] += 1
        at = value + value_length
    return made


@compiled
def _finish(places: Rows, batches: Rows, made: int) -> int:
    """Close what is open; how many batches there are."""
    for topic in range(len(places)):
        if places[topic]["records"]:
            made = _close(topic, places[topic], batches, made)
    return made


@compiled
def _close(topic: int, place: Any, batches: Rows, made: int) -> int:
    """Note the open batch of a topic and begin the next one behind it."""
    batch = batches[made]
    batch["topic"], batch["begin"], batch["end"], batch["records"] = topic, place["begin"], place["end"], place["records"]
    place["begin"], place["records"] = place["end"], 0
    return made + 1


@compiled
def _put(to: Bytes, at: int, blob: Bytes, begin: int, length: int) -> int:
    """Bytes behind their length; the position after them."""
    at = _put_varint(to, at, length)
    to[at : at + length] = blob[begin : begin + length]
    return at + length


@compiled
def _put_varint(to: Bytes, at: int, number: int) -> int:
    """A number that is not negative, zigzag; the position after it."""
    left = number << 1
    while left > 0x7F:
        to[at] = 0x80 | (left & 0x7F)
        left >>= 7
        at += 1
    to[at] = left
    return at + 1


@compiled
def _varint_size(number: int) -> int:
    size, left = 1, number << 1
    while left > 0x7F:
        left >>= 7
        size += 1
    return size


@compiled
def _length(blob: Bytes, at: int) -> int:
    """Big-endian, of four bytes."""
    number = np.int64(0)
    for n in range(4):
        number = (number << 8) | np.int64(blob[at + n])
    return int(number)

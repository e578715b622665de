"""Fetched records as columns: one buffer with all their bytes, and a row for each that says what stands where in it.

An object a record, with key, value and headers of its own, costs several times what decoding it does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, overload

import numpy as np
from aiokafka.errors import CorruptRecordException
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.framing import zigzag
from schemas.packed import Bytes, Packed, Vector
from schemas.walk import WRONG, read_long

# Log time in ms; key, value and headers stand in the buffer, and one that is null ends before it begins.
ROW = np.dtype(
    [("partition", np.int64), ("offset", np.int64), ("timestamp", np.int64),
     ("key", np.int64), ("key_end", np.int64), ("value", np.int64), ("value_end", np.int64),
     ("headers", np.int64), ("end", np.int64)]
)  # fmt: skip
PLACES = ("key", "key_end", "value", "value_end", "headers", "end")
Rows = NDArray[np.void]


class Record(NamedTuple):
    """One of them, to look at by itself; `timestamp` is the log time in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class KafkaRecord(Protocol):
    """What is used of an aiokafka ConsumerRecord."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Records(Sequence[Record]):
    """Records of one topic. `rows`: ROW; they are in the order of their bytes."""

    topic: str
    buffer: Bytes
    rows: Rows

    @classmethod
    def of(cls, records: Sequence[KafkaRecord]) -> "Records":
        """Copies of records that were fetched one by one."""
        rows, parts, at = np.zeros(len(records), ROW), list[bytes](), 0
        for row, r in zip(rows, records, strict=True):
            row["partition"], row["offset"], row["timestamp"] = r.partition, r.offset, r.timestamp
            for name, end, held in (("key", "key_end", r.key), ("value", "value_end", r.value), ("headers", "end", _packed(r.headers))):
                row[name], row[end] = at, at - 1 if held is None else at + len(held)
                parts.append(held or b"")
                at += len(parts[-1])
        return cls(records[0].topic if records else "", np.frombuffer(b"".join(parts), np.uint8), rows)

    @classmethod
    def of_batch(
        cls, topic: str, partition: int, first: int, count: int, times: tuple[int, int], buffer: Bytes, begin: int, end: int
    ) -> "Records":
        """`count` records as they lie in a Kafka batch of format 2, uncompressed, in buffer[begin:end]; `first`: its base
        offset; `times`: what the records' times count from, and the log time if that is what they have, else -1.
        CorruptRecordException when the bytes are something else."""
        rows = np.empty(max(0, count), ROW)
        rows["partition"] = partition
        if _note_batch(buffer, begin, end, first, times[0], times[1], rows) != end:
            raise CorruptRecordException(f"{topic}[{partition}]: the batch at offset {first} does not hold {count} records")
        return cls(topic, buffer, rows)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Records": ...
    def __getitem__(self, index: int | slice) -> "Record | Records":
        if isinstance(index, slice):
            return self.at(index)
        row = self.rows[index]
        key, value = (self._bytes(row[name], row[end]) for name, end in (("key", "key_end"), ("value", "value_end")))
        headers = _unpacked(self.buffer[row["headers"] : row["end"]].tobytes())
        return Record(self.topic, int(row["partition"]), int(row["offset"]), int(row["timestamp"]), key, value, headers)

    def __iter__(self) -> Iterator[Record]:
        return (self[n] for n in range(len(self)))

    def at(self, rows: Any) -> "Records":
        """Some of them, of the same buffer."""
        return Records(self.topic, self.buffer, self.rows[rows])

    def _bytes(self, begin: int, end: int) -> bytes | None:
        return self.buffer[begin:end].tobytes() if end >= begin else None

    @property
    def keys(self) -> Packed:
        return Packed(self.buffer, self.column("key"), self.column("key_end"))

    @property
    def values(self) -> Packed:
        return Packed(self.buffer, self.column("value"), self.column("value_end"))

    @property
    def size(self) -> int:
        """Bytes of the buffer from their first to their last."""
        return int(self.rows["end"][-1] - self.rows["key"][0]) if len(self) else 0

    def column(self, name: str) -> Vector:
        """A field of ROW."""
        return np.ascontiguousarray(self.rows[name])


def together(parts: Iterable[Records]) -> Records:
    """Records of one topic behind each other. Those of one buffer stay in it, those of several are copied."""
    some = [part for part in parts if len(part)]
    if some and all(part.buffer is some[0].buffer for part in some):
        return Records(some[0].topic, some[0].buffer, np.concatenate([part.rows for part in some], dtype=ROW))
    return copied(some)


def copied(parts: Iterable[Records]) -> Records:
    """Records of one topic behind each other, in a buffer of their own that holds nothing else."""
    some = [part for part in parts if len(part)]
    if not some:
        return Records.of(())
    first = np.array([part.rows["key"][0] for part in some])
    buffers = [part.buffer[begin : part.rows["end"][-1]] for part, begin in zip(some, first, strict=True)]
    rows = np.concatenate([part.rows for part in some], dtype=ROW)  # or numpy asks what type all of them have, in Python
    lengths = np.array([len(buffer) for buffer in buffers])
    shift = np.repeat(np.cumsum(lengths) - lengths - first, [len(part) for part in some])
    for name in PLACES:
        rows[name] += shift
    joined = np.concatenate(buffers)
    joined.flags.writeable = False  # as fetched bytes are: compiled loops need not be compiled for both
    return Records(some[0].topic, joined, rows)


@compiled
def _note_batch(buffer: Bytes, at: int, upto: int, first: int, base_time: int, log_time: int, rows: Rows) -> int:
    """Where the records that begin at `at` end; WRONG when there are none up to `upto`."""
    for row in rows:
        length, at = read_long(buffer, at, upto)
        end = at + length
        if at == WRONG or length < 1 or end > upto:
            return WRONG
        at += 1  # attributes, of which there are none
        delta, at = read_long(buffer, at, end)
        row["timestamp"] = base_time + delta if log_time < 0 else log_time
        delta, at = read_long(buffer, at, end)
        row["offset"] = first + delta
        row["key"], row["key_end"], at = _bytes_at(buffer, at, end)
        row["value"], row["value_end"], at = _bytes_at(buffer, at, end)
        row["headers"], row["end"] = at, end
        if not _are_headers(buffer, at, end):
            return WRONG
        at = end
    return at


@compiled
def _bytes_at(buffer: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Begin and end of bytes that may be null, and the position after them."""
    length, at = read_long(buffer, at, end)
    if at == WRONG or length < -1 or length > end - at:
        return 0, 0, WRONG
    return at, at + length, at + max(0, length)


@compiled
def _are_headers(buffer: Bytes, at: int, end: int) -> bool:
    if at == WRONG:
        return False
    count, at = read_long(buffer, at, end)
    while count > 0 and at != WRONG:
        begin, name_end, at = _bytes_at(buffer, at, end)
        if at == WRONG or name_end < begin:
            return False
        _, _, at = _bytes_at(buffer, at, end)
        count -= 1
    return count == 0 and at == end


def _packed(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """As they lie in a record."""
    parts = [zigzag(len(headers))]
    for name, value in headers:
        parts += [zigzag(len(name.encode())), name.encode(), zigzag(-1 if value is None else len(value)), value or b""]
    return b"".join(parts)


def _unpacked(body: bytes) -> list[tuple[str, bytes | None]]:
    """The other way; a name that is no UTF-8 is read with what is none as `\\xff`."""
    buffer, at = np.frombuffer(body, np.uint8), 0
    count, at = read_long(buffer, at, len(body))
    found: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        begin, name_end, at = _bytes_at(buffer, at, len(body))
        name = body[begin:name_end].decode(errors="backslashreplace")
        begin, end, at = _bytes_at(buffer, at, len(body))
        found.append((name, body[begin:end] if end >= begin else None))
    return found

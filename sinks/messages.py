"""The blob of one outbox row: messages one after the other (layout in the migration)."""

import struct
from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from schemas.encode import BINARY, pc

_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")


def packed_by_lane(heads: pl.DataFrame, values: pa.LargeBinaryArray) -> dict[int, tuple[int, bytes]]:
    """lane → count and blob of its messages, in the order given. `heads`: lane, topic (index in topics.toml), key."""
    lanes = heads["lane"].to_numpy()
    order = np.argsort(lanes, kind="stable")
    heads, values = heads[order], values.take(pa.array(order))
    keys = heads["key"].to_arrow(compat_level=pl.CompatLevel.oldest()).cast(BINARY)
    topics = _fixed(heads["topic"].to_numpy().astype(np.uint8))
    packed = pc.binary_join_element_wise(topics, _lengths(keys), keys, _lengths(values), values, pa.scalar(b"", BINARY))
    offsets = np.frombuffer(packed.buffers()[1], np.int64, len(packed) + 1, packed.offset * 8)
    data = memoryview(packed.buffers()[2] or b"")
    found: dict[int, tuple[int, bytes]] = {}
    first = 0
    for lane, count in zip(*(column.tolist() for column in np.unique(lanes, return_counts=True)), strict=True):
        found[lane] = count, bytes(data[offsets[first] : offsets[first + count]])
        first += count
    return found


def _lengths(values: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    return _fixed(pc.binary_length(values).to_numpy(zero_copy_only=False).astype(">u4"))


def _fixed(numbers: np.ndarray) -> pa.LargeBinaryArray:
    """The bytes of each number."""
    offsets = np.arange(0, numbers.nbytes + 1, numbers.itemsize, dtype=np.int64)
    return pa.LargeBinaryArray.from_buffers(BINARY, len(numbers), [None, pa.py_buffer(offsets), pa.py_buffer(numbers.tobytes())])


def unpack(blob: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(topic index, key, value); ValueError when the blob ends inside a message."""
    position, end = 0, len(blob)
    while position < end:
        try:
            index, key_length = _HEAD.unpack_from(blob, position)
            position += _HEAD.size
            key = blob[position : position + key_length]
            position += key_length
            (length,) = _LENGTH.unpack_from(blob, position)
        except struct.error:
            raise ValueError("an outbox row ends inside a message") from None
        position += _LENGTH.size
        value = blob[position : position + length]
        position += length
        if position > end:
            raise ValueError("an outbox row ends inside a message")
        yield index, key, value

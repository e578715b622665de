"""The blob of one outbox row: messages one after the other (layout in the migration)."""

import struct
from collections.abc import Iterator

import numpy as np
import polars as pl

from schemas.compiled import compiled
from schemas.packed import Packed, Vector
from schemas.words import Bytes, copy

_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")
HEADS = _HEAD.size + _LENGTH.size  # bytes of a message besides key and value


def packed_by_lane(heads: pl.DataFrame, values: Packed) -> dict[int, tuple[int, bytes]]:
    """lane → count and blob of its messages, in the order given. `heads`: lane, topic (index in topics.toml), key."""
    lanes = heads["lane"].to_numpy()
    keys = Packed.of_column(heads["key"])
    sizes = HEADS + keys.lengths + values.lengths
    order = np.argsort(lanes, kind="stable")
    begins = np.empty(len(lanes), np.int64)
    begins[order] = np.cumsum(sizes[order]) - sizes[order]
    out = np.empty(int(sizes.sum()), np.uint8)
    _write_all(
        heads["topic"].to_numpy().astype(np.int64), begins, out,
        keys.buffer, keys.begins, keys.ends, values.buffer, values.begins, values.ends,
    )  # fmt: skip
    found: dict[int, tuple[int, bytes]] = {}
    for lane in np.unique(lanes).tolist():
        of_lane = lanes == lane
        first, size = int(begins[of_lane].min()), int(sizes[of_lane].sum())
        found[lane] = int(of_lane.sum()), out[first : first + size].tobytes()
    return found


@compiled
def _write_all(
    topics: Vector, places: Vector, out: Bytes,
    keys: Bytes, key_begins: Vector, key_ends: Vector, values: Bytes, begins: Vector, ends: Vector,
) -> None:  # fmt: skip
    for row in range(len(places)):
        out[places[row]] = topics[row]
        at = write_sized(keys, key_begins[row], key_ends[row], out, places[row] + 1)
        write_sized(values, begins[row], ends[row], out, at)


@compiled
def write_sized(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """The length as four bytes in network order, and the bytes; where they end."""
    for place in range(4):
        out[at + place] = ((end - begin) >> 8 * (3 - place)) & 0xFF
    return copy(data, begin, end, out, at + 4)


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

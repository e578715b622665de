"""Walks many payloads of one schema at once, a field a step, to find those that are not exactly one record.

Every payload has a position of its own; a step moves all of them over the next field. A payload is sound when its
position ends at its end: positions only grow, so one that leaves its payload never comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.contracts import avro

Vector = NDArray[np.int64]
Flags = NDArray[np.bool_]
WIDEST_DECIMAL = 16  # bytes that the block reader takes
MANY_ITEMS, FEW = 4, 50
MOST_BYTES = 10  # of a varint


@dataclass(slots=True)
class _Walk:
    """`bad`: by payload, something cannot be; `texts`: payloads, and where a string of each begins and ends."""

    buffer: NDArray[np.uint8]
    ends: Vector
    bad: Flags
    texts: list[tuple[Vector, Vector, Vector]] = field(default_factory=lambda: list[tuple[Vector, Vector, Vector]]())

    def record(self, fields: Sequence[Any], rows: Vector, position: Vector) -> Vector:
        """Step over a record in each of `rows`; the positions after it."""
        for f in fields:
            position = self._step(f["type"], rows, position)
        return position

    def _step(self, kind: Any, rows: Vector, position: Vector) -> Vector:
        name: str = kind if isinstance(kind, str) else kind["type"]
        if name == "array":
            return self._array(kind["items"]["fields"], rows, position)  # pyright: ignore
        value, after = self._varint(rows, position)
        if name == "int":
            self.bad[rows] |= value != value.astype(np.int32)
        if name not in ("string", "bytes"):
            return after
        widest = WIDEST_DECIMAL if name == "bytes" else len(self.buffer)
        wrong = (value < 0) | (value > widest)
        if wrong.any():
            self.bad[rows] |= wrong
            value = np.where(wrong, 0, value)
        if name == "string":
            self.texts.append((rows, after, after + value))
        return after + value

    def _varint(self, rows: Vector, position: Vector) -> tuple[Vector, Vector]:
        """The number at each position, and the position after it."""
        byte = self.buffer.take(position, mode="clip")
        number = (byte & 0x7F).astype(np.uint64)
        after = position + 1
        going_on = np.flatnonzero(byte & 0x80)
        for place in range(1, MOST_BYTES + 1):
            if not len(going_on):
                break
            if place == MOST_BYTES:
                self.bad[rows[going_on]] = True
                break
            byte = self.buffer.take(after[going_on], mode="clip")
            number[going_on] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * place)
            after[going_on] += 1
            going_on = going_on[(byte & 0x80) != 0]
        return (number >> np.uint64(1)).view(np.int64) ^ -(number & np.uint64(1)).view(np.int64), after

    def _array(self, fields: Sequence[Any], rows: Vector, position: Vector) -> Vector:
        """Blocks of items until an empty one; a block with a negative count names its size in bytes, too."""
        position = position.copy()
        open_ = np.arange(len(rows))
        while len(open_):
            count, after = self._varint(rows[open_], position[open_])
            sized = np.flatnonzero(count < 0)
            if len(sized):
                count[sized] = -count[sized]
                after[sized] = self._varint(rows[open_][sized], after[sized])[1]
            impossible = (count < 0) | (count * len(fields) > self.ends[rows[open_]] - after)
            self.bad[rows[open_]] |= impossible
            count[impossible] = 0
            position[open_] = after
            open_, count = open_[count > 0], count[count > 0]
            for item in range(int(count.max(initial=0))):
                at_it = open_[count > item]
                at_it = at_it[position[at_it] < self.ends[rows[at_it]]]  # one that ran out needs no more steps
                if item >= MANY_ITEMS and len(at_it) < FEW:
                    self.bad[rows[at_it]] = True  # dearer to walk on with than to decode alone
                    break
                position[at_it] = self.record(fields, rows[at_it], position[at_it])
        return position


def unsound(schema_name: str, payloads: Sequence[bytes], texts: bool = False) -> list[int]:
    """Which payloads are to be decoded alone: not exactly one record of the schema, or one that a block is not for.

    `texts`: also those with a text that is not UTF-8.
    """
    if not payloads:
        return []
    body = b"".join(payloads)
    ends = np.cumsum(np.fromiter(map(len, payloads), np.int64, len(payloads)))
    starts = ends - np.fromiter(map(len, payloads), np.int64, len(payloads))
    walk = _Walk(np.frombuffer(body + b"\0", np.uint8), ends, np.zeros(len(payloads), bool))
    position = walk.record(avro(schema_name)["fields"], np.arange(len(payloads)), starts.copy())
    walk.bad |= position != ends
    found = set(np.flatnonzero(walk.bad).tolist())
    if texts:
        found |= _not_utf8(walk, body, starts)
    return sorted(found)


def _not_utf8(walk: _Walk, body: bytes, starts: Vector) -> set[int]:
    """Payloads with broken texts: all other bytes are blanked, and at least one stands before each text."""
    step = np.zeros(len(body) + 2, np.int8)
    for rows, begin, end in walk.texts:
        here = (end > begin) & ~walk.bad[rows]  # those of a broken payload may lie anywhere
        step[begin[here]] = 1
        step[end[here]] = -1
    text = np.where(np.cumsum(step[: len(body)], dtype=np.int8) > 0, walk.buffer[: len(body)], 0).astype(np.uint8).tobytes()
    found: set[int] = set()
    position = 0
    while True:
        try:
            text[position:].decode()
            return found
        except UnicodeDecodeError as e:
            row = int(np.searchsorted(starts, position + e.start, side="right")) - 1
            found.add(row)
            position = int(walk.ends[row])

"""Walks many payloads of one schema at once, a field a step, and notes where each field of each payload stands.

Every payload has a position of its own; a step moves all of them over the next field. A payload is one record exactly
when its position ends at its end: positions only grow, so one that leaves its payload never comes back to its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.codec import MOST_LINES
from schemas.contracts import avro

Vector = NDArray[np.int64]
PADDING = 16  # zero bytes before and behind the payloads, so that a fixed number of bytes can be read anywhere
WIDEST_DECIMAL = 8  # bytes
MOST_BYTES = 10  # of a varint
MANY_ITEMS, FEW = 4, 50
BLANK = 0x20


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a text or decimal in each row."""

    begin: Vector
    end: Vector


@dataclass(frozen=True, slots=True)
class Items:
    """The items of an array: `rows` says whose, in the order of rows and items; `fields` as of Walked."""

    rows: Vector
    fields: "dict[str, Field]"


Field = Vector | Span | Items  # a number, bytes, or items


@dataclass(slots=True)
class Walked:
    """`bad`: payloads to be decoded alone, because they are not exactly one record or a column is not for them.

    `fields`: by name, of all payloads; those of bad ones mean nothing. `raw`: all bytes, by row, that are no text and
    may be zero or no ASCII.
    """

    buffer: NDArray[np.uint8]
    starts: Vector
    ends: Vector
    bad: NDArray[np.bool_]
    fields: dict[str, Field] = field(default_factory=lambda: dict[str, Field]())
    raw: list[tuple[Vector, Vector]] = field(default_factory=lambda: list[tuple[Vector, Vector]]())

    def record(self, fields: Sequence[Any], rows: Vector, position: Vector) -> tuple[dict[str, Field], Vector]:
        """Step over a record in each of `rows`: its fields, and the positions after it."""
        found: dict[str, Field] = {}
        for f in fields:
            found[f["name"]], position = self._step(f["type"], rows, position)
        return found, position

    def _step(self, kind: Any, rows: Vector, position: Vector) -> tuple[Field, Vector]:
        name: str = kind if isinstance(kind, str) else kind["type"]
        if name == "array":
            return self._array(kind["items"]["fields"], rows, position)  # pyright: ignore
        value, after = self._varint(rows, position)
        if name == "int":
            self.bad[rows] |= value != value.astype(np.int32)
        if name not in ("string", "bytes"):
            return value, after
        widest = WIDEST_DECIMAL if name == "bytes" else len(self.buffer)
        wrong = (value < 0) | (value > widest)
        if wrong.any():
            self.bad[rows] |= wrong
            value = np.where(wrong, 0, value)
        if name == "bytes":
            for place in range(int(value.max(initial=0))):
                longer = value > place
                self.raw.append((rows[longer], after[longer] + place))
        return Span(after, after + value), after + value

    def _varint(self, rows: Vector, position: Vector) -> tuple[Vector, Vector]:
        """The number at each position, and the position after it."""
        byte = self.buffer.take(position, mode="clip")
        zero = np.flatnonzero(byte == 0)
        if len(zero):
            self.raw.append((rows[zero], position[zero]))
        number = (byte & 0x7F).astype(np.uint64)
        after = position + 1
        going_on = np.flatnonzero(byte & 0x80)
        for place in range(1, MOST_BYTES + 1):
            if not len(going_on):
                break
            if place == MOST_BYTES:
                self.bad[rows[going_on]] = True
                break
            self.raw.append((rows[going_on], after[going_on] - 1))
            byte = self.buffer.take(after[going_on], mode="clip")
            number[going_on] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * place)
            after[going_on] += 1
            going_on = going_on[(byte & 0x80) != 0]
        return (number >> np.uint64(1)).view(np.int64) ^ -(number & np.uint64(1)).view(np.int64), after

    def _array(self, fields: Sequence[Any], rows: Vector, position: Vector) -> tuple[Items, Vector]:
        """Blocks of items until an empty one; a block with a negative count names its size in bytes, too."""
        position = position.copy()
        parts: list[Items] = []
        open_ = np.arange(len(rows))
        while len(open_):
            count, after = self._varint(rows[open_], position[open_])
            sized = np.flatnonzero(count < 0)
            if len(sized):
                count[sized] = -count[sized]
                after[sized] = self._varint(rows[open_][sized], after[sized])[1]
            impossible = (count < 0) | (count > MOST_LINES) | (count * len(fields) > self.ends[rows[open_]] - after)
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
                of_item, position[at_it] = self.record(fields, rows[at_it], position[at_it])
                parts.append(Items(rows[at_it], of_item))
        return _together(parts, fields), position


def _together(parts: Sequence[Items], fields: Sequence[Any]) -> Items:
    """Items found one number after the other, as one in the order of rows."""
    if not parts:
        none = np.zeros(0, np.int64)
        is_bytes = {f["name"]: f["type"] == "string" or (isinstance(f["type"], dict) and f["type"]["type"] == "bytes") for f in fields}
        return Items(none, {name: Span(none, none) if spans else none for name, spans in is_bytes.items()})
    rows = np.concatenate([p.rows for p in parts])
    order = np.argsort(rows, kind="stable")
    return Items(rows[order], {f["name"]: _joined([p.fields[f["name"]] for p in parts], order) for f in fields})


def _joined(columns: Sequence[Any], order: Vector) -> Field:
    if isinstance(columns[0], Span):
        begins, ends = (np.concatenate([getattr(c, edge) for c in columns])[order] for edge in ("begin", "end"))
        return Span(begins, ends)
    return np.concatenate(columns)[order]


def walk(schema_name: str, payloads: Sequence[bytes]) -> Walked:
    """Walk payloads that may be anything; never raises."""
    lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
    ends = np.cumsum(lengths) + PADDING
    buffer = np.frombuffer(b"".join((bytes(PADDING), *payloads, bytes(PADDING))), np.uint8)
    walked = Walked(buffer, ends - lengths, ends, np.zeros(len(payloads), bool))
    rows = np.arange(len(payloads))
    walked.fields, position = walked.record(avro(schema_name)["fields"], rows, walked.starts.copy())
    walked.bad |= position != ends
    for found in walked.fields.values():
        if isinstance(found, Items):
            walked.bad |= np.bincount(found.rows, minlength=len(payloads)) > MOST_LINES
    _check_texts(walked)
    return walked


def _check_texts(walked: Walked) -> None:
    """A payload with a text that is not UTF-8, or that holds U+0000, is bad.

    Bytes that are no text are blanked, unless they are ASCII and not zero; before each text stands the last byte of its
    length, which is ASCII then. So the whole buffer is UTF-8 exactly when every text is, and a zero is one in a text.
    """
    buffer = walked.buffer.copy()
    buffer[:PADDING] = buffer[len(buffer) - PADDING :] = BLANK
    for rows, positions in walked.raw:
        buffer[positions[~walked.bad[rows]]] = BLANK
    for row in np.flatnonzero(walked.bad):
        buffer[walked.starts[row] : walked.ends[row]] = BLANK
    if not buffer.all():
        walked.bad[np.searchsorted(walked.starts, np.flatnonzero(buffer == 0), side="right") - 1] = True
    whole = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, len(buffer)])), pa.py_buffer(buffer))
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        walked.bad[_without_text(walked, buffer.tobytes())] = True


def _without_text(walked: Walked, text: bytes) -> list[int]:
    """The payloads where a text breaks."""
    found: list[int] = []
    position = 0
    while True:
        try:
            text[position:].decode()
            return found
        except UnicodeDecodeError as e:
            found.append(int(np.searchsorted(walked.starts, position + e.start, side="right")) - 1)
            position = int(walked.ends[found[-1]])

"""Walks many payloads of one schema and notes what each field holds: a compiled loop over fields, one payload at a time.

A payload that is not exactly one record, or that holds what a column has no room for, is marked and told apart later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.codec import MOST_LINES
from schemas.compiled import compiled, inlined
from schemas.contracts import avro
from schemas.packed import VIEW, Packed, Vector, write_view
from schemas.utf8 import is_text
from schemas.words import Bytes, Words

TEXT, INT, LONG, DECIMAL, ITEMS = range(5)  # what a field is
WIDEST_DECIMAL = 8  # bytes
WIDEST_LONG = 9  # bytes of a varint
USUAL_ITEMS = 3  # of a payload: room for them is made in advance
MORE = 0x80  # in a byte of a varint: another follows
WRONG = -1  # instead of a position
_KINDS = {"string": TEXT, "int": INT, "long": LONG, "bytes": DECIMAL, "array": ITEMS}


@dataclass(frozen=True, slots=True)
class Columns:
    """`texts`: u64 (text fields, rows, 2), Arrow's views into the buffer; `numbers`: i64 (other fields, rows)."""

    texts: Words
    numbers: Vector

    @classmethod
    def room(cls, kinds: Vector, rows: int) -> "Columns":
        texts, numbers = int((kinds == TEXT).sum()), int(((kinds != TEXT) & (kinds != ITEMS)).sum())
        return cls(np.empty((texts, rows, VIEW), np.uint64), np.empty((numbers, rows), np.int64))

    def first(self, rows: int) -> "Columns":
        """So many of the rows."""
        return Columns(self.texts[:, :rows], self.numbers[:, :rows])


@dataclass(frozen=True, slots=True)
class Walked:
    """`fields` of the payloads that are not `bad`; `items` of the array of each of them, if the schema has one, by
    `item_rows`, places among all payloads."""

    bad: NDArray[np.bool_]
    fields: Columns
    items: Columns
    item_rows: Vector


def walk(schema_name: str, payloads: Packed) -> Walked:
    """Walk payloads that may be anything; never raises."""
    kinds, item_kinds = program(schema_name)
    rows = len(payloads)
    bad, fields = np.zeros(rows, np.bool_), Columns.room(kinds, rows)
    room = USUAL_ITEMS * rows if len(item_kinds) else 0
    while True:
        items, item_rows = Columns.room(item_kinds, room), np.empty(room, np.int64)
        found = _walk_all(
            payloads.buffer, payloads.begins, payloads.ends, kinds, item_kinds,
            fields.texts, fields.numbers, items.texts, items.numbers, item_rows, bad,
        )  # fmt: skip
        if found <= room:
            return Walked(bad, fields.first(rows - int(bad.sum())), items.first(found), item_rows[:found])
        room = found


@lru_cache
def program(schema_name: str) -> tuple[Vector, Vector]:
    """What the fields of a record are, and those of the items of its array, in the order of the schema."""
    fields: Sequence[Any] = avro(schema_name)["fields"]
    items = next((f["type"]["items"]["fields"] for f in fields if _kind(f) == ITEMS), ())
    return np.array([_kind(f) for f in fields], np.int64), np.array([_kind(f) for f in items], np.int64)


def _kind(field: Any) -> int:
    kind = field["type"]
    return _KINDS[kind if isinstance(kind, str) else kind["type"]]


@compiled
def _walk_all(
    buffer: Bytes, begins: Vector, ends: Vector, kinds: Vector, item_kinds: Vector,
    texts: Words, numbers: Vector, item_texts: Words, item_numbers: Vector, item_rows: Vector, bad: NDArray[np.bool_],
) -> int:  # fmt: skip
    """How many items there are; those beyond the room for them are walked and not kept."""
    items = kept = 0
    for row in range(len(begins)):
        at, first = begins[row], items
        text = number = 0
        for kind in kinds:
            if kind == ITEMS:
                at, items = _array(buffer, at, ends[row], item_kinds, item_texts, item_numbers, items)
            else:
                at = _field(buffer, at, ends[row], kind, texts, text, numbers, number, kept)
                text, number = text + (kind == TEXT), number + (kind != TEXT)
            if at == WRONG:
                break
        bad[row] = at != ends[row]
        kept, items = (kept, first) if bad[row] else (kept + 1, items)
        for item in range(first, min(items, len(item_rows))):
            item_rows[item] = row
    return items


@compiled
def _array(
    buffer: Bytes, at: int, end: int, kinds: Vector, texts: Words, numbers: Vector, items: int
) -> tuple[int, int]:
    """Blocks of items until an empty one; a block with a negative count names its size in bytes, too."""
    most = items + MOST_LINES
    while True:
        count, at = read_long(buffer, at, end)
        if count < 0 and at != WRONG:
            count = -count
            _, at = read_long(buffer, at, end)
        if at == WRONG or count == 0:
            return at, items
        if count < 0 or count > most - items:
            return WRONG, items
        for _ in range(count):
            text = number = 0
            for kind in kinds:
                at = _field(buffer, at, end, kind, texts, text, numbers, number, items)
                if at == WRONG:
                    return WRONG, items
                text, number = text + (kind == TEXT), number + (kind != TEXT)
            items += 1


@inlined
def _field(
    buffer: Bytes, at: int, end: int, kind: int, texts: Words, text: int, numbers: Vector, number: int, row: int
) -> int:
    """Note one field, if there is room for it, and step over it."""
    value = int(np.int64(buffer[at])) if at < end else MORE
    if value < MORE:  # most numbers and lengths are one byte
        at += 1
        value = (value >> 1) ^ -(value & 1)
    else:
        value, at = read_long(buffer, at, end)
        if at == WRONG:
            return WRONG
    if kind == TEXT:
        if value < 0 or value > end - at or not is_text(buffer, at, at + value):
            return WRONG
        if row < texts.shape[1]:
            write_view(buffer, at, value, texts[text, row])
        return at + value
    if kind == DECIMAL:
        if value < 0 or value > WIDEST_DECIMAL or value > end - at:
            return WRONG
        value, at = _twos_complement(buffer, at, value), at + value
    elif kind == INT and not -(2**31) <= value < 2**31:
        return WRONG
    if row < numbers.shape[1]:
        numbers[number, row] = value
    return at


@compiled
def read_long(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """An Avro long and the position after it. The widest are left to fastavro, too: it knows where a long ends."""
    number = 0
    for place in range(WIDEST_LONG):
        if at >= end:
            break
        byte = np.int64(buffer[at])
        at += 1
        number |= (byte & 0x7F) << (7 * place)
        if byte < MORE:
            return int((number >> 1) ^ -(number & 1)), at
    return 0, WRONG


@compiled
def _twos_complement(buffer: Bytes, at: int, length: int) -> int:
    """Big-endian, of up to eight bytes."""
    if length == 0:
        return 0
    number = np.int64(-1 if buffer[at] & 0x80 else 0)
    for place in range(length):
        number = (number << 8) | np.int64(buffer[at + place])
    return int(number)

"""Many records of one output schema at once: their fields as flat columns, then one compiled loop that writes them.

Equal byte for byte to fastavro (a property test holds that).
"""
# pyright: reportUnknownParameterType=false

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from schemas.compiled import compiled, inlined
from schemas.contracts import avro, id_of
from schemas.framing import frame
from schemas.packed import Packed, Vector, parts
from schemas.words import Bytes, copy

# What a step writes. Its two numbers:
CONSTANT, TEXT, LONG, BOOLEAN, OPTION, ITEMS = range(6)
# CONSTANT: where it begins and ends in `data`; TEXT: its column in `places`; LONG, BOOLEAN: theirs in `numbers`;
# OPTION: where `numbers` say whether there is one, and how many steps write it;
# ITEMS: where `places` say from which item to which, and how many steps write each.
WIDEST = 10  # bytes of a long


@dataclass(slots=True)
class _Columns:
    """Columns one behind the other, and the steps that write a row of them. `room`: bytes that suffice for all rows."""

    steps: list[tuple[int, int, int]] = field(default_factory=lambda: list[tuple[int, int, int]]())
    numbers: list[Vector] = field(default_factory=lambda: list[Vector]())
    places: list[Vector] = field(default_factory=lambda: list[Vector]())
    data: list[Bytes] = field(default_factory=lambda: list[Bytes]())
    held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("numbers", "places", "data"), 0))
    room: int = 0

    def number(self, what: int, values: Any, more: int = 0) -> None:
        self.steps.append((what, self._keep("numbers", values.astype(np.int64)), more))
        self.room += WIDEST * len(values)

    def text(self, values: pa.LargeBinaryArray) -> None:
        offsets, data = parts(values)
        begin = self._keep("data", data[offsets[0] : offsets[-1]])
        self.steps.append((TEXT, self._keep("places", offsets - offsets[0] + begin), 0))
        self.room += len(data) + WIDEST * len(values)

    def constant(self, value: bytes, rows: int) -> None:
        begin = self._keep("data", np.frombuffer(value, np.uint8))
        self.steps.append((CONSTANT, begin, begin + len(value)))
        self.room += len(value) * rows

    def items(self, offsets: Vector, more: int) -> None:
        self.steps.append((ITEMS, self._keep("places", offsets - offsets[0]), more))
        self.room += (WIDEST + 1) * len(offsets)

    def _keep(self, name: str, values: Any) -> int:
        first = self.held[name]
        getattr(self, name).append(values)
        self.held[name] = first + len(values)
        return first

    def written(self, rows: int) -> tuple[Bytes, Vector]:
        """The bytes of all rows, and where each ends."""
        empty = np.empty(0, np.int64)
        out, ends = np.empty(self.room, np.uint8), np.empty(rows, np.int64)
        numbers, places = (np.concatenate([empty, *kept]) for kept in (self.numbers, self.places))
        _write(np.array(self.steps, np.int64), numbers, places, np.concatenate(self.data), out, ends)
        return out, ends


def encode_frame(schema_name: str, rows: pl.DataFrame) -> Packed:
    """Each row as a framed record; columns by field name, times as Int64 ms. An array of records is a list of
    structs or, where every row has as many, a struct of them.

    polars' ColumnNotFoundError when a field has no column; ValueError when a value is null that may not be.
    """
    fields = avro(schema_name)["fields"]
    table = rows[:, [f["name"] for f in fields]].to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    columns = _Columns()
    columns.constant(frame(id_of(schema_name), b""), len(rows))
    for f in fields:
        _add(columns, f["type"], _array(table.column(f["name"])))
    out, ends = columns.written(len(rows))
    begins = np.zeros(len(rows), np.int64)
    begins[1:] = ends[:-1]
    return Packed(out, begins, ends)


def _array(column: Any) -> Any:
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _add(columns: _Columns, kind: Any, values: Any) -> None:
    """What writes a field of each row."""
    if isinstance(kind, list):  # ["null", T]
        columns.number(OPTION, values.is_valid().cast(pa.int8()).to_numpy(), 1)
        return _add(columns, kind[1], values.fill_null(_ZERO[kind[1]]) if values.null_count else values)  # pyright: ignore
    name: str = kind if isinstance(kind, str) else kind["type"]
    if values.null_count:
        raise ValueError(f"a null where the schema has none ({name})")
    match name:
        case "array":
            _add_items(columns, kind["items"]["fields"], values)  # pyright: ignore
        case "string" | "bytes":
            columns.text(values.cast(pa.large_binary()))
        case "int" | "long":
            columns.number(LONG, values.to_numpy())
        case "boolean":
            columns.number(BOOLEAN, values.cast(pa.int8()).to_numpy())
        case other:
            raise ValueError(f"no encoding for {other}")


_ZERO = {"long": 0, "int": 0, "string": "", "bytes": b""}


def _add_items(columns: _Columns, fields: list[Any], values: Any) -> None:
    """An Avro array is one block of its items and an empty block; an empty array is the empty block alone."""
    if pa.types.is_struct(values.type):  # as many items in every row
        columns.constant(bytes([2 * values.type.num_fields]), len(values))
        for n in range(values.type.num_fields):
            for f in fields:
                _add(columns, f["type"], values.field(n).field(f["name"]))
        return columns.constant(b"\0", len(values))
    flat = values.flatten()
    columns.items(values.offsets.to_numpy().astype(np.int64), len(fields))
    for f in fields:
        _add(columns, f["type"], flat.field(f["name"]))


@inlined
def _long(number: int, out: Bytes, at: int) -> int:
    """An Avro long (framing.zigzag)."""
    rest = np.uint64((number << 1) ^ (number >> 63))
    while rest > np.uint64(0x7F):
        out[at] = (rest & np.uint64(0x7F)) | np.uint64(0x80)
        rest >>= np.uint64(7)
        at += 1
    out[at] = rest
    return at + 1


@inlined
def _leaf(
    steps: Vector, step: int, row: int, numbers: Vector, places: Vector, data: Bytes, out: Bytes, at: int
) -> int:
    """Write a field and say where it ends."""
    what, first, end = steps[step, 0], steps[step, 1], steps[step, 2]
    if what == LONG:
        return _long(int(numbers[first + row]), out, at)
    if what == BOOLEAN:
        out[at] = numbers[first + row]
        return at + 1
    if what == TEXT:
        first, end = places[first + row], places[first + row + 1]
        at = _long(int(end - first), out, at)
    return copy(data, int(first), int(end), out, at)


@compiled
def _write(steps: Vector, numbers: Vector, places: Vector, data: Bytes, out: Bytes, ends: Vector) -> None:
    at = 0
    for row in range(len(ends)):
        step = 0
        while step < len(steps):
            what, first, more = steps[step, 0], steps[step, 1], steps[step, 2]
            step += 1
            if what == ITEMS:
                begin, end = places[first + row], places[first + row + 1]
                if end > begin:
                    at = _long(int(end - begin), out, at)
                for item in range(begin, end):
                    for inner in range(step, step + more):
                        at = _leaf(steps, inner, item, numbers, places, data, out, at)
                out[at] = 0
                at += 1
                step += more
            elif what == OPTION:
                out[at] = 2 * numbers[first + row]
                at += 1
                step += 0 if numbers[first + row] else more
            else:
                at = _leaf(steps, step - 1, row, numbers, places, data, out, at)
        ends[row] = at

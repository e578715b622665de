"""Byte strings end to end in one buffer: many values without an object each."""
# pyright: reportUnknownParameterType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.words import U32, WORD, Bytes, Words, word

Vector = NDArray[np.int64]
VIEW = 2  # words of one of Arrow's string views
TEXT, BYTES = pa.string_view(), pa.binary_view()
INLINE = 12  # bytes of a string that stand in its view


@dataclass(frozen=True, slots=True)
class Packed:
    """String n is buffer[begins[n]:ends[n]]; a missing one ends before it begins."""

    buffer: Bytes
    begins: Vector
    ends: Vector

    @classmethod
    def of(cls, values: Sequence[bytes]) -> "Packed":
        """Copies of the values, one behind the other."""
        ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
        begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(values) else ends
        return cls(np.frombuffer(b"".join(values), np.uint8), begins, ends)

    @classmethod
    def of_column(cls, column: pl.Series) -> "Packed":
        """Copies of the texts or byte strings of a column; ValueError when one is missing."""
        if column.null_count():
            raise ValueError(f"{column.null_count()} values of {column.name!r} are missing")
        array: Any = column.cast(pl.Binary).rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        offsets, data = parts(array)
        places = offsets.copy()  # loops are compiled for arrays that may be written to
        return cls(data, places[:-1], places[1:])

    @classmethod
    def together(cls, some: Sequence["Packed"]) -> "Packed":
        """All of them, behind each other in one buffer."""
        first = np.cumsum([0, *(len(one.buffer) for one in some)])[:-1]
        shift = np.repeat(first, [len(one) for one in some])
        begins, ends = (np.concatenate(columns) for columns in zip(*((one.begins, one.ends) for one in some), strict=True))
        return cls(np.concatenate([one.buffer for one in some]), begins + shift, ends + shift)

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, row: int) -> bytes:
        """A copy of one; empty when it is missing."""
        begin = self.begins[row]
        return self.buffer[begin : max(begin, self.ends[row])].tobytes()

    @property
    def lengths(self) -> Vector:
        """In bytes; of a missing one 0."""
        return np.maximum(self.ends - self.begins, 0)

    def at(self, rows: Any) -> "Packed":
        """Those of some rows, of the same buffer."""
        return Packed(self.buffer, self.begins[rows], self.ends[rows])

    def views(self) -> pa.Array:
        """Byte strings that are views into the buffer; null where one is missing."""
        views = np.empty((len(self), VIEW), np.uint64)
        _view_all(self.buffer, self.begins, self.ends, views)
        missing = self.ends < self.begins
        valid = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
        return pa.Array.from_buffers(BYTES, len(self), [valid, pa.py_buffer(views), pa.py_buffer(self.buffer)])

    def binary(self) -> pl.Series:
        """The same as a Binary column."""
        return pl.Series(self.views())


def parts(values: pa.LargeBinaryArray) -> tuple[Vector, Bytes]:
    """Where each value begins, and the last one ends, in what data."""
    _, offsets, data = values.buffers()
    found = np.frombuffer(offsets, np.int64, len(values) + 1, values.offset * 8) if len(values) else np.zeros(1, np.int64)
    return found, np.frombuffer(data or b"", np.uint8)


def texts(buffer: pa.Buffer, views: Words) -> pa.Array:
    """Strings of views (rows, 2) into the buffer; whoever made them has checked that they are UTF-8."""
    return pa.Array.from_buffers(TEXT, len(views), [None, pa.py_buffer(views), buffer])


def as_frame(columns: Mapping[str, pa.Array]) -> pl.DataFrame:
    """The same bytes as a frame. All columns are handed over at once: one by one costs more than to read them."""
    return pl.DataFrame(pa.RecordBatch.from_pydict(columns))


@compiled
def write_view(buffer: Bytes, begin: int, length: int, view: Words) -> None:
    """Arrow's layout of one string: its length, then itself, or its first four bytes, buffer 0 and where it begins."""
    if length > INLINE:
        view[0] = np.uint64(length) | word(buffer, begin, 4) << U32
        view[1] = np.uint64(begin) << U32
    else:
        first = word(buffer, begin, length)
        view[0] = np.uint64(length) | first << U32
        view[1] = first >> U32 | word(buffer, begin + WORD, length - WORD) << U32


@compiled
def _view_all(buffer: Bytes, begins: Vector, ends: Vector, views: Words) -> None:
    for row in range(len(begins)):
        write_view(buffer, begins[row], max(0, ends[row] - begins[row]), views[row])

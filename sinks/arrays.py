"""Arrays as a statement's arguments, in PostgreSQL's binary form written at once from a column.

asyncpg writes an array element by element and asks of each whether it is a container: half a microsecond a key.
"""

import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.packed import Packed, Vector
from schemas.words import Bytes
from sinks.messages import write_sized

_HEAD = struct.Struct(">5i")  # of one dimension: dimensions, whether there are nulls, type of the elements, how many, from 1
_START = struct.Struct(">2i")
_LENGTH = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of array: its OIDs (fixed in PostgreSQL's pg_type.dat), the column it is made of, and of integers the code
    of Python's arrays."""

    name: str
    oid: int
    element: int
    column: type[pl.DataType]
    read: Callable[[bytes], Any]
    code: Literal["h", "i", "q"] | None = None

    def encoded(self, values: pl.Series | Sequence[Any]) -> bytes:
        """AssertionError, which asyncpg hands on as it is, when a value is null: keys never are."""
        if self.code and not isinstance(values, pl.Series):  # few, as a rule
            return self._head(len(values)) + _numbers(np.asarray(array(self.code, values)))
        column = values.cast(self.column) if isinstance(values, pl.Series) else pl.Series(values, dtype=self.column)
        assert not column.null_count(), f"{self.name}: {column.null_count()} nulls among the keys"
        return self._head(len(column)) + (_numbers(column.to_numpy()) if self.code else _texts(column))

    def _head(self, count: int) -> bytes:
        return _HEAD.pack(1, 0, self.element, count, 1)

    def decoded(self, data: bytes) -> list[Any]:
        """ValueError when it has several dimensions or nulls: our statements give neither."""
        dimensions, nulls = _START.unpack_from(data)
        if dimensions > 1 or nulls:
            raise ValueError(f"{self.name}: {dimensions} dimensions, nulls {nulls}")
        found: list[Any] = []
        at = _HEAD.size
        while at < len(data):
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            found.append(self.read(data[at : at + length]))
            at += length
        return found


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


KINDS = (
    Kind("_int2", 1005, 21, pl.Int16, _integer, "h"),
    Kind("_int4", 1007, 23, pl.Int32, _integer, "i"),
    Kind("_int8", 1016, 20, pl.Int64, _integer, "q"),
    Kind("_text", 1009, 25, pl.String, bytes.decode),
    Kind("_bytea", 1001, 17, pl.Binary, bytes),
)


def take_columns(connection: asyncpg.Connection) -> None:
    """From now on statements of this connection take columns, and lists too, for arrays of KINDS."""
    settings = connection.get_settings()
    for kind in KINDS:
        # what set_type_codec does, which allows it for scalars only
        settings.add_python_codec(kind.oid, kind.name, "pg_catalog", [], "scalar", kind.encoded, kind.decoded, "binary")


def _numbers(values: NDArray[np.integer]) -> bytes:
    elements = np.empty(len(values), [("length", ">i4"), ("value", values.dtype.newbyteorder(">"))])
    elements["length"], elements["value"] = values.itemsize, values
    return elements.tobytes()


def _texts(column: pl.Series) -> bytes:
    values = Packed.of_column(column)
    out = np.empty(int(values.lengths.sum()) + _LENGTH.size * len(values), np.uint8)
    _write_elements(values.buffer, values.begins, values.ends, out)
    return out.tobytes()


@compiled
def _write_elements(values: Bytes, begins: Vector, ends: Vector, out: Bytes) -> None:
    at = 0
    for row in range(len(begins)):
        at = write_sized(values, begins[row], ends[row], out, at)

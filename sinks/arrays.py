"""Arrays as a statement's arguments, in PostgreSQL's binary form written at once from a column.

asyncpg writes an array element by element and asks of each whether it is a container: half a microsecond a key.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np
import polars as pl

from schemas.compiled import compiled
from schemas.packed import Packed, Vector
from schemas.words import Bytes
from sinks.messages import write_sized

_HEAD = struct.Struct(">5i")  # of one dimension: dimensions, whether there are nulls, type of the elements, how many, from 1
_START = struct.Struct(">2i")
_LENGTH = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of array: its OIDs (fixed in PostgreSQL's pg_type.dat) and the column it is made of."""

    name: str
    oid: int
    element: int
    column: type[pl.DataType]
    read: Callable[[bytes], Any]

    def encoded(self, values: pl.Series | Sequence[Any]) -> bytes:
        """AssertionError, which asyncpg hands on as it is, when a value is null: keys never are."""
        column = values.cast(self.column) if isinstance(values, pl.Series) else pl.Series(values, dtype=self.column)
        assert not column.null_count(), f"{self.name}: {column.null_count()} nulls among the keys"
        elements = _numbers(column) if column.dtype.is_integer() else _texts(column)
        return _HEAD.pack(1, 0, self.element, len(column), 1) + elements

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
    Kind("_int2", 1005, 21, pl.Int16, _integer),
    Kind("_int4", 1007, 23, pl.Int32, _integer),
    Kind("_int8", 1016, 20, pl.Int64, _integer),
    Kind("_text", 1009, 25, pl.String, bytes.decode),
    Kind("_bytea", 1001, 17, pl.Binary, bytes),
)


def take_columns(connection: asyncpg.Connection) -> None:
    """From now on statements of this connection take columns, and lists too, for arrays of KINDS."""
    settings = connection.get_settings()
    for kind in KINDS:
        # what set_type_codec does, which allows it for scalars only
        settings.add_python_codec(kind.oid, kind.name, "pg_catalog", [], "scalar", kind.encoded, kind.decoded, "binary")


def _numbers(column: pl.Series) -> bytes:
    values = column.to_numpy()
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

"""Walked payloads become polars columns without being copied: texts are views into the payloads themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from schemas.contracts import avro
from schemas.walk import Items, Span, Vector, Walked, walk

INLINE = 12  # bytes of a text that stand in its view
_KEEP = np.tril(np.full((INLINE + 1, INLINE), 0xFF, np.uint8), -1)  # row n keeps the first n bytes


@dataclass(frozen=True, slots=True)
class Block:
    """`frame`: one row a payload that is none of `alone`, with its `row`, texts, ints and unscaled decimals as integers;
    `lines`: the items of its array, if the schema has one, by `row` and `position` from 1."""

    frame: pl.DataFrame
    lines: pl.DataFrame
    alone: list[int]


def read_block(schema_name: str, payloads: Sequence[bytes]) -> Block:
    """Decode what is exactly one record of the schema; `alone` are the others, and a few that are not worth it here."""
    walked = walk(schema_name, payloads)
    good = np.flatnonzero(~walked.bad)
    fields = avro(schema_name)["fields"]
    lines = pl.DataFrame(schema={"row": pl.UInt32})
    columns: dict[str, pl.Series] = {"row": pl.Series(good.astype(np.uint32))}
    for f in fields:
        found = walked.fields[f["name"]]
        if isinstance(found, Items):
            lines = _lines(walked, f["type"]["items"]["fields"], found)
        else:
            columns[f["name"]] = _column(walked, f["type"], found, good)
    return Block(pl.DataFrame(columns), lines, np.flatnonzero(walked.bad).tolist())


def _lines(walked: Walked, fields: Sequence[Any], items: Items) -> pl.DataFrame:
    kept = np.flatnonzero(~walked.bad[items.rows])
    rows = items.rows[kept]
    first = np.searchsorted(rows, rows, side="left")
    columns = {"row": pl.Series(rows.astype(np.uint32))}
    for f in fields:
        columns[f["name"]] = _column(walked, f["type"], items.fields[f["name"]], kept)
    columns["position"] = pl.Series((np.arange(len(rows)) - first + 1).astype(np.int16))
    return pl.DataFrame(columns)


def _column(walked: Walked, kind: Any, found: Any, chosen: Vector) -> pl.Series:
    if isinstance(found, Span):
        begin, end = found.begin[chosen], found.end[chosen]
        return _texts(walked.buffer, begin, end) if kind == "string" else _integers(walked.buffer, begin, end)
    return pl.Series(found[chosen].astype(np.int32) if kind == "int" else found[chosen])


def _texts(buffer: NDArray[np.uint8], begin: Vector, end: Vector) -> pl.Series:
    """Arrow's string views: length, then the text itself or its first four bytes, buffer 0 and where it begins."""
    length = end - begin
    views = np.empty((len(begin), 4), np.uint32)
    views[:, 0] = length
    head = _at(buffer, f"V{INLINE}", begin).view(np.uint8).reshape(-1, INLINE)
    views[:, 1:] = (head & _KEEP[np.minimum(length, INLINE)]).view(np.uint32)
    long = length > INLINE
    views[long, 2] = 0
    views[long, 3] = begin[long]
    buffers = [None, pa.py_buffer(views), pa.py_buffer(buffer)]
    found: Any = pl.from_arrow(pa.Array.from_buffers(pa.string_view(), len(begin), buffers))
    return found


def _integers(buffer: NDArray[np.uint8], begin: Vector, end: Vector) -> pl.Series:
    """Two's complement, big-endian, of up to eight bytes: the last eight, shifted out and back with their sign."""
    shift = 64 - 8 * (end - begin)
    number = _at(buffer, ">i8", end - 8).astype(np.int64)
    return pl.Series(np.where(shift < 64, (number << (shift & 63)) >> (shift & 63), 0))


def _at(buffer: NDArray[np.uint8], kind: str, positions: Vector) -> Any:
    """What begins at each position, read as `kind`."""
    size = np.dtype(kind).itemsize
    return np.ndarray((len(buffer) - size + 1,), kind, buffer, strides=(1,))[positions]

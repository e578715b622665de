"""Walked payloads become polars columns without being copied: texts are views into the payloads themselves."""
# pyright: reportUnknownParameterType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from schemas.contracts import avro
from schemas.packed import TEXT, Packed, Vector, as_frame, texts
from schemas.walk import Columns, walk

NO_LINES = pl.DataFrame(schema={"row": pl.UInt32})  # of a schema without an array
_TYPES = {"string": TEXT, "int": pa.int32(), "long": pa.int64(), "bytes": pa.int64()}


@dataclass(frozen=True, slots=True)
class Block:
    """`frame`: one row a payload that is none of `alone`, with its `row`, texts, ints and unscaled decimals as integers;
    `lines`: the items of its array, if the schema has one, by `row` and `position` from 1, else NO_LINES;
    `alone`: places of payloads."""

    frame: pl.DataFrame
    lines: pl.DataFrame
    alone: list[int]


def read_block(schema_name: str, payloads: Packed, rows: Vector) -> Block:
    """Decode what is exactly one record of the schema; `alone` are the others, and those with a decimal or number too
    wide for the walk. `rows`: what each payload is known by."""
    walked = walk(schema_name, payloads)
    fields, of_items = _types(schema_name)
    buffer = pa.py_buffer(payloads.buffer)
    frame = as_frame({"row": pa.array(rows[~walked.bad], pa.uint32())} | _columns(buffer, fields, walked.fields))
    lines = NO_LINES
    if of_items:
        places = walked.item_rows
        position = np.arange(1, len(places) + 1) - np.searchsorted(places, places)
        numbered = {"row": pa.array(rows[places], pa.uint32()), "position": pa.array(position, pa.int16())}
        lines = as_frame(numbered | _columns(buffer, of_items, walked.items))
    return Block(frame, lines, np.flatnonzero(walked.bad).tolist())


def _columns(buffer: pa.Buffer, types: Mapping[str, pa.DataType], found: Columns) -> dict[str, pa.Array]:
    of_texts, numbers = iter(found.texts), iter(found.numbers)
    return {
        name: texts(buffer, next(of_texts)) if kind == TEXT else pa.array(next(numbers), kind) for name, kind in types.items()
    }


@lru_cache
def _types(schema_name: str) -> tuple[Mapping[str, pa.DataType], Mapping[str, pa.DataType]]:
    """What the fields of a record become, and those of the items of its array, in the order of the schema."""
    fields: Sequence[Any] = avro(schema_name)["fields"]
    items = next((f["type"]["items"]["fields"] for f in fields if _name(f) == "array"), ())
    own = {f["name"]: _TYPES[_name(f)] for f in fields if _name(f) != "array"}
    return own, {f["name"]: _TYPES[_name(f)] for f in items}


def _name(field: Any) -> str:
    kind = field["type"]
    return kind if isinstance(kind, str) else kind["type"]

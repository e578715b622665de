"""Walked payloads become polars columns without being copied: texts are views into the payloads themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from schemas.contracts import avro
from schemas.packed import Bytes, Packed, Vector, texts
from schemas.walk import Columns, walk


@dataclass(frozen=True, slots=True)
class Block:
    """`frame`: one row a payload that is none of `alone`, with its `row`, texts, ints and unscaled decimals as integers;
    `lines`: the items of its array, if the schema has one, by `row` and `position` from 1; `alone`: places of payloads."""

    frame: pl.DataFrame
    lines: pl.DataFrame
    alone: list[int]


def read_block(schema_name: str, payloads: Packed, rows: Vector) -> Block:
    """Decode what is exactly one record of the schema; `alone` are the others, and those with a decimal or number too
    wide for the walk. `rows`: what each payload is known by."""
    walked = walk(schema_name, payloads)
    fields: Sequence[Any] = avro(schema_name)["fields"]
    columns = {"row": pa.array(rows[~walked.bad].astype(np.uint32))} | _columns(payloads.buffer, fields, walked.fields)
    items = next((f["type"]["items"]["fields"] for f in fields if _name(f) == "array"), None)
    lines = pl.DataFrame(schema={"row": pl.UInt32})
    if items is not None:
        lines = _lines(payloads.buffer, items, walked.items, walked.item_rows, rows)
    return Block(_frame(columns), lines, np.flatnonzero(walked.bad).tolist())


def _lines(buffer: Bytes, fields: Sequence[Any], items: Columns, places: Vector, rows: Vector) -> pl.DataFrame:
    first = np.searchsorted(places, places, side="left")
    columns = {"row": pa.array(rows[places].astype(np.uint32))} | _columns(buffer, fields, items)
    columns["position"] = pa.array((np.arange(len(places)) - first + 1).astype(np.int16))
    return _frame(columns)


def _columns(buffer: Bytes, fields: Sequence[Any], found: Columns) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    text = number = 0
    for f in fields:
        match _name(f):
            case "array":
                continue
            case "string":
                columns[f["name"]] = texts(buffer, found.texts[text])
                text += 1
            case name:
                values = found.numbers[number]
                columns[f["name"]] = pa.array(values.astype(np.int32) if name == "int" else values)
                number += 1
    return columns


def _frame(columns: dict[str, pa.Array]) -> pl.DataFrame:
    """All columns are handed over at once: one by one costs more than to read them."""
    found: Any = pl.from_arrow(pa.RecordBatch.from_pydict(columns))
    return found


def _name(field: Any) -> str:
    kind = field["type"]
    return kind if isinstance(kind, str) else kind["type"]

"""Walked payloads become polars columns without being copied: texts are views into the payloads themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from schemas.contracts import avro
from schemas.packed import Bytes, Packed, Vector, texts
from schemas.walk import Columns, walk


@dataclass(frozen=True, slots=True)
class Block:
    """`frame`: one row a payload that is none of `alone`, with its `row`, texts, ints and unscaled decimals as integers;
    `lines`: the items of its array, if the schema has one, by `row` and `position` from 1."""

    frame: pl.DataFrame
    lines: pl.DataFrame
    alone: list[int]


def read_block(schema_name: str, payloads: Packed) -> Block:
    """Decode what is exactly one record of the schema; `alone` are the others, and those with a decimal or number too wide for the walk."""
    walked = walk(schema_name, payloads)
    fields: Sequence[Any] = avro(schema_name)["fields"]
    good = np.flatnonzero(~walked.bad)
    chosen = slice(None) if len(good) == len(payloads) else good
    columns = {"row": pl.Series(good.astype(np.uint32))} | _columns(payloads.buffer, fields, walked.fields, chosen)
    items = next((f["type"]["items"]["fields"] for f in fields if _name(f) == "array"), None)
    lines = pl.DataFrame(schema={"row": pl.UInt32})
    if items is not None:
        lines = _lines(payloads.buffer, items, walked.items, walked.item_rows)
    return Block(pl.DataFrame(columns), lines, np.flatnonzero(walked.bad).tolist())


def _lines(buffer: Bytes, fields: Sequence[Any], items: Columns, rows: Vector) -> pl.DataFrame:
    first = np.searchsorted(rows, rows, side="left")
    columns = {"row": pl.Series(rows.astype(np.uint32))} | _columns(buffer, fields, items, slice(None))
    columns["position"] = pl.Series((np.arange(len(rows)) - first + 1).astype(np.int16))
    return pl.DataFrame(columns)


def _columns(buffer: Bytes, fields: Sequence[Any], found: Columns, chosen: Any) -> dict[str, pl.Series]:
    columns: dict[str, pl.Series] = {}
    text = number = 0
    for f in fields:
        match _name(f):
            case "array":
                continue
            case "string":
                columns[f["name"]] = texts(buffer, found.texts[text][chosen])
                text += 1
            case name:
                values = found.numbers[number][chosen]
                columns[f["name"]] = pl.Series(values.astype(np.int32) if name == "int" else values)
                number += 1
    return columns


def _name(field: Any) -> str:
    kind = field["type"]
    return kind if isinstance(kind, str) else kind["type"]

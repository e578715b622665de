"""Many documents at once: decode into tables whose amounts are bound-checked integers (docs/decisions.md section 1)."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import fastavro
import numpy as np
import polars as pl
import pyarrow as pa

from schemas.amounts import MONEY, QUANTITY, Amounts, bounded
from schemas.block import NO_LINES, read_block
from schemas.codec import MAX_VALUE, OUT_OF_TIME, unfit
from schemas.compiled import compiled
from schemas.contracts import avro, newest, schemas_of
from schemas.framing import CONFLUENT_HEAD, FramingError, split
from schemas.packed import Bytes, Packed, Vector, as_frame

END_OF_TIME_MS = 253_402_300_800_000  # 10000-01-01; earlier than 1970 is no time of this business either
MILLISECONDS = pl.Datetime("ms", "UTC")
BEYOND = 2**62  # stands for any decimal that is larger: beyond every bound


@dataclass(frozen=True, slots=True)
class Decoded:
    """`frame`: the fields of the newest schema, decimals as Int64 `<field>_e5` (null when out of bounds), `amount_out`,
    `amount_fine`; `rows`: the index into the values of each of its rows. `lines`: `position` from 1 and the line's
    fields; `line_rows`: the index of each's order. Neither is in the order of the values. `undecodable`: (row, code,
    reason); `alone`: values decoded one by one."""

    frame: pl.DataFrame
    rows: Vector
    lines: pl.DataFrame
    line_rows: Vector
    undecodable: list[tuple[int, str, str]]
    alone: int


@dataclass(slots=True)
class _Work:
    """What has been decoded so far, in the shape of the kind's newest schema; `singles` by schema name."""

    kind: str
    frames: list[pl.DataFrame] = field(default_factory=lambda: list[pl.DataFrame]())
    lines: list[pl.DataFrame] = field(default_factory=lambda: list[pl.DataFrame]())
    singles: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: dict[str, list[dict[str, Any]]]())
    undecodable: list[tuple[int, str, str]] = field(default_factory=lambda: list[tuple[int, str, str]]())
    alone: int = 0

    def add(self, name: str, frame: pl.DataFrame, lines: pl.DataFrame) -> None:
        """Decoded by the schema `name`; what an older one lacks has its default."""
        if lacking := _defaults(self.kind, name):
            frame = frame.with_columns(lacking)[:, ["row", *_schema(newest(self.kind))]]
        self.frames.append(frame)
        self.lines.append(lines)

    def add_singles(self) -> None:
        """Turn the records decoded one by one into tables."""
        for name, records in self.singles.items():
            lines = [
                {"row": r["row"], "position": n, **line} for r in records for n, line in enumerate(r.pop("orderList", ()), 1)
            ]
            frame = pl.DataFrame(records, schema={"row": pl.UInt32, **_schema(name)}, orient="row")
            self.add(name, frame, pl.DataFrame(lines, schema={"row": pl.UInt32, **_line_schema()}, orient="row"))


def decode_columns(kind: str, values: Packed) -> Decoded:
    """Decode framed values of one kind; one that is no document lands in `undecodable` and harms no other."""
    work = _Work(kind)
    for schema_id, (rows, begins) in _by_schema(kind, values, work).items():
        _decode(work, schemas_of(kind)[schema_id], rows, Packed(values.buffer, begins, values.ends[rows]))
    work.add_singles()
    frame, lines = _together(work.frames, _schema(newest(kind))), NO_LINES
    if kind == "order":
        lines = _together(work.lines, _line_schema())
    frame, lines = _in_time(frame, lines, work)
    rows, line_rows, amounts = _rows(frame), _rows(lines), bounded(frame)
    if kind == "order":
        lines = _judged_lines(lines, line_rows, rows, amounts)
    flags = {"amount_out": pa.array(amounts.out), "amount_fine": pa.array(amounts.fine)}
    frame = frame.select(_others(kind)).hstack(as_frame(amounts.columns | flags))
    return Decoded(frame, rows, lines, line_rows, sorted(work.undecodable), work.alone)


def _together(parts: Sequence[pl.DataFrame], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.concat(parts) if parts else pl.DataFrame(schema={"row": pl.UInt32, **schema})


def _rows(table: pl.DataFrame) -> Vector:
    return table.get_column("row").to_numpy()


def _in_time(frame: pl.DataFrame, lines: pl.DataFrame, work: _Work) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Without the documents that hold a time outside of time."""
    late = np.zeros(len(frame), np.bool_)
    for name in _times(work.kind):
        times = frame.get_column(name).to_numpy()
        late |= (times < 0) | (times >= END_OF_TIME_MS)
    if not late.any():
        return frame, lines
    rows = _rows(frame)[late]
    work.undecodable += [(row, "DL-01", OUT_OF_TIME) for row in rows.tolist()]
    return frame.filter(pl.Series(~late)), lines.filter(pl.Series(~np.isin(_rows(lines), rows)))


def _judged_lines(lines: pl.DataFrame, line_rows: Vector, rows: Vector, of_orders: Amounts) -> pl.DataFrame:
    """The lines of the orders `rows` with their amounts; an order with such a line is noted itself."""
    amounts = bounded(lines)
    for of_lines, of_rows in ((amounts.out, of_orders.out), (amounts.fine, of_orders.fine)):
        if of_lines.any():
            of_rows |= np.isin(rows, line_rows[of_lines])
    return lines.select(_others("line")).hstack(as_frame(amounts.columns))


@lru_cache
def _others(of: str) -> list[pl.Expr]:
    """The columns of a kind's documents, or of lines, that are no decimals."""
    schema, times = (_line_schema(), ()) if of == "line" else (_schema(newest(of)), _times(of))
    plain = [name for name in schema if name not in MONEY | QUANTITY and name not in times]
    return [pl.col(plain), *(pl.col(name).cast(MILLISECONDS) for name in times)]


def _by_schema(kind: str, values: Packed, work: _Work) -> dict[int, tuple[Vector, Vector]]:
    """schema id → rows, and where their payloads begin."""
    lengths = values.lengths
    ids = np.where(lengths <= MAX_VALUE, _confluent_ids(values), -1)
    begins = values.begins + CONFLUENT_HEAD
    for row in np.flatnonzero(np.logical_and.reduce([ids != i for i in schemas_of(kind)])).tolist():
        try:
            if lengths[row] > MAX_VALUE:
                raise FramingError("DL-01", "the value is larger than a document may be")
            ids[row], head = split(kind, values[row])
            begins[row] = values.begins[row] + head
        except FramingError as e:
            ids[row] = -1
            work.undecodable.append((row, e.code, e.reason))
    found = {i: np.flatnonzero(ids == i) for i in schemas_of(kind)}
    return {i: (rows, begins[rows]) for i, rows in found.items() if len(rows)}


def _confluent_ids(values: Packed) -> Vector:
    """The schema id of each value in Confluent framing; -1 of any other, and of one that is too short."""
    ids = np.empty(len(values), np.int64)
    _note_ids(values.buffer, values.begins, values.ends, ids)
    return ids


@compiled
def _note_ids(buffer: Bytes, begins: Vector, ends: Vector, ids: Vector) -> None:
    for row in range(len(begins)):
        at = begins[row]
        ids[row] = -1
        if ends[row] - at >= CONFLUENT_HEAD and buffer[at] == 0:
            ids[row] = 0
            for place in range(1, CONFLUENT_HEAD):
                ids[row] = ids[row] << 8 | buffer[at + place]


def _decode(work: _Work, name: str, rows: Vector, payloads: Packed) -> None:
    """All at once; what a block is not for, one by one."""
    block = read_block(name, payloads, rows)
    work.add(name, block.frame, block.lines)
    for position in block.alone:
        _decode_one(work, name, int(rows[position]), payloads[position])


def _decode_one(work: _Work, name: str, row: int, payload: bytes) -> None:
    """The bottom: fastavro, without logical types so that no value can be too large for them."""
    work.alone += 1
    stream = io.BytesIO(payload)
    try:
        record: Any = fastavro.schemaless_reader(stream, _plain(name), None)
    except Exception as e:  # fastavro raises whatever the bytes lead it to
        work.undecodable.append((row, "DL-01", f"the payload does not decode ({type(e).__name__})"))
        return
    if stream.tell() != len(payload):
        work.undecodable.append((row, "DL-01", "bytes are left over after the document"))
        return
    if why := unfit(name, record):
        work.undecodable.append((row, "DL-01", why))
        return
    work.singles.setdefault(name, []).append({"row": row, **_unscaled(record)})


@lru_cache
def _plain(name: str) -> Any:
    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            if "logicalType" in node:
                return node["type"]  # pyright: ignore
            return {k: strip(v) for k, v in node.items()}  # pyright: ignore
        return [strip(x) for x in node] if isinstance(node, list) else node  # pyright: ignore

    return fastavro.parse_schema(strip(avro(name)), named_schemas={})


def _unscaled(record: dict[str, Any]) -> dict[str, Any]:
    """Decimal bytes (two's complement, big-endian) as integers."""
    for key, value in record.items():
        if isinstance(value, bytes):
            record[key] = max(-BEYOND, min(BEYOND, int.from_bytes(value, "big", signed=True)))
        elif isinstance(value, list):
            record[key] = [_unscaled(item) for item in value]  # pyright: ignore
    return record


@lru_cache
def _schema(name: str) -> dict[str, Any]:
    """polars types of a schema's own fields; its lines are a table of their own."""
    return {f["name"]: t for f in avro(name)["fields"] if (t := _type(f["type"])) is not None}


@lru_cache
def _line_schema() -> dict[str, Any]:
    """polars types of an order line."""
    items = next(f["type"]["items"] for f in avro(newest("order"))["fields"] if f["name"] == "orderList")
    return {"position": pl.Int16} | {f["name"]: _type(f["type"]) for f in items["fields"]}


def _type(node: Any) -> Any:
    if isinstance(node, str):
        return {"string": pl.String, "int": pl.Int32, "long": pl.Int64}[node]
    return pl.Int64 if node.get("logicalType") else None


@lru_cache
def _defaults(kind: str, name: str) -> list[pl.Expr]:
    """What documents of the schema `name` get for the fields that it lacks of the kind's newest."""
    wanted = _schema(newest(kind))
    return [
        pl.lit(f["default"], wanted[f["name"]]).alias(f["name"])
        for f in avro(newest(kind))["fields"]
        if f["name"] in wanted.keys() - _schema(name).keys()
    ]


@lru_cache
def _times(kind: str) -> tuple[str, ...]:
    fields = avro(newest(kind))["fields"]
    return tuple(
        f["name"] for f in fields if isinstance(f["type"], dict) and f["type"].get("logicalType") == "timestamp-millis"
    )

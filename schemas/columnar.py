"""Many documents at once: decode into tables whose amounts are bound-checked integers (docs/decisions.md section 1)."""

import io
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import fastavro
import numpy as np
import polars as pl

from schemas.block import read_block
from schemas.codec import MAX_VALUE, OUT_OF_TIME, unfit
from schemas.compiled import compiled
from schemas.contracts import avro, newest, schemas_of
from schemas.framing import CONFLUENT_HEAD, FramingError, split
from schemas.packed import Bytes, Packed, Vector

MONEY = {
    "goodsValue", "freight", "discount", "taxTotal", "actualPaid", "price", "totalPrice", "amountPaid", "insuredFee",
}  # fmt: skip
QUANTITY = {"qty", "weight"}
BOUND_E5 = 10**14  # CNY 10^9, or 10^9 units, in 10^-5
FEN_E5 = 1000
END_OF_TIME_MS = 253_402_300_800_000  # 10000-01-01; earlier than 1970 is no time of this business either
MILLISECONDS = pl.Datetime("ms", "UTC")
BEYOND = 2**62  # stands for any decimal that is larger: beyond every bound


@dataclass(frozen=True, slots=True)
class Decoded:
    """`frame`: `row` (index into the values) and the fields of the newest schema, decimals as Int64 `<field>_e5`
    (null when out of bounds), `amount_out`, `amount_fine`; `lines`: `row`, `position` from 1 and the line's fields.
    Neither is in the order of the values. `undecodable`: (row, code, reason); `alone`: values decoded one by one."""

    frame: pl.DataFrame
    lines: pl.DataFrame
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

    def add(self, frame: pl.DataFrame, lines: pl.DataFrame) -> None:
        self.frames.append(_shape(_schema(newest(self.kind)), _defaults(self.kind), frame))
        if self.kind == "order":
            self.lines.append(_shape(_line_schema(), {}, lines))

    def add_singles(self) -> None:
        """Turn the records decoded one by one into tables."""
        for name, records in self.singles.items():
            lines = [
                {"row": r["row"], "position": n, **line} for r in records for n, line in enumerate(r.pop("orderList", ()), 1)
            ]
            frame = pl.DataFrame(records, schema={"row": pl.UInt32, **_schema(name)}, orient="row")
            self.add(frame, pl.DataFrame(lines, schema={"row": pl.UInt32, **_line_schema()}, orient="row"))


def decode_columns(kind: str, values: Packed) -> Decoded:
    """Decode framed values of one kind; one that is no document lands in `undecodable` and harms no other."""
    work = _Work(kind)
    for schema_id, (rows, begins) in _by_schema(kind, values, work).items():
        _decode(work, schemas_of(kind)[schema_id], rows, Packed(values.buffer, begins, values.ends[rows]))
    work.add_singles()
    frame = pl.concat([pl.DataFrame(schema={"row": pl.UInt32, **_schema(newest(kind))}), *work.frames])
    lines = pl.concat([pl.DataFrame(schema={"row": pl.UInt32, **_line_schema()}), *work.lines])
    times = _times(kind)
    in_time = frame.select(pl.all_horizontal(pl.col(t).is_between(0, END_OF_TIME_MS, closed="left") for t in times))
    if not in_time.to_series().all():
        late = frame.filter(~in_time.to_series())["row"]
        work.undecodable += [(row, "DL-01", OUT_OF_TIME) for row in late.to_list()]
        frame = frame.filter(in_time.to_series())
        lines = lines.filter(~pl.col("row").is_in(late.implode()))
    frame = _amounts(frame, lines).with_columns(pl.col(t).cast(MILLISECONDS) for t in times)
    work.undecodable.sort()
    return Decoded(frame, _line_amounts(lines), work.undecodable, work.alone)


def _by_schema(kind: str, values: Packed, work: _Work) -> dict[int, tuple[Vector, Vector]]:
    """schema id → rows, and where their payloads begin."""
    lengths = values.lengths
    ids = np.where(lengths <= MAX_VALUE, _confluent_ids(values), -1)
    begins = values.begins + CONFLUENT_HEAD
    for row in np.flatnonzero(~np.isin(ids, list(schemas_of(kind)))).tolist():
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
    block = read_block(name, payloads)
    number = pl.Series(rows.astype(np.uint32))
    work.add(*(part.with_columns(number[part["row"]].alias("row")) for part in (block.frame, block.lines)))
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
def _defaults(kind: str) -> dict[str, Any]:
    """What an older version's documents get for the fields it lacks."""
    return {f["name"]: f["default"] for f in avro(newest(kind))["fields"] if "default" in f}


def _shape(schema: dict[str, Any], defaults: dict[str, Any], part: pl.DataFrame) -> pl.DataFrame:
    """The columns of the newest version, in its order."""
    missing = [name for name in schema if name not in part.columns]
    return part.with_columns(pl.lit(defaults[name], schema[name]).alias(name) for name in missing).select("row", *schema)


@lru_cache
def _times(kind: str) -> tuple[str, ...]:
    fields = avro(newest(kind))["fields"]
    return tuple(
        f["name"] for f in fields if isinstance(f["type"], dict) and f["type"].get("logicalType") == "timestamp-millis"
    )


def _verdicts(frame: pl.DataFrame) -> tuple[list[pl.Expr], list[pl.Expr], list[str]]:
    """Expressions per decimal column: out of bounds, and too fine."""
    out: list[pl.Expr] = []
    fine: list[pl.Expr] = []
    names = [c for c in frame.columns if c in MONEY or c in QUANTITY]
    for name in names:
        column = pl.col(name)
        beyond = (column > BOUND_E5) | (column < (0 if name in MONEY else -BOUND_E5))
        out.append(beyond)
        if name in MONEY:
            fine.append(~beyond & (column % FEN_E5 != 0))
    return out, fine, names


def _amounts(frame: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    out, fine, names = _verdicts(frame)
    frame = frame.with_columns(amount_out=pl.any_horizontal(out), amount_fine=pl.any_horizontal(fine))
    if len(lines):
        line_out, line_fine, _ = _verdicts(lines)
        bad = lines.select("row", o=pl.any_horizontal(line_out), f=pl.any_horizontal(line_fine)).filter(
            pl.col("o") | pl.col("f")
        )
        if len(bad):
            rows_out, rows_fine = (bad.filter(c)["row"].implode() for c in ("o", "f"))
            frame = frame.with_columns(
                amount_out=pl.col("amount_out") | pl.col("row").is_in(rows_out),
                amount_fine=pl.col("amount_fine") | pl.col("row").is_in(rows_fine),
            )
    return frame.with_columns(_bounded(names)).drop(names)


def _line_amounts(lines: pl.DataFrame) -> pl.DataFrame:
    _, _, names = _verdicts(lines)
    return lines.with_columns(_bounded(names)).drop(names) if names else lines


def _bounded(names: list[str]) -> list[pl.Expr]:
    return [
        pl.when((pl.col(n) <= BOUND_E5) & (pl.col(n) >= (0 if n in MONEY else -BOUND_E5)))
        .then(pl.col(n))
        .cast(pl.Int64)
        .alias(f"{n}_e5")
        for n in names
    ]

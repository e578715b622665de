"""Many documents at once: decode into tables whose amounts are bound-checked integers (docs/decisions.md section 1)."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import fastavro
import polars as pl

from schemas.codec import MAX_VALUE, OUT_OF_TIME, TOO_WIDE, ints_fit
from schemas.container import Unreadable, read_block
from schemas.contracts import avro, newest, schemas_of
from schemas.framing import FramingError, split
from schemas.walk import unsound

MONEY = {
    "goodsValue", "freight", "discount", "taxTotal", "actualPaid", "price", "totalPrice", "amountPaid", "insuredFee",
}  # fmt: skip
QUANTITY = {"qty", "weight"}
BOUND_E5 = 10**14  # CNY 10^9, or 10^9 units, in 10^-5
FEN_E5 = 1000
END_OF_TIME_MS = 253_402_300_800_000  # 10000-01-01; earlier than 1970 is no time of this business either
MILLISECONDS = pl.Datetime("ms", "UTC")
ONE_BY_ONE = 8  # so few are not worth a block of their own
BLOCK = 1_000  # payloads; a larger one is not faster, and one that fails costs more
BEYOND = 10**30  # stands for any decimal of more than 16 bytes


@dataclass(frozen=True, slots=True)
class Decoded:
    """`frame`: `row` (index into the values) and the fields of the newest schema, decimals as Int64 `<field>_e5`
    (null when out of bounds), `amount_out`, `amount_fine`; `lines`: `row`, `position` from 1 and the line's fields.
    `undecodable`: (row, code, reason)."""

    frame: pl.DataFrame
    lines: pl.DataFrame
    undecodable: list[tuple[int, str, str]]
    panics: int
    bisections: int
    slow_records: int


@dataclass(slots=True)
class _Work:
    """What has been decoded so far: `blocks` and `singles` by schema name."""

    blocks: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: dict[str, list[pl.DataFrame]]())
    singles: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: dict[str, list[dict[str, Any]]]())
    undecodable: list[tuple[int, str, str]] = field(default_factory=lambda: list[tuple[int, str, str]]())
    panics: int = 0
    bisections: int = 0
    slow_records: int = 0

    def add(self, name: str, rows: list[int], frame: pl.DataFrame) -> None:
        frame.insert_column(0, pl.Series("row", rows, dtype=pl.UInt32))
        self.blocks.setdefault(name, []).append(frame)

    def frames(self, kind: str) -> Iterator[pl.DataFrame]:
        """One a schema version and way of decoding, all in the shape of the kind's newest schema."""
        for parts in self.blocks.values():
            # decimals as unscaled Int128, times as Int64 ms, also inside the lines
            yield _shape(kind, pl.concat(parts).select(pl.all().to_physical()))
        for name, records in self.singles.items():
            yield _shape(kind, pl.DataFrame(records, schema={"row": pl.UInt32, **_schema(name)}, orient="row"))


def decode_columns(kind: str, values: Sequence[bytes]) -> Decoded:
    """Decode framed values of one kind; one that is no document lands in `undecodable` and harms no other."""
    work = _Work()
    for schema_id, rows in _by_schema(kind, values, work).items():
        name = schemas_of(kind)[schema_id]
        payloads = [values[row][start:] for row, start in rows]
        _decode(work, name, [row for row, _ in rows], payloads)
    frame = pl.concat([_empty(kind), *work.frames(kind)])
    in_time = pl.all_horizontal(
        *((pl.col(t) >= 0) & (pl.col(t) < END_OF_TIME_MS) for t in _times(kind))
    )
    late = frame.filter(~in_time)
    if len(late):
        work.undecodable += [(row, "DL-01", OUT_OF_TIME) for row in late["row"].to_list()]
        frame = frame.filter(in_time)
    frame = frame.sort("row").with_columns(pl.col(t).cast(MILLISECONDS) for t in _times(kind))
    frame, lines = _lines(kind, frame)
    frame = _amounts(frame, lines)
    work.undecodable.sort()
    return Decoded(
        frame, _line_amounts(lines), work.undecodable, work.panics, work.bisections, work.slow_records
    )


def _by_schema(kind: str, values: Sequence[bytes], work: _Work) -> dict[int, list[tuple[int, int]]]:
    groups: dict[int, list[tuple[int, int]]] = {}
    heads: dict[bytes, int] = {b"\0" + i.to_bytes(4, "big"): i for i in schemas_of(kind)}
    for row, value in enumerate(values):
        schema_id = heads.get(value[:5])
        if schema_id is not None and len(value) <= MAX_VALUE:
            groups.setdefault(schema_id, []).append((row, 5))
            continue
        try:
            if len(value) > MAX_VALUE:
                raise FramingError("DL-01", "the value is larger than a document may be")
            found = split(kind, value)
        except FramingError as e:
            work.undecodable.append((row, e.code, e.reason))
            continue
        groups.setdefault(found[0], []).append((row, found[1]))
    return groups


def _decode(work: _Work, name: str, rows: list[int], payloads: list[bytes]) -> None:
    """In blocks, without those that would break one: each of these is decoded alone."""
    rows, payloads = _without_unsound(work, name, rows, payloads)
    for first in range(0, len(rows), BLOCK):
        of_block, in_block = rows[first : first + BLOCK], payloads[first : first + BLOCK]
        try:
            work.add(name, of_block, read_block(name, in_block))
        except Unreadable as e:
            work.panics += e.panicked
            _decode_by_halves(work, name, *_without_unsound(work, name, of_block, in_block, texts=True))


def _without_unsound(
    work: _Work, name: str, rows: list[int], payloads: list[bytes], texts: bool = False
) -> tuple[list[int], list[bytes]]:
    """Decodes the unsound ones alone; what is left for a block."""
    bad = unsound(name, payloads, texts) if len(payloads) > ONE_BY_ONE else list(range(len(payloads)))
    for position in bad:
        _decode_one(work, name, rows[position], payloads[position])
    if not bad:
        return rows, payloads
    alone = set(bad)
    good = [n for n in range(len(rows)) if n not in alone]
    return [rows[n] for n in good], [payloads[n] for n in good]


def _decode_by_halves(work: _Work, name: str, rows: list[int], payloads: list[bytes]) -> None:
    """What neither the walk nor the texts explain, if there is such a thing."""
    if len(rows) <= ONE_BY_ONE:
        for row, payload in zip(rows, payloads, strict=True):
            _decode_one(work, name, row, payload)
        return
    try:
        work.add(name, rows, read_block(name, payloads))
    except Unreadable as e:
        work.panics += e.panicked
        work.bisections += 1
        middle = len(rows) // 2
        _decode_by_halves(work, name, rows[:middle], payloads[:middle])
        _decode_by_halves(work, name, rows[middle:], payloads[middle:])


def _decode_one(work: _Work, name: str, row: int, payload: bytes) -> None:
    """The bottom: fastavro, without logical types so that no value can be too large for them."""
    work.slow_records += 1
    stream = io.BytesIO(payload)
    try:
        record: Any = fastavro.schemaless_reader(stream, _plain(name), None)
    except Exception as e:  # fastavro raises whatever the bytes lead it to
        work.undecodable.append((row, "DL-01", f"the payload does not decode ({type(e).__name__})"))
        return
    if stream.tell() != len(payload):
        work.undecodable.append((row, "DL-01", "bytes are left over after the document"))
        return
    if not ints_fit(name, record):
        work.undecodable.append((row, "DL-01", TOO_WIDE))
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
    """Decimal bytes (two's complement, big-endian) as integers; more than 16 bytes are beyond any bound."""
    for key, value in record.items():
        if isinstance(value, bytes):
            number = int.from_bytes(value, "big", signed=True) if len(value) <= 16 else BEYOND
            record[key] = max(-BEYOND, min(BEYOND, number))
        elif isinstance(value, list):
            record[key] = [_unscaled(item) for item in value]  # pyright: ignore
    return record


@lru_cache
def _schema(name: str) -> dict[str, Any]:
    """polars types of a schema's fields in physical form."""
    return {f["name"]: _type(f["type"]) for f in avro(name)["fields"]}


def _type(node: Any) -> Any:
    if isinstance(node, str):
        return {"string": pl.String, "int": pl.Int32, "long": pl.Int64}[node]
    if node.get("logicalType") == "decimal":
        return pl.Int128
    if node.get("logicalType"):
        return pl.Int64
    return pl.List(pl.Struct({f["name"]: _type(f["type"]) for f in node["items"]["fields"]}))


def _shape(kind: str, part: pl.DataFrame) -> pl.DataFrame:
    """The newest version's columns; what an older one lacks gets its default."""
    schema, found = _schema(newest(kind)), part.schema
    missing = {f["name"]: f["default"] for f in avro(newest(kind))["fields"] if f["name"] not in found}
    if missing:
        part = part.with_columns(pl.lit(value, schema[name]).alias(name) for name, value in missing.items())
    if missing:
        found = part.schema
    return part.select("row", *(pl.col(n).cast(t) if found[n] != t else n for n, t in schema.items()))


def _empty(kind: str) -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.UInt32, **_schema(newest(kind))})


@lru_cache
def _times(kind: str) -> tuple[str, ...]:
    fields = avro(newest(kind))["fields"]
    return tuple(
        f["name"] for f in fields if isinstance(f["type"], dict) and f["type"].get("logicalType") == "timestamp-millis"
    )


def _lines(kind: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    if kind != "order":
        return frame, pl.DataFrame(schema={"row": pl.UInt32})
    lines = (
        frame.select("row", "orderList")
        .filter(pl.col("orderList").list.len() > 0)
        .explode("orderList")
        .unnest("orderList")
        .with_columns(position=pl.int_range(1, pl.len() + 1, dtype=pl.Int16).over("row"))
    )
    return frame.drop("orderList"), lines


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

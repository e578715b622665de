"""Payloads of one schema laid end to end as one block of an Avro object container, for polars to read at once.

A malformed payload would shift its successors, and a crafted one could swallow its neighbour. So each payload is
followed by a random number of this batch, declared as a trailing field: a row whose guard differs is not trusted.
"""

import io
import json
import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import polars as pl
from polars.exceptions import InvalidOperationError, PanicException, PolarsError

from schemas.contracts import avro

# A panic of the reader is expected here. Its backtrace, which nobody reads, would cost a third of a second each.
os.environ["RUST_BACKTRACE"] = os.environ["RUST_LIB_BACKTRACE"] = "0"

GUARD = "guard__"
SYNC = bytes(range(16))


class Unreadable(ValueError):
    """The block does not decode as a whole; `panicked` when the reader panicked over it."""

    def __init__(self, panicked: bool) -> None:
        super().__init__("the block does not decode")
        self.panicked = panicked


def read_block(schema_name: str, payloads: Sequence[bytes]) -> pl.DataFrame:
    """One row a payload, columns of the writer schema; Unreadable when any of them is not exactly one record."""
    mark = secrets.randbits(62)
    frame = _read(_block(schema_name, payloads, mark))
    if len(frame) != len(payloads) or (frame[GUARD] != mark).any():
        raise Unreadable(panicked=False)
    frame.drop_in_place(GUARD)
    return _narrowed(schema_name, frame)


def _narrowed(schema_name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Every Avro int in 32 bits; Unreadable when one does not fit (the block declares them long, see _bare)."""
    types = {f["name"]: f["type"] for f in avro(schema_name)["fields"]}
    wanted = {name: _narrow(types[name], kind) for name, kind in frame.schema.items()}
    try:
        return frame.cast({n: t for n, t in wanted.items() if t != frame.schema[n]})  # pyright: ignore
    except InvalidOperationError:
        raise Unreadable(panicked=False) from None


def _narrow(node: Any, kind: Any) -> Any:
    if node == "int":
        return pl.Int32()
    if isinstance(kind, pl.List):
        types = {f["name"]: f["type"] for f in node["items"]["fields"]}
        return pl.List(pl.Struct({f.name: _narrow(types[f.name], f.dtype) for f in kind.inner.fields}))  # pyright: ignore
    return kind


def _block(schema_name: str, payloads: Sequence[bytes], mark: int) -> bytes:
    guard = zigzag(mark)
    body = guard.join(payloads) + guard
    return b"".join((_header(schema_name), zigzag(len(payloads)), zigzag(len(body)), body, SYNC))


def _read(block: bytes) -> pl.DataFrame:
    try:
        with _quiet_panics():
            return pl.read_avro(io.BytesIO(block))
    except (PolarsError, OSError):  # an early end of the block is an OSError
        raise Unreadable(panicked=False) from None
    except PanicException:  # pyright: ignore  # derives from BaseException: a Rust panic, not an interruption
        raise Unreadable(panicked=True) from None


def zigzag(number: int) -> bytes:
    """An Avro long."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number & ~0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@lru_cache
def _header(schema_name: str) -> bytes:
    schema = _bare(avro(schema_name))
    schema["fields"] = [*schema["fields"], {"name": GUARD, "type": "long"}]
    meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": b"null"}
    parts = [b"Obj\x01", zigzag(len(meta))]
    for key, value in meta.items():
        parts += [zigzag(len(key)), key.encode(), zigzag(len(value)), value]
    return b"".join([*parts, zigzag(0), SYNC])


def _bare(schema: Any) -> Any:
    # polars' reader refuses doc, default and namespace inside nested records, and cuts an int to 32 bits unasked
    if schema == "int":
        return "long"
    if isinstance(schema, dict):
        return {k: _bare(v) for k, v in schema.items() if k not in ("doc", "default", "namespace")}  # pyright: ignore
    if isinstance(schema, list):
        return [_bare(item) for item in schema]  # pyright: ignore
    return schema


@contextmanager
def _quiet_panics() -> Generator[None]:
    """Keep a panic's message, which may quote values, off standard error. Not for use by several threads at once."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)

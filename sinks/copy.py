"""COPY of polars frames into tables, in PostgreSQL's binary format encoded by pgpq."""

from collections.abc import AsyncGenerator, Iterable, Mapping

import asyncpg
import polars as pl
from pgpq import ArrowToPostgresBinaryEncoder

SLICE_ROWS = 2048  # encoded and sent at a time: each step has a copy of its rows
Stream = tuple[list[str], list[bytes]]  # columns, parts of the binary COPY stream


def encoded(frames: Mapping[str, pl.DataFrame], tables: Iterable[str]) -> dict[str, Stream]:
    """COPY streams of those tables there are rows for, in this order."""
    return {t: binary(frames[t]) for t in tables if t in frames and len(frames[t])}


def binary(frame: pl.DataFrame) -> Stream:
    """The frame as a binary COPY stream, columns in the frame's order."""
    oldest = pl.CompatLevel.oldest()
    encoder = ArrowToPostgresBinaryEncoder(frame.clear().to_arrow(compat_level=oldest).schema)
    parts = [encoder.write_header()]
    for rows in frame.iter_slices(SLICE_ROWS):
        parts += [encoder.write_batch(batch) for batch in rows.to_arrow(compat_level=oldest).to_batches()]
    parts.append(encoder.finish())
    return frame.columns, parts


async def copy_all(connection: asyncpg.Connection, streams: Mapping[str, Stream]) -> None:
    """COPY the streams, table by table."""
    for table, (columns, parts) in streams.items():
        await connection.copy_to_table(table, source=_each(parts), columns=columns, format="binary")


async def _each(parts: Iterable[bytes]) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part

"""COPY of polars frames into tables, in PostgreSQL's binary format encoded by pgpq."""

from collections.abc import AsyncGenerator, Iterable, Mapping

import asyncpg
import polars as pl
from pgpq import ArrowToPostgresBinaryEncoder

from sinks.batch import Batch

Stream = tuple[list[str], list[bytes]]  # columns, parts of the binary COPY stream


def encoded(batch: Batch, tables: Iterable[str]) -> dict[str, Stream]:
    """COPY streams of those tables the batch has rows for."""
    return {t: binary(batch.frames[t]) for t in tables if t in batch.frames and len(batch.frames[t])}


def binary(frame: pl.DataFrame) -> Stream:
    """The frame as a binary COPY stream, columns in the frame's order."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    encoder = ArrowToPostgresBinaryEncoder(table.schema)
    parts = [encoder.write_header()]
    parts += [encoder.write_batch(batch) for batch in table.to_batches()]
    parts.append(encoder.finish())
    return frame.columns, parts


async def copy_all(connection: asyncpg.Connection, streams: Mapping[str, Stream], tables: Iterable[str]) -> None:
    """COPY the streams there are of these tables, in this order."""
    for table in tables:
        if table in streams:
            columns, parts = streams[table]
            await connection.copy_to_table(table, source=_each(parts), columns=columns, format="binary")


async def _each(parts: Iterable[bytes]) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part

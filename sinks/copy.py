"""COPY of polars frames into tables, in PostgreSQL's binary format encoded by pgpq."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping

import asyncpg
import polars as pl
from pgpq import ArrowToPostgresBinaryEncoder

SLICE_ROWS = 2048  # encoded and sent at a time: each step has a copy of its rows
OLDEST = pl.CompatLevel.oldest()  # what pgpq can read


async def copy_all(connection: asyncpg.Connection, frames: Mapping[str, pl.DataFrame], tables: Iterable[str]) -> None:
    """COPY those of the tables there are rows for, in this order; a frame's columns are the table's.

    A slice is encoded while PostgreSQL stores the one before, and no table's stream is ever in memory as a whole.
    """
    for table in tables:
        if table in frames and len(frame := frames[table]):
            await connection.copy_to_table(table, source=_each(binary(frame)), columns=frame.columns, format="binary")


def binary(frame: pl.DataFrame) -> Iterator[bytes]:
    """The frame as a binary COPY stream in parts, columns in the frame's order."""
    encoder = ArrowToPostgresBinaryEncoder(frame.clear().to_arrow(compat_level=OLDEST).schema)
    yield encoder.write_header()
    for rows in frame.iter_slices(SLICE_ROWS):
        for batch in rows.to_arrow(compat_level=OLDEST).to_batches():
            yield encoder.write_batch(batch)
    yield encoder.finish()


async def _each(parts: Iterable[bytes]) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part

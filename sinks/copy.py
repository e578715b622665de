"""COPY of a polars frame into a table, in PostgreSQL's binary format encoded by pgpq."""

import io

import asyncpg
import polars as pl
from pgpq import ArrowToPostgresBinaryEncoder


def binary(frame: pl.DataFrame) -> bytes:
    """The frame as a binary COPY stream, columns in the frame's order."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    encoder = ArrowToPostgresBinaryEncoder(table.schema)
    parts = [encoder.write_header()]
    parts += [encoder.write_batch(batch) for batch in table.to_batches()]
    parts.append(encoder.finish())
    return b"".join(parts)


async def copy(connection: asyncpg.Connection, table: str, columns: list[str], data: bytes) -> None:
    """COPY a stream made by `binary` into `table`."""
    await connection.copy_to_table(table, source=io.BytesIO(data), columns=columns, format="binary")

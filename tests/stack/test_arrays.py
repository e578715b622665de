"""Columns as a statement's arguments: what PostgreSQL reads is what asyncpg's own arrays say."""

from typing import Any

import asyncpg
import polars as pl
import pytest

from schemas.endpoints import Endpoints
from sinks.store import Store

HOSTILE = [
    "", " ", "NULL", "null", ",", "a,b", '"', '""', "\\", '\\"', "{}", "{a,NULL}", "'; DROP TABLE manifest; --", "$1",
    "\n\r\t", "\x01\x7f", "P|银联|支付单号", "\U0001f4a9", "é", "e\u0301", "\ufeff", "\uffff", "x" * 100_000,
]  # fmt: skip
CASES: dict[str, tuple[list[Any], type[pl.DataType]]] = {
    "smallint": ([0, -1, 2**15 - 1, -(2**15)], pl.Int16),
    "integer": ([0, -1, 2**31 - 1, -(2**31)], pl.Int32),
    "bigint": ([0, -1, 2**63 - 1, -(2**63)], pl.Int64),
    "bytea": ([b"", b"\0", b"\xff" * 16, b"\\x00", b"a\0b"], pl.Binary),
    "text": (HOSTILE, pl.String),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("few", [False, True], ids=["all", "none"])
async def test_a_column_is_read_as_the_list_it_holds(endpoints: Endpoints, name: str, few: bool) -> None:
    values, kind = CASES[name]
    values = [] if few else values
    store = Store(endpoints.postgres)
    try:
        connection = await store.connection()
        column = pl.Series([values[0], *values] if values else [], dtype=kind)[1:]  # a slice: its buffer begins earlier
        for argument in (column, values):
            assert await connection.fetchval(f"SELECT $1::{name}[]", argument) == values
            # element by element, by asyncpg's own reading; text in its bytes
            query = f"SELECT x FROM unnest($1::{name}[]) WITH ORDINALITY AS t(x, n) ORDER BY n"
            assert [r["x"] for r in await connection.fetch(query, argument)] == values
    finally:
        await store.close()


async def test_what_is_no_key_is_refused(endpoints: Endpoints) -> None:
    store = Store(endpoints.postgres)
    try:
        connection = await store.connection()
        with pytest.raises(AssertionError, match="1 nulls among the keys"):
            await connection.fetchval("SELECT $1::text[]", pl.Series(["a", None]))
        with pytest.raises(asyncpg.DataError, match="conversion from `i64` to `i16` failed"):
            await connection.fetchval("SELECT $1::smallint[]", pl.Series([2**15]))
        for few in ([2**15], [1.5], ["1"], [None]):
            with pytest.raises(asyncpg.DataError):
                await connection.fetchval("SELECT $1::smallint[]", few)
        with pytest.raises(asyncpg.CharacterNotInRepertoireError):
            await connection.fetchval("SELECT $1::text[]", pl.Series(["a\0b"]))
        with pytest.raises(ValueError, match="nulls 1"):
            await connection.fetchval("SELECT ARRAY[1, NULL]::bigint[]")
    finally:
        await store.close()

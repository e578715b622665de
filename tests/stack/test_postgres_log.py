"""PostgreSQL's log says what failed and what was slow, with no value of a row or a parameter."""

from datetime import UTC, datetime

import asyncpg
import pytest

from ops.stack import Stack
from tests.stack.surfaces import leaks, server_logs

NUMBER, SOUGHT = "P|QcanaryPay|QcanaryTransaction", "QcanaryBound"
PLATFORM, ORDER = "QcanaryPlatform", "QcanaryOrder"
VALUES = {NUMBER: "number", SOUGHT: "what was bound", PLATFORM: "platform", ORDER: "order"}


def logged_since(stack: Stack, before: int) -> str:
    return stack.postgres.log.read_bytes()[before:].decode()


async def test_a_unique_violation_is_logged_without_its_key(stack: Stack, db: asyncpg.Connection) -> None:
    before = len(stack.postgres.log.read_bytes())
    use = "INSERT INTO number_use VALUES ($1, 1, 1, $3, $4, 1, $2)"
    values = NUMBER, datetime.now(UTC), PLATFORM, ORDER
    await db.execute(use, *values)
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute(use, *values)
    assert 'violates unique constraint "number_use_pkey"' in logged_since(stack, before)
    assert leaks(server_logs(stack), VALUES) == set()


async def test_a_slow_statement_is_logged_without_what_was_bound(stack: Stack, db: asyncpg.Connection) -> None:
    before = len(stack.postgres.log.read_bytes())
    await db.execute("SET log_min_duration_statement = 0")  # everything is slow
    assert await db.fetchval("SELECT count(*) FROM number_use WHERE number = $1", SOUGHT) == 0
    assert "FROM number_use WHERE number = $1" in logged_since(stack, before)
    assert leaks(server_logs(stack), VALUES) == set()

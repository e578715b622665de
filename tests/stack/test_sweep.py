"""Open orders whose time is up: reported once, by whoever holds the lane, and not before."""

from typing import Any

import asyncpg

from schemas.endpoints import Endpoints
from tests.pipeline.trios import HOUR_MS, example, records
from tests.stack.nodes import NOW_MS, manifests, nodes

MINUTE_MS = 60_000
DAY_MS = 24 * HOUR_MS


async def reports(db: asyncpg.Connection) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in await db.fetch("SELECT code, attempt, missing FROM open_report ORDER BY reported_at")]


async def test_documents_that_wait_are_reported_once_a_deadline(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        order, payment, _ = records(example())
        await node.take(order, payment)
        assert await db.fetch("SELECT kind FROM document WHERE waiting ORDER BY kind") == [(1,), (2,)]
        assert await db.fetchval("SELECT count(*) FROM order_documents WHERE waiting") == 1  # for both of them
        await node.tick(NOW_MS + 9 * MINUTE_MS)
        assert await reports(db) == []
        for at_ms in (11 * MINUTE_MS, 12 * MINUTE_MS, 31 * DAY_MS, 32 * DAY_MS):
            await node.tick(NOW_MS + at_ms)
        assert await reports(db) == [("DOC-09", 1, 4), ("DOC-10", 1, 4)]


async def test_what_was_decided_meanwhile_is_not_reported(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        order, payment, waybill = records(example())
        await node.take(payment)
        await node.take(order)
        await node.take(waybill)
        assert len(await manifests(db)) == 1
        assert await db.fetchval("SELECT count(*) FROM document WHERE waiting") == 2
        await node.tick(NOW_MS + 11 * MINUTE_MS)
        assert await reports(db) == []


async def test_a_later_document_of_a_reported_order_completes_it(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0], []) as (former, heir):
        order, payment, waybill = records(example())
        await former.take(order)
        await heir.claim(0)
        await heir.tick(NOW_MS + 11 * MINUTE_MS)
        assert await reports(db) == [("DOC-09", 1, 6)]
        await heir.take(payment, waybill)
        assert [row[2] for row in await manifests(db)] == ["RELEASE"]
        await heir.tick(NOW_MS + 31 * DAY_MS)
        assert len(await reports(db)) == 1

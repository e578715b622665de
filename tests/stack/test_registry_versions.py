"""The registry under batches: a change and a batch meet in one order, and what is no change is a dead letter."""

import asyncio
from typing import Any

import asyncpg
import pytest

from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.filings import Filing, stored, written
from tests.pipeline.memory import Rec
from tests.pipeline.trios import KINDS, numbered, rec
from tests.stack.nodes import NOW_MS, manifests, nodes, reached, somebody_waits, within

PLATFORM = {"role": "platform", "code": "330296P001", "name": "样例平台", "class": "general", "status": "active"}


def event(offset: int, revision: int, key: bytes | None = None, partition: int = 0, **changes: Any) -> Rec:
    """An event about the platform of the examples, which the nodes know as active."""
    filing = Filing("enterprise", revision, {**PLATFORM, **changes})
    return Rec(topic_name("registry"), partition, offset, NOW_MS, key or filing.key.encode(), written(filing))


def order(lane: int, offset: int, n: int) -> list[Rec]:
    return [rec(kind, numbered(n)[kind], offset, NOW_MS, partition=lane) for kind in KINDS]


async def versions(db: asyncpg.Connection) -> list[tuple[str, str, int]]:
    rows = await db.fetch("SELECT order_no, outcome, registry_version FROM manifest ORDER BY order_no")
    return [tuple(r) for r in rows]  # type: ignore[misc]


async def test_a_batch_meets_a_suspension_that_was_committed_first(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """It had judged by the former version; its commit finds the new one, so it judges again."""
    async with nodes(endpoints, [0], [1]) as (first, second):
        gate = second.steps.hold("lanes-advanced")
        deciding = asyncio.create_task(second.take(*order(1, 0, 1)))
        await reached(gate, deciding)
        await first.take(event(0, 2, status="suspended"))
        gate.open.set()
        await within(deciding)
        assert await manifests(db) == [("EXAMPLE-1", 1, "REJECT", ["REG-04"])]
        assert await versions(db) == [("EXAMPLE-1", "REJECT", 1)]


async def test_a_suspension_waits_for_a_batch_that_is_committing(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0], [1]) as (first, second):
        gate = second.steps.hold("before-commit")
        deciding = asyncio.create_task(second.take(*order(1, 0, 1)))
        await reached(gate, deciding)
        filing = asyncio.create_task(first.take(event(0, 2, status="suspended"), *order(0, 0, 2)))
        await somebody_waits(db)
        assert await db.fetchval("SELECT version FROM registry_state") == 0
        gate.open.set()
        await within(deciding)
        await within(filing)
        await second.take(*order(1, 1, 3))
        # who changes the registry is himself judged by what was before
        assert await versions(db) == [("EXAMPLE-1", "RELEASE", 0), ("EXAMPLE-2", "RELEASE", 0), ("EXAMPLE-3", "REJECT", 1)]


async def test_two_batches_hold_the_registry_at_once(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [1], [2]) as (first, second):
        gate = first.steps.hold("before-commit")
        deciding = asyncio.create_task(first.take(*order(1, 0, 1)))
        await reached(gate, deciding)
        await within(second.take(*order(2, 0, 2)))
        gate.open.set()
        await within(deciding)
        assert [outcome for _, outcome, _ in await versions(db)] == ["RELEASE", "RELEASE"]


async def test_no_batch_goes_before_a_change_that_waits(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Of many workers one is always committing: did the next join him, no change would ever be made."""
    async with nodes(endpoints, [0], [1], [2]) as (first, second, third):
        gate = second.steps.hold("before-commit")
        deciding = asyncio.create_task(second.take(*order(1, 0, 1)))
        await reached(gate, deciding)
        filing = asyncio.create_task(first.take(event(0, 2, status="suspended")))
        await somebody_waits(db)
        coming = asyncio.create_task(third.take(*order(2, 0, 2)))
        await somebody_waits(db, 2)
        gate.open.set()
        for task in (deciding, filing, coming):
            await within(task)
        assert await versions(db) == [("EXAMPLE-1", "RELEASE", 0), ("EXAMPLE-2", "REJECT", 1)]


async def test_the_newest_valid_event_wins_and_the_rest_are_dead_letters(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    cut = event(5, 9)
    events = [
        event(0, 3, status="suspended"),
        event(1, 2, status="revoked"),  # older
        event(2, 3, status="revoked"),  # repeated revision
        event(3, 4, status="closed"),  # no status
        event(4, 5, key=b"enterprise|platform|330296P002"),  # another entry's key
        Rec(cut.topic, 0, 5, NOW_MS, cut.key, (cut.value or b"")[:-1]),
        Rec(cut.topic, 0, 6, NOW_MS, cut.key, None),
        event(7, 6, status="active"),
        event(0, 7, partition=1, status="revoked"),  # in no order with the others
    ]
    async with nodes(endpoints, [0, 1]) as (node,):
        await node.take(*events[:4])
        await node.take(*events[4:])
        dead = await db.fetch("SELECT partition, kafka_offset, code FROM dead_letter ORDER BY 1, 2")
        assert [tuple(r) for r in dead] == [
            (0, 1, "DL-06"), (0, 2, "DL-06"), (0, 3, "DL-05"), (0, 4, "DL-04"), (0, 5, "DL-01"), (0, 6, "DL-01"), (1, 0, "DL-05"),
        ]  # fmt: skip
        held = await db.fetch("SELECT kafka_offset, version, value FROM registry_entry ORDER BY 1")
        assert [(r["kafka_offset"], r["version"], stored(r["value"]).content["status"]) for r in held] == [
            (0, 1, "suspended"), (7, 2, "active"),
        ]  # fmt: skip
        await node.take(*order(1, 0, 1))
        assert await versions(db) == [("EXAMPLE-1", "RELEASE", 2)]


@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a restart"])
async def test_a_worker_comes_to_know_what_another_changed(endpoints: Endpoints, db: asyncpg.Connection, again: bool) -> None:
    async with nodes(endpoints, [0], [1]) as (first, second):
        if not again:
            await second.take(*order(1, 0, 1))
        await first.take(event(0, 2, status="suspended"))
        await first.take(event(1, 3, status="active"), event(2, 4, status="revoked"))
        await second.take(*order(1, 1, 2))
        assert (await versions(db))[-1] == ("EXAMPLE-2", "REJECT", 2)
        assert second.processor.registry.version == 2

"""Events of guarantors: in the transaction of the batch that holds, published once, and nothing again afterwards."""

import asyncio
from typing import Any

import asyncpg
import pytest

from loadtest.generate.guaranteed import EXPIRED, RUNS_OUT
from loadtest.verify.messages import GUARANTEE_EVENT, decode
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from tests.stack.nodes import NOW_MS, messages, nodes, reached, within
from tests.stack.test_guarantees import owing
from tests.stack.test_ledgers import both_have_read
from tests.stack.test_reassessment import held, released, top_up
from tests.stack.test_relay import publish_all, published, relay


async def told(db: asyncpg.Connection) -> list[dict[str, Any]]:
    """What the outbox says of guarantors, by lane and batch; each stands in its lane, under the guarantor's code."""
    found = [m[1:] for m in await messages(db) if m[0] == topic_name("guarantee-event")]
    said = [decode(GUARANTEE_EVENT, value) or {} for _, _, value in found]
    assert [(lane, key.decode()) for lane, key, _ in found] == [(one["lane"], one["guarantorCode"]) for one in said]
    return said


async def test_a_batch_tells_once_of_each_guarantor_in_each_lane(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """CNY 300: the first of lane 1 takes 182 of it; its next two and that of lane 2 do not fit."""
    async with nodes(endpoints, [1, 2]) as (node,):
        threes = [owing(1, n, n, RUNS_OUT, "2000.00", n) for n in range(3)] + [owing(1, 3, 3, EXPIRED, "100.00", 3)]
        done = await node.take(*(r for three in threes for r in three), *owing(2, 0, 4, RUNS_OUT, "1500.00", 4))
        (rule_set,) = {r["rule_set"] for r in await db.fetch("SELECT rule_set FROM manifest")}
        alike = {"ruleSet": rule_set, "registryVersion": 0, "batchSeq": 1, "entryNo": 0, "balanceFen": 0}
        exhausted = alike | {"what": "EXHAUSTED", "code": "GUA-01", "guarantorCode": RUNS_OUT, "limitFen": 30_000}
        assert await told(db) == [
            exhausted | {"lane": 1, "manifests": 2, "taxFen": 36_400, "acceptedAt": NOW_MS + 2_000},
            alike | {"lane": 1, "manifests": 1, "taxFen": 910, "acceptedAt": NOW_MS + 3_000, "what": "NOT_VALID", "code": "GUA-02",
                     "guarantorCode": EXPIRED, "limitFen": 0},
            exhausted | {"lane": 2, "manifests": 1, "taxFen": 13_650, "acceptedAt": NOW_MS + 4_000},
        ]  # fmt: skip
        assert done.guarantee_events == {"GUA-01": 2, "GUA-02": 1}
        done = await node.take(*owing(1, 4, 5, RUNS_OUT, "1000.00", 5))
        assert (done.guarantee_events, len(await told(db))) == ({}, 3)


async def test_what_topping_up_does_not_release_is_not_told_again(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*owing(0, 0, 1, EXPIRED, "1000.00"), *owing(0, 1, 2, EXPIRED, "2000.00", 1))
        before = await told(db)
        await node.take(top_up(0, EXPIRED, 10_000))
        await node.tick()
        await node.tick()
        assert (await released(db), await held(db)) == (["EXAMPLE-1"], ["EXAMPLE-2"])
        assert await told(db) == before and len(before) == 1
        await node.take(*owing(0, 2, 3, EXPIRED, "3000.00", 2))  # the next batch that holds one tells again
        assert [e["code"] for e in await told(db)] == ["GUA-02", "GUA-01"]


async def test_who_decides_again_tells_what_it_saw_then(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [1], [2]) as (first, second):
        for task in await both_have_read(first, second, owing(1, 0, 1, RUNS_OUT, "2000.00"), owing(2, 0, 2, RUNS_OUT, "2000.00")):
            await within(task)
        (event,) = await told(db)
        assert (event["entryNo"], event["balanceFen"], event["taxFen"], event["batchSeq"]) == (1, 18_200, 18_200, 1)


@pytest.mark.parametrize("step", ["rows-written", "before-commit"])
async def test_a_batch_that_dies_tells_nothing(endpoints: Endpoints, db: asyncpg.Connection, step: str) -> None:
    async with nodes(endpoints, [0], []) as (first, second):
        gate = first.steps.hold(step)
        dying = asyncio.create_task(first.take(*owing(0, 0, 1, EXPIRED, "1000.00")))
        await reached(gate, dying)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await first.processor.store.close()
        assert await told(db) == []
        await second.claim(0)
        await second.take(*owing(0, 0, 1, EXPIRED, "1000.00"))
        assert [e["batchSeq"] for e in await told(db)] == [1]


async def test_it_is_published_once(topics: Endpoints) -> None:
    """The relay dies with its transaction sent; its successor publishes."""
    async with nodes(topics, [3], []) as (first, heir):
        await first.take(*owing(3, 0, 1, EXPIRED, "1000.00"))
        gate = first.relay_steps.hold("sent")
        dying = relay(first)
        task = asyncio.create_task(dying.round())
        await reached(gate, task)
        await heir.claim(3, fence=True)
        successor = relay(heir)
        await publish_all(successor)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert sorted(await published(topics)) == [
            ("guarantee-event", 3, EXPIRED.encode()), ("hold", 3, f"{EXPIRED}|EXAMPLE-1".encode()), ("receipt", 3, f"{EXPIRED}|EXAMPLE-1".encode()),
        ]  # fmt: skip
        await dying.close()
        await successor.close()

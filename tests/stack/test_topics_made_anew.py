"""What a worker does when a topic has another id than it had, or a batch that cannot be unpacked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from faust.types import TP

from agents.app import intake_topics
from agents.intake import Intake
from agents.ownership import Ownership
from agents.processor import Processor
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from sinks.store import Store
from tests.pipeline.memory import KEY, registry
from tests.stack.nodes import LAWBOOK, within

LANES = (3, 4)
PAUSES = "SELECT topic, partition, code FROM partition_pause ORDER BY topic, partition"


class Asked:
    """The consumer's answers at a claim: all logs are empty."""

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    highwaters = earliest_offsets


@asynccontextmanager
async def owning(topics: Endpoints) -> AsyncIterator[tuple[Ownership, Intake]]:
    """One that claimed its lanes."""
    store, intake = Store(topics.postgres), Intake()
    owner = Ownership(topics, store, Processor(store, LAWBOOK, KEY, registry()), intake, "owner", topic_name("relay-owner"))
    owner.app = type("App", (), {"consumer": Asked()})
    await within(owner.positions({TP(name, lane) for name in intake_topics() for lane in LANES}))
    try:
        yield owner, intake
    finally:
        await store.close()


async def test_another_id_pauses_whatever_it_was_paused_for(topics: Endpoints, db: asyncpg.Connection) -> None:
    order = topic_name("order")
    async with owning(topics) as (owner, intake):
        await owner.pause((order, 3), "POISON", "many")
        known = owner.topic_ids()
        await owner.compare_topics(known, {})  # nobody answered
        await owner.compare_topics(known, {name: known[name, 3] for name in intake_topics()})
        assert [tuple(r) for r in await db.fetch(PAUSES)] == [(order, 3, "POISON")]
        await owner.compare_topics(known, {order: "another"})
        await owner.pause((order, 4), "LANE-02", "outside")
        assert [tuple(r) for r in await db.fetch(PAUSES)] == [(order, lane, "LANE-01") for lane in LANES]
        assert intake.paused() == {(order, lane) for lane in LANES}
        assert {owner.topic_ids()[order, lane] for lane in LANES} == {"another"}


async def test_what_was_claimed_meanwhile_is_not_compared(topics: Endpoints, db: asyncpg.Connection) -> None:
    """The brokers were asked before the topic was made anew, and it was claimed after that."""
    async with owning(topics) as (owner, _):
        before = {place: "the former" for place in owner.topic_ids()}
        await owner.compare_topics(before, dict.fromkeys(intake_topics(), "the one before that"))
        assert await db.fetch(PAUSES) == []


async def test_lanes_given_up_are_not_compared(topics: Endpoints) -> None:
    async with owning(topics) as (owner, _):
        await within(owner.positions({TP(name, 3) for name in intake_topics()}))
        assert owner.topic_ids().keys() == {(name, 3) for name in intake_topics()}


async def test_what_cannot_be_unpacked_waits_for_what_is_before_it(topics: Endpoints, db: asyncpg.Connection) -> None:
    order = topic_name("order")
    async with owning(topics) as (owner, intake):
        intake.announce((order, 3), 1)
        await owner.on_unreadable({TP(order, lane): "why" for lane in LANES})
        assert [tuple(r) for r in await db.fetch(PAUSES)] == [(order, 4, "LANE-03")]

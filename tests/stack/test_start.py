"""What a worker looks at before it takes anything: equal topics; and how long a claim waits for Kafka's answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from faust.types import TP

from agents import ownership, topic_identity
from agents.app import intake_topics
from agents.intake import Intake
from agents.ownership import Ownership
from agents.processor import Processor
from agents.topic_identity import UnequalTopics, check_equal, topics_of
from schemas.contracts import PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from sinks.store import Store
from tests.pipeline.memory import KEY, registry
from tests.stack.nodes import LAWBOOK, within
from tests.stack.workers import workers


async def test_equal_topics_are_fine(topics: Endpoints) -> None:
    await check_equal(topics.kafka_options(), intake_topics())
    assert {t.partitions for t in (await topics_of(topics.kafka_options(), intake_topics())).values()} == {PARTITIONS}


async def test_missing_topics_are_named(endpoints: Endpoints) -> None:
    with pytest.raises(UnequalTopics, match=f"missing: {topic_name('order')}, {topic_name('payment')}, .*tidegate topics"):
        await check_equal(endpoints.kafka_options(), intake_topics())


async def test_a_worker_refuses_unequal_topics(topics: Endpoints, tmp_path: Path) -> None:
    client = AIOKafkaAdminClient(**topics.kafka_options())
    await client.start()
    await client.create_partitions({topic_name("payment"): NewPartitions(PARTITIONS + 1)})
    await client.close()
    async with asyncio.timeout(60):
        while (await topics_of(topics.kafka_options(), intake_topics()))[topic_name("payment")].partitions == PARTITIONS:
            await asyncio.sleep(0.05)
    async with workers(topics, tmp_path, 1, filed=False) as group:
        (slot,) = group.supervisor.slots
        assert await asyncio.to_thread(slot.process.wait, 60) == 1
        said = group.logged("worker failed")[0]["reason"]
    assert f"{topic_name('order')} has {PARTITIONS}, {topic_name('payment')} has {PARTITIONS + 1}" in said


@contextlib.asynccontextmanager
async def silent_broker() -> AsyncIterator[str]:
    """Takes connections and never says anything."""
    server = await asyncio.start_server(lambda _r, _w: asyncio.sleep(0), "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_broker_that_says_nothing_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_identity, "ANSWER_SECONDS", 0.2)
    async with silent_broker() as address:
        with pytest.raises(TimeoutError):
            await within(topics_of({"bootstrap_servers": address}, ["any"]))


async def test_a_claim_without_an_answer_is_begun_again(topics: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question for offsets is never answered."""
    monkeypatch.setattr(ownership, "ANSWER_SECONDS", 1.0)
    asked: list[int] = []

    async def offsets(*tps: TP) -> dict[TP, int]:
        asked.append(len(tps))
        if len(asked) == 1:
            await asyncio.Event().wait()
        return dict.fromkeys(tps, 0)

    store = Store(topics.postgres)
    processor = Processor(store, LAWBOOK, KEY, registry())
    owner = Ownership(topics, store, processor, Intake(), "owner", topic_name("relay-owner"))
    consumer: Any = SimpleNamespace(earliest_offsets=offsets, highwaters=offsets)
    owner.app = SimpleNamespace(consumer=consumer)
    assigned = {TP(name, lane) for name in intake_topics() for lane in (3, 4)}
    found = await within(owner.positions(assigned))
    assert found == dict.fromkeys(assigned, 0)
    assert (len(asked) >= 3, set(processor.lanes)) == (True, {3, 4})
    await store.close()


async def test_lanes_revoked_while_they_are_claimed_are_still_moving(topics: Endpoints) -> None:
    """Being fenced then is no surprise: the claim under way is of the assignment before."""
    claiming, go_on = asyncio.Event(), asyncio.Event()

    async def offsets(*tps: TP) -> dict[TP, int]:
        claiming.set()
        await go_on.wait()
        return dict.fromkeys(tps, 0)

    store = Store(topics.postgres)
    owner = Ownership(topics, store, Processor(store, LAWBOOK, KEY, registry()), Intake(), "owner", topic_name("relay-owner"))
    consumer: Any = SimpleNamespace(earliest_offsets=offsets, highwaters=offsets)
    owner.app = SimpleNamespace(consumer=consumer)
    assigned = {TP(name, 3) for name in intake_topics()}
    owner.revoked(set())
    first = asyncio.create_task(owner.positions(assigned))
    await within(claiming.wait())
    owner.revoked(assigned)
    go_on.set()
    await within(first)
    assert owner.moving_seconds() > 0
    await within(owner.positions(assigned))
    assert owner.moving_seconds() == 0
    await store.close()


async def test_a_paused_registry_keeps_no_worker_from_starting(topics: Endpoints, tmp_path: Path) -> None:
    """Those that run go on by what stands, and so does one that starts."""
    async with workers(topics, tmp_path / "first", 1) as group:
        await group.stop()
        await group.db.execute("INSERT INTO partition_pause VALUES ($1, 0, 'POISON', now(), 'a test')", topic_name("registry"))
    async with AIOKafkaProducer(**topics.kafka_options()) as producer:
        await producer.send_and_wait(topic_name("registry"), b"more", key=b"x", partition=0)
    async with workers(topics, tmp_path / "second", 1, filed=False) as group:
        await group.until_asked("ready", "^ready$")
        assert await group.db.fetchval("SELECT count(*) FROM dead_letter WHERE record_value = 'more'") == 0

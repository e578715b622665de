"""The relay: killed inside its Kafka transaction at each step, fenced, and faced with stores that lost something."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError

from schemas.contracts import PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from sinks.errors import Fenced
from sinks.kafka_positions import read_positions
from sinks.relay import LostBatches, OutboxGap, Relay
from tests.pipeline.memory import Rec
from tests.pipeline.trios import KINDS, numbered, rec
from tests.stack.nodes import NOW_MS, Node, nodes, reached, within

pytestmark = pytest.mark.usefixtures("complaints")
OUTPUTS = ("release", "hold", "reject", "receipt", "dead-letter", "guarantee-event")
STEPS = ("begun", "sent", "offsets-sent", "kafka-committed")


def three(n: int, lane: int, offset: int) -> list[Rec]:
    return [rec(kind, numbered(n)[kind], offset, partition=lane) for kind in KINDS]


async def published(endpoints: Endpoints) -> list[tuple[str, int, bytes]]:
    """(topic, partition, key) of everything readable with read_committed, in the order of each partition."""
    places = [TopicPartition(topic_name(name), p) for name in OUTPUTS for p in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(
        **endpoints.kafka_options(), isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[tuple[str, int, bytes]] = []
        async with asyncio.timeout(60):
            for place in places:
                while await consumer.position(place) < ends[place]:
                    for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                        found += [(tp.topic.rsplit(".", 1)[-1], tp.partition, r.key) for r in records]
    finally:
        await consumer.stop()
    return found


def relay(node: Node) -> Relay:
    """The relay of a worker's lanes, under the transactional id it claimed with."""
    kafka = node.endpoints.kafka_options()
    return Relay(node.endpoints.postgres, kafka, f"{topic_name('relay')}-{node.name}", lambda: node.epochs, node.relay_steps)


async def publish_all(publishing: Relay) -> None:
    """Rounds until nothing is left; one that was fenced, or too slow for the broker, leaves its batches to the next."""
    async with asyncio.timeout(60):
        while await publishing.round() or publishing.behind():
            pass


def expected(lanes: range, per_lane: int) -> Counter[tuple[str, int]]:
    return Counter({(name, lane): per_lane for lane in lanes for name in ("release", "receipt")})


def by_place(found: list[tuple[str, int, bytes]]) -> Counter[tuple[str, int]]:
    return Counter((name, lane) for name, lane, _ in found)


@pytest.mark.parametrize("resumed", [False, True], ids=["killed", "resumed"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_relay_stopped_inside_its_transaction(topics: Endpoints, step: str, resumed: bool) -> None:
    """Its successor publishes what it did not, and it publishes nothing more when it wakes up."""
    async with nodes(topics, [0, 1], []) as (first, heir):
        for offset in range(2):
            await first.take(*three(offset, 0, offset), *three(10 + offset, 1, offset))
        gate = first.relay_steps.hold(step)
        stopped = relay(first)
        task = asyncio.create_task(stopped.round())
        await reached(gate, task)
        await heir.claim(0, 1, fence=True)
        successor = relay(heir)
        await publish_all(successor)
        assert by_place(await published(topics)) == expected(range(2), 2)
        if resumed:
            gate.open.set()
            if step == "kafka-committed":
                assert await within(task) == 2  # it was done, but for the copy of the position, which is not its to write
            else:
                with pytest.raises(Fenced):
                    await within(task)
        else:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await heir.take(*three(20, 0, 2), *three(21, 1, 2))
        await publish_all(successor)
        found = await published(topics)
        assert by_place(found) == expected(range(2), 3)
        assert len(set(found)) == len(found)
        assert await read_positions(topics.kafka_options(), [0, 1]) == {0: 3, 1: 3}
        await stopped.close()
        await successor.close()


async def test_a_relay_follows_a_lane_from_worker_to_worker(topics: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(topics, [0, 1], []) as (first, second):
        await first.take(*three(1, 0, 0), *three(2, 1, 0))
        ones, others = relay(first), relay(second)
        assert await ones.round() == 2
        first.processor.disown([1])
        await second.claim(1)
        await second.take(*three(3, 1, 1))
        await first.take(*three(4, 0, 1))
        assert (await ones.round(), await others.round()) == (1, 1)
        assert by_place(await published(topics)) == expected(range(2), 2)
        rows = await db.fetch("SELECT batch_seq, published_seq FROM lane ORDER BY lane")
        assert [tuple(r) for r in rows] == [(2, 2), (2, 2)]
        await ones.close()
        await others.close()


@pytest.mark.parametrize("step", ["begun", "sent", "offsets-sent"])
async def test_a_fenced_relay_that_kept_a_lane_goes_on_with_it(topics: Endpoints, step: str) -> None:
    async with nodes(topics, [0, 1], []) as (first, second):
        await first.take(*three(1, 0, 0), *three(2, 1, 0))
        gate = first.relay_steps.hold(step)
        ones, others = relay(first), relay(second)
        task = asyncio.create_task(ones.round())
        await reached(gate, task)
        await second.claim(1, fence=True)
        await publish_all(others)
        first.processor.disown([1])
        gate.open.set()
        assert await within(task) == 0
        await publish_all(ones)
        assert by_place(await published(topics)) == expected(range(2), 1)
        await ones.close()
        await others.close()


async def test_postgresql_restored_from_the_past(topics: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(topics, [0]) as (node,):
        await node.take(*three(1, 0, 0))
        await node.take(*three(2, 0, 1))
        ones = relay(node)
        assert await ones.round() == 1
        await ones.close()
        await db.execute("UPDATE lane SET batch_seq = 1, published_seq = 1")
        with pytest.raises(LostBatches, match="lane 0: Kafka has batch 2, PostgreSQL ends at 1"):
            await ones.run()
        await ones.close()


async def test_kafka_forgot_the_position(topics: Endpoints, db: asyncpg.Connection) -> None:
    """Group offsets of idle groups expire: then PostgreSQL's copy counts."""
    async with nodes(topics, [0]) as (node,):
        await node.take(*three(1, 0, 0))
        await node.take(*three(2, 0, 1))
        await db.execute("UPDATE lane SET published_seq = 1")
        ones = relay(node)
        assert await ones.round() == 1
        assert [key for _, _, key in await published(topics)] == [b"330296P001|EXAMPLE-2"] * 2
        await ones.close()


async def test_kafka_cannot_tell_the_position_yet(topics: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without the partitions asked for (the coordinator is loading) does not mean: nothing is published."""
    ask, answers = AIOKafkaAdminClient.list_consumer_group_offsets, iter([{}, GroupCoordinatorNotAvailableError()])

    async def answer(self: AIOKafkaAdminClient, *arguments: Any, **named: Any) -> Any:
        if isinstance(first := next(answers, None), Exception):
            raise first
        return await ask(self, *arguments, **named) if first is None else first

    async with nodes(topics, [0]) as (node,):
        await node.take(*three(1, 0, 0))
        ones = relay(node)
        assert await ones.round() == 1
        await ones.close()
        monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", answer)
        assert await read_positions(topics.kafka_options(), [0, 1]) == {0: 1, 1: 0}


async def test_the_broker_is_away() -> None:
    """The round fails and leaves nothing open behind it (`complaints`)."""
    away = Relay("", Endpoints("127.0.0.1:1", "").kafka_options(), "nobody", dict)
    with pytest.raises(KafkaConnectionError):
        await away.round()
    await away.close()


async def test_a_hole_in_the_outbox(topics: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(topics, [0]) as (node,):
        for n in range(3):
            await node.take(*three(n, 0, n))
        await db.execute("DELETE FROM outbox WHERE batch_seq = 2")
        ones = relay(node)
        with pytest.raises(OutboxGap, match="lane 0: batch 2 is missing before 3"):
            await ones.run()
        assert await published(topics) == []
        await ones.close()


async def test_a_stopped_relay_publishes_what_is_there_first(topics: Endpoints) -> None:
    async with nodes(topics, [0]) as (node,):
        ones = relay(node)
        running = asyncio.create_task(ones.run())
        for n in range(3):
            await node.take(*three(n, 0, n))
            ones.wake()
        ones.stop()
        await within(running)
        await ones.close()
        assert by_place(await published(topics)) == expected(range(1), 3)


async def test_a_record_as_large_as_a_broker_takes(topics: Endpoints) -> None:
    """Its dead letter would be larger: it must not keep what others have to say from being published."""
    large = bytes(1_048_480)
    async with AIOKafkaProducer(bootstrap_servers=topics.kafka, max_request_size=1 << 21) as producer:
        await producer.send_and_wait(topic_name("order"), large, key=b"x", partition=0)
    async with nodes(topics, [0, 1]) as (node,):
        await node.take(Rec(topic_name("order"), 0, 0, NOW_MS, b"x", large))
        await node.take(*three(1, 1, 0))
        publishing = relay(node)
        await publish_all(publishing)
        await publishing.close()
    found = by_place(await published(topics))
    assert (found["dead-letter", 0], found["release", 1]) == (1, 1)


async def test_the_end_of_a_session_that_arrived_in_part(topics: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncpg calls it an error of its own; it is no reason for a worker to end, as in its store it is none."""
    async with nodes(topics, [0]) as (node,):
        await node.take(*three(1, 0, 0))
        ones = relay(node)
        collect, failed = ones._collect, asyncio.Event()

        async def once(*arguments: Any) -> Any:
            if failed.is_set():
                return await collect(*arguments)
            failed.set()
            raise asyncpg.InternalClientError("got result for unknown protocol state")

        monkeypatch.setattr(ones, "_collect", once)
        ones.stop()
        await within(ones.run())
        await ones.close()
    assert by_place(await published(topics)) == expected(range(1), 1)

"""What the brokers say of topics, asked beside fetching."""

import asyncio
from collections.abc import Callable

from agents.app import intake_topics
from agents.brokers import Brokers
from ops.stack import Stack
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from tests.stack.test_outage import stopped
from tests.stack.test_worker import made_anew
from tests.stack.workers import producer

LANES = (3, 4)


async def until(brokers: Brokers, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        await brokers.look(LANES)
        while not true():
            await brokers.look(LANES)


async def test_ids_and_ends(topics: Endpoints) -> None:
    brokers = Brokers(topics.kafka_options(), intake_topics())
    async with producer(topics) as sender:
        await (await sender.send(topic_name("order"), b"v", partition=4))
    await until(brokers, lambda: brokers.answered)
    assert {place: end for place, end in brokers.ends.items() if end} == {(topic_name("order"), 4): 1}
    assert brokers.ends.keys() == {(name, lane) for name in intake_topics() for lane in LANES}
    first = dict(brokers.ids)
    await made_anew(topics, topic_name("waybill"))
    await until(brokers, lambda: brokers.answered and len(brokers.ids) == len(first))
    assert {name for name, ident in brokers.ids.items() if ident != first[name]} == {topic_name("waybill")}
    await brokers.close()


async def test_nobody_answers(topics: Endpoints, stack: Stack) -> None:
    brokers = Brokers(topics.kafka_options(), intake_topics())
    await until(brokers, lambda: brokers.answered)
    async with stopped(stack, "Kafka"):
        await until(brokers, lambda: not brokers.answered)
        assert brokers.ids == {}
    await until(brokers, lambda: brokers.answered)
    await brokers.close()

"""The transactional producer: why a transaction ended, and closing it in the middle of one."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaConnectionError, ProducerFenced

from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from sinks.kafka_positions import fence
from sinks.transactional import fenced, put_away, started
from tests.stack.nodes import within

pytestmark = pytest.mark.usefixtures("complaints")


async def send(producer: AIOKafkaProducer, partition: int = 0) -> "asyncio.Future[object]":
    batch = producer.create_batch()
    batch.append(key=b"k", value=b"v", timestamp=None)
    return await producer.send_batch(batch, topic_name("release"), partition=partition)


async def test_a_fenced_producer_says_only_that_there_is_no_transaction(topics: Endpoints) -> None:
    """aiokafka hears of it in the background; who sends after that gets an error that names no reason."""
    ident = topic_name("somebody")
    producer = await started(topics.kafka_options(), ident)
    await producer.begin_transaction()
    await fence(topics.kafka_options(), ident)
    with pytest.raises(ProducerFenced):
        await within(await send(producer))
    with pytest.raises(IllegalOperation) as error:
        await send(producer, 1)
    assert fenced(producer, error.value)
    await put_away(producer)


async def test_an_error_of_our_own_is_no_fence(topics: Endpoints) -> None:
    producer = await started(topics.kafka_options(), topic_name("somebody"))
    with pytest.raises(IllegalOperation) as error:
        await send(producer)  # nothing was begun
    assert not fenced(producer, error.value)
    await producer.begin_transaction()
    assert not fenced(producer, ValueError())
    await put_away(producer)


async def test_closing_waits_for_nothing_and_the_next_one_aborts(topics: Endpoints) -> None:
    """A batch that was never sent, under a transaction that is still open."""
    ident = topic_name("somebody")
    producer = await started(topics.kafka_options(), ident)
    await producer.begin_transaction()
    await within(await send(producer))
    waiting = await send(producer, 1)
    await within(put_away(producer))
    await asyncio.gather(waiting, return_exceptions=True)
    following = await started(topics.kafka_options(), ident)
    await following.begin_transaction()
    await within(await send(following, 2))
    await following.commit_transaction()
    await put_away(following)


async def test_a_broker_that_is_away_leaves_no_producer_open() -> None:
    with pytest.raises(KafkaConnectionError):
        await fence(Endpoints("127.0.0.1:1", "").kafka_options(), "nobody")

"""A transactional producer: started within a bound, told why its transaction ended, closed without waiting for it.

aiokafka (pinned in pyproject.toml) sends in a task of its own. What fails there, such as being fenced while it adds
partitions, ends the transaction behind our back, and whoever sends next only hears that there is none.
"""
# pyright: reportPrivateUsage=false

import asyncio
from asyncio import Future
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed, ProducerFenced

TRANSACTION_MS = 5000  # of a producer that says nothing more; then the broker aborts for it
START_SECONDS = 30.0
CLOSE_SECONDS = 2.0
BATCH_BYTES = 1 << 19  # of records a partition is sent at once: half of what brokers take unless told otherwise


async def started(kafka: Mapping[str, Any], transactional_id: str) -> AIOKafkaProducer:
    """A producer whose id is initialised: what its last owner had under way is aborted, and that owner shut out.

    KafkaError or TimeoutError when the broker is away.
    """
    producer = AIOKafkaProducer(
        **kafka, transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_MS, acks="all",
        retry_backoff_ms=10, request_timeout_ms=10_000, max_batch_size=BATCH_BYTES, linger_ms=0,
    )  # fmt: skip
    try:
        await asyncio.wait_for(producer.start(), START_SECONDS)
    except BaseException:
        await put_away(producer)
        raise
    return producer


def fenced(producer: AIOKafkaProducer, error: BaseException) -> bool:
    """Whether `error`, seen inside a transaction, means that another producer took the id over (or the broker gave up
    waiting for us, which it tells the same way)."""
    end = _end(producer)
    cause = end.exception() if end is not None and end.done() and not end.cancelled() else None
    return isinstance(error, ProducerFenced) or isinstance(cause, ProducerFenced)


def heard(future: "Future[Any]") -> None:
    """Look at a failure nobody may come to ask for: asyncio complains of each that was not looked at."""
    if future.done() and not future.cancelled():
        future.exception()


async def put_away(producer: AIOKafkaProducer) -> None:
    """Close it without sending anything more: its transaction is aborted by whoever initialises the id next."""
    task, accumulator = producer._sender.sender_task, producer._message_accumulator
    if task is not None:
        task.cancel()  # waits for its requests, which fail as their connections are closed
        await producer.client.close()
        await asyncio.wait([task], timeout=CLOSE_SECONDS)
        if not task.done():
            task.cancel()  # leaves what it waits for
            await asyncio.wait([task], timeout=CLOSE_SECONDS)
    unsent = [batch for batches in accumulator._batches.values() for batch in batches]
    accumulator.fail_all(ProducerClosed())  # `stop` would wait for them
    with suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.stop(), CLOSE_SECONDS)
    for batch in unsent:
        heard(batch.future)
        heard(batch._drain_waiter)
    if (end := _end(producer)) is not None:
        heard(end)


def _end(producer: AIOKafkaProducer) -> "Future[None] | None":
    """Of the transaction begun last; None before the first."""
    manager: Any = producer._txn_manager
    return manager.wait_for_transaction_end()

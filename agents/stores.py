"""Whether PostgreSQL and Kafka answer: asked beside the work, which may be hanging on either of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import asyncpg
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from agents.metrics import METRICS
from schemas.contracts import topic_name
from sinks.named_sql import sql
from sinks.store import AWAY

LOG = logging.getLogger("tidegate.stores")
ANSWER_SECONDS = 5
KAFKA, POSTGRES = "Kafka", "PostgreSQL"


class Stores:
    """`look` asks both; `away` says which did not answer when last asked."""

    def __init__(self, dsn: str, kafka: Mapping[str, Any]) -> None:
        self._dsn, self._kafka = dsn, kafka
        self._connection: asyncpg.Connection | None = None
        self._client: AIOKafkaClient | None = None
        self._away: frozenset[str] = frozenset()

    def away(self) -> str | None:
        """"PostgreSQL is away", "Kafka is away", "Kafka and PostgreSQL are away", or None."""
        if not self._away:
            return None
        return f"{' and '.join(sorted(self._away))} {'is' if len(self._away) == 1 else 'are'} away"

    async def look(self) -> None:
        """Ask both at once; a change is logged."""
        questions = {KAFKA: self._ask_kafka, POSTGRES: self._ask_postgres}
        answers = await asyncio.gather(*map(_answers, questions.values()))
        away = frozenset(name for name, answered in zip(questions, answers, strict=True) if not answered)
        if away != self._away:
            self._away = away
            LOG.log(logging.WARNING if away else logging.INFO, self.away() or "both stores answer")

    async def close(self) -> None:
        await self._drop_kafka()
        self._drop_postgres()

    async def _ask_postgres(self) -> None:
        try:
            if self._connection is None:
                connection: asyncpg.Connection = await asyncpg.connect(self._dsn, timeout=ANSWER_SECONDS)
                self._connection = connection
            (oldest,) = await self._connection.fetch(sql("oldest_transaction"))
            METRICS.oldest_transaction_seconds.set(oldest[0])
        except BaseException:
            self._drop_postgres()
            raise

    def _drop_postgres(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _ask_kafka(self) -> None:
        """Its metadata, over a connection that is kept; bootstrap says nothing of brokers that do not answer later."""
        try:
            if self._client is None:
                self._client = AIOKafkaClient(**self._kafka)
                await self._client.bootstrap()
                self._client.add_topic(topic_name("clock"))  # metadata of one topic, not of all
            if not await self._client.force_metadata_update():
                raise KafkaError("no broker answered")
        except BaseException:
            await self._drop_kafka()
            raise

    async def _drop_kafka(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError, OSError):
                await client.close()


async def _answers(question: Callable[[], Awaitable[None]]) -> bool:
    """Whether it is answered in time."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await question()
    except (KafkaError, *AWAY):
        return False
    return True

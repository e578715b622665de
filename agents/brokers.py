"""What the brokers say of the topics a worker reads: their ids and their ends.

Asked over a connection of its own. The consumer tells only the ends that it fetched to, and may be what is stuck; and it
goes on in a topic that was made anew as if it were the same.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.offset import OffsetRequest

from agents.intake import Place
from agents.topic_identity import KafkaTopic, topics_over
from sinks.store import AWAY

ANSWER_SECONDS = 5.0
LATEST, READ_COMMITTED, ANY_REPLICA = -1, 1, -1  # of the protocol's request for offsets


class Brokers:
    """`ids`: of the topics that exist, nothing when nobody answered just now. `ends`: where each topic-partition ends for readers of
    what is committed, as told last. `answered`: whether all was told when last asked."""

    def __init__(self, kafka: Mapping[str, Any], topics: Sequence[str]) -> None:
        self._kafka, self._topics = kafka, topics
        self._client: AIOKafkaClient | None = None
        self.ids: Mapping[str, str] = {}
        self.ends: Mapping[Place, int] = {}
        self.answered = False

    async def look(self, lanes: Collection[int]) -> None:
        """Ask for all topics, and for the ends of these lanes; whoever does not answer is asked anew over another connection."""
        ids: dict[str, str] = {}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                client = await self._connected()
                found = await topics_over(client, self._topics)
                ids = {name: topic.id for name, topic in found.items()}
                self.ends = await _ends(client, found, lanes)
            self.answered = True
        except (KafkaError, *AWAY):
            self.answered = False
            await self.close()
        self.ids = ids

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError, OSError):
                await client.close()

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            self._client = AIOKafkaClient(**self._kafka)
            await self._client.bootstrap()
        return self._client


async def _ends(client: AIOKafkaClient, topics: Mapping[str, KafkaTopic], lanes: Collection[int]) -> dict[Place, int]:
    """As each leader tells; KafkaError when a partition has none, or one does not tell."""
    of_leader: dict[int, list[tuple[str, list[tuple[int, int]]]]] = {}
    for name, topic in topics.items():
        for leader in {topic.leaders[lane] for lane in lanes if lane in topic.leaders}:
            asked = [(lane, LATEST) for lane in lanes if topic.leaders.get(lane) == leader]
            of_leader.setdefault(leader, []).append((name, asked))
    answers: list[Any] = await asyncio.gather(
        *(client.send(leader, OffsetRequest(ANY_REPLICA, READ_COMMITTED, asked)) for leader, asked in of_leader.items())
    )
    ends: dict[Place, int] = {}
    for name, partitions in (of_topic for answer in answers for of_topic in answer.topics):
        for partition, error, _timestamp, offset, *_ in partitions:
            if error:
                raise for_code(error)
            ends[name, partition] = offset
    return ends

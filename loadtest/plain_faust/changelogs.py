"""Makes the changelog topics of the tables before Faust starts.

Left to itself Faust makes them while it joins its group; a second worker that comes at that moment goes on without
("Ignoring missing topic"), and every later write to the table fails there.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from schemas.contracts import PARTITIONS

ALREADY_EXISTS = 36
WAIT_SECONDS = 30.0


async def ensure_changelogs(names: Sequence[str], kafka: str) -> None:
    """Create what is missing and wait until each partition has a leader; TimeoutError after half a minute."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        config = {"cleanup.policy": "compact"}
        answer: Any = await client.create_topics([NewTopic(n, PARTITIONS, 1, topic_configs=config) for n in names])
        for name, code, message in answer.topic_errors:
            if code not in (0, ALREADY_EXISTS):
                raise for_code(code)(f"{name}: {message}")
        async with asyncio.timeout(WAIT_SECONDS):
            while not await _led(client, names):
                await asyncio.sleep(0.2)
    finally:
        await client.close()


async def _led(client: AIOKafkaAdminClient, names: Sequence[str]) -> bool:
    found: Any = await client.describe_topics(list(names))
    led = {t["topic"]: sum(p["leader"] >= 0 for p in t["partitions"]) for t in found}
    return all(led.get(name) == PARTITIONS for name in names)

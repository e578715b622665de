"""A generated set whose guarantors and stock run out, and are added to later: the verifier proves every revision."""

from pathlib import Path

from loadtest.generate import Planned
from loadtest.generate.filings import top_ups
from schemas.contracts import REGISTRY_PARTITION
from schemas.endpoints import Endpoints
from tests.stack.workers import generated, producer, send, workers


async def test_everything_held_is_released_when_there_is_room(topics: Endpoints, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", 1_200, 3)
    async with workers(topics, tmp_path / "run", 2) as group:
        async with producer(topics) as sender:
            await send(sender, documents.documents())
            await group.settled()
            held = await group.db.fetchval("SELECT count(*) FROM held")
            by_queue = dict(await group.db.fetch("SELECT queue, count(*) FROM manifest WHERE queue IN ('guarantee', 'stock') GROUP BY queue"))
            assert min(by_queue["guarantee"], by_queue["stock"]) >= 3
            assert sum(by_queue.values()) == held
            await send(sender, (Planned(0, "registry", REGISTRY_PARTITION, e.key, e.value) for e in top_ups()))
        await group.until("nothing held", "SELECT count(*) = 0 FROM held")
        await group.until("everything published", "SELECT bool_and(batch_seq = published_seq) FROM lane")
        assert await group.db.fetchval("SELECT count(*) FROM revision") == held
        assert await group.stop() == [0, 0]
        await group.proved(documents)

"""A worker with a schema registry: it reads documents of either id, and what it publishes has the registry's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loadtest.verify import documents, messages
from schemas.contracts import id_of, topic_name, use_ids
from schemas.endpoints import Endpoints
from schemas.registry import URL, adopt_ids
from tests.pipeline.trios import KINDS, numbered, rec
from tests.schemas.fake_registry import FakeRegistry
from tests.stack.surfaces import outputs
from tests.stack.workers import producer, workers


@pytest.fixture
async def registry(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry().running() as running:
        monkeypatch.setenv(URL, running.url)
        _forget_ids()
        yield running
    use_ids({})
    _forget_ids()


def _forget_ids() -> None:
    """A process adopts ids before it verifies; this one may have verified with others in an earlier test."""
    for kept in (messages._frames, messages._starts, documents._frames):
        kept.cache_clear()


async def test_documents_of_both_ids_are_decided(topics: Endpoints, registry: FakeRegistry, tmp_path: Path) -> None:
    records = [rec(kind, numbered(1)[kind], 0) for kind in KINDS]
    async with workers(topics, tmp_path, 1) as group, producer(topics) as sender:
        await group.until_asked("ready", "^ready$")
        assert f"{topic_name('order')}-value" in registry.subjects  # by the worker
        await adopt_ids()
        records += [rec(kind, numbered(2)[kind], 0) for kind in KINDS]
        assert records[0].value[:5] != records[3].value[:5]  # type: ignore[index]
        for r in records:
            await sender.send_and_wait(r.topic, r.value, key=r.key, partition=0)
        await group.settled()
        published = await outputs(topics, {"release": 2, "receipt": 2})
        ids = {kind: int.from_bytes(value[1:5], "big") for kind, _, value in published}
        assert ids == {"release": id_of("decision-1"), "receipt": id_of("receipt-1")}
        assert min(ids.values()) >= registry.first_id
        assert await group.stop() == [0]
        await group.proved(None)

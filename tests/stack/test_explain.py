"""Every decision of a generated set is explained by what is stored; the history holds them all and judges them the same."""

from pathlib import Path
from typing import Any

import pytest

from history.build import build
from history.redecide import redecide
from loadtest.publish import preload
from ops.explain.gather import gather
from schemas.endpoints import Endpoints
from schemas.lawbook import load
from sinks.store import Store
from tests.stack.workers import generated, workers

PERSONAL = frozenset(load().rules["columns"]["personal"])


@pytest.fixture
async def decided(topics: Endpoints, tmp_path: Path) -> Endpoints:
    """A set with every story, decided by a real worker."""
    documents = generated(tmp_path / "set", 400, 9)
    await preload(documents, topics.kafka_options(), lambda _more: None)
    async with workers(topics, tmp_path, 1) as group:
        await group.settled()
        assert await group.stop() == [0]
    return topics


async def test_explained_and_judged_again(decided: Endpoints, tmp_path: Path) -> None:
    store = Store(decided.postgres)
    try:
        orders = [r[0] for r in await (await store.connection()).fetch("SELECT DISTINCT order_no FROM manifest")]
        wrong: list[Any] = []
        for order_no in orders:
            found = await gather(store, order_no)
            wrong += [(m["order_no"], m["differences"]) for m in found["manifests"] if m["differences"]]
        assert wrong == []
        written = await build(store, tmp_path / "history", PERSONAL)
    finally:
        await store.close()
    found = redecide(tmp_path / "history", load())
    assert found.manifests == written
    assert not found.differ, found

"""Health: alive is not ready, and metrics are there in both."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from agents import http
from agents.metrics import METRICS


class Readiness:
    why_not: str | None = "no lanes assigned"

    def __call__(self) -> str | None:
        return self.why_not


@pytest.fixture
def ready() -> Readiness:
    return Readiness()


@pytest.fixture
async def ask(ready: Readiness) -> AsyncIterator[aiohttp.ClientSession]:
    runner, port = await http.serve("127.0.0.1", 0, ready)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
    await runner.cleanup()


async def test_a_worker_without_lanes_is_alive_and_not_ready(ask: aiohttp.ClientSession, ready: Readiness) -> None:
    async with ask.get("/alive") as alive, ask.get("/ready") as is_ready:
        assert (alive.status, await alive.text()) == (200, "alive\n")
        assert (is_ready.status, await is_ready.text()) == (503, "no lanes assigned\n")
    ready.why_not = None
    async with ask.get("/ready") as is_ready:
        assert (is_ready.status, await is_ready.text()) == (200, "ready\n")


async def test_metrics_are_told_in_the_form_prometheus_reads(ask: aiohttp.ClientSession) -> None:
    METRICS.lanes.set(7)
    async with ask.get("/metrics") as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/plain")
    assert "\ntidegate_lanes 7.0\n" in text

"""How much is not published is known while Kafka takes nothing."""

from typing import Any

import asyncpg
import pytest

from sinks.relay import Relay

ROWS = [
    {"lane": 0, "epoch": 1, "batch_seq": 9, "published_seq": 2},
    {"lane": 1, "epoch": 7, "batch_seq": 5, "published_seq": 1},  # another worker's by now
]


class Postgres:
    async def fetch(self, _query: str, lanes: list[int]) -> list[dict[str, Any]]:
        return [row for row in ROWS if row["lane"] in lanes]


async def test_while_rounds_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay("", {}, "", lambda: {0: 1, 1: 6})

    async def connected(_: Relay) -> Postgres:
        return Postgres()

    async def away(_: Relay) -> Postgres:
        raise asyncpg.CannotConnectNowError

    monkeypatch.setattr(Relay, "_postgres", connected)
    await relay._look_behind()
    assert relay.behind() == 7
    monkeypatch.setattr(Relay, "_postgres", away)
    await relay._look_behind()
    assert relay.behind() == 7  # nothing is committed either

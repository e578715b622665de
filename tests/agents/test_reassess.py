"""Behind what does not fit there may be something that does."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from agents import reassess
from agents.reassess import SLICE, Reassess
from pipeline.registry import Registry
from tests.pipeline.memory import registry

START = datetime(2019, 11, 11, tzinfo=UTC)
DAYS = {0: date(2019, 11, 11)}


class Held:
    """A store in which so many wait, by account, the first accepted first."""

    def __init__(self, **waiting: int) -> None:
        self.waiting = waiting

    async def fetch(self, _name: str, account: str, _lanes: Any, _room: int, most: int, *rest: Any) -> list[dict[str, Any]]:
        since = rest[-2:]
        rows = [{"waits_for": account, "accepted_at": START + timedelta(seconds=n), "manifest_id": n} for n in range(self.waiting[account])]
        return [row for row in rows if (row["accepted_at"], row["manifest_id"]) > since][:most]


async def slices(held: Reassess, store: Held, *accounts: str) -> list[list[int]]:
    """The slices looked at until there is none, when nothing fits."""
    seen: list[list[int]] = []
    while True:
        rows, looked_at = await held._due(store, registry(), accounts, DAYS)  # type: ignore[arg-type]
        if not rows:
            return seen
        seen.append([row["manifest_id"] for row in rows])
        held.vain.update(looked_at)


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Account → what room it has."""
    stands = {"a": 10, "b": 10}

    async def rooms(_store: Any, _registry: Registry, accounts: Any, _days: Any) -> dict[str, int]:
        return {account: stands[account] for account in accounts}

    monkeypatch.setattr(reassess, "_rooms", rooms)
    return stands


async def test_all_that_wait_are_looked_at_once(stands: dict[str, int]) -> None:
    held, store = Reassess(), Held(a=2 * SLICE + 7)
    assert await slices(held, store, "a") == [[*range(SLICE)], [*range(SLICE, 2 * SLICE)], [*range(2 * SLICE, 2 * SLICE + 7)]]
    assert await slices(held, store, "a") == []
    stands["a"] = 9  # what did not fit fits no better
    assert await slices(held, store, "a") == []
    stands["a"] = 10
    assert await slices(held, store, "a") == []
    stands["a"] = 11
    assert len(await slices(held, store, "a")) == 3


async def test_with_less_room_a_walk_goes_on_where_it_was(stands: dict[str, int]) -> None:
    held, store = Reassess(), Held(a=2 * SLICE)
    rows, looked_at = await held._due(store, registry(), ["a"], DAYS)  # type: ignore[arg-type]
    held.vain.update(looked_at)
    stands["a"] = 9
    rows, looked_at = await held._due(store, registry(), ["a"], DAYS)  # type: ignore[arg-type]
    assert rows[0]["manifest_id"] == SLICE
    held.vain.update(looked_at)
    stands["a"] = 10  # more than there was for the second half
    rows, _ = await held._due(store, registry(), ["a"], DAYS)  # type: ignore[arg-type]
    assert rows[0]["manifest_id"] == 0


async def test_a_slice_ends_within_the_second_account(stands: dict[str, int]) -> None:
    found = await slices(Reassess(), Held(a=3, b=SLICE), "a", "b")
    assert found == [[0, 1, 2, *range(SLICE - 3)], [*range(SLICE - 3, SLICE)]]


async def test_each_lane_reaches_the_day_by_its_own_clock(stands: dict[str, int]) -> None:
    """What did not fit on the eve, in a lane whose clock was behind, is looked at when midnight has come to it too."""
    held, store = Reassess(), Held(a=1)
    eve, morning = date(2019, 11, 10), date(2019, 11, 11)
    for days, seen in (({0: morning, 1: eve}, 1), ({0: morning, 1: eve}, 0), ({0: morning, 1: morning}, 1)):
        rows, looked_at = await held._due(store, registry(), ["a"], days)  # type: ignore[arg-type]
        assert len(rows) == seen
        if rows:
            held.vain.update(looked_at)

"""Whose turn it is, and when an account is looked at again."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from agents import reassess
from agents.reassess import SLICE, Reassess, Room
from pipeline.registry import Registry
from pipeline.securing import WAITING

LITTLE, ENOUGH = 5, 10


class Held:
    """A store in which so many wait, by account, each for ENOUGH of it in lane 0; `asked`: of which accounts it was."""

    def __init__(self, **waiting: int) -> None:
        self.waiting = waiting
        self.asked: list[str] = []

    async def fetch(self, _name: str, account: str, lanes: Sequence[int], room: Sequence[int], most: int, *_rest: Any) -> list[str]:
        self.asked.append(account)
        return [account] * min(self.waiting[account], most) if dict(zip(lanes, room, strict=True))[0] >= ENOUGH else []


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> dict[str, Room]:
    """Account → its room by lane."""
    rooms = {account: {0: ENOUGH} for account in ("a", "b", "c")}

    async def read(_store: Any, _registry: Registry, accounts: Any, _days: Any) -> dict[str, tuple[Room, None]]:
        return {account: (dict(rooms[account]), None) for account in accounts}

    monkeypatch.setattr(reassess, "_rooms", read)
    return rooms


async def due(held: Reassess, store: Held, *accounts: str, version: int = 0) -> list[str]:
    """The accounts of which something is looked at."""
    return sorted(set(await held._due(store, Registry(version), accounts, {})))  # type: ignore[arg-type]


async def test_accounts_that_fill_a_slice_take_turns(rooms: dict[str, Room]) -> None:
    """However often there is room again for the many that wait for the first."""
    held, store = Reassess(), Held(a=9 * SLICE, b=SLICE, c=1)
    turns = [await due(held, store, "a", "b", "c") for _ in range(5)]
    assert turns == [["a"], ["b"], ["a", "c"], ["b"], ["a", "c"]]


async def test_a_slice_ends_within_the_second_account(rooms: dict[str, Room]) -> None:
    held, store = Reassess(), Held(a=3, b=SLICE)
    rows = await held._due(store, Registry(), ("a", "b"), {})  # type: ignore[arg-type]
    assert rows == ["a"] * 3 + ["b"] * (SLICE - 3)


async def test_what_is_taken_makes_no_room(rooms: dict[str, Room]) -> None:
    """So an account on which nothing fits is not asked for again while it goes on being taken of, but when it has more."""
    held, store = Reassess(), Held(a=1)
    seen: list[tuple[int, bool]] = []
    for room in (LITTLE, LITTLE, LITTLE - 1, LITTLE, LITTLE + 1, ENOUGH, 0):
        rooms["a"], store.asked = {0: room}, []
        seen.append((len(await due(held, store, "a")), bool(store.asked)))
    assert seen == [(0, True), (0, False), (0, False), (0, False), (0, True), (1, True), (0, False)]


async def test_by_another_version_it_is_asked_for_again(rooms: dict[str, Room]) -> None:
    """What kept it may be active again."""
    held, store = Reassess(), Held(a=1)
    rooms["a"] = {0: LITTLE}
    for version in (1, 1, 2, 2):
        await due(held, store, "a", version=version)
    assert store.asked == ["a", "a"]


async def test_each_lane_reaches_the_day_by_its_own_clock(rooms: dict[str, Room]) -> None:
    """What did not fit on the eve, in a lane whose clock was behind, is looked at when midnight has come to it too."""
    held, store = Reassess(), Held(a=1)
    seen: list[int] = []
    for behind in (LITTLE, LITTLE, ENOUGH):
        rooms["a"] = {1: ENOUGH, 0: behind}
        seen.append(len(await due(held, store, "a")))
    assert (seen, store.asked) == ([0, 0, 1], ["a", "a"])


async def test_a_lane_that_waits_for_it_only_now(rooms: dict[str, Room]) -> None:
    held, store = Reassess(), Held(a=1)
    rooms["a"] = {0: LITTLE}
    await due(held, store, "a")
    rooms["a"] = {0: LITTLE, 1: LITTLE}
    await due(held, store, "a")
    assert store.asked == ["a", "a"]


def holding(lane: int, amount: int) -> Any:
    """A batch that holds one more for `a`."""
    heads = pl.DataFrame({"m": [0], "lane": [lane], "queue": ["stock"]}, schema_overrides={"m": pl.UInt32})
    return SimpleNamespace(heads=heads, posted=SimpleNamespace(waiting=pl.DataFrame([(0, "a", amount)], schema=WAITING, orient="row")))


async def test_of_what_comes_later_only_what_is_small_enough_has_it_asked_for(rooms: dict[str, Room]) -> None:
    """Under load hundreds a second come to wait for an account that is used up."""
    held, store = Reassess(), Held(a=1)
    rooms["a"] = {0: LITTLE}
    await due(held, store, "a")
    seen: list[bool] = []
    for lane, amount in ((0, LITTLE + 1), (0, LITTLE), (1, ENOUGH)):
        store.asked = []
        held.committed(holding(lane, amount))
        await due(held, store, "a")
        seen.append(bool(store.asked))
    assert seen == [False, True, True]

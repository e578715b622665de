"""What is looked at again, and when: two workers' meeting itself is tests/stack/test_meeting.py."""

from typing import Any, cast

import polars as pl
import pytest

from agents.look_again import LANES, LookAgain, as_lanes, lanes_of
from sinks.store import Store


class Foreign:
    """Stands in for the store: of the order numbers it is asked about, these have foreign documents."""

    def __init__(self, *hashes: int) -> None:
        self.hashes = set(hashes)

    async def fetch(self, name: str, home: pl.Series, mine: list[int], astray: pl.Series) -> list[dict[str, int]]:
        assert name == "foreign_documents"
        return [{"order_hash": h} for h in {*home, *astray} & self.hashes]


def tables(*documents: tuple[int, int, bool]) -> dict[str, pl.DataFrame]:
    """Documents (order_hash, partition, astray) as those of two kinds."""
    schema = {"order_hash": pl.Int64, "partition": pl.Int16, "astray": pl.Boolean}
    return {"order": pl.DataFrame(documents[::2], schema, orient="row"), "payment": pl.DataFrame(documents[1::2], schema, orient="row")}


def commit(again: LookAgain, worked: list[int], *documents: tuple[int, int, bool], unasked: dict[int, int] | None = None) -> None:
    came = tables(*documents)
    again.committed(worked, lanes_of(came), came, as_lanes(unasked or {}))


async def found(again: LookAgain, *foreign: int) -> dict[int, int]:
    rows = await again.found(cast(Store, cast(Any, Foreign(*foreign))), [1, 2, 3])
    assert rows.schema == LANES
    return dict(rows.iter_rows())


def test_of_several_lanes_the_lowest_decides() -> None:
    assert dict(lanes_of(tables((7, 3, False), (7, 1, False), (7, 2, False), (8, 2, False))).iter_rows()) == {7: 1, 8: 2}


async def test_what_met_is_found_once() -> None:
    again = LookAgain()
    assert not again and await found(again, 7) == {}
    commit(again, [1], (7, 1, False), (8, 1, False))
    assert again and await found(again) == {}
    assert await found(again, 7, 9) == {7: 1}
    commit(again, [2])
    assert await found(again, 7) == {7: 1}  # its lane had no batch since
    commit(again, [1])
    assert not again and await found(again, 7) == {}


@pytest.mark.parametrize("foreign", [[], [7]])
async def test_lanes_that_move_are_looked_at_without_asking(foreign: list[int]) -> None:
    again = LookAgain()
    commit(again, [1], (7, 1, False))
    again.own({8: 2})
    assert await found(again, *foreign) == {7: 1, 8: 2}
    commit(again, [2], (7, 2, False))  # lane 1 still has to look; the newer lane decides
    assert await found(again, *foreign) == {7: 2}
    again.disown([2])
    assert not again


async def test_what_may_be_complete_once_more_is_looked_at_once_without_asking() -> None:
    """7 came by another lane earlier, which has not looked yet; 8 came with this batch; of 9 nothing came."""
    again = LookAgain()
    commit(again, [1], (7, 1, False))
    commit(again, [2], (8, 2, False), (6, 2, False), unasked={7: 2, 8: 2, 9: 2})
    assert await found(again) == {7: 2, 8: 2, 9: 2}
    commit(again, [2])
    assert not again


async def test_what_came_astray_is_looked_at_two_batches_later_than_the_rest() -> None:
    again = LookAgain()
    commit(again, [1, 2], (7, 1, True), (8, 1, False))
    looks: list[dict[int, int]] = []
    for _ in range(4):
        looks.append(await found(again, 7))
        commit(again, [2])
    assert looks == [{7: 1}] * 4  # lane 1 had no batch: neither its first look nor its wait is over
    for _ in range(4):
        looks.append(await found(again, 7))
        commit(again, [1])
    assert looks[4:] == [{7: 1}, {}, {7: 1}, {}]
    assert not again


async def test_what_waits_astray_is_looked_at_as_soon_as_lanes_move() -> None:
    """The rest of its order may lie in the lane that became ours: no document is foreign then, and only looking finds it."""
    again = LookAgain()
    commit(again, [1], (7, 1, True))
    commit(again, [1])
    again.own({8: 2})
    assert await found(again) == {7: 1, 8: 2}
    commit(again, [1, 2])
    assert not again


def test_the_newest_lane_of_an_order_that_came_astray_again() -> None:
    again = LookAgain()
    commit(again, [1], (7, 1, True))
    commit(again, [2], (7, 2, True))
    assert again.astray.select("order_hash", "lane", "waits").rows() == [(7, 2, 2)]
    again.own({7: 3})
    assert again.stored.rows() == [(7, 3, True)] and again.astray.is_empty()
    assert as_lanes({}).schema == LANES

"""What of the last batches is kept at hand and what is read again: no document is forgotten, and none met twice."""

import asyncpg
import polars as pl
import pytest

from agents.recent import MOST_BATCHES, Recent
from pipeline.documents import Documents
from schemas.endpoints import Endpoints
from sinks.batch import LaneState
from tests.pipeline.memory import Rec
from tests.pipeline.trios import KINDS, example, rec
from tests.stack.nodes import manifests, nodes

ONE = [("EXAMPLE-1", 1, "RELEASE", [])]


def documents() -> dict[str, Rec]:
    trio = example()
    return {kind: rec(kind, trio[kind], 0, partition=1) for kind in KINDS}


def again(kind: str) -> Rec:
    return rec(kind, example()[kind], 1, partition=1)


async def fates(db: asyncpg.Connection) -> list[tuple[str, int]]:
    rows = await db.fetch("SELECT fate, kafka_offset FROM document_fate ORDER BY kind, kafka_offset")
    return [(row["fate"], row["kafka_offset"]) for row in rows]


@pytest.mark.parametrize("first", [("order", "payment", "waybill"), ("order", "payment")])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_decided_is_met_again(endpoints: Endpoints, db: asyncpg.Connection, first: tuple[str, ...], kind: str) -> None:
    one = documents()
    async with nodes(endpoints, [1]) as (worker,):
        await worker.take(*(one[k] for k in first))
        if len(first) < 3:
            await worker.take(one["waybill"])
        await worker.take(again(kind))
        assert (await manifests(db), await fates(db)) == (ONE, [("duplicate", 1)])


async def test_what_waits_is_not_read_again(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    one = documents()
    async with nodes(endpoints, [1]) as (worker,):
        await worker.take(one["order"])
        await worker.take(one["payment"])
        recent = worker.processor.recent
        orders = pl.concat([part.waiting.of(kind)["order_hash"] for part in recent.parts for kind in KINDS])
        asked = orders.unique()
        stored = await worker.processor.store.look_up(asked, recent.since(), asked.filter(recent.are_settled(asked)))
        assert (len(orders), len(stored.documents)) == (2, 0)
        await worker.take(one["waybill"])
        assert await manifests(db) == ONE


def state(seq: int) -> LaneState:
    return LaneState(1, 1, seq, None, None, None)


def batch(*hashes: int) -> Documents:
    """Payments of these order numbers."""
    frame = pl.DataFrame({"order_hash": hashes}, schema={"order_hash": pl.Int64})
    lines = pl.DataFrame(schema={"document": pl.UInt32})
    return Documents(frame.clear(), frame, frame.clear(), lines)


def hashes(*of: int) -> pl.Series:
    return pl.Series(of, dtype=pl.Int64)


def test_kept_is_what_waits_and_noted_what_is_settled() -> None:
    recent = Recent()
    recent.add({1: state(7)}, batch(10, 11, 11, 12), hashes(11))
    recent.add({1: state(8)}, batch(11, 13), hashes())
    asked = hashes(10, 11, 12, 13, 14)
    assert recent.are_settled(asked).to_list() == [True, True, True, True, False]
    assert [part.payment["order_hash"].to_list() for part in recent.of(asked)] == [[11, 11]]
    assert recent.since() == {1: 7}


def test_no_more_is_kept_than_allowed() -> None:
    recent = Recent(most=3)
    recent.add({1: state(1)}, batch(1, 2), hashes(1, 2))
    recent.add({1: state(2)}, batch(3), hashes(3))
    assert recent.since() == {1: 1}
    recent.add({1: state(3)}, batch(4), hashes(4))
    assert (recent.since(), recent.are_settled(hashes(1)).to_list(), recent.of(hashes(1))) == ({1: 2}, [False], [])
    for seq in range(4, 4 + MOST_BATCHES):
        recent.add({1: state(seq)}, batch(seq), hashes())
    assert recent.since() == {1: 4}
    recent.disown()
    assert recent.since() == {}

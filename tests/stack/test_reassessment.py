"""What is held for its guarantee alone is released when that grows: once, the oldest first, by the owner of its lane."""

import asyncio
from typing import Any

import asyncpg
import pytest

from agents.buffers import LaneRecords
from agents.metrics import METRICS
from loadtest.generate.guaranteed import EXPIRED, RUNS_OUT
from loadtest.verify.messages import DECISION, RECEIPT, decode
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.filings import Filing, written
from sinks.errors import Contended
from tests.pipeline.memory import Rec
from tests.pipeline.test_weights import SUGAR
from tests.pipeline.trios import KINDS, rec
from tests.stack.nodes import NOW_MS, messages, nodes, reached, within
from tests.stack.test_guarantees import at, balance, owing

DAY_MS = 24 * 3_600_000


def top_up(offset: int, guarantor: str, fen: int, revision: int = 1, number: str = "MORE", **more: Any) -> Rec:
    """An event that files one more instrument."""
    content = {"guarantorCode": guarantor, "instrumentNo": number, "kind": "cash", "amountFen": fen, "validFrom": "2019-01-01",
               "validTo": "2099-12-31", "useOrder": 9, "status": "active"}  # fmt: skip
    filing = Filing("guarantee", revision, content | more)
    return Rec(topic_name("registry"), 0, offset, NOW_MS, filing.key.encode(), written(filing))


async def released(db: asyncpg.Connection) -> list[str]:
    """Order numbers in the order of their release."""
    rows = await db.fetch(
        "SELECT m.order_no FROM revision r JOIN manifest m USING (manifest_id) ORDER BY r.batch_seq, m.accepted_at, m.manifest_id"
    )
    return [r["order_no"] for r in rows]


async def held(db: asyncpg.Connection) -> list[str]:
    return [r["order_no"] for r in await db.fetch("SELECT order_no FROM held ORDER BY order_no")]


async def test_topped_up_the_oldest_is_released_first(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0, 1]) as (node,):
        await node.take(*owing(1, 0, 1, EXPIRED, "1000.00", 5), *owing(1, 1, 2, EXPIRED, "2000.00", 3), *owing(0, 0, 3, EXPIRED, "100.00", 4))
        assert await held(db) == ["EXAMPLE-1", "EXAMPLE-2", "EXAMPLE-3"]
        await node.take(top_up(0, EXPIRED, 19_110))
        await node.tick()
        assert await balance(db, EXPIRED) == [(18_200, 18_200), (910, 19_110)]
        assert sorted(await released(db)) == ["EXAMPLE-2", "EXAMPLE-3"]
        assert await held(db) == ["EXAMPLE-1"]
        await node.tick()
        await node.take(top_up(1, EXPIRED, 28_210, 2))
        await node.tick()
        await node.tick()
        assert await balance(db, EXPIRED) == [(18_200, 18_200), (910, 19_110), (9_100, 28_210)]
        assert await held(db) == []
        outcomes = await db.fetch("SELECT outcome, queue FROM manifest")
        assert {tuple(r) for r in outcomes} == {("HOLD", "guarantee")}  # rows of manifest never change


async def test_what_it_reserved_becomes_used(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        ones = [at(EXPIRED, n, (SUGAR, "5")) for n in (1, 2)]
        await node.take(*(rec(kind, one[kind], n, NOW_MS) for n, one in enumerate(ones) for kind in KINDS))
        await node.take(top_up(0, EXPIRED, 10**6))
        released_so_far = METRICS.revisions.labels("RELEASE")._value
        before = released_so_far.get()
        await node.tick()
        assert released_so_far.get() == before + 2
        for ledger, unit in (("quota", "fen"), ("weight", "mg")):
            entries = await db.fetch(f"SELECT entry_no, movement, debit, credit, reserved_after_{unit}, used_after_{unit}, amount_{unit} FROM {ledger}_entry ORDER BY entry_no")
            amount = entries[0][f"amount_{unit}"]
            assert [tuple(e)[:4] for e in entries] == [
                (1, "reserve", "available", "reserved"), (2, "reserve", "available", "reserved"),
                (3, "confirm", "reserved", "used"), (4, "confirm", "reserved", "used"),
            ]  # fmt: skip
            assert [tuple(e)[4:6] for e in entries] == [(amount, 0), (2 * amount, 0), (amount, amount), (0, 2 * amount)]
            account = await db.fetchrow(f"SELECT entry_no, reserved_{unit}, used_{unit} FROM {ledger}_account")
            assert tuple(account) == (4, 0, 2 * amount)


async def test_what_is_published(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*owing(0, 0, 1, EXPIRED, "1000.00"))
        await node.take(top_up(0, EXPIRED, 10**6))
        await node.tick(NOW_MS + 60_000)
        sent = await messages(db)
        ((_, _, key, first),) = [m for m in sent if m[0] == topic_name("hold")]
        ((_, lane, released_key, second),) = [m for m in sent if m[0] == topic_name("release")]
        was, now = decode(DECISION, first), decode(DECISION, second)
        assert was is not None and now is not None and key == released_key and lane == 0
        changed = {name: now[name] for name in now if now[name] != was[name]}
        assert changed.pop("decisionId") and changed.pop("batchSeq") == now["batchSeq"]
        assert changed == {"revision": 2, "outcome": "RELEASE", "queue": "", "returnStatus": "800", "findings": [], "registryVersion": 1}
        receipts = [decode(RECEIPT, m[3]) for m in sent if m[0] == topic_name("receipt")]
        assert [(r["returnStatus"], r["code"], r["orderStatus"]) for r in receipts if r] == [("300", "GUA-02", "120"), ("800", "", "120")]


async def test_with_another_finding_an_officer_looks(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        trio = at(EXPIRED, 1, **{"waybill.consignee": "another"})
        await node.take(*(rec(kind, trio[kind], 0, NOW_MS) for kind in KINDS))
        await node.take(top_up(0, EXPIRED, 10**6))
        await node.tick()
        assert (await held(db), await released(db)) == ([], [])


async def test_a_worker_that_dies_on_the_way(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Nothing of it is there; whoever claims the lane releases it."""
    async with nodes(endpoints, [0], []) as (first, second):
        await first.take(*owing(0, 0, 1, EXPIRED, "1000.00"))
        await first.take(top_up(0, EXPIRED, 10**6))
        gate = first.steps.hold("revised")
        dying = asyncio.create_task(first.tick())
        await reached(gate, dying)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await first.processor.store.close()
        assert (await released(db), await held(db)) == ([], ["EXAMPLE-1"])
        await second.claim(0)
        await second.tick()
        assert await released(db) == ["EXAMPLE-1"]
        assert await balance(db, EXPIRED) == [(9_100, 9_100)]


async def test_a_top_up_while_it_is_decided(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """The top-up is committed between its reads and its commit: it judges again by the new version, or is swept up."""
    async with nodes(endpoints, [0], [1]) as (first, second):
        gate = second.steps.hold("lanes-advanced")
        deciding = asyncio.create_task(second.take(*owing(1, 0, 1, EXPIRED, "1000.00")))
        await reached(gate, deciding)
        await first.take(top_up(0, EXPIRED, 10**6))
        gate.open.set()
        await within(deciding)
        await second.tick()
        assert await balance(db, EXPIRED) == [(9_100, 9_100)]
        assert await held(db) == []


async def test_an_account_that_another_freezes_meanwhile(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Room for one: the release that comes second does not take place, and nothing of it is left."""
    async with nodes(endpoints, [0], [1]) as (first, second):
        await first.take(*owing(0, 0, 1, RUNS_OUT, "4000.00"))
        assert await held(db) == ["EXAMPLE-1"]
        await first.take(top_up(0, RUNS_OUT, 10_000))
        gate = first.steps.hold("revised")
        releasing = asyncio.create_task(first.tick())
        await reached(gate, releasing)
        await within(second.take(*owing(1, 0, 2, RUNS_OUT, "2000.00")))
        gate.open.set()
        await within(releasing)
        assert (await released(db), await held(db)) == ([], ["EXAMPLE-1"])
        assert await balance(db, RUNS_OUT) == [(18_200, 18_200)]
        assert await db.fetchval("SELECT count(*) FROM quota_entry WHERE movement = 'confirm' AND debit = 'reserved'") == 0
        await first.tick()
        assert await held(db) == ["EXAMPLE-1"]


async def test_slices(endpoints: Endpoints, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two in a transaction: three take two ticks, by acceptance."""
    monkeypatch.setattr("agents.reassess.SLICE", 2)
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*(r for n, second in ((1, 9), (2, 5), (3, 7)) for r in owing(0, n - 1, n, EXPIRED, "100.00", second)))
        await node.take(top_up(0, EXPIRED, 10**6))
        await node.tick()
        await node.tick()
        assert await released(db) == ["EXAMPLE-2", "EXAMPLE-3", "EXAMPLE-1"]
        assert [r["n"] for r in await db.fetch("SELECT count(*) AS n FROM revision GROUP BY batch_seq ORDER BY batch_seq")] == [2, 1]


async def test_the_oldest_waits_for_the_day_of_its_lane(
    endpoints: Endpoints, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lane's clock has not come to the day from which there is more, so it does not fill the slice of one that has."""
    monkeypatch.setattr("agents.reassess.SLICE", 1)
    async with nodes(endpoints, [0, 1]) as (node,):
        await node.take(*owing(1, 0, 1, EXPIRED, "100.00", 3), *owing(0, 0, 2, EXPIRED, "100.00", 5))
        await node.take(top_up(0, EXPIRED, 10**6, validFrom="2019-11-12"))
        await node.processor.process({0: LaneRecords({}, {}, {}, NOW_MS + DAY_MS)})
        assert (await released(db), await held(db)) == (["EXAMPLE-2"], ["EXAMPLE-1"])
        await node.processor.process({1: LaneRecords({}, {}, {}, NOW_MS + DAY_MS)})
        assert await held(db) == []


async def test_another_day_another_limit(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """What counts is what is guaranteed when it is released."""
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*owing(0, 0, 1, EXPIRED, "1000.00"))
        await node.take(top_up(0, EXPIRED, 10**6, validFrom="2019-11-12"))
        await node.tick()
        assert await released(db) == []
        await node.tick(NOW_MS + DAY_MS)
        assert await released(db) == ["EXAMPLE-1"]


async def test_what_is_held_later_is_looked_at_too(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Nothing fitted, so the account is left alone until it moves; one that comes then is small enough for the day that the
    clock shows, though not for that of its acceptance."""
    async with nodes(endpoints, [0, 1]) as (node,):
        await node.take(top_up(0, EXPIRED, 10_000, validFrom="2019-11-12"))
        await node.take(*owing(0, 0, 1, EXPIRED, "4000.00"))
        for _ in range(2):
            await node.tick(NOW_MS + DAY_MS)
        assert await held(db) == ["EXAMPLE-1"]
        await node.take(*owing(1, 0, 2, EXPIRED, "100.00"))
        assert (await released(db), await held(db)) == (["EXAMPLE-2"], ["EXAMPLE-1"])


async def test_where_nothing_is_held_nothing_is_asked(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    fetch = asyncpg.Connection.fetch

    async def told(connection: asyncpg.Connection, query: str, *arguments: object) -> list[asyncpg.Record]:
        asked.append(query)
        return await fetch(connection, query, *arguments)

    async with nodes(endpoints, [0]) as (node,):
        await node.tick()  # asks once, after the claim
        monkeypatch.setattr(asyncpg.Connection, "fetch", told)
        await node.tick()
        await node.take(*owing(0, 0, 1, "330296P001", "100.00"))
        assert not [q for q in asked if "FROM held" in q]


async def test_contended_is_repeated_by_the_next_tick(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*owing(0, 0, 1, EXPIRED, "1000.00"))

        async def contended() -> None:
            raise Contended("tried")

        await node.take(top_up(0, EXPIRED, 10**6))
        node.steps.do("revised", contended)
        await node.tick()
        assert await released(db) == []
        await node.tick()
        assert await released(db) == ["EXAMPLE-1"]

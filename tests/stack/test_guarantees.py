"""Accounts of guarantors that two workers freeze on at once: nobody waits while another decides, no limit is passed."""

import asyncio
import json
from datetime import date

import asyncpg
import polars as pl

from agents.guarantors import Guarantors, free_shares
from agents.metrics import METRICS
from loadtest.generate.guaranteed import A_FEN, EXPIRED, RENEWED, RUNS_OUT
from loadtest.generate.people import identity_number
from ops.commands.guarantee import accounts
from pipeline.guarantees import STANDING
from schemas.endpoints import Endpoints
from sinks.guarantees import unpacked
from tests.pipeline.memory import Rec
from tests.pipeline.test_guarantees import at
from tests.pipeline.trios import KINDS, rec
from tests.stack.nodes import NOW_MS, manifests, nodes, reached, within
from tests.stack.test_ledgers import both_have_read


def owing(lane: int, offset: int, n: int, guarantor: str, yuan: str, second: int = 0) -> list[Rec]:
    """A manifest of a person of its own that owes 9.1 % of the price."""
    trio = at(guarantor, n, lines=1, recount=True, **{"line1.qty": "1", "line1.price": yuan, "order.freight": "0"})
    trio["order"]["buyerIdNumber"] = trio["payment"]["payerIdNumber"] = identity_number(n)
    return [rec(kind, trio[kind], offset, NOW_MS + 1000 * second, partition=lane) for kind in KINDS]


async def balance(db: asyncpg.Connection, guarantor: str) -> list[tuple[int, int]]:
    """(amount, balance after) of each entry of an account, checked against the account and its numbers."""
    rows = await db.fetch("SELECT * FROM guarantee_entry WHERE guarantor_code = $1 ORDER BY entry_no", guarantor)
    entries = [entry for row in rows for entry in unpacked(row)]
    assert [number for number, *_ in entries] == list(range(1, len(entries) + 1))
    stands = await db.fetchrow("SELECT entry_no, frozen_fen FROM guarantee_account WHERE guarantor_code = $1", guarantor)
    assert tuple(stands) == (len(entries), entries[-1][3])
    return [(amount, after) for _, _, amount, after in entries]


async def test_a_batch_freezes_while_another_is_deciding(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """The first is held with all its rows written: the second commits on the same account all the same."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        gate = first.steps.hold("rows-written")
        deciding = asyncio.create_task(first.take(*owing(1, 0, 1, RENEWED, "1000.00"), *owing(1, 1, 2, RENEWED, "2000.00", 1)))
        await reached(gate, deciding)
        await within(second.take(*owing(2, 0, 3, RENEWED, "3000.00")))
        gate.open.set()
        await within(deciding)
        assert await balance(db, RENEWED) == [(27_300, 27_300), (9_100, 36_400), (18_200, 54_600)]
        assert [m[2] for m in await manifests(db)] == ["RELEASE"] * 3


async def test_two_that_do_not_both_fit(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """CNY 300 for two that owe 182: who commits second decides again and is held."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        for task in await both_have_read(first, second, owing(1, 0, 1, RUNS_OUT, "2000.00"), owing(2, 0, 2, RUNS_OUT, "2000.00")):
            await within(task)
        assert sorted((m[2], m[3]) for m in await manifests(db)) == [("HOLD", ["GUA-01"]), ("RELEASE", [])]
        assert await balance(db, RUNS_OUT) == [(18_200, 18_200)]
        saw = json.loads(await db.fetchval("SELECT values_read FROM finding"))
        assert saw == {"guarantor_code": RUNS_OUT, "entry_no": 1, "balance_fen": 18_200, "batch_fen": 0, "amount_fen": 18_200, "limit_fen": 30_000}
        moved = dict(await db.fetch("SELECT m.outcome, e.movement FROM manifest m JOIN quota_entry e USING (manifest_id)"))
        assert moved == {"RELEASE": "confirm", "HOLD": "reserve"}


async def test_two_that_fit_to_the_fen(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [1], [2]) as (first, second):
        for task in await both_have_read(first, second, owing(1, 0, 1, RUNS_OUT, "2000.00"), owing(2, 0, 2, RUNS_OUT, "1296.70")):
            await within(task)
        assert [m[2] for m in await manifests(db)] == ["RELEASE"] * 2
        assert (await balance(db, RUNS_OUT))[-1][1] == 30_000


async def test_a_refusal_does_not_wait_for_its_account(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """What it saw stands, though another froze on the account before it commits."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        gate = first.steps.hold("rows-written")
        deciding = asyncio.create_task(first.take(*owing(1, 0, 1, RUNS_OUT, "4000.00"), *owing(1, 1, 2, A_FEN, "100.00")))
        await reached(gate, deciding)
        await within(second.take(*owing(2, 0, 3, RUNS_OUT, "2000.00")))
        gate.open.set()
        await within(deciding)
        assert {m[0]: m[2] for m in await manifests(db)} == {"EXAMPLE-1": "HOLD", "EXAMPLE-2": "HOLD", "EXAMPLE-3": "RELEASE"}
        assert first.steps.seen.count("rows-written") == 1
        assert await balance(db, RUNS_OUT) == [(18_200, 18_200)]


async def test_without_tax_no_guarantee_is_asked(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [1]) as (node,):
        await node.take(*owing(1, 0, 1, RENEWED, "0.04"))
        assert await db.fetchval("SELECT count(*) FROM guarantee_account") == 0


def test_the_balance_lies_on_the_instruments_in_their_order() -> None:
    def filed(number: str, fen: int, order: int, last: str = "2099-12-31", status: str = "active") -> dict[str, object]:
        return {"guarantorCode": "G", "instrumentNo": number, "kind": "cash", "amountFen": fen, "validFrom": "2019-01-01", "validTo": last,
                "useOrder": order, "status": status}  # fmt: skip

    instruments = [filed("B", 50, 1), filed("A", 30, 1), filed("C", 100, 0, "2019-11-10"), filed("D", 9, 0, status="revoked"), filed("E", 1, 2)]
    (account,) = accounts([("G", 7, 75)], instruments, date(2019, 11, 11))
    assert (account.limit_fen, account.frozen_fen, account.free_fen, account.entry_no) == (81, 75, 6, 7)
    assert [(i["instrumentNo"], i["usedFen"], i["valid"]) for i in account.instruments] == [
        ("C", 0, False), ("D", 0, False), ("A", 30, True), ("B", 45, True), ("E", 0, True),
    ]  # fmt: skip
    (before,) = accounts([("G", 7, 75)], instruments, date(2019, 11, 10))
    assert next((i["instrumentNo"], i["usedFen"]) for i in before.instruments) == ("C", 75)
    (over,) = accounts([("G", 7, 90)], instruments, date(2019, 11, 11))
    assert (over.free_fen, [i["usedFen"] for i in over.instruments]) == (-9, [0, 0, 30, 50, 1])


async def test_the_free_share_is_told_by_the_worker_of_lane_0(endpoints: Endpoints) -> None:
    def told() -> dict[str, float]:
        return {s.labels["guarantor"]: s.value for s in METRICS.guarantee_free_share.collect()[0].samples}

    async with nodes(endpoints, [0], [1]) as (first, second):
        await first.take(*owing(0, 0, 1, RUNS_OUT, "2000.00"))
        gauge, other = Guarantors(), Guarantors()
        await gauge.tell(first.processor.store, first.processor.registry, first.processor.lanes, 100.0)
        before = told()
        assert before[RUNS_OUT] == (30_000 - 18_200) / 30_000 and before[EXPIRED] == 0
        await first.take(*owing(0, 1, 2, RUNS_OUT, "1000.00"))
        await other.tell(second.processor.store, second.processor.registry, second.processor.lanes, 200.0)
        await gauge.tell(first.processor.store, first.processor.registry, first.processor.lanes, 104.9)
        assert told() == before
        await gauge.tell(first.processor.store, first.processor.registry, first.processor.lanes, 105.0)
        assert told()[RUNS_OUT] == (30_000 - 27_300) / 30_000
        await gauge.tell(first.processor.store, first.processor.registry, {}, 110.0)  # lane 0 went to another
        assert told() == {}


def test_the_least_free_come_first() -> None:
    limits = pl.DataFrame({"guarantor_code": ["a", "b", "c", "d"], "guarantee_limit_fen": [100, 0, 50, 10]})
    standing = pl.DataFrame([("a", 1, 75), ("d", 2, 11), ("e", 1, 1)], schema=STANDING, orient="row")
    assert free_shares(limits, standing).rows() == [("d", -0.1), ("b", 0.0), ("a", 0.25), ("c", 1.0)]

"""A sample that failed: what is held is rejected and all it took given back, once; nothing with its item is released by itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agents.metrics import METRICS
from loadtest.generate.filings import filings
from loadtest.generate.guaranteed import EXPIRED, RENEWED, RUNS_OUT
from loadtest.generate.stocked import RUNS_OUT as TEN
from loadtest.verify.messages import DECISION, RECEIPT, decode
from ops.commands.sample import inspection_failed
from ops.explain.gather import gather
from ops.explain.show import show
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.filings import Filing, written
from schemas.lawbook import load
from sinks.errors import Contended
from sinks.stock import unpacked
from tests.golden.test_outcomes import saying
from tests.pipeline.memory import Rec
from tests.pipeline.test_guarantees import at
from tests.pipeline.test_stock import ordering
from tests.pipeline.test_weights import SUGAR
from tests.pipeline.trios import KINDS, rec
from tests.stack.nodes import NOW_MS, Gate, manifests, messages, nodes, reached, within
from tests.stack.test_guarantees import balance, owing
from tests.stack.test_reassessment import held, released, top_up
from tests.stack.test_stock import wanting

LOOKED_AT = {"waybill.consignee": "another"}  # held for review


def event(offset: int, filing: Filing) -> Rec:
    return Rec(topic_name("registry"), 0, offset, NOW_MS, filing.key.encode(), written(filing))


def failed(offset: int, trio: dict[str, Any], revision: int = 1, attempt: int = 1) -> Rec:
    """An event: the first item of the manifest did not pass."""
    order = trio["order"]
    return event(offset, inspection_failed(order["ebpCode"], order["orderNo"], attempt, order["orderList"][0]["itemNo"], revision))


def recalled(offset: int, trio: dict[str, Any], status: str = "recalled", revision: int = 2) -> Rec:
    """An event: the first item of the manifest is recalled."""
    key = f"goods|{trio['order']['ebcCode']}|{trio['order']['orderList'][0]['itemNo']}"
    filed = next(f for f in filings("small") if f.key == key)
    return event(offset, Filing("goods", revision, {**filed.content, "status": status}))


def records(offset: int, trio: dict[str, Any]) -> Iterator[Rec]:
    return (rec(kind, trio[kind], offset, NOW_MS) for kind in KINDS)


async def rejected(db: asyncpg.Connection) -> list[str]:
    rows = await db.fetch("SELECT order_no FROM revision r JOIN manifest m USING (manifest_id) WHERE r.outcome = 'REJECT' ORDER BY order_no")
    return [r["order_no"] for r in rows]


async def stock_entries(db: asyncpg.Connection) -> list[dict[str, Any]]:
    """Of all items, in the order of their batches."""
    rows = await db.fetch("SELECT * FROM stock_entry ORDER BY batch_seq")
    return [entry for row in rows for _, _, entry in unpacked(row)]


async def test_what_it_took_is_given_back(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        ones = [at(RENEWED, n, (SUGAR, "5"), **LOOKED_AT) for n in (1, 2)]
        await node.take(*(r for n, one in enumerate(ones) for r in records(n, one)))
        tax = (await balance(db, RENEWED))[0][0]
        so_far = METRICS.revisions.labels("REJECT")._value
        before = so_far.get()
        await node.take(failed(0, ones[0]))
        await node.tick()
        await node.tick()
        assert so_far.get() == before + 1
        assert await balance(db, RENEWED) == [(tax, tax), (tax, 2 * tax), (-tax, tax)]
        assert await rejected(db) == ["EXAMPLE-1"]
        for ledger, unit in (("quota", "fen"), ("weight", "mg")):
            entries = await db.fetch(f"SELECT movement, debit, credit, reserved_after_{unit}, used_after_{unit}, amount_{unit} FROM {ledger}_entry ORDER BY entry_no")
            amount = entries[0][5]
            assert tuple(entries[2]) == ("restore", "reserved", "available", amount, 0, amount)
            assert len(entries) == 3
            assert tuple(await db.fetchrow(f"SELECT entry_no, reserved_{unit}, used_{unit} FROM {ledger}_account")) == (3, amount, 0)
        moves = [(e["movement"], e["amount_e5"], e["reserved_after_e5"], e["used_after_e5"]) for e in await stock_entries(db)]
        five = 500_000
        assert moves == [("reserve", five, five, 0), ("reserve", five, 2 * five, 0), ("restore", five, five, 0)]
        assert tuple(await db.fetchrow("SELECT entry_no, reserved_e5, used_e5 FROM stock_account WHERE entry_no > 0")) == (3, five, 0)
        assert await db.fetchval("SELECT count(*) FROM number_use") == 4
        assert [m[2] for m in await manifests(db)] == ["HOLD", "HOLD"]  # rows of manifest never change


async def test_an_inspection_that_was_filed_before_the_decision(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """The decision it names can be reckoned from the order: it is rejected as if the event had come after it."""
    async with nodes(endpoints, [0]) as (node,):
        one = at(RENEWED, 1, (SUGAR, "5"), **LOOKED_AT)
        await node.take(failed(0, one))
        await node.tick()
        assert await rejected(db) == []
        await node.take(*records(0, one))
        await node.tick()
        assert await rejected(db) == ["EXAMPLE-1"]


async def test_what_is_published(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        one = at(RENEWED, 1, (SUGAR, "5"), **LOOKED_AT)
        await node.take(*records(0, one))
        await node.take(failed(0, one))
        await node.tick(NOW_MS + 60_000)
        sent = await messages(db)
        ((_, _, key, first),) = [m for m in sent if m[0] == topic_name("hold")]
        ((_, lane, rejected_key, second),) = [m for m in sent if m[0] == topic_name("reject")]
        was, now = decode(DECISION, first), decode(DECISION, second)
        assert was is not None and now is not None and key == rejected_key and lane == 0
        changed = {name: now[name] for name in now if now[name] != was[name]}
        assert changed.pop("decisionId") and changed.pop("batchSeq") == now["batchSeq"]
        assert changed == {
            "revision": 2, "outcome": "REJECT", "queue": "", "returnStatus": "700", "findings": [{"code": "GDS-10", "outcome": "REJECT"}],
            "registryVersion": 1, "taxed": False, "vatFen": 0, "taxFen": 0, "lines": [],
        }  # fmt: skip
        receipts = [decode(RECEIPT, m[3]) for m in sent if m[0] == topic_name("receipt")]
        assert [(r["returnStatus"], r["code"], r["orderStatus"]) for r in receipts if r] == [("300", "WAY-01", "120"), ("700", "GDS-10", "120")]


async def test_refused_by_a_number_and_held_it_took_nothing(endpoints: Endpoints, db: asyncpg.Connection, folder: Path) -> None:
    """By a rule set that has an officer look at it: there is nothing to be given back."""
    saying(folder, "WAY-06", "HOLD", "review")
    async with nodes(endpoints, [0], lawbook=load(folder)) as (node,):
        one, other = (at(RENEWED, n, (SUGAR, "5")) for n in (1, 2))
        other["waybill"]["logisticsNo"] = one["waybill"]["logisticsNo"]
        await node.take(*records(0, one))
        before = await balance(db, RENEWED), await stock_entries(db)
        await node.take(*records(1, other))
        await node.take(failed(0, other))
        await node.tick()
        assert [m[2] for m in await manifests(db)] == ["RELEASE", "HOLD"] and await rejected(db) == ["EXAMPLE-2"]
        assert (await balance(db, RENEWED), await stock_entries(db)) == before
        assert [await db.fetchval(f"SELECT count(*) FROM {table}") for table in ("quota_entry", "weight_entry", "number_use")] == [1, 1, 2]


async def test_held_for_its_guarantee_it_froze_nothing(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """It waits no more, and nothing comes of the account."""
    async with nodes(endpoints, [0]) as (node,):
        alone, with_another = at(EXPIRED, 1, (SUGAR, "5")), at(EXPIRED, 2, (SUGAR, "5"), **LOOKED_AT)
        await node.take(*records(0, alone), *records(1, with_another))
        assert await held(db) == ["EXAMPLE-1"]
        await node.take(failed(0, alone), failed(1, with_another))
        await node.take(top_up(2, EXPIRED, 10**6))
        await node.tick()
        assert (await held(db), await rejected(db)) == ([], ["EXAMPLE-1", "EXAMPLE-2"])
        assert await db.fetchval("SELECT count(*) FROM guarantee_account") == 0
        assert await db.fetchval("SELECT sum(reserved_fen + used_fen) FROM quota_account") == 0
        assert await stock_entries(db) == []


async def test_what_was_released_stays_so(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        one, other = at(RENEWED, 1, (SUGAR, "5")), at(EXPIRED, 2, (SUGAR, "5"))
        await node.take(*records(0, one), *records(1, other))
        await node.take(top_up(0, EXPIRED, 10**6))
        await node.tick()
        await node.take(failed(1, one), failed(2, other))
        await node.tick()
        assert (await rejected(db), await released(db)) == ([], ["EXAMPLE-2"])


async def test_room_that_was_given_back(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """CNY 300 are guaranteed, and two owe 182: the second is released when the first is rejected."""
    async with nodes(endpoints, [0, 1]) as (node,):
        first = at(RUNS_OUT, 1, lines=1, recount=True, **{"line1.qty": "1", "line1.price": "2000.00", "order.freight": "0"}, **LOOKED_AT)
        await node.take(*records(0, first))
        await node.take(*owing(1, 1, 2, RUNS_OUT, "2000.00", 2))
        assert await held(db) == ["EXAMPLE-2"]
        await node.tick()
        await node.take(failed(0, first))
        await node.tick()
        await node.tick()
        assert (await rejected(db), await held(db)) == (["EXAMPLE-1"], [])
        assert await balance(db, RUNS_OUT) == [(18_200, 18_200), (-18_200, 0), (18_200, 18_200)]


async def test_stock_that_was_given_back(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Ten were entered, six are reserved, six more wait: they are deducted when the first six are given back. What waited for
    stock and failed gives nothing back."""
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*wanting(0, 0, 1, (TEN, "6"), consigneeAddress="示例省虚构市他处1号"), *wanting(0, 1, 2, (TEN, "6"), second=1), *wanting(0, 2, 3, (TEN, "6"), second=2))
        assert [m[2:] for m in await manifests(db)] == [("HOLD", ["WAY-03"]), ("HOLD", ["STK-01"]), ("HOLD", ["STK-01"])]
        frozen = await db.fetchval("SELECT frozen_fen FROM guarantee_account")
        await node.tick()
        assert await held(db) == ["EXAMPLE-2", "EXAMPLE-3"]
        orders = [ordering(n, (TEN, "6")) for n in (1, 2)]
        await node.take(*(failed(n, one) for n, one in enumerate(orders)))
        await node.tick()
        await node.tick()
        gone = await rejected(db)
        assert (gone, [x for x in await released(db) if x not in gone], await held(db)) == (["EXAMPLE-1", "EXAMPLE-2"], ["EXAMPLE-3"], [])
        moves = [(e["movement"], e["amount_e5"], e["reserved_after_e5"], e["used_after_e5"]) for e in await stock_entries(db)]
        six = 600_000
        assert moves == [("reserve", six, six, 0), ("restore", six, 0, 0), ("deduct", six, 0, six)]
        assert tuple(await db.fetchrow("SELECT entry_no, reserved_e5, used_e5 FROM stock_account WHERE entry_no > 0")) == (3, 0, six)
        assert await db.fetchval("SELECT frozen_fen FROM guarantee_account") == frozen


async def test_recalled_meanwhile_it_is_not_released(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """However much is guaranteed now; another item's manifest is, and this one when the recall ends."""
    async with nodes(endpoints, [0]) as (node,):
        one = at(EXPIRED, 1, (SUGAR, "5"))
        await node.take(*records(0, one), *owing(0, 1, 2, EXPIRED, "1000.00", 1))
        assert await held(db) == ["EXAMPLE-1", "EXAMPLE-2"]
        await node.take(recalled(0, one), top_up(1, EXPIRED, 10**6))
        await node.tick()
        await node.tick()
        assert (await released(db), await held(db)) == (["EXAMPLE-2"], ["EXAMPLE-1"])
        await node.take(recalled(2, one, "active", 3))
        await node.tick()
        assert (await released(db), await held(db)) == (["EXAMPLE-2", "EXAMPLE-1"], [])


FIRMS = {"platform": "ebpCode", "ecommerce": "ebcCode", "payment": "payCode"}


@pytest.mark.parametrize("role", [*FIRMS, "carrier", "declarant", "guarantor", "relation"])
async def test_suspended_meanwhile_it_is_not_released(endpoints: Endpoints, db: asyncpg.Connection, role: str) -> None:
    """However much is guaranteed now; when the suspension ends it is."""
    async with nodes(endpoints, [0]) as (node,):
        one = at(EXPIRED, 1)
        order, filed = one["order"], {f.key: f for f in filings("small")}
        relation = filed[f"relation|{order['ebpCode']}|{order['ebcCode']}"]
        codes = {name: order[field] for name, field in FIRMS.items()} | {
            "carrier": one["waybill"]["logisticsCode"], "declarant": relation.content["declarantCode"], "guarantor": EXPIRED,
        }  # fmt: skip
        out = relation if role == "relation" else filed[f"enterprise|{role}|{codes[role]}"]
        await node.take(*records(0, one))
        assert await held(db) == ["EXAMPLE-1"]
        await node.take(event(0, Filing(out.part, 8, {**out.content, "status": "suspended"})), top_up(1, EXPIRED, 10**6))
        await node.tick()
        assert (await released(db), await held(db)) == ([], ["EXAMPLE-1"])
        await node.take(event(2, Filing(out.part, 9, {**out.content, "status": "active"})))
        await node.tick()
        assert (await released(db), await held(db)) == (["EXAMPLE-1"], [])


@pytest.mark.parametrize(("mode", "still"), [("1210", ["EXAMPLE-1"]), ("9610", [])])
async def test_a_warehouse_matters_to_what_lies_in_it(endpoints: Endpoints, db: asyncpg.Connection, mode: str, still: list[str]) -> None:
    """A direct purchase is released whoever keeps the bonded goods of the firm."""
    async with nodes(endpoints, [0]) as (node,):
        one, filed = at(EXPIRED, 1, (SUGAR, "5"), **{"waybill.billNo": "784-12345675"}), {f.key: f for f in filings("small")}
        if mode == "9610":
            item = filed[f"goods|{one['order']['ebcCode']}|{SUGAR['itemNo']}"]
            await node.take(event(0, Filing("goods", 8, {**item.content, "accountBookItem": ""})))
        await node.take(*records(0, one))
        stands = await db.fetchrow("SELECT trade_mode, warehouse_code FROM manifest")
        assert (stands["trade_mode"], await held(db)) == (mode, ["EXAMPLE-1"])
        out = filed[f"enterprise|warehouse|{stands['warehouse_code']}"]
        await node.take(event(1, Filing(out.part, 8, {**out.content, "status": "suspended"})), top_up(2, EXPIRED, 10**6))
        await node.tick()
        assert await held(db) == still


async def test_a_recall_while_it_is_released(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Committed between its reads and its commit: nothing is released by the version before."""
    async with nodes(endpoints, [1], [0]) as (first, second):
        trio = at(EXPIRED, 1, (SUGAR, "5"))
        await first.take(*(rec(kind, trio[kind], 0, NOW_MS, partition=1) for kind in KINDS))
        await second.take(top_up(0, EXPIRED, 10**6))
        gate = Gate()

        async def hold_what_follows() -> None:
            first.steps.set("lanes-advanced", gate)

        first.steps.do("committed", hold_what_follows)
        releasing = asyncio.create_task(first.tick())
        await reached(gate, releasing)
        await within(second.take(recalled(1, trio)))
        gate.open.set()
        await within(releasing)
        assert await released(db) == []
        await first.tick()
        assert (await released(db), await held(db)) == ([], ["EXAMPLE-1"])


async def test_a_worker_that_dies_on_the_way(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Nothing of it is there; whoever claims the lane rejects it, once."""
    async with nodes(endpoints, [0], []) as (first, second):
        one = at(RENEWED, 1, (SUGAR, "5"), **LOOKED_AT)
        await first.take(*records(0, one))
        gate = first.steps.hold("revised")
        await first.take(failed(0, one))
        dying = asyncio.create_task(first.tick())
        await reached(gate, dying)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await first.processor.store.close()
        assert await rejected(db) == []
        await second.claim(0)
        await second.tick()
        await second.tick()
        assert await rejected(db) == ["EXAMPLE-1"]
        assert [after for _, after in await balance(db, RENEWED)][-1] == 0


async def test_contended_is_repeated_by_the_next_tick(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        one = at(RENEWED, 1, (SUGAR, "5"), **LOOKED_AT)
        await node.take(*records(0, one))
        await node.take(failed(0, one))

        async def contended() -> None:
            raise Contended("tried")

        node.steps.do("revised", contended)
        await node.tick()
        assert await rejected(db) == []
        await node.tick()
        assert await rejected(db) == ["EXAMPLE-1"]


async def test_where_nothing_failed_nothing_is_asked(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    fetch = asyncpg.Connection.fetch

    async def told(self: asyncpg.Connection, query: str, *arguments: Any, **more: Any) -> Any:
        asked.append(query)
        return await fetch(self, query, *arguments, **more)

    async with nodes(endpoints, [0]) as (node,):
        one = at(RENEWED, 1, (SUGAR, "5"), **LOOKED_AT)
        await node.take(*records(0, one))
        await node.take(failed(0, one))
        await node.tick()
        await node.tick()  # finds that nothing is left
        monkeypatch.setattr(asyncpg.Connection, "fetch", told)
        await node.tick()
        await node.take(*records(1, at(RENEWED, 2, (SUGAR, "5"), **LOOKED_AT)))
        assert asked and not [q for q in asked if "m.decision_id = ANY" in q]


async def test_its_documents_stay_refused(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """No attempt follows."""
    async with nodes(endpoints, [0]) as (node,):
        one = at(RENEWED, 1, (SUGAR, "5"), **LOOKED_AT)
        await node.take(*records(0, one))
        await node.take(failed(0, one))
        await node.tick()
        assert await rejected(db) == ["EXAMPLE-1"]
        one["order"]["guid"] = "another"
        one["waybill"]["appType"] = "3"
        await node.take(rec("order", one["order"], 1, NOW_MS + 1), rec("waybill", one["waybill"], 1, NOW_MS + 1))
        fates = await db.fetch("SELECT code FROM document_fate ORDER BY code")
        assert [f["code"] for f in fates] == ["DOC-04", "DOC-08"]
        assert len(await manifests(db)) == 1


async def test_what_was_given_back_is_explained(endpoints: Endpoints, capsys: pytest.CaptureFixture[str]) -> None:
    """With balances before and after each movement, and the limit beside what was frozen."""
    async with nodes(endpoints, [0]) as (node,):
        filed = [event(n, f) for n, f in enumerate(filings("small"))]
        one, other = at(RENEWED, 1, (SUGAR, "5"), **LOOKED_AT), at(EXPIRED, 2, (SUGAR, "5"))
        await node.take(*filed)
        await node.take(*records(0, one), *records(1, other))
        await node.take(failed(len(filed), one), top_up(len(filed) + 1, EXPIRED, 10**6))
        await node.tick()
        await node.tick()
        first, second = [(await gather(node.processor.store, f"EXAMPLE-{n}"))["manifests"][0] for n in (1, 2)]
    assert [(m["outcome"], m["differences"]) for m in (first, second)] == [("HOLD", []), ("HOLD", [])]
    moved = [(e["movement"], e["reserved_before"], e["reserved_after"], e["used_before"], e["used_after"]) for e in first["ledgers"] if e["ledger"] == "quota"]
    amount = first["dutiable_fen"]
    assert moved == [("reserve", 0, amount, 0, 0), ("restore", 2 * amount, amount, 0, 0)]
    assert [(e["amount_fen"], e["limit_fen"]) for e in first["frozen"]] == [(137, 10**12), (-137, None)]
    assert [(e["amount_fen"], e["limit_fen"]) for e in second["frozen"]] == [(137, 10**6)]
    assert [(e["movement"], e["amount_e5"]) for e in first["stock"]] == [("reserve", 500_000), ("restore", 500_000)]
    assert [(e["movement"], e["amount_e5"]) for e in second["stock"]] == [("deduct", 500_000)]
    for lang, given_back in (("en", "given back"), ("zh", "返还")):
        show({"order_no": "EXAMPLE-1", "documents": [], "manifests": [first], "attempts": [1]}, lang, every=False)
        assert given_back in capsys.readouterr().out

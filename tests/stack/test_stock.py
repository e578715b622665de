"""Stock that two workers take at once, that is added to and counted: nothing is taken twice, nobody waits in a ring."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from loadtest.generate.guaranteed import EXPIRED
from loadtest.generate.guaranteed import RUNS_OUT as SMALL_GUARANTEE
from loadtest.generate.people import identity_number
from loadtest.generate.stocked import COUNTED_SHORT, NOT_FILED, RUNS_OUT, TWO, item
from loadtest.generate.stocked import EXPIRED as OUT_OF_DATE
from ops.commands.stock import Account, accounts
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.filings import Filing, stored, written
from schemas.lawbook import load
from sinks.stock import unpacked
from sinks.store import Store
from tests.golden.test_outcomes import saying
from tests.pipeline.memory import Rec
from tests.pipeline.test_stock import ordering
from tests.pipeline.trios import KINDS, rec
from tests.stack.nodes import NOW_MS, manifests, nodes, reached, repeats, somebody_waits, within
from tests.stack.test_guarantees import balance
from tests.stack.test_ledgers import both_have_read
from tests.stack.test_reassessment import DAY_MS, held, released, top_up

UNIT = 100_000


def book(number: int) -> str:
    return item("small", number).book_item


def wanting(lane: int, offset: int, n: int, *lines: tuple[int, str], second: int = 0, on: str = "", **fields: str) -> list[Rec]:
    """An order of a person of its own."""
    trio = ordering(n, *lines, **fields)
    trio["order"]["buyerIdNumber"] = trio["payment"]["payerIdNumber"] = identity_number(n)
    if on:
        for kind in KINDS:
            trio[kind]["ebpCode"] = on
    return [rec(kind, trio[kind], offset, NOW_MS + 1000 * second, partition=lane) for kind in KINDS]


def filed(offset: int, number: int, part: str = "stock", revision: int = 2, **content: Any) -> Rec:
    """An event that enters more of an item, or says what was counted of it."""
    account_book, book_item = book(number).rsplit("-", 1)
    usual: dict[str, Any] = {"accountBook": account_book, "bookItem": book_item, "status": "active"}
    if part == "stock":
        usual |= {"warehouseCode": "330296A001", "unit": item("small", number).unit, "validFrom": "2019-01-01", "validTo": "2099-12-31"}
    else:
        usual |= {"countedOn": "2019-11-11"}
    filing = Filing(part, revision, usual | content)
    return Rec(topic_name("registry"), 0, offset, NOW_MS, filing.key.encode(), written(filing))


async def entries(db: asyncpg.Connection, number: int) -> list[tuple[int, int, int]]:
    """(amount, reserved after, deducted after) of each entry of an item in units, checked against the account and its numbers."""
    rows = await db.fetch("SELECT * FROM stock_entry")
    found = sorted((n, e) for row in rows for name, n, e in unpacked(row) if name == book(number))
    counted = [r["entry_no"] for r in await db.fetch("SELECT entry_no FROM stock_count WHERE book_item = $1", book(number))]
    assert sorted([*(n for n, _ in found), *counted]) == list(range(1, len(found) + len(counted) + 1))
    stands = await db.fetchrow("SELECT entry_no, reserved_e5, used_e5, counts FROM stock_account WHERE book_item = $1", book(number))
    last = (found[-1][1]["reserved_after_e5"], found[-1][1]["used_after_e5"]) if found else (0, 0)
    assert (tuple(stands) if stands else (0, 0, 0, 0)) == (len(found) + len(counted), *last, len(counted))
    return [(e["amount_e5"] // UNIT, e["reserved_after_e5"] // UNIT, e["used_after_e5"] // UNIT) for _, e in found]


async def shown(store: Store, number: int) -> Account:
    """As `tidegate stock show` reads it."""
    standing = [dict(r) for r in await store.fetch("stock_list", book(number))]
    of = await store.fetch("stock_filed", "|".join(("stock", *book(number).rsplit("-", 1))))
    (found,) = accounts(standing, [dict(stored(r["value"]).content) for r in of])
    return found


async def test_a_batch_takes_what_another_is_deciding_on(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """The first is held with all its rows written: the second commits on the same item all the same."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        gate = first.steps.hold("rows-written")
        deciding = asyncio.create_task(first.take(*wanting(1, 0, 1, (RUNS_OUT, "4")), *wanting(1, 1, 2, (RUNS_OUT, "1"), second=1)))
        await reached(gate, deciding)
        await within(second.take(*wanting(2, 0, 3, (RUNS_OUT, "3"), consigneeAddress="示例省虚构市他处1号")))
        gate.open.set()
        await within(deciding)
        assert await entries(db, RUNS_OUT) == [(3, 3, 0), (4, 3, 4), (1, 3, 5)]
        assert [m[2] for m in await manifests(db)] == ["RELEASE", "RELEASE", "HOLD"]


async def test_an_account_that_was_never_opened(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Whatever became of it, what is taken is not lost: the batch is repeated with it open."""
    async with nodes(endpoints, [0]) as (node,):
        await db.execute("DELETE FROM stock_account")
        await node.take(*wanting(0, 0, 1, (RUNS_OUT, "4")))
        assert ([m[2] for m in await manifests(db)], await entries(db, RUNS_OUT)) == (["RELEASE"], [(4, 0, 4)])


async def test_two_that_do_not_both_fit(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Ten for two that want six: who commits second decides again, knows how the item stands, and is held."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        for task in await both_have_read(first, second, wanting(1, 0, 1, (RUNS_OUT, "6")), wanting(2, 0, 2, (RUNS_OUT, "6"))):
            await within(task)
        assert sorted((m[2], m[3]) for m in await manifests(db)) == [("HOLD", ["STK-01"]), ("RELEASE", [])]
        assert await entries(db, RUNS_OUT) == [(6, 0, 6)]
        saw = json.loads(await db.fetchval("SELECT values_read FROM finding"))
        assert saw == {"book_item": book(RUNS_OUT), "amount_e5": 6 * UNIT, "entry_no": 1, "taken_e5": 6 * UNIT, "batch_e5": 0, "entered_e5": 10 * UNIT}
        assert await db.fetchval("SELECT count(*) FROM guarantee_entry") == 1


async def test_two_that_do_not_both_fit_where_stock_rejects(endpoints: Endpoints, db: asyncpg.Connection, folder: Path) -> None:
    """Who comes second has taken numbers and accounts when it turns out: all of that is rolled back."""
    saying(folder, "STK-01", "REJECT")
    async with nodes(endpoints, [1], [2], lawbook=load(folder)) as (first, second):
        for task in await both_have_read(first, second, wanting(1, 0, 1, (RUNS_OUT, "6")), wanting(2, 0, 2, (RUNS_OUT, "6"))):
            await within(task)
        assert sorted((m[2], m[3]) for m in await manifests(db)) == [("REJECT", ["STK-01"]), ("RELEASE", [])]
        assert await entries(db, RUNS_OUT) == [(6, 0, 6)]
        counts = [await db.fetchval(f"SELECT count(*) FROM {table}") for table in ("number_use", "quota_entry", "guarantee_entry", "held")]
        assert counts == [2, 1, 1, 0]


async def test_the_order_of_the_locks(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Somebody has the second of two items: the first is locked before it, and the guarantor's account after both. So two batches
    never wait for each other."""
    other = await asyncpg.connect(endpoints.postgres)
    try:
        async with nodes(endpoints, [1]) as (node,):
            await node.take(*wanting(1, 0, 1, (COUNTED_SHORT, "1")), *wanting(1, 1, 2, (RUNS_OUT, "1")))
            items = "SELECT 1 FROM stock_account WHERE book_item = $1 FOR UPDATE NOWAIT"
            assert book(RUNS_OUT) < book(COUNTED_SHORT)
            async with other.transaction():
                await other.execute(items, book(COUNTED_SHORT))
                taking = asyncio.create_task(node.take(*wanting(1, 2, 3, (COUNTED_SHORT, "1"), (RUNS_OUT, "1"))))
                await somebody_waits(db)
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await db.execute(items, book(RUNS_OUT))
                assert await db.fetchval("SELECT count(*) FROM (SELECT 1 FROM guarantee_account FOR UPDATE NOWAIT) x") == 1
            await within(taking)
    finally:
        await other.close()


async def test_entered_the_oldest_is_released_first(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0, 1]) as (node,):
        await node.take(*wanting(1, 0, 1, (TWO, "3"), second=5), *wanting(1, 1, 2, (TWO, "4"), second=3), *wanting(0, 0, 3, (NOT_FILED, "1")))
        assert await held(db) == ["EXAMPLE-1", "EXAMPLE-2", "EXAMPLE-3"]
        assert await db.fetchval("SELECT count(*) FROM stock_entry") == 0
        assert await db.fetchval("SELECT count(*) FROM guarantee_entry") == 0
        await node.take(filed(0, TWO, enteredE5=5 * UNIT), filed(1, NOT_FILED, revision=1, enteredE5=UNIT))
        await node.tick()
        await node.tick()
        assert sorted(await released(db)) == ["EXAMPLE-2", "EXAMPLE-3"]
        assert (await entries(db, TWO), await entries(db, NOT_FILED)) == ([(4, 0, 4)], [(1, 0, 1)])
        assert await held(db) == ["EXAMPLE-1"]
        await node.take(filed(2, TWO, revision=3, enteredE5=7 * UNIT))
        await node.tick()
        assert (await entries(db, TWO), await held(db)) == ([(4, 0, 4), (3, 0, 7)], [])
        assert {tuple(r) for r in await db.fetch("SELECT outcome, queue FROM manifest")} == {("HOLD", "stock")}
        moves = await db.fetch("SELECT movement, debit FROM quota_entry ORDER BY entry_no")
        assert [tuple(r) for r in moves] == [("reserve", "available")] * 3 + [("confirm", "reserved")] * 3


def apart(n: int, number: int, qty: str, unit: str = "") -> list[Rec]:
    """An order of a person and a home of its own: so many that no counter is over its limit. `unit`: where it is not the one filed."""
    trio = ordering(n, (number, qty))
    home = {"consigneeAddress": f"示例省虚构市他处{n}号", "consigneeTelephone": f"100000000{n:02}"}
    trio["order"] |= {"buyerIdNumber": identity_number(n), **home}
    trio["payment"]["payerIdNumber"] = identity_number(n)
    trio["waybill"] |= home
    if unit:
        trio["order"]["orderList"] = [line | {"unit": unit} for line in trio["order"]["orderList"]]
    return [rec(kind, trio[kind], n, NOW_MS + 1000 * n) for kind in KINDS]


async def test_what_can_never_fit_stands_in_nobodys_way(
    endpoints: Endpoints, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full slice of orders in a unit that their item is not counted in, while it goes on being sold: what is behind them fits,
    of the item and of others. They themselves fit when it is counted in their unit."""
    monkeypatch.setattr("agents.reassess.SLICE", 3)
    assert book(TWO) < book(RUNS_OUT)  # its account is looked at first
    async with nodes(endpoints, [0]) as (node,):
        await node.take(filed(0, TWO, enteredE5=8 * UNIT))
        await node.take(*(r for n in (1, 2, 3) for r in apart(n, TWO, "1", "012")), *apart(4, TWO, "9"), *apart(5, RUNS_OUT, "11"))
        assert await held(db) == [f"EXAMPLE-{n}" for n in range(1, 6)]
        await node.take(filed(1, RUNS_OUT, enteredE5=11 * UNIT))
        for n in (6, 7, 8):
            await node.take(*apart(n, TWO, "1"))
        assert [m[2] for m in await manifests(db)][-3:] == ["RELEASE"] * 3
        assert await released(db) == ["EXAMPLE-5"]
        await node.take(filed(2, TWO, revision=3, enteredE5=14 * UNIT))
        await node.take(*apart(9, TWO, "1"))
        assert await released(db) == ["EXAMPLE-5", "EXAMPLE-4"]
        await node.take(filed(3, TWO, revision=4, enteredE5=20 * UNIT, unit="012"))
        await node.tick()
        assert (await held(db), await released(db)) == ([], [f"EXAMPLE-{n}" for n in (5, 4, 1, 2, 3)])


async def test_counted_and_not_filed_there_is_no_room(
    endpoints: Endpoints, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found lies there, but nothing that is entered counts: it does not fill the slice of another item."""
    monkeypatch.setattr("agents.reassess.SLICE", 1)
    assert book(NOT_FILED) < book(OUT_OF_DATE)
    async with nodes(endpoints, [0], []) as (first, second):
        await first.take(*apart(1, NOT_FILED, "1"), *apart(2, OUT_OF_DATE, "1"))
        await first.take(filed(0, NOT_FILED, "count", 1, countedE5=5 * UNIT), filed(1, OUT_OF_DATE, enteredE5=5 * UNIT))
        await second.claim(0)
        await second.tick()
        assert (await released(db), await held(db)) == (["EXAMPLE-2"], ["EXAMPLE-1"])
        assert await db.fetchval("SELECT difference_e5 FROM stock_account WHERE book_item = $1", book(NOT_FILED)) == 5 * UNIT


async def test_with_stock_it_waits_for_its_guarantee(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Both are short: it waits for one after the other, and takes neither before it has both."""
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*wanting(0, 0, 1, (TWO, "3"), on=EXPIRED))
        await node.take(filed(0, TWO, enteredE5=5 * UNIT))
        await node.tick()
        assert await db.fetchval("SELECT waits_for FROM held") == f"G|{EXPIRED}"
        assert (await entries(db, TWO), await db.fetchval("SELECT count(*) FROM guarantee_entry")) == ([], 0)
        await node.take(top_up(1, EXPIRED, 10**7))
        await node.tick()
        assert (await entries(db, TWO), await held(db), await released(db)) == ([(3, 0, 3)], [], ["EXAMPLE-1"])


async def test_what_comes_to_an_account_on_which_nothing_fitted(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """A large one waits for its guarantee, on which a smaller one comes to wait when others froze of it: that fits when there is
    room again, though no more of it than the large one found."""
    async with nodes(endpoints, [0]) as (node,):
        large, small, others = (n * 1365 + 91 for n in (6, 4, 2))  # tax of so many units and of the freight, in fen
        await node.take(top_up(0, EXPIRED, 7_000), top_up(1, EXPIRED, 2_000, 1, "LATER", validFrom="2019-11-13"))
        assert 7_000 - others < small <= 9_000 - others <= 7_000 < large
        await node.take(filed(2, NOT_FILED, revision=1, enteredE5=4 * UNIT, validFrom="2019-11-12"))
        await node.take(*wanting(0, 0, 1, (RUNS_OUT, "6"), on=EXPIRED), *wanting(0, 1, 2, (NOT_FILED, "4"), on=EXPIRED))
        await node.tick()
        await node.take(*wanting(0, 2, 3, (RUNS_OUT, "2"), on=EXPIRED))
        assert (await balance(db, EXPIRED), await released(db)) == ([(others, others)], [])
        waits = "SELECT order_no, waits_for, amount FROM held ORDER BY order_no"
        first = ("EXAMPLE-1", f"G|{EXPIRED}", large)
        assert [tuple(r) for r in await db.fetch(waits)] == [first, ("EXAMPLE-2", f"S|{book(NOT_FILED)}", 4 * UNIT)]
        await node.tick(NOW_MS + DAY_MS)
        assert [tuple(r) for r in await db.fetch(waits)] == [first, ("EXAMPLE-2", f"G|{EXPIRED}", small)]
        await node.tick(NOW_MS + 2 * DAY_MS)
        assert (await released(db), await held(db)) == (["EXAMPLE-2"], ["EXAMPLE-1"])


async def test_what_waits_for_its_guarantee_keeps_no_stock(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Somebody else takes it meanwhile: then it waits for that."""
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*wanting(0, 0, 1, (RUNS_OUT, "6"), on=EXPIRED))
        await node.take(*wanting(0, 1, 2, (RUNS_OUT, "6")))
        await node.take(top_up(0, EXPIRED, 10**7))
        await node.tick()
        assert (await held(db), await entries(db, RUNS_OUT)) == (["EXAMPLE-1"], [(6, 0, 6)])
        assert await db.fetchval("SELECT waits_for FROM held") == f"S|{book(RUNS_OUT)}"
        await node.take(filed(1, RUNS_OUT, enteredE5=12 * UNIT))
        await node.tick()
        assert (await held(db), await entries(db, RUNS_OUT)) == ([], [(6, 0, 6), (6, 0, 12)])


async def test_entered_while_it_is_decided(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Committed between its reads and its commit: it judges again by the new version, or is swept up."""
    async with nodes(endpoints, [0], [1]) as (first, second):
        gate = second.steps.hold("lanes-advanced")
        deciding = asyncio.create_task(second.take(*wanting(1, 0, 1, (TWO, "3"))))
        await reached(gate, deciding)
        await first.take(filed(0, TWO, enteredE5=3 * UNIT))
        gate.open.set()
        await within(deciding)
        await second.tick()
        assert (await entries(db, TWO), await held(db)) == ([(3, 0, 3)], [])


async def test_counted_below_what_is_reserved(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Ten entered, three deducted, four reserved; two are found: five are missing, and what is left is two less than nothing."""
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*wanting(0, 0, 1, (RUNS_OUT, "3")), *wanting(0, 1, 2, (RUNS_OUT, "4"), consigneeAddress="示例省虚构市他处1号"))
        await node.take(filed(0, RUNS_OUT, "count", 1, countedE5=2 * UNIT))
        count = await db.fetchrow("SELECT entry_no, counted_e5, entered_e5, used_e5, amount_e5, difference_after_e5 FROM stock_count")
        assert tuple(count) == (3, *(n * UNIT for n in (2, 10, 3, -5, -5)))
        missing = await shown(node.processor.store, RUNS_OUT)
        assert (missing.told, missing.left_e5) == ("not filed", -12 * UNIT)  # in these tests the registry stands without events
        await node.take(*wanting(0, 2, 3, (RUNS_OUT, "1")))
        assert (await manifests(db))[-1][2:] == ("HOLD", ["STK-01"])
        assert json.loads(await db.fetchval("SELECT values_read FROM finding WHERE code = 'STK-01'"))["taken_e5"] == 12 * UNIT
        # another count, with more entered in the same batch: the difference is what the book lacks then
        await node.take(filed(1, RUNS_OUT, enteredE5=20 * UNIT), filed(2, RUNS_OUT, "count", 2, countedE5=17 * UNIT))
        amounts = [r["amount_e5"] // UNIT for r in await db.fetch("SELECT amount_e5 FROM stock_count ORDER BY entry_no")]
        assert amounts == [-5, 5]
        await node.tick()
        assert (await entries(db, RUNS_OUT), await held(db)) == ([(3, 0, 3), (4, 4, 3), (1, 4, 4)], [])
        found = await shown(node.processor.store, RUNS_OUT)
        assert (found.told, found.left_e5, found.stands["counts"], found.to_json()["entered_e5"]) == ("active", 12 * UNIT, 2, 20 * UNIT)
        store = node.processor.store
        assert [r["entry_no"] for r in await store.fetch("stock_counts", book(RUNS_OUT), 1)] == [4]
        assert len(await store.fetch("stock_entries", book(RUNS_OUT), 9)) == 2


async def test_counted_by_the_batch_that_takes_of_it(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """What the batch deducts is deducted before its stock-take."""
    async with nodes(endpoints, [0]) as (node,):
        await node.take(*wanting(0, 0, 1, (RUNS_OUT, "3")), filed(0, RUNS_OUT, "count", 1, countedE5=7 * UNIT))
        assert await entries(db, RUNS_OUT) == [(3, 0, 3)]
        assert tuple(await db.fetchrow("SELECT entry_no, used_e5, amount_e5 FROM stock_count")) == (2, 3 * UNIT, 0)


async def test_what_is_low_is_read_before(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Of a thousand entered eight are left: who never took of the item still sees it, and no batch is repeated for it."""
    async with nodes(endpoints, [0], [1]) as (first, second):
        await first.take(filed(0, COUNTED_SHORT, "count", 1, countedE5=8 * UNIT))
        before = repeats()
        await second.take(*wanting(1, 0, 1, (COUNTED_SHORT, "9")))
        await first.take(*wanting(0, 0, 2, (COUNTED_SHORT, "5")))
        await second.take(*wanting(1, 1, 3, (COUNTED_SHORT, "4")))
        assert repeats() == before
        assert [m[2:] for m in await manifests(db)] == [("HOLD", ["STK-01"]), ("RELEASE", []), ("HOLD", ["STK-01"])]
        await first.take(filed(1, COUNTED_SHORT, enteredE5=5_000 * UNIT))
        await second.take(*wanting(1, 2, 4, (COUNTED_SHORT, "1")))
        assert not await db.fetchval("SELECT low FROM stock_account WHERE book_item = $1", book(COUNTED_SHORT))


async def test_a_worker_that_dies_on_the_way(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0], []) as (first, second):
        await first.take(*wanting(0, 0, 1, (TWO, "3")))
        await first.take(filed(0, TWO, enteredE5=5 * UNIT))
        gate = first.steps.hold("revised")
        dying = asyncio.create_task(first.tick())
        await reached(gate, dying)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await first.processor.store.close()
        assert (await released(db), await entries(db, TWO)) == ([], [])
        await second.claim(0)
        await second.tick()
        assert (await released(db), await entries(db, TWO)) == (["EXAMPLE-1"], [(3, 0, 3)])


async def test_one_guarantor_of_two_fits(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Of a small guarantee what stock refuses leaves all to the next."""
    async with nodes(endpoints, [0]) as (node,):
        one, other = wanting(0, 0, 1, (TWO, "3"), on=SMALL_GUARANTEE), wanting(0, 1, 2, (RUNS_OUT, "6"), second=1, on=SMALL_GUARANTEE)
        await node.take(*one, *other)
        assert [(m[2], m[3]) for m in await manifests(db)] == [("HOLD", ["STK-01"]), ("RELEASE", [])]
        assert await db.fetchval("SELECT sum(entries) FROM guarantee_entry") == 1

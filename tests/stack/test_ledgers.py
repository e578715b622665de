"""Accounts and numbers that two workers want at once: both end, nothing is lost, no limit is passed."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from loadtest.generate.people import identity_number
from schemas.endpoints import Endpoints
from tests.pipeline.memory import Rec
from tests.pipeline.test_ledgers import SOMEBODY, costing
from tests.pipeline.test_weights import RICE, SUGAR, of
from tests.pipeline.trios import KINDS, rec
from tests.stack.nodes import NOW_MS, Node, manifests, nodes, within

A, B = identity_number(1), identity_number(2)
LIMIT_FEN = 2_600_000
CAP_MG = {"rice": 20_000_000, "sugar": 2_000_000}


def order(lane: int, offset: int, n: int, person: str, yuan: str = "100.00", second: int = 0) -> list[Rec]:
    """A manifest's three documents in one lane, complete at `second`."""
    trio = costing(n, yuan, person)
    return [rec(kind, trio[kind], offset, NOW_MS + 1000 * second, partition=lane) for kind in KINDS]


async def both_have_read(first: Node, second: Node, ones: list[Rec], others: list[Rec]) -> list[asyncio.Task[object]]:
    """Two batches that read the same balances before either writes; they go on at the same time."""
    gates = [node.steps.hold("read") for node in (first, second)]
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(first.take(*ones)), asyncio.create_task(second.take(*others))]
    for gate in gates:
        await within(gate.reached.wait())
    for gate in gates:
        gate.open.set()
    return tasks


async def balances(db: asyncpg.Connection) -> list[tuple[int, int]]:
    """(entries, fen) of each account, checked against its entries."""
    rows = await db.fetch(
        "SELECT a.entry_no, a.reserved_fen + a.used_fen AS fen, count(*) AS entries, sum(e.amount_fen)::bigint AS moved,"
        " max(e.reserved_after_fen + e.used_after_fen) AS highest"
        " FROM quota_account a JOIN quota_entry e USING (person_key, year) GROUP BY person_key, year ORDER BY person_key"
    )
    for r in rows:
        assert (r["entry_no"], r["fen"]) == (r["entries"], r["moved"])
        assert r["fen"] == r["highest"] <= LIMIT_FEN
    return sorted((r["entry_no"], r["fen"]) for r in rows)


@pytest.mark.parametrize("standing", [False, True], ids=["new accounts", "standing accounts"])
async def test_crossed_accounts(endpoints: Endpoints, db: asyncpg.Connection, standing: bool) -> None:
    """One batch touches A then B, the other B then A; neither sees the other's entries when it decides."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        base = 0
        if standing:
            await first.take(*order(1, 0, 1, A), *order(1, 1, 2, B))
            base = 2
        ones = [*order(1, base, 11, A, second=1), *order(1, base + 1, 12, B, second=2)]
        others = [*order(2, 0, 21, B, second=1), *order(2, 1, 22, A, second=2)]
        for task in await both_have_read(first, second, ones, others):
            await within(task)
        count = 3 if standing else 2
        assert await balances(db) == [(count, count * 11_000)] * 2
        assert [m[2] for m in await manifests(db)] == ["RELEASE"] * count * 2


async def test_crossed_accounts_with_the_second_waiting_for_the_first(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """The first holds its entries uncommitted; the second runs into them, repeats, and counts on from there."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        gate = first.steps.hold("before-commit")
        holding = asyncio.create_task(first.take(*order(1, 0, 11, A), *order(1, 1, 12, B, second=1)))
        await within(gate.reached.wait())
        running = asyncio.create_task(second.take(*order(2, 0, 21, B), *order(2, 1, 22, A, second=1)))
        gate.open.set()
        await within(holding)
        await within(running)
        assert await balances(db) == [(2, 22_000)] * 2


async def test_two_orders_of_one_person_at_the_limit(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """CNY 1,000 are left and two workers want CNY 600 each: one gets it, the other is told what it saw."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        await first.take(*(r for n in range(5) for r in order(1, n, 90 + n, SOMEBODY, "4990.00", second=n)))
        ones, others = order(1, 5, 1, SOMEBODY, "590.00", second=9), order(2, 0, 2, SOMEBODY, "590.00", second=9)
        for task in await both_have_read(first, second, ones, others):
            await within(task)
        rivals = [m for m in await manifests(db) if m[0] in ("EXAMPLE-1", "EXAMPLE-2")]
        assert sorted((m[2], m[3]) for m in rivals) == [("REJECT", ["LIM-03"]), ("RELEASE", [])]
        seen = await db.fetchval("SELECT values_read FROM finding WHERE code = 'LIM-03'")
        assert json.loads(seen) == {"entry_no": 6, "balance_fen": 2_560_000, "amount_fen": 60_000}
        assert await balances(db) == [(6, 2_560_000)]


@pytest.mark.parametrize(("ledger", "group"), [("quota", []), ("weight", ["sugar"])])
async def test_a_manifest_moves_once_on_an_account(db: asyncpg.Connection, ledger: str, group: list[str]) -> None:
    """Whatever the program does: PostgreSQL refuses a second reservation, and a second end of it."""
    values = ", ".join(f"${n}" for n in range(1, 10 + len(group)))

    async def move(entry_no: int, movement: str) -> None:
        row = (b"p", 2019, *group, entry_no, 7, movement, "a", "b", 1, 1, 1)
        await db.execute(f"INSERT INTO {ledger}_held_entry VALUES ({values}, ${10 + len(group)})", *row)

    await move(1, "reserve")
    await move(2, "confirm")
    for again in ("reserve", "confirm", "restore"):
        with pytest.raises(asyncpg.UniqueViolationError, match="movement"):
            await move(3, again)


def bags(lane: int, offset: int, n: int, *goods: tuple[dict[str, str], str], person: str = SOMEBODY, second: int = 0) -> list[Rec]:
    """As `order`, of goods with a yearly weight cap."""
    trio = of(n, *goods, person=person)
    return [rec(kind, trio[kind], offset, NOW_MS + 1000 * second, partition=lane) for kind in KINDS]


async def weights(db: asyncpg.Connection) -> list[tuple[str, int, int]]:
    """(group, entries, mg) of each weight account, checked against its entries."""
    rows = await db.fetch(
        "SELECT weight_group, a.entry_no, a.reserved_mg + a.used_mg AS mg, count(e.*) AS entries,"
        " coalesce(sum(e.amount_mg), 0)::bigint AS moved, coalesce(max(e.reserved_after_mg + e.used_after_mg), 0) AS highest"
        " FROM weight_account a LEFT JOIN weight_entry e USING (person_key, year, weight_group)"
        " GROUP BY person_key, year, weight_group ORDER BY weight_group, person_key"
    )
    for r in rows:
        assert (r["entry_no"], r["mg"]) == (r["entries"], r["moved"])
        assert r["mg"] == r["highest"] <= CAP_MG[r["weight_group"]]
    return [(r["weight_group"], r["entry_no"], r["mg"]) for r in rows]


async def test_two_orders_of_one_person_at_the_weight_cap(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Five kilograms are left and two workers want five each: one gets them, the other is told what it saw and takes no
    money either."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        await first.take(*bags(1, 0, 90, (RICE, "3")))
        for task in await both_have_read(first, second, bags(1, 1, 1, (RICE, "1"), second=9), bags(2, 0, 2, (RICE, "1"), second=9)):
            await within(task)
        rivals = [m for m in await manifests(db) if m[0] in ("EXAMPLE-1", "EXAMPLE-2")]
        assert sorted((m[2], m[3]) for m in rivals) == [("REJECT", ["LIM-04"]), ("RELEASE", [])]
        seen = await db.fetchval("SELECT values_read FROM finding WHERE code = 'LIM-04'")
        assert json.loads(seen) == {"weight_group": "rice", "entry_no": 2, "balance_mg": 20_000_000, "amount_mg": 5_000_000}
        assert await weights(db) == [("rice", 2, 20_000_000)]
        assert [entries for entries, _ in await balances(db)] == [2]


async def test_within_the_cap_weights_count_on(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Neither worker sees the other's entries when it decides; there is room for both, in both groups."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        await first.take(*bags(1, 0, 90, (RICE, "1"), (SUGAR, "1")))
        ones, others = (
            bags(lane, offset, lane, (SUGAR, "0.00001"), (RICE, "1"), second=9) for lane, offset in ((1, 1), (2, 0))
        )
        for task in await both_have_read(first, second, ones, others):
            await within(task)
        assert [m[2] for m in await manifests(db)] == ["RELEASE"] * 3
        assert await weights(db) == [("rice", 3, 15_000_000), ("sugar", 3, 100_002)]
        assert await balances(db) == [(3, 1_200 + 2 * 1_100)]  # a hundred-thousandth of a bag costs nothing


async def test_crossed_weight_accounts(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """One batch buys for A then B, the other for B then A, rice and sugar crosswise: accounts that stand, and new ones."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        await first.take(*bags(1, 0, 90, (RICE, "1"), person=A))
        ones = [*bags(1, 1, 11, (SUGAR, "1"), (RICE, "1"), person=A, second=1), *bags(1, 2, 12, (RICE, "1"), (SUGAR, "1"), person=B, second=2)]
        others = [*bags(2, 0, 21, (RICE, "1"), (SUGAR, "1"), person=B, second=1), *bags(2, 1, 22, (SUGAR, "1"), (RICE, "1"), person=A, second=2)]
        for task in await both_have_read(first, second, ones, others):
            await within(task)
        assert [m[2] for m in await manifests(db)] == ["RELEASE"] * 5
        assert sorted(await weights(db)) == [("rice", 2, 10_000_000), ("rice", 3, 15_000_000), ("sugar", 2, 200_000), ("sugar", 2, 200_000)]


async def test_what_the_weight_refuses_goes_back_to_the_money(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Both batches took their money before the weight was refused to one of them: that one's goes back, and a manifest of
    the same person that needs no weight stays."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        batches = [
            [*bags(lane, 0, lane, (RICE, "4"), second=1), *order(lane, 1, 10 + lane, SOMEBODY, second=2)] for lane in (1, 2)
        ]  # fmt: skip
        for task in await both_have_read(first, second, *batches):
            await within(task)
        found = {m[0]: (m[2], m[3]) for m in await manifests(db)}
        assert sorted(found.pop(f"EXAMPLE-{lane}") for lane in (1, 2)) == [("REJECT", ["LIM-04"]), ("RELEASE", [])]
        assert list(found.values()) == [("RELEASE", [])] * 2
        assert await weights(db) == [("rice", 1, 20_000_000)]
        assert await balances(db) == [(3, 1_400 + 2 * 11_000)]


async def test_without_capped_goods_no_weight_is_asked_for(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def tell(method: str) -> None:
        whole = getattr(asyncpg.Connection, method)

        async def told(connection: asyncpg.Connection, what: str, *arguments: Any, **options: Any) -> Any:
            asked.append(what)
            return await whole(connection, what, *arguments, **options)

        monkeypatch.setattr(asyncpg.Connection, method, told)

    tell("fetch")
    tell("copy_to_table")
    async with nodes(endpoints, [1]) as (node,):
        await node.take(*order(1, 0, 1, A))
        assert [q for q in asked if "quota_account" in q] and not [q for q in asked if "weight_" in q]
        await node.take(*bags(1, 1, 2, (RICE, "1")))
        assert len([q for q in asked if "weight_account" in q]) == 2  # read, and opened
        await node.take(*bags(1, 2, 3, (RICE, "1")))
        assert len([q for q in asked if "weight_account" in q]) == 4  # read, and moved on


@pytest.mark.parametrize(("field", "code"), [("payTransactionId", "PAY-03"), ("logisticsNo", "WAY-06")])
async def test_one_number_for_two_orders_on_two_workers(
    endpoints: Endpoints, db: asyncpg.Connection, field: str, code: str
) -> None:
    async with nodes(endpoints, [1], [2]) as (first, second):
        trios = [costing(n, "100.00", person) for n, person in ((1, A), (2, B))]
        for trio in trios:
            for kind in ("order", "payment") if field == "payTransactionId" else ("waybill",):
                trio[kind][field] = "ONE-NUMBER"
        ones, others = (
            [rec(kind, trio[kind], 0, NOW_MS, partition=lane) for kind in KINDS] for lane, trio in enumerate(trios, start=1)
        )
        for task in await both_have_read(first, second, ones, others):
            await within(task)
        assert sorted((m[2], m[3]) for m in await manifests(db)) == [("REJECT", [code]), ("RELEASE", [])]
        assert len(await balances(db)) == 1
        held = json.loads(await db.fetchval("SELECT values_read FROM finding WHERE code = $1", code))
        winner = next(m[0] for m in await manifests(db) if m[2] == "RELEASE")
        assert held == {"use_no": 1, "held_by": f"330296P001|{winner}"}


async def test_what_is_given_back_leaves_the_rest_taken(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Both batches want one number, and both an account of their own and one they share. Who loses the number decides
    again: what it took of its own account goes back, the shared one counts on from where the other left it."""
    shared = identity_number(3)
    async with nodes(endpoints, [1], [2]) as (first, second):
        batches: list[list[Rec]] = []
        for lane, person in enumerate((A, B), start=1):
            trio = costing(lane, "100.00", person)
            for kind in ("order", "payment"):
                trio[kind]["payTransactionId"] = "ONE-NUMBER"
            rivals = [rec(kind, trio[kind], 0, NOW_MS, partition=lane) for kind in KINDS]
            batches.append([*rivals, *order(lane, 1, 10 + lane, shared, second=1)])
        done = [await within(task) for task in await both_have_read(first, second, *batches)]
        assert len(done) == 2
        found = {m[0]: (m[2], m[3]) for m in await manifests(db)}
        assert sorted(found.pop(f"EXAMPLE-{lane}") for lane in (1, 2)) == [("REJECT", ["PAY-03"]), ("RELEASE", [])]
        assert list(found.values()) == [("RELEASE", [])] * 2
        assert await balances(db) == [(1, 11_000), (2, 22_000)]
        given_back = await db.fetch("SELECT entry_no, reserved_fen, used_fen FROM quota_account WHERE entry_no = 0")
        assert [tuple(r) for r in given_back] == [(0, 0, 0)]
        assert await db.fetchval("SELECT count(*) FROM quota_account") == 3


async def test_over_the_limit_beside_others(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """One account of a batch does not admit it any more: that one gives back one entry of two, the other stays as taken."""
    async with nodes(endpoints, [1], [2]) as (first, second):
        await first.take(*(r for n in range(5) for r in order(1, n, 90 + n, SOMEBODY, "4990.00", second=n)))
        ones = [*order(1, 5, 1, SOMEBODY, "390.00", second=8), *order(1, 6, 2, SOMEBODY, "290.00", second=9), *order(1, 7, 3, A)]
        others = [*order(2, 0, 4, SOMEBODY, "390.00", second=8), *order(2, 1, 5, SOMEBODY, "290.00", second=9), *order(2, 2, 6, A)]
        for task in await both_have_read(first, second, ones, others):
            await within(task)
        outcomes = {m[0]: m[2] for m in await manifests(db)}
        assert [outcomes[f"EXAMPLE-{n}"] for n in (3, 6)] == ["RELEASE"] * 2
        assert sorted(outcomes[f"EXAMPLE-{n}"] for n in (1, 2, 4, 5)) == ["REJECT"] + ["RELEASE"] * 3
        assert await balances(db) == [(2, 22_000), (8, 2_600_000)]


async def test_what_is_used_at_once_lies_in_one_row_a_lane(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """And is traced by its manifest alone, whoever's entries lie beside it."""
    async with nodes(endpoints, [1, 2]) as (node,):
        await node.take(*order(1, 0, 1, A), *order(1, 1, 2, B, second=1), *order(2, 0, 3, A, second=2), *bags(2, 1, 4, (RICE, "1"), second=3))
        packed = await db.fetch("SELECT lane, cardinality(manifest_ids) AS entries FROM quota_used_entries ORDER BY lane")
        assert [tuple(r) for r in packed] == [(1, 2), (2, 2)]
        assert await db.fetchval("SELECT count(*) FROM quota_held_entry") == 0
        traced: list[list[tuple[Any, ...]]] = []
        for m in await db.fetch("SELECT person_key, manifest_id FROM manifest ORDER BY order_no"):
            entries = await node.processor.store.fetch("trace_entries", m["person_key"], m["manifest_id"])
            assert {e["person_key"] for e in entries} == {m["person_key"]}
            traced.append([(e["ledger"], e["entry_no"], e["movement"], e["used_after"]) for e in entries])
        assert [t[0][:3] for t in traced] == [("quota", n, "confirm") for n in (1, 1, 2, 1)]
        assert [t[0][3] for t in traced[:3]] == [11_000, 11_000, 22_000]
        assert [t[1:] for t in traced] == [[], [], [], [("weight", 1, "confirm", 5_000_000)]]

"""Write, then look again: parts of one order that are stored at the same moment always meet, and are decided once."""

import asyncio
from dataclasses import replace
from itertools import permutations

import asyncpg
import pytest

from schemas.contracts import PARTITIONS
from schemas.endpoints import Endpoints
from schemas.packed import Packed
from schemas.partitioning import home_partitions
from tests.pipeline.memory import Rec
from tests.pipeline.trios import KINDS, example, rec
from tests.stack.nodes import Node, decisions, manifests, nodes, repeats, within

ONE = [("EXAMPLE-1", 1, "RELEASE", [])]


def parts(*lanes: int) -> dict[str, Rec]:
    """The released example, kind by kind, each in a lane of its own: wherever the sender put it."""
    trio = example()
    return {kind: rec(kind, trio[kind], 0, partition=lane) for kind, lane in zip(KINDS, lanes, strict=True)}


async def stored_at_once(workers: list[Node], what: list[list[Rec]], order: list[int]) -> None:
    """All write before any commits; the commits come in `order`."""
    gates = [w.steps.hold("before-commit") for w in workers]
    tasks = [asyncio.create_task(w.take(*records)) for w, records in zip(workers, what, strict=True)]
    for gate in gates:
        await within(gate.reached.wait())
    for n in order:
        gates[n].open.set()
        assert (await within(tasks[n])).manifests == 0


@pytest.mark.parametrize("order", list(permutations(range(2))))
async def test_two_workers_store_parts_of_one_order(endpoints: Endpoints, db: asyncpg.Connection, order: tuple[int, ...]) -> None:
    one = parts(1, 1, 2)
    async with nodes(endpoints, [1], [2]) as workers:
        await stored_at_once(workers, [[one["order"], one["payment"]], [one["waybill"]]], list(order))
        for n in order:
            await workers[n].tick()
        assert (await manifests(db), await decisions(db)) == (ONE, [b"330296P001|EXAMPLE-1"])
        assert [(await w.tick()).manifests for w in workers] == [0, 0]


async def test_an_heir_looks_at_what_was_stored_before_many_revisions(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Both workers die between commit and look, and their lanes had revised decisions meanwhile."""
    one = parts(1, 1, 2)
    async with nodes(endpoints, [1], [2], []) as (first, second, heir):
        await stored_at_once([first, second], [[one["order"], one["payment"]], [one["waybill"]]], [0, 1])
        await db.execute("UPDATE lane SET batch_seq = batch_seq + 20")
        await heir.claim(1, 2)
        assert (await heir.tick()).manifests == 1
        assert await manifests(db) == ONE
        for _ in range(4):
            await heir.tick()
        assert await db.fetch("SELECT batch_seq - look_from FROM lane") == [(3,), (3,)]  # the last four


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_three_workers_in_every_commit_order(endpoints: Endpoints, db: asyncpg.Connection, order: tuple[int, ...]) -> None:
    one = parts(1, 2, 3)
    async with nodes(endpoints, [1], [2], [3]) as workers:
        await stored_at_once(workers, [[one[kind]] for kind in KINDS], list(order))
        await asyncio.gather(*(w.tick() for w in workers))  # all look at once: one decides, the others find it decided
        assert (await manifests(db), await decisions(db)) == (ONE, [b"330296P001|EXAMPLE-1"])


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_whoever_commits_last_sees_all_three(endpoints: Endpoints, db: asyncpg.Connection, order: tuple[int, ...]) -> None:
    one = parts(1, 2, 3)
    async with nodes(endpoints, [1], [2], [3]) as workers:
        gates = [w.steps.hold("before-commit") for w in workers]
        tasks = [asyncio.create_task(w.take(one[kind])) for w, kind in zip(workers, KINDS, strict=True)]
        for gate in gates:
            await within(gate.reached.wait())
        looked = []
        for n in order:  # each looks again before the next one commits: too early for all but the last
            gates[n].open.set()
            await within(tasks[n])
            looked.append((await workers[n].tick()).manifests)
        assert looked == [0, 0, 1]
        assert await manifests(db) == ONE


async def test_two_decide_the_same_and_one_repeats(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    one = parts(1, 1, 2)
    async with nodes(endpoints, [1], [2]) as (first, second):
        await stored_at_once([first, second], [[one["order"], one["payment"]], [one["waybill"]]], [0, 1])
        gates = [w.steps.hold("lanes-advanced") for w in (first, second)]
        tasks = [asyncio.create_task(w.tick()) for w in (first, second)]  # both have read, both have decided
        for gate in gates:
            await within(gate.reached.wait())
        gates[0].open.set()
        gates[1].open.set()
        done = [await within(t) for t in tasks]
        assert sorted(d.manifests for d in done) == [0, 1]
        assert (await manifests(db), await decisions(db)) == (ONE, [b"330296P001|EXAMPLE-1"])


async def test_a_worker_that_dies_between_commit_and_look(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    one = parts(1, 1, 2)
    async with nodes(endpoints, [1], [2], []) as (first, second, heir):
        await stored_at_once([first, second], [[one["order"], one["payment"]], [one["waybill"]]], [0, 1])
        await heir.claim(1, 2)  # both died
        await heir.tick()
        assert await manifests(db) == ONE


async def test_the_survivor_takes_the_lane_of_the_one_that_died(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """The survivor looked too early, and now both lanes are its own: still it has to look at both."""
    one = parts(1, 1, 2)
    async with nodes(endpoints, [1], [2]) as (survivor, dying):
        gate = dying.steps.hold("before-commit")
        task = asyncio.create_task(dying.take(one["waybill"]))
        await within(gate.reached.wait())
        await survivor.take(one["order"], one["payment"])
        await survivor.tick()
        gate.open.set()
        await within(task)
        await survivor.claim(2)
        await survivor.tick()
        assert await manifests(db) == ONE


async def test_lanes_that_move_before_the_look(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Stored under two owners, looked at under one: what was another's lane then is the own one now."""
    one = parts(1, 1, 2)
    async with nodes(endpoints, [1], [2]) as (first, second):
        await stored_at_once([first, second], [[one["order"], one["payment"]], [one["waybill"]]], [1, 0])
        await second.claim(1)
        await second.tick()
        assert await manifests(db) == ONE


async def test_what_was_looked_at_is_not_looked_at_for_ever(endpoints: Endpoints) -> None:
    one = parts(1, 2, 2)
    async with nodes(endpoints, [1], [2]) as (first, second):
        await first.take(one["order"])
        await second.take(one["waybill"])
        await first.tick()
        await second.tick()
        assert first.processor.again.stored.is_empty() and second.processor.again.stored.is_empty()


async def test_a_waybill_of_nobody_completes_the_attempt_after_a_reject(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Its order had another that named the platform; with the reject nothing comes any more, and still both are looked at again."""
    async with nodes(endpoints, [1, 2]) as (node,):
        await node.take(*rejected_with_a_spare())
        assert [(await node.tick()).manifests for _ in range(3)] == [1, 0, 0]
        assert await manifests(db) == REJECTED_FIRST


async def test_an_heir_looks_at_what_was_rejected_when_it_was_looked_at_last(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Decided by a look three batches after it came astray; its worker dies before it can look once more."""
    order, payment, own, spare = rejected_with_a_spare()
    async with nodes(endpoints, [AWAY], [HOME], []) as (away, home, heir):
        gate = away.steps.hold("before-commit")
        task = asyncio.create_task(away.take(*(replace(r, partition=AWAY) for r in (own, spare))))
        await within(gate.reached.wait())
        await home.take(*(replace(r, partition=HOME) for r in (order, payment)))
        await home.tick()
        gate.open.set()
        await within(task)
        assert [(await away.tick()).manifests for _ in range(3)] == [0, 0, 1]
        assert await manifests(db) == REJECTED_FIRST[:1]
        await heir.claim(AWAY)
        assert (await heir.tick()).manifests == 1
        assert await manifests(db) == REJECTED_FIRST


REJECTED_FIRST = [("EXAMPLE-1", 1, "REJECT", ["WAY-04"]), ("EXAMPLE-1", 2, "RELEASE", [])]


def rejected_with_a_spare() -> list[Rec]:
    """Order, payment, a waybill at fault, and a waybill without platform that is right."""
    trio = example()
    own, spare = trio["waybill"] | {"packNo": 2}, trio["waybill"] | {"ebpCode": "", "logisticsNo": "2"}
    return [rec("order", trio["order"], 0, partition=1), rec("payment", trio["payment"], 0, partition=1),
            rec("waybill", own, 0, partition=1), rec("waybill", spare, 1, partition=2)]  # fmt: skip


HOME = int(home_partitions(Packed.of([b"330296P001|EXAMPLE-1"]), PARTITIONS)[0])
AWAY = (HOME + 1) % PARTITIONS


@pytest.mark.parametrize("order", list(permutations(range(2))))
async def test_one_at_home_and_one_astray(endpoints: Endpoints, db: asyncpg.Connection, order: tuple[int, ...]) -> None:
    """Whoever commits last; and when both look at the same moment, only the one at home does, so nobody repeats."""
    one = parts(HOME, HOME, AWAY)
    async with nodes(endpoints, [HOME], [AWAY]) as workers:
        await stored_at_once(workers, [[one["order"], one["payment"]], [one["waybill"]]], list(order))
        before = repeats()
        await asyncio.gather(*(w.tick() for w in workers))
        assert (await manifests(db), await decisions(db)) == (ONE, [b"330296P001|EXAMPLE-1"])
        for _ in range(3):
            await asyncio.gather(*(w.tick() for w in workers))
        assert repeats() == before


async def test_the_one_astray_decides_what_its_home_looked_at_too_early(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    one = parts(HOME, HOME, AWAY)
    async with nodes(endpoints, [HOME], [AWAY]) as (home, away):
        gate = away.steps.hold("before-commit")
        task = asyncio.create_task(away.take(one["waybill"]))
        await within(gate.reached.wait())
        await home.take(one["order"], one["payment"])
        assert (await home.tick()).manifests == 0
        gate.open.set()
        await within(task)
        assert [(await away.tick()).manifests for _ in range(4)] == [0, 0, 1, 0]
        assert await manifests(db) == ONE

"""The one transaction of a batch: a zombie, a commit whose answer is lost, PostgreSQL away."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from agents.metrics import METRICS
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from sinks.errors import Fenced, Unavailable
from sinks.lanes import release
from tests.pipeline.trios import example, numbered, records
from tests.stack.nodes import Node, decisions, manifests, nodes, within

ONE = [("EXAMPLE-1", 1, "RELEASE", [])]
KEYS = [b"330296P001|EXAMPLE-1"]
TABLES = ("document", "manifest", "finding", "outbox", "quota_entry", "weight_entry", "number_use", "document_fate", "dead_letter")


async def rows(db: asyncpg.Connection) -> dict[str, int]:
    """How many rows each table of decisions holds."""
    return {table: await db.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


def cut_off(node: Node, db: asyncpg.Connection, fail: bool) -> Callable[[], Awaitable[None]]:
    """PostgreSQL ends the node's session; `fail`: and the node hears of it at this very point."""

    async def act() -> None:
        connection = await node.processor.store.connection()
        await db.execute("SELECT pg_terminate_backend($1, 10000)", connection.get_server_pid())
        if fail:
            raise ConnectionResetError("the answer is lost")

    return act


async def test_a_zombie_that_has_decided_before_its_lane_was_claimed(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0], []) as (zombie, heir):
        gate = zombie.steps.hold("read")
        task = asyncio.create_task(zombie.take(*records(example())))
        await within(gate.reached.wait())
        await heir.claim(0)
        await heir.take(*records(example()))
        before = await rows(db)
        gate.open.set()
        with pytest.raises(Fenced):
            await within(task)
        assert await rows(db) == before
        assert (await manifests(db), await decisions(db)) == (ONE, KEYS)


async def test_a_claim_waits_for_the_commit_under_way(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0], []) as (former, heir):
        gate = former.steps.hold("before-commit")
        task = asyncio.create_task(former.take(*records(example())))
        await within(gate.reached.wait())
        claiming = asyncio.create_task(heir.claim(0))
        gate.open.set()
        await within(task)
        await within(claiming)
        assert (heir.processor.lanes[0].batch_seq, heir.processor.positions[topic_name("order"), 0]) == (1, 1)
        with pytest.raises(Fenced):
            await former.tick()
        await heir.tick()
        assert (await manifests(db), await decisions(db)) == (ONE, KEYS)


async def test_records_are_taken_only_from_where_the_worker_left_the_partition(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        await db.execute("UPDATE consumed SET next_offset = 1 WHERE topic = $1", topic_name("order"))
        with pytest.raises(Fenced):
            await node.take(*records(example()))
        assert set((await rows(db)).values()) == {0}


async def test_committed_and_the_answer_lost(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        node.steps.do("committed", cut_off(node, db, fail=True))
        assert (await node.take(*records(example()))).manifests == 1
        assert node.steps.seen.count("before-commit") == 1
        assert (await manifests(db), await decisions(db)) == (ONE, KEYS)
        assert (await node.take(*records(numbered(2), 1))).manifests == 1  # it goes on where it stands


async def test_a_session_that_ended_in_part_is_not_asked_again(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    async def torn(_connection: asyncpg.Connection, _query: str, *_arguments: object) -> None:
        raise asyncpg.InternalClientError("got result for unknown protocol state 3")

    async with nodes(endpoints, [0]) as (node,):
        store = node.processor.store
        former = await store.connection()
        with monkeypatch.context() as patched, pytest.raises(Unavailable):
            patched.setattr(asyncpg.Connection, "fetch", torn)
            await store.fetch("lanes_read", [0])
        assert former.is_closed()
        assert [row["lane"] for row in await store.fetch("lanes_read", [0])] == [0]


async def test_not_committed_and_the_answer_lost(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        node.steps.do("before-commit", cut_off(node, db, fail=False))
        assert (await node.take(*records(example()))).manifests == 1
        assert node.steps.seen.count("before-commit") == 2
        assert (await manifests(db), await decisions(db)) == (ONE, KEYS)
        assert await db.fetchval("SELECT batch_seq FROM lane") == 1


async def test_committed_the_answer_lost_and_postgresql_away_for_a_while(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """What became of the commit is asked until somebody answers: to repeat it unasked would look like a lost lane."""
    async with nodes(endpoints, [0]) as (node,):
        store = node.processor.store
        dsn, connect, asked = store._dsn, store.connection, 0

        async def connection() -> asyncpg.Connection:
            nonlocal asked
            asked += 1
            store._dsn = dsn if asked >= 3 else dsn.replace("127.0.0.1", "127.0.0.2")  # nobody listens there
            return await connect()

        async def lost() -> None:
            store.connection = connection  # type: ignore[method-assign]
            await db.execute("SELECT pg_terminate_backend($1, 10000)", (await connect()).get_server_pid())
            raise ConnectionResetError("the answer is lost")

        node.steps.do("committed", lost)
        assert (await within(node.take(*records(example())))).manifests == 1
        assert (asked, node.steps.seen.count("committed")) == (4, 1)  # the last: is anything held that may be released?
        assert (await manifests(db), await decisions(db)) == (ONE, KEYS)


async def test_committed_the_answer_lost_and_the_lane_claimed(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0], []) as (node, heir):

        async def claimed() -> None:
            await heir.claim(0)
            raise ConnectionResetError("the answer is lost")

        node.steps.do("committed", claimed)
        with pytest.raises(Fenced):
            await node.take(*records(example()))
        await heir.tick()
        assert (await manifests(db), await decisions(db)) == (ONE, KEYS)


@pytest.mark.parametrize("point", ["lanes-advanced", "arrived-written"])
async def test_postgresql_lost_inside_the_transaction(endpoints: Endpoints, db: asyncpg.Connection, point: str) -> None:
    async with nodes(endpoints, [0]) as (node,):
        before = METRICS.store_unavailable._value.get()
        node.steps.do(point, cut_off(node, db, fail=False))
        assert (await within(node.take(*records(example())))).manifests == 1
        assert METRICS.store_unavailable._value.get() == before + 1
        assert (await manifests(db), await decisions(db)) == (ONE, KEYS)


async def test_a_lane_is_released_only_with_nothing_left_to_publish(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0, 1]) as (node,):
        await node.take(*records(example()))
        await release(endpoints.postgres, [0, 1], node.name)
        released = await db.fetch("SELECT lane, released FROM lane ORDER BY lane")
        assert [tuple(r) for r in released] == [(0, False), (1, True)]


async def test_whom_a_claim_fences(endpoints: Endpoints) -> None:
    """Owners that did not release their lanes, each once, and never the claimer itself."""
    from sinks.lanes import claim

    fenced: list[str] = []

    async def fence(_kafka: object, transactional_id: str) -> None:
        fenced.append(transactional_id)

    async with nodes(endpoints, [0, 1], [2], [3]) as (_, _, third):
        await release(endpoints.postgres, [3], third.name)
        await claim(endpoints.postgres, {}, [0, 1, 2, 3, 4], "new", "new-id", fence)
        await claim(endpoints.postgres, {}, [0, 1, 2, 3, 4], "new", "new-id", fence)
    assert fenced == [f"{topic_name('relay')}-w1", f"{topic_name('relay')}-w2"]

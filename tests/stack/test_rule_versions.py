"""Rule sets under batches: an activation and a batch meet in one order, and what names no usable set is a dead letter."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import polars as pl
import pytest

from agents.reading import order_hashes
from schemas import law_pack
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.law_check import LawError
from schemas.lawbook import FILES, FOLDER, load
from schemas.rule_events import RuleEvent, written
from tests.pipeline.memory import Rec
from tests.pipeline.trios import KINDS, numbered, rec
from tests.stack.nodes import LAWBOOK, NOW_MS, manifests, nodes, reached, somebody_waits, within
from tests.stack.test_registry_versions import event as filing

HELD = """
[[rule]]
code = "TST-01"
scope = "manifest"
outcome = "HOLD"
queue = "review"
blames = ["order"]
when = '''order_guid <> \\'\\''''
en = "a test"
zh = "试"
todo = "nothing"
todo_zh = "无需处理"
law = "none"
since = "2019-01-01"
""".replace("\\'", "'")


def content(tmp_path: Path, more: str = HELD) -> bytes:
    """The law with something more in its rules, packed."""
    folder = tmp_path / f"law-{len(list(tmp_path.iterdir()))}"
    shutil.copytree(FOLDER, folder)
    with (folder / "rules.toml").open("a") as f:
        f.write(more)
    return law_pack.of_folder(folder, FILES)


async def kept(db: asyncpg.Connection, packed: bytes) -> str:
    """Its hash, under which it is kept now."""
    name = law_pack.version_of(packed)
    await db.execute("INSERT INTO rule_set (rule_set, content) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, packed)
    return name


def event(offset: int, rule_set: str, revision: int | None = None, partition: int = 0, key: bytes | None = None, part: str = "live", share: int = 0) -> Rec:
    said = RuleEvent(part, offset + 1 if revision is None else revision, rule_set, share, "an officer")
    return Rec(topic_name("rules"), partition, offset, NOW_MS, key or said.key.encode(), written(said))


def order(lane: int, offset: int, n: int) -> list[Rec]:
    return [rec(kind, numbered(n)[kind], offset, NOW_MS, partition=lane) for kind in KINDS]


async def decided(db: asyncpg.Connection) -> list[tuple[str, str, str, int]]:
    rows = await db.fetch("SELECT order_no, outcome, rule_set, registry_version FROM manifest ORDER BY order_no")
    return [tuple(r) for r in rows]  # type: ignore[misc]


async def test_the_first_rule_set_is_the_one_installed(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0], [1]) as (first, second):
        await first.take(*order(0, 0, 1))
        await second.take(*order(1, 0, 2))
        assert await decided(db) == [("EXAMPLE-1", "RELEASE", LAWBOOK.version, 0), ("EXAMPLE-2", "RELEASE", LAWBOOK.version, 0)]
        assert [tuple(r) for r in await db.fetch("SELECT rule_set, content FROM rule_set")] == [(LAWBOOK.version, LAWBOOK.content)]
        (row,) = await db.fetch("SELECT kafka_offset, version, part, rule_set FROM rule_event")
        assert tuple(row) == (-1, 0, "live", LAWBOOK.version)


async def test_a_batch_meets_an_activation_that_was_committed_first(endpoints: Endpoints, db: asyncpg.Connection, tmp_path: Path) -> None:
    """It had judged by the former set; its commit finds the new version, so it judges again."""
    strict = await kept(db, content(tmp_path))
    async with nodes(endpoints, [0], [1]) as (first, second):
        gate = second.steps.hold("lanes-advanced")
        deciding = asyncio.create_task(second.take(*order(1, 0, 1)))
        await reached(gate, deciding)
        await first.take(event(0, strict))
        gate.open.set()
        await within(deciding)
        assert await manifests(db) == [("EXAMPLE-1", 1, "HOLD", ["TST-01"])]
        assert await decided(db) == [("EXAMPLE-1", "HOLD", strict, 1)]


async def test_an_activation_waits_for_a_batch_that_is_committing(endpoints: Endpoints, db: asyncpg.Connection, tmp_path: Path) -> None:
    strict = await kept(db, content(tmp_path))
    async with nodes(endpoints, [0], [1]) as (first, second):
        gate = second.steps.hold("before-commit")
        deciding = asyncio.create_task(second.take(*order(1, 0, 1)))
        await reached(gate, deciding)
        activating = asyncio.create_task(first.take(event(0, strict), *order(0, 0, 2)))
        await somebody_waits(db)
        gate.open.set()
        await within(deciding)
        await within(activating)
        await second.take(*order(1, 1, 3))
        # who activates a set is himself judged by the one before
        assert await decided(db) == [
            ("EXAMPLE-1", "RELEASE", LAWBOOK.version, 0), ("EXAMPLE-2", "RELEASE", LAWBOOK.version, 0), ("EXAMPLE-3", "HOLD", strict, 1),
        ]  # fmt: skip


@pytest.mark.parametrize("again", [False, True], ids=["at once", "by a worker that starts later"])
async def test_an_older_set_comes_back_by_its_hash(endpoints: Endpoints, db: asyncpg.Connection, tmp_path: Path, again: bool) -> None:
    strict = await kept(db, content(tmp_path))
    async with nodes(endpoints, [0], [1], [2]) as (first, second, third):
        for offset, (n, rule_set) in enumerate([(1, strict), (2, LAWBOOK.version), (3, strict)]):
            await first.take(event(offset, rule_set))
            await second.take(*order(1, offset, n))
        if again:
            await first.take(event(3, LAWBOOK.version))
        await third.take(*order(2, 0, 4))
        assert [(outcome, rule_set, version) for _, outcome, rule_set, version in await decided(db)] == [
            ("HOLD", strict, 1), ("RELEASE", LAWBOOK.version, 2), ("HOLD", strict, 3),
            ("RELEASE", LAWBOOK.version, 4) if again else ("HOLD", strict, 3),
        ]  # fmt: skip
        assert second.processor.rules.live is (await second.processor.rules.book(strict, second.processor.store))


async def test_registry_and_rules_have_one_version(endpoints: Endpoints, db: asyncpg.Connection, tmp_path: Path) -> None:
    strict = await kept(db, content(tmp_path))
    async with nodes(endpoints, [0], [1]) as (first, second):
        await first.take(filing(0, 2, status="suspended"), event(0, strict))
        await first.take(event(1, LAWBOOK.version))
        await first.take(filing(1, 3, status="active"))
        await second.take(*order(1, 0, 1))
        assert await decided(db) == [("EXAMPLE-1", "RELEASE", LAWBOOK.version, 3)]
        assert [r["version"] for r in await db.fetch("SELECT version FROM rule_event ORDER BY kafka_offset")] == [0, 1, 2]
        assert [r["version"] for r in await db.fetch("SELECT version FROM registry_entry ORDER BY kafka_offset")] == [1, 3]


async def test_what_cannot_be_judged_by_is_a_dead_letter(endpoints: Endpoints, db: asyncpg.Connection, tmp_path: Path) -> None:
    strict = await kept(db, content(tmp_path))
    rotten = await kept(db, content(tmp_path, HELD.replace("order_guid", "order_secret")))
    untrue = await kept(db, content(tmp_path, HELD.replace("order_guid <> ''", "order_goodsValue_e5 + 1")))
    torn = await kept(db, content(tmp_path)[:-1])
    cut = event(8, strict, 90)
    events = [
        event(0, "0" * 32),  # nobody keeps it
        event(1, rotten), event(2, untrue), event(3, torn),
        event(4, "no hash"),
        event(5, strict, key=b"live|7"),
        event(6, strict, 20),
        event(7, LAWBOOK.version, 20),  # not newer
        Rec(cut.topic, 0, 8, NOW_MS, cut.key, (cut.value or b"")[:-1]),
        event(0, LAWBOOK.version, 30, partition=1),  # in no order with the others
    ]  # fmt: skip
    async with nodes(endpoints, [0, 1]) as (node,):
        await node.take(*order(1, 0, 1))
        await node.take(*events)
        dead = await db.fetch("SELECT partition, kafka_offset, code, reason FROM dead_letter ORDER BY 1, 2")
        assert [tuple(r)[:3] for r in dead] == [
            (0, 0, "DL-07"), (0, 1, "DL-07"), (0, 2, "DL-07"), (0, 3, "DL-07"), (0, 4, "DL-05"), (0, 5, "DL-04"),
            (0, 7, "DL-06"), (0, 8, "DL-01"), (1, 0, "DL-05"),
        ]  # fmt: skip
        assert "order_secret" in dead[1]["reason"] and "TST-01: the condition is no truth value" in dead[2]["reason"]
        await node.take(*order(1, 1, 2))
        assert [rule_set for _, _, rule_set, _ in await decided(db)] == [load().version, strict]


async def test_bad_events_alone_leave_everything_as_it_was(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    async with nodes(endpoints, [0]) as (node,):
        await node.take(event(0, "0" * 32))
        await node.take(*order(0, 0, 1))
        assert await decided(db) == [("EXAMPLE-1", "RELEASE", LAWBOOK.version, 0)]


async def test_under_a_set_that_cannot_be_used_another_can_be_activated(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """As after an installation of an older program, and though lanes have documents that are to be looked at again: these are
    by the first batch under the other set, or by whoever claims the lanes before it."""
    order_, payment, waybill = order(1, 0, 1)
    async with nodes(endpoints, [0, 1], []) as (first, second):
        await first.take(order_, payment)
        await db.execute("INSERT INTO rule_set (rule_set, content) VALUES (repeat('a', 32), 'x')")
        await db.execute("UPDATE rule_event SET rule_set = repeat('a', 32) WHERE kafka_offset = -1")
        await second.claim(0, 1)
        for _ in range(4):
            await second.tick()
        with pytest.raises(LawError, match="cannot be used by this program"):
            await second.take(waybill)
        await first.claim(0, 1)  # it starts anew
        await first.take(event(0, LAWBOOK.version))
        assert first.processor.again.stored["order_hash"].to_list() == [order_hashes(pl.Series([numbered(1)["order"]["orderNo"]])).item()]
        await first.take(waybill)
    assert [row[:3] for row in await decided(db)] == [("EXAMPLE-1", "RELEASE", LAWBOOK.version)]

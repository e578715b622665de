"""Partitions by time on a real PostgreSQL: made ahead, made late, dropped once their time is over."""

from datetime import UTC, datetime, timedelta

import asyncpg

from agents.metrics import METRICS
from agents.upkeep import Upkeep
from schemas.endpoints import Endpoints
from sinks.migrate import migrate
from sinks.partitions import drop_expired, ensure_partitions

NOW = datetime(2031, 5, 30, 12, tzinfo=UTC)  # none of the periods that the template was made with
DAY = timedelta(days=1)
OUTBOX = "INSERT INTO outbox (lane, batch_seq, created_at, message_count, messages) VALUES ($1, $2, $3, 0, '')"
DOCUMENTS = (
    "INSERT INTO order_documents (order_hash, ebp_code, order_no, lane, batch_seq, log_time, astray, waiting, order_value)"
    " VALUES ($1, 'P', 'N', 0, 1, $2, false, false, $3)"
)
SIGHTING = "INSERT INTO sighting VALUES ($1, $2, 1, 1, 1, 1, true, true, true, 1)"
WHERE = "SELECT tableoid::regclass::text FROM {} ORDER BY 1"


async def lies_in(db: asyncpg.Connection, table: str) -> list[str]:
    return [row[0] for row in await db.fetch(WHERE.format(table))]


async def at(db: asyncpg.Connection, moment: datetime, published: int = 0) -> None:
    """Lane 0 as it was then."""
    await db.execute(
        "INSERT INTO lane VALUES (0, 1, 'w', 't', false, 9, $2, $1) ON CONFLICT (lane) DO UPDATE SET record_time = $1, published_seq = $2",
        moment, published,
    )  # fmt: skip


async def test_what_came_before_its_partition_is_moved(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    later = NOW + 5 * DAY  # another day, and another month
    await db.execute(OUTBOX, 0, 1, later)
    await db.execute(DOCUMENTS, 7, later, b"x" * 5000)
    await db.execute(DOCUMENTS, 8, NOW, b"y")
    await db.execute(SIGHTING, 1, later)
    assert set(await lies_in(db, "order_documents")) == {"order_documents_rest"}
    await migrate(endpoints.postgres, later)
    assert await lies_in(db, "outbox") == ["outbox_20310604"]
    assert await lies_in(db, "order_documents") == ["order_documents_203106", "order_documents_rest"]  # May is over: nobody makes it any more
    assert await lies_in(db, "sighting") == ["sighting_203106"]
    await db.execute(DOCUMENTS, 9, later + DAY, b"z" * 5000)
    rows = await db.fetch("SELECT order_hash, length(order_value) FROM order_documents ORDER BY order_hash")
    assert [tuple(r) for r in rows] == [(7, 5000), (8, 1), (9, 5000)]
    assert await ensure_partitions(db, later) == []


async def test_a_late_partition_is_like_one_made_in_time(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    await db.execute(DOCUMENTS, 7, NOW, b"x" * 5000)
    await ensure_partitions(db, NOW)
    of = "SELECT count(*) FROM pg_indexes WHERE tablename = $1"
    assert await db.fetchval(of, "order_documents_203105") == await db.fetchval(of, "order_documents_rest") > 3
    assert await db.fetchval("SELECT count(*) FROM pg_index WHERE indrelid = 'order_documents'::regclass AND NOT indisvalid") == 0
    kept = "SELECT attname, attstorage FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum"
    assert await db.fetch(kept, "order_documents_203105") == await db.fetch(kept, "order_documents_rest")
    assert await db.fetchval("SELECT reltoastrelid = 0 OR pg_relation_size(reltoastrelid) = 0 FROM pg_class WHERE relname = 'order_documents_203105'")


async def test_what_is_over_is_dropped(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    await ensure_partitions(db, NOW)
    for days in range(3):
        await db.execute(OUTBOX, 0, days, NOW + days * DAY)
    await db.execute(SIGHTING, 1, NOW)
    assert await drop_expired(db, NOW + 400 * DAY) == []  # no lane has come that far
    await at(db, NOW)
    assert not [name for name in await drop_expired(db, NOW) if "2031" in name]  # only what the database was made with
    await at(db, NOW + 8 * DAY, published=9)
    assert await drop_expired(db, NOW + 400 * DAY) == ["outbox_20310530"]  # a lane is behind
    await at(db, NOW + 400 * DAY, published=1)
    assert await drop_expired(db, NOW + 9 * DAY) == ["outbox_20310531"]
    assert await drop_expired(db, NOW + 10 * DAY) == []  # its batch 2 is not published
    assert await lies_in(db, "outbox") == ["outbox_20310601"]
    # May ends 36 hours later, and the longest window ends 40 days after that
    assert "sighting_203105" not in await drop_expired(db, NOW + 41 * DAY)
    assert "sighting_203105" in await drop_expired(db, NOW + 42 * DAY)
    assert await lies_in(db, "sighting") == []
    gone = dict(await db.fetch("SELECT table_name, before FROM dropped"))
    assert gone == {
        "outbox": datetime(2031, 6, 1, tzinfo=UTC), "sighting": datetime(2031, 6, 1, tzinfo=UTC), "sighting_read": datetime(2031, 6, 1, tzinfo=UTC),
    }  # fmt: skip
    assert "order_documents_203105" in {r[0] for r in await db.fetch("SELECT relname::text FROM pg_class")}


async def test_upkeep_is_lane_0s_and_waits_an_hour(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    there = "SELECT to_regclass('outbox_20310530') IS NOT NULL"
    upkeep = Upkeep(endpoints.postgres)
    await upkeep.look({1, 2}, NOW)
    assert not await db.fetchval(there)
    await upkeep.look({0, 2}, NOW)
    assert await db.fetchval(there)
    await upkeep.look({0}, NOW + 2 * DAY)
    assert not await db.fetchval("SELECT to_regclass('outbox_20310603') IS NOT NULL")


async def test_upkeep_that_fails_is_told(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    upkeep, before = Upkeep(endpoints.postgres), METRICS.upkeep_failures._value.get()
    async with db.transaction():
        await db.execute("LOCK TABLE outbox_rest")  # longer than it waits
        await upkeep.look({0}, NOW)
    assert METRICS.upkeep_failures._value.get() == before + 1
    await upkeep.look({0}, NOW)  # not yet again
    assert METRICS.upkeep_failures._value.get() == before + 1

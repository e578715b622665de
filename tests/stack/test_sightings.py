"""What a batch is told of its persons, phones and addresses by PostgreSQL, and of how far the lanes were."""

from datetime import UTC, datetime, timedelta

import asyncpg
import polars as pl

from pipeline.sightings import LONGEST
from schemas.endpoints import Endpoints
from sinks.batch import LaneState
from sinks.copy import copy_all
from sinks.migrate import migrate
from sinks.seen import read_seen, sighting_frames
from sinks.store import Store

NOW = datetime(2026, 11, 30, 23, 59, 59, 123_000, tzinfo=UTC)
MONTH = timedelta(milliseconds=LONGEST)
MS = timedelta(milliseconds=1)
LEFT = {"of_person": True, "of_phone": True, "of_address": True}
COLUMNS = {"person_hash": pl.Int64, "phone_hash": pl.Int64, "address_hash": pl.Int64, "accepted_at": pl.Datetime("ms", "UTC")}


def heads(*rows: tuple[int, int, int, datetime]) -> pl.DataFrame:
    """Manifests as they are counted."""
    return pl.DataFrame(rows, COLUMNS, orient="row")


async def test_what_is_found(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    await migrate(endpoints.postgres, NOW)  # months of their own besides the one for the rest
    await db.execute("INSERT INTO lane VALUES (0, 1, 'w', 't', false, 7, 7), (3, 1, 'w', 't', false, 1099511627776, 0)")
    lowest, highest = -(2**63), 2**63 - 1
    rows = {
        "by the person": (1, 0, 0, NOW, LEFT),
        "by the phone": (0, lowest, 0, NOW - MS, LEFT),
        "by the address, a month ago": (0, 0, highest, NOW - MONTH + MS, LEFT),
        "by all three once": (1, lowest, highest, NOW - timedelta(days=29), LEFT),
        "nothing of it": (2, 2, 2, NOW, LEFT),
        "not found by its phone": (0, lowest, 2, NOW, LEFT | {"of_phone": False}),
        "too old": (1, 0, 0, NOW - MONTH, LEFT),
        "later than all": (1, 0, 0, NOW + MS, LEFT),
    }
    ids = dict(enumerate(rows))
    table = heads(*(row[:4] for row in rows.values())).with_columns(
        pl.Series("manifest_id", list(ids)), pl.Series("order_hash", list(ids)), pl.lit(-7, pl.Int32).alias("pay_firm_hash"),
        *(pl.Series(name, [row[4][name] for row in rows.values()]) for name in LEFT),
    )  # fmt: skip
    frames = sighting_frames(table, {0: 7}, {0: LaneState(0, 1, 8, None, None, None)})
    await copy_all(db, frames, frames)
    line = "INSERT INTO manifest_line VALUES ($1, $2, 1, 'SKU', $3, '', $4, '303', '142', $5, 1, 1, null, null, null, null)"
    for manifest_id in ids:  # as they were when the manifest was decided; an item nobody registered has no code
        goods = [(1, "2203000099", "011", 100_000), (2, "9506320000", "zz", None), (3, "", "011", 1)]
        await db.executemany(line, [(manifest_id, *of_it) for of_it in goods])
    store = Store(endpoints.postgres)
    try:
        seen = await read_seen(store, heads((1, lowest, highest, NOW), (9, 9, 9, NOW - timedelta(days=1))))
        nothing = await read_seen(store, heads((9, 9, 9, NOW)))
    finally:
        await store.close()
    assert seen.lanes == nothing.lanes == {0: 7, 3: 2**40}
    assert {ids[n] for n in seen.stored["order"].tolist()} == set(list(rows)[:4]) | {"too old"}  # a day older is asked for
    assert len(seen.stored["order"]) == 5
    times = dict(zip(seen.stored["order"].tolist(), seen.stored["at_ms"].tolist(), strict=True))
    assert times[1] == round((NOW - MS).timestamp() * 1000)
    assert len(nothing.stored["order"]) == len(nothing.goods) == 0
    assert set(seen.stored["pay_firm"].tolist()) == {-7}
    persons = [n for n in sorted(seen.stored["manifest_id"].tolist()) if rows[ids[n]][0] == 1]
    had = [(22030000, 11, 100_000), (95063200, None, None)]
    assert sorted(seen.goods.rows(), key=lambda row: row[:2]) == [(n, *of_it) for n in persons for of_it in had]
    read = await db.fetchrow("SELECT lane, batch_seq, accepted_at, batch, seen FROM sighting_read")
    assert tuple(read) == (0, 8, NOW + MS, '{"0": 8}', '{"0": 7}')

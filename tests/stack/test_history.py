"""The history: which batches make a part, that it goes on where it stood, that damage is found, what is kept apart."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import polars as pl
import pytest

from history import build as building
from history import parts as files
from history.build import Window, build, build_anew, windows
from history.parts import NoHistory, parts, read
from history.redecide import redecide
from loadtest.generate.filings import filings
from loadtest.generate.guaranteed import EXPIRED, NONE, RENEWED
from loadtest.verify.history import check_history
from ops.explain.gather import gather
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.filings import written
from schemas.lawbook import load
from sinks.store import Store
from tests.pipeline.memory import BASE_MS, Rec
from tests.pipeline.test_guarantees import at
from tests.pipeline.trios import numbered, records
from tests.stack.nodes import nodes
from tests.stack.test_inspections import failed
from tests.stack.test_reassessment import top_up
from tests.stack.test_registry_versions import event

PERSONAL = frozenset(load().rules["columns"]["personal"])


def test_windows_take_batches_of_all_lanes_up_to_one_number() -> None:
    ends, counts = {0: 5, 1: 3, 2: 0}, [(0, 1, 4), (1, 1, 4), (0, 2, 1), (1, 3, 7), (0, 5, 2)]
    assert windows(ends, {}, counts, full=9) == [
        Window({0: (1, 2), 1: (1, 2)}, 9), Window({0: (3, 5), 1: (3, 3)}, 9),
    ]  # fmt: skip
    assert windows(ends, {0: 2, 1: 2}, counts[3:], full=8) == [Window({0: (3, 5), 1: (3, 3)}, 9)]
    assert windows(ends, {0: 2, 1: 2}, counts[3:], full=7) == [Window({0: (3, 3), 1: (3, 3)}, 7), Window({0: (4, 5)}, 2)]
    assert windows(ends, ends, [], full=7) == []
    assert windows({0: 4}, {}, [], full=7) == [Window({0: (1, 4)}, 0)]
    assert windows({}, {}, []) == []


async def decide(endpoints: Endpoints, *batches: list[Rec], filed: bool = True) -> None:
    """As a worker of lanes 0 and 1 would, once the small market is filed."""
    market = [Rec(topic_name("registry"), 0, n, BASE_MS, f.key.encode(), written(f)) for n, f in enumerate(filings("small"))]
    async with nodes(endpoints, [0, 1]) as (worker,):
        for batch in ([market] if filed else []) + list(batches):
            await worker.take(*batch)


async def built(endpoints: Endpoints, folder: Path, full: int = files.FULL, **more: Any) -> int:
    store = Store(endpoints.postgres)
    try:
        with patch.object(files, "FULL", full), patch.object(building.windows, "__defaults__", (full,)):
            return await build(store, folder, PERSONAL, **more)
    finally:
        await store.close()


def three(n: int, offset: int, **changes: Any) -> list[Rec]:
    return records(numbered(n, **changes), offset=offset)


async def test_it_goes_on_where_it_stood(endpoints: Endpoints, tmp_path: Path) -> None:
    await decide(endpoints, three(1, 0), [*three(2, 1), *three(3, 2)])
    history = tmp_path / "history"
    assert await built(endpoints, history, full=2) == 3
    assert [c.manifests for _, c in parts(history)] == [3]
    assert (await check_history(endpoints.postgres, history)).verified
    await decide(endpoints, three(4, 3), filed=False)
    assert (await check_history(endpoints.postgres, history)).counts["batches_not_in_the_history_yet"] > 0
    before = (history / "00000001/covers.json").stat().st_mtime_ns
    assert await built(endpoints, history, full=2) == 1
    assert await built(endpoints, history, full=2) == 1  # the last part is made anew until it is full
    assert [c.manifests for _, c in parts(history)] == [3, 1]
    assert (history / "00000001/covers.json").stat().st_mtime_ns == before
    proof = await check_history(endpoints.postgres, history)
    assert proof.verified and proof.counts["history_manifests"] == 4
    kept = [read(path)[0].drop("then_codes") for path, _ in parts(history)]
    assert await built(endpoints, history, anew=True) == 4
    ((path, _),) = parts(history)
    assert read(path)[0].drop("then_codes").sort("order_no").equals(pl.concat(kept).sort("order_no"))


async def test_personal_columns_stand_apart(endpoints: Endpoints, tmp_path: Path) -> None:
    await decide(endpoints, three(1, 0))
    await built(endpoints, tmp_path)
    ((path, _),) = parts(tmp_path)
    trio = numbered(1)
    secrets = [trio["order"][x].encode() for x in ("buyerName", "buyerIdNumber", "consigneeAddress", "buyerTelephone")]
    open_files = [p for p in path.rglob("*") if p.is_file() and p.parent.name != "personal"]
    for name in ("manifests", "lines"):
        assert not set(pl.read_parquet_schema(path / f"{name}.parquet")) & PERSONAL
        assert set(pl.read_parquet_schema(path / "personal" / f"{name}.parquet")) <= PERSONAL
    assert [s for s in secrets for p in open_files if s in p.read_bytes()] == []
    assert set(PERSONAL) <= set(read(path)[0].columns) | set(read(path)[1].columns)
    assert [oct((path / "personal").stat().st_mode)[-3:], oct((path / "personal/manifests.parquet").stat().st_mode)[-3:]] == ["700", "600"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE manifest SET tax_fen = tax_fen + 1", "then_tax_fen"), ("UPDATE manifest_line SET qty_e5 = qty_e5 + 1", "lines"),
        ("DELETE FROM manifest WHERE order_no = 'EXAMPLE-1'", "row"), ("UPDATE finding SET code = 'WAY-02'", "findings"),
    ],
)  # fmt: skip
async def test_what_differs_from_the_tables_is_found(endpoints: Endpoints, db: asyncpg.Connection, tmp_path: Path, change: str, what: str) -> None:
    await decide(endpoints, [*three(1, 0), *three(2, 1, **{"waybill.consignee": "代收"})])
    await built(endpoints, tmp_path)
    await db.execute(change)
    proof = await check_history(endpoints.postgres, tmp_path)
    assert what in {d.what for d in proof.discrepancies}


async def test_holes_doubles_and_missing_parts_are_found(endpoints: Endpoints, tmp_path: Path) -> None:
    await decide(endpoints, three(1, 0), three(2, 1), three(3, 2))
    history = tmp_path / "history"
    await built(endpoints, history, full=1)
    assert len(parts(history)) >= 3
    doubled = tmp_path / "doubled"
    shutil.copytree(history, doubled)
    shutil.copytree(doubled / "00000002", doubled / f"{len(parts(history)) + 1:08d}")
    assert "first batch" in {d.what for d in (await check_history(endpoints.postgres, doubled)).discrepancies}
    shutil.rmtree(history / "00000002")
    assert "first batch" in {d.what for d in (await check_history(endpoints.postgres, history)).discrepancies}
    with pytest.raises(NoHistory, match="missing"):
        parts(history)
    assert not (await check_history(endpoints.postgres, tmp_path / "doubled" / "00000001")).verified  # nothing there


async def test_days_are_chosen_by_acceptance(endpoints: Endpoints, tmp_path: Path) -> None:
    await decide(endpoints, three(1, 0))
    await built(endpoints, tmp_path)
    ((path, covers),) = parts(tmp_path)
    day = covers.first_day
    assert day == covers.last_day and day is not None
    assert json.loads((path / "covers.json").read_text())["first_day"] == day.isoformat()
    assert redecide(tmp_path, load(), day, day).manifests == 1
    for since, until in ((date(2030, 1, 1), None), (None, date(2018, 1, 1))):
        with pytest.raises(NoHistory, match="no decision of these days"):
            redecide(tmp_path, load(), since, until)
    table, store = path / "manifests.parquet", Store(endpoints.postgres)
    try:
        pl.read_parquet(table).drop("then_tax_fen").write_parquet(table)
        assert await build_anew(store, tmp_path, PERSONAL, None, date(2018, 1, 1)) == 0
        assert "then_tax_fen" not in pl.read_parquet_schema(table)
        assert await build_anew(store, tmp_path, PERSONAL, day, day) == 1
        assert (await check_history(endpoints.postgres, tmp_path)).verified
    finally:
        await store.close()
    then = redecide(tmp_path, load(), as_of=date(2019, 1, 1))
    assert then.manifests == 1


async def test_each_is_judged_again_by_the_registry_of_its_time(endpoints: Endpoints, tmp_path: Path) -> None:
    """A platform is suspended, and active again: the one between is rejected, also when it is explained or judged again."""
    first = len(filings("small"))
    await decide(
        endpoints, three(1, 0), [event(first, 2, status="suspended")], three(2, 1), [event(first + 1, 3)], three(3, 2)
    )
    store = Store(endpoints.postgres)
    try:
        explained = [(await gather(store, f"EXAMPLE-{n}"))["manifests"][0] for n in (1, 2, 3)]
    finally:
        await store.close()
    assert [(m["outcome"], m["registry_version"], m["differences"]) for m in explained] == [
        ("RELEASE", 1, []), ("REJECT", 2, []), ("RELEASE", 3, []),
    ]  # fmt: skip
    for full in (1, 100):
        await built(endpoints, tmp_path / str(full), full=full)
        found = redecide(tmp_path / str(full), load())
        assert (found.manifests, found.differ) == (3, False)


async def revised(endpoints: Endpoints) -> None:
    """Three that are held: the first is released, the second rejected, the third waits; in batches after theirs."""
    first = len(filings("small"))
    trios = [at(EXPIRED, 1), at(RENEWED, 2, **{"waybill.consignee": "代收"}), at(NONE, 3)]
    held = [r for n, trio in enumerate(trios) for r in records(trio, offset=n)]
    await decide(endpoints, held, [top_up(first, EXPIRED, 10**6)], [failed(first + 1, trios[1])], three(4, 3), three(5, 4))


async def test_the_latest_revision_counts(endpoints: Endpoints, tmp_path: Path) -> None:
    await revised(endpoints)
    for full in (1, 100):
        history = tmp_path / str(full)
        assert await built(endpoints, history, full=full) == 5
        found = redecide(history, load())
        assert found.outcomes == {("RELEASE", "RELEASE"): 3, ("HOLD", "HOLD"): 1}
        assert (found.manifests, found.as_they_were, found.differ) == (5, 1, False)
        proof = await check_history(endpoints.postgres, history)
        assert proof.verified
        assert (proof.counts["history_revised_to_RELEASE"], proof.counts["history_revised_to_REJECT"]) == (1, 1)
    assert len(parts(tmp_path / "1")) > 2


@pytest.mark.parametrize(
    "change", ["DELETE FROM revision WHERE outcome = 'REJECT'", "UPDATE revision SET batch_seq = batch_seq - 1", "UPDATE revision SET outcome = 'REJECT'"]
)
async def test_a_revision_that_differs_is_found(endpoints: Endpoints, db: asyncpg.Connection, tmp_path: Path, change: str) -> None:
    await revised(endpoints)
    await built(endpoints, tmp_path)
    await db.execute(change)
    assert "revisions" in {d.what for d in (await check_history(endpoints.postgres, tmp_path)).discrepancies}

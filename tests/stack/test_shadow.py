"""A rule set tried beside the live one: what is counted, and that nothing of it touches a decision."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import polars as pl
import pytest

from agents import trials
from agents.metrics import METRICS
from agents.trials import chosen_of
from ops.commands import law_view
from schemas import law_pack
from schemas.endpoints import Endpoints
from schemas.lawbook import FILES
from tests.conftest import changed, folder
from tests.pipeline.trios import KINDS, numbered, rec
from tests.stack.nodes import LAWBOOK, NOW_MS, manifests, nodes
from tests.stack.test_rule_versions import HELD, event, kept

__all__ = ["folder"]
EBP = "330296P001"


def order(offset: int, n: int, **changes: object) -> list:  # type: ignore[type-arg]
    return [rec(kind, numbered(n, **changes)[kind], offset, NOW_MS, partition=1) for kind in KINDS]


async def candidate(db: asyncpg.Connection, folder: Path) -> str:
    """It holds dear goods, and does not mind who pays."""
    with (folder / "rules.toml").open("a") as f:
        f.write(HELD.replace("order_guid <> ''", "order_goodsValue_e5 >= 30000000"))
    changed(folder, "rules.toml", 'code = "PAY-04"', 'code = "PAY-94"')
    return await kept(db, law_pack.of_folder(folder, FILES))


async def rows(db: asyncpg.Connection) -> list[tuple[Any, ...]]:
    found = await db.fetch("SELECT manifests, failed, outcomes, codes, differing FROM shadow_batch ORDER BY batch_seq")
    return [(r[0], r[1], *(json.loads(x) for x in tuple(r)[2:])) for r in found]


async def test_agreement_and_difference_are_counted(endpoints: Endpoints, db: asyncpg.Connection, folder: Path) -> None:
    tried = await candidate(db, folder)
    async with nodes(endpoints, [0], [1]) as (first, second):
        await second.take(*order(0, 1))
        await first.take(event(0, tried, part="shadow", share=10_000))
        other_payer = {"payment.payerName": "别人甲乙"}
        paid_twice = numbered(4)
        paid_twice["order"]["payTransactionId"] = paid_twice["payment"]["payTransactionId"] = "EXAMPLE-PAY-2"
        fourth = [rec(kind, paid_twice[kind], 3, NOW_MS, partition=1) for kind in KINDS]
        await second.take(*order(1, 2), *order(2, 3, **other_payer), *fourth)
        await first.take(event(1, "", part="shadow"))
        await second.take(*order(4, 5))
        decided = await manifests(db)
        (row,) = await rows(db)
        by_number = {n: (outcome, codes) for n, _, outcome, codes in decided}
        assert by_number["EXAMPLE-2"] == ("RELEASE", []) and by_number["EXAMPLE-3"] == ("HOLD", ["PAY-04"])
        assert by_number["EXAMPLE-4"] == ("REJECT", ["PAY-03"])
        assert row[:4] == (
            3, 0, {"HOLD>HOLD": 1, "REJECT>REJECT": 1, "RELEASE>HOLD": 1},
            {"PAY-03": [1, 0, 0], "PAY-04": [0, 1, 0], "PAY-94": [0, 0, 1], "TST-01": [0, 0, 3]},
        )  # fmt: skip
        assert sorted(row[4]) == [
            [EBP, "EXAMPLE-2", 1, "RELEASE", "HOLD", [], ["TST-01"]],
            [EBP, "EXAMPLE-3", 1, "HOLD", "HOLD", ["PAY-04"], ["PAY-94", "TST-01"]],
            [EBP, "EXAMPLE-4", 1, "REJECT", "REJECT", [], ["TST-01"]],
        ]  # fmt: skip
        store = second.processor.store
        shown = await law_view.agreement(store, 20)
        assert (shown["shadow"], shown["on"], shown["manifests"], shown["batches"]) == (tried, False, 3, 1)
        law_view.show_agreement(shown)


def test_the_share_is_a_threshold_on_the_decision_id() -> None:
    ids = pl.Series([b"\x00" * 16, b"\x19\x99\x99\x99" + b"\xff" * 12, b"\x19\x99\x99\x9a" + b"\0" * 12, b"\xff" * 16])
    assert chosen_of(ids, 1_000).to_list() == [True, True, False, False]
    assert chosen_of(ids, 10_000).to_list() == [True] * 4
    assert chosen_of(ids.clear(), 1_000).to_list() == []


async def test_a_trial_that_fails_leaves_the_batch_alone(endpoints: Endpoints, db: asyncpg.Connection, folder: Path) -> None:
    tried = await candidate(db, folder)
    before = METRICS.shadow_failures._value.get()
    async with nodes(endpoints, [0], [1]) as (first, second):
        await first.take(event(0, tried, part="shadow", share=10_000))
        with patch.object(trials, "tried", side_effect=ZeroDivisionError):
            await second.take(*order(0, 1))
        assert await manifests(db) == [("EXAMPLE-1", 1, "RELEASE", [])]
        assert [r[:2] for r in await rows(db)] == [(0, 1)]
        assert METRICS.shadow_failures._value.get() == before + 1


@pytest.mark.parametrize("share", [0, 10_001])
async def test_a_share_out_of_range_is_a_dead_letter(endpoints: Endpoints, db: asyncpg.Connection, share: int) -> None:
    async with nodes(endpoints, [0]) as (node,):
        await node.take(event(0, LAWBOOK.version, part="shadow", share=share))
        assert [r["code"] for r in await db.fetch("SELECT code FROM dead_letter")] == ["DL-05"]



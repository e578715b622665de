"""Section 11: which events of guarantors a batch makes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from loadtest.generate.guaranteed import A_FEN, EXPIRED, RUNS_OUT
from pipeline.guarantee_events import EVENT, events
from pipeline.rules import FOUND
from tests.pipeline.memory import BASE_MS, MemoryStore
from tests.pipeline.test_guarantees import at
from tests.pipeline.trios import KINDS, rec

NOON = datetime(2019, 11, 10, 12, tzinfo=UTC)
HEADS = {
    "m": pl.UInt32, "lane": pl.Int16, "batch_seq": pl.Int64, "accepted_at": pl.Datetime("ms", "UTC"), "registry_version": pl.Int64,
    "rule_set": pl.String,
}  # fmt: skip


def refused(m: int, guarantor: str, code: str = "GUA-01", amount: int = 10, limit: int = 100, here: int = 0) -> tuple[int, str, str]:
    saw = {"guarantor_code": guarantor, "entry_no": 4, "balance_fen": 95, "batch_fen": here, "amount_fen": amount, "limit_fen": limit}
    return m, code, json.dumps(saw)


def told(*refusals: tuple[int, str, str], lanes: tuple[int, ...] = (3,) * 9, hours: tuple[int, ...] = tuple(range(9))) -> list[dict[str, Any]]:
    """Events of a batch whose manifests decide in these lanes and were accepted so many hours after noon."""
    heads = [(m, lane, 70 + lane, NOON + timedelta(hours=hour), 6, "law") for m, (lane, hour) in enumerate(zip(lanes, hours, strict=True))]
    frame = events(pl.DataFrame(list(refusals), schema=FOUND, orient="row"), pl.DataFrame(heads, schema=HEADS, orient="row"))
    assert frame.select(*EVENT).schema == pl.Schema(EVENT)
    return frame.rows(named=True)


def test_one_of_each_guarantor_and_code() -> None:
    first, second, third = told(refused(0, "b"), refused(2, "a"), refused(1, "b", amount=7, here=5), refused(3, "b", "GUA-02", 9, 0))
    assert first == {
        "lane": 3, "guarantor_code": "a", "code": "GUA-01", "what": "EXHAUSTED", "manifests": 1, "tax_fen": 10, "entry_no": 4,
        "balance_fen": 95, "limit_fen": 100, "accepted_at": NOON + timedelta(hours=2), "batch_seq": 73, "registry_version": 6,
        "rule_set": "law",
    }  # fmt: skip
    assert (second["guarantor_code"], second["code"], second["manifests"], second["tax_fen"]) == ("b", "GUA-01", 2, 17)
    assert second["accepted_at"] == NOON + timedelta(hours=1)
    assert (third["guarantor_code"], third["code"], third["what"], third["limit_fen"]) == ("b", "GUA-02", "NOT_VALID", 0)


def test_each_lane_tells_of_its_own() -> None:
    found = told(*(refused(m, "b", amount=m) for m in range(1, 5)), lanes=(0, 5, 1, 5, 1), hours=(0, 1, 2, 3, 4))
    assert [(e["lane"], e["batch_seq"], e["manifests"], e["tax_fen"]) for e in found] == [(1, 71, 2, 6), (5, 75, 2, 4)]


def test_of_two_days_the_limit_of_the_last_counts() -> None:
    """Whatever the order of the refusals is."""
    (found,) = told(refused(0, "b", limit=50), refused(1, "b", limit=100), hours=(20, 1), lanes=(3, 3))
    assert (found["limit_fen"], found["accepted_at"]) == (50, NOON + timedelta(hours=20))


@pytest.mark.parametrize("refusals", [(), ((0, "STK-01", json.dumps({"book_item": "B-1", "amount_e5": 1, "entered_e5": 0})),)])
def test_without_a_guarantee_that_did_not_admit_there_is_none(refusals: tuple[tuple[int, str, str], ...]) -> None:
    assert told(*refusals) == []


def test_what_a_batch_makes() -> None:
    """One is held by the rules too, and counts; one is rejected, and its guarantee was not asked."""
    ones = [
        at(EXPIRED, 1), at(EXPIRED, 2, **{"waybill.consignee": "another"}), at(EXPIRED, 3, **{"payment.payerIdNumber": ""}),
        at(A_FEN, 4), at(RUNS_OUT, 5),
    ]  # fmt: skip
    decided = MemoryStore().process([rec(kind, one[kind], n, BASE_MS) for n, one in enumerate(ones) for kind in KINDS])
    heads = decided.heads.with_columns(lane=pl.lit(0, pl.Int16), batch_seq=pl.lit(1, pl.Int64))
    found = events(decided.posted.refusals, heads)
    assert found.select("guarantor_code", "code", "manifests", "tax_fen", "limit_fen").rows() == [
        (A_FEN, "GUA-01", 1, 3022, 1), (EXPIRED, "GUA-02", 2, 6044, 0),
    ]  # fmt: skip

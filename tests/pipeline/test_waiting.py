"""How documents lie in rows, and which a sweep has to look at: those their batch left open, one of an order number and lane."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from pipeline.documents import KINDS, NUMBERS
from sinks.documents import order_documents

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
PLACES = {f"{kind}_{what}": pl.Int64 if what == "offset" else pl.Int16 for kind in KINDS for what in ("partition", "offset")}
FATES = {"kind": pl.Int16, "partition": pl.Int16, "kafka_offset": pl.Int64}
DOCUMENT = {
    "order_hash": pl.Int64, "ebpCode": pl.String, "orderNo": pl.String, "partition": pl.Int16, "offset": pl.Int64,
    "log_time": pl.Datetime("ms", "UTC"), "astray": pl.Boolean, "value": pl.Binary,
}  # fmt: skip
Row = tuple[int, int, int, str, int]
"""(kind, partition, offset, platform, seconds)"""


def rows_of(*given: Row, used: tuple[int, ...] = (), met: tuple[tuple[int, int, int], ...] = ()) -> list[dict[str, Any]]:
    """Rows of some documents, all of one order number."""
    tables = {
        kind: pl.DataFrame(
            [(7, e, "N", p, o, NOON + timedelta(seconds=s), e == "", f"{n}/{o}".encode()) for n, p, o, e, s in given if n == number],
            schema=DOCUMENT, orient="row",
        )
        for kind, number in zip(KINDS, NUMBERS, strict=True)
    }  # fmt: skip
    heads = pl.DataFrame([used] if used else [], schema=PLACES, orient="row")
    fates = pl.DataFrame(list(met), schema=FATES, orient="row")
    return order_documents(tables, heads, fates).to_dicts()


def held(row: dict[str, Any]) -> dict[str, int]:
    """Kinds and offsets that lie in a row; of each the value lies beside it, of the others nothing."""
    for number, kind in zip(NUMBERS, KINDS, strict=True):
        offset, value = row[f"{kind}_offset"], row[f"{kind}_value"]
        assert (row[f"{kind}_logged"] is None, value) == ((True, None) if offset is None else (False, f"{number}/{offset}".encode()))
    return {kind: row[f"{kind}_offset"] for kind in KINDS if row[f"{kind}_offset"] is not None}


def test_the_documents_of_an_order_lie_in_one_row() -> None:
    (row,) = rows_of((1, 0, 5, "A", 2), (2, 0, 6, "A", 1), (3, 0, 7, "A", 3))
    assert held(row) == {"order": 5, "payment": 6, "waybill": 7}
    assert (row["lane"], row["ebp_code"], row["order_no"], row["log_time"]) == (0, "A", "N", NOON + timedelta(seconds=1))


def test_a_second_of_a_kind_begins_a_row() -> None:
    found = [held(row) for row in rows_of((1, 0, 5, "A", 0), (1, 0, 6, "A", 1), (2, 0, 5, "A", 2), (2, 0, 6, "A", 3))]
    assert found == [{"order": 5}, {"order": 6, "payment": 5}, {"payment": 6}]


def test_what_is_used_or_met_lies_apart_from_what_is_open() -> None:
    found = rows_of((1, 0, 5, "A", 0), (2, 0, 5, "A", 1), (3, 0, 5, "A", 2), (3, 0, 6, "A", 3), used=(0, 5, 0, 5, 0, 5))
    assert [(held(row), row["waiting"]) for row in found] == [
        ({"order": 5, "payment": 5, "waybill": 5}, False), ({"waybill": 6}, True),
    ]  # fmt: skip


def test_used_and_met_documents_do_not_wait() -> None:
    rows = rows_of((1, 0, 5, "A", 0), (2, 0, 5, "A", 1), (3, 0, 5, "A", 2), (3, 0, 6, "A", 3), used=(0, 5, 0, 5, 0, 5), met=((3, 0, 6),))
    assert [row["waiting"] for row in rows] == [False, False]


def test_a_place_is_of_its_kind() -> None:
    rows = rows_of((1, 0, 5, "A", 0), (2, 0, 5, "B", 1), met=((2, 0, 5),))
    assert [(held(row), row["waiting"]) for row in rows] == [({"order": 5}, True), ({"payment": 5}, False)]


def test_the_first_logged_of_an_order_waits_for_all() -> None:
    rows = rows_of((1, 0, 5, "A", 4), (1, 0, 6, "A", 3), (2, 0, 8, "A", 5), (2, 0, 9, "A", 1))
    assert [(held(row), row["waiting"]) for row in rows] == [
        ({"order": 5}, False), ({"order": 6, "payment": 8}, False), ({"payment": 9}, True),
    ]  # fmt: skip


def test_each_lane_and_platform_has_one_of_its_own() -> None:
    rows = rows_of((1, 0, 5, "A", 0), (2, 1, 5, "A", 1), (2, 0, 6, "B", 2))
    assert [(held(row), row["waiting"]) for row in rows] == [({"order": 5}, True), ({"payment": 5}, True), ({"payment": 6}, True)]


def test_waybills_without_platform_wait_each_for_itself() -> None:
    rows = rows_of((3, 0, 5, "", 0), (3, 0, 6, "", 1))
    assert [(held(row), row["waiting"], row["astray"]) for row in rows] == [({"waybill": 5}, True, True), ({"waybill": 6}, True, True)]

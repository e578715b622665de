"""Which documents a sweep has to look at: those their batch left open, one of an order number and lane."""

from datetime import UTC, datetime, timedelta

import polars as pl

from sinks.prepare import with_waiting

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
PLACES = {f"{kind}_{what}": pl.Int64 if what == "offset" else pl.Int16
          for kind in ("order", "payment", "waybill") for what in ("partition", "offset")}  # fmt: skip
FATES = {"kind": pl.Int16, "partition": pl.Int16, "kafka_offset": pl.Int64}


def documents(*rows: tuple[int, int, int, str, int]) -> pl.DataFrame:
    """(kind, partition, offset, platform, seconds), all of one order number."""
    kinds, partitions, offsets, platforms, seconds = zip(*rows, strict=True)
    return pl.DataFrame({
        "order_hash": pl.Series([7] * len(rows), dtype=pl.Int64), "ebp_code": list(platforms), "order_no": ["N"] * len(rows),
        "kind": pl.Series(kinds, dtype=pl.Int16), "partition": pl.Series(partitions, dtype=pl.Int16),
        "kafka_offset": pl.Series(offsets, dtype=pl.Int64),
        "log_time": pl.Series([NOON + timedelta(seconds=s) for s in seconds], dtype=pl.Datetime("ms", "UTC")),
    })  # fmt: skip


def waiting(rows: pl.DataFrame, used: tuple[int, ...] = (), met: tuple[tuple[int, int, int], ...] = ()) -> list[bool]:
    heads = pl.DataFrame([used] if used else [], schema=PLACES, orient="row")
    fates = pl.DataFrame(list(met), schema=FATES, orient="row")
    marked = with_waiting(rows, heads, fates)
    assert marked.drop("waiting").equals(rows)
    return marked["waiting"].to_list()


def test_used_and_met_documents_do_not_wait() -> None:
    rows = documents((1, 0, 5, "A", 0), (2, 0, 5, "A", 1), (3, 0, 5, "A", 2), (3, 0, 6, "A", 3))
    assert waiting(rows, used=(0, 5, 0, 5, 0, 5), met=((3, 0, 6),)) == [False] * 4


def test_a_place_is_of_its_kind() -> None:
    rows = documents((1, 0, 5, "A", 0), (2, 0, 5, "B", 1))
    assert waiting(rows, met=((2, 0, 5),)) == [True, False]


def test_the_first_logged_of_an_order_waits_for_all() -> None:
    assert waiting(documents((1, 0, 5, "A", 4), (2, 0, 8, "A", 1), (2, 0, 9, "A", 3))) == [False, True, False]


def test_each_lane_and_platform_has_one_of_its_own() -> None:
    assert waiting(documents((1, 0, 5, "A", 0), (2, 1, 5, "A", 1), (2, 0, 6, "B", 2))) == [True, True, True]


def test_waybills_without_platform_wait_each_for_itself() -> None:
    assert waiting(documents((3, 0, 5, "", 0), (3, 0, 6, "", 1))) == [True, True]

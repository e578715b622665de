"""Damage to the clocks of lanes, and to what they say they have looked at."""

from collections.abc import Callable

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.evidence import OpenReport, record_place
from tests.verify.test_damage import told

Prove = Callable[[], Proof]
DAY_MS = 86_400_000


@pytest.mark.parametrize("more", [-1, 1, None])
def test_a_clock_that_is_not_its_newest_record(evidence: Evidence, proved: Prove, more: int | None) -> None:
    lane = evidence.tables.lanes[3]
    evidence.tables.lanes[3] = lane._replace(record_time=None if more is None else (lane.record_time or 0) + more)
    assert told(proved(), "lane 3", "record_time")


def test_a_tick_that_was_not_read_moves_no_clock(evidence: Evidence, proved: Prove) -> None:
    tick = evidence.ticks[3, 0]
    evidence.ticks[3, 1] = tick._replace(log_ms=tick.log_ms + 5_000)
    assert proved().verified
    n, row = next((n, row) for n, row in enumerate(evidence.tables.consumed) if (row.topic, row.partition) == ("cbec.clock", 3))
    evidence.tables.consumed[n] = row._replace(next_offset=2)
    assert told(proved(), "lane 3", "record_time")


def left_out(evidence: Evidence) -> tuple[OpenReport, str]:
    """A report that is gone, and the earliest document of its order."""
    row = min((r for r in evidence.tables.open_reports if r.ebp_code), key=lambda r: r.first_log_time)
    evidence.tables.open_reports.remove(row)
    place = next((d.kind, d.partition, d.kafka_offset) for d in evidence.tables.documents
                 if (d.ebp_code, d.order_no, d.log_time) == (row.ebp_code, row.order_no, row.first_log_time))  # fmt: skip
    return row, record_place(*place)


@pytest.mark.parametrize("swept", [None, 0])
def test_a_report_is_due_whatever_a_lane_says_it_looked_at(evidence: Evidence, proved: Prove, swept: int | None) -> None:
    _, place = left_out(evidence)
    evidence.tables.lanes[:] = [lane._replace(swept_incomplete=swept) for lane in evidence.tables.lanes]
    assert told(proved(), place, "report of its open order")


def a_month_later(evidence: Evidence) -> None:
    """All lanes hear a tick, and do nothing."""
    tables, month = evidence.tables, 31 * DAY_MS
    evidence.ticks.update({place: tick._replace(log_ms=tick.log_ms + month) for place, tick in evidence.ticks.items()})
    tables.lanes[:] = [lane._replace(record_time=(lane.record_time or 0) + month) for lane in tables.lanes]


def test_what_waits_for_a_month_is_closed(evidence: Evidence, proved: Prove) -> None:
    a_month_later(evidence)
    expected = {d.expected for d in proved().discrepancies if d.what == "report of its open order"}
    assert expected == {f"DOC-10 of attempt {n}" for n in {r.attempt for r in evidence.tables.open_reports if r.ebp_code}}


def test_what_came_with_the_last_batch_may_wait_for_the_next(evidence: Evidence, proved: Prove) -> None:
    """It is looked at by the batch after it, with whatever that one brings."""
    tables = evidence.tables
    a_month_later(evidence)
    tables.documents[:] = [d._replace(batch_seq=tables.lanes[d.lane].batch_seq) for d in tables.documents]
    assert not any(d.what == "report of its open order" for d in proved().discrepancies)

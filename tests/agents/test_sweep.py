"""Which open orders are reported, and when."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from agents import sweep as sweeping
from agents.sweep import EPOCH, Sweep, reports
from pipeline.open_orders import OPEN
from schemas.lawbook import load
from sinks.batch import LaneState

CLOCK = datetime(2019, 11, 11, 12, tzinfo=UTC)
TEN_MINUTES, MOMENT = timedelta(minutes=10), timedelta(milliseconds=1)


class Waiting:
    """A store in which documents wait: (order_hash, lane, log_time)."""

    def __init__(self, *rows: tuple[int, int, datetime]) -> None:
        self.rows = rows

    async def fetch(self, name: str, *of: Any) -> list[dict[str, Any]]:
        if name == "open_reports_of_orders":
            return []
        spans = dict(zip(of[0], zip(of[1], of[2], strict=True), strict=True))
        due = [r for r in self.rows if r[1] in spans and spans[r[1]][0] < r[2] <= spans[r[1]][1]]
        return [dict(zip(("order_hash", "lane", "log_time"), r, strict=True)) for r in sorted(due, key=lambda r: r[2])]


def lane(swept: datetime | None) -> LaneState:
    return LaneState(3, 1, 0, CLOCK, swept, None)


class Nothing:
    """Documents of a batch that decides nothing."""

    def only(self, _: Any) -> "Nothing":
        return self


async def test_another_platforms_order_of_that_number_waits_its_own_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    old, young = CLOCK - TEN_MINUTES, CLOCK - timedelta(seconds=31)
    rows = [(7, "A", "N", 1, 4, old), (7, "B", "N", 1, 4, young)]
    monkeypatch.setattr(sweeping, "open_orders", lambda *_: pl.DataFrame(rows, schema=OPEN, orient="row"))
    store, sweep = Waiting((7, 3, old)), Sweep(load(), {3: lane(None)})
    await sweep.candidates(store)  # type: ignore[arg-type]
    decided: Any = type("Opened", (), {"judged": type("J", (), {"manifests": type("M", (), {"heads": pl.DataFrame(schema=OPEN)})})})
    found = await reports(store, sweep, Nothing(), None, decided)  # type: ignore[arg-type]
    assert found.select("ebp_code", "code").rows() == [("A", "DOC-09")]


async def test_no_mark_passes_what_arrives_late() -> None:
    """The documents of a partition that was paused for an hour: they are in no table yet."""
    late = CLOCK - timedelta(hours=1)
    sweep = Sweep(load(), {3: lane(CLOCK - TEN_MINUTES)}, {3: late})
    assert await sweep.candidates(Waiting((7, 3, late))) == {}  # type: ignore[arg-type]
    assert sweep.after[3].swept_incomplete == late - MOMENT
    following = Sweep(load(), sweep.after)
    assert await following.candidates(Waiting((7, 3, late))) == {7: 3}  # type: ignore[arg-type]
    assert following.after[3].swept_incomplete == CLOCK - TEN_MINUTES


async def test_what_arrives_in_time_holds_no_mark_up() -> None:
    sweep = Sweep(load(), {3: lane(EPOCH)}, {3: CLOCK})
    await sweep.candidates(Waiting())  # type: ignore[arg-type]
    assert sweep.after[3].swept_incomplete == CLOCK - TEN_MINUTES


async def test_a_deadline_is_that_of_the_day_in_shanghai() -> None:
    """At 01:00 of the day from which only five minutes count, when it is still the day before in UTC."""
    clock = datetime(2019, 11, 11, 17, tzinfo=UTC)
    book = load()
    shorter = {"name": "incomplete_after_seconds", "value": 300, "from": date(2019, 11, 12)}
    sweep = Sweep(replace(book, limits=[*book.limits, shorter]), {3: LaneState(3, 1, 0, clock, None, None)})
    await sweep.candidates(Waiting())  # type: ignore[arg-type]
    assert sweep.after[3].swept_incomplete == clock - timedelta(minutes=5)

"""Open orders whose time is up: reported incomplete after ten minutes, closed after thirty days of log time."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline.attempts import Past
from pipeline.documents import Documents
from pipeline.flow import Opened
from pipeline.open_orders import OPEN, open_orders
from schemas.lawbook import Lawbook
from sinks.batch import LaneState
from sinks.store import Store

SLICE = 3_000  # overdue documents looked at in one batch
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
STAGES = (("incomplete_after_seconds", "swept_incomplete", "DOC-09"), ("closed_after_seconds", "swept_closed", "DOC-10"))
REPORT = {**OPEN, "code": pl.String}
NO_REPORTS = pl.DataFrame(schema=REPORT)


@dataclass(slots=True)
class Sweep:
    """What one batch has to look at because its time is up. `after` grows the swept marks."""

    lawbook: Lawbook
    after: dict[int, LaneState]
    due: dict[str, dict[int, int]] = field(default_factory=lambda: dict[str, dict[int, int]]())

    async def candidates(self, store: Store) -> dict[int, int]:
        """order_hash → lane of documents that have waited too long; a lane without a clock yet has none."""
        for limit, mark, code in STAGES:
            ranges = {lane: span for lane, state in self.after.items() if (span := self._range(state, limit, mark))}
            if not ranges:
                continue
            since, until = zip(*ranges.values(), strict=True)
            rows = await store.fetch("open_candidates", list(ranges), since, until, SLICE)
            last = until if len(rows) < SLICE else [min(u, max(s, rows[-1]["log_time"])) for s, u in ranges.values()]
            for lane, reached in zip(ranges, last, strict=True):
                self.after[lane] = replace(self.after[lane], **{mark: reached})
            self.due[code] = {row["order_hash"]: row["lane"] for row in rows}
        return {h: lane for hashes in self.due.values() for h, lane in hashes.items()}

    def _range(self, state: LaneState, limit: str, mark: str) -> tuple[datetime, datetime] | None:
        """(from, to] of the log times whose documents have now waited for `limit`, once it is a second or more."""
        if state.record_time is None:
            return None
        until = state.record_time - timedelta(seconds=self._seconds(limit, state.record_time))
        since: datetime = getattr(state, mark) or EPOCH
        return (since, until) if until - since >= timedelta(seconds=1) else None

    def _seconds(self, name: str, at: datetime) -> int:
        return self.lawbook.limits_on(at.date())[name]


async def reports(store: Store, sweep: Sweep, documents: Documents, past: Past, opened: Opened) -> pl.DataFrame:
    """REPORT rows that are due and were not reported before; what this very batch decides is not open."""
    if not any(sweep.due.values()):
        return NO_REPORTS
    hashes = pl.Series([h for due in sweep.due.values() for h in due], dtype=pl.Int64).unique()
    waiting = open_orders(documents.only(hashes), past)
    decided = opened.judged.manifests.heads.select("ebp_code", "order_no")
    waiting = waiting.join(decided, on=["ebp_code", "order_no"], how="anti")
    known = {tuple(row) for row in await store.fetch("open_reports_of_orders", hashes.to_list())}
    due = [
        waiting.filter(pl.col("order_hash").is_in(list(found))).with_columns(code=pl.lit(code))
        for code, found in sweep.due.items()
    ]
    rows = [
        row
        for row in pl.concat(due).iter_rows()
        if (row[0], row[1], row[2], row[3], row[-1]) not in known
    ]
    return pl.DataFrame(rows, schema=REPORT, orient="row")

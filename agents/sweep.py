"""Open orders whose time is up: reported incomplete after ten minutes, closed after thirty days of log time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline.attempts import Past
from pipeline.documents import Documents
from pipeline.flow import Opened
from pipeline.law import SHANGHAI
from pipeline.open_orders import OPEN, open_orders
from schemas.lawbook import Lawbook
from sinks.batch import LaneState
from sinks.store import Store

SLICE = 3_000  # overdue documents looked at in one batch
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)  # log times are whole ones
STAGES = (("incomplete_after_seconds", "swept_incomplete", "DOC-09"), ("closed_after_seconds", "swept_closed", "DOC-10"))
REPORT = {**OPEN, "code": pl.String}
NO_REPORTS = pl.DataFrame(schema=REPORT)


@dataclass(slots=True)
class Sweep:
    """What one batch has to look at because its time is up. `after` grows the swept marks, but none beyond what `arrives`: the
    earliest log time of the documents that come with the batch, by lane, old ones where a partition was paused. `due`: by code
    and order_hash up to when an order had to be complete."""

    lawbook: Lawbook
    after: dict[int, LaneState]
    arrives: Mapping[int, datetime] = field(default_factory=lambda: dict[int, datetime]())
    due: dict[str, dict[int, datetime]] = field(default_factory=lambda: dict[str, dict[int, datetime]]())

    async def candidates(self, store: Store) -> dict[int, int]:
        """order_hash → lane of documents that have waited too long; a lane without a clock yet has none."""
        lanes: dict[int, int] = {}
        for limit, mark, code in STAGES:
            self._lower(mark)
            ranges = {lane: span for lane, state in self.after.items() if (span := self._range(state, limit, mark))}
            if not ranges:
                continue
            since, until = zip(*ranges.values(), strict=True)
            rows = await store.fetch("open_candidates", list(ranges), since, until, SLICE)
            last = until if len(rows) < SLICE else [min(u, max(s, rows[-1]["log_time"])) for s, u in ranges.values()]
            for lane, reached in zip(ranges, last, strict=True):
                self.after[lane] = replace(self.after[lane], **{mark: reached})
            lanes |= {row["order_hash"]: row["lane"] for row in rows}
            due = self.due[code] = dict[int, datetime]()
            for row in rows:  # the same number can stand in several lanes
                due[row["order_hash"]] = max(due.get(row["order_hash"], EPOCH), ranges[row["lane"]][1])
        return lanes

    def _lower(self, mark: str) -> None:
        for lane, first in self.arrives.items():
            swept: datetime | None = getattr(self.after[lane], mark)
            if swept is not None and first <= swept:
                self.after[lane] = replace(self.after[lane], **{mark: first - MOMENT})

    def _range(self, state: LaneState, limit: str, mark: str) -> tuple[datetime, datetime] | None:
        """(from, to] of the log times whose documents have now waited for `limit`, once it is a second or more."""
        if state.record_time is None:
            return None
        until = state.record_time - timedelta(seconds=self._seconds(limit, state.record_time))
        if (first := self.arrives.get(state.lane)) is not None:
            until = min(until, first - MOMENT)
        since: datetime = getattr(state, mark) or EPOCH
        return (since, until) if until - since >= timedelta(seconds=1) else None

    def _seconds(self, name: str, at: datetime) -> int:
        return self.lawbook.limits_on((at + SHANGHAI).date())[name]


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
        waiting.join(_times(found), on="order_hash").filter(pl.col("first_log_time") <= pl.col("until")).select(*OPEN, code=pl.lit(code))
        for code, found in sweep.due.items()
    ]
    rows = [
        row
        for row in pl.concat(due).iter_rows()
        if (row[0], row[1], row[2], row[3], row[-1]) not in known
    ]
    return pl.DataFrame(rows, schema=REPORT, orient="row")


def _times(found: Mapping[int, datetime]) -> pl.DataFrame:
    """By order_hash up to when it had to be complete: another platform's order of that number may have come later."""
    return pl.DataFrame([*found.items()], schema={"order_hash": pl.Int64, "until": pl.Datetime("ms", "UTC")}, orient="row")

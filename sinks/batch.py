"""One batch as the store commits it: lanes first, then rows by table, ledgers last."""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

# The order every writer keeps: lane → what came → accounts → numbers → what was decided (docs/adr/0006).
ARRIVED = ("document", "document_fate", "open_report", "dead_letter")
NUMBERS = "number_use"
ENTRIES = "quota_entry"
DECIDED = ("manifest", "manifest_line", "finding", ENTRIES, "outbox")


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where a lane stands for its owner. Times are log times; None before the first record or sweep."""

    lane: int
    epoch: int
    batch_seq: int
    record_time: datetime | None
    swept_incomplete: datetime | None
    swept_closed: datetime | None

    def advanced(
        self, record_time: datetime | None, incomplete: datetime | None, closed: datetime | None
    ) -> "LaneState":
        """The state after one more batch; a None leaves what was."""
        times = [t for t in (self.record_time, record_time) if t is not None]
        return LaneState(
            self.lane,
            self.epoch,
            self.batch_seq + 1,
            max(times, default=None),
            incomplete or self.swept_incomplete,
            closed or self.swept_closed,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """`moves`: (topic, partition) → (offset read from, offset to read next). `frames`: rows by table. `accounts`: as ledgers.Posted."""

    before: list[LaneState]
    after: list[LaneState]
    moves: dict[tuple[str, int], tuple[int, int]]
    frames: dict[str, pl.DataFrame]
    accounts: pl.DataFrame = field(default_factory=pl.DataFrame)

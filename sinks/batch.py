"""One batch as the store commits it: lanes first, then rows by table, ledgers last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

import polars as pl

from pipeline.accounts import LEDGERS, Ledger
from pipeline.claims import Claims
from pipeline.ledgers import Balances

# The order every writer keeps: lane → registry → what came → accounts → numbers → what was decided (docs/adr/0006).
ARRIVED = (
    "registry_entry", "rule_event", "order_documents", "document_fate", "open_report", "dead_letter", "sighting", "sighting_read",
)  # fmt: skip
DECIDED = ("manifest", "manifest_line", "finding", *(f"{x.name}_{of}" for x in LEDGERS for of in ("held_entry", "used_entries")), "held", "shadow_batch", "outbox")
REVISED = ("revision", "outbox")
Frames = dict[str, pl.DataFrame]
LOOKED_BACK = 4  # batches: what came astray is looked at again two later than the rest, and once more if rejected then (agents/look_again.py)


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where a lane stands for its owner. Times are log times; None before the first record or sweep. `worked`: its last batches that took
    records, at most LOOKED_BACK: what older ones stored has been looked at again."""

    lane: int
    epoch: int
    batch_seq: int
    record_time: datetime | None
    swept_incomplete: datetime | None
    swept_closed: datetime | None
    worked: tuple[int, ...] = ()

    def advanced(
        self, record_time: datetime | None, incomplete: datetime | None, closed: datetime | None
    ) -> "LaneState":
        """The state after one more batch of records, perhaps of none; a None leaves what was."""
        times = [t for t in (self.record_time, record_time) if t is not None]
        return LaneState(
            self.lane,
            self.epoch,
            self.batch_seq + 1,
            max(times, default=None),
            incomplete or self.swept_incomplete,
            closed or self.swept_closed,
            (*self.worked, self.batch_seq + 1)[-LOOKED_BACK:],
        )

    def revised(self) -> "LaneState":
        """The state after one more batch that only revises decisions."""
        return replace(self, batch_seq=self.batch_seq + 1)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch is before its ledgers. `moves`: (topic, partition) → (offset read from, offset to read next);
    `arrived`: rows of the ARRIVED tables; `registry_version`: of the registry and rule set that it was judged by."""

    before: list[LaneState]
    after: list[LaneState]
    moves: dict[tuple[str, int], tuple[int, int]]
    arrived: Frames
    registry_version: int


@dataclass(frozen=True, slots=True)
class Freezing:
    """`accounts`: guarantees.MOVES; `packed`: the entries of each (sinks/guarantees.py)."""

    accounts: pl.DataFrame
    packed: list[bytes]


@dataclass(frozen=True, slots=True)
class Drawing:
    """`accounts`: stock.MOVES and what was counted (sinks/stock.py), by book item; `moved`: their entries packed; `filed`: items
    that may have no account yet."""

    accounts: pl.DataFrame
    moved: bytes
    filed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Revision:
    """Manifests that were held and are decided now. `movement`: of what they reserved, confirm or restore; `frames`: rows of
    the REVISED tables; `manifest_ids` in their order, and the persons on whose accounts they reserved; `moved`: manifest_id,
    waits_for and amount of those that wait for another account from now on."""

    movement: Literal["confirm", "restore"]
    frames: Frames
    manifest_ids: pl.Series
    person_keys: pl.Series
    freezing: Freezing
    drawing: Drawing
    moved: pl.DataFrame


class Deciding(Protocol):
    """A batch that is decided while its transaction is under way."""

    @property
    def claims(self) -> Claims:
        """What it asks of the ledgers."""
        ...

    def post(self, balances: Balances) -> tuple[Mapping[Ledger, pl.DataFrame], pl.DataFrame]:
        """What it takes at these balances: accounts (as ledgers.Moves) by ledger, and rows of number_use."""
        ...

    def conclude(self, moved: Mapping[Ledger, pl.DataFrame]) -> Frames:
        """Rows of the DECIDED tables, once all of it is taken; `moved`: accounts that counted on meanwhile, by ledger."""
        ...

    def freezing(self) -> Freezing:
        """What it freezes as posted last, to be added when all else is written."""
        ...

    def drawing(self) -> Drawing:
        """What it takes from stock as posted last, to be added right before that."""
        ...

"""From a decided batch to the rows it writes and the messages it publishes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import polars as pl

from pipeline import stock
from pipeline.accounts import Ledger
from pipeline.claims import Claims
from pipeline.flow import Decided, Opened, conclude
from pipeline.guarantee_events import events
from pipeline.law import Law
from pipeline.ledgers import Balances, Posted, moved_on, post
from pipeline.trial import Tried
from schemas.contracts import PARTITIONS
from sinks.batch import Drawing, Frames, Freezing, LaneState
from sinks.documents import PLACE, order_documents
from sinks.guarantees import freezing
from sinks.publish import (
    Mail,
    add_dead_letters,
    add_decisions,
    add_guarantee_events,
    add_receipts,
    decision_ids,
    outbox,
    with_details,
)
from sinks.rows import manifest_frames, number_uses
from sinks.shadow import shadow_row
from sinks.stock import NO_COUNTS, drawing

DEAD_LETTER = [pl.exclude("message", "message_key"), pl.col("partition").alias("lane")]
# grows within a lane, so the primary keys of lines are filled from left to right
MANIFEST_ID = (
    pl.col("lane").cast(pl.Int64) * (1 << 48) + pl.col("batch_seq") * (1 << 16) + pl.int_range(pl.len(), dtype=pl.Int64)
).alias("manifest_id")
NOBODY = [pl.Series("lane", dtype=pl.Int16), pl.Series("batch_seq", dtype=pl.Int64)]

@dataclass(frozen=True, slots=True)
class Arrived:
    """What came with the batch besides decisions.

    `tables`: new documents by kind, with `value`; `reports`: open_orders.OPEN plus `code`;
    `dead_letters`: rows of the table without lane and batch_seq, plus `message` (the encoded dead letter);
    `filings`, `rule_events`: rows of registry_entry and rule_event without batch_seq; `counts`: what of the filings was counted
    in stock (stock.COUNTED), `stock_filed`: items of stock that they are about.
    """

    tables: Mapping[str, pl.DataFrame]
    reports: pl.DataFrame
    dead_letters: pl.DataFrame
    filings: pl.DataFrame
    rule_events: pl.DataFrame
    counts: pl.DataFrame = field(default_factory=lambda: NO_COUNTS)
    stock_filed: Sequence[str] = ()


@dataclass(slots=True)
class Prepared:
    """One batch between its reads and its commit (a sinks.batch.Deciding). `after`: the lanes as it leaves them;
    `lane_of`: `order_hash` and `lane`, one row an order number; `law`: for what concluding needs of it; `statuses`: returnStatus by document code.
    `tried`: what another rule set finds in it, and on how many manifests that failed; `decided`: what came of it, once concluded."""

    opened: Opened
    arrived: Arrived
    after: Mapping[int, LaneState]
    lane_of: pl.DataFrame
    law: Law
    statuses: Mapping[str, str]
    registry_version: int
    tried: tuple[Tried, int] | None = None
    decided: Decided | None = None
    _posted: Posted | None = None

    def __post_init__(self) -> None:
        manifests = self.opened.judged.manifests
        manifests = replace(manifests, heads=numbered_heads(manifests.heads, self.lane_of, self.after))
        judged = replace(self.opened.judged, manifests=manifests)
        self.opened = replace(self.opened, judged=judged, fates=placed(self.opened.fates, self.lane_of, self.after))
        self.arrived = replace(self.arrived, reports=placed(self.arrived.reports, self.lane_of, self.after))

    @property
    def claims(self) -> Claims:
        """What it asks of the ledgers."""
        return self.opened.claims

    def post(self, balances: Balances) -> tuple[Mapping[Ledger, pl.DataFrame], pl.DataFrame]:
        """See sinks.batch.Deciding."""
        self._posted = post(self.claims, balances, self.law.rejecting(stock.CODES))
        accounts = {ledger: moves.accounts for ledger, moves in self._posted.moves.items()}
        return accounts, number_uses(self._posted.uses, self.opened.judged.manifests.heads)

    def conclude(self, moved: Mapping[Ledger, pl.DataFrame]) -> Frames:
        """See sinks.batch.Deciding."""
        assert self._posted is not None, "posted before it is concluded"
        posted = moved_on(self._posted, moved) if moved else self._posted
        self.decided = conclude(self.opened, posted, self.law)
        frames = decided_frames(self.decided, self.arrived, self.after, self.statuses)
        if self.tried and (self.tried[0].chosen or self.tried[1]):
            frames["shadow_batch"] = shadow_row(*self.tried, self.registry_version, self.decided, self.after)
        return frames

    def freezing(self) -> Freezing:
        """See sinks.batch.Deciding."""
        assert self._posted is not None, "posted before it freezes"
        return freezing(self._posted.frozen, self.opened.judged.manifests.heads["manifest_id"])

    def drawing(self) -> Drawing:
        """See sinks.batch.Deciding."""
        assert self._posted is not None, "posted before it takes from stock"
        return drawing(self._posted.drawn, self.opened.judged.manifests.heads["manifest_id"], self.arrived.counts, self.arrived.stock_filed)


def numbered_heads(heads: pl.DataFrame, lane_of: pl.DataFrame, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """Heads with lane, batch_seq, decision_id and manifest_id."""
    heads = placed(heads, lane_of, after)
    heads = heads.hstack([heads.select(MANIFEST_ID).to_series()])
    return heads if "decision_id" in heads.columns else heads.hstack([decision_ids(heads)])


def arrived_frames(
    arrived: Arrived, heads: pl.DataFrame, fates: pl.DataFrame, after: Mapping[int, LaneState]
) -> Frames:
    """Rows of the ARRIVED tables, of those but `order_documents` only where there are some; reports and fates are placed."""
    reports, dead, filings = arrived.reports, arrived.dead_letters, arrived.filings
    frames = {"order_documents": _numbered(order_documents(arrived.tables, heads, fates), after)}
    if len(fates):
        frames["document_fate"] = fates.sort(PLACE)
    if len(reports):
        reported_at = pl.Series("reported_at", [after[x].record_time for x in reports["lane"].to_list()])
        frames["open_report"] = reports.with_columns(reported_at.cast(pl.Datetime("ms", "UTC")))
    if len(dead):
        frames["dead_letter"] = _numbered(dead.select(DEAD_LETTER), after)
    if len(filings):
        frames["registry_entry"] = _numbered(filings, after)
    if len(arrived.rule_events):
        frames["rule_event"] = _numbered(arrived.rule_events, after)
    return frames


def decided_frames(
    decided: Decided, arrived: Arrived, after: Mapping[int, LaneState], statuses: Mapping[str, str]
) -> Frames:
    """Rows of the DECIDED tables; heads are numbered, reports and fates placed."""
    now_ms = {lane: _milliseconds(state.record_time) for lane, state in after.items()}
    mail, manifests = Mail(), with_details(decided)
    add_decisions(mail, manifests)
    add_receipts(mail, manifests, decided.fates, arrived.reports, statuses, now_ms)
    add_dead_letters(mail, arrived.dead_letters)
    add_guarantee_events(mail, events(decided.posted.refusals, decided.heads))
    return {**manifest_frames(decided), "outbox": outbox(mail, after)}


def placed(frame: pl.DataFrame, lane_of: pl.DataFrame, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """With the lane that decides, one of those the batch holds, and its batch number. KeyError when nothing says which."""
    if not len(frame):
        return frame.hstack(NOBODY)
    return _numbered(frame.join(lane_of, on="order_hash", how="left", maintain_order="left"), after)


def _numbered(frame: pl.DataFrame, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """With the batch number of each row's lane."""
    lanes, seqs = frame["lane"], np.zeros(PARTITIONS, np.int64)
    seqs[list(after)] = [state.batch_seq for state in after.values()]  # from 1
    if lanes.null_count() or not (found := seqs[lanes.to_numpy()]).all():
        raise KeyError("a row without a lane of the batch")
    return frame.hstack([pl.Series("batch_seq", found)])


def _milliseconds(time: datetime | None) -> int:
    return int(time.timestamp() * 1000) if time else 0

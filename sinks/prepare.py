"""From a decided batch to the rows it writes and the messages it publishes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from pipeline.documents import KINDS
from pipeline.flow import Decided, Opened, conclude
from pipeline.law import Law
from pipeline.ledgers import Balances, Posted, moved_on, post
from sinks.batch import Frames, LaneState
from sinks.publish import (
    Mail,
    add_dead_letters,
    add_decisions,
    add_document_receipts,
    add_open_receipts,
    decision_ids,
)
from sinks.rows import manifest_frames, number_uses

DOCUMENT = {"ebp_code": "ebpCode", "order_no": "orderNo", "kafka_offset": "offset"}


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came with the batch besides decisions.

    `tables`: new documents by kind, with `value`; `reports`: open_orders.OPEN plus `code`;
    `dead_letters`: rows of the table without lane and batch_seq, plus `message` (the encoded dead letter).
    """

    tables: Mapping[str, pl.DataFrame]
    reports: pl.DataFrame
    dead_letters: pl.DataFrame


@dataclass(slots=True)
class Prepared:
    """One batch between its reads and its commit (a sinks.batch.Deciding). `after`: the lanes as it leaves them;
    `lane_of`: `order_hash` and `lane`, one row an order number; `law`: for what concluding needs of it; `statuses`: returnStatus by document code.
    `decided`: what came of it, once concluded."""

    opened: Opened
    arrived: Arrived
    after: Mapping[int, LaneState]
    lane_of: pl.DataFrame
    law: Law
    statuses: Mapping[str, str]
    decided: Decided | None = None
    _posted: Posted | None = None

    def __post_init__(self) -> None:
        manifests = self.opened.judged.manifests
        manifests = replace(manifests, heads=numbered_heads(manifests.heads, self.lane_of, self.after))
        judged = replace(self.opened.judged, manifests=manifests)
        self.opened = replace(self.opened, judged=judged, fates=placed(self.opened.fates, self.lane_of, self.after))
        self.arrived = replace(self.arrived, reports=placed(self.arrived.reports, self.lane_of, self.after))

    @property
    def claims(self) -> pl.DataFrame:
        """What it asks of the ledgers."""
        return self.opened.claims

    def post(self, balances: Balances) -> tuple[pl.DataFrame, pl.DataFrame]:
        """See sinks.batch.Deciding."""
        self._posted = post(self.claims, balances)
        return self._posted.accounts, number_uses(self._posted.uses, self.opened.judged.manifests.heads)

    def conclude(self, moved: pl.DataFrame) -> Frames:
        """See sinks.batch.Deciding."""
        assert self._posted is not None, "posted before it is concluded"
        posted = replace(self._posted, entries=moved_on(self._posted.entries, moved)) if len(moved) else self._posted
        self.decided = conclude(self.opened, posted, self.law)
        return decided_frames(self.decided, self.arrived, self.after, self.statuses)


def numbered_heads(heads: pl.DataFrame, lane_of: pl.DataFrame, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """Heads with lane, batch_seq, decision_id and manifest_id."""
    heads = placed(heads, lane_of, after)
    position = pl.int_range(pl.len(), dtype=pl.Int64)
    # grows within a lane, so the primary keys of lines are filled from left to right
    manifest_id = pl.col("lane").cast(pl.Int64) * (1 << 48) + pl.col("batch_seq") * (1 << 16) + position
    return heads.hstack(heads.select(manifest_id=manifest_id)).hstack([decision_ids(heads)])


def arrived_frames(
    arrived: Arrived, heads: pl.DataFrame, fates: pl.DataFrame, after: Mapping[int, LaneState]
) -> Frames:
    """Rows of the ARRIVED tables; reports and fates are placed."""
    reports = arrived.reports
    reported_at = pl.Series("reported_at", [after[x].record_time for x in reports["lane"].to_list()])
    return {
        "document": _numbered(with_waiting(_documents(arrived.tables), heads, fates), after),
        "document_fate": fates.sort("kind", "partition", "kafka_offset"),
        "open_report": reports.with_columns(reported_at.cast(pl.Datetime("ms", "UTC"))),
        "dead_letter": _numbered(arrived.dead_letters.drop("message").with_columns(lane="partition"), after),
    }


def decided_frames(
    decided: Decided, arrived: Arrived, after: Mapping[int, LaneState], statuses: Mapping[str, str]
) -> Frames:
    """Rows of the DECIDED tables; heads are numbered, reports and fates placed."""
    now_ms = {lane: _milliseconds(state.record_time) for lane, state in after.items()}
    mail = Mail()
    add_decisions(mail, decided)
    add_document_receipts(mail, decided.fates, statuses, [now_ms[x] for x in decided.fates["lane"].to_list()])
    add_open_receipts(mail, arrived.reports, statuses, [now_ms[x] for x in arrived.reports["lane"].to_list()])
    add_dead_letters(mail, arrived.dead_letters)
    return {**manifest_frames(decided), "outbox": _outbox(mail, after)}


def placed(frame: pl.DataFrame, lane_of: pl.DataFrame, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """With the lane that decides, one of those the batch holds, and its batch number. KeyError when nothing says which."""
    return _numbered(frame.join(lane_of, on="order_hash", how="left", maintain_order="left"), after)


def _numbered(frame: pl.DataFrame, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """With the batch number of each row's lane."""
    seqs = {lane: state.batch_seq for lane, state in after.items()}
    return frame.hstack([pl.Series("batch_seq", [seqs[lane] for lane in frame["lane"].to_list()], dtype=pl.Int64)])


def with_waiting(documents: pl.DataFrame, heads: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """`waiting`: no manifest of the batch used it, none of its fates met it. Documents of one order number and platform
    stay open or are met together, so of those in one lane the first to be logged is marked alone; waybills without
    platform go each its own way."""
    place = ["kind", "partition", "kafka_offset"]
    used = [
        heads.select(pl.lit(number, pl.Int16).alias("kind"), partition=f"{kind}_partition", kafka_offset=f"{kind}_offset")
        for number, kind in enumerate(KINDS, start=1)
    ]
    met = pl.concat([*used, fates.select(place)])
    rows = documents.select("order_hash", "ebp_code", "order_no", "log_time", *place).with_row_index("row")
    open_rows = rows.join(met, on=place, how="anti")
    alone = pl.when(pl.col("ebp_code") == "").then("row").otherwise(-1)
    order = ["partition", "order_hash", "ebp_code", "order_no", "alone"]
    first = open_rows.with_columns(alone=alone.cast(pl.Int64)).sort("log_time").unique(order, keep="first")
    return documents.with_columns(waiting=pl.int_range(pl.len(), dtype=pl.UInt32).is_in(first["row"].implode()))


def _documents(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """In the order of their index: it is filled leaf by leaf, and an order's documents lie on one page."""
    return pl.concat(
        tables[kind].select(
            "order_hash",
            *(pl.col(source).alias(target) for target, source in DOCUMENT.items()),
            pl.lit(number, pl.Int16).alias("kind"),
            "partition", "log_time", "astray", "value",
            lane="partition",
        )
        for number, kind in enumerate(KINDS, start=1)
    ).sort("order_hash", maintain_order=True)  # fmt: skip


def _outbox(mail: Mail, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """One row a lane, also where there is nothing to say: the relay counts batches without holes."""
    by_lane = mail.by_lane()
    rows = [(lane, state.batch_seq, *by_lane.get(lane, (0, b""))) for lane, state in sorted(after.items())]
    schema = {"lane": pl.Int16, "batch_seq": pl.Int64, "message_count": pl.Int32, "messages": pl.Binary}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _milliseconds(time: datetime | None) -> int:
    return int(time.timestamp() * 1000) if time else 0

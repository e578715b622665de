"""From a decided batch to the rows it writes and the messages it publishes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
import pyarrow as pa

from pipeline.documents import KINDS
from pipeline.flow import Decided
from sinks.batch import LaneState
from sinks.publish import Mail, add_decisions, add_document_receipts, add_open_receipts, decision_ids
from sinks.rows import manifest_frames

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


def frames(
    decided: Decided,
    arrived: Arrived,
    after: Mapping[int, LaneState],
    lane_of: Mapping[int, int],
    statuses: Mapping[str, str],
) -> dict[str, pl.DataFrame]:
    """Rows by table. `after`: the lanes as the batch leaves them; `lane_of`: lane by order_hash;
    `statuses`: returnStatus by document code."""
    heads = _placed(decided.heads, lane_of, after)
    position = pl.int_range(pl.len(), dtype=pl.Int64)
    heads = heads.with_columns(
        pl.Series("decision_id", decision_ids(heads), dtype=pl.Binary),
        # grows within a lane, so the primary keys of lines are filled from left to right
        manifest_id=pl.col("lane").cast(pl.Int64) * (1 << 48) + pl.col("batch_seq") * (1 << 16) + position,
    )
    decided = replace(decided, heads=heads)
    fates = _placed(decided.fates, lane_of, after)
    reports = _placed(arrived.reports, lane_of, after)
    now_ms = {lane: _milliseconds(state.record_time) for lane, state in after.items()}
    reported_at = pl.Series("reported_at", [after[x].record_time for x in reports["lane"].to_list()])
    mail = Mail()
    add_decisions(mail, decided)
    add_document_receipts(mail, fates, statuses, [now_ms[x] for x in fates["lane"].to_list()])
    add_open_receipts(mail, reports, statuses, [now_ms[x] for x in reports["lane"].to_list()])
    dead = _dead_letters(arrived.dead_letters, after, mail)
    return {
        **manifest_frames(decided),
        "document": _documents(arrived.tables, after),
        "document_fate": fates.sort("kind", "partition", "kafka_offset"),
        "open_report": reports.with_columns(reported_at.cast(pl.Datetime("ms", "UTC"))),
        "dead_letter": dead,
        "outbox": _outbox(mail, after),
    }


def _placed(frame: pl.DataFrame, lane_of: Mapping[int, int], after: Mapping[int, LaneState]) -> pl.DataFrame:
    """With the lane that decides, one of those the batch holds, and its batch number."""
    lanes = [lane_of[h] for h in frame["order_hash"].to_list()]
    return _numbered(frame.with_columns(pl.Series("lane", lanes, dtype=pl.Int16)), after)


def _numbered(frame: pl.DataFrame, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """With the batch number of each row's lane."""
    seqs = {lane: state.batch_seq for lane, state in after.items()}
    return frame.with_columns(batch_seq=pl.col("lane").replace_strict(seqs, return_dtype=pl.Int64))


def _documents(tables: Mapping[str, pl.DataFrame], after: Mapping[int, LaneState]) -> pl.DataFrame:
    rows = pl.concat(
        tables[kind].select(
            "order_hash",
            *(pl.col(source).alias(target) for target, source in DOCUMENT.items()),
            pl.lit(number, pl.Int16).alias("kind"),
            "partition", "log_time", "digest", "value",
            lane="partition",
        )
        for number, kind in enumerate(KINDS, start=1)
    )  # fmt: skip
    return _numbered(rows, after)


def _dead_letters(dead: pl.DataFrame, after: Mapping[int, LaneState], mail: Mail) -> pl.DataFrame:
    if len(dead):
        names = pl.Series(["dead-letter"]).new_from_index(0, len(dead))
        mail.add(dead["partition"], names, dead["record_key"].fill_null(b""), pa.array(dead["message"].to_list(), pa.large_binary()))
    return _numbered(dead.drop("message").with_columns(lane="partition"), after)


def _outbox(mail: Mail, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """One row a lane, also where there is nothing to say: the relay counts batches without holes."""
    by_lane = mail.by_lane()
    rows = [(lane, state.batch_seq, *by_lane.get(lane, (0, b""))) for lane, state in sorted(after.items())]
    schema = {"lane": pl.Int16, "batch_seq": pl.Int64, "message_count": pl.Int32, "messages": pl.Binary}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _milliseconds(time: datetime | None) -> int:
    return int(time.timestamp() * 1000) if time else 0

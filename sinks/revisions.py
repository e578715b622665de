"""Manifests that were held and are released now: the rows and messages of their revision."""

from collections.abc import Mapping, Sequence

import asyncpg
import polars as pl

from pipeline.classes import RETURN_STATUS
from pipeline.guarantees import Frozen
from pipeline.stock import Drawn
from sinks.batch import LaneState, Revision
from sinks.guarantees import freezing
from sinks.publish import DECISION_ID, LINES, Mail, add_decisions, add_receipts
from sinks.receipts import ID, KEY
from sinks.stock import drawing

REVISION = 2  # a release is the end: there is no third as long as this is all that revises
UTC_MS = pl.Datetime("ms", "UTC")
HELD = {
    "waits_for": pl.String, "tax_fen": pl.Int64, "lane": pl.Int16, "manifest_id": pl.Int64, "order_hash": pl.Int64, "ebp_code": pl.String,
    "order_no": pl.String, "attempt": pl.Int16, "accepted_at": UTC_MS, "trade_mode": pl.String, "rule_set": pl.String,
    "dutiable_fen": pl.Int64, "tariff_fen": pl.Int64, "consumption_fen": pl.Int64, "vat_fen": pl.Int64,
    "guarantor_code": pl.String, "declarant_code": pl.String, "warehouse_code": pl.String, "customs_code": pl.String,
    "order_partition": pl.Int16, "order_offset": pl.Int64, "payment_partition": pl.Int16, "payment_offset": pl.Int64,
    "waybill_partition": pl.Int16, "waybill_offset": pl.Int64, "person_key": pl.Binary,
}  # fmt: skip
LINE = {
    "manifest_id": pl.Int64, "line_gnum": pl.Int32, "hs_code": pl.String, "dutiable_fen": pl.Int64, "tariff_fen": pl.Int64,
    "consumption_fen": pl.Int64, "vat_fen": pl.Int64, "account_book_item": pl.String, "line_unit": pl.String, "line_qty_e5": pl.Int64,
}  # fmt: skip
NO_FINDINGS = pl.lit([], dtype=pl.List(pl.Struct({"code": pl.String, "outcome": pl.String}))).alias("findings")
RELEASED = [
    pl.lit(REVISION, pl.Int32).alias("revision"),
    pl.lit("RELEASE").alias("outcome"),
    pl.lit("").alias("queue"),
    pl.lit("").alias("code"),
    pl.lit(RETURN_STATUS[""], pl.Int16).alias("return_status"),
    pl.lit(0, pl.Int16).alias("fault_kinds"),
    pl.lit(True).alias("taxed"),  # else there was nothing to guarantee
]
ROW = pl.col("manifest_id", "decision_id", "outcome", "return_status", "registry_version", "revised_at", "lane", "batch_seq")
NAMED = pl.concat_str("ebp_code", "order_no", "attempt", pl.lit(str(REVISION)), separator="|")


def held_frame(rows: Sequence[asyncpg.Record]) -> pl.DataFrame:
    """Rows of sql/held_due.sql as HELD."""
    return pl.DataFrame([tuple(r) for r in rows], schema=HELD, orient="row")


def line_frame(rows: Sequence[asyncpg.Record]) -> pl.DataFrame:
    """Rows of sql/held_lines.sql as LINE."""
    return pl.DataFrame([tuple(r) for r in rows], schema=LINE, orient="row")


def revision(
    held: pl.DataFrame, lines: pl.DataFrame, frozen: Frozen, drawn: Drawn, after: Mapping[int, LaneState], registry_version: int
) -> Revision:
    """Of `held` (HELD) those that guarantee and stock did not refuse (`m`: the row), what others wait for now. `lines`: LINE of all
    of them; `after`: the lanes as the batch leaves them, each with a clock."""
    refused = drawn.waiting["m"]
    released = held.with_row_index("m").filter(~pl.col("m").is_in(refused.implode())).drop("m")
    seqs = {lane: state.batch_seq for lane, state in after.items()}
    clocks = {lane: state.record_time for lane, state in after.items()}
    of_lines = lines.group_by("manifest_id", maintain_order=True).agg(LINES)
    manifests = released.with_columns(
        *RELEASED,
        KEY,
        NO_FINDINGS,
        pl.col("lane").replace_strict(seqs, return_dtype=pl.Int64).alias("batch_seq"),
        pl.col("lane").replace_strict(clocks, return_dtype=UTC_MS).alias("revised_at"),
        pl.lit(registry_version, pl.Int64).alias("registry_version"),
        ID.of(released.select(NAMED).to_series()).alias("decision_id"),
    ).join(of_lines, on="manifest_id", how="left", maintain_order="left")
    manifests = manifests.with_columns(DECISION_ID)
    mail = Mail()
    add_decisions(mail, manifests)
    nothing = manifests.clear()
    add_receipts(mail, manifests.with_columns(accepted_at="revised_at"), nothing, nothing, {}, {})
    by_lane = mail.by_lane()
    outbox = [(lane, state.batch_seq, *by_lane.get(lane, (0, b""))) for lane, state in sorted(after.items())]
    schema = {"lane": pl.Int16, "batch_seq": pl.Int64, "message_count": pl.Int32, "messages": pl.Binary}
    rows = manifests.select(ROW, pl.lit(REVISION, pl.Int16).alias("revision"))
    frames = {"revision": rows, "outbox": pl.DataFrame(outbox, schema=schema, orient="row")}
    ids = held["manifest_id"]
    waiting = drawn.waiting.with_columns(ids[refused], held["waits_for"][refused].alias("before"))
    moved = waiting.filter(pl.col("waits_for") != pl.col("before")).select("manifest_id", "waits_for", "amount")
    persons = released["person_key"].unique()
    return Revision(frames, released["manifest_id"], persons, freezing(frozen, ids), drawing(drawn, ids), moved)

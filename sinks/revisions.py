"""Manifests that were held and are released or rejected now: the rows and messages of their revision."""

from collections.abc import Mapping, Sequence

import asyncpg
import polars as pl

from pipeline.classes import RETURN_STATUS
from pipeline.guarantees import ENTRY, MOVES, NO_REFUSALS, Frozen
from sinks.batch import Frames, LaneState, Revision
from sinks.guarantees import freezing
from sinks.publish import DECISION_ID, LINES, Mail, add_decisions, add_receipts
from sinks.receipts import ID, KEY

REVISION = 2  # either is the end: there is no third
RETURNED = 700  # customs returnStatus of what is sent back or destroyed
RECALLED = "GDS-10"
NO_LIMIT = 2**62
UTC_MS = pl.Datetime("ms", "UTC")
HELD = {
    "amount_fen": pl.Int64, "lane": pl.Int16, "manifest_id": pl.Int64, "order_hash": pl.Int64, "ebp_code": pl.String,
    "order_no": pl.String, "attempt": pl.Int16, "accepted_at": UTC_MS, "trade_mode": pl.String, "rule_set": pl.String,
    "dutiable_fen": pl.Int64, "tariff_fen": pl.Int64, "consumption_fen": pl.Int64, "vat_fen": pl.Int64,
    "guarantor_code": pl.String, "declarant_code": pl.String, "warehouse_code": pl.String, "customs_code": pl.String,
    "order_partition": pl.Int16, "order_offset": pl.Int64, "payment_partition": pl.Int16, "payment_offset": pl.Int64,
    "waybill_partition": pl.Int16, "waybill_offset": pl.Int64, "person_key": pl.Binary,
}  # fmt: skip
LINE = {
    "manifest_id": pl.Int64, "line_gnum": pl.Int32, "hs_code": pl.String, "dutiable_fen": pl.Int64, "tariff_fen": pl.Int64,
    "consumption_fen": pl.Int64, "vat_fen": pl.Int64,
}  # fmt: skip
FINDINGS = pl.List(pl.Struct({"code": pl.String, "outcome": pl.String}))
NO_FINDINGS = pl.lit([], dtype=FINDINGS).alias("findings")
REVISED = [
    KEY,
    pl.lit(REVISION, pl.Int32).alias("revision"),
    pl.lit("").alias("queue"),
    pl.lit(0, pl.Int16).alias("fault_kinds"),
]
RELEASED = [
    pl.lit("RELEASE").alias("outcome"),
    pl.lit("").alias("code"),
    pl.lit(RETURN_STATUS[""], pl.Int16).alias("return_status"),
    pl.lit(True).alias("taxed"),  # else there was nothing to guarantee
    NO_FINDINGS,
]
REJECTED = [
    pl.lit("REJECT").alias("outcome"),
    pl.lit(RECALLED).alias("code"),
    pl.lit(RETURNED, pl.Int16).alias("return_status"),
    pl.lit(False).alias("taxed"),
    *(pl.lit(0, pl.Int64).alias(tax) for tax in ("tariff_fen", "consumption_fen", "vat_fen")),
    pl.lit([{"code": RECALLED, "outcome": "REJECT"}], dtype=FINDINGS).alias("findings"),
]
ROW = pl.col("manifest_id", "decision_id", "outcome", "return_status", "registry_version", "revised_at", "lane", "batch_seq")
NAMED = pl.concat_str("ebp_code", "order_no", "attempt", pl.lit(str(REVISION)), separator="|")


def held_frame(rows: Sequence[asyncpg.Record]) -> pl.DataFrame:
    """Rows of sql/held_due.sql as HELD."""
    return pl.DataFrame([tuple(r) for r in rows], schema=HELD, orient="row")


def line_frame(rows: Sequence[asyncpg.Record]) -> pl.DataFrame:
    """Rows of sql/held_lines.sql as LINE."""
    return pl.DataFrame([tuple(r) for r in rows], schema=LINE, orient="row")


def released(
    held: pl.DataFrame, lines: pl.DataFrame, frozen: Frozen, after: Mapping[int, LaneState], registry_version: int
) -> Revision:
    """Of `held` (HELD) those that froze what they need (`m`: the row). `lines`: LINE of all of them; `after`: the lanes as
    the batch leaves them, each with a clock."""
    fitting = held[frozen.entries["m"].sort()]
    manifests = _revised(fitting, RELEASED, after, registry_version)
    who = fitting["manifest_id"], fitting["person_key"].unique()
    return Revision("confirm", _frames(manifests, lines, after), *who, freezing(frozen, held["manifest_id"]))


def rejected(failed: pl.DataFrame, after: Mapping[int, LaneState], registry_version: int) -> Revision:
    """All of `failed` (HELD; amount_fen: what each has frozen). `after`: as in released."""
    manifests = _revised(failed, REJECTED, after, registry_version)
    given_back = failed.with_row_index("m").filter(pl.col("amount_fen") > 0).with_columns(-pl.col("amount_fen"))
    by_account = given_back.sort("guarantor_code", "accepted_at", "manifest_id")
    moves = by_account.group_by("guarantor_code", maintain_order=True).agg(
        pl.len().cast(pl.Int32).alias("entries"), pl.col("amount_fen").sum(), most_frozen_fen=pl.lit(NO_LIMIT)
    )
    frozen = Frozen(by_account.select(ENTRY), moves.select(*MOVES), NO_REFUSALS)
    who = failed["manifest_id"], failed["person_key"].unique()
    return Revision("restore", _frames(manifests, line_frame([]), after), *who, freezing(frozen, failed["manifest_id"]))


def _revised(manifests: pl.DataFrame, decided: Sequence[pl.Expr], after: Mapping[int, LaneState], registry_version: int) -> pl.DataFrame:
    seqs = {lane: state.batch_seq for lane, state in after.items()}
    clocks = {lane: state.record_time for lane, state in after.items()}
    return manifests.with_columns(
        *REVISED,
        *decided,
        pl.col("lane").replace_strict(seqs, return_dtype=pl.Int64).alias("batch_seq"),
        pl.col("lane").replace_strict(clocks, return_dtype=UTC_MS).alias("revised_at"),
        pl.lit(registry_version, pl.Int64).alias("registry_version"),
        ID.of(manifests.select(NAMED).to_series()).alias("decision_id"),
    ).with_columns(DECISION_ID)


def _frames(revised: pl.DataFrame, lines: pl.DataFrame, after: Mapping[int, LaneState]) -> Frames:
    """Rows of the tables. `lines`: LINE, as they are published with the decisions."""
    of_lines = lines.group_by("manifest_id", maintain_order=True).agg(LINES)
    manifests = revised.join(of_lines, on="manifest_id", how="left", maintain_order="left")
    mail, nothing = Mail(), manifests.clear()
    add_decisions(mail, manifests)
    add_receipts(mail, manifests.with_columns(accepted_at="revised_at"), nothing, nothing, {}, {})
    by_lane = mail.by_lane()
    outbox = [(lane, state.batch_seq, *by_lane.get(lane, (0, b""))) for lane, state in sorted(after.items())]
    schema = {"lane": pl.Int16, "batch_seq": pl.Int64, "message_count": pl.Int32, "messages": pl.Binary}
    rows = manifests.select(ROW, pl.lit(REVISION, pl.Int16).alias("revision"))
    return {"revision": rows, "outbox": pl.DataFrame(outbox, schema=schema, orient="row")}

"""Manifests that were held and are released or rejected now: the rows and messages of their revision."""

from collections.abc import Mapping, Sequence

import asyncpg
import polars as pl

from pipeline.classes import RETURN_STATUS
from pipeline.guarantees import ENTRY, MOVES, Frozen
from pipeline.securing import Secured
from sinks.batch import Frames, LaneState, Revision
from sinks.guarantees import freezing
from sinks.publish import DECISION_ID, LINES, Mail, add_decisions, add_receipts, outbox
from sinks.receipts import ID, KEY
from sinks.stock import drawing, restoring

REVISION = 2  # either is the end: there is no third
RETURNED = 700  # customs returnStatus of what is sent back or destroyed
RECALLED = "GDS-10"
NO_LIMIT = 2**62
MOVED = {"manifest_id": pl.Int64, "waits_for": pl.String, "amount": pl.Int64}
NOTHING_MOVED = pl.DataFrame(schema=MOVED)
UTC_MS = pl.Datetime("ms", "UTC")
HELD = {
    "waits_for": pl.String, "tax_fen": pl.Int64, "lane": pl.Int16, "manifest_id": pl.Int64, "order_hash": pl.Int64, "ebp_code": pl.String,
    "order_no": pl.String, "attempt": pl.Int16, "accepted_at": UTC_MS, "trade_mode": pl.String, "rule_set": pl.String,
    "dutiable_fen": pl.Int64, "tariff_fen": pl.Int64, "consumption_fen": pl.Int64, "vat_fen": pl.Int64,
    "guarantor_code": pl.String, "declarant_code": pl.String, "warehouse_code": pl.String, "customs_code": pl.String,
    "order_partition": pl.Int16, "order_offset": pl.Int64, "payment_partition": pl.Int16, "payment_offset": pl.Int64,
    "waybill_partition": pl.Int16, "waybill_offset": pl.Int64, "person_key": pl.Binary,
}  # fmt: skip
# `secured`: no ledger refused it, so it has taken of guarantee and stock.
FAILED = {"secured": pl.Boolean, **{name: kind for name, kind in HELD.items() if name != "waits_for"}}
LINE = {
    "manifest_id": pl.Int64, "line_gnum": pl.Int32, "hs_code": pl.String, "dutiable_fen": pl.Int64, "tariff_fen": pl.Int64,
    "consumption_fen": pl.Int64, "vat_fen": pl.Int64, "account_book_item": pl.String, "line_unit": pl.String, "line_qty_e5": pl.Int64,
}  # fmt: skip
BOOKED = (pl.col("account_book_item") != "") & (pl.col("line_qty_e5") > 0)  # of LINE: what takes of an account book
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


def failed_frame(rows: Sequence[asyncpg.Record]) -> pl.DataFrame:
    """Rows of sql/failed_held.sql as FAILED."""
    return pl.DataFrame([tuple(r) for r in rows], schema=FAILED, orient="row")


def line_frame(rows: Sequence[asyncpg.Record]) -> pl.DataFrame:
    """Rows of sql/held_lines.sql as LINE."""
    return pl.DataFrame([tuple(r) for r in rows], schema=LINE, orient="row")


def released(
    held: pl.DataFrame, lines: pl.DataFrame, taken: Secured, after: Mapping[int, LaneState], registry_version: int
) -> Revision:
    """Of `held` (HELD) those that guarantee and stock did not refuse (`m`: the row), what others wait for now. `lines`: LINE of all
    of them; `after`: the lanes as the batch leaves them, each with a clock."""
    refused, ids = taken.waiting["m"], held["manifest_id"]
    fitting = held.with_row_index("m").filter(~pl.col("m").is_in(refused.implode())).drop("m")
    manifests = _revised(fitting, RELEASED, after, registry_version)
    waiting = taken.waiting.with_columns(ids[refused], held["waits_for"][refused].alias("before"))
    moved = waiting.filter(pl.col("waits_for") != pl.col("before")).select(*MOVED)
    who = fitting["manifest_id"], fitting["person_key"].unique()
    return Revision("confirm", _frames(manifests, lines, after), *who, freezing(taken.frozen, ids), drawing(taken.drawn, ids), moved)


def rejected(failed: pl.DataFrame, lines: pl.DataFrame, after: Mapping[int, LaneState], registry_version: int) -> Revision:
    """All of `failed` (FAILED). `lines`: LINE of them; `after`: as in released."""
    manifests = _revised(failed, REJECTED, after, registry_version)
    in_turns = failed.with_row_index("m").filter("secured").sort("accepted_at", "manifest_id").with_row_index("turn")
    owing = in_turns.filter((pl.col("tax_fen") > 0) & (pl.col("guarantor_code") != ""))
    by_account = owing.sort("guarantor_code", "turn").with_columns(amount_fen=-pl.col("tax_fen"))
    moves = by_account.group_by("guarantor_code", maintain_order=True).agg(
        pl.len().cast(pl.Int32).alias("entries"), pl.col("amount_fen").sum(), most_frozen_fen=pl.lit(NO_LIMIT)
    )
    frozen = Frozen(by_account.select(ENTRY), moves.select(*MOVES))
    reserved = booked(lines).join(in_turns.select("manifest_id", "turn"), on="manifest_id").sort("book_item", "turn")
    who = failed["manifest_id"], failed["person_key"].unique()
    given_back = freezing(frozen, failed["manifest_id"]), restoring(reserved), NOTHING_MOVED
    return Revision("restore", _frames(manifests, line_frame([]), after), *who, *given_back)


def booked(lines: pl.DataFrame) -> pl.DataFrame:
    """manifest_id, book_item and amount_e5 of what they took of items of account books. `lines`: LINE."""
    return lines.filter(BOOKED).group_by("manifest_id", book_item="account_book_item").agg(pl.col("line_qty_e5").sum().alias("amount_e5"))


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
    rows = manifests.select(ROW, pl.lit(REVISION, pl.Int16).alias("revision"))
    return {"revision": rows, "outbox": outbox(mail, after)}

"""What a decided batch writes, as one frame a table; column names are the table's."""

from functools import cache

import polars as pl

from pipeline.accounts import Ledger
from pipeline.classes import WAITING_QUEUES
from pipeline.flow import Decided
from pipeline.ledgers import Moves
from pipeline.tax import LEVIED, TAX, TAXES
from sinks.batch import Frames

# Column of the table → column of the joined manifest, where the names differ.
HEAD = {
    "goods_value_e5": "order_goodsValue_e5", "freight_e5": "order_freight_e5", "discount_e5": "order_discount_e5",
    "tax_total_e5": "order_taxTotal_e5", "actual_paid_e5": "order_actualPaid_e5",
    "amount_paid_e5": "payment_amountPaid_e5", "insured_fee_e5": "waybill_insuredFee_e5",
    "waybill_freight_e5": "waybill_freight_e5", "weight_e5": "waybill_weight_e5", "pack_no": "waybill_packNo",
    "order_time": "order_appTime", "payment_time": "payment_appTime", "pay_time": "payment_payTime",
    "waybill_time": "waybill_appTime", "order_currency": "order_currency", "payment_currency": "payment_currency",
    "waybill_currency": "waybill_currency", "ebc_code": "order_ebcCode", "pay_code": "payment_payCode",
    "pay_transaction_id": "payment_payTransactionId", "logistics_code": "waybill_logisticsCode",
    "logistics_no": "waybill_logisticsNo", "bill_no": "waybill_billNo",
    "consumption_tax_fen": "consumption_fen",
}  # fmt: skip
SAME = (
    "order_hash", "ebp_code", "order_no", "attempt", "manifest_id", "decision_id", "outcome", "queue",
    "return_status", "fault_kinds", "trade_mode", "accepted_at", "rule_set", "lane", "batch_seq", "taxed",
    "registry_version", "guarantor_code", "declarant_code", "warehouse_code", "customs_code",
    "dutiable_fen", "tariff_fen", "vat_fen", "person_key", "payer_key", "phone_key", "address_key", "counters",
)  # fmt: skip
PLACES = tuple(f"{k}_{what}" for k in ("order", "payment", "waybill") for what in ("partition", "offset", "digest"))
LINE = {
    "gnum": "line_gnum", "item_no": "line_itemNo", "unit": "line_unit", "country": "line_country",
    "currency": "line_currency", "qty_e5": "line_qty_e5", "price_e5": "line_price_e5",
    "total_price_e5": "line_totalPrice_e5",
}  # fmt: skip
HOLDER = pl.col("order_hash", "ebp_code", "order_no", "manifest_id", "accepted_at")  # of a number
MANIFEST_ROW = [pl.col(*SAME, *PLACES), *(pl.col(source).alias(name) for name, source in HEAD.items()), TAX.alias("tax_fen")]
HELD = pl.col("lane", "accepted_at", "manifest_id", "order_hash", "ebp_code", "order_no", "attempt", "waits_for", "amount")
IS_HELD = pl.col("queue").is_in(WAITING_QUEUES)
NOBODY_HELD = pl.DataFrame()
OF_MANIFEST = pl.col("lane", "batch_seq", "manifest_id")
USED = pl.col("movement") == "confirm"  # at once: the entries of a decision are from available to reserved or to used
LINE_ROW = [
    pl.col("manifest_id", "dutiable_fen", "tariff_fen", "vat_fen"),
    *(pl.col(source).alias(name) for name, source in LINE.items()),
    pl.col("position").cast(pl.Int16).alias("line_no"),
    pl.col("hs_code", "account_book_item").fill_null(""),
    pl.col("consumption_fen").alias("consumption_tax_fen"),
]
# Taxed are all lines of some manifests, in the order of all lines: so the n-th row of `tax` is the n-th taxed line.
TAX_ROW = pl.when("taxed").then(pl.col("taxed").cum_sum() - 1)


def manifest_frames(decided: Decided) -> Frames:
    """Frames of held, manifest, manifest_line, finding and the entries of each ledger; heads carry manifest_id."""
    ids = decided.heads["manifest_id"]
    findings = decided.findings.sort("m", maintain_order=True)
    waiting = decided.posted.waiting
    held = decided.heads.filter(IS_HELD).join(waiting, on="m").select(HELD) if len(waiting) else NOBODY_HELD
    return {
        "held": held,
        "manifest": decided.heads.select(MANIFEST_ROW).sort("order_hash", "ebp_code"),
        "manifest_line": _lines(decided),
        "finding": findings.select("code", "outcome", "values_read").hstack([ids[findings["m"]]]),
        **{table: rows for x, moves in decided.posted.moves.items() for table, rows in _entries(x, moves, decided.heads).items()},
    }


def _entries(ledger: Ledger, moves: Moves, heads: pl.DataFrame) -> Frames:
    """Rows of the ledger's two tables of entries, in the order of the accounts, as they come: what is reserved an entry a row,
    what is used at once those of a lane and batch in one."""
    entries = moves.entries.hstack(heads.select(OF_MANIFEST)[moves.entries["m"]])
    held, used = entries.filter(~USED), entries.filter(USED)
    return {
        f"{ledger.name}_held_entry": held.select(_held_entry(ledger)),
        f"{ledger.name}_used_entries": used.group_by("lane", "batch_seq", maintain_order=True).agg(_used_entries(ledger)),
    }


@cache
def _held_entry(ledger: Ledger) -> pl.Expr:
    return pl.col(*ledger.key, "entry_no", "manifest_id", "movement", "debit", "credit", *_amounts(ledger))


@cache
def _used_entries(ledger: Ledger) -> list[pl.Expr]:
    amount, *after = _amounts(ledger)
    many = [*ledger.key, "entry_no", "manifest_id"]
    return [*(pl.col(one).alias(f"{one}s") for one in many), pl.col(amount).alias(ledger.of("amounts")), pl.col(after)]


def _amounts(ledger: Ledger) -> list[str]:
    return [ledger.of(x) for x in ("amount", "reserved_after", "used_after")]


def number_uses(uses: pl.DataFrame, heads: pl.DataFrame) -> pl.DataFrame:
    """The frame of number_use, in the order every writer keeps: that of the numbers, as they come."""
    return uses.select("number", "use_no").hstack(heads.select(HOLDER)[uses["m"]])


def _lines(decided: Decided) -> pl.DataFrame:
    whose = decided.heads.select("manifest_id", "taxed")[decided.lines["m"]]
    tax = decided.tax.select(pl.col(LEVIED).gather(whose.select(TAX_ROW).to_series()))
    lines = decided.lines.drop(TAXES)  # there also where it is not levied
    return lines.hstack([*tax.get_columns(), whose["manifest_id"]]).select(LINE_ROW)

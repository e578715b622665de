"""What a decided batch writes, as one frame a table; column names are the table's."""

import polars as pl

from pipeline.flow import Decided
from pipeline.tax import TAXES
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
    "dutiable_fen", "tariff_fen", "vat_fen", "person_key", "payer_key", "phone_key", "address_key",
)  # fmt: skip
PLACES = tuple(f"{k}_{what}" for k in ("order", "payment", "waybill") for what in ("partition", "offset", "digest"))
LINE = {
    "gnum": "line_gnum", "item_no": "line_itemNo", "unit": "line_unit", "country": "line_country",
    "currency": "line_currency", "qty_e5": "line_qty_e5", "price_e5": "line_price_e5",
    "total_price_e5": "line_totalPrice_e5",
}  # fmt: skip


def manifest_frames(decided: Decided) -> Frames:
    """Frames of manifest, manifest_line, finding and quota_entry; heads carry manifest_id."""
    heads = decided.heads
    manifest = heads.select(
        *SAME,
        *PLACES,
        *(pl.col(source).alias(target) for target, source in HEAD.items()),
        tax_fen=pl.col("tariff_fen") + pl.col("consumption_fen") + pl.col("vat_fen"),
    ).sort("order_hash", "ebp_code")
    ids = heads["manifest_id"]
    findings, entries = decided.findings.sort("m", maintain_order=True), decided.posted.entries
    return {
        "manifest": manifest,
        "manifest_line": _lines(decided),
        "finding": findings.select(ids[findings["m"]], "code", "outcome", "values_read"),
        "quota_entry": entries.select(
            "person_key", "year", "entry_no", ids[entries["m"]], "movement", "debit", "credit", "amount_fen",
            "reserved_after_fen", "used_after_fen",
        ).sort("person_key", "year", "entry_no"),  # every writer in one order, or two deadlock
    }  # fmt: skip


def number_uses(uses: pl.DataFrame, heads: pl.DataFrame) -> pl.DataFrame:
    """The frame of number_use, in the order every writer keeps: that of the numbers, as they come."""
    holders = heads.select("order_hash", "ebp_code", "order_no", "manifest_id", "accepted_at")
    return uses.select("number", "use_no").hstack(holders[uses["m"]])


def _lines(decided: Decided) -> pl.DataFrame:
    lines, m = decided.lines, decided.lines["m"]
    taxed = decided.heads["taxed"]
    if not taxed.all():  # what was computed is not levied where the manifest is rejected
        lines = lines.with_columns(pl.when(taxed[m]).then(pl.col("line_dutiable_fen", *TAXES)))
    return lines.select(
        decided.heads["manifest_id"][m],
        *(pl.col(source).alias(target) for target, source in LINE.items()),
        "tariff_fen",
        "vat_fen",
        dutiable_fen="line_dutiable_fen",
        line_no=pl.col("position").cast(pl.Int16),
        hs_code=pl.col("hs_code").fill_null(""),
        account_book_item=pl.col("account_book_item").fill_null(""),
        consumption_tax_fen="consumption_fen",
    )

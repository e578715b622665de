"""Columns that are worked out of the documents' own, as expressions (decisions.md section 5)."""

from collections.abc import Sequence

import polars as pl

from pipeline.documents import KINDS

FEN = 1000  # one fen in 10^-5 units of CNY
UNIT = 100_000  # one in 10^-5 units
I128 = pl.Int128
NET = 10 * UNIT  # mg x 10^-5 pieces in 10 mg, the 10^-5 kg that a waybill counts in
MOST_NET = 10**14  # the bound of a weight


def _completing(accepted: pl.Expr) -> pl.Expr:
    """(time, kind, partition, offset) of the document that completed the manifest: the order of the ledgers."""
    arrivals: Sequence[pl.Expr] = [
        pl.struct(
            time=pl.col(f"{kind}_log_time"),
            kind=pl.lit(number, pl.Int8),
            partition=pl.col(f"{kind}_partition"),
            offset=pl.col(f"{kind}_offset"),
        )
        for number, kind in enumerate(KINDS)
    ]
    order, payment, waybill = arrivals
    return (
        pl.when(pl.col("waybill_log_time") == accepted)
        .then(waybill)
        .when(pl.col("payment_log_time") == accepted)
        .then(payment)
        .otherwise(order)
    )


def _of_manifest() -> list[pl.Expr]:
    accepted = pl.max_horizontal("order_log_time", "payment_log_time", "waybill_log_time")
    return [
        accepted.alias("accepted_at"),
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("m"),
        pl.col("order_order_hash").alias("order_hash"),
        pl.col("order_orderNo").alias("order_no"),
        accepted.dt.convert_time_zone("Asia/Shanghai").dt.date().alias("accepted_on"),
        _completing(accepted).alias("completing"),
    ]


def _of_line() -> list[pl.Expr]:
    price, qty = pl.col("line_price_e5").cast(I128), pl.col("line_qty_e5").cast(I128)
    # price x qty is in 10^-10 units: half a fen there is 5 * 10^7
    rounded = (2 * price * qty + 2 * 50_000_000).floordiv(2 * 100_000_000) * FEN
    by_quantity = pl.col("item").is_not_null()  # of the consumption tax; else the price alone decides it
    bonded = (pl.col("account_book_item") != "").fill_null(False)
    as_filed = pl.col("line_unit") == pl.col("goods_unit")
    in_measure = pl.col("taxable") & as_filed
    in_mass = pl.col("unit_mg").is_not_null() & as_filed
    price_range = pl.when(as_filed).then(pl.col("price_low_fen", "price_high_fen")).otherwise(0)
    net = pl.when(as_filed).then(qty * pl.col("mass_mg"))
    return [
        pl.col("hs_code", "account_book_item", "item_status", "content", "tariff_1e4", "vat_1e4", "consumption_1e4", "term", "stock"),
        pl.col("weight_group", "unit_mg", "cap_mg", "origin", "brand"),
        by_quantity.alias("by_quantity"),
        pl.col("hs_code").is_not_null().alias("registered"),
        bonded.alias("bonded"),
        pl.col("vat_1e4").is_not_null().alias("rated"),
        (~by_quantity | in_measure.fill_null(False)).alias("measured"),
        (pl.col("weight_group").is_null() | in_mass).alias("weighed"),
        rounded.alias("line_price_times_qty_e5"),
        price_range,
        net.alias("net"),
        pl.col("listed", "negative", "waste", "watched").fill_null(False),
        pl.when(bonded).then("mode_1210").otherwise("mode_9610").fill_null(True).alias("mode_allowed"),
    ]


def _of_lines() -> list[pl.Expr]:
    registered, bonded, price = pl.col("registered"), pl.col("bonded"), pl.col("line_totalPrice_e5")
    payable = pl.col("rated") & pl.col("measured") & (~pl.col("by_quantity") | (pl.col("line_qty_e5") > 0))
    return [
        pl.len().cast(pl.Int64).alias("lines"),
        price.sum().alias("total"),
        price.null_count().alias("unknown"),
        (pl.col("line_gnum") == pl.col("position")).all().alias("numbered"),
        pl.col("line_qty_e5").first().alias("first_qty_e5"),
        (registered & bonded).any().alias("bonded"),
        (registered & ~bonded).any().alias("direct"),
        payable.all(ignore_nulls=False).alias("payable"),
        pl.col("net").sum(),
    ]


def _trade_mode() -> pl.Expr:
    bonded, direct = pl.col("bonded").fill_null(False), pl.col("direct").fill_null(False)
    return (
        pl.when(bonded & direct)
        .then(pl.lit("mixed"))
        .when(bonded)
        .then(pl.lit("1210"))
        .when(direct)
        .then(pl.lit("9610"))
        .otherwise(pl.lit(""))
    )


def _dutiable_fen() -> pl.Expr:
    parts = [pl.col(c) for c in AMOUNTS]
    whole = pl.all_horizontal(*(part % FEN == 0 for part in parts))
    return pl.when(whole).then((parts[0] + parts[1] + parts[2]) // FEN)


def tax_known(single_limit_fen: int, annual_limit_fen: int) -> pl.Expr:
    """Whether the tax can be computed; bounds every amount it is computed from by the limits."""
    dutiable = _dutiable_fen()
    one = (pl.col("lines") == 1) & (pl.col("first_qty_e5") == UNIT) & (dutiable <= annual_limit_fen)
    sums_up = (pl.col("unknown") == 0) & (pl.col("total") == pl.col("order_goodsValue_e5"))
    known = pl.col("payable") & ~pl.col("order_amount_fine") & sums_up & ((dutiable <= single_limit_fen) | one)
    return known.fill_null(False).alias("tax_known")


def _of_manifest_and_lines() -> list[pl.Expr]:
    lines = pl.col("lines")
    return [
        # an order without lines has no row in the sums
        lines.fill_null(0).alias("line_count"),
        # polars' sum leaves nulls out; a sum with an unknown part is unknown
        pl.when(pl.col("unknown").fill_null(0) == 0).then(pl.col("total").fill_null(0)).alias("line_total_sum_e5"),
        pl.col("numbered").fill_null(True).alias("gnum_in_order"),
        pl.when(lines == 1).then(pl.col("first_qty_e5") == UNIT).otherwise(False).alias("one_indivisible_item"),
        _trade_mode().alias("trade_mode"),
        pl.col("net").fill_null(0).floordiv(NET).clip(-MOST_NET, MOST_NET).cast(pl.Int64).alias("net_weight_e5"),
        _dutiable_fen().alias("dutiable_fen"),
    ]


AMOUNTS = ("order_goodsValue_e5", "order_freight_e5", "waybill_insuredFee_e5")
OF_MANIFEST = _of_manifest()  # from a manifest's documents
OF_LINE = _of_line()  # from a line, its goods and their rates
OF_LINES = _of_lines()  # summed up over the lines of a manifest
OF_MANIFEST_AND_LINES = _of_manifest_and_lines()  # from AMOUNTS and those sums

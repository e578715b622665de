"""In-limit composite tax of each line, in whole fen (Caiguanshui 2016 No.18; formulas in decisions.md section 7)."""

import polars as pl

from pipeline.derived import FEN
from pipeline.manifests import Manifests


def tax_lines(manifests: Manifests, taxed: pl.Series) -> pl.DataFrame:
    """m, position, line_gnum, hs_code, dutiable_fen, consumption_fen and vat_fen of each line of the manifests where
    `taxed` (Boolean, one a head) is true, in order of m and position.

    Such a manifest is within the single limit, so every product here fits 63 bits with room to spare.
    """
    of_head = manifests.heads.select(FEE).hstack([taxed.alias("taxed")])[manifests.lines["m"]]
    lines = manifests.lines.select(LINE).hstack(of_head).filter("taxed")
    return lines.hstack(_dutiable(lines)).select(TAX)


def _dutiable(lines: pl.DataFrame) -> pl.DataFrame:
    """`dutiable_fen`: the price and its share of the fee, by largest remainder: floor of each share, then one fen each to
    the largest remainders."""
    return lines.select(WEIGHT).with_columns(FLOOR_AND_REST).with_columns(LEFT).select(DUTIABLE)


def _weight() -> list[pl.Expr]:
    total = pl.col("price").sum().over("m")
    first = pl.col("m").ne_missing(pl.col("m").shift())
    row = pl.int_range(pl.len())
    return [
        pl.col("m", "fee", "price"),
        pl.when(total > 0).then("price").otherwise(first.cast(pl.Int64)).alias("weight"),
        (row - pl.when(first).then(row).forward_fill()).alias("place"),  # 0, 1, 2 … among the lines of its manifest
    ]


def _floor_and_rest() -> list[pl.Expr]:
    whole = pl.col("weight").sum().over("m")
    product = pl.col("fee") * pl.col("weight")
    return [(product // whole).alias("floor"), (product % whole).alias("rest")]


def _dutiable_fen() -> pl.Expr:
    # equal remainders: the lower position first, as the lines stand in that order
    largest_first = pl.arg_sort_by("m", "rest", descending=[False, True], nulls_last=True, maintain_order=True)
    # a manifest keeps its rows in this order, so `place` and `left` may be read by row in it as well
    rounded_up = (pl.col("place") < pl.col("left")).gather(largest_first.arg_sort())
    return (pl.col("price") + pl.col("floor") + rounded_up.cast(pl.Int64)).alias("dutiable_fen")


def _half_up(numerator: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    return (2 * numerator + divisor) // (2 * divisor)


def _tax() -> list[pl.Expr]:
    dutiable, consumption, vat = pl.col("dutiable_fen"), pl.col("consumption_1e4"), pl.col("vat_1e4")
    divisor = 10 * (10_000 - consumption)
    return [
        pl.col("m", "position", "line_gnum", "hs_code", "dutiable_fen"),
        _half_up(7 * dutiable * consumption, divisor).alias("consumption_fen"),
        _half_up(7 * dutiable * vat, divisor).alias("vat_fen"),
    ]


FEE = ((pl.col("order_freight_e5") + pl.col("waybill_insuredFee_e5")) // FEN).alias("fee")
LINE = [
    pl.col("m", "position", "line_gnum", "hs_code", "consumption_1e4", "vat_1e4"),
    (pl.col("line_totalPrice_e5") // FEN).alias("price"),
]
WEIGHT = _weight()
FLOOR_AND_REST = _floor_and_rest()
LEFT = (pl.col("fee") - pl.col("floor").sum().over("m")).alias("left")
DUTIABLE = _dutiable_fen()
TAX = _tax()

"""In-limit composite tax of each line, in whole fen (Caiguanshui 2016 No.18; formulas in decisions.md section 7)."""

import polars as pl

from pipeline.derived import FEN
from pipeline.manifests import Manifests


def tax_lines(manifests: Manifests, taxed: pl.Series) -> pl.DataFrame:
    """m, position, line_gnum, hs_code, dutiable_fen, consumption_fen and vat_fen of each line of the manifests where
    `taxed` (Boolean, one a head) is true, in order of m and position.

    Such a manifest is within the single limit, so every product here fits 63 bits with room to spare.
    """
    m = manifests.lines["m"]
    fee = manifests.heads.select((pl.col("order_freight_e5") + pl.col("waybill_insuredFee_e5")) // FEN).to_series()
    lines = manifests.lines.select(
        "m", "position", "line_gnum", "hs_code", "consumption_1e4", "vat_1e4",
        price=pl.col("line_totalPrice_e5") // FEN,
        fee=fee[m],
    ).filter(taxed[m])  # fmt: skip
    lines = lines.hstack([(lines["price"] + _share_of_fee(lines)).alias("dutiable_fen")])
    consumption, vat = pl.col("consumption_1e4"), pl.col("vat_1e4")
    divisor = 10 * (10_000 - consumption)
    return lines.select(
        "m", "position", "line_gnum", "hs_code", "dutiable_fen",
        consumption_fen=_half_up(7 * pl.col("dutiable_fen") * consumption, divisor),
        vat_fen=_half_up(7 * pl.col("dutiable_fen") * vat, divisor),
    )  # fmt: skip


def _share_of_fee(lines: pl.DataFrame) -> pl.Series:
    """Largest remainder: floor of each share, then one fen each to the largest remainders."""
    total = pl.col("price").sum().over("m")
    first = pl.col("m").ne_missing(pl.col("m").shift())
    row = pl.int_range(pl.len())
    shares = lines.select(
        "m",
        "fee",
        weight=pl.when(total > 0).then("price").otherwise(first.cast(pl.Int64)),
        place=row - pl.when(first).then(row).forward_fill(),  # 0, 1, 2 … among the lines of its manifest
    )
    whole = pl.col("weight").sum().over("m")
    product = pl.col("fee") * pl.col("weight")
    shares = shares.with_columns(floor=product // whole, rest=product % whole)
    shares = shares.with_columns(left=pl.col("fee") - pl.col("floor").sum().over("m"))
    # equal remainders: the lower position first, as the lines stand in that order
    largest_first = shares.select(
        pl.arg_sort_by("m", "rest", descending=[False, True], nulls_last=True, maintain_order=True)
    ).to_series()
    # a manifest keeps its rows in this order, so `place` and `left` may be read by row in it as well
    rounded_up = (shares["place"] < shares["left"])[largest_first.arg_sort()]
    return shares["floor"] + rounded_up.cast(pl.Int64)


def _half_up(numerator: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    return (2 * numerator + divisor) // (2 * divisor)

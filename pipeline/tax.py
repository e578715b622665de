"""In-limit composite tax of each line, in whole fen (Caiguanshui 2016 No.18; formulas in decisions.md section 7)."""

import polars as pl

from pipeline.manifests import FEN, Manifests

TAX_LINES = ("m", "position", "line_gnum", "hs_code", "dutiable_fen", "consumption_fen", "vat_fen")


def tax_lines(manifests: Manifests, taxed: pl.Series) -> pl.DataFrame:
    """TAX_LINES of the manifests where `taxed` (Boolean, one a head) is true, in order of m and position.

    Such a manifest is within the single limit, so every product here fits 63 bits with room to spare.
    """
    heads = manifests.heads.filter(taxed).select(
        "m", fee=(pl.col("order_freight_e5") + pl.col("waybill_insuredFee_e5")) // FEN
    )
    lines = manifests.lines.join(heads, on="m", maintain_order="left").with_columns(
        price=pl.col("line_totalPrice_e5") // FEN
    )
    lines = lines.with_columns(dutiable_fen=pl.col("price") + _share_of_fee(lines))
    consumption, vat = pl.col("consumption_1e4"), pl.col("vat_1e4")
    divisor = 10 * (10_000 - consumption)
    return lines.with_columns(
        consumption_fen=_half_up(7 * pl.col("dutiable_fen") * consumption, divisor),
        vat_fen=_half_up(7 * pl.col("dutiable_fen") * vat, divisor),
    ).select(TAX_LINES)


def _share_of_fee(lines: pl.DataFrame) -> pl.Series:
    """Largest remainder: floor of each share, then one fen each to the largest remainders."""
    total = pl.col("price").sum().over("m")
    first = pl.col("position") == pl.col("position").min().over("m")
    weight = pl.when(total > 0).then("price").otherwise(first.cast(pl.Int64))
    shares = lines.select("m", "position", "fee", weight=weight)
    whole = pl.col("weight").sum().over("m")
    product = pl.col("fee") * pl.col("weight")
    shares = shares.with_columns(floor=product // whole, rest=product % whole)
    left = pl.col("fee") - pl.col("floor").sum().over("m")
    # equal remainders: the lower position first, as the lines stand in that order
    rank = pl.col("rest").rank("ordinal", descending=True).over("m")
    return shares.select(share=pl.col("floor") + (rank <= left).cast(pl.Int64))["share"]


def _half_up(numerator: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    return (2 * numerator + divisor) // (2 * divisor)

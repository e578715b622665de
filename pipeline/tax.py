"""Tax of each line in whole fen: composite within the single limit, full rates for one item above it.

Caiguanshui 2016 No.18 and 2018 No.49; formulas, rounding and what "known" means in decisions.md section 7.
"""

import polars as pl

from pipeline.law import Law
from pipeline.manifests import FEN, I128, UNIT, Manifests, beside

TAXES = ("tariff_fen", "consumption_fen", "vat_fen")
LEVIED = ("dutiable_fen", *TAXES)


def with_tax(manifests: Manifests, law: Law) -> Manifests:
    """Add to derived manifests the tax that is due if they are not rejected.

    Lines: line_dutiable_fen, tariff_fen, consumption_fen, vat_fen (null where the tax is not known). Heads: tax_known,
    tariff_fen, consumption_fen, vat_fen and their sum tax_due_fen (null where the tax is not known).
    """
    heads, lines = manifests.heads, manifests.lines
    known = _known(manifests, law)
    chosen = lines if known.all() else lines.filter(known[lines["m"]])
    taxed = chosen.select("m").hstack(_tax_lines(manifests.heads, chosen, law))
    totals = pl.DataFrame(beside(heads, taxed.group_by("m").agg(pl.col(TAXES).sum())))
    heads = heads.hstack([known.alias("tax_known"), *totals, totals.select(tax_due_fen=pl.sum_horizontal(TAXES, ignore_nulls=False)).to_series()])
    columns = taxed.drop("m").rename({"dutiable_fen": "line_dutiable_fen"})
    if len(chosen) < len(lines):
        row = known[lines["m"]]
        columns = columns.select(pl.all().gather(pl.select(pl.when(row).then(row.cum_sum() - 1)).to_series()))
    return Manifests(heads, lines.hstack(columns))


def without_tax(manifests: Manifests) -> Manifests:
    """The columns of with_tax where nobody knows whether the amounts are sound."""
    unknown = {name: pl.lit(None, pl.Int64) for name in (*TAXES, "tax_due_fen")}
    return Manifests(
        manifests.heads.with_columns(tax_known=pl.lit(False), **unknown),
        manifests.lines.with_columns(line_dutiable_fen=pl.lit(None, pl.Int64), **{n: unknown[n] for n in TAXES}),
    )


def levied(manifests: Manifests) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of concluded manifests: the heads with 0 for the taxes of what is not taxed, and the taxed lines (m, position,
    line_gnum, hs_code and LEVIED) in order of m and position."""
    taxed = manifests.heads["taxed"]
    heads = manifests.heads.with_columns(pl.when(taxed).then(pl.col(TAXES)).otherwise(0))
    lines = manifests.lines.select(
        "m", "position", "line_gnum", "hs_code", pl.col("line_dutiable_fen").alias("dutiable_fen"), *TAXES
    )
    return heads, lines if taxed.all() else lines.filter(taxed[lines["m"]])


def _known(manifests: Manifests, law: Law) -> pl.Series:
    """Whether the tax can be computed, one a head; bounds every amount below by the limits."""
    dutiable, total = pl.col("dutiable_fen"), pl.col("line_total_sum_e5")
    quantity = (pl.col("line_qty_e5") > 0).fill_null(False)
    payable = manifests.lines.group_by("m").agg(
        payable=(pl.col("rated") & pl.col("measured") & (~pl.col("by_quantity") | quantity)).all()
    )
    one = pl.col("one_indivisible_item") & (dutiable <= law.annual_limit_fen)
    return (
        manifests.heads.hstack(beside(manifests.heads, payable))
        .select(
            known=pl.col("payable").fill_null(False)
            & ~pl.col("order_amount_fine")
            & (total == pl.col("order_goodsValue_e5")).fill_null(False)
            & ((dutiable <= law.single_limit_fen) | one).fill_null(False)
        )
        .to_series()
    )


def _tax_lines(heads: pl.DataFrame, lines: pl.DataFrame, law: Law) -> pl.DataFrame:
    """LEVIED of lines of manifests whose tax is known, in their order."""
    m = lines["m"]
    fee = heads.select((pl.col("order_freight_e5") + pl.col("waybill_insuredFee_e5")) // FEN).to_series()
    bases = lines.select("m", "consumption_1e4", "vat_1e4", price=pl.col("line_totalPrice_e5") // FEN, fee=fee[m])
    dutiable = bases["price"] + _share_of_fee(bases)
    consumption, vat = pl.col("consumption_1e4"), pl.col("vat_1e4")
    divisor = 10 * (10_000 - consumption)
    taxed = bases.select(
        dutiable.alias("dutiable_fen"),
        tariff_fen=pl.lit(0, pl.Int64),
        consumption_fen=_half_up(7 * dutiable * consumption, divisor),
        vat_fen=_half_up(7 * dutiable * vat, divisor),
    )
    full = (heads["dutiable_fen"] > law.single_limit_fen)[m]
    odd = (full | lines["by_quantity"]).arg_true()
    if not len(odd):
        return taxed
    columns = ("line_qty_e5", "content", "term", "tariff_1e4", "vat_1e4", "consumption_1e4")
    replaced = _odd_lines(lines[odd].select(columns).hstack([dutiable[odd].alias("P"), full[odd].alias("full")]), law.terms)
    return taxed.with_columns(taxed[name].scatter(odd, replaced[name]) for name in TAXES)


def _odd_lines(lines: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """TAXES of lines at full rates, or with a price threshold or an amount by quantity: exact fractions, 128 bits.

    From the price per unit: rate c and amount by quantity S. Base = P(1 + d) + S, which the consumption tax is part of.
    """
    wide = lines.hstack(terms.select(pl.all().gather(lines["term"]))).select(
        "full",
        pl.col("P", "vat_1e4").cast(I128),
        pl.when("full").then("tariff_1e4").otherwise(0).cast(I128).alias("d"),
        pl.col("specific_fen", "below_fen", "threshold_fen").fill_null(0).cast(I128),
        pl.col("specific_per", "threshold_per").fill_null(1).cast(I128),
        pl.coalesce("rate_1e4", "consumption_1e4").cast(I128).alias("rate"),
        quantity=(pl.col("line_qty_e5").cast(I128) * pl.col("content").cast(I128)).fill_null(0),  # 10^-5 smallest units
    )
    above = pl.col("P") * UNIT * pl.col("threshold_per") >= pl.col("threshold_fen") * pl.col("quantity")
    priced = wide.select(
        "P", "d", "vat_1e4",
        c=pl.when(above).then("rate").otherwise(0),
        S=pl.when(above).then("specific_fen").otherwise("below_fen") * pl.col("quantity"),  # over `per`
        per=UNIT * pl.col("specific_per"),
        share=pl.when("full").then(10).otherwise(7).cast(I128),  # tenths
    )  # fmt: skip
    c, s, per, share = (pl.col(name) for name in ("c", "S", "per", "share"))
    base = pl.col("P") * (10_000 + pl.col("d")) * per + 10_000 * s  # over 10,000 per
    divisor = 10 * 10_000 * per * (10_000 - c)
    return priced.select(
        tariff_fen=_half_up(pl.col("P") * pl.col("d"), pl.lit(10_000, I128)).cast(pl.Int64),
        consumption_fen=_half_up(share * (base * c + 10_000 * s * (10_000 - c)), divisor).cast(pl.Int64),
        vat_fen=_half_up(share * base * pl.col("vat_1e4"), divisor).cast(pl.Int64),
    )


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

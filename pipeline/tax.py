"""Tax of each line in whole fen: composite within the single limit, full rates for one item above it.

Caiguanshui 2016 No.18 and 2018 No.49; formulas, rounding and what "known" means in decisions.md section 7.
"""

from functools import lru_cache

import polars as pl

from pipeline.derived import FEN, I128, UNIT
from pipeline.law import Law
from pipeline.manifests import Manifests, beside

TAXES = ("tariff_fen", "consumption_fen", "vat_fen")
LEVIED = ("dutiable_fen", *TAXES)
UNKNOWN = pl.lit(None, pl.Int64)
UNKNOWN_TAXES = [UNKNOWN.alias(name) for name in TAXES]


def with_tax(manifests: Manifests, law: Law) -> Manifests:
    """Add to derived manifests the tax that is due if they are not rejected.

    Lines: line_dutiable_fen, tariff_fen, consumption_fen, vat_fen; heads: the last three and their sum tax_due_fen. All
    are null where the tax is not known.
    """
    heads = manifests.heads
    known = heads["tax_known"]
    lines = manifests.lines.select(LINE)
    every = known.all()
    taxed = _tax_lines(heads, lines if every else lines.filter(known[lines["m"]]), law)
    due = beside(heads, taxed.group_by("m").agg(SUMS)).with_columns(DUE)
    columns = taxed.drop("m")
    if not every:
        columns = columns[known.to_frame("known")[lines["m"]].select(KNOWN_ROW).to_series()]
    return Manifests(heads.hstack(due), manifests.lines.hstack(columns))


def without_tax(manifests: Manifests) -> Manifests:
    """The columns of with_tax where nobody knows whether the amounts are sound."""
    return Manifests(
        manifests.heads.with_columns(*UNKNOWN_TAXES, tax_known=False, tax_due_fen=UNKNOWN),
        manifests.lines.with_columns(UNKNOWN.alias("line_dutiable_fen"), *UNKNOWN_TAXES),
    )


def levied(manifests: Manifests) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of concluded manifests: the heads with 0 for the taxes of what is not taxed, and the taxed lines (m, position,
    line_gnum, hs_code and LEVIED) in order of m and position."""
    taxed = manifests.heads["taxed"]
    lines = manifests.lines.select(LEVIED_LINE)
    if taxed.all():
        return manifests.heads, lines
    return manifests.heads.with_columns(IF_TAXED), lines.filter(taxed[lines["m"]])


def _tax_lines(heads: pl.DataFrame, lines: pl.DataFrame, law: Law) -> pl.DataFrame:
    """m, line_dutiable_fen and TAXES of lines (LINE) of manifests whose tax is known, in their order."""
    lines = lines.hstack(heads.select(OF_HEAD)[lines["m"]])
    lines = lines.hstack([(lines["price"] + _shares(lines)).alias("line_dutiable_fen")])
    rows = lines["term"].is_not_null().arg_true()
    measured = by_quantity(lines[rows], law.terms)
    lines.replace_column(lines.columns.index("consumption_1e4"), lines["consumption_1e4"].scatter(rows, measured["rate_1e4"]))
    taxed = lines.select(_composite(law.in_limit_share_1e4))
    amount = pl.repeat(0, len(lines), dtype=I128, eager=True).scatter(rows, measured["amount"]).alias("amount")
    full = (lines["dutiable_fen"] > law.single_limit_fen).alias("full")
    odd = (full | (amount > 0)).arg_true()
    if not len(odd):
        return taxed
    per = pl.repeat(1, len(lines), dtype=pl.Int64, eager=True).scatter(rows, measured["per"]).alias("per")
    replaced = lines.hstack([full, amount, per])[odd].select(_odd(law.in_limit_share_1e4)).select(ODD_TAXES)
    return taxed.with_columns(taxed[name].scatter(odd, replaced[name]) for name in TAXES)


def by_quantity(lines: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """rate_1e4 and the amount by quantity (`amount` / `per` fen) of lines with a term, by their price for a unit."""
    return lines.hstack(terms[lines["term"]]).select(BY_QUANTITY)


def _shares(lines: pl.DataFrame) -> pl.Series:
    """What each line bears of its manifest's fee, by largest remainder: floor of each share, then one fen each to the
    largest remainders. One line bears all."""
    fee = lines["fee"]
    several = ((lines["line_count"] > 1) & (fee > 0)).arg_true()
    if not len(several):
        return fee
    shared = lines[several].select(WEIGHT).with_columns(FLOOR_AND_REST).with_columns(LEFT).select(SHARE)
    return fee.scatter(several, shared.to_series())


def _weight() -> list[pl.Expr]:
    total = pl.col("price").sum().over("m")
    first = pl.col("m").ne_missing(pl.col("m").shift())
    row = pl.int_range(pl.len())
    return [
        pl.col("m", "fee"),
        pl.when(total > 0).then("price").otherwise(first.cast(pl.Int64)).alias("weight"),
        (row - pl.when(first).then(row).forward_fill()).alias("place"),  # 0, 1, 2 … among the lines of its manifest
    ]


def _floor_and_rest() -> list[pl.Expr]:
    whole = pl.col("weight").sum().over("m")
    product = pl.col("fee") * pl.col("weight")
    return [(product // whole).alias("floor"), (product % whole).alias("rest")]


def _share() -> pl.Expr:
    # equal remainders: the lower position first, as the lines stand in that order
    largest_first = pl.arg_sort_by("m", "rest", descending=[False, True], nulls_last=True, maintain_order=True)
    # a manifest keeps its rows in this order, so `place` and `left` may be read by row in it as well
    rounded_up = (pl.col("place") < pl.col("left")).gather(largest_first.arg_sort())
    return pl.col("floor") + rounded_up.cast(pl.Int64)


def _half_up(numerator: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    return (2 * numerator + divisor) // (2 * divisor)


@lru_cache(maxsize=64)
def _composite(share_1e4: int) -> list[pl.Expr]:
    """Of lines whose tax goes by price and within the single limit: so much of consumption tax and VAT.

    Every product fits 63 bits: where tax is known no price is over the limits, which are at most 10^10 fen (limits_check), a
    share is at most 10^4, a rate at most 9,000, and rounding doubles: 1.8 * 10^18 and the divisor's 10^8.
    """
    dutiable, consumption = pl.col("line_dutiable_fen"), pl.col("consumption_1e4")
    divisor = 10_000 * (10_000 - consumption)
    return [
        pl.col("m", "line_dutiable_fen"),
        pl.lit(0, pl.Int64).alias("tariff_fen"),
        _half_up(share_1e4 * dutiable * consumption, divisor).alias("consumption_fen"),
        _half_up(share_1e4 * dutiable * pl.col("vat_1e4"), divisor).alias("vat_fen"),
    ]


def _quantity_terms() -> list[pl.Expr]:
    quantity = pl.col("line_qty_e5").cast(I128) * pl.col("content")  # 10^-5 of the measure's smallest unit
    price = pl.col("line_dutiable_fen").cast(I128) * UNIT
    above = price * pl.col("threshold_per") >= quantity * pl.col("threshold_fen")
    return [
        pl.when(above).then("rate_1e4").otherwise(0).alias("rate_1e4"),
        (pl.when(above).then("specific_fen").otherwise("below_fen") * quantity).alias("amount"),
        (UNIT * pl.col("specific_per")).alias("per"),
    ]


@lru_cache(maxsize=64)
def _odd(share_1e4: int) -> list[pl.Expr]:
    return [
        pl.col("line_dutiable_fen", "vat_1e4", "consumption_1e4", "per").cast(I128),
        pl.col("amount"),
        pl.when("full").then("tariff_1e4").otherwise(0).cast(I128).alias("duty"),
        pl.when("full").then(10_000).otherwise(share_1e4).cast(I128).alias("share"),
    ]


def _odd_taxes() -> list[pl.Expr]:
    """TAXES of lines at full rates or with an amount by quantity S: exact fractions in 128 bits.

    With the base P(1 + d) + S: consumption tax is base / (1 - c) * c + S, VAT is base / (1 - c) * v, of both the share k. Either
    k is 1 or d is 0, so k(1 + d) is k + d: one factor of 10,000 less, and no product larger than at k = 1.
    """
    c, amount, per, share = (pl.col(name) for name in ("consumption_1e4", "amount", "per", "share"))
    dutiable, duty = pl.col("line_dutiable_fen"), pl.col("duty")
    base = dutiable * (share + duty) * per + share * amount  # the share of it, over 10,000 per
    divisor = 10_000 * per * (10_000 - c)
    taxes = (
        _half_up(dutiable * duty, pl.lit(10_000, I128)),
        _half_up(base * c + share * amount * (10_000 - c), divisor),
        _half_up(base * pl.col("vat_1e4"), divisor),
    )
    return [tax.cast(pl.Int64).alias(name) for name, tax in zip(TAXES, taxes, strict=True)]


LINE = [
    pl.col("m", "line_qty_e5", "content", "term", "tariff_1e4", "vat_1e4", "consumption_1e4"),
    (pl.col("line_totalPrice_e5") // FEN).alias("price"),
]
OF_HEAD = [
    pl.col("line_count", "dutiable_fen"),
    (pl.col("dutiable_fen") - pl.col("order_goodsValue_e5") // FEN).alias("fee"),
]
WEIGHT = _weight()
FLOOR_AND_REST = _floor_and_rest()
LEFT = (pl.col("fee") - pl.col("floor").sum().over("m")).alias("left")
SHARE = _share()
BY_QUANTITY = _quantity_terms()
ODD_TAXES = _odd_taxes()
SUMS = pl.col(TAXES).sum()
TAX = pl.sum_horizontal(TAXES, ignore_nulls=False)
DUE = TAX.alias("tax_due_fen")
KNOWN_ROW = pl.when("known").then(pl.col("known").cum_sum() - 1)
IF_TAXED = pl.when("taxed").then(pl.col(TAXES)).otherwise(0)
LEVIED_LINE = [
    pl.col("m", "position", "line_gnum", "hs_code", *TAXES),
    pl.col("line_dutiable_fen").alias("dutiable_fen"),
]

"""Tax of each line in whole fen: composite within the single limit, full rates for one item above it.

Caiguanshui 2016 No.18 and 2018 No.49; formulas, rounding and what "known" means in decisions.md section 7.
"""

import polars as pl

from pipeline.law import Law
from pipeline.manifests import FEN, I128, UNIT, Manifests, beside

TAXES = ("tariff_fen", "consumption_fen", "vat_fen")
LEVIED = ("dutiable_fen", *TAXES)
READ = (
    "m", "line_totalPrice_e5", "line_qty_e5", "content", "term", "tariff_1e4", "vat_1e4", "consumption_1e4",
)  # fmt: skip


def with_tax(manifests: Manifests, law: Law) -> Manifests:
    """Add to derived manifests the tax that is due if they are not rejected.

    Lines: line_dutiable_fen, tariff_fen, consumption_fen, vat_fen; heads: the last three and their sum tax_due_fen. All
    are null where the tax is not known.
    """
    heads = manifests.heads
    known = heads["tax_known"]
    lines = manifests.lines.select(READ)
    every = known.all()
    taxed = _tax_lines(heads, lines if every else lines.filter(known[lines["m"]]), law)
    totals = pl.DataFrame(beside(heads, taxed.group_by("m").agg(pl.col(TAXES).sum())))
    due = totals.select(*TAXES, tax_due_fen=pl.sum_horizontal(TAXES, ignore_nulls=False))
    columns = taxed.select("line_dutiable_fen", *TAXES)
    if not every:
        row = known[lines["m"]]
        columns = columns.select(pl.all().gather(pl.select(pl.when(row).then(row.cum_sum() - 1)).to_series()))
    return Manifests(heads.hstack(due), manifests.lines.hstack(columns))


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


def _tax_lines(heads: pl.DataFrame, lines: pl.DataFrame, law: Law) -> pl.DataFrame:
    """m, line_dutiable_fen and TAXES of lines (READ) of manifests whose tax is known, in their order."""
    m = lines["m"]
    price = lines["line_totalPrice_e5"] // FEN
    fee = (heads["dutiable_fen"] - heads["order_goodsValue_e5"] // FEN)[m]
    lines = lines.hstack([(price + _shares(m, price, fee, heads["line_count"][m])).alias("line_dutiable_fen")])
    rows = lines["term"].is_not_null().arg_true()
    measured = _by_quantity(lines[rows], law.terms)
    lines = lines.with_columns(lines["consumption_1e4"].scatter(rows, measured["rate_1e4"]))
    consumption, tenths = pl.col("consumption_1e4"), 7 * pl.col("line_dutiable_fen")
    divisor = 10 * (10_000 - consumption)
    taxed = lines.select(
        "m", "line_dutiable_fen",
        tariff_fen=pl.lit(0, pl.Int64),
        consumption_fen=_half_up(tenths * consumption, divisor),
        vat_fen=_half_up(tenths * pl.col("vat_1e4"), divisor),
    )  # fmt: skip
    amount = pl.repeat(0, len(m), dtype=I128, eager=True).scatter(rows, measured["amount"])
    full = (heads["dutiable_fen"] > law.single_limit_fen)[m]
    odd = (full | (amount > 0)).arg_true()
    if not len(odd):
        return taxed
    per = pl.repeat(1, len(m), dtype=pl.Int64, eager=True).scatter(rows, measured["per"])
    besides = [full[odd].alias("full"), amount[odd].alias("amount"), per[odd].alias("per")]
    replaced = _odd_lines(lines[odd].hstack(besides))
    return taxed.with_columns(taxed[name].scatter(odd, replaced[name]) for name in TAXES)


def _by_quantity(lines: pl.DataFrame, terms: pl.DataFrame) -> pl.DataFrame:
    """rate_1e4 and the amount by quantity (`amount` / `per` fen) of lines with a term, by their price for a unit."""
    quantity = pl.col("line_qty_e5").cast(I128) * pl.col("content")  # 10^-5 of the measure's smallest unit
    price = pl.col("line_dutiable_fen").cast(I128) * UNIT
    above = price * pl.col("threshold_per") >= quantity * pl.col("threshold_fen")
    return lines.hstack(terms[lines["term"]]).select(
        rate_1e4=pl.when(above).then("rate_1e4").otherwise(0),
        amount=pl.when(above).then("specific_fen").otherwise("below_fen") * quantity,
        per=UNIT * pl.col("specific_per"),
    )


def _odd_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """TAXES of lines at full rates or with an amount by quantity S: exact fractions in 128 bits.

    With the base P(1 + d) + S: consumption tax is base / (1 - c) * c + S, VAT is base / (1 - c) * v.
    """
    wide = lines.select(
        pl.col("line_dutiable_fen", "vat_1e4", "consumption_1e4", "per").cast(I128),
        "amount",
        duty=pl.when("full").then("tariff_1e4").otherwise(0).cast(I128),
        tenths=pl.when("full").then(10).otherwise(7).cast(I128),
    )
    c, amount, per, tenths = (pl.col(name) for name in ("consumption_1e4", "amount", "per", "tenths"))
    dutiable, duty = pl.col("line_dutiable_fen"), pl.col("duty")
    base = dutiable * (10_000 + duty) * per + 10_000 * amount  # over 10,000 per
    divisor = 10 * 10_000 * per * (10_000 - c)
    return wide.select(
        tariff_fen=_half_up(dutiable * duty, pl.lit(10_000, I128)).cast(pl.Int64),
        consumption_fen=_half_up(tenths * (base * c + 10_000 * amount * (10_000 - c)), divisor).cast(pl.Int64),
        vat_fen=_half_up(tenths * base * pl.col("vat_1e4"), divisor).cast(pl.Int64),
    )


def _shares(m: pl.Series, price: pl.Series, fee: pl.Series, count: pl.Series) -> pl.Series:
    """What each line bears of its manifest's fee; `count`: lines of that manifest. One line bears all."""
    several = ((count > 1) & (fee > 0)).arg_true()
    if not len(several):
        return fee
    lines = pl.DataFrame([m[several].alias("m"), price[several].alias("price"), fee[several].alias("fee")])
    return fee.scatter(several, _share_of_fee(lines))


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

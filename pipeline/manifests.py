"""Complete attempts as one wide table, with the columns that rules may read (decisions.md section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.documents import KINDS, Documents
from pipeline.identity import identity_valid
from pipeline.law import Law

META = ("order_hash", "partition", "offset", "log_time", "digest", "stored")
FEN = 1000  # one fen in 10^-5 units of CNY
UNIT = 100_000  # one in 10^-5 units
I128 = pl.Int128


@dataclass(frozen=True, slots=True)
class Manifests:
    """`heads`: one row a manifest, `m` its number; `lines`: its lines by `m` and `position`, in that order."""

    heads: pl.DataFrame
    lines: pl.DataFrame


def assemble(documents: Documents, complete: pl.DataFrame) -> Manifests:
    """Gather the three documents of each complete attempt into one row, columns prefixed by their kind."""
    parts = [
        documents.of(kind)[complete[kind]].select(pl.all().name.prefix(f"{kind}_")) for kind in KINDS
    ]
    heads = pl.concat(parts, how="horizontal").with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("m"),
        complete["ebp_code"],
        complete["attempt"],
        order_hash="order_order_hash",
        order_no="order_orderNo",
    )
    heads = heads.with_columns(accepted_at=pl.max_horizontal("order_log_time", "payment_log_time", "waybill_log_time"))
    heads = heads.with_columns(
        accepted_on=pl.col("accepted_at").dt.convert_time_zone("Asia/Shanghai").dt.date(),
        completing=_completing(),
    )
    whose = complete.select(document="order").with_row_index("m").with_columns(pl.col("m").cast(pl.UInt32))
    lines = (
        documents.lines.join(whose, on="document")
        .sort("m", "position")
        .select("m", "position", pl.exclude("m", "position", "document").name.prefix("line_"))
    )
    return Manifests(heads, lines)


def take(manifests: Manifests, chosen: pl.Series) -> Manifests:
    """Those heads where `chosen` (Boolean, one a head) is true, with their lines; `m` counts anew."""
    heads = manifests.heads.filter(chosen)
    number = heads.select(old="m").with_row_index("m").with_columns(pl.col("m").cast(pl.UInt32))
    lines = manifests.lines.rename({"m": "old"}).join(number, on="old", maintain_order="left").drop("old")
    return Manifests(
        heads.with_columns(number["m"]), lines.select("m", pl.exclude("m"))
    )


def beside(heads: pl.DataFrame, table: pl.DataFrame) -> list[pl.Series]:
    """The columns of a table with at most one row a manifest, in the order of the heads; null where it has none.

    A join that need not touch the heads, which are far wider.
    """
    return heads.select("m").join(table, on="m", how="left", maintain_order="left").drop("m").get_columns()


def derive(manifests: Manifests, law: Law) -> Manifests:
    """Add the derived columns; `law` brings the goods registry and the rates of the day."""
    lines = _derive_lines(manifests, law)
    sums = lines.group_by("m").agg(
        line_count=pl.len().cast(pl.Int64),
        line_total_sum_e5=_sum_or_null("line_totalPrice_e5"),
        gnum_in_order=(pl.col("line_gnum") == pl.col("position")).all(),
        single_qty_e5=pl.col("line_qty_e5").first(),
        bonded_lines=(pl.col("registered") & pl.col("bonded")).sum(),
        direct_lines=(pl.col("registered") & ~pl.col("bonded")).sum(),
    )
    heads = manifests.heads.with_columns(beside(manifests.heads, sums))
    known = pl.col("line_count").is_not_null()  # an order without lines has no row in sums
    heads = heads.with_columns(
        line_count=pl.col("line_count").fill_null(0),
        line_total_sum_e5=pl.when(known).then("line_total_sum_e5").otherwise(0),
        gnum_in_order=pl.col("gnum_in_order").fill_null(True),
        one_indivisible_item=(pl.col("line_count").fill_null(0) == 1) & (pl.col("single_qty_e5") == UNIT),
        trade_mode=_trade_mode(),
        dutiable_fen=_dutiable_fen(),
        buyer_id_valid=identity_valid(heads["order_buyerIdNumber"]),
        payer_id_valid=identity_valid(heads["payment_payerIdNumber"]),
    ).drop("single_qty_e5", "bonded_lines", "direct_lines")
    heads = heads.with_columns(
        one_indivisible_item=pl.when(pl.col("line_count") == 1)
        .then("one_indivisible_item")
        .otherwise(pl.lit(False))
    )
    return Manifests(heads, lines)


def _derive_lines(manifests: Manifests, law: Law) -> pl.DataFrame:
    lines = manifests.lines.join(
        manifests.heads.select("m", "order_ebcCode"), on="m", how="left", maintain_order="left"
    ).join(
        law.goods,
        left_on=["order_ebcCode", "line_itemNo"],
        right_on=["ebc_code", "item_no"],
        how="left",
        maintain_order="left",
    ).join(law.rates, on="hs_code", how="left", maintain_order="left")  # fmt: skip
    price, qty = pl.col("line_price_e5").cast(I128), pl.col("line_qty_e5").cast(I128)
    # price x qty is in 10^-10 units: half a fen there is 5 * 10^7
    rounded = (2 * price * qty + 2 * 50_000_000).floordiv(2 * 100_000_000) * FEN
    return lines.with_columns(
        registered=pl.col("hs_code").is_not_null(),
        bonded=(pl.col("account_book_item") != "").fill_null(False),
        rated=pl.col("vat_1e4").is_not_null(),
        line_price_times_qty_e5=rounded,
    )


def _sum_or_null(column: str) -> pl.Expr:
    # polars' sum leaves nulls out; a sum with an unknown part is unknown
    return pl.when(pl.col(column).null_count() == 0).then(pl.col(column).sum())


def _trade_mode() -> pl.Expr:
    bonded, direct = pl.col("bonded_lines").fill_null(0) > 0, pl.col("direct_lines").fill_null(0) > 0
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
    parts = [pl.col(c) for c in ("order_goodsValue_e5", "order_freight_e5", "waybill_insuredFee_e5")]
    whole = pl.all_horizontal(*(part % FEN == 0 for part in parts))
    return pl.when(whole).then((parts[0] + parts[1] + parts[2]) // FEN)


def _completing() -> pl.Expr:
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
    accepted = pl.col("accepted_at")
    return (
        pl.when(pl.col("waybill_log_time") == accepted)
        .then(waybill)
        .when(pl.col("payment_log_time") == accepted)
        .then(payment)
        .otherwise(order)
    )

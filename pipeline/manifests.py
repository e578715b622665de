"""Complete attempts as one wide table, with the columns that rules may read (decisions.md section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.documents import KINDS, Documents
from pipeline.identity import identity_valid
from pipeline.law import MEASURES, Law

META = ("order_hash", "partition", "offset", "log_time", "digest", "stored")
FEN = 1000  # one fen in 10^-5 units of CNY
UNIT = 100_000  # one in 10^-5 units
I128 = pl.Int128


@dataclass(frozen=True, slots=True)
class Manifests:
    """`heads`: one row a manifest, `m` its number, which is its row; `lines`: its lines by `m` and `position`, in that order."""

    heads: pl.DataFrame
    lines: pl.DataFrame


def assemble(documents: Documents, complete: pl.DataFrame) -> Manifests:
    """Gather the three documents of each complete attempt into one row, columns prefixed by their kind."""
    gathered = [
        column.alias(f"{kind}_{column.name}")
        for kind in KINDS
        for column in documents.of(kind)[complete[kind]].get_columns()
    ]
    heads = pl.DataFrame([*gathered, complete["ebp_code"], complete["attempt"]])
    heads = heads.hstack(heads.select(accepted_at=pl.max_horizontal("order_log_time", "payment_log_time", "waybill_log_time")))
    own = heads.select(
        m=pl.int_range(pl.len(), dtype=pl.UInt32),
        order_hash="order_order_hash",
        order_no="order_orderNo",
        accepted_on=pl.col("accepted_at").dt.convert_time_zone("Asia/Shanghai").dt.date(),
        completing=_completing(),
    )
    whose = own.select("m", document=complete["order"])
    lines = (
        documents.lines.join(whose, on="document")
        .sort("m", "position")
        .select("m", "position", pl.exclude("m", "position", "document").name.prefix("line_"))
    )
    return Manifests(heads.hstack(own), lines)


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

    Manifest numbers count from 0, so a row number by manifest does what a join would.
    """
    rows = pl.int_range(len(table), dtype=pl.UInt32, eager=True)
    row = pl.Series("row", [None], dtype=pl.UInt32).new_from_index(0, len(heads)).scatter(table["m"], rows)
    return table.select(pl.exclude("m").gather(row)).get_columns()


def derive(manifests: Manifests, law: Law) -> Manifests:
    """Add the derived columns; `law` brings the goods registry and the rates of the day."""
    heads, lines = manifests.heads, _derive_lines(manifests, law)
    registered, bonded = pl.col("registered"), pl.col("bonded")
    sums = lines.group_by("m").agg(
        lines=pl.len().cast(pl.Int64),
        total=pl.col("line_totalPrice_e5").sum(),
        unknown=pl.col("line_totalPrice_e5").null_count(),
        numbered=(pl.col("line_gnum") == pl.col("position")).all(),
        first_qty_e5=pl.col("line_qty_e5").first(),
        bonded=(registered & bonded).any(),
        direct=(registered & ~bonded).any(),
        payable=(pl.col("rated") & pl.col("measured") & (~pl.col("by_quantity") | (pl.col("line_qty_e5") > 0))).all(ignore_nulls=False),
    )
    identities = [heads["order_buyerIdNumber"], heads["payment_payerIdNumber"]]
    valid = identity_valid(pl.concat(column.alias("number") for column in identities))
    read = heads.select("order_goodsValue_e5", "order_freight_e5", "waybill_insuredFee_e5", "order_amount_fine")
    derived = read.hstack(beside(heads, sums)).select(
        # an order without lines has no row in sums
        line_count=pl.col("lines").fill_null(0),
        # polars' sum leaves nulls out; a sum with an unknown part is unknown
        line_total_sum_e5=pl.when(pl.col("unknown").fill_null(0) == 0).then(pl.col("total").fill_null(0)),
        gnum_in_order=pl.col("numbered").fill_null(True),
        one_indivisible_item=pl.when(pl.col("lines") == 1).then(pl.col("first_qty_e5") == UNIT).otherwise(False),
        trade_mode=_trade_mode(),
        dutiable_fen=_dutiable_fen(),
        buyer_id_valid=valid.head(len(heads)),
        payer_id_valid=valid.tail(len(heads)),
        tax_known=_tax_known(law),
    )
    return Manifests(heads.hstack(derived), lines)


def _derive_lines(manifests: Manifests, law: Law) -> pl.DataFrame:
    lines = manifests.lines
    known = (
        lines.select("line_itemNo", ebc_code=manifests.heads["order_ebcCode"][lines["m"]])
        .join(law.goods, left_on=["ebc_code", "line_itemNo"], right_on=["ebc_code", "item_no"], how="left", maintain_order="left")
        .join(law.rates, on="hs8", how="left", maintain_order="left")
        .select(
            "hs_code", "account_book_item", "goods_unit", "content", "tariff_1e4", "vat_1e4", "consumption_1e4",
            # null where the price alone decides the tax, and where the registry states no content
            term=pl.col("item") * len(MEASURES) + pl.col("measure"),
            by_quantity=pl.col("item").is_not_null(),
        )
    )  # fmt: skip
    price, qty = pl.col("line_price_e5").cast(I128), pl.col("line_qty_e5").cast(I128)
    # price x qty is in 10^-10 units: half a fen there is 5 * 10^7
    rounded = (2 * price * qty + 2 * 50_000_000).floordiv(2 * 100_000_000) * FEN
    taxable = law.terms["taxable"].gather(known["term"])
    return lines.hstack(known.drop("goods_unit")).hstack(
        known.hstack(lines.select("line_price_e5", "line_qty_e5", "line_unit")).select(
            registered=pl.col("hs_code").is_not_null(),
            bonded=(pl.col("account_book_item") != "").fill_null(False),
            rated=pl.col("vat_1e4").is_not_null(),
            measured=~pl.col("by_quantity") | (taxable & (pl.col("line_unit") == pl.col("goods_unit"))).fill_null(False),
            line_price_times_qty_e5=rounded,
        )
    )


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
    parts = [pl.col(c) for c in ("order_goodsValue_e5", "order_freight_e5", "waybill_insuredFee_e5")]
    whole = pl.all_horizontal(*(part % FEN == 0 for part in parts))
    return pl.when(whole).then((parts[0] + parts[1] + parts[2]) // FEN)


def _tax_known(law: Law) -> pl.Expr:
    """Whether the tax can be computed; bounds every amount it is computed from by the limits."""
    dutiable = _dutiable_fen()
    one = (pl.col("lines") == 1) & (pl.col("first_qty_e5") == UNIT) & (dutiable <= law.annual_limit_fen)
    sums_up = (pl.col("unknown") == 0) & (pl.col("total") == pl.col("order_goodsValue_e5"))
    known = pl.col("payable") & ~pl.col("order_amount_fine") & sums_up & ((dutiable <= law.single_limit_fen) | one)
    return known.fill_null(False)


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

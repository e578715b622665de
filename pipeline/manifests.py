"""Complete attempts as one wide table, with the columns that rules may read (decisions.md section 5)."""

from dataclasses import dataclass
from functools import lru_cache, partial

import polars as pl

from pipeline import control, goods_before
from pipeline.derived import AMOUNTS, OF_LINE, OF_LINES, OF_MANIFEST, OF_MANIFEST_AND_LINES, tax_known
from pipeline.documents import KINDS, Documents
from pipeline.identity import identity_valid
from pipeline.law import MASS, MEASURES, Law
from pipeline.registry import Registry
from pipeline.sightings import COUNTERS

LINES = [pl.col("m", "position"), pl.exclude("m", "position", "document").name.prefix("line_")]
WHOSE = [pl.int_range(pl.len(), dtype=pl.UInt32).alias("m"), pl.col("order").alias("document")]
PRICED = pl.col("line_price_e5", "line_qty_e5", "line_unit")
OF_GOODS = [
    # null where the price alone decides the tax, and where the registry states no content
    (pl.col("item") * len(MEASURES) + pl.col("measure")).alias("term"),
    pl.when(pl.col("measure") == MASS).then("content").alias("mass_mg"),
    pl.when(pl.col("weight_group").is_not_null() & (pl.col("measure") == MASS)).then("content").alias("unit_mg"),
]
PARTS = pl.col(*AMOUNTS, "order_amount_fine")
LAST_OF_HEAD, FIRST_DERIVED = "counters", "hs_code"  # what heads that were counted end with, and lines that are not derived lack
NO_ROW = pl.Series([None], dtype=pl.UInt32)


@dataclass(frozen=True, slots=True)
class Manifests:
    """`heads`: one row a manifest, `m` its number, which is its row; `lines`: its lines by `m` and `position`, in that order."""

    heads: pl.DataFrame
    lines: pl.DataFrame


def assemble(documents: Documents, complete: pl.DataFrame) -> Manifests:
    """Gather the three documents of each complete attempt into one row, columns prefixed by their kind."""
    gathered = pl.concat([_gathered(documents, kind, complete[kind]) for kind in KINDS], how="horizontal")
    heads = gathered.hstack([complete["ebp_code"], complete["attempt"]])
    lines = documents.lines.join(complete.select(WHOSE), on="document").sort("m", "position").select(LINES)
    return Manifests(heads.hstack(heads.select(OF_MANIFEST)), lines)


def _gathered(documents: Documents, kind: str, rows: pl.Series) -> pl.DataFrame:
    table = documents.of(kind)[rows]
    table.columns = [f"{kind}_{name}" for name in table.columns]
    return table


def take(manifests: Manifests, chosen: pl.Series) -> Manifests:
    """Those heads where `chosen` (Boolean, one a head) is true, with their lines; `m` counts anew."""
    heads = manifests.heads.filter(chosen)
    number = heads.select(old="m").with_row_index("m").with_columns(pl.col("m").cast(pl.UInt32))
    lines = manifests.lines.rename({"m": "old"}).join(number, on="old", maintain_order="left").drop("old")
    return Manifests(
        heads.with_columns(number["m"]), lines.select("m", pl.exclude("m"))
    )


def goods_of(manifests: Manifests, registry: Registry, rows: pl.Series) -> pl.DataFrame:
    """goods_before.GOODS of the lines of some manifests."""
    lines = manifests.lines.filter(pl.col("m").is_in(rows.implode()))
    goods = registry.goods_of(manifests.heads["order_ebcCode"][lines["m"]], lines["line_itemNo"])
    return lines.hstack([goods["hs_code"]]).select(goods_before.OF_LINES)


def underived(manifests: Manifests) -> Manifests:
    """As they were when they had been counted, of derived ones: what is derived stands behind."""
    heads, lines = manifests.heads, manifests.lines
    return Manifests(heads[:, : heads.columns.index(LAST_OF_HEAD) + 1], lines[:, : lines.columns.index(FIRST_DERIVED)])


def beside(heads: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The columns but `m` of a table with at most one row a manifest, in the order of the heads; null where it has none.

    Manifest numbers count from 0, so a row number by manifest does what a join would.
    """
    rows = pl.int_range(len(table), dtype=pl.UInt32, eager=True)
    found = table[NO_ROW.new_from_index(0, len(heads)).scatter(table["m"], rows)]
    found.drop_in_place("m")
    return found


def derive(manifests: Manifests, law: Law, registry: Registry) -> Manifests:
    """Add the derived columns; `law` brings the rates of the day."""
    heads, lines = manifests.heads, _derive_lines(manifests, law, registry)
    valid = identity_valid(pl.concat([heads["order_buyerIdNumber"], heads["payment_payerIdNumber"]]))
    sums = beside(heads, lines.group_by("m").agg(OF_LINES))
    derived = heads.select(PARTS).hstack(sums).select(_of_manifest(law))
    before = goods_before.columns(heads["counters"], len(COUNTERS), lines, law.control)
    both_valid = [valid.head(len(heads)).alias("buyer_id_valid"), valid.tail(len(heads)).alias("payer_id_valid")]
    return Manifests(heads.hstack(derived).hstack(before).hstack(both_valid).hstack(registry.firms_of(heads)), lines)


@lru_cache(maxsize=64)
def _of_manifest(law: Law) -> list[pl.Expr]:
    return [*OF_MANIFEST_AND_LINES, tax_known(law.single_limit_fen, law.annual_limit_fen)]


def _derive_lines(manifests: Manifests, law: Law, registry: Registry) -> pl.DataFrame:
    lines = manifests.lines
    goods = registry.goods_of(manifests.heads["order_ebcCode"][lines["m"]], lines["line_itemNo"])
    known = goods.join(registry.once(law, partial(_codes, law)), on="hs8", how="left", maintain_order="left").with_columns(OF_GOODS)
    known = known.hstack([law.terms["taxable"].gather(known["term"]), *lines.select(PRICED)])
    controlled = control.of_lines(lines.hstack(known.select("hs8", "origin", "brand")), known["particular"], law.control)
    return lines.hstack(known.select(OF_LINE)).hstack(controlled)


def _codes(law: Law, registry: Registry) -> pl.DataFrame:
    """What the day says of each first eight digits of an HS code in the registry: rates, null where there are none; the lists
    of goods control; weight group and cap, null where the weight is not limited."""
    codes = control.by_hs8(registry.goods["hs8"], law.control)
    codes = codes.join(law.rates, on="hs8", how="left", maintain_order="left")
    group, cap = pl.lit(None, pl.String), pl.lit(None, pl.Int64)
    for x in law.weight_caps:
        of_it = pl.any_horizontal(pl.col("hs8").str.starts_with(prefix) for prefix in x.hs8)
        group, cap = pl.when(of_it).then(pl.lit(x.group)).otherwise(group), pl.when(of_it).then(x.cap_mg).otherwise(cap)
    return codes.with_columns(group.alias("weight_group"), cap.alias("cap_mg"))

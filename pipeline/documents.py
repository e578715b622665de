"""The documents a batch looks at: those that just came and those stored before, as three tables.

Each table has the wire fields of its kind (decimals as `<field>_e5`, see docs/decisions.md) and
`order_hash` i64, `partition` i16, `offset` i64, `log_time` ms UTC, `digest` 16 bytes, `stored` bool.
Its row number is the document's index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

KINDS = ("order", "payment", "waybill")
NUMBERS = range(1, len(KINDS) + 1)  # of kinds, as tables have them
BIT = {"order": 1, "payment": 2, "waybill": 4}
MILLISECONDS = pl.Datetime("ms", "UTC")
LONGEST_IDENTITY = 200  # bytes of ebpCode and of orderNo: they stand in keys, and an index entry has bounds


@dataclass(frozen=True, slots=True)
class Documents:
    """`lines`: the order lines, `document` u32 = row number of their order, `position` from 1."""

    order: pl.DataFrame
    payment: pl.DataFrame
    waybill: pl.DataFrame
    lines: pl.DataFrame

    def __len__(self) -> int:
        return len(self.order) + len(self.payment) + len(self.waybill)

    def of(self, kind: str) -> pl.DataFrame:
        return {"order": self.order, "payment": self.payment, "waybill": self.waybill}[kind]

    def only(self, hashes: pl.Series) -> "Documents":
        """The documents of some order numbers, numbered anew."""
        if not len(hashes):
            return Documents(self.order.clear(), self.payment.clear(), self.waybill.clear(), self.lines.clear())
        chosen = among(hashes)
        orders = self.order.with_row_index("document").filter(chosen)
        number = orders.drop_in_place("document").to_frame().with_row_index("new")
        lines = self.lines.join(number, on="document", maintain_order="left")
        lines.replace_column(lines.get_column_index("document"), lines.drop_in_place("new").alias("document"))
        return Documents(orders, self.payment.filter(chosen), self.waybill.filter(chosen), lines)

    def hashes(self) -> pl.Series:
        """order_hash of every document, each once."""
        return pl.concat(self.of(kind)["order_hash"] for kind in KINDS).unique()


def among(hashes: pl.Series) -> pl.Expr:
    """Whether a row's order_hash is one of these."""
    return pl.col("order_hash").is_in(pl.lit(hashes).implode())


def together(parts: Sequence[Documents]) -> Documents:
    """Documents of several origins as one, numbered on; at least one part."""
    if len(parts) == 1:
        return parts[0]
    lines: list[pl.DataFrame] = []
    first = 0
    for part in parts:
        lines.append(part.lines.with_columns((pl.col("document") + first).cast(pl.UInt32)) if first else part.lines)
        first += len(part.order)
    tables = (pl.concat(part.of(kind) for part in parts) for kind in KINDS)
    return Documents(*tables, lines=pl.concat(lines))


@cache
def identity_code(key: str = "key") -> pl.Expr:
    """DL-03 or DL-04 for a decoded document with its Kafka key, null when the document has its identity."""
    no_order = pl.col("orderNo") == ""
    no_platform = (pl.col("ebpCode") == "") & ~pl.col("may_lack_platform")
    ambiguous = pl.col("ebpCode").str.contains("|", literal=True)  # two orders would have one key, and one decisionId
    expected = pl.concat_str("ebpCode", pl.lit("|"), "orderNo").cast(pl.Binary)
    too_long = pl.max_horizontal(pl.col("ebpCode", "orderNo").str.len_bytes()) > LONGEST_IDENTITY
    return (
        pl.when(no_order | no_platform | too_long | ambiguous)
        .then(pl.lit("DL-03"))
        .when(pl.col(key).is_null() | (pl.col(key) != expected))
        .then(pl.lit("DL-04"))
    )

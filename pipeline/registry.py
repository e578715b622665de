"""The registry: enterprises by role, goods items, who stands behind the orders of a firm on a platform, guarantees, and
inspections that failed.

It changes in numbered versions; a batch is decided by one of them (docs/decisions.md section 9).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import polars as pl

from pipeline.classes import GENERAL

Role = Literal["platform", "ecommerce", "payment", "carrier", "declarant", "warehouse", "guarantor"]
ENTERPRISE = {"role": pl.String, "code": pl.String, "class": pl.String, "enterprise_status": pl.String}
GOODS = {
    "ebc_code": pl.String, "item_no": pl.String, "hs_code": pl.String, "hs8": pl.String, "account_book_item": pl.String,
    "goods_unit": pl.String, "content": pl.Int64, "measure": pl.Int32, "item_status": pl.String,
    "price_low_fen": pl.Int64, "price_high_fen": pl.Int64, "origin": pl.String, "brand": pl.String,
}  # fmt: skip
RELATION = {
    "ebp_code": pl.String, "ebc_code": pl.String, "guarantor_code": pl.String, "declarant_code": pl.String,
    "warehouse_code": pl.String, "customs_code": pl.String, "relation_status": pl.String,
}  # fmt: skip
INSTRUMENT = {
    "guarantor_code": pl.String, "instrument_no": pl.String, "amount_fen": pl.Int64, "valid_from": pl.Date, "valid_to": pl.Date,
    "instrument_status": pl.String,
}  # fmt: skip
INSPECTION = {"decision_id": pl.Binary, "item_no": pl.String, "order_no": pl.String}
STOCK = {
    "book_item": pl.String, "stock_unit": pl.String, "entered_e5": pl.Int64, "valid_from": pl.Date, "valid_to": pl.Date,
    "stock_status": pl.String,
}  # fmt: skip
COUNT = {"book_item": pl.String, "counted_e5": pl.Int64}
ACTIVE = "active"
LAWS_KEPT = 4  # two days, and as many of a rule set that is tried
SEEDS = 64  # tried for one under which no two of the registered keys have one hash: that the first is none is a rare thing
KEYS = {
    "enterprises": ("role", "code"), "goods": ("ebc_code", "item_no"), "relations": ("ebp_code", "ebc_code"),
    "instruments": ("guarantor_code", "instrument_no"), "inspections": ("decision_id", "item_no"), "stock": ("book_item",),
    "counts": ("book_item",),
}  # fmt: skip
SCHEMAS = {
    "enterprises": ENTERPRISE, "goods": GOODS, "relations": RELATION, "instruments": INSTRUMENT, "inspections": INSPECTION, "stock": STOCK,
    "counts": COUNT,
}  # fmt: skip
# Manifest column that names a firm → (its role, the column that gets its status; empty: not registered).
NAMED = {
    "order_ebpCode": ("platform", "platform_status"),
    "order_ebcCode": ("ecommerce", "ecommerce_status"),
    "payment_payCode": ("payment", "payment_firm_status"),
    "waybill_logisticsCode": ("carrier", "carrier_status"),
}
CLASSED = {"order_ebcCode": ("ecommerce", "ecommerce_class"), "order_ebpCode": ("platform", "platform_class")}
BEHIND = {"declarant_code": "declarant", "guarantor_code": "guarantor", "warehouse_code": "warehouse"}
BY = ["order_ebpCode", "order_ebcCode"]
RELATED = pl.any_horizontal(
    pl.col("guarantor_code") == pl.col(name) for name in ("order_ebpCode", "order_ebcCode", "waybill_logisticsCode")
).alias("guarantor_related")
# What is known of the orders of two firms that filed nothing together.
UNFILED = pl.col(
    "guarantor_code", "declarant_code", "warehouse_code", "customs_code", "relation_status",
    *(f"{role}_status" for role in BEHIND.values()),
).fill_null("")  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """One version. `enterprises`, `goods`, `relations`, `instruments`, `inspections` (that failed), `stock`, `counts`: as in SCHEMAS,
    each key once; `stock` by name."""

    version: int = 0
    enterprises: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ENTERPRISE))
    goods: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=GOODS))
    relations: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=RELATION))
    instruments: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=INSTRUMENT))
    inspections: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=INSPECTION))
    stock: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STOCK))
    counts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COUNT))
    _statuses: list[pl.Expr] = field(init=False)
    _behind: pl.DataFrame = field(init=False)
    _places: "_Places" = field(init=False)
    _guaranteed: dict[date, pl.DataFrame] = field(init=False)
    _stocked: pl.Series = field(init=False)
    _entered: dict[date, pl.DataFrame] = field(init=False)
    _kept: dict[Hashable, pl.DataFrame] = field(init=False)

    def __post_init__(self) -> None:
        set_field = object.__setattr__  # frozen to everybody else
        set_field(self, "_statuses", [self._known(column, role, "enterprise_status", "", name) for column, (role, name) in NAMED.items()]
            + [self._known(column, role, "class", GENERAL, name) for column, (role, name) in CLASSED.items()])
        set_field(self, "_behind", self._relations_with_statuses())
        set_field(self, "_places", _Places.of(self.goods))
        set_field(self, "_guaranteed", {})
        set_field(self, "_stocked", self._rows_of_stock(self.goods["account_book_item"]))
        set_field(self, "_entered", {})
        set_field(self, "_kept", {})

    def changed(self, version: int, **entries: Sequence[tuple[Any, ...]]) -> "Registry":
        """The next version: `entries`, rows by the name of their table, later ones instead of earlier ones of their key."""
        tables = {name: getattr(self, name) for name in SCHEMAS}
        for name, rows in entries.items():
            if rows:
                new = pl.DataFrame(rows, schema=SCHEMAS[name], orient="row")
                tables[name] = pl.concat([tables[name], new]).unique(KEYS[name], keep="last")
        return Registry(version, **tables | {"stock": tables["stock"].sort("book_item")})

    def firms_of(self, heads: pl.DataFrame) -> pl.DataFrame:
        """The registry's columns of manifests: status of every firm named in the documents or standing behind them."""
        statuses = heads.select(*self._statuses)
        named = heads.select(*BY, "waybill_logisticsCode")
        behind = named.join(self._behind, left_on=BY, right_on=["ebp_code", "ebc_code"], how="left", maintain_order="left")
        return statuses.hstack(behind.select(UNFILED, RELATED.fill_null(False)))

    def goods_of(self, ebc_codes: pl.Series, item_nos: pl.Series) -> pl.DataFrame:
        """GOODS of each line in its order, and `stock`, the row of its stock; null where the item is not registered, or no stock."""
        rows = self._places.rows(ebc_codes, item_nos)
        found = self.goods[rows].hstack([self._stocked.gather(rows)])
        same = (found["ebc_code"] == ebc_codes) & (found["item_no"] == item_nos)
        return found.select(pl.when(same).then(pl.all())) if not same.all() else found

    def guarantees_on(self, day: date, guarantors: pl.Series) -> pl.Series:
        """`guarantee_limit_fen`: what the instruments of each guarantor valid on a day add up to; 0 without any."""
        if (known := self._guaranteed.get(day)) is None:
            valid = (pl.col("valid_from") <= day) & (pl.col("valid_to") >= day) & (pl.col("instrument_status") == "active")
            known = self.instruments.filter(valid).group_by("guarantor_code").agg(pl.col("amount_fen").sum())
            self._guaranteed[day] = known
        beside = guarantors.to_frame("guarantor_code").join(known, on="guarantor_code", how="left", maintain_order="left")
        return beside["amount_fen"].fill_null(0).alias("guarantee_limit_fen")

    def once(self, law: Hashable, make: Callable[["Registry"], pl.DataFrame]) -> pl.DataFrame:
        """What a law makes of this version: made when it is first asked for, and gone with the version, which is large."""
        if (known := self._kept.get(law)) is None:
            while len(self._kept) >= LAWS_KEPT:
                del self._kept[next(iter(self._kept))]
            known = self._kept[law] = make(self)
        return known

    def items_out(self) -> pl.DataFrame:
        """`ebc_code` and `item_no` of the items that are filed and not active: suspended, revoked, recalled."""
        return self.goods.filter(pl.col("item_status") != ACTIVE).select(KEYS["goods"])

    def firms_out(self) -> pl.DataFrame:
        """`role` and `code` of the firms that are filed and not active; such relations by the role `relation` and both codes."""
        relations = self.relations.filter(pl.col("relation_status") != ACTIVE)
        both = pl.concat_str(*KEYS["relations"], separator="|").alias("code")
        firms = self.enterprises.filter(pl.col("enterprise_status") != ACTIVE).select(KEYS["enterprises"])
        return pl.concat([firms, relations.select(pl.lit("relation").alias("role"), both)])

    def entered_on(self, day: date, rows: pl.Series, units: pl.Series) -> pl.Series:
        """`entered_e5` of lines: what was entered in all of the stock in this row, where that is valid on a day and counted in
        the line's unit; null elsewhere."""
        if rows.null_count() == len(rows):
            return pl.Series("entered_e5", [None], dtype=pl.Int64).new_from_index(0, len(rows))
        if (known := self._entered.get(day)) is None:
            valid = (pl.col("valid_from") <= day) & (pl.col("valid_to") >= day) & (pl.col("stock_status") == "active")
            known = self._entered[day] = self.stock.select("stock_unit", pl.when(valid).then("entered_e5"))
        found = known[rows]
        return found.select(pl.when(pl.col("stock_unit") == units).then("entered_e5")).to_series()

    def entered_of(self, book_items: pl.Series, day: date, units: pl.Series | None = None) -> pl.Series:
        """The same of stock that is named; in whatever unit it is counted in where none is asked for."""
        return self.entered_on(day, self._rows_of_stock(book_items), self.stock_units(book_items) if units is None else units)

    def stock_units(self, book_items: pl.Series) -> pl.Series:
        """`stock_unit`: the unit each is counted in; null where nothing is filed."""
        return self.stock["stock_unit"].gather(self._rows_of_stock(book_items))

    def _rows_of_stock(self, book_items: pl.Series) -> pl.Series:
        names = self.stock["book_item"]
        if not len(names):
            return pl.repeat(None, len(book_items), dtype=pl.UInt32, eager=True).alias("stock")
        rows = names.search_sorted(book_items).clip(upper_bound=len(names) - 1)
        same = names.gather(rows) == book_items
        return pl.select(pl.when(same).then(rows)).to_series().alias("stock")

    def _known(self, column: str, role: str, what: str, default: str, name: str) -> pl.Expr:
        firms = self.enterprises.filter((pl.col("role") == role) & (pl.col(what) != default))
        return pl.col(column).replace_strict(firms["code"], firms[what], default=default, return_dtype=pl.String).alias(name)

    def _relations_with_statuses(self) -> pl.DataFrame:
        behind = self.relations
        for column, role in BEHIND.items():
            firms = self.enterprises.filter(pl.col("role") == role).select("code", pl.col("enterprise_status").alias(f"{role}_status"))
            behind = behind.join(firms, left_on=column, right_on="code", how="left", maintain_order="left")
        return behind


@dataclass(frozen=True, slots=True)
class _Places:
    """Finds rows of goods by hashes of their keys: a hundred thousand keys are not to be hashed anew for each batch.

    The registered keys have different hashes; what is found by another key's hash is told by its key.
    """

    seed: int
    hashes: pl.Series
    order: pl.Series

    @classmethod
    def of(cls, goods: pl.DataFrame) -> "_Places":
        keys = goods["ebc_code"], goods["item_no"]
        seed, hashes = next((seed, hashes) for seed in range(SEEDS) if not (hashes := _hashes(*keys, seed)).is_duplicated().any())
        order = hashes.arg_sort()
        return cls(seed, hashes[order], order)

    def rows(self, ebc_codes: pl.Series, item_nos: pl.Series) -> pl.Series:
        """A row for each key: the one it has if it is registered. Null in an empty registry."""
        if not len(self.hashes):
            return pl.repeat(None, len(item_nos), dtype=pl.UInt32, eager=True)
        at = self.hashes.search_sorted(_hashes(ebc_codes, item_nos, self.seed))
        return self.order[at.clip(upper_bound=len(self.hashes) - 1)]


def _hashes(ebc_codes: pl.Series, item_nos: pl.Series, seed: int) -> pl.Series:
    return ebc_codes.hash(2 * seed) ^ item_nos.hash(2 * seed + 1)

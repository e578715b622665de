"""What goods a person had in other orders of the last 30 days: quantities beyond self-use, the same goods again and again
(decisions.md section 13).

Only who comes back with goods of the same chapter costs anything. What was found is kept with the decision, by HS code and
unit and whatever the law: another rule set, or the same one later, reads the same figures.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.control import Control
from pipeline.derived import UNIT

DAY = 86_400_000  # ms
CHAPTER = pl.col("hs8") // 1_000_000  # two digits; no list covers more than one
ORDERS = -1  # in place of a unit: of how many other orders, not how much
KEPT = np.dtype([("hs8", ">i4"), ("unit", ">i2"), ("day", ">i8"), ("month", ">i8")])
GOODS = {"source": pl.Int64, "hs8": pl.Int32, "unit": pl.Int16, "qty_e5": pl.Int64}
"""A line of the manifest `source`: first eight digits of its HS code, its unit (null: not three digits) and quantity."""
STORED_GOODS = pl.DataFrame(schema=GOODS)
MEETINGS = {"m": pl.Int64, "order": pl.Int64, "age": pl.Int64, "source": pl.Int64}
SAME = ["m", "hs8"]
MOST = 10**14  # of a quantity, in 10⁻⁵: no limit is near it, and sums over codes and orders fit
NONE = {"same_goods_orders_24h": 1, "same_goods_orders_30d": 1, "self_use_day_exceeded": False, "self_use_month_exceeded": False}
"""The columns, as they are for whoever had none of it before."""
KINDS = {name: pl.Boolean if isinstance(value, bool) else pl.Int32 for name, value in NONE.items()}


def as_goods(source: str, hs_code: str, unit: str, qty_e5: str) -> list[pl.Expr]:
    """GOODS of columns by these names; `hs_code`: ten digits, null where nothing is registered."""
    three_digits = pl.col(unit).str.contains("^[0-9]{3}$")
    return [
        pl.col(source).cast(pl.Int64).alias("source"),
        pl.col(hs_code).str.slice(0, 8).cast(pl.Int32).alias("hs8"),
        pl.when(three_digits).then(pl.col(unit)).cast(pl.Int16).alias("unit"),
        pl.col(qty_e5).alias("qty_e5"),
    ]


OF_LINES = as_goods("m", "hs_code", "line_unit", "line_qty_e5")


def meetings(m: NDArray[np.int64], order: NDArray[np.int64], age: NDArray[np.int64], source: NDArray[np.int64]) -> pl.DataFrame:
    """MEETINGS: that the person of manifest `m` was seen `age` ms before, with the manifest `source` of another `order`."""
    return pl.DataFrame(dict(zip(MEETINGS, (m, order, age, source), strict=True)), schema=MEETINGS)


def packed(
    of_stored: pl.DataFrame, of_batch: pl.DataFrame, stored: pl.DataFrame, goods_of: Callable[[pl.Series], pl.DataFrame]
) -> dict[int, bytes]:
    """Rows of KEPT of each manifest, by `m`. `of_stored`: MEETINGS with what is `stored`, `of_batch`: with others of the batch,
    whose GOODS `goods_of` says."""
    rows = pl.concat([of_stored["m"], of_batch["m"], of_batch["source"]]).unique()
    own = goods_of(rows).drop_nulls("hs8")
    had = pl.concat([of_stored.join(stored, on="source").with_columns(kept=True), of_batch.join(own, on="source").with_columns(kept=False)])
    had = had.join(own.select(pl.col("source").alias("m"), CHAPTER).unique(), left_on=["m", CHAPTER], right_on=["m", "hs8"], how="semi")
    if not len(had):
        return {}
    in_day = pl.col("age") < DAY
    other = pl.col("order")
    of_orders = had.group_by(SAME).agg(other.filter(in_day).n_unique().alias("day"), other.n_unique().alias("month"))
    counted = had.filter(pl.col("unit").is_not_null() & (pl.col("qty_e5") > 0))
    attempts = counted.group_by(*SAME, "unit", "order", "kept", "source").agg(pl.col("qty_e5").sum().clip(upper_bound=MOST), pl.col("age").first())
    of_goods = (
        attempts.group_by(*SAME, "unit", "order")  # of several attempts of an order the one with most
        .agg(pl.col("qty_e5").filter(in_day).max().fill_null(0).alias("day"), pl.col("qty_e5").max().alias("month"))
        .group_by(*SAME, "unit").agg(pl.col("day", "month").sum().clip(upper_bound=MOST))
    )  # fmt: skip
    names = ["hs8", "unit", "day", "month"]
    orders = of_orders.select("m", "hs8", pl.lit(ORDERS, pl.Int16).alias("unit"), pl.col("day", "month").cast(pl.Int64))
    found = pl.concat([orders, of_goods.select("m", *names)]).sort("m", "hs8", "unit")
    table = np.empty(len(found), KEPT)
    for name in names:
        table[name] = found[name].to_numpy()
    manifests, first = np.unique(found["m"].to_numpy(), return_index=True)
    return {m: part.tobytes() for m, part in zip(manifests.tolist(), np.split(table, first[1:]), strict=True)}


def columns(counters: pl.Series, counted: int, lines: pl.DataFrame, control: Control) -> list[pl.Series]:
    """Columns as in NONE of manifests in their order. `counters`: as they are kept, rows of KEPT after `counted` bytes;
    `lines`: derived ones."""
    found = {name: pl.Series(name, [value], dtype=KINDS[name]).new_from_index(0, len(counters)) for name, value in NONE.items()}
    rows = (counters.bin.size() > counted).fill_null(False).arg_true()
    if len(rows):
        had = kept(rows, counters[rows].to_list(), counted)
        own = lines.filter(pl.col("m").is_in(rows.implode())).select(OF_LINES).rename({"source": "m"}).drop_nulls("hs8")
        for table in (_same_goods(own, had), _beyond_self_use(own, had, control)):
            for name in table.columns[1:]:
                found[name] = found[name].scatter(table["m"], table[name])
    return list(found.values())


def kept(rows: pl.Series, counters: list[bytes], counted: int) -> pl.DataFrame:
    """Rows of KEPT, which stand after `counted` bytes, as a table; `m`: of `rows`, one for each of the `counters`."""
    table = np.frombuffer(b"".join(of_it[counted:] for of_it in counters), KEPT)
    m = np.repeat(rows.to_numpy(), [(len(of_it) - counted) // KEPT.itemsize for of_it in counters])
    native = {name: table[name].astype(table.dtype[name].newbyteorder("=")) for name in KEPT.names or ()}
    return pl.DataFrame({"m": m.astype(np.int64), **native})


def _same_goods(own: pl.DataFrame, had: pl.DataFrame) -> pl.DataFrame:
    again = own.select(SAME).unique().join(had.filter(pl.col("unit") == ORDERS), on=SAME)
    return again.group_by("m").agg((pl.col(of).max() + 1).cast(pl.Int32).alias(name) for of, name in zip(("day", "month"), NONE, strict=False))


def _beyond_self_use(own: pl.DataFrame, had: pl.DataFrame, control: Control) -> pl.DataFrame:
    """Of the goods that an entry covers, in one unit: whether this parcel is too much with what was had before."""
    most = [
        (n, int(unit), day.get(unit), month.get(unit))
        for n, (_, day, month) in enumerate(control.self_use_time)
        for unit in sorted({*day, *month})
    ]
    entry = pl.lit(None, pl.Int32)
    for n, (code, _, _) in enumerate(control.self_use_time):
        entry = pl.when(pl.col("hs8") // 10 ** (8 - len(code)) == int(code)).then(n).otherwise(entry)
    by = ["m", "entry", "unit"]
    mine = own.with_columns(entry.alias("entry")).group_by(by).agg(pl.col("qty_e5").clip(lower_bound=0).sum())
    before = had.with_columns(entry.alias("entry")).group_by(by).agg(pl.col("day", "month").sum())
    limits = pl.DataFrame(most, {"entry": pl.Int32, "unit": pl.Int16, "day_most": pl.Int64, "month_most": pl.Int64}, orient="row")
    both = mine.join(before, on=by).join(limits, on=by[1:])
    exceeded = [
        ((pl.col(of) > 0) & (pl.col(of) + pl.col("qty_e5") > pl.col(f"{of}_most") * UNIT)).fill_null(False).any().alias(f"self_use_{of}_exceeded")
        for of in ("day", "month")
    ]
    return both.group_by("m").agg(exceeded)

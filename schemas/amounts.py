"""Decoded decimals become bound-checked integers of 10^-5 units (docs/decisions.md section 1)."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.packed import Vector

MONEY = {
    "goodsValue", "freight", "discount", "taxTotal", "actualPaid", "price", "totalPrice", "amountPaid", "insuredFee",
}  # fmt: skip
QUANTITY = {"qty", "weight"}
BOUND_E5 = 10**14  # CNY 10^9, or 10^9 units, in 10^-5
FEN_E5 = 1000
Flags = NDArray[np.bool_]


def bounded(table: pl.DataFrame) -> tuple[pl.DataFrame, Flags, Flags]:
    """The table with each decimal as `<field>_e5` behind the other columns, null when out of bounds; and of each row
    whether any of its decimals is out of bounds, or too fine."""
    out, fine = np.zeros(len(table), np.bool_), np.zeros(len(table), np.bool_)
    decimals = [name for name in table.columns if name in MONEY or name in QUANTITY]
    amounts = [_bounded(table[name], out, fine) for name in decimals]
    return table[[name for name in table.columns if name not in decimals]].hstack(amounts), out, fine


def _bounded(column: pl.Series, out: Flags, fine: Flags) -> pl.Series:
    values, beyond = column.to_numpy(), np.empty(len(column), np.bool_)
    values.flags.writeable = False  # or the loop would be compiled twice
    if _judge(values, column.name in MONEY, beyond, out, fine):
        column = pl.select(pl.when(~pl.Series(beyond)).then(column).alias(column.name)).to_series()
    return column.alias(f"{column.name}_e5")


@compiled
def _judge(values: Vector, money: bool, beyond: Flags, out: Flags, fine: Flags) -> int:
    """How many are out of bounds, and which."""
    lowest, count = (0 if money else -BOUND_E5), 0
    for row in range(len(values)):
        beyond[row] = values[row] > BOUND_E5 or values[row] < lowest
        count += beyond[row]
        out[row] |= beyond[row]
        fine[row] |= money and not beyond[row] and values[row] % FEN_E5 != 0
    return count

"""Decoded decimals become bound-checked integers of 10^-5 units (docs/decisions.md section 1)."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
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


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of a table's rows: each decimal as Int64 `<field>_e5`, null when out of bounds; whether any of them is out of
    bounds, and whether any is too fine."""

    columns: dict[str, pa.Array]
    out: Flags
    fine: Flags


def bounded(table: pl.DataFrame) -> Amounts:
    """Judge the decimals among the columns of the table; they have no nulls."""
    names = [name for name in table.columns if name in MONEY or name in QUANTITY]
    values = np.ascontiguousarray(table[:, names].to_numpy().T)
    values.flags.writeable = False  # or the loop would be compiled twice
    beyond, out, fine = np.empty(values.shape, np.bool_), np.zeros(len(table), np.bool_), np.zeros(len(table), np.bool_)
    counts = _judge(values, np.array([name in MONEY for name in names]), beyond, out, fine)
    columns = {
        f"{name}_e5": pa.array(values[n], mask=beyond[n] if counts[n] else None) for n, name in enumerate(names)
    }
    return Amounts(columns, out, fine)


@compiled
def _judge(values: Vector, money: Flags, beyond: Flags, out: Flags, fine: Flags) -> Vector:
    """`values`, `beyond`: (decimals, rows). Which are out of bounds, and how many of each decimal."""
    counts = np.zeros(len(values), np.int64)
    for n in range(len(values)):
        lowest = 0 if money[n] else -BOUND_E5
        for row in range(len(out)):
            beyond[n, row] = values[n, row] > BOUND_E5 or values[n, row] < lowest
            counts[n] += beyond[n, row]
            out[row] |= beyond[n, row]
            fine[row] |= money[n] and not beyond[n, row] and values[n, row] % FEN_E5 != 0
    return counts

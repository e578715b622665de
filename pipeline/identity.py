"""Resident identity numbers (GB 11643-1999): shape, birth date and check character, over whole columns."""

import numpy as np
import polars as pl

WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
CHECK_CHARACTERS = np.frombuffer(b"10X98765432", np.uint8)  # by the weighted sum of the other digits, modulo 11


def identity_valid(numbers: pl.Series) -> pl.Series:
    """True where the 18 characters are right; false for any other text; null stays null."""
    shaped = numbers.str.contains(r"^[0-9]{17}[0-9X]$")
    safe = pl.select(pl.when(shaped).then(numbers).otherwise(pl.lit("0" * 18))).to_series()
    characters = np.frombuffer("".join(safe.to_list()).encode(), np.uint8).reshape(-1, 18)
    total = (characters[:, :17] - ord("0")) @ WEIGHTS % 11
    checked = pl.Series(CHECK_CHARACTERS[total] == characters[:, 17])
    born = safe.str.slice(6, 8).str.to_date("%Y%m%d", strict=False).dt.year() >= 1900
    return shaped & checked & born.fill_null(False)

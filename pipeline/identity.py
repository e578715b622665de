"""Resident identity numbers (GB 11643-1999): shape, birth date and check character, over whole columns."""

import polars as pl

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = pl.Series(list("10X98765432"))  # by the weighted sum of the other digits, modulo 11

SHAPED = pl.col("number").str.contains(r"^[0-9]{17}[0-9X]$").alias("shaped")
SAFE = pl.when("shaped").then("number").otherwise(pl.lit("0" * 18)).alias("safe")
PARTS = [
    pl.col("shaped"),
    pl.col("safe").str.slice(0, 17).cast(pl.Int64).alias("digits"),
    pl.col("safe").str.slice(17, 1).alias("check"),
    pl.col("safe").str.slice(6, 8).str.to_date("%Y%m%d", strict=False).alias("birth"),
]
TOTAL = pl.sum_horizontal(
    pl.col("digits") // 10 ** (16 - place) % 10 * weight for place, weight in enumerate(WEIGHTS)
)
VALID = (
    pl.col("shaped")
    & (pl.col("check") == pl.lit(CHECK_CHARACTERS).gather(TOTAL % 11))
    & (pl.col("birth").dt.year() >= 1900).fill_null(False)
)


def identity_valid(numbers: pl.Series) -> pl.Series:
    """True where the 18 characters are right; false for any other text; null stays null."""
    # in steps, or the digits would be cut out once for each place
    steps = numbers.to_frame("number").with_columns(SHAPED).with_columns(SAFE).select(PARTS)
    return steps.select(VALID).to_series()

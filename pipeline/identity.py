"""Resident identity numbers (GB 11643-1999): shape, birth date and check character, over whole columns."""

import polars as pl

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = pl.Series(list("10X98765432"))  # by the weighted sum of the other digits, modulo 11


def identity_valid(numbers: pl.Series) -> pl.Series:
    """True where the 18 characters are right; false for any other text; null stays null."""
    shaped = numbers.str.contains(r"^[0-9]{17}[0-9X]$")
    safe = pl.select(n=pl.when(shaped).then(numbers).otherwise(pl.lit("0" * 18)))
    # in steps, or the digits would be cut out once for each place
    parts = safe.select(
        digits=pl.col("n").str.slice(0, 17).cast(pl.Int64),
        check=pl.col("n").str.slice(17, 1),
        birth=pl.col("n").str.slice(6, 8).str.to_date("%Y%m%d", strict=False),
    )
    total = parts.select(
        pl.sum_horizontal(
            pl.col("digits") // 10 ** (16 - place) % 10 * weight for place, weight in enumerate(WEIGHTS)
        )
        % 11
    ).to_series()
    born = (parts["birth"].dt.year() >= 1900).fill_null(False)
    return shaped & (parts["check"] == CHECK_CHARACTERS[total]) & born

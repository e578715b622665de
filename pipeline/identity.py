"""Resident identity numbers (GB 11643-1999): shape, birth date and check character, over whole columns."""

import polars as pl

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"


def identity_valid(column: str) -> pl.Expr:
    """True when the 18 characters are right; false for any other text; null stays null."""
    number = pl.col(column)
    shaped = number.str.contains(r"^\d{17}[\dX]$")
    safe = pl.when(shaped).then(number).otherwise(pl.lit("0" * 18))
    digits = safe.str.slice(0, 17).cast(pl.Int64)
    total = pl.sum_horizontal(
        *((digits // 10 ** (16 - place)) % 10 * weight for place, weight in enumerate(WEIGHTS))
    )
    check = (total % 11).replace_strict(list(range(11)), list(CHECK_CHARACTERS), return_dtype=pl.String)
    birth = safe.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    return (
        shaped
        & (safe.str.slice(17, 1) == check)
        & birth.is_not_null()
        & (safe.str.slice(6, 4).cast(pl.Int32) >= 1900)
    )

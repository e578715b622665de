"""Goods control: what the lists of a day say of a line (decisions.md, section 5).

What follows from the HS code alone is worked out once for all codes of the registry (`by_hs8`); origin, names and
quantities are looked at only in the few lines whose code has such an entry (`of_lines`).
"""

from dataclasses import dataclass
from functools import lru_cache, reduce

import polars as pl

from pipeline.derived import UNIT


@dataclass(frozen=True, slots=True)
class Footnote:
    """Of one HS8 line: `modes` it may come in by (empty: any), `names` of which one has to occur (empty: any),
    `excluded` of which none may."""

    hs8: str
    modes: tuple[str, ...]
    names: tuple[str, ...]
    excluded: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity: what is built of it is cached
class Control:
    """The lists in force on one day; codes are HS prefixes of two to eight digits.

    `listed`: hs8 on the positive list; `stops`: (code, country of origin); `self_use`: (code, unit → most units of a
    parcel), no code inside another; `brands`: watched names; `self_use_time`: of some of those self_use codes (code, unit →
    most units a day, and a month).
    """

    listed: frozenset[str]
    footnotes: tuple[Footnote, ...]
    negative: tuple[str, ...]
    waste: tuple[str, ...]
    watched: tuple[str, ...]
    stops: tuple[tuple[str, str], ...]
    self_use: tuple[tuple[str, dict[str, int]], ...]
    brands: tuple[str, ...]
    self_use_time: tuple[tuple[str, dict[str, int], dict[str, int]], ...] = ()


def by_hs8(hs8: pl.Series, control: Control) -> pl.DataFrame:
    """hs8, listed, mode_1210, mode_9610 (whether that mode is allowed), negative, waste, watched, particular (whether
    origin, names or quantity decide too); one row a code."""
    code = pl.col("hs8")
    named = [f.hs8 for f in control.footnotes if f.names or f.excluded]
    looked_at = [*named, *(c for c, _ in control.stops), *(c for c, _ in control.self_use)]
    return pl.DataFrame({"hs8": hs8.unique()}).with_columns(
        code.is_in(list(control.listed)).alias("listed"),
        *(
            (~code.is_in([f.hs8 for f in control.footnotes if f.modes and mode not in f.modes])).alias(f"mode_{mode}")
            for mode in ("1210", "9610")
        ),
        _covered(code, control.negative).alias("negative"),
        _covered(code, control.waste).alias("waste"),
        _covered(code, control.watched).alias("watched"),
        _covered(code, looked_at).alias("particular"),
    )


def of_lines(lines: pl.DataFrame, particular: pl.Series, control: Control) -> pl.DataFrame:
    """brand_watched, stopped, name_allowed and self_use_exceeded of lines (m, line_country, line_itemName, line_gmodel, line_unit,
    line_qty_e5, and as filed hs8, origin and brand). Those not `particular` are neither stopped nor misnamed nor too many."""
    usual = lines.select(_usual(control))
    rows = particular.arg_true()
    if not len(rows):
        return usual
    found = lines[rows].select(_particular(control))
    return usual.with_columns(usual[name].scatter(rows, found[name]) for name in found.columns)


@lru_cache(maxsize=64)
def _usual(control: Control) -> list[pl.Expr]:
    return [
        _occurs(control.brands, ("line_itemName", "line_gmodel", "brand")).alias("brand_watched"),
        pl.repeat(False, pl.len()).alias("stopped"),
        pl.repeat(True, pl.len()).alias("name_allowed"),
        pl.repeat(False, pl.len()).alias("self_use_exceeded"),
    ]


@lru_cache(maxsize=64)
def _particular(control: Control) -> list[pl.Expr]:
    code = pl.col("hs8")
    # of the country that the order says as well as of the one that was filed: neither hides the other
    stopped = [code.str.starts_with(covered) & ((pl.col("line_country") == origin) | (pl.col("origin") == origin)) for covered, origin in control.stops]
    misnamed = [(code == f.hs8) & ~_named(f) for f in control.footnotes if f.names or f.excluded]
    return [
        pl.any_horizontal(pl.lit(False), *stopped).alias("stopped"),
        (~pl.any_horizontal(pl.lit(False), *misnamed)).alias("name_allowed"),
        _exceeded(control).alias("self_use_exceeded"),
    ]


def _named(footnote: Footnote) -> pl.Expr:
    wanted = _occurs(footnote.names) if footnote.names else pl.lit(True)
    return wanted & ~_occurs(footnote.excluded)


def _exceeded(control: Control) -> pl.Expr:
    """Quantities of one entry and unit are summed up over the parcel; a unit without a most is too many of it."""
    code, unit, qty = pl.col("hs8"), pl.col("line_unit"), pl.col("line_qty_e5")
    most = [
        (code.str.starts_with(covered) & (unit == name), units * UNIT)
        for covered, parcel in control.self_use
        for name, units in parcel.items()
    ]
    entry = reduce(
        lambda rest, n: pl.when(code.str.starts_with(control.self_use[n][0])).then(n).otherwise(rest),
        range(len(control.self_use)),
        pl.lit(None, pl.Int64),
    )
    allowed = reduce(lambda rest, m: pl.when(m[0]).then(m[1]).otherwise(rest), most, pl.lit(None, pl.Int64))
    parcel = ["m", entry, "line_unit"]
    # polars' sum leaves nulls out; a sum with an unknown part is unknown
    total = pl.when(qty.is_null().any().over(parcel)).then(None).otherwise(qty.sum().over(parcel))
    return pl.when(entry.is_not_null()).then(allowed.is_null() | (total > allowed)).otherwise(False)


def _covered(code: pl.Expr, prefixes: list[str] | tuple[str, ...]) -> pl.Expr:
    return pl.any_horizontal(pl.lit(False), *(code.str.starts_with(prefix) for prefix in prefixes))


def _occurs(texts: tuple[str, ...], columns: tuple[str, ...] = ("line_itemName", "line_gmodel")) -> pl.Expr:
    """Whether one of the texts stands in one of the columns; ASCII letters of either case are the same."""
    if not texts:
        return pl.lit(False)
    return pl.any_horizontal(pl.col(*columns).str.contains_any(list(texts), ascii_case_insensitive=True).fill_null(False))

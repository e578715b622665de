"""Tax of section 7: the check values, and what must hold whatever the amounts."""

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.manifests import Manifests
from pipeline.tax import tax_lines

CALM = settings(max_examples=150, deadline=None, derandomize=True)
RATES = st.sampled_from([(0, 1300), (0, 900), (1500, 1300), (1000, 1300), (2000, 1300)])
Line = tuple[int, int, int]  # totalPrice in fen, consumption and VAT in 10^-4
LINES = st.lists(st.tuples(st.integers(0, 500_000), RATES).map(lambda x: (x[0], *x[1])), min_size=1, max_size=8)
FEES = st.integers(0, 100_000)


def taxed(manifests: list[tuple[int, list[Line]]], chosen: list[bool] | None = None) -> pl.DataFrame:
    """tax_lines of manifests given as (fee in fen, lines)."""
    heads = pl.DataFrame(
        [(m, fee // 3 * 1000, (fee - fee // 3) * 1000) for m, (fee, _) in enumerate(manifests)],
        schema={"m": pl.UInt32, "order_freight_e5": pl.Int64, "waybill_insuredFee_e5": pl.Int64},
        orient="row",
    )
    rows = [(m, n, n, price * 1000, "1", c, v) for m, (_, lines) in enumerate(manifests) for n, (price, c, v) in enumerate(lines, 1)]
    schema = {
        "m": pl.UInt32, "position": pl.Int16, "line_gnum": pl.Int32, "line_totalPrice_e5": pl.Int64, "hs_code": pl.String,
        "consumption_1e4": pl.Int64, "vat_1e4": pl.Int64,
    }  # fmt: skip
    return tax_lines(Manifests(heads, pl.DataFrame(rows, schema=schema, orient="row")), pl.Series(chosen or [True] * len(manifests)))


@pytest.mark.parametrize(
    ("c", "v", "percent"), [(0, 1300, "9.10"), (0, 900, "6.30"), (1500, 1300, "23.06"), (1000, 1300, "17.89"), (2000, 1300, "28.875")]
)
def test_composite_rates(c: int, v: int, percent: str) -> None:
    price = 400_000
    (row,) = taxed([(0, [(price, c, v)])]).rows(named=True)
    tax = row["consumption_fen"] + row["vat_fen"]
    assert abs(Fraction(tax, price) * 100 - Fraction(percent)) <= Fraction(1, 200)
    if c in (0, 2000):
        assert Fraction(tax, price) * 100 == Fraction(percent)


def test_a_hundred_yuan_at_twenty_percent() -> None:
    (row,) = taxed([(0, [(10_000, 2000, 1300)])]).rows(named=True)
    assert (row["consumption_fen"], row["vat_fen"]) == (1750, 1138)  # 1137.5 goes up


@pytest.mark.parametrize(
    ("fee", "prices", "shares"),
    [
        (10, [1, 1, 1], [4, 3, 3]),  # equal remainders: the lower position first
        (11, [1, 1, 1], [4, 4, 3]),
        (5, [3, 3, 3, 3], [2, 1, 1, 1]),
        (10, [1, 2, 3], [2, 3, 5]),  # 1.67, 3.33, 5: the largest remainder
        (7, [0, 0], [7, 0]),  # nothing but gifts
        (7, [0, 5], [0, 7]),
        (1, [0, 1, 1], [0, 1, 0]),
        (0, [3, 4], [0, 0]),
    ],
)
def test_shares_of_the_fee(fee: int, prices: list[int], shares: list[int]) -> None:
    found = taxed([(fee, [(p, 0, 1300) for p in prices])])["dutiable_fen"].to_list()
    assert [f - p for f, p in zip(found, prices, strict=True)] == shares


@CALM
@given(st.lists(st.tuples(FEES, LINES), min_size=1, max_size=4))
def test_the_tables_give_what_fractions_give(manifests: list[tuple[int, list[Line]]]) -> None:
    found = taxed(manifests)
    for m, (fee, lines) in enumerate(manifests):
        rows = found.filter(pl.col("m") == m).rows(named=True)
        assert [r["position"] for r in rows] == list(range(1, len(lines) + 1))
        shares = [r["dutiable_fen"] - price for r, (price, _, _) in zip(rows, lines, strict=True)]
        assert sum(shares) == fee
        whole = sum(p for p, _, _ in lines)
        for r, share, (price, c, v) in zip(rows, shares, lines, strict=True):
            if whole:
                assert share in (fee * price // whole, fee * price // whole + 1)
            for name, rate in (("consumption_fen", c), ("vat_fen", v)):
                exact = Fraction(7, 10) * (price + share) * Fraction(rate, 10_000 - c)
                assert r[name] >= 0
                assert -Fraction(1, 2) < r[name] - exact <= Fraction(1, 2)


@CALM
@given(st.integers(0, 499_999), st.integers(1, 5000), RATES)
def test_tax_grows_with_the_price(price: int, more: int, rate: tuple[int, int]) -> None:
    low, high = taxed([(0, [(price, *rate)]), (0, [(price + more, *rate)])]).rows(named=True)
    assert low["consumption_fen"] <= high["consumption_fen"]
    assert low["vat_fen"] <= high["vat_fen"]


def test_only_the_chosen_are_taxed() -> None:
    one = (100, [(10_000, 0, 1300), (5, 0, 900)])
    assert taxed([one, one, one], [True, False, True])["m"].to_list() == [0, 0, 2, 2]
    assert len(taxed([one], [False])) == 0

"""Tax of section 7: the check values, and what must hold whatever the amounts. Worked examples: tests/golden/tax.toml."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.law import MEASURES
from pipeline.manifests import Manifests
from pipeline.tax import TAXES, levied, with_tax, without_tax
from schemas.lawbook import load

CALM = settings(max_examples=120, deadline=None, derandomize=True)
BOOK = load()
LAW = BOOK.on(date(2024, 6, 1))
RATES = {row["hs8"]: row for row in LAW.rates.rows(named=True)}
TOOTHPASTE, HONEY, WINE, PERFUME, WATCH, WHISKY, BEER, YELLOW_WINE = (
    "33061010", "04090000", "22042100", "33030000", "91021100", "22083000", "22030000", "22060010",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """`content` in smallest units of `measure` ("": none filed)."""

    price_fen: int
    hs8: str = TOOTHPASTE
    qty_e5: int = 100_000
    content: int = 0
    measure: str = ""


KINDS = st.sampled_from([
    (TOOTHPASTE, 0, ""), (HONEY, 0, ""), (WINE, 0, ""), (PERFUME, 30_000, "volume"), (PERFUME, 5, "sheet"), (WATCH, 1, "piece"),
    (WHISKY, 700_000, "volume"), (WHISKY, 1_000_000, "mass"), (BEER, 330_000, "volume"), (YELLOW_WINE, 500_000, "volume"),
])  # fmt: skip
QUANTITIES = st.sampled_from([100_000, 200_000, 600_000, 123_457, 1])
LINES = st.lists(
    st.tuples(st.integers(0, 90_000), KINDS, QUANTITIES).map(lambda x: Line(x[0], x[1][0], x[2], *x[1][1:])), min_size=1, max_size=5
)
FEES = st.integers(0, 40_000)
Case = tuple[int, list[Line]]


def manifests_of(cases: list[Case], known: list[bool] | None = None) -> Manifests:
    """Derived manifests given as (fee in fen, lines)."""
    heads = [(m, sum(x.price_fen for x in lines), fee, len(lines)) for m, (fee, lines) in enumerate(cases)]
    rows = [
        (m, n, n, x.price_fen * 1000, x.qty_e5, x.hs8, x.content or None, _term(x), *(RATES[x.hs8][c] for c in COLUMNS))
        for m, (_, lines) in enumerate(cases)
        for n, x in enumerate(lines, 1)
    ]
    schema = {
        "m": pl.UInt32, "position": pl.Int16, "line_gnum": pl.Int32, "line_totalPrice_e5": pl.Int64, "line_qty_e5": pl.Int64,
        "hs_code": pl.String, "content": pl.Int64, "term": pl.Int32, **dict.fromkeys(COLUMNS, pl.Int64),
    }  # fmt: skip
    return Manifests(
        pl.DataFrame(heads, schema={"m": pl.UInt32, "goods": pl.Int64, "fee": pl.Int64, "line_count": pl.Int64}, orient="row").select(
            "m",
            "line_count",
            dutiable_fen=pl.col("goods") + pl.col("fee"),
            order_goodsValue_e5=pl.col("goods") * 1000,
            tax_known=pl.Series(known or [True] * len(cases)),
        ),
        pl.DataFrame(rows, schema=schema, orient="row"),
    )


COLUMNS = ("tariff_1e4", "vat_1e4", "consumption_1e4")


def _term(line: Line) -> int | None:
    item = RATES[line.hs8]["item"]
    return None if item is None else item * len(MEASURES) + MEASURES.index(line.measure)


def taxed(*cases: Case) -> list[list[dict[str, int]]]:
    """The tax lines of each manifest."""
    found = with_tax(manifests_of(list(cases)), LAW).lines
    return [found.filter(pl.col("m") == m).rows(named=True) for m in range(len(cases))]


def exact(line: Line, dutiable: int, full: bool) -> tuple[Fraction, ...]:
    """Tariff, consumption tax and VAT before rounding, from the formulas of the law as they are written."""
    rates = RATES[line.hs8]
    c, amount = Fraction(rates["consumption_1e4"], 10_000), Fraction(0)
    term = _term(line)
    if term is not None:
        t = LAW.terms.row(term, named=True)
        quantity = Fraction(line.qty_e5, 100_000) * line.content
        below = dutiable < quantity * Fraction(t["threshold_fen"], t["threshold_per"])
        c = Fraction(0) if below else Fraction(t["rate_1e4"], 10_000)
        amount = quantity * Fraction(t["below_fen" if below else "specific_fen"], t["specific_per"])
    tariff = dutiable * Fraction(rates["tariff_1e4"], 10_000) if full else Fraction(0)
    consumption = (dutiable + tariff + amount) / (1 - c) * c + amount
    vat = (dutiable + tariff + consumption) * Fraction(rates["vat_1e4"], 10_000)
    share = Fraction(1) if full else Fraction(7, 10)
    return tariff, share * consumption, share * vat


@pytest.mark.parametrize(
    ("c", "v", "percent"), [(0, 1300, "9.10"), (0, 900, "6.30"), (1500, 1300, "23.06"), (1000, 1300, "17.89"), (2000, 1300, "28.875")]
)
def test_composite_rates(c: int, v: int, percent: str) -> None:
    lines = manifests_of([(0, [Line(400_000)])])
    rated = lines.lines.with_columns(consumption_1e4=pl.lit(c, pl.Int64), vat_1e4=pl.lit(v, pl.Int64))
    (row,) = with_tax(Manifests(lines.heads, rated), LAW).lines.rows(named=True)
    tax = row["consumption_fen"] + row["vat_fen"]
    assert abs(Fraction(tax, 400_000) * 100 - Fraction(percent)) <= Fraction(1, 200)
    if c in (0, 2000):
        assert Fraction(tax, 400_000) * 100 == Fraction(percent)


def test_a_hundred_yuan_at_twenty_percent() -> None:
    lines = manifests_of([(0, [Line(10_000)])])
    (row,) = with_tax(Manifests(lines.heads, lines.lines.with_columns(consumption_1e4=pl.lit(2000, pl.Int64))), LAW).lines.rows(named=True)
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
        (9, [3], [9]),
    ],
)
def test_shares_of_the_fee(fee: int, prices: list[int], shares: list[int]) -> None:
    (found,) = taxed((fee, [Line(p) for p in prices]))
    assert [f["line_dutiable_fen"] - p for f, p in zip(found, prices, strict=True)] == shares


@CALM
@given(st.lists(st.tuples(FEES, LINES), min_size=1, max_size=4))
def test_the_tables_give_what_fractions_give(cases: list[Case]) -> None:
    for (fee, lines), rows in zip(cases, taxed(*cases), strict=True):
        whole = sum(x.price_fen for x in lines)
        shares = [r["line_dutiable_fen"] - x.price_fen for r, x in zip(rows, lines, strict=True)]
        assert sum(shares) == fee
        for r, share, line in zip(rows, shares, lines, strict=True):
            if whole:
                assert share in (fee * line.price_fen // whole, fee * line.price_fen // whole + 1)
            for name, value in zip(TAXES, exact(line, r["line_dutiable_fen"], whole + fee > LAW.single_limit_fen), strict=True):
                assert r[name] >= 0
                assert -Fraction(1, 2) < r[name] - value <= Fraction(1, 2)


@CALM
@given(st.integers(500_001, 2_600_000), KINDS)
def test_one_dear_item_bears_full_rates(price: int, kind: tuple[str, int, str]) -> None:
    line = Line(price, kind[0], 100_000, *kind[1:])
    ((row,),) = taxed((0, [line]))
    for name, value in zip(TAXES, exact(line, price, True), strict=True):
        assert -Fraction(1, 2) < row[name] - value <= Fraction(1, 2)


@CALM
@given(st.integers(0, 2_599_999), st.integers(1, 5_000), KINDS)
def test_tax_grows_with_the_price(price: int, more: int, kind: tuple[str, int, str]) -> None:
    """Within one kind of rates; a threshold or the limit of a purchase between the two only ever adds tax."""
    assume(price + more <= 2_600_000)
    low, high = (row[0] for row in taxed((0, [Line(price, kind[0], 100_000, *kind[1:])]), (0, [Line(price + more, kind[0], 100_000, *kind[1:])])))
    assert all(0 <= low[name] <= high[name] for name in TAXES)


@CALM
@given(FEES, LINES, LINES)
def test_lines_of_equal_share_add_up(fee: int, lines: list[Line], others: list[Line]) -> None:
    """Without a fee the tax of an order is that of its lines bought apart: the law taxes line by line."""
    assume(sum(x.price_fen for x in lines + others) <= LAW.single_limit_fen)
    (together,), apart = taxed((0, lines + others)), taxed((0, lines), (0, others))
    assert together == [{**r, "m": 0, "position": n, "line_gnum": n} for n, r in enumerate(apart[0] + apart[1], 1)]


@CALM
@given(st.integers(1, 400_000), st.integers(2, 40), KINDS)
def test_no_gain_in_splitting_a_line(price: int, pieces: int, kind: tuple[str, int, str]) -> None:
    """So many pieces in one line bear what they bear apart, to half a fen a piece and tax."""
    assume(price * pieces <= LAW.single_limit_fen)
    one, many = Line(price, kind[0], 100_000, *kind[1:]), Line(price * pieces, kind[0], 100_000 * pieces, *kind[1:])
    ((apart,), (together,)) = taxed((0, [one]), (0, [many]))
    for name in TAXES:
        assert abs(together[name] - pieces * apart[name]) <= Fraction(pieces + 1, 2)


def test_only_the_known_are_taxed_and_the_taxed_levied() -> None:
    one = (100, [Line(10_000), Line(5, HONEY)])
    found = with_tax(manifests_of([one, one, one], [True, False, True]), LAW)
    assert found.lines["vat_fen"].is_null().to_list() == [False, False, True, True, False, False]
    assert found.heads["tax_due_fen"].to_list() == [919, None, 919]
    heads, lines = levied(Manifests(found.heads.with_columns(taxed=pl.Series([True, False, False])), found.lines))
    assert heads["vat_fen"].to_list() == [919, 0, 0]
    assert lines["m"].to_list() == [0, 0]


def test_in_quarantine_nothing_is_computed() -> None:
    found = without_tax(manifests_of([(0, [Line(10_000)])]))
    assert (found.heads["tax_known"].to_list(), found.heads["tax_due_fen"].to_list()) == ([False], [None])
    assert found.lines["vat_fen"].to_list() == [None]


def test_products_beyond_63_bits_are_exact() -> None:
    """A thousand litres filed, a billion pieces: 912 fen for 10 L of each."""
    ((row,),) = taxed((0, [Line(0, WHISKY, 10**14, 10**9, "volume")]))
    amount = 10**9 * 10**3 * 912 // 10
    base = Fraction(amount, 1) / Fraction(8, 10)
    assert row["consumption_fen"] == (base * Fraction(2, 10) + amount) * Fraction(7, 10)
    assert row["vat_fen"] == base * Fraction(13, 100) * Fraction(7, 10)

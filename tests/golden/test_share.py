"""What is levied within the single limit is dated data: on one day and the next, by core, verifier and baseline."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from loadtest.generate.people import identity_number
from loadtest.plain_faust import law as of_baseline
from loadtest.plain_faust import reading
from loadtest.plain_faust.decide import decide
from loadtest.plain_faust.ledgers import Ledgers
from pipeline.manifests import Manifests
from pipeline.tax import with_tax
from schemas.lawbook import load
from tests.golden.registries import baseline_registry
from tests.golden.test_outcomes import played
from tests.pipeline.memory import BASE_MS, KEY, Rec
from tests.pipeline.test_tax import LAW, Line, manifests_of
from tests.pipeline.trios import KINDS, numbered, records

DAY_MS = 86_400_000
MORE = """
[[limit]]
name = "in_limit_share_1e4"
value = 8125
from = 2019-11-12
source = "a test"
sure = false
"""


def test_it_leaps_with_its_date(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VAT at 13 % and, of perfume, consumption tax by its threshold: of whatever there was 0.7, and 0.8125 the day after."""
    (folder / "limits.toml").write_text((folder / "limits.toml").read_text() + MORE)
    days = [date(2019, 11, 11), date(2019, 11, 12)]
    assert [load(folder).on(day).in_limit_share_1e4 for day in days] == [7000, 8125]
    perfume = {"lines": 1, "line1.itemNo": "SKU010016", "line1.unit": "011", "line1.qty": "1", "line1.price": "1000.00"}
    sent: list[list[Rec]] = []
    for n in range(4):
        fields = perfume if n >= 2 else {}
        trio = numbered(n, identity_number(n), **fields, recount=True)
        sent.append(records(trio, n, BASE_MS + 1000 + n % 2 * DAY_MS))
    game = played(folder, [[r for one in sent for r in one]])
    mine = {m["order_no"]: [m[f"{tax}_fen"] for tax in ("tariff", "consumption", "vat")] for m in game.store.manifests.values()}
    for n, (before, after) in ((0, (mine["EXAMPLE-0"], mine["EXAMPLE-1"])), (2, (mine["EXAMPLE-2"], mine["EXAMPLE-3"]))):
        assert before[0] == after[0] == 0 and before[2] > 0 and (before[1] > 0) == (n == 2)
        for low, high in zip(before[1:], after[1:], strict=True):
            assert abs(Fraction(high) - Fraction(low) * Fraction(8125, 7000)) <= 2
    next_day = of_baseline.law_at(BASE_MS + 1000 + DAY_MS)
    monkeypatch.setitem(next_day.limits, "in_limit_share_1e4", 8125)
    for one in sent:
        read = (reading.read(kind, r.key, r.value) for kind, r in zip(KINDS, one, strict=True))
        decision = decide(*read, one[0].timestamp, Ledgers({}, {}, {}, {}, {}, KEY), baseline_registry())
        taxes = [sum(line[place] for line in decision.lines) for place in (3, 4, 5)]
        assert taxes == mine[decision.manifest.order["orderNo"]]


@pytest.mark.parametrize("share", [1, 6999, 10_000])
@pytest.mark.parametrize("price", [10**10, 10**10 - 1])
def test_the_dearest_line_at_the_highest_rate_is_still_exact(price: int, share: int) -> None:
    """As high as limits and rates may be: nothing overflows."""
    law = replace(LAW, single_limit_fen=10**10, annual_limit_fen=10**10, in_limit_share_1e4=share)
    given = manifests_of([(0, [Line(price)])])
    rates = [pl.lit(9000, pl.Int64).alias("consumption_1e4"), pl.lit(5000, pl.Int64).alias("vat_1e4")]
    (row,) = with_tax(Manifests(given.heads, given.lines.with_columns(rates)), law).lines.rows(named=True)
    base = Fraction(price) / (1 - Fraction(9, 10))
    for name, rate in (("consumption_fen", Fraction(9, 10)), ("vat_fen", Fraction(1, 2))):
        assert -Fraction(1, 2) < row[name] - base * rate * share / 10_000 <= Fraction(1, 2)

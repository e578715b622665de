"""The law in force on one day, as the core reads it. schemas/lawbook.py builds it from dated data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import polars as pl

from pipeline.control import Control
from pipeline.rates import Rates
from pipeline.risk import Indicator, Typology

SHANGHAI = timedelta(hours=8)  # ahead of UTC, all the year: in whose days and months the law counts
Outcome = Literal["RELEASE", "HOLD", "REJECT"]
MEASURES = ("volume", "mass", "sheet", "piece")  # what a content may be stated in; µl, mg, sheets, pieces
MASS = MEASURES.index("mass")


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a finding does: its outcome, the queue of a HOLD, the kinds of document it blames (bits 1, 2, 4)."""

    code: str
    outcome: Outcome
    queue: str
    blames: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over the columns in `reads`; true makes the finding, null makes SYS-01."""

    consequence: Consequence
    scope: Literal["manifest", "line"]
    condition: pl.Expr
    reads: tuple[str, ...]

    @property
    def code(self) -> str:
        return self.consequence.code


@dataclass(frozen=True, slots=True)
class WeightCap:
    """What a person may buy of a group of goods in a calendar year. `hs8`: prefixes of the codes of its lines."""

    group: str
    hs8: tuple[str, ...]
    cap_mg: int


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity: what is built of it is cached
class Law:
    """Everything the core needs to know on one acceptance date.

    `rates`: hs8, tariff_1e4, vat_1e4, consumption_1e4 (10^-4), item (null where price alone decides the consumption
    tax, else its tax item). `terms`: how a tax item is taxed when measured so, at row item * len(MEASURES) + measure:
    taxable (whether it can be), rate_1e4, specific_fen and below_fen for specific_per units of the measure from and
    below the price of threshold_fen for threshold_per units. `weight_caps`: no line belongs to two of them. `by_class`:
    (code, class) → (outcome, queue) where the class of the e-commerce firm makes another of a finding. `indicators`: by code.
    `in_limit_share_1e4`: of VAT and consumption tax, what is levied within the single limit.
    """

    version: str
    rules: tuple[Rule, ...]
    consequences: dict[str, Consequence]
    personal: frozenset[str]
    single_limit_fen: int
    annual_limit_fen: int
    in_limit_share_1e4: int
    waybill_reuse_months: int
    rates: pl.DataFrame
    terms: pl.DataFrame
    weight_caps: tuple[WeightCap, ...]
    control: Control
    by_class: dict[tuple[str, str], tuple[str, str]]
    indicators: dict[str, Indicator]
    typologies: tuple[Typology, ...]
    samples: Rates

    def rejecting(self, codes: Iterable[str]) -> frozenset[str]:
        """Which of the findings of the program's own reject."""
        return frozenset(code for code in codes if self.consequences[code].outcome == "REJECT")

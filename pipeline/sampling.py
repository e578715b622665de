"""Samples: of the manifests that would be released, those whose number lies below the rate of their kind (decisions.md, section 12).

The number is a keyed hash of the decision's id: nobody without the seed foresees it, whoever has it finds it again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import polars as pl

from pipeline.manifests import Manifests
from pipeline.rates import Rates, bound
from pipeline.rules import FOUND

INSPECTION, REVIEW = "SMP-01", "SMP-02"
CODES: tuple[str, ...] = INSPECTION, REVIEW
BONDED = "1210"
ID_OF = pl.concat_str("ebp_code", "order_no", "attempt", pl.lit("1"), separator="|")


@dataclass(frozen=True, slots=True)
class Seed:
    """One period's. `version`: a hash of it that may be told; `numbers`: UInt64 of decision ids (Binary)."""

    version: str
    numbers: Callable[[pl.Series], pl.Series]


class Seeds(Protocol):
    """What draws need from outside the core."""

    def on(self, day: date) -> Seed | None:
        """The seed of an acceptance date; None: nothing is drawn yet."""
        ...

    def decision_ids(self, texts: pl.Series) -> pl.Series:
        """Binary: the id of each decision from what it is the hash of."""
        ...


def drawn(manifests: Manifests, rates: Rates, seed: Seed | None) -> pl.DataFrame:
    """FOUND: of the manifests (with outcome and decision_id) that would be released those that are drawn."""
    heads = manifests.heads
    highest = rates.highest
    if seed is None or not highest:
        return NOTHING
    numbers = seed.numbers(heads["decision_id"])
    below = heads["ecommerce_class"].replace_strict([*highest], [*highest.values()], default=None, return_dtype=pl.UInt64)
    rows = ((heads["outcome"] == "RELEASE") & (numbers < below)).arg_true()
    if not len(rows):
        return NOTHING
    found = [
        (m, code, json.dumps({"seed": seed.version, "number": str(number), "class": of[0], "category": of[1], "rate_1e6": str(rate)}))
        for (m, of), number in zip(_kinds(manifests, rows, rates), numbers[rows].to_list(), strict=True)
        for code, rate in _draw(number, rates.rates_1e6.get(of, (0, 0)))
    ]  # fmt: skip
    return pl.DataFrame(found, schema=FOUND, orient="row")


def _draw(number: int, rates_1e6: tuple[int, int]) -> list[tuple[str, int]]:
    """Code and rate of what a number draws: inspection first, then review; at most one."""
    inspection, review = rates_1e6
    if number < bound(inspection):
        return [(INSPECTION, inspection)]
    return [(REVIEW, review)] if number < bound(inspection + review) else []


def _kinds(manifests: Manifests, rows: pl.Series, rates: Rates) -> list[tuple[int, tuple[str, str, bool]]]:
    """m and (class, category, bonded) of manifests given by their rows."""
    heads = manifests.heads[rows].select("m", "ecommerce_class", "trade_mode")
    chosen = manifests.lines.filter(pl.col("m").is_in(pl.lit(heads["m"]).implode())).select("m", "hs_code")
    codes: dict[int, list[str | None]] = {m: [] for m in heads["m"].to_list()}
    for m, code in chosen.iter_rows():
        codes[m].append(code)
    return [(m, (class_, rates.category(codes[m]), mode == BONDED)) for m, class_, mode in heads.iter_rows()]


def with_ids(heads: pl.DataFrame, seeds: Seeds) -> pl.DataFrame:
    """Heads with decision_id, which the draw and the decision's messages need."""
    return heads.hstack([seeds.decision_ids(heads.select(ID_OF).to_series()).alias("decision_id")])


NOTHING = pl.DataFrame(schema=FOUND)

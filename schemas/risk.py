"""Indicators, typologies and bands of schemas/law/risk.toml, by day."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.risk import Indicator, Typology

Entry = dict[str, Any]
Compile = Callable[[Entry], tuple[pl.Expr, tuple[str, ...]]]


@dataclass(frozen=True, eq=False)
class RiskBook:
    """`entries` by kind, as in risk.toml."""

    entries: dict[str, list[Entry]]

    @property
    def bands(self) -> list[Entry]:
        """Entries of findings, in the shape of rules.toml."""
        return self.entries["band"]

    def indicators_on(self, day: date, compiled: Compile) -> dict[str, Indicator]:
        """By code, those in force on a day; `compiled`: condition and columns read of an entry."""
        return {
            x["code"]: Indicator(x["code"], x["scope"], *compiled(x), x["points"])
            for x in self.entries["indicator"]
            if x["from"] <= day <= x["to"]
        }

    def typologies_on(self, day: date) -> tuple[Typology, ...]:
        """With the bands that have begun."""
        bands = [x for x in self.bands if date.fromisoformat(x["since"]) <= day]
        ranked = sorted(bands, key=lambda x: -x["at_least"])
        return tuple(
            Typology(t["name"], tuple((x["at_least"], x["code"]) for x in ranked if x["typology"] == t["name"]))
            for t in self.entries["typology"]
        )

    def begins(self) -> set[date]:
        """Every day on which an indicator or a band begins to be in force."""
        return {x["from"] for x in self.entries["indicator"]} | {date.fromisoformat(x["since"]) for x in self.bands}


def read(folder: Path) -> RiskBook:
    """The entries of a folder that law_check has found sound."""
    return RiskBook(tomllib.loads((folder / "risk.toml").read_text()))

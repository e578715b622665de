"""The tariff: rates by HS8 line and day, and tax items of the consumption tax.

Files of schemas/law: tariff.csv (lines), consumption.toml (tax items, units, fill).
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.law import MEASURES
from schemas import tariff_fill

Entry = dict[str, Any]
TERMS = {
    "taxable": pl.Boolean, "rate_1e4": pl.Int64, "specific_fen": pl.Int64, "below_fen": pl.Int64, "specific_per": pl.Int64,
    "threshold_fen": pl.Int64, "threshold_per": pl.Int64,
}  # fmt: skip
_UNTAXABLE = (False, 0, 0, 0, 1, 0, 1)


@dataclass(frozen=True, eq=False)  # hashed by identity: a frame has no value to be compared by
class Tariff:
    """`lines`: hs8, tariff_1e4 (provisional where there is one), vat_1e4, consumption (name of a tax item), from, to;
    `items` and `units` as in consumption.toml."""

    lines: pl.DataFrame
    items: list[Entry]
    units: list[Entry]

    def on(self, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
        """`rates` and `terms` of pipeline.law.Law on a day; a line whose tax item is not in force then has no rate."""
        items = [x for x in self.items if x["from"] <= day <= x["to"]]
        measured = [x for x in items if "specific" in x or "threshold" in x]
        numbers = {x["name"]: n for n, x in enumerate(measured)}
        taxed = pl.DataFrame(
            [(x["name"], x["rate_1e4"], numbers.get(x["name"])) for x in items],
            schema={"consumption": pl.String, "consumption_1e4": pl.Int64, "item": pl.Int32},
            orient="row",
        )
        rates = self.lines.filter((pl.col("from") <= day) & (pl.col("to") >= day)).join(taxed, on="consumption")
        terms = [self._term(x, measure) for x in measured for measure in MEASURES]
        return (
            rates.select("hs8", "tariff_1e4", "vat_1e4", "consumption_1e4", "item"),
            pl.DataFrame(terms, schema=TERMS, orient="row"),
        )

    def _term(self, item: Entry, measure: str) -> tuple[bool, int, int, int, int, int, int]:
        """A row of TERMS: the item as it is taxed when its content is stated in this measure."""
        specific, threshold = (self._stated(item.get(name), measure) for name in ("specific", "threshold"))
        if specific is None or threshold is None:
            return _UNTAXABLE
        return True, item["rate_1e4"], *specific, threshold[0], threshold[2]

    def _stated(self, stated: list[Entry] | None, measure: str) -> tuple[int, int, int] | None:
        """(fen, fen below the threshold, per) in this measure; nothing at all when the item has no such part."""
        if stated is None:
            return 0, 0, 1
        for part in stated:
            kind, size = self.sizes[part["unit"]]
            if kind == measure:
                return part["fen"], part.get("below_fen", 0), part["per"] * size
        return None

    @cached_property
    def sizes(self) -> dict[str, tuple[str, int]]:
        """Unit → (measure, how many of the measure's smallest unit it is)."""
        return {x["name"]: (x["measure"], x["size"]) for x in self.units}


def read(folder: Path) -> Tariff:
    """The tariff of a folder that law_check has found sound, filled up to its published number of lines."""
    law = tomllib.loads((folder / "consumption.toml").read_text())
    written = pl.read_csv(folder / "tariff.csv", infer_schema=False)
    fill = pl.DataFrame(tariff_fill.lines(law["fill"], written["hs8"].n_unique()), schema=written.schema, orient="row")
    lines = pl.concat([written, fill]).select(
        "hs8",
        pl.coalesce("provisional_1e4", "tariff_1e4").cast(pl.Int64).alias("tariff_1e4"),
        pl.col("vat_1e4").cast(pl.Int64),
        "consumption",
        pl.col("from", "to").str.to_date(),
    )
    return Tariff(lines, law["item"], law["unit"])

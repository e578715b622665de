"""Risk as the verifier reads it from risk.toml (docs/decisions.md section 12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DayRisk:
    """Indicators (by code: points by typology) and bands (typology, points from which on, code) of a day."""

    indicators: Mapping[str, Mapping[str, int]]
    bands: Sequence[tuple[str, int, str]]

    def found(self, codes: set[str]) -> tuple[set[str], dict[str, tuple[int, tuple[str, ...]]]]:
        """Codes with what the indicators among them come to instead of these; of each such finding score and indicators."""
        signs = sorted(codes & self.indicators.keys())
        if not signs:
            return codes, {}
        told: dict[str, tuple[int, tuple[str, ...]]] = {}
        for typology in {name for name, _, _ in self.bands}:
            counted = tuple(code for code in signs if typology in self.indicators[code])
            score = sum(self.indicators[code][typology] for code in counted)
            reached = [(least, code) for name, least, code in self.bands if name == typology and least <= score]
            if reached:
                told[max(reached)[1]] = score, counted
        return codes - set(signs) | told.keys(), told

    def leads_to(self, codes: set[str]) -> set[str]:
        """What these rules and indicators can find: of the latter the bands of their typologies."""
        reached = {name for code in codes & self.indicators.keys() for name in self.indicators[code]}
        return codes - self.indicators.keys() | {code for name, _, code in self.bands if name in reached}


def on(day: date, entries: Mapping[str, Sequence[Entry]]) -> DayRisk:
    """What is in force on a day."""
    now = {x["code"]: x["points"] for x in in_force(day, entries)}
    bands = [(x["typology"], x["at_least"], x["code"]) for x in entries["band"] if x["since"] <= day.isoformat()]
    return DayRisk(now, bands)


def in_force(day: date, entries: Mapping[str, Sequence[Entry]]) -> list[Entry]:
    """Indicators of a day."""
    return [x for x in entries["indicator"] if x["from"] <= day <= x["to"]]

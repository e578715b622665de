"""Signs of risk: what each is worth (risk.toml), and what they come to."""

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class DayRisk:
    """`points`: of an indicator by typology; `bands`: of a typology, (from how many points, finding), the highest first."""

    points: dict[str, dict[str, int]]
    bands: dict[str, list[tuple[int, str]]]

    def findings(self, signs: list[str]) -> list[str]:
        """What these indicators come to."""
        scores: dict[str, int] = {}
        for code in signs:
            for typology, points in self.points.get(code, {}).items():
                scores[typology] = scores.get(typology, 0) + points
        found: list[str] = []
        for typology, score in scores.items():
            for least, code in self.bands[typology]:
                if score >= least:
                    found.append(code)
                    break
        return found


def risk_on(day: date, law: dict[str, Any]) -> DayRisk:
    """The indicators and bands of a day."""
    points = {x["code"]: x["points"] for x in law["indicator"] if x["from"] <= day <= x["to"]}
    bands: dict[str, list[tuple[int, str]]] = {x["name"]: [] for x in law["typology"]}
    for x in law["band"]:
        if x["since"] <= str(day):
            bands[x["typology"]].append((x["at_least"], x["code"]))
    return DayRisk(points, {name: sorted(its, reverse=True) for name, its in bands.items()})

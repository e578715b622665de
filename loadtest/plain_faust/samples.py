"""Samples: what would be released is drawn by a keyed hash of the decision's id (samples.toml)."""

import os
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

SEEDS = "TIDEGATE_SAMPLE_KEY_FILE"  # the file that the workers of Tidegate use
ALL = 1 << 64


@dataclass(frozen=True, slots=True)
class DaySamples:
    """`category`: by HS chapter, `order`: of categories, the first counts, the last is all else; `rates`: (class, category,
    bonded) → numbers below which a manifest is inspected, and below which it is reviewed; `seed` of the day."""

    category: dict[str, str]
    order: list[str]
    rates: dict[tuple[str, str, bool], tuple[int, int]]
    seed: bytes | None

    def drawn(self, decision_id: bytes, class_: str, hs_codes: list[str], bonded: bool) -> list[str]:
        """The finding that holds a manifest, if it is drawn."""
        if self.seed is None:
            return []
        categories = {self.category.get(code[:2], self.order[-1]) for code in hs_codes}
        category = min(categories, key=self.order.index)
        number = int.from_bytes(blake2b(decision_id, digest_size=8, key=self.seed).digest(), "big")
        inspected, reviewed = self.rates.get((class_, category, bonded), (0, 0))
        return ["SMP-01"] if number < inspected else ["SMP-02"] if number < reviewed else []


def samples_on(day: date, law: dict[str, Any]) -> DaySamples:
    """The rates and the seed of a day."""
    rates: dict[tuple[str, str, bool], tuple[int, int]] = {}
    for x in law["rate"]:
        if x["from"] <= day <= x["to"]:
            for mode in ("bonded", "direct"):
                one, two = x[mode]["inspection_1e6"], x[mode]["review_1e6"]
                rates[x["class"], x["category"], mode == "bonded"] = (-(-one * ALL // 10**6), -(-(one + two) * ALL // 10**6))
    chapters = {chapter: x["name"] for x in law["category"] for chapter in x["chapters"]}
    seeds = [seed for begins, seed in _seeds() if begins <= day]
    return DaySamples(chapters, [x["name"] for x in law["category"]], rates, seeds[-1] if seeds else None)


@lru_cache
def _seeds() -> list[tuple[date, bytes]]:
    path = os.environ.get(SEEDS)
    lines = Path(path).read_text().splitlines() if path and Path(path).exists() else []
    return sorted((date.fromisoformat(line.split()[0]), bytes.fromhex(line.split()[1])) for line in lines)

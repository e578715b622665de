"""Samples as the verifier draws them: rates from samples.toml, its own hash and seeds (docs/decisions.md section 12)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import Any

Seeds = Sequence[tuple[date, bytes]]
"""Secret seeds by the day they hold from, in that order."""
CODES = ("SMP-01", "SMP-02")


@dataclass(frozen=True, slots=True)
class DaySamples:
    """`categories`: (name, chapters) in their order; `rates`: (class, category, mode) → (inspection, review) in 10^-6; `known`: the
    category of chapters asked for so far."""

    day: date
    categories: Sequence[tuple[str, frozenset[str]]]
    rates: Mapping[tuple[str, str, str], tuple[int, int]]
    known: dict[frozenset[str], str] = field(default_factory=lambda: dict[frozenset[str], str]())

    def draw(self, decision_id: bytes, class_: str, hs_codes: Iterable[str], mode: str, seeds: Seeds) -> dict[str, dict[str, str]]:
        """Of a manifest that would be released: the code that draws it and what its finding tells; empty when none does."""
        begun = [secret for begins, secret in seeds if begins <= self.day]
        if not begun:
            return {}
        seed = begun[-1]
        category = self._category(frozenset([code[:2] for code in hs_codes]))
        number = int.from_bytes(blake2b(decision_id, digest_size=8, key=seed).digest(), "big")
        inspection, review = self.rates.get((class_, category, "bonded" if mode == "1210" else "direct"), (0, 0))
        below = number * 10**6
        if below < inspection << 64:
            code, rate = "SMP-01", inspection
        elif below < (inspection + review) << 64:
            code, rate = "SMP-02", review
        else:
            return {}
        told = {"seed": version(seed), "number": str(number), "class": class_, "category": category, "rate_1e6": str(rate)}
        return {code: told}

    def _category(self, chapters: frozenset[str]) -> str:
        if (found := self.known.get(chapters)) is None:
            found = self.known[chapters] = next(name for name, those in self.categories if not those or chapters & those)
        return found


def version(seed: bytes) -> str:
    """What is told of a seed."""
    return blake2b(b"seed|" + seed, digest_size=8).hexdigest()


def on(day: date, entries: Mapping[str, Sequence[Mapping[str, Any]]]) -> DaySamples:
    """The rates of a day."""
    rates = {
        (x["class"], x["category"], mode): (x[mode]["inspection_1e6"], x[mode]["review_1e6"])
        for x in entries["rate"]
        if x["from"] <= day <= x["to"]
        for mode in ("bonded", "direct")
    }
    return DaySamples(day, [(x["name"], frozenset(x["chapters"])) for x in entries["category"]], rates)


def read_seeds(text: str) -> Seeds:
    """The seeds of a file: lines of a day and 64 hex digits."""
    lines = (line.split() for line in text.splitlines())
    return sorted((date.fromisoformat(day), bytes.fromhex(digits)) for day, digits in lines)

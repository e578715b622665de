"""How often what would be released is drawn for review or inspection, on one day (decisions.md, section 12)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NUMBERS = 1 << 64  # that may be drawn
WHOLE = 1_000_000  # rates are in 10^-6


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """`categories`: chapter → place of its category in `names`, of those of an order the first counts, the last is all else;
    `rates_1e6`: (class, category, bonded) → (inspection, review)."""

    categories: Mapping[str, int]
    names: tuple[str, ...]
    rates_1e6: Mapping[tuple[str, str, bool], tuple[int, int]]

    def category(self, hs_codes: Iterable[str | None]) -> str:
        """Of an order with lines of these HS codes; a null is that of goods nobody registered."""
        other = len(self.names) - 1
        return self.names[min((self.categories.get((code or "")[:2], other) for code in hs_codes), default=other)]

    @property
    def highest(self) -> dict[str, int]:
        """By class: numbers from here on are never drawn."""
        bounds = [(class_, bound(sum(both))) for (class_, _, _), both in self.rates_1e6.items()]
        return {class_: max(below for of, below in bounds if of == class_) for class_, _ in bounds}


def bound(rate_1e6: int) -> int:
    """Below which number a rate draws: exactly those n with n x 10^6 < rate x 2^64."""
    return -(-rate_1e6 * NUMBERS // WHOLE)

"""What the generator knows of tax: the tax of lines as exact fractions, rounded half up to the fen (decisions.md, 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

PLAIN_TENTHS, FULL_TENTHS = 7, 10


@dataclass(frozen=True, slots=True)
class TaxItem:
    """A tax item of the consumption tax: rate in 10⁻⁴; `specific`: measure → (fen, fen below the threshold) for one
    smallest unit; `threshold`: measure → fen for one. None: it has no such part."""

    rate_1e4: int
    specific: Mapping[str, tuple[Fraction, Fraction]] | None = None
    threshold: Mapping[str, Fraction] | None = None

    @property
    def by_quantity(self) -> bool:
        """Whether the quantity decides on the tax."""
        return self.specific is not None or self.threshold is not None

    def measured_in(self, measure: str) -> bool:
        """Whether a content stated in this measure is enough for it."""
        return all(part is None or measure in part for part in (self.specific, self.threshold))


@dataclass(frozen=True, slots=True)
class Rates:
    """A line of the tariff; in 10⁻⁴."""

    tariff_1e4: int
    vat_1e4: int
    item: TaxItem


def line_tax_fen(dutiable_fen: int, rates: Rates, quantity: Fraction, measure: str, full: bool) -> int:
    """Tariff, consumption tax and VAT of a line together. `quantity`: smallest units of `measure` in the whole line."""
    item = rates.item
    if not (full or item.by_quantity):
        divisor = 10 * (10_000 - item.rate_1e4)
        return sum((14 * dutiable_fen * r + divisor) // (2 * divisor) for r in (item.rate_1e4, rates.vat_1e4))
    below = item.threshold is not None and dutiable_fen < item.threshold[measure] * quantity
    rate = Fraction(0 if below else item.rate_1e4, 10_000)
    amount = item.specific[measure][below] * quantity if item.specific is not None else Fraction(0)
    share = Fraction(FULL_TENTHS if full else PLAIN_TENTHS, 10)
    tariff = dutiable_fen * Fraction(rates.tariff_1e4 if full else 0, 10_000)
    with_consumption = (dutiable_fen + tariff + amount) / (1 - rate)
    consumption = with_consumption * rate + amount
    vat = with_consumption * Fraction(rates.vat_1e4, 10_000)
    return _half_up(tariff) + _half_up(share * consumption) + _half_up(share * vat)


def _half_up(exact: Fraction) -> int:
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def shares(totals: Sequence[int], fee: int) -> list[int]:
    """`fee` split by totals: floor, then one fen each to the largest remainders, lower position first."""
    whole = sum(totals)
    if not totals:
        return []
    if whole <= 0:
        return [fee, *[0] * (len(totals) - 1)]
    parts = [fee * t // whole for t in totals]
    by_remainder = sorted(range(len(totals)), key=lambda n: (-(fee * totals[n] % whole), n))
    for n in by_remainder[: fee - sum(parts)]:
        parts[n] += 1
    return parts

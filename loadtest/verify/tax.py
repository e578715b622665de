"""Tax of lines in whole fen, by docs/decisions.md section 7: integers throughout, one fraction for every kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Tax = tuple[int, int, int, int]
"""(dutiable, tariff, consumption tax, VAT) in fen."""
TEN_THOUSAND = 10_000


@dataclass(frozen=True, slots=True)
class Amount:
    """`fen`, below the threshold `below_fen`, for `per` of a measure's smallest units."""

    fen: int
    below_fen: int
    per: int


NOTHING = Amount(0, 0, 1)


@dataclass(frozen=True, slots=True)
class TaxItem:
    """A tax item of the consumption tax. `specific`, `threshold`: by measure; None: the item has no such part."""

    rate_1e4: int
    specific: dict[str, Amount] | None
    threshold: dict[str, Amount] | None

    @property
    def by_quantity(self) -> bool:
        """Whether the price alone does not tell the tax."""
        return self.specific is not None or self.threshold is not None

    def parts(self, measure: str) -> tuple[Amount, Amount] | None:
        """Amount by quantity and threshold for a content in this measure; None: it cannot be taxed so."""
        parts = [NOTHING if part is None else part.get(measure) for part in (self.specific, self.threshold)]
        return (parts[0], parts[1]) if parts[0] is not None and parts[1] is not None else None


@dataclass(frozen=True, slots=True)
class Rate:
    """A line of the tariff on a day; tariff and VAT in 10⁻⁴."""

    tariff_1e4: int
    vat_1e4: int
    item: TaxItem


class Content(NamedTuple):
    """What one `unit` of a goods item holds, in smallest units of a measure ("" when nothing is filed)."""

    unit: str
    amount: int
    measure: str


class Taxable(NamedTuple):
    """A line to be taxed: its price in fen, its quantity in 10⁻⁵ of the goods item's unit."""

    price: int
    quantity_e5: int
    rate: Rate
    content: Content


def shares(fee: int, weights: Sequence[int]) -> list[int]:
    """`fee` in fen by largest remainder over `weights`; the first takes all when no weight is positive."""
    whole = sum(weights)
    if whole <= 0:
        return [fee, *[0] * (len(weights) - 1)]
    parts = [fee * w // whole for w in weights]
    # sorted is stable: of equal remainders the lower position comes first
    by_remainder = sorted(range(len(weights)), key=lambda n: -(fee * weights[n] % whole))
    for n in by_remainder[: fee - sum(parts)]:
        parts[n] += 1
    return parts


def line_taxes(fee: int, lines: Sequence[Taxable], share_1e4: int | None) -> list[Tax]:
    """The tax of each line; `fee` (freight and insurance) in fen. `share_1e4`: of consumption tax and VAT, without any tariff;
    None: all three in full."""
    parts = shares(fee, [x.price for x in lines]) if fee else [0] * len(lines)
    return [line_tax(line, line.price + part, share_1e4) for line, part in zip(lines, parts, strict=True)]


def line_tax(line: Taxable, dutiable: int, share_1e4: int | None) -> Tax:
    """The tax of one line from its dutiable price in fen."""
    item, content = line.rate.item, line.content
    duty, share = (line.rate.tariff_1e4, TEN_THOUSAND) if share_1e4 is None else (0, share_1e4)
    rate, amount, per = item.rate_1e4, 0, 1
    if item.by_quantity:
        parts = item.parts(content.measure)
        assert parts is not None  # else the tax is not known and nobody asks
        specific, threshold = parts
        quantity = line.quantity_e5 * content.amount  # 10⁻⁵ smallest units
        above = dutiable * 10**5 * threshold.per >= threshold.fen * quantity
        rate = rate if above else 0
        # the amount by quantity is amount / per fen
        amount, per = (specific.fen if above else specific.below_fen) * quantity, specific.per * 10**5
    base = dutiable * (TEN_THOUSAND + duty) * per + TEN_THOUSAND * amount  # in 1 / (10⁴ per) fen
    rest = TEN_THOUSAND - rate
    divisor = TEN_THOUSAND * TEN_THOUSAND * per * rest
    return (
        dutiable,
        half_up(dutiable * duty, TEN_THOUSAND),
        half_up(share * (base * rate + TEN_THOUSAND * amount * rest), divisor),
        half_up(share * base * line.rate.vat_1e4, divisor),
    )


def half_up(numerator: int, divisor: int) -> int:
    """The quotient rounded to the nearest integer, halves up; neither is negative."""
    return (2 * numerator + divisor) // (2 * divisor)

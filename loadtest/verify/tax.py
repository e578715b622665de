"""In-limit composite tax in whole fen, by docs/decisions.md section 7: integers throughout."""

from collections.abc import Sequence


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


def line_taxes(fee: int, prices: Sequence[int], rates: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(dutiable, consumption tax, VAT) in fen of each line; prices in fen, rates (consumption, VAT) in 10⁻⁴."""
    taxes: list[tuple[int, int, int]] = []
    parts = shares(fee, prices) if fee else [0] * len(prices)
    for price, share, (consumption, vat) in zip(prices, parts, rates, strict=True):
        dutiable = price + share
        divisor = 10 * (10_000 - consumption)
        taxes.append(
            (dutiable, half_up(7 * dutiable * consumption, divisor), half_up(7 * dutiable * vat, divisor))
        )
    return taxes


def half_up(numerator: int, divisor: int) -> int:
    """The quotient rounded to the nearest integer, halves up; neither is negative."""
    return (2 * numerator + divisor) // (2 * divisor)

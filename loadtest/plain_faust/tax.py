"""In-limit composite tax of each line in whole fen (docs/decisions.md, section 7)."""

from typing import NamedTuple

from loadtest.plain_faust.manifest import Manifest
from loadtest.plain_faust.reading import FEN_E5


class TaxLine(NamedTuple):
    """One order line: amounts in fen."""

    gnum: int
    hs_code: str
    dutiable_fen: int
    consumption_fen: int
    vat_fen: int


def tax_lines(m: Manifest) -> list[TaxLine]:
    """Tax of a manifest whose lines are all registered and rated and whose amounts are known."""
    totals = [line["totalPrice"] // FEN_E5 for line in m.lines]
    shares = _shares(totals, (m.order["freight"] + m.waybill["insuredFee"]) // FEN_E5)
    taxed: list[TaxLine] = []
    for line, total, share, item, rate in zip(m.lines, totals, shares, m.goods, m.rates, strict=True):
        assert item is not None and rate is not None  # REG-01 rejects the one, REG-02 stands in the way of the other
        dutiable, divisor = total + share, 10 * (10_000 - rate.consumption_1e4)
        consumption = _half_up(7 * dutiable * rate.consumption_1e4, divisor)
        taxed.append(
            TaxLine(line["gnum"], item.hs_code, dutiable, consumption, _half_up(7 * dutiable * rate.vat_1e4, divisor))
        )
    return taxed


def _shares(totals: list[int], fee: int) -> list[int]:
    """`fee` in fen by totals: the floor, and one fen each to the largest remainders, lower position first."""
    whole = sum(totals)
    if not fee or not totals:
        return [0] * len(totals)
    if whole <= 0:
        return [fee, *[0] * (len(totals) - 1)]
    shares = [fee * total // whole for total in totals]
    by_remainder = sorted(range(len(totals)), key=lambda n: -(fee * totals[n] % whole))  # a stable sort
    for n in by_remainder[: fee - sum(shares)]:
        shares[n] += 1
    return shares


def _half_up(numerator: int, divisor: int) -> int:
    return (2 * numerator + divisor) // (2 * divisor)

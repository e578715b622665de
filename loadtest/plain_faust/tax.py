"""Tax of each line in whole fen: composite within the limit of one purchase, full rates above (docs/decisions.md, 7)."""

from loadtest.plain_faust.law import Good, Rate
from loadtest.plain_faust.manifest import Manifest, TaxLine
from loadtest.plain_faust.reading import FEN_E5, Document


def tax_lines(m: Manifest) -> list[TaxLine] | None:
    """Tax of a manifest; None while it cannot be known."""
    limits, goods_value = m.law.limits, m.order["goodsValue"]
    if m.dutiable_fen is None or m.order["amount_fine"] or not m.lines or m.line_total_sum_e5 != goods_value:
        return None
    full = m.dutiable_fen > limits["single_limit_fen"]
    if full and not (m.one_indivisible_item and m.dutiable_fen <= limits["annual_limit_fen"]):
        return None
    totals = [line["totalPrice"] // FEN_E5 for line in m.lines]
    shares = _shares(totals, (m.order["freight"] + m.waybill["insuredFee"]) // FEN_E5)
    taxed: list[TaxLine] = []
    for n, (line, item, rate) in enumerate(zip(m.lines, m.goods, m.rates, strict=True)):
        if item is None or rate is None or not m.measured(n) or (rate.by_quantity and not (line["qty"] or 0) > 0):
            return None
        taxed.append(_tax_line(line, totals[n] + shares[n], item, rate, None if full else limits["in_limit_share_1e4"]))
    return taxed


def _tax_line(line: Document, dutiable: int, item: Good, rate: Rate, share_1e4: int | None) -> TaxLine:
    duty, share = (rate.tariff_1e4, 10_000) if share_1e4 is None else (0, share_1e4)
    percent, amount, per = rate.consumption_1e4, 0, 1  # the amount by quantity is amount / per
    if rate.by_quantity:
        quantity = line["qty"] * item.content  # 10⁻⁵ smallest units
        below = False
        if rate.threshold is not None:
            threshold = rate.threshold[item.measure]
            below = dutiable * 100_000 * threshold.per < threshold.fen * quantity
        if rate.specific is not None:
            specific = rate.specific[item.measure]
            amount, per = (specific.below_fen if below else specific.fen) * quantity, specific.per * 100_000
        percent = 0 if below else percent
    with_tariff = dutiable * (10_000 + duty) * per + 10_000 * amount  # over 10⁴ per
    divisor = 10_000 * 10_000 * per * (10_000 - percent)
    return TaxLine(
        line["gnum"], item.hs_code, dutiable, _half_up(dutiable * duty, 10_000),
        _half_up(share * (with_tariff * percent + 10_000 * amount * (10_000 - percent)), divisor),
        _half_up(share * with_tariff * rate.vat_1e4, divisor),
    )  # fmt: skip


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

"""The indicators of risk.toml as plain Python: true, false, or None where a value is not known."""

from loadtest.plain_faust.manifest import UNIT_E5, Manifest
from loadtest.plain_faust.reading import FEN_E5

MOST_NET = 10**14
Verdict = bool | None


def signs(m: Manifest) -> tuple[list[str], bool]:
    """The indicators that are true, and whether any is not known."""
    found: list[str] = []
    unknown = False
    for code, indicator in INDICATORS:
        if code in m.law.risk.points:
            verdict = indicator(m)
            if verdict:
                found.append(code)
            unknown = unknown or verdict is None
    return found, unknown


def cheap(m: Manifest) -> Verdict:
    return _priced(m, low=True)


def dear(m: Manifest) -> Verdict:
    return _priced(m, low=False)


def _priced(m: Manifest, low: bool) -> Verdict:
    found: Verdict = False
    for line, item in zip(m.lines, m.goods, strict=True):
        if item is None or item.unit != line["unit"]:
            continue
        filed, price = item.price_low_fen if low else item.price_high_fen, line["price"]
        if filed > 0:
            if price is None:
                found = found or None
            elif (price < filed * FEN_E5) if low else (price > filed * FEN_E5):
                return True
    return found


def light(m: Manifest) -> Verdict:
    weight = m.waybill["weight"]
    if weight is None:
        return None
    net = 0
    for line, item in zip(m.lines, m.goods, strict=True):
        if item is not None and item.measure == "mass" and item.unit == line["unit"] and line["qty"] is not None:
            net += line["qty"] * item.content
    net = max(-MOST_NET, min(MOST_NET, net // (10 * UNIT_E5)))
    return 10_000 * weight < (10_000 - m.law.classes.tolerance("weight_tolerance_1e4", m.shop_class)) * net


def shipped_before_paid(m: Manifest) -> Verdict:
    return m.waybill["appTime"] < m.payment["payTime"]


def reported_before_paid(m: Manifest) -> Verdict:
    return m.payment["appTime"] < m.payment["payTime"]


def near_the_limit(m: Manifest) -> Verdict:
    if m.dutiable_fen is None:
        return None
    most = m.law.limits["single_limit_fen"]
    return most - m.law.limits["near_limit_fen"] <= m.dutiable_fen <= most


def new_near_a_limit(m: Manifest) -> Verdict:
    if m.counted["person_orders_30d"] > 1:
        return False
    if m.dutiable_fen is None:
        return None
    limits, price = m.law.limits, 10_000 * m.dutiable_fen
    share, single = limits["new_person_share_1e4"], limits["single_limit_fen"]
    return share * single <= price <= 10_000 * single or price >= share * limits["annual_limit_fen"]


def one_pay_firm(m: Manifest) -> Verdict:
    most = m.law.limits["one_pay_firm_persons"]
    return any([m.counted[f"{x}_persons_24h"] >= most and m.counted[f"{x}_pay_firms_24h"] == 1 for x in ("address", "phone")])


INDICATORS = (
    ("RSK-01", cheap),
    ("RSK-02", dear),
    ("RSK-03", light),
    ("RSK-04", shipped_before_paid),
    ("RSK-05", reported_before_paid),
    ("RSK-06", near_the_limit),
    ("RSK-07", new_near_a_limit),
    ("RSK-08", one_pay_firm),
)

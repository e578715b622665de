"""How many persons, phones, addresses and orders were lately seen together (docs/decisions.md, section 13), over a mapping:
a Faust Table, or a dict in tests."""

from collections.abc import Callable, MutableMapping
from hashlib import blake2b
from typing import Any, NamedTuple

from loadtest.plain_faust.manifest import UNIT_E5, Manifest

HOUR_MS = 3_600_000
WINDOWS_MS = {"1h": HOUR_MS, "24h": 24 * HOUR_MS, "30d": 720 * HOUR_MS}
MOST = 100  # a subject with so many in the longest window gets no more
COUNTED = (
    ("phone_persons", "phone", "person"), ("address_persons", "address", "person"), ("person_phones", "person", "phone"),
    ("person_addresses", "person", "address"), ("person_orders", "person", "order"),
    ("phone_pay_firms", "phone", "pay_firm"), ("address_pay_firms", "address", "pay_firm"),
)  # fmt: skip
Line = tuple[str, str, int]
"""First eight digits of the HS code, unit, quantity in 10⁻⁵."""
Seen = MutableMapping[str, list[list[Any]]]
"""Subject → what manifests left with it, as Sighting; a list when it comes from a changelog."""


class Sighting(NamedTuple):
    """A manifest: when it was accepted, in ms, and pseudonyms."""

    at_ms: int
    person: str
    phone: str
    address: str
    order: str
    pay_firm: str
    lines: list[Line]


def count(m: Manifest, seen: Seen, key: bytes) -> dict[str, int]:
    """The counters of a manifest, which leaves a sighting. `key` as of Ledgers."""
    o = m.order
    texts = (o["buyerIdNumber"].upper(), o["consigneeTelephone"], o["consigneeAddress"])
    person, phone, address = (blake2b(text.encode(), digest_size=8, key=key).hexdigest() for text in texts)
    own = Sighting(m.accepted_ms, person, phone, address, o["orderNo"], m.payment["payCode"], _lines(m))
    met: dict[str, list[Sighting]] = {}
    for subject, hashed in (("person", person), ("phone", phone), ("address", address)):
        name = f"{subject}|{hashed}"
        left = [Sighting(*x) for x in seen.get(name) or ()]
        met[subject] = [x for x in left if 0 <= m.accepted_ms - x.at_ms < WINDOWS_MS["30d"]]
        if len(met[subject]) < MOST:
            seen[name] = [*map(list, left), list(own)]
    found: dict[str, int] = {}
    for counter, subject, what in COUNTED:
        for window, length in WINDOWS_MS.items():
            values = {getattr(x, what) for x in met[subject] if m.accepted_ms - x.at_ms < length}
            found[f"{counter}_{window}"] = len(values | {getattr(own, what)})
    return found | _goods_before(m, own, [x for x in met["person"] if x.order != own.order])


def _lines(m: Manifest) -> list[Line]:
    return [(item.hs_code[:8], line["unit"], line["qty"] or 0) for line, item in zip(m.lines, m.goods, strict=True) if item]


def _goods_before(m: Manifest, own: Sighting, others: list[Sighting]) -> dict[str, int]:
    """How many orders had goods of one kind lately, and whether there is too much of an item: `others` are the person's."""
    found: dict[str, int] = {}
    for window, time in (("24h", "day"), ("30d", "month")):
        within = [x for x in others if own.at_ms - x.at_ms < WINDOWS_MS[window]]
        orders = [len({x.order for x in within if code in [line[0] for line in x.lines]}) for code in {line[0] for line in own.lines}]
        found[f"same_goods_orders_{window}"] = 1 + max(orders, default=0)
        found[f"self_use_{time}_exceeded"] = any([_too_much(m, own, within, code, unit, time) for code, unit, _ in own.lines])
    return found


def _too_much(m: Manifest, own: Sighting, within: list[Sighting], code: str, unit: str, time: str) -> bool:
    """Of everything in this unit that is covered by the entry which covers the code."""
    entry = m.law.control.of(code)
    most: dict[str, int] = getattr(entry, time)
    if unit not in most:
        return False
    orders: dict[tuple[str, str], int] = {}  # of several attempts of an order the one with most, of each code
    for other in within:
        bought: dict[str, int] = {}
        for its_code, its_unit, qty in other.lines:
            if its_unit == unit and its_code.startswith(entry.group):
                bought[its_code] = bought.get(its_code, 0) + max(qty, 0)
        for its_code, qty in bought.items():
            orders[other.order, its_code] = max(qty, orders.get((other.order, its_code), 0))
    before = sum(orders.values())
    parcel = sum([max(qty, 0) for its_code, its_unit, qty in own.lines if its_unit == unit and its_code.startswith(entry.group)])
    return before > 0 and before + parcel > most[unit] * UNIT_E5


def _over(counter: str) -> Callable[[Manifest], bool]:
    """A rule that fires when this counter is over its limit in any window."""

    def over(m: Manifest) -> bool:
        return any([m.counted[f"{counter}_{window}"] > m.law.limits[f"{counter}_{window}_most"] for window in WINDOWS_MS])

    return over


def _same_goods_often(m: Manifest) -> bool:
    return any([m.counted[name] > m.law.limits[f"{name}_most"] for name in ("same_goods_orders_24h", "same_goods_orders_30d")])


RULES: list[tuple[str, Callable[[Manifest], bool]]] = [
    *((f"VEL-{n:02d}", _over(counter)) for n, (counter, _, _) in enumerate(COUNTED[:5], start=1)),
    ("VEL-06", _same_goods_often),
    ("GDS-11", lambda m: bool(m.counted["self_use_day_exceeded"])),
    ("GDS-12", lambda m: bool(m.counted["self_use_month_exceeded"])),
]

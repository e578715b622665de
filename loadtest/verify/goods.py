"""What goods a person had in other orders before one, and what that means by the law of a day (docs/decisions.md section 13)."""

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from loadtest.verify.control import UNIT_E5, DayControl
from loadtest.verify.documents import Document

DAY_MS = 24 * 3_600_000
ORDERS = -1  # stands for the unit where orders are counted
PER_CHAPTER = 1_000_000
MOST = 10**14
"""Of a quantity that is kept."""
NOTHING_BEFORE: Mapping[str, int] = {
    "same_goods_orders_24h": 1, "same_goods_orders_30d": 1, "self_use_day_exceeded": False, "self_use_month_exceeded": False,
}  # fmt: skip
"""Columns of a person who had none of it before."""
Goods = tuple[tuple[int, int | None, int], ...]
"""Of each registered line: HS8, unit (None: not three digits), quantity in 10⁻⁵ (0: none that counts)."""
Before = Mapping[tuple[int, int], tuple[int, int]]
"""(HS8, unit or ORDERS) → quantity or orders, within 24 hours and within 30 days."""


def goods_of(lines: Iterable[Document]) -> Goods:
    """Of derived lines."""
    return tuple([
        (int(line["hs_code"][:8]), _unit(line["unit"]), max(line["qty_e5"] or 0, 0)) for line in lines if line["registered"]
    ])  # fmt: skip


@lru_cache
def _unit(text: str) -> int | None:
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() else None


def had_before(own: Goods, others: Iterable[tuple[int, int, Goods]]) -> Before:
    """What of the chapters of `own` was in other orders. `others`: (ms before, order, goods) of each manifest that counts."""
    chapters = {hs8 // PER_CHAPTER for hs8, _, _ in own}
    orders: defaultdict[int, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    most: dict[tuple[int, int, int], tuple[int, int]] = {}  # of the attempts of an order
    for age, order, goods in others:
        bought: Counter[tuple[int, int]] = Counter()
        for hs8, unit, qty in goods:
            if hs8 // PER_CHAPTER not in chapters:
                continue
            orders[hs8][1].add(order)
            if age < DAY_MS:
                orders[hs8][0].add(order)
            if unit is not None and qty:
                bought[hs8, unit] += qty
        for (hs8, unit), qty in bought.items():
            day, month = most.get((hs8, unit, order), (0, 0))
            most[hs8, unit, order] = (max(day, qty) if age < DAY_MS else day, max(month, qty))
    found = {(hs8, ORDERS): (len(day), len(month)) for hs8, (day, month) in orders.items()}
    for (hs8, unit, _), (day, month) in most.items():
        before = found.get((hs8, unit), (0, 0))
        found[hs8, unit] = (min(before[0] + day, MOST), min(before[1] + month, MOST))
    return found


def packed(before: Before) -> bytes:
    """As the manifest keeps it behind its counters."""
    return b"".join(struct.pack(">ihqq", *key, *amounts) for key, amounts in sorted(before.items()))


def columns(own: Goods, before: Before, control: DayControl) -> Mapping[str, int]:
    """The columns of NOTHING_BEFORE."""
    if not before:
        return NOTHING_BEFORE
    again = [before.get((hs8, ORDERS), (0, 0)) for hs8, _, _ in own]
    parcel: Counter[tuple[str, int]] = Counter()
    exceeded = {"day": False, "month": False}
    for hs8, unit, qty in own:
        if unit is not None and (entry := control.self_use_of(f"{hs8:08d}")):
            parcel[entry["hs"], unit] += qty
    for (hs, unit), qty in parcel.items():
        entry = control.self_use_of(hs.ljust(8, "0"))
        had = [amounts for (hs8, of), amounts in before.items() if of == unit and f"{hs8:08d}".startswith(hs)]
        for n, time in enumerate(exceeded):
            limit, earlier = entry.get(time, {}).get(f"{unit:03d}"), sum(amounts[n] for amounts in had)
            exceeded[time] |= limit is not None and earlier > 0 and earlier + qty > limit * UNIT_E5
    return {
        "same_goods_orders_24h": 1 + max((day for day, _ in again), default=0),
        "same_goods_orders_30d": 1 + max((month for _, month in again), default=0),
        **{f"self_use_{time}_exceeded": found for time, found in exceeded.items()},
    }

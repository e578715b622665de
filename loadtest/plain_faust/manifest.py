"""Three documents as one manifest with the derived columns of docs/decisions.md, section 5."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from loadtest.plain_faust.control import Controlled, controlled
from loadtest.plain_faust.law import Cap, DayLaw, Good, Rate, law_at
from loadtest.plain_faust.reading import FEN_E5, Document
from loadtest.plain_faust.registry import Registry

UNIT_E5 = 100_000
_IDENTITY = re.compile(r"[0-9]{17}[0-9X]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"


class TaxLine(NamedTuple):
    """One order line: amounts in fen."""

    gnum: int
    hs_code: str
    dutiable_fen: int
    tariff_fen: int
    consumption_fen: int
    vat_fen: int


@dataclass(slots=True)
class Manifest:
    """`goods`, `rates`, `caps` and `control`: one entry a line, None when not registered, not rated, not limited by weight.
    Unknown amounts are None. `relation`: what the platform and the firm filed together.
    `tax`: of each line, should the manifest not be rejected; None while it cannot be known. `counted`: its counters."""

    order: Document
    payment: Document
    waybill: Document
    lines: list[Document]
    accepted_ms: int
    law: DayLaw
    registry: Registry
    relation: dict[str, Any]
    goods: list[Good | None]
    rates: list[Rate | None]
    caps: list[Cap | None]
    control: list[Controlled]
    trade_mode: str
    line_total_sum_e5: int | None
    dutiable_fen: int | None
    one_indivisible_item: bool | None
    shop_class: str
    tax: list[TaxLine] | None = None
    counted: dict[str, int] = field(default_factory=lambda: dict[str, int]())

    def measured(self, position: int) -> bool:
        """Whether what is filed of the item in this line (from 0) is enough for its consumption tax."""
        item, rate = self.goods[position], self.rates[position]
        if item is None or rate is None or not rate.by_quantity:
            return True
        return rate.suits(item.measure) and self.lines[position]["unit"] == item.unit

    def weighed(self, position: int) -> bool:
        """Whether this line (from 0) can be weighed, should its weight be limited."""
        item = self.goods[position]
        if item is None or self.caps[position] is None:
            return True
        return item.measure == "mass" and self.lines[position]["unit"] == item.unit

    def weights(self) -> list[tuple[Cap, int]]:
        """Groups of goods limited by weight and the mg of each in the lines that can be weighed, by name of the group. Each
        line counts in whole mg, rounded up."""
        found: dict[str, tuple[Cap, int]] = {}
        for position, (line, item, cap) in enumerate(zip(self.lines, self.goods, self.caps, strict=True)):
            if item is not None and cap is not None and self.weighed(position) and (line["qty"] or 0) > 0:
                mg = -(-line["qty"] * item.content // UNIT_E5)
                found[cap.group] = (cap, found.get(cap.group, (cap, 0))[1] + mg)
        return [found[group] for group in sorted(found)]

    @property
    def tax_due_fen(self) -> int | None:
        """Tariff, consumption tax and VAT of all lines."""
        return None if self.tax is None else sum([x.tariff_fen + x.consumption_fen + x.vat_fen for x in self.tax])


def assemble(order: Document, payment: Document, waybill: Document, accepted_ms: int, registry: Registry) -> Manifest:
    """The manifest of three documents, accepted at the latest of their log times."""
    law = law_at(accepted_ms)
    lines = order["orderList"]
    items = [registry.goods.get((order["ebcCode"], line["itemNo"])) for line in lines]
    return Manifest(
        order, payment, waybill, lines, accepted_ms, law, registry,
        registry.relation(order["ebpCode"], order["ebcCode"]), items,
        [law.rates.get(item.hs_code[:8]) if item else None for item in items],
        [_cap(law, item) for item in items],
        controlled(lines, [(item.hs_code, item.bonded, item.origin, item.brand) if item else None for item in items], law.control),
        _trade_mode(items),
        _sum([line["totalPrice"] for line in lines]),
        _dutiable_fen(order["goodsValue"], order["freight"], waybill["insuredFee"]),
        _one_indivisible(lines),
        registry.firm_class("ecommerce", order["ebcCode"]),
    )  # fmt: skip


def _cap(law: DayLaw, item: Good | None) -> Cap | None:
    if item is not None:
        for cap in law.caps:
            if item.hs_code.startswith(cap.hs8):
                return cap
    return None


def _trade_mode(items: list[Good | None]) -> str:
    modes = {item.bonded for item in items if item}
    return "mixed" if len(modes) == 2 else "" if not modes else "1210" if modes.pop() else "9610"


def _sum(amounts: list[int | None]) -> int | None:
    known = [a for a in amounts if a is not None]
    return sum(known) if len(known) == len(amounts) else None


def _dutiable_fen(*parts: int | None) -> int | None:
    total = 0
    for part in parts:
        if part is None or part % FEN_E5:
            return None
        total += part
    return total // FEN_E5


def _one_indivisible(lines: list[Document]) -> bool | None:
    if len(lines) != 1:
        return False
    qty = lines[0]["qty"]
    return None if qty is None else qty == UNIT_E5


def identity_valid(number: str) -> bool:
    """Whether a resident identity number has the right shape, birth date and check character (GB 11643)."""
    if not _IDENTITY.fullmatch(number):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    if number[17] != _CHECK_CHARACTERS[total % 11] or number[6:10] < "1900":
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return True

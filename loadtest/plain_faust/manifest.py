"""Three documents as one manifest with the derived columns of docs/decisions.md, section 5."""

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from loadtest.plain_faust.control import Controlled, controlled
from loadtest.plain_faust.law import DayLaw, Good, Rate, goods, law_at
from loadtest.plain_faust.reading import FEN_E5, Document

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
    """`goods`, `rates` and `control`: one entry a line, None when not registered or not rated. Unknown amounts are None.
    `tax`: of each line, should the manifest not be rejected; None while it cannot be known."""

    order: Document
    payment: Document
    waybill: Document
    lines: list[Document]
    accepted_ms: int
    law: DayLaw
    goods: list[Good | None]
    rates: list[Rate | None]
    control: list[Controlled]
    trade_mode: str
    line_total_sum_e5: int | None
    dutiable_fen: int | None
    one_indivisible_item: bool | None
    tax: list[TaxLine] | None = None

    def measured(self, position: int) -> bool:
        """Whether what is filed of the item in this line (from 0) is enough for its consumption tax."""
        item, rate = self.goods[position], self.rates[position]
        if item is None or rate is None or not rate.by_quantity:
            return True
        return rate.suits(item.measure) and self.lines[position]["unit"] == item.unit

    @property
    def tax_due_fen(self) -> int | None:
        """Tariff, consumption tax and VAT of all lines."""
        return None if self.tax is None else sum([x.tariff_fen + x.consumption_fen + x.vat_fen for x in self.tax])


def assemble(order: Document, payment: Document, waybill: Document, accepted_ms: int) -> Manifest:
    """The manifest of three documents, accepted at the latest of their log times."""
    law, registry = law_at(accepted_ms), goods()
    lines = order["orderList"]
    items = [registry.get((order["ebcCode"], line["itemNo"])) for line in lines]
    return Manifest(
        order, payment, waybill, lines, accepted_ms, law, items,
        [law.rates.get(item.hs_code[:8]) if item else None for item in items],
        controlled(lines, [(item.hs_code, item.bonded) if item else None for item in items], law.control),
        _trade_mode(items),
        _sum([line["totalPrice"] for line in lines]),
        _dutiable_fen(order["goodsValue"], order["freight"], waybill["insuredFee"]),
        _one_indivisible(lines),
    )  # fmt: skip


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

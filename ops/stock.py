"""What a manifest took of the stock of account books, by its lines: where its entries stand only all rows would tell."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pipeline import guarantees, stock

REFUSED = {*guarantees.CODES, *stock.CODES}


def taken(outcome: str, codes: Iterable[str], revised: Collection[str], lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Book item, quantity, its unit (empty where lines have several) and movement, by item and in their order. `outcome` and `codes` of the decision; `revised`: outcomes of its
    revisions; `lines`: rows of manifest_line."""
    if outcome == "REJECT" or (REFUSED.intersection(codes) and "RELEASE" not in revised):
        return []
    movements = ["deduct" if "RELEASE" in (outcome, *revised) else "reserve", *(["restore"] if "REJECT" in revised else [])]
    amounts: dict[str, tuple[int, str]] = {}
    for line in lines:
        if (item := line["account_book_item"]) and (line["qty_e5"] or 0) > 0:
            amount, unit = amounts.get(item, (0, line["unit"]))
            amounts[item] = amount + line["qty_e5"], unit if unit == line["unit"] else ""
    return [
        {"book_item": item, "amount_e5": amount, "unit": unit, "movement": x}
        for item, (amount, unit) in sorted(amounts.items()) for x in movements
    ]  # fmt: skip

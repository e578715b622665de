"""Which entry of a list a finding of the goods control is said to go by."""

from datetime import date
from typing import Any

from ops.explain.lists import entries_of
from schemas.lawbook import load

DAY = date(2019, 11, 11)
BEER = {
    "position": 1, "hs_code": "2203000000", "line_country": "303", "origin": "331", "line_itemName": "beer", "line_gmodel": "a bottle",
    "brand": "Exemplar Noble", "bonded": False,
}  # fmt: skip


def found(column: str, **line: Any) -> list[str]:
    entries = entries_of([column], [BEER | line], load(), DAY)
    return [x["entry"].get("name", x["entry"].get("hs")) for x in entries]


def test_what_is_filed_of_an_item_counts_beside_what_the_order_says() -> None:
    assert found("stopped") == ["22030000"]
    assert found("stopped", line_country="331", origin="303") == ["22030000"]
    assert found("stopped", origin="303") == []
    assert found("brand_watched") == ["EXEMPLAR NOBLE"]
    assert found("brand_watched", brand=None) == []
    assert found("brand_watched", brand=None, line_gmodel="exemplar noble") == ["EXEMPLAR NOBLE"]

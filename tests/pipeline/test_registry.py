"""The registry's tables: of each key the last entry, under the names that everybody reads."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipeline.law import MASS
from pipeline.registry import Registry
from schemas.filings import KEYED, Filing

DECISION = "00112233445566778899aabbccddeeff"
YEAR = {"validFrom": "2019-01-01", "validTo": "2019-12-31"}
DAYS = {"valid_from": date(2019, 1, 1), "valid_to": date(2019, 12, 31)}
# Part → what is filed, what is filed of the same key later, and what stands in the end.
FILED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "enterprise": (
        {"role": "guarantor", "code": "G", "class": "aeo", "status": "active"}, {"status": "revoked"},
        {"role": "guarantor", "code": "G", "class": "aeo", "enterprise_status": "revoked"},
    ),
    "goods": (
        {"ebcCode": "F", "itemNo": "I", "hsCode": "1901101000", "accountBookItem": "B-1", "unit": "122", "content": 2, "contentUnit": "kg",
         "status": "active", "priceLowFen": 5, "priceHighFen": 9, "country": "116", "brand": "X"},
        {"hsCode": "2204210000", "content": 3},
        {"ebc_code": "F", "item_no": "I", "hs_code": "2204210000", "hs8": "22042100", "account_book_item": "B-1", "goods_unit": "122",
         "content": 3_000_000, "measure": MASS, "item_status": "active", "price_low_fen": 5, "price_high_fen": 9, "origin": "116", "brand": "X"},
    ),
    "relation": (
        {"ebpCode": "P", "ebcCode": "F", "guarantorCode": "G", "declarantCode": "D", "warehouseCode": "W", "customsCode": "4604", "status": "active"},
        {"guarantorCode": "P"},
        {"ebp_code": "P", "ebc_code": "F", "guarantor_code": "P", "declarant_code": "D", "warehouse_code": "W", "customs_code": "4604",
         "relation_status": "active"},
    ),
    "guarantee": (
        {"guarantorCode": "G", "instrumentNo": "N", "kind": "cash", "amountFen": 7, **YEAR, "useOrder": 1, "status": "active"},
        {"amountFen": 8},
        {"guarantor_code": "G", "instrument_no": "N", "amount_fen": 8, **DAYS, "instrument_status": "active"},
    ),
    "inspection": (
        {"decisionId": DECISION, "itemNo": "I", "orderNo": "O"}, {"orderNo": "O2"},
        {"decision_id": bytes.fromhex(DECISION), "item_no": "I", "order_no": "O2"},
    ),
    "stock": (
        {"accountBook": "B", "bookItem": "1", "unit": "122", "enteredE5": 7, **YEAR, "status": "active"}, {"enteredE5": 8},
        {"book_item": "B-1", "stock_unit": "122", "entered_e5": 8, **DAYS, "stock_status": "active"},
    ),
    "count": (
        {"accountBook": "B", "bookItem": "1", "countedE5": 7}, {"countedE5": 8},
        {"book_item": "B-1", "counted_e5": 8},
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", FILED)
@pytest.mark.parametrize("versions", [1, 2])
def test_of_a_key_the_last_entry_stands(part: str, versions: int) -> None:
    first, change, stands = FILED[part]
    earlier, later = Filing(part, 1, first), Filing(part, 2, first | change)
    rows = [earlier.row(), later.row()]
    registry = Registry()
    for version, of_it in enumerate([rows] if versions == 1 else [[row] for row in rows], start=1):
        registry = registry.changed(version, **{later.table: of_it})
    assert getattr(registry, later.table).rows(named=True) == [stands]
    assert registry.version == versions


@pytest.mark.parametrize("part", FILED)
def test_another_key_is_another_entry(part: str) -> None:
    """Each of the two fields of a key alone makes another."""
    first, _, _ = FILED[part]
    filings = [Filing(part, 1, first), *(Filing(part, 1, first | {name: DECISION[::-1] if name == "decisionId" else "9"}) for name in KEYED[part])]
    registry = Registry().changed(1, **{filings[0].table: [filing.row() for filing in filings]})
    assert len(getattr(registry, filings[0].table)) == 3


def test_stock_stands_by_name() -> None:
    """It is found by bisection."""
    filed = [Filing("stock", 1, FILED["stock"][0] | {"accountBook": book}).row() for book in "CAB"]
    assert Registry().changed(1, stock=filed).stock["book_item"].to_list() == ["A-1", "B-1", "C-1"]


def test_before_anything_is_filed_it_is_version_0() -> None:
    assert Registry().version == 0


def goods(*items: tuple[str, str, str]) -> Registry:
    """Items of firms with their status."""
    return Registry().changed(1, goods=[Filing("goods", 1, FILED["goods"][0] | {"ebcCode": f, "itemNo": i, "status": s}).row() for f, i, s in items])


@pytest.mark.parametrize("asked", [[("F", "J")], [("E", "I")], [("F", "I"), ("F", "J"), ("E", "I"), ("E", "J")]])
def test_goods_are_found_by_firm_and_item_together(asked: list[tuple[str, str]]) -> None:
    firms, items = (pl.Series([key[n] for key in asked]) for n in (0, 1))
    found = goods(("F", "I", "active")).goods_of(firms, items)
    assert found["item_no"].to_list() == ["I" if key == ("F", "I") else None for key in asked]
    assert found["content"].to_list() == [2_000_000 if key == ("F", "I") else None for key in asked]


def test_every_key_is_found_and_no_other() -> None:
    """By bisection of hashes: those before the first and behind the last of them too."""
    keys = [("F", f"I{n}") for n in range(5)]
    others = [("F", f"J{n}") for n in range(60)]
    firms, items = (pl.Series([key[n] for key in keys + others]) for n in (0, 1))
    found = goods(*((*key, "active") for key in keys)).goods_of(firms, items)
    assert found["item_no"].to_list() == [item for _, item in keys] + [None] * len(others)
    assert found["stock"].null_count() == len(found)  # nothing is filed under a book
    assert Registry().goods_of(firms, items)["item_no"].to_list() == [None] * len(firms)


def test_what_is_not_active() -> None:
    registry = goods(("F", "I", "active"), ("F", "J", "recalled"), ("E", "I", "suspended"))
    assert sorted(registry.items_out().rows()) == [("E", "I"), ("F", "J")]
    firms = [("platform", "P", "general", "active"), ("platform", "Q", "general", "suspended"), ("carrier", "P", "general", "revoked")]
    relations = [("P", "E", *"GDW", "3302", "active"), ("P", "F", *"GDW", "3302", "suspended")]
    out = registry.changed(2, enterprises=firms, relations=relations).firms_out()
    assert sorted(out.rows()) == [("carrier", "P"), ("platform", "Q"), ("relation", "P|F")]


@pytest.mark.parametrize(("guarantor", "related"), [("P", True), ("F", True), ("C", True), ("G", False), (None, False)])
def test_who_may_guarantee(guarantor: str | None, related: bool) -> None:
    """The platform, the firm or the carrier; nobody does for two that filed nothing together."""
    heads = pl.DataFrame({"order_ebpCode": ["P"], "order_ebcCode": ["F"], "payment_payCode": ["B"], "waybill_logisticsCode": ["C"]})
    filed = [] if guarantor is None else [Filing("relation", 1, FILED["relation"][0] | {"guarantorCode": guarantor}).row()]
    firms = Registry().changed(1, relations=filed).firms_of(heads)
    assert firms["guarantor_related"].to_list() == [related]
    assert firms["guarantor_code"].to_list() == [guarantor or ""]
    assert {firms[f"{role}_status"].item() for role in ("guarantor", "declarant", "warehouse")} == {""}  # none is filed as an enterprise


@pytest.mark.parametrize("role", ["platform", "ecommerce"])
def test_the_class_of_a_firm_is_that_of_its_role(role: str) -> None:
    """Both firms of an order may be one enterprise."""
    heads = pl.DataFrame({"order_ebpCode": ["X"], "order_ebcCode": ["X"], "payment_payCode": ["B"], "waybill_logisticsCode": ["C"]})
    firm = Filing("enterprise", 1, {"role": role, "code": "X", "class": "aeo", "status": "active"}).row()
    firms = Registry().changed(1, enterprises=[firm]).firms_of(heads)
    assert {x: firms[f"{x}_class"].item() for x in ("platform", "ecommerce")} == {"platform": "general", "ecommerce": "general"} | {role: "aeo"}
    assert {x: firms[f"{x}_status"].item() for x in ("platform", "ecommerce")} == {"platform": "", "ecommerce": ""} | {role: "active"}


def test_what_laws_make_of_a_version_is_kept_for_four() -> None:
    """Two days of two rule sets: a fifth takes the place of the first, which is made anew."""
    made: list[str] = []

    def once(law: str) -> None:
        registry.once(law, lambda _: made.append(law) or pl.DataFrame())

    registry = Registry()
    for law in "AABCD" "ABCD" "E" "BCDE" "A":
        once(law)
    assert "".join(made) == "ABCDEA"

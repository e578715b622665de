"""explain: of all that a finding read what decided it, by names that people know, with units, words and lengths."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.explain.names import called
from ops.explain.values import clock, shown_value
from ops.explain.voice import texts
from schemas.endpoints import Endpoints
from schemas.lawbook import load
from tests.ops.conftest import Run
from tests.ops.test_commands import asked
from tests.ops.test_explain import take
from tests.ops.test_explain_law import DAY, explained
from tests.ops.test_explain_noted import case
from tests.pipeline.trios import numbered, records

KEPT = (  # by ledgers, samples and the engine
    "entry_no", "balance_fen", "batch_fen", "amount_fen", "limit_fen", "guarantor_code", "weight_group", "balance_mg", "amount_mg", "limit_mg", "cap_mg",
    "use_no", "held_by", "book_item", "amount_e5", "taken_e5", "batch_e5", "entered_e5", "seed", "number", "class", "category", "rate_1e6", "conditions",
    "score", "indicators",
)  # fmt: skip
WORDS = {"ecommerce_status": ("active", "suspended", "revoked", ""), "item_status": ("recalled",), "platform_class": ("aeo", "general", "dishonest"),
         "trade_mode": ("1210", "9610", "mixed"), "category": ("food", "cosmetics", "other"), "weight_group": ("rice", "sugar")}  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_column_limit_and_value_kept_has_a_name(lang: str) -> None:
    columns = load().rules["columns"]
    names = {*columns["manifest"], *columns["line"], *load().limits_on(DAY), *KEPT}
    nameless = {name for name in names if called(name, texts(lang)) == name}
    assert nameless == set()
    if lang == "zh":
        assert {name for name in names if not re.search(r"[一-鿿]", called(name, texts(lang)))} == set()


def test_a_field_keeps_the_name_that_its_sender_knows() -> None:
    english, chinese = texts("en"), texts("zh")
    assert (called("order_goodsValue_e5", english), called("order_goodsValue_e5", chinese)) == ("order goodsValue", "订单商品价格（goodsValue）")
    assert called("phone_persons_24h_most", english) == "most persons of the consignee's phone within 24 hours"
    assert called("column_of_another_set", english) == "column_of_another_set"


def test_words_of_ours_are_said_in_both_languages() -> None:
    for lang in ("en", "zh"):
        said = {(name, value): shown_value(name, value, texts(lang)) for name, values in WORDS.items() for value in values}
        assert {key for key, text in said.items() if f"word_{key[1] or 'not_filed'}" not in texts(lang) or not text} == set()
    assert shown_value("ecommerce_status", "", texts("zh")) == "未备案"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("waybill_weight_e5", "1079", "0.01079 千克"), ("order_payCode", "0012", "0012"), ("order_payCode", "\u3000", "（空白字符）"),
        ("order_ebcName", "长" * 41, "长" * 40 + "…"), ("waybill_appTime", "2019-11-10 13:03:21.403000+00:00", "2019-11-10 21:03:21.403（北京时间）"),
        ("held_by", "330296P011|EX|1", "电商平台 330296P011 的订单 EX|1"), ("tax_due_fen", "100005", "1,000.05 元"),
    ],
)  # fmt: skip
def test_values_in_chinese(name: str, value: Any, shown: str) -> None:
    assert shown_value(name, value, texts("zh")) == shown


def test_a_time_has_milliseconds_only_where_there_are_some() -> None:
    assert clock(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 08:00:00"


async def test_of_several_alternatives_those_that_are_true_are_told(run: Run, named: Endpoints) -> None:
    trios = [
        numbered(1, **{"order.buyerRegNo": "\u3000"}), numbered(2, **{"order.ebcName": "长" * 101, "order.note": "x" * 1001}),
        numbered(3, **{"payment.payerName": "别人甲乙"}), numbered(4, **{"order.goodsValue": "1000000000.01"}), numbered(5, **{"waybill.freight": "0.123"}),
    ]  # fmt: skip
    await take(named, [r for n, trio in enumerate(trios) for r in records(trio, offset=n)])
    found = [{f["code"]: f for f in (await explained(run, n))["findings"]} for n in range(1, 6)]
    assert found[0]["FMT-01"]["decided_by"] == ["order_buyerRegNo"] and len(found[0]["FMT-01"]["values"]) == 15
    assert found[1]["FMT-05"]["too_long"] == {"order_ebcName": {"length": 101, "most": 100}, "order_note": {"length": 1001, "most": 1000}}
    assert found[2]["PAY-04"]["decided_by"] == ["payment_payerName", "order_buyerName"]
    assert found[3]["AMT-01"]["amounts"] == [{"name": "order_goodsValue_e5", "line": None, "value": None}]
    assert found[4]["AMT-06"]["amounts"] == [{"name": "waybill_freight_e5", "line": None, "value": 12_300}]
    said, every = await asked(run, "explain", "EXAMPLE-1"), await asked(run, "explain", "EXAMPLE-1", "--all")
    told, all_told = (x.out.partition("What was found")[2].partition("Looked at")[0] for x in (said, every))
    assert "order buyerRegNo: (blank)" in told and "14 more values were read: --all" in told and "order guid" not in told
    assert "order guid" in all_told and "more values" not in all_told
    long = (await asked(run, "explain", "EXAMPLE-2")).out
    assert "长…" in long and "长" * 41 not in long and "characters, at most 100)" in long and "order note: ***1001 (1001 characters" in long
    assert "order goodsValue: out of bounds" in (await asked(run, "explain", "EXAMPLE-4")).out
    assert "waybill freight: CNY 0.123" in (await asked(run, "explain", "EXAMPLE-5")).out


async def test_the_goods_and_the_holder_of_a_number_are_named(run: Run, named: Endpoints) -> None:
    taken = {"payment.payTransactionId": "EXAMPLE-PAY-1", "order.payTransactionId": "EXAMPLE-PAY-1"}
    second = numbered(2)
    for path, value in taken.items():
        kind, field = path.split(".")
        second[kind][field] = value
    await take(named, [r for n, trio in enumerate((numbered(1), second, numbered(3, **{"line1.itemNo": "SKU-UNKNOWN"}))) for r in records(trio, offset=n)])
    number = (await asked(run, "explain", "EXAMPLE-2")).out
    assert "in use by: order number EXAMPLE-1 of platform 330296P001" in number and "nobody used it before" not in number.partition("Looked at")[0]
    (finding,) = (await explained(run, 3))["findings"]
    assert (finding["code"], [(x["line"], x["item_no"], x["qty_e5"], x["unit"]) for x in finding["items"]]) == ("REG-01", [(1, "SKU-UNKNOWN", 200_000, "035")])
    assert "line 1: SKU-UNKNOWN " in (await asked(run, "explain", "EXAMPLE-3")).out


@pytest.mark.parametrize(
    ("title", "because", "to_do"),
    [
        ("paid before ordered is refused", "paid before the order was placed (TIM-01), as laid down where the e-commerce firm is rated dishonest", "send the payment anew"),
        ("an address that differs leads to inspection", "(WAY-03), as laid down where", "nothing; the parcel is inspected"),
    ],
)  # fmt: skip
async def test_what_the_class_of_the_firm_decides_is_told(run: Run, named: Endpoints, title: str, because: str, to_do: str) -> None:
    await take(named, records(case(title)))
    said = (await asked(run, "explain", "EXAMPLE-1")).out
    reasons, _, todos = said.partition("Looked at")[0].partition("What to do")
    assert because in re.sub(r"\s+", " ", reasons) and to_do in todos and "an officer reviews" not in todos


async def test_what_was_ordered_before_is_told_where_goods_are_counted_over_time(run: Run, named: Endpoints) -> None:
    """48 bottles of beer in 24 hours are the most, and this is the third parcel."""
    beer = {"lines": 1, "line1.itemNo": "SKU010031", "line1.unit": "011", "line1.price": "9.00", "waybill.billNo": "9", "recount": True}
    trios = [numbered(n, **(beer | {"line1.qty": qty})) for n, qty in enumerate(("24", "23.5", "1"), start=1)]
    await take(named, *(records(trio, offset=n) for n, trio in enumerate(trios)))
    (finding,) = (await explained(run, 3))["findings"]
    assert (finding["code"], finding["had"]) == ("GDS-11", [{"hs8": "22030000", "unit": "011", "qty_e5": 4_750_000}])
    assert "ordered before" in (said := (await asked(run, "explain", "EXAMPLE-3")).out) and "47.50" in said
    assert [f["had"] for f in (await explained(run, 2))["findings"]] == []

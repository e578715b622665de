"""explain: for each rule the values read, the outcome and the law; signs of risk, checks of ledgers, rows of the tariff."""

from datetime import date
from typing import Any

import pytest

from ops.explain.thresholds import Thresholds
from ops.law_files import rate_row, sources, tax_item
from schemas.endpoints import Endpoints
from schemas.lawbook import load
from tests.ops.conftest import Run
from tests.ops.test_commands import asked
from tests.ops.test_explain import take
from tests.pipeline.trios import numbered, records

DAY = date(2026, 11, 26)
COSMETICS = {"lines": 1, "line1.itemNo": "SKU010006", "line1.unit": "011", "line1.qty": "1", "line1.price": "200.00", "recount": True}
LEDGERS = {"PAY-03", "WAY-06", "LIM-03", "LIM-04", "GUA-01", "GUA-02", "STK-01", "STK-02"}
SAMPLES = {"SMP-01", "SMP-02"}


async def explained(run: Run, n: int) -> dict[str, Any]:
    (manifest,) = (await asked(run, "explain", f"EXAMPLE-{n}", "--json")).data["manifests"]
    assert manifest["differences"] == []
    return manifest


async def test_what_the_law_says_is_told_code_by_code(run: Run, named: Endpoints) -> None:
    shipped = {"waybill.appTime": "2019-11-11T00:00:10+08:00"}
    brand = {"line1.gmodel": "exemplar noble", "order.taxTotal": "31.00", "order.actualPaid": "363.04", "payment.amountPaid": "363.04"}
    trios = [numbered(1, **shipped), numbered(2, **brand), numbered(3, **{"waybill.packNo": 2}), numbered(4, **COSMETICS)]
    await take(named, [r for n, trio in enumerate(trios) for r in records(trio, offset=n)])
    await _a_sign_below_every_band(run)
    await _a_list_and_a_tolerance(run)
    await _what_was_not_asked(run)
    await _rows_of_the_tariff(run)


async def _a_sign_below_every_band(run: Run) -> None:
    sign = await explained(run, 1)
    assert sign["outcome"] == "RELEASE" and [(x["code"], x["points"]) for x in sign["risk"]["signs"]] == [("RSK-04", {"brushing": 40})]
    brushing = next(x for x in sign["risk"]["typologies"] if x["name"] == "brushing")
    assert (brushing["score"], brushing["reached"], brushing["bands"][0]) == (40, None, {"at_least": 60, "code": "RTY-03"})
    passed = {x["code"]: x for x in sign["passed"]}
    assert "RSK-04" not in passed and (LEDGERS - {"LIM-04"}) | SAMPLES <= passed.keys()
    assert [x["code"] for x in sign["not_asked"]] == ["LIM-04"]
    (quota,), (stock, *_) = passed["LIM-03"]["read"], passed["STK-01"]["read"]
    assert quota["values"] == {"balance_fen": 0, "amount_fen": 33_204, "limit_fen": 2_600_000}
    assert stock["values"] == {"book_item": "T3105W001-1", "amount_e5": 200_000, "entered_e5": 10_000_000_000_000}
    assert passed["PAY-03"]["read"][0]["values"] == {"payment_payCode": "330296Y001", "payment_payTransactionId": "EXAMPLE-PAY-1", "use_no": 1}
    assert passed["GUA-01"]["read"][0]["values"]["amount_fen"] == 3022 and passed["SMP-01"]["read"][0]["values"]["rate_1e6"] == 1000
    english, every = await asked(run, "explain", "EXAMPLE-1"), await asked(run, "explain", "EXAMPLE-1", "--lang", "zh", "--all")
    assert "signs of risk were seen" in english.out and "40; a finding is made from 60 (RTY-03) or 100 (RTY-04) on" in english.out
    assert "nothing was found:" not in english.out and "Not asked: LIM-04 (none of the goods has a yearly weight a person)" in english.out
    for part in ("CEB411 业务主键", "限额：26,000.00 元", "对照 1 小时内同一收货电话的订购人数上限：3", "已公布的跨境电商违法案例", "刷单：40 分", "（北京时间）"):
        assert part in every.out, part


async def _a_list_and_a_tolerance(run: Run) -> None:
    held = await explained(run, 2)
    found = {f["code"]: f for f in held["findings"]}
    (entry,) = found["GDS-09"]["entries"]
    assert (entry["list"], entry["line"], entry["entry"]["name"], list(entry["sources"])) == ("brand", 1, "EXEMPLAR NOBLE", ["synthetic"])
    assert found["TAX-02"]["parameters"] == {"tax_tolerance_fen": 1}
    assert {x["code"]: x["why"] for x in held["not_asked"]} == {"LIM-04": "asked_no_weight"} | dict.fromkeys(SAMPLES, "asked_not_released")
    said = (await asked(run, "explain", "EXAMPLE-2")).out
    for part in ("list of protected brands: name EXEMPLAR NOBLE", "against tolerance of the tax, a line: CNY 0.01", "line 1", "source: invented"):
        assert part in said, part


async def _what_was_not_asked(run: Run) -> None:
    rejected = await explained(run, 3)
    assert {x["code"] for x in rejected["not_asked"]} == LEDGERS | SAMPLES and not LEDGERS & {x["code"] for x in rejected["passed"]}


async def _rows_of_the_tariff(run: Run) -> None:
    (line,) = (await explained(run, 4))["tax"]["lines"]
    assert (line["rate_row"]["hs8"], line["rate_row"]["consumption"], line["tax_item"]["name"]) == ("33049900", "cosmetics", "cosmetics")
    assert line["rate_row"]["from"] <= "2019-11-11" <= line["rate_row"]["to"] and line["rate_row"]["sources"]
    said = (await asked(run, "explain", "EXAMPLE-4")).out
    for part in ("33049900 ", "tax item cosmetics 15%", "from 2016-10-01", "ct2016: Caiguanshui 2016 No.48", "Caiguanshui 2018 No.49 art.1: CNY 5,000 a purchase"):
        assert part in said, part


def test_rows_and_titles_are_those_of_the_day() -> None:
    book = load()
    before, now = rate_row(book, "04059000", date(2023, 12, 31)), rate_row(book, "04059000", date(2024, 1, 1))
    assert before and now and (before["source"], now["source"]) == ("later hs24", "hs24")
    assert rate_row(book, "04059000", date(2019, 3, 31)) is None and tax_item(book, "none", DAY) is None
    assert tax_item(book, "cosmetics", date(2016, 9, 30)) is None
    assert sources(book, "hs25 fraud")["hs25"] == "China HS code, import tariff and tax, edition of 2025-01-08"


@pytest.mark.parametrize(
    ("code", "read", "held_against"),
    [
        ("TAX-02", {}, {"tax_tolerance_fen": 2}), ("FMT-12", {}, {}), ("WAY-06", {}, {"waybill_reuse_months": 6}), ("GUA-01", {"limit_fen": 5}, {}),
        ("VEL-06", {}, {"same_goods_orders_24h_most": 10, "same_goods_orders_30d_most": 20}), ("LIM-04", {"weight_group": "sugar"}, {"cap_mg": 2_000_000}),
        ("RTY-01", {"score": "80", "indicators": "RSK-01,RSK-03"}, {"weight_tolerance_1e4": 500}),
    ],
)  # fmt: skip
def test_the_limits_that_a_code_goes_by(code: str, read: dict[str, Any], held_against: dict[str, int]) -> None:
    head = {"platform_class": "aeo", "ecommerce_class": "general"}
    assert Thresholds(load(), DAY, head).of(code, read) == held_against

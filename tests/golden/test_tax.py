"""Taxes worked by hand (tax.toml), held against the core, the verifier and the baseline: three computations of one law."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loadtest.generate.law import goods
from loadtest.plain_faust import decide as baseline
from loadtest.plain_faust.ledgers import Ledgers
from loadtest.plain_faust.reading import read as read_baseline
from loadtest.verify import documents, law
from loadtest.verify.judging import derive, rule_findings
from pipeline.tax import LEVIED
from tests.golden.registries import VERSION, baseline_registry, verifier_registry
from tests.pipeline.memory import MemoryStore
from tests.pipeline.trios import KINDS, example, log_ms, records

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "tax.toml").read_text())["case"]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
Trio = dict[str, Any]


def trio_of(case: dict[str, Any], off_fen: int = 0) -> Trio:
    """The example as the case has it; withheld is what is due and `off_fen`."""
    trio, firm = example(), case.get("firm", "330296T001")
    items = {item.item_no: item for item in goods()[firm]}
    order, zero = trio["order"], Decimal(0)
    line = order["orderList"][0]
    order["orderList"] = [
        {**line, "gnum": n, "itemNo": item, "unit": items[item].unit, "qty": qty, "price": price,
         "totalPrice": str((Decimal(qty) * Decimal(price)).quantize(Decimal("0.01")))}
        for n, (item, qty, price) in enumerate(case["lines"], start=1)
    ]  # fmt: skip
    goods_value = sum((Decimal(x["totalPrice"]) for x in order["orderList"]), zero)
    withheld = Decimal(sum(sum(x[1:]) for x in case["due"]) + off_fen) / 100
    order |= {"ebcCode": firm, "goodsValue": str(goods_value), "freight": case.get("freight", "0"),
              "discount": case.get("discount", "0"), "taxTotal": str(withheld)}  # fmt: skip
    paid = goods_value + Decimal(order["freight"]) + withheld - Decimal(order["discount"])
    order["actualPaid"] = trio["payment"]["amountPaid"] = str(paid)
    for document in trio.values():
        document["ebpCode"] = f"330296P{firm[-3:]}"  # the firm's own platform
    trio["waybill"] |= {"insuredFee": case.get("insured", "0"), "billNo": "9"}
    return trio


def by_the_core(trio: Trio, at_ms: int) -> tuple[set[str], list[tuple[int, ...]]]:
    store = MemoryStore()
    decided = store.process(records(trio, at_ms=at_ms))
    (manifest,) = store.manifests.values()
    return set(manifest["codes"]), decided.tax.select(LEVIED).rows()


@EACH
def test_the_core(case: dict[str, Any]) -> None:
    assert by_the_core(trio_of(case), log_ms(case)) == (set(), [tuple(line) for line in case["due"]])


@EACH
@pytest.mark.parametrize("sign", [1, -1])
def test_a_fen_a_line_is_tolerated_and_no_more(case: dict[str, Any], sign: int) -> None:
    most = sign * len(case["lines"])
    assert by_the_core(trio_of(case, most), log_ms(case))[0] == set()
    codes, due = by_the_core(trio_of(case, most + sign), log_ms(case))
    assert codes == {"TAX-02"}
    assert due == [tuple(line) for line in case["due"]], "a held manifest is taxed"


@EACH
def test_the_verifier(case: dict[str, Any]) -> None:
    at_ms, data = log_ms(case), law.load()
    read = [documents.read(kind, r.key, r.value) for kind, r in zip(KINDS, records(trio_of(case), at_ms=at_ms), strict=True)]
    day = data.of_day(law.day_number(at_ms))
    derived = derive(*read, at_ms, day, verifier_registry(), VERSION)
    assert derived["taxes"] == [tuple(line) for line in case["due"]]
    assert day.risk.found(rule_findings(*read, derived, day))[0] == set()


@EACH
def test_the_baseline(case: dict[str, Any]) -> None:
    at_ms = log_ms(case)
    read = [read_baseline(kind, r.key, r.value) for kind, r in zip(KINDS, records(trio_of(case), at_ms=at_ms), strict=True)]
    ledgers = Ledgers({}, {}, {}, {}, {}, b"k" * 32)
    decision = baseline.decide(*read, accepted_ms=at_ms, ledgers=ledgers, registry=baseline_registry())
    assert decision.codes == ()
    assert [x[2:] for x in decision.lines] == [tuple(line) for line in case["due"]]


def test_a_fen_above_a_years_limit_is_the_ledgers_to_refuse() -> None:
    case = {"lines": [["SKU010007", "1", "26000.01"]], "due": [[0, 0, 0, 0]]}
    assert by_the_core(trio_of(case), log_ms(case)) == ({"LIM-03"}, [])


def test_two_dear_pieces_have_no_tax_here() -> None:
    case = {"lines": [["SKU010007", "2", "2600.00"]], "due": [[0, 0, 0, 0]]}
    assert by_the_core(trio_of(case), log_ms(case)) == ({"LIM-02"}, [])


@pytest.mark.parametrize(("item", "unit"), [("SKU010036", "011"), ("SKU010035", "011"), ("SKU010031", "140"), ("SKU010016", "035")])
def test_without_its_quantity_nothing_is_guessed(item: str, unit: str) -> None:
    """Content not filed, or a line in another unit than the filed one (nor that of the account book): held, not taxed."""
    trio = trio_of({"lines": [[item, "1", "100.00"]], "due": [[0, 0, 0, 0]]})
    trio["order"]["orderList"][0]["unit"] = unit
    codes, due = by_the_core(trio, log_ms({}))
    assert (codes - {"STK-02"}, due) == ({"TAX-01"}, [])

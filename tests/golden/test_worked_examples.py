"""A test office's table (worked_examples.toml), held against the core and against the verifier's own reckoning."""

import csv
import re
import tomllib
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from loadtest.generate.law import GOODS as GOODS_FILE
from loadtest.verify import documents, law, prove
from loadtest.verify.judging import Conclusion, conclude, derive, rule_findings
from pipeline.tax import LEVIED
from schemas.lawbook import FOLDER
from tests.golden.registries import VERSION, verifier_registry
from tests.pipeline.memory import KEY, MemoryStore, Rec
from tests.pipeline.trios import FEN, KINDS, example, log_ms, numbered, records
from tests.verify.played import Play

Example = dict[str, Any]
TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "worked_examples.toml").read_text())
EXAMPLES: list[Example] = TABLE["example"]
GOODS: dict[str, dict[str, str]] = {x["name"]: x for x in TABLE["goods"]}
EACH = pytest.mark.parametrize("case", EXAMPLES, ids=lambda c: c["title"])
DAY = date(2019, 11, 11)
LEDGER = {"PAY-03", "WAY-06", "LIM-03", "LIM-04"}
STOCK = {"STK-01", "STK-02"}
BITS = {"order": 1, "payment": 2, "waybill": 4}
BEFORE = {"order": timedelta(minutes=30), "payment": timedelta(minutes=30), "waybill": timedelta(minutes=10)}
STATED = {
    "title", "buys", "freight", "insurance", "voucher", "withheld", "at", "former", "fields",
    "working", "outcome", "queue", "codes", "send_anew", "tax", "total", "basis",
}  # fmt: skip


def trio_of(case: Example, trio: dict[str, Any]) -> dict[str, Any]:
    """The documents of an example: its purchase on those of `trio`, all sums made, then its differing fields."""
    order, firm = trio["order"], {GOODS[name]["firm"] for name, *_ in case["buys"]}
    model = {k: v for k, v in order["orderList"][0].items() if k != "note"}
    order["orderList"] = [
        {**model, "gnum": n, "itemNo": GOODS[name]["item"], "itemName": name, "gmodel": name, "unit": GOODS[name]["unit"],
         "qty": qty, "price": price, "totalPrice": str((Decimal(qty) * Decimal(price)).quantize(FEN, ROUND_HALF_UP))}
        for n, (name, qty, price) in enumerate(case["buys"], start=1)
    ]  # fmt: skip
    goods_value = sum((Decimal(x["totalPrice"]) for x in order["orderList"]), Decimal(0))
    freight, voucher, withheld = (Decimal(case.get(x, "0")) for x in ("freight", "voucher", "withheld"))
    paid = str(goods_value + freight + withheld - voucher)
    order |= {"ebcCode": firm.pop(), "goodsValue": str(goods_value), "freight": str(freight), "discount": str(voucher),
              "taxTotal": str(withheld), "actualPaid": paid}  # fmt: skip
    assert not firm, "goods of one firm"
    for document in trio.values():
        document["ebpCode"] = f"330296P{order['ebcCode'][-3:]}"  # the firm's own platform
    trio["payment"]["amountPaid"] = paid
    trio["waybill"] |= {"insuredFee": case.get("insurance", "0"), "billNo": "160-00000001"}
    accepted = datetime.fromtimestamp(log_ms(case) / 1000).astimezone()
    for kind in KINDS:
        trio[kind]["appTime"] = (accepted - BEFORE[kind]).isoformat()
    trio["payment"]["payTime"] = trio["payment"]["appTime"]
    for path, value in case.get("fields", {}).items():
        kind, _, field = path.partition(".")
        (order["orderList"][0] if kind == "line1" else trio[kind])[field] = value
    return trio


def batches(case: Example) -> list[list[Rec]]:
    """What the person bought before, if anything, and then the example."""
    mine = {"withheld": case["total"], **case}
    found = [records(trio_of(mine, example()), 1, log_ms(case))]
    if former := case.get("former"):
        bought = {"buys": [["books", "1", former["price"]]], **former}
        found.insert(0, records(trio_of(bought, numbered(2)), 0, log_ms(former)))
    return found


def fen(yuan: str) -> int:
    whole, _, cents = yuan.partition(".")
    assert len(cents) == 2
    return int(whole + cents)


def due(case: Example) -> list[tuple[int, ...]]:
    return [tuple(map(fen, line)) for line in case.get("tax", [])]


def answer(case: Example) -> Conclusion:
    faults = sum(BITS[kind] for kind in case.get("send_anew", []))
    return Conclusion(case["outcome"], case.get("queue", ""), faults, "tax" in case)


def test_the_table_is_whole() -> None:
    assert len(EXAMPLES) >= 64 and len({c["title"] for c in EXAMPLES}) == len(EXAMPLES)
    known = {x["cite"] for x in TABLE["basis"]}
    for case in EXAMPLES:
        assert set(case) <= STATED and case["working"] and case["basis"], case["title"]
        assert set(case["basis"]) <= known, case["title"]
        assert fen(case["total"]) == sum(sum(line[1:]) for line in due(case)), case["title"]
        assert (case["outcome"] == "RELEASE") == (not case.get("codes")), case["title"]
    assert {c for case in EXAMPLES for c in case["basis"]} == known


@EACH
def test_the_working_arrives_at_the_tax(case: Example) -> None:
    """What stands behind the arrows of the working are the taxes of the lines, in order; lines without one bear 0."""
    if "tax" in case:
        rounded = [fen(x.replace(",", "")) for x in re.findall(r"(?:tax|tariff|VAT): [^;\n]*→ ([\d,]+\.\d\d)", case["working"])]
        assert [x for x in rounded if x] == [x for line in due(case) for x in line[1:] if x]


@pytest.mark.parametrize("goods", GOODS.values(), ids=GOODS)
def test_the_goods_are_those_of_the_law(goods: dict[str, str]) -> None:
    """An officer need not look them up; and when the law data change, its examples have to be worked anew."""
    item = next(x for x in _rows(GOODS_FILE) if (x["ebc_code"], x["item_no"]) == (goods["firm"], goods["item"]))
    assert (item["hs_code"][:8], item["unit"]) == (goods["hs8"], goods["unit"])
    assert f"{item['content']} {item['content_unit']}".strip() == goods.get("content", "")
    assert ("1210" if item["account_book_item"] else "9610") == goods["mode"]
    rates = [x for x in _rows(FOLDER / "tariff.csv") if x["hs8"] == goods["hs8"] and x["from"] <= str(DAY) <= x["to"]]
    shown = [
        {"tariff": _percent(x["tariff_1e4"]), "provisional": _percent(x["provisional_1e4"]), "vat": _percent(x["vat_1e4"]),
         "consumption": x["consumption"]}
        for x in rates
    ]  # fmt: skip
    stated = {k: goods.get(k, "") for k in ("tariff", "provisional", "vat", "consumption")}
    assert shown == ([stated] if "vat" in goods else [])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as f:
        return list(csv.DictReader(f))


def _percent(rate_1e4: str) -> str:
    return f"{Decimal(rate_1e4) / 100:f} %".replace(".00 ", " ").replace(".50 ", ".5 ") if rate_1e4 else ""


@EACH
def test_the_core(case: Example) -> None:
    store = MemoryStore()
    *before, mine = batches(case)
    for batch in before:
        assert store.process(batch).heads["outcome"].to_list() == ["RELEASE"]
    decided = store.process(mine)
    found = decided.heads.row(0, named=True)
    codes = store.manifests[found["order_hash"], found["ebp_code"], found["attempt"]]["codes"]
    assert codes == set(case.get("codes", []))
    assert Conclusion(*(found[c] for c in ("outcome", "queue", "fault_kinds", "taxed"))) == answer(case)
    assert decided.tax.select(LEVIED).rows() == due(case)


@EACH
def test_the_verifier(case: Example) -> None:
    at_ms, data = log_ms(case), law.load()
    order, payment, waybill = (documents.read(kind, r.key, r.value) for kind, r in zip(KINDS, batches(case)[-1], strict=True))
    day = data.of_day(law.day_number(at_ms))
    derived = derive(order, payment, waybill, at_ms, day, verifier_registry(), VERSION)
    codes = set(case.get("codes", []))
    assert day.risk.found(rule_findings(order, payment, waybill, derived, day))[0] == codes - LEDGER - STOCK
    assert conclude(codes, data, day, derived["ecommerce_class"], derived["tax_known"]) == answer(case)
    if "tax" in case:
        assert derived["taxes"] == due(case)


@pytest.mark.parametrize("case", [c for c in EXAMPLES if "former" in c or LEDGER & set(c.get("codes", []))], ids=lambda c: c["title"])
def test_the_verifier_replays_the_ledgers(case: Example) -> None:
    game, together = Play(), batches(case)
    for batch in together:
        game.batch(batch)
    assert prove(game.evidence([r for batch in together for r in batch]), KEY).discrepancies == []

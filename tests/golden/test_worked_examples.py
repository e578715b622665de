"""A test office's table (worked_examples.toml), held against the core and against the verifier's own reckoning."""

import csv
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from loadtest.generate.filings import filings
from loadtest.generate.law import GOODS as GOODS_FILE
from loadtest.verify import documents, law, prove
from loadtest.verify.judging import Conclusion, conclude, derive, rule_findings
from pipeline.tax import LEVIED
from schemas.lawbook import FOLDER
from tests.golden.registries import VERSION, filed_otherwise, verifier_registry_with
from tests.pipeline.memory import KEY, MemoryStore, Rec, refiled, registry
from tests.pipeline.trios import FEN, KINDS, example, log_ms, numbered, records
from tests.verify.played import Play

Example = dict[str, Any]
TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "worked_examples.toml").read_text())
EXAMPLES: list[Example] = TABLE["example"]
GOODS: dict[str, dict[str, str]] = {x["name"]: x for x in TABLE["goods"]}
EACH = pytest.mark.parametrize("case", EXAMPLES, ids=lambda c: c["title"])
DAY = date(2019, 11, 11)
LEDGER = {"PAY-03", "WAY-06", "LIM-03", "LIM-04", "STK-01", "STK-02", "GUA-01", "GUA-02"}
BITS = {"order": 1, "payment": 2, "waybill": 4}
BEFORE = {"order": timedelta(minutes=30), "payment": timedelta(minutes=30), "waybill": timedelta(minutes=10)}
STATED = {
    "title", "buys", "freight", "insurance", "voucher", "withheld", "at", "filed", "former", "fields",
    "working", "outcome", "queue", "codes", "noted", "send_anew", "tax", "total", "basis",
}  # fmt: skip


def trio_of(case: Example, trio: dict[str, Any], at_ms: int) -> dict[str, Any]:
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
    accepted = datetime.fromtimestamp(at_ms / 1000).astimezone()
    for kind in KINDS:
        trio[kind]["appTime"] = (accepted - BEFORE[kind]).isoformat()
    trio["payment"]["payTime"] = trio["payment"]["appTime"]
    for path, value in case.get("fields", {}).items():
        kind, _, field = path.partition(".")
        (order["orderList"][0] if kind == "line1" else trio[kind])[field] = value
    return trio


def formers(case: Example) -> Iterator[tuple[Example, str, int]]:
    """What was bought before, one after the other: the purchase, whose it is if not the buyer's, and its log time."""
    listed = case.get("former", [])
    for former in [listed] if isinstance(listed, dict) else listed:
        bought = former if "buys" in former else {"buys": [["books", "1", former["price"]]], **former}
        for n, person in enumerate(former.get("persons", [""] * former.get("times", 1))):
            yield bought, person, log_ms(former) + n * former.get("minutes", 0) * 60_000


def batches(case: Example) -> list[list[Rec]]:
    """What was bought before, each for itself, and then the example."""
    found: list[list[Rec]] = []
    for n, (bought, person, at_ms) in enumerate(formers(case)):
        found.append(records(trio_of(bought, numbered(n + 2, person), at_ms), n, at_ms))
    mine = {"withheld": case["total"], **case}
    return [*found, records(trio_of(mine, example(), log_ms(case)), len(found), log_ms(case))]


def outcomes(case: Example) -> list[str]:
    """Of what was bought before, and of the example."""
    return [*(bought.get("outcome", "RELEASE") for bought, *_ in formers(case)), case["outcome"]]


def codes_of(case: Example) -> set[str]:
    return {*case.get("codes", []), *case.get("noted", [])}


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


def test_every_family_of_findings_has_an_example() -> None:
    """But for samples, which nobody works out by hand, and what the program says of itself."""
    rules = tomllib.loads((FOLDER / "rules.toml").read_text())
    codes = [x["code"] for part in ("rule", "ledger", "engine") for x in rules[part]]
    codes += [x["code"] for x in tomllib.loads((FOLDER / "risk.toml").read_text())["band"]]
    shown = {code[:3] for case in EXAMPLES for code in codes_of(case)}
    assert {code[:3] for code in codes} - shown == {"SMP", "SYS"}


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
    assert goods.get("book", item["account_book_item"]) == item["account_book_item"]
    assert goods.get("range", _range(goods)) == _range(goods)
    rates = [x for x in _rows(FOLDER / "tariff.csv") if x["hs8"] == goods["hs8"] and x["from"] <= str(DAY) <= x["to"]]
    shown = [
        {"tariff": _percent(x["tariff_1e4"]), "provisional": _percent(x["provisional_1e4"]), "vat": _percent(x["vat_1e4"]),
         "consumption": x["consumption"]}
        for x in rates
    ]  # fmt: skip
    stated = {k: goods.get(k, "") for k in ("tariff", "provisional", "vat", "consumption")}
    assert shown == ([stated] if "vat" in goods else [])


def _range(goods: dict[str, str]) -> str:
    filed = next(f.content for f in filings("small") if f.key == f"goods|{goods['firm']}|{goods['item']}")
    return " to ".join(f"{Decimal(filed[end]) / 100:.2f}" for end in ("priceLowFen", "priceHighFen"))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as f:
        return list(csv.DictReader(f))


def _percent(rate_1e4: str) -> str:
    return f"{Decimal(rate_1e4) / 100:f} %".replace(".00 ", " ").replace(".50 ", ".5 ") if rate_1e4 else ""


@EACH
def test_the_core(case: Example) -> None:
    store = MemoryStore(registry=refiled(registry(), filed_otherwise(case.get("filed", {}))))
    *before, mine = batches(case)
    found = [store.process(batch).heads["outcome"].item() for batch in before]
    decided = store.process(mine)
    assert [*found, decided.heads["outcome"].item()] == outcomes(case)
    head = decided.heads.row(0, named=True)
    assert store.manifests[head["order_hash"], head["ebp_code"], head["attempt"]]["codes"] == codes_of(case)
    assert Conclusion(*(head[c] for c in ("outcome", "queue", "fault_kinds", "taxed"))) == answer(case)
    assert decided.tax.select(LEVIED).rows() == due(case)


@EACH
def test_the_verifier(case: Example) -> None:
    at_ms, data = log_ms(case), law.load()
    order, payment, waybill = (documents.read(kind, r.key, r.value) for kind, r in zip(KINDS, batches(case)[-1], strict=True))
    day = data.of_day(law.day_number(at_ms))
    registered = verifier_registry_with(filed_otherwise(case.get("filed", {})))
    derived = derive(order, payment, waybill, at_ms, day, registered, VERSION)
    codes, others = codes_of(case), LEDGER | day.counter_codes - {"SYS-01"}  # those are proved by the replay
    assert day.risk.found(rule_findings(order, payment, waybill, derived, day))[0] - others == codes - others
    assert conclude(codes, data, day, derived["ecommerce_class"], derived["tax_known"]) == answer(case)
    if "tax" in case:
        assert derived["taxes"] == due(case)


def hangs_together(case: Example) -> bool:
    """Whether it does not follow from its three documents and the law alone."""
    return "former" in case or "filed" in case or any(code in LEDGER or code.startswith("RTY") for code in codes_of(case))


REPLAYED = [
    pytest.param(case, together, id=f"{case['title']}{' (in one batch)' * together}")
    for case in filter(hangs_together, EXAMPLES) for together in ((False, True) if "former" in case else (False,))
]  # fmt: skip


@pytest.mark.parametrize(("case", "together"), REPLAYED)
def test_the_verifier_replays_the_ledgers(case: Example, together: bool) -> None:
    game, cut = Play(filed_otherwise(case.get("filed", {}))), batches(case)
    everything = [r for batch in cut for r in batch]
    for batch in [everything] if together else cut:
        game.batch(batch)
    in_turn = sorted(game.tables.manifests, key=lambda m: m.accepted_at)
    assert [m.outcome for m in in_turn] == outcomes(case)
    assert prove(game.evidence(everything), KEY).discrepancies == []

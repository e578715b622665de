"""Signs of risk and what they come to (risk.toml): the core, the verifier and the baseline."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from loadtest.generate.firms import market
from loadtest.generate.law import Item
from loadtest.generate.people import identity_number
from loadtest.plain_faust.decide import decide as plain_decide
from loadtest.plain_faust.ledgers import Ledgers
from loadtest.plain_faust.reading import read as plain_read
from loadtest.verify import prove
from pipeline.risk import Indicator, Typology, codes, findings
from schemas.lawbook import load
from tests.golden.registries import baseline_registry
from tests.pipeline.memory import KEY, Rec
from tests.pipeline.trios import KINDS, changed, log_ms, numbered, records
from tests.verify.played import Play

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "risk.toml").read_text())["case"]
PAID = "2019-11-10T23:50:30.{:03d}+08:00"
MOMENT = 500  # of a second
SHARES = {"usual": 10, "low": 7, "lowest": 7, "high": 13, "highest": 13}  # tenths of the usual price that the range ends at
EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c["title"])


def heavy() -> Item:
    """Of T001, what has its mass filed."""
    return next(
        i for i in market("small").platforms[0][0].items.values()
        if i.measure == "mass" and i.content >= 100_000 and i.taxable and not i.weight_group and i.bonded and not i.barred
    )  # fmt: skip


def trio_of(case: dict[str, Any]) -> dict[str, Any]:
    item, share = heavy(), case.get("price", "usual")
    price_fen = item.price_e5 // 1000 * SHARES[share] // 10 + {"low": -1, "high": 1}.get(share, 0)
    pieces = 3
    if "one" in case:
        price_fen, pieces = round(case["one"] * 100), 1
    total = Decimal(str(case["total"])) if "total" in case else Decimal(price_fen * pieces) / 100
    trio = changed({"lines": 1})
    (line,) = trio["order"]["orderList"]
    if "total" in case:  # the rest in a unit that has no filed price, and that its account book does not count in
        pieces = 1
    line |= {"itemNo": item.item_no, "unit": case.get("unit", item.unit), "qty": str(pieces), "price": f"{Decimal(price_fen) / 100}",
             "totalPrice": f"{Decimal(price_fen * pieces) / 100}"}  # fmt: skip
    if "total" in case:
        rest = total - Decimal(price_fen) / 100
        trio["order"]["orderList"].append({**line, "gnum": 2, "itemNo": "SKU010001", "unit": "011", "price": str(rest), "totalPrice": str(rest)})
    order = trio["order"]
    order |= {"freight": "0", "discount": "0", "goodsValue": str(total)}
    trio["waybill"] |= {"insuredFee": "0"}
    net = pieces * item.content  # mg
    weight_e5 = {"light": net // 100, "borne": -(-net * 95 // 1000), "beyond": -(-net * 95 // 1000) - 1}.get(case.get("weight", ""), net)
    trio["waybill"]["weight"] = str(Decimal(weight_e5) / 100_000)
    trio["payment"] |= {"payTime": PAID.format(MOMENT), "appTime": PAID.format(MOMENT + case.get("reported", 1))}
    trio["waybill"]["appTime"] = PAID.format(MOMENT + case.get("shipped", 1))
    order["appTime"] = PAID.format(0)
    order["taxTotal"] = "0"
    return trio


def settled(trio: dict[str, Any]) -> dict[str, Any]:
    """With the tax that is due withheld, as the core says when it is asked with none."""
    game = Play()
    game.batch(records(trio))
    (head,) = game.store.manifests.values()
    trio["order"]["taxTotal"] = str(Decimal(head["tariff_fen"] + head["consumption_fen"] + head["vat_fen"]) / 100)
    paid = Decimal(trio["order"]["goodsValue"]) + Decimal(trio["order"]["taxTotal"])
    trio["order"]["actualPaid"] = trio["payment"]["amountPaid"] = str(paid)
    return trio


def earlier(case: dict[str, Any]) -> list[Rec]:
    """What was accepted a minute before."""
    found: list[Rec] = []
    for n, who in enumerate(case.get("before", ()), start=2):
        phone = {f"{kind}.consigneeTelephone": f"1000000{n:04d}" for kind in ("order", "waybill")}
        paid = {f"{kind}.payCode": "330296Y002" for kind in ("order", "payment")} if who == case.get("payer") else {}
        trio = numbered(n, "" if who == "P" else identity_number(ord(who)), **phone, **paid)
        found += records(trio, n - 2, log_ms({}) - 60_000)
    return found


@EACH
def test_core_verifier_and_baseline(case: dict[str, Any]) -> None:
    first = trio_of(case)
    first["order"]["actualPaid"] = first["payment"]["amountPaid"] = first["order"]["goodsValue"]
    trio = settled(first)
    before = earlier(case)
    game, last = Play(), records(trio, len(before) // len(KINDS))
    game.batch(before)
    game.batch(last)
    (head,) = (m for m in game.store.manifests.values() if m["order_no"] == trio["order"]["orderNo"])
    codes = {*case["found"], *case.get("also", [])}
    assert head["codes"] == codes
    consequences = load().on(head["accepted_on"]).consequences
    assert (head["outcome"], head["queue"]) == (("HOLD", max((consequences[c].queue for c in codes), key=["stock", "review", "inspection"].index))
                                                if codes else ("RELEASE", ""))  # fmt: skip
    evidence = game.evidence([*before, *last])
    ids = {m.manifest_id for m in evidence.tables.manifests if m.order_no == head["order_no"]}
    read = {f.code: json.loads(f.values_read) for f in evidence.tables.findings if f.manifest_id in ids}
    assert {c: [int(r["score"]), r["indicators"]] for c, r in read.items() if "score" in r} == case["found"]
    assert prove(evidence, KEY).discrepancies == []
    ledgers, registry = Ledgers({}, {}, {}, {}, {}, KEY), baseline_registry()
    for sent in [before[n : n + 3] for n in range(0, len(before), 3)] + [last]:
        plain = [plain_read(kind, r.key, r.value) for kind, r in zip(KINDS, sent, strict=True)]
        decided = plain_decide(*plain, sent[0].timestamp, ledgers, registry)
    assert set(decided.codes) == codes


def test_every_indicator_and_band_has_a_vector() -> None:
    law = load().on(load().days()[-1])
    shown = {code for c in CASES for _, codes in c["found"].values() for code in codes.split(",")}
    assert shown == set(law.indicators)
    assert {code for c in CASES for code in c["found"]} == {code for t in law.typologies for _, code in t.bands}


def test_bands_of_many_manifests_are_those_of_each() -> None:
    """Whatever indicators are true; what is no sign of a typology gives it nothing."""
    points = {"A": {"x": 1}, "B": {"y": 1}, "C": {"x": 2, "y": 1}}
    indicators = {code: Indicator(code, "manifest", pl.lit(True), (), of) for code, of in points.items()}
    typologies = (Typology("x", ((3, "X-3"), (2, "X-2"), (1, "X-1"))), Typology("y", ((2, "Y-2"),)))
    true = [[code for n, code in enumerate(points) if m >> n & 1] for m in range(8)]
    table = pl.DataFrame([(m, code) for m, some in enumerate(true) for code in some], schema={"m": pl.UInt32, "code": pl.String}, orient="row")
    each = [{code for code, _ in findings({x: {} for x in some}, indicators, typologies)} for some in true]
    assert each == [set(), {"X-1"}, set(), {"X-1"}, {"X-2"}, {"X-3"}, {"X-2", "Y-2"}, {"X-3", "Y-2"}]
    assert set(codes(table, indicators, typologies).rows()) == {(m, code) for m, some in enumerate(each) for code in some}

"""What the class of a firm makes of findings and tolerances (classes.toml): the core, the verifier and the baseline."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loadtest.generate.filings import filings
from loadtest.generate.law import goods
from loadtest.plain_faust.decide import decide as plain_decide
from loadtest.plain_faust.ledgers import Ledgers
from loadtest.plain_faust.reading import read as plain_read
from loadtest.verify import prove
from pipeline.classes import RETURN_STATUS
from schemas.lawbook import load
from tests.golden.registries import baseline_registry
from tests.pipeline.memory import KEY
from tests.pipeline.trios import KINDS, changed, log_ms, records
from tests.verify.played import Play

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "classes.toml").read_text())["case"]
BITS = {"order": 1, "payment": 2, "waybill": 4}
CLASSES = {"001": "general", "013": "dishonest", "017": "aeo"}
ITEMS = {"001": ("SKU010001", "SKU010007"), "013": ("SKU130001", "SKU130002"), "017": ("SKU170008", "SKU170004")}
PLATFORMS = {"001": "001", "013": "006", "017": "010"}  # general ones
UNITS = {item.item_no: item.unit for shop in ITEMS for item in goods()[f"330296T{shop}"]}
EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c["title"])


def trio_of(case: dict[str, Any]) -> dict[str, Any]:
    """The example as the case's shop sends it: items that are taxed alike."""
    trio, shop = changed({}), case["shop"]
    for kind in KINDS:
        trio[kind]["ebpCode"] = f"330296P{case.get('platform', PLATFORMS[shop])}"
    order = trio["order"]
    order |= {"ebcCode": f"330296T{shop}", "batchNumbers": "B1"}
    trio["waybill"]["goodsInfo"] = "样例货物"
    for line, item in zip(order["orderList"], ITEMS[shop], strict=True):
        line["itemNo"], line["unit"] = item, UNITS[item]
    for path, value in case.get("change", {}).items():
        kind, _, field = path.partition(".")
        (order["orderList"][int(kind[4:]) - 1] if kind.startswith("line") else trio[kind])[field] = value
    for document, name in ((order, "taxTotal"), (order, "actualPaid"), (trio["payment"], "amountPaid")):
        document[name] = str(Decimal(document[name]) + Decimal(case.get("withheld", 0)) / 100)
    return trio


def test_the_classes_of_these_firms() -> None:
    filed = {f.content["code"]: f.content["class"] for f in filings("small") if f.part == "enterprise"}
    assert {number: filed[f"330296T{number}"] for number in CLASSES} == CLASSES
    assert {number: filed[f"330296P{number}"] for number in CLASSES} == CLASSES


def test_every_entry_has_a_vector() -> None:
    by_class = load().on(load().days()[-1]).by_class
    fired = {(code, CLASSES[c["shop"]]) for c in CASES for code in (*c.get("codes", []), *c.get("noted", []))}
    looked_at_by_a_parameter = {("GDS-07", "dishonest"), ("GDS-08", "dishonest")}  # the same outcome as GDS-09
    assert set(by_class) - looked_at_by_a_parameter <= fired


@EACH
def test_core_and_verifier(case: dict[str, Any]) -> None:
    game, sent = Play(), records(trio_of(case))
    game.batch(sent)
    (head,) = game.store.manifests.values()
    assert head["codes"] == {*case.get("codes", []), *case.get("noted", [])}
    assert (head["outcome"], head["queue"]) == (case["outcome"], case.get("queue", ""))
    assert head["return_status"] == (100 if case["outcome"] == "REJECT" else RETURN_STATUS[head["queue"]])
    assert head["fault_kinds"] == sum(BITS[kind] for kind in case.get("send_anew", []))
    assert prove(game.evidence(sent), KEY).discrepancies == []


@EACH
def test_baseline(case: dict[str, Any]) -> None:
    read = [plain_read(kind, r.key, r.value) for kind, r in zip(KINDS, records(trio_of(case)), strict=True)]
    decision = plain_decide(*read, log_ms({}), Ledgers({}, {}, {}, {}, {}, KEY), baseline_registry())
    assert set(decision.codes) == {*case.get("codes", []), *case.get("noted", [])}
    assert (decision.outcome, decision.queue) == (case["outcome"], case.get("queue", ""))

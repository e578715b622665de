"""Weights worked by hand (weights.toml), held against the core, the verifier and the baseline: three readings of one law."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from loadtest.plain_faust import decide as baseline
from loadtest.plain_faust.ledgers import Ledgers
from loadtest.plain_faust.reading import read as read_baseline
from loadtest.verify import documents, law
from loadtest.verify.judging import derive, rule_findings, weights
from pipeline.accounts import WEIGHT
from tests.golden.registries import VERSION, baseline_registry, verifier_registry
from tests.pipeline.memory import MemoryStore, Rec
from tests.pipeline.trios import KINDS, changed, log_ms, records

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "weights.toml").read_text())["case"]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
LEDGER = {"LIM-04"}
STOCK = {"STK-02"}
CAPS = {"rice": 20_000_000, "sugar": 2_000_000}


def records_of(case: dict[str, Any]) -> list[Rec]:
    fields: dict[str, Any] = {"lines": len(case["lines"]), "waybill.weight": "1000000000"}  # no sign of risk
    for n, (item, unit, qty) in enumerate(case["lines"], start=1):
        fields |= {f"line{n}.itemNo": item, f"line{n}.unit": unit, f"line{n}.qty": qty, f"line{n}.price": "1.00"}
    return records(changed({**fields, "recount": True}), at_ms=log_ms(case))


@EACH
def test_the_core(case: dict[str, Any]) -> None:
    store = MemoryStore()
    store.process(records_of(case))
    (manifest,) = store.manifests.values()
    assert sorted(manifest["codes"]) == case["codes"]
    taken = {} if LEDGER & manifest["codes"] else case["mg"]
    assert {e["weight_group"]: e["amount_mg"] for e in store.entries[WEIGHT]} == taken
    assert {a["year"] for a in store.accounts[WEIGHT].values()} == ({case.get("year", 2019)} if taken else set())


@EACH
def test_the_verifier(case: dict[str, Any]) -> None:
    at_ms, data = log_ms(case), law.load()
    read = [documents.read(kind, r.key, r.value) for kind, r in zip(KINDS, records_of(case), strict=True)]
    day = data.of_day(law.day_number(at_ms))
    derived = derive(*read, at_ms, day, verifier_registry(), VERSION)
    assert day.risk.found(rule_findings(*read, derived, day))[0] == set(case["codes"]) - LEDGER - STOCK
    assert weights(read[0]["orderList"]) == {group: (mg, CAPS[group]) for group, mg in case["mg"].items()}
    assert day.year == case.get("year", 2019)


@EACH
def test_the_baseline(case: dict[str, Any]) -> None:
    read = [read_baseline(kind, r.key, r.value) for kind, r in zip(KINDS, records_of(case), strict=True)]
    ledgers = Ledgers({}, {}, {}, {}, {}, b"k" * 32)
    decision = baseline.decide(*read, accepted_ms=log_ms(case), ledgers=ledgers, registry=baseline_registry())
    assert sorted(decision.codes) == case["codes"]
    taken = {} if LEDGER & set(decision.codes) else case["mg"]
    assert {tuple(key.split("|")[:2]): sum(v) for key, v in ledgers.weights.items()} == {
        (str(case.get("year", 2019)), group): mg for group, mg in taken.items()
    }

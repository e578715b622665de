"""Each rule of the law has a vector that fires it and one that it only just spares."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loadtest.generate.people import identity_number
from schemas.lawbook import load
from tests.pipeline.memory import MemoryStore
from tests.pipeline.trios import changed, log_ms, numbered, records

DAY = date(2019, 11, 11)
CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "rules.toml").read_text())["case"]


def codes_of(changes: dict[str, Any]) -> tuple[str, frozenset[str]]:
    """Outcome and codes of the example with changes, after the manifests `before` it."""
    store, at_ms = MemoryStore(), log_ms(changes)
    alike = {name: value for name, value in changes.items() if name in ("lines", "recount") or "." in name}
    before = [another(n, changes["differ"]) for n in range(2, changes.get("before", 0) + 2)]
    before += [numbered(n, **alike | {"line1.qty": qty}) for n, qty in enumerate(changes.get("had", ()), start=2)]
    for n, trio in enumerate(before, start=1):
        store.process(records(trio, n, at_ms - changes["ms"]))
    heads = store.process(records(changed(changes), at_ms=at_ms)).heads
    assert len(heads) == 1
    (order_hash,) = heads["order_hash"]
    (manifest,) = (m for m in store.manifests.values() if m["order_hash"] == order_hash)
    return manifest["outcome"], manifest["codes"]


def another(n: int, differing: list[str]) -> dict[str, Any]:
    """Another order, of another person, or to another phone or address of the consignee."""
    person = identity_number(n) if "person" in differing else ""
    place = {"phone": ("consigneeTelephone", f"1000000{n:04d}"), "address": ("consigneeAddress", f"示例路{n}号")}
    other = [place[what] for what in differing if what in place]
    return numbered(n, person, **{f"{kind}.{field}": x for kind in ("order", "waybill") for field, x in other})


def expected(codes: set[str]) -> tuple[str, frozenset[str]]:
    outcomes = {load().on(DAY).consequences[c].outcome for c in codes}
    return "REJECT" if "REJECT" in outcomes else "HOLD" if outcomes else "RELEASE", frozenset(codes)


def test_every_rule_has_exactly_one_vector() -> None:
    assert [c["code"] for c in CASES] == [r["code"] for r in load().rules["rule"]]
    assert all(set(c) <= {"code", "fires", "with", "spares", "instead"} and c["fires"] and c["spares"] for c in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["code"])
def test_it_fires(case: dict[str, Any]) -> None:
    assert codes_of(case["fires"]) == expected({case["code"], *case.get("with", [])})


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["code"])
def test_it_only_just_does_not(case: dict[str, Any]) -> None:
    assert codes_of(case["spares"]) == expected(set(case.get("instead", [])))


@pytest.mark.parametrize(("field", "codes"), [
    ("order.ebcCode", {"FMT-01", "REG-01"}), ("payment.payCode", {"FMT-02", "PAY-02"}), ("waybill.logisticsCode", {"FMT-03"}),
])  # fmt: skip
def test_a_firm_that_is_not_named_is_missing_and_not_unregistered(field: str, codes: set[str]) -> None:
    assert codes_of({field: "", "ms": 0}) == expected(codes)

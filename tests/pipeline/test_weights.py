"""Section 6: the yearly weight of sugar and rice a person, within one batch and across batches."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from loadtest.generate.filings import filings
from loadtest.generate.people import identity_number
from pipeline.accounts import QUOTA, WEIGHT
from pipeline.claims import GROUP_MG
from pipeline.flow import Decided
from schemas.filings import Filing
from schemas.lawbook import FOLDER, load
from tests.pipeline.memory import BASE_MS, MemoryStore, registry
from tests.pipeline.test_ledgers import SOMEBODY, costing, outcomes, together
from tests.pipeline.trios import HOUR_MS, numbered, records

SUGAR, RICE = {"itemNo": "SKU010038", "unit": "136"}, {"itemNo": "SKU010039", "unit": "136"}  # bags of 100 g and of 5 kg
CUBES = {"itemNo": "SKU010040", "unit": "140"}  # by the piece
CAP_MG = {"sugar": 2_000_000, "rice": 20_000_000}


def of(n: int, *lines: tuple[dict[str, str], str], person: str = SOMEBODY, price: str = "1.00", **more: Any) -> dict[str, Any]:
    """A manifest of these goods and quantities; a piece costs a yuan unless `price`."""
    fields: dict[str, Any] = {"lines": len(lines), "waybill.weight": "1000000000"}  # no sign of risk
    for place, (goods, qty) in enumerate(lines, start=1):
        fields |= {f"line{place}.{name}": value for name, value in {**goods, "qty": qty, "price": price}.items()}
    return numbered(n, person, **fields, recount=True, **more)


def weighed(decided: Decided) -> list[tuple[Any, ...]]:
    """Entries: group, number, movement, mg, reserved and used after it."""
    columns = ("weight_group", "entry_no", "movement", "amount_mg", "reserved_after_mg", "used_after_mg")
    return decided.posted.moves[WEIGHT].entries.select(columns).rows()


def read(decided: Decided) -> list[dict[str, Any]]:
    return [json.loads(text) for text in decided.posted.refusals["values_read"].to_list()]


@pytest.mark.parametrize(("qty", "outcome"), [("19.99999", "RELEASE"), ("20.00000", "RELEASE"), ("20.00001", "REJECT")])
def test_the_cap_to_the_milligram(qty: str, outcome: str) -> None:
    store = MemoryStore()
    decided = store.process(records(of(1, (SUGAR, qty))))
    assert decided.heads["outcome"].to_list() == [outcome]
    if outcome == "REJECT":
        assert read(decided) == [{"weight_group": "sugar", "entry_no": 0, "balance_mg": 0, "amount_mg": 2_000_001}]
        assert [len(moves.entries) + len(moves.accounts) for moves in decided.posted.moves.values()] == [0, 0]
        assert (decided.findings["code"].to_list(), decided.heads["fault_kinds"].item()) == (["LIM-04"], 1)


def test_each_line_counts_in_whole_milligrams_rounded_up() -> None:
    sugar = next(f for f in filings("small") if f.part == "goods" and f.content["itemNo"] == SUGAR["itemNo"])
    assert (sugar.content["content"], sugar.content["contentUnit"]) == (100, "g")
    changed = Filing(sugar.part, 2, {**sugar.content, "content": 454})
    store = MemoryStore(registry=registry().changed(1, goods=[changed.row()]))
    decided = store.process(records(of(1, (SUGAR, "0.00001"), (SUGAR, "0.00001"), (SUGAR, "1"))))
    assert weighed(decided) == [("sugar", 1, "confirm", 454_010, 0, 454_010)]  # 4.54 mg and 4.54 mg are 5 and 5


@pytest.mark.parametrize(("qty_e5", "unit_mg", "mg"), [(1, 1, 1), (100_000, 1, 1), (100_001, 1, 2), (199_999, 1, 2), (1, 99_999, 1), (1, 100_001, 2)])
def test_the_least_part_of_a_milligram_counts(qty_e5: int, unit_mg: int, mg: int) -> None:
    line = {"line_qty_e5": qty_e5, "unit_mg": unit_mg, "cap_mg": 1, "m": 0}
    assert pl.DataFrame([line]).group_by("m").agg(GROUP_MG)["amount_mg"].to_list() == [mg]


def test_a_weight_beyond_63_bits_is_a_weight() -> None:
    """50 lines of a thousand million pieces of a tonne: bounds of quantity and content, which no price bounds."""
    line = {"line_qty_e5": 10**14, "unit_mg": 10**9, "cap_mg": 1, "m": 0}
    (mg, _) = pl.DataFrame([line] * 50).group_by("m").agg(GROUP_MG).select("amount_mg", "limit_mg").row(0)
    assert mg == 50 * 10**18
    asked = {"m": 0, "turn": 0, "outcome": "RELEASE", "a": 1, "amount_mg": mg, "limit_mg": 1, "entry_no": 0, "reserved_mg": 0, "used_mg": 0}
    frame = pl.DataFrame([asked], schema_overrides={"amount_mg": pl.Int128})
    assert len(frame.filter(WEIGHT.over)) == 1


def test_gifts_of_a_billion_bags_are_refused_with_their_weight() -> None:
    decided = MemoryStore().process(records(of(1, (RICE, "1000000000"), (RICE, "1000000000"), price="0.00")))
    assert read(decided) == [{"weight_group": "rice", "entry_no": 0, "balance_mg": 0, "amount_mg": 10**16}]


def test_a_hold_reserves_and_a_release_uses() -> None:
    held = of(2, (SUGAR, "6"), (RICE, "1"), **{"waybill.consignee": "代收"})
    store = MemoryStore()
    decided = store.process(together(of(1, (SUGAR, "4")), held, of(3, (SUGAR, "10"))))
    assert weighed(decided) == [
        ("rice", 1, "reserve", 5_000_000, 5_000_000, 0),
        ("sugar", 1, "confirm", 400_000, 0, 400_000),
        ("sugar", 2, "reserve", 600_000, 600_000, 400_000),
        ("sugar", 3, "confirm", 1_000_000, 600_000, 1_400_000),
    ]
    assert outcomes(store)[1:] == [("2", "HOLD", frozenset({"WAY-01"})), ("3", "RELEASE", frozenset())]


@pytest.mark.parametrize("batches", [1, 5])
def test_rivals_in_the_order_they_completed(batches: int) -> None:
    batch = together(*(of(n, (RICE, "1")) for n in range(1, 6)))
    store = MemoryStore()
    for start in range(0, len(batch), len(batch) // batches):
        decided = store.process(batch[start : start + len(batch) // batches])
    assert [o for _, o, _ in outcomes(store)] == ["RELEASE"] * 4 + ["REJECT"]
    assert read(decided) == [{"weight_group": "rice", "entry_no": 4, "balance_mg": CAP_MG["rice"], "amount_mg": 5_000_000}]


def test_what_one_ledger_refuses_is_taken_from_none() -> None:
    """Each of the first three is refused by another ledger; the last one finds all of it untouched."""
    dear = costing(2, "26000.00", **{f"line1.{k}": v for k, v in RICE.items()}, **{"waybill.weight": "1000000000"})
    paid_twice = of(3, (SUGAR, "20"))
    for kind in ("order", "payment"):
        paid_twice[kind]["payTransactionId"] = "EXAMPLE-PAY-9"
    store = MemoryStore()
    store.process(records(numbered(9, identity_number(5)), 90))
    decided = store.process(together(of(1, (SUGAR, "20.00001"), (RICE, "4")), dear, paid_twice, of(4, (SUGAR, "20"), (RICE, "4"))))
    assert [(n, o, *codes) for n, o, codes in outcomes(store)][:4] == [
        ("1", "REJECT", "LIM-04"), ("2", "REJECT", "LIM-03"), ("3", "REJECT", "PAY-03"), ("4", "RELEASE"),
    ]  # fmt: skip
    assert weighed(decided) == [("rice", 1, "confirm", 20_000_000, 0, 20_000_000), ("sugar", 1, "confirm", 2_000_000, 0, 2_000_000)]
    assert decided.posted.moves[QUOTA].entries["entry_no"].to_list() == [1]


def test_a_manifest_refused_by_weight_leaves_its_money_to_the_next() -> None:
    """The first wants all the money and too much sugar; the second, all the money, gets it."""
    first = costing(1, "25990.00", **{f"line1.{k}": v for k, v in SUGAR.items()})
    store = MemoryStore()
    store.process(records(of(9, (SUGAR, "19.99999"), price="0.00", **{"order.freight": "0.00"}), 90))
    decided = store.process(together(first, costing(2, "25990.00")))
    assert [o for _, o, _ in outcomes(store)] == ["REJECT", "RELEASE", "RELEASE"]
    assert read(decided) == [{"weight_group": "sugar", "entry_no": 1, "balance_mg": 1_999_999, "amount_mg": 100_000}]


def test_two_groups_that_are_over_are_one_finding() -> None:
    decided = MemoryStore().process(records(of(1, (SUGAR, "21"), (RICE, "5"))))
    assert decided.findings["code"].to_list() == ["LIM-04"]
    assert [x["weight_group"] for x in read(decided)] == ["rice"]  # the first by name


@pytest.mark.parametrize(
    ("line", "besides"), [((CUBES, "1"), []), (({**RICE, "unit": "035"}, "1"), ["STK-02"])], ids=["content not in mass", "another unit than filed"]
)
def test_what_cannot_be_weighed_is_held_and_not_counted(line: tuple[dict[str, str], str], besides: list[str]) -> None:
    store = MemoryStore()
    decided = store.process(together(of(1, line, (SUGAR, "20")), of(2, (RICE, "4"))))
    assert [(o, *sorted(codes)) for _, o, codes in outcomes(store)] == [("HOLD", "LIM-05", *besides), ("RELEASE",)]
    assert decided.heads["queue"].to_list() == ["review", ""]
    assert [(g, mg) for g, _, _, mg, *_ in weighed(decided)] == [("rice", 20_000_000), ("sugar", 2_000_000)]


def test_whom_and_what_the_cap_does_not_concern() -> None:
    """Other rice, other persons, what the rules reject; nobody asks for an account where there is nothing to weigh."""
    store = MemoryStore()
    plain = store.process(records(numbered(1), 0))
    assert [*plain.posted.moves] == [QUOTA]
    rejected = of(2, (SUGAR, "20"), **{"order.currency": "502"})
    decided = store.process(together(rejected, of(3, (SUGAR, "20")), of(4, (SUGAR, "20"), person=identity_number(5))))
    assert [o for _, o, _ in outcomes(store)] == ["RELEASE", "REJECT", "RELEASE", "RELEASE"]
    assert [(e, mg) for _, e, _, mg, *_ in weighed(decided)] == [(1, 2_000_000)] * 2


def test_a_year_begins_in_shanghai() -> None:
    new_year = int(datetime.fromisoformat("2020-01-01T00:00:00+08:00").timestamp() * 1000)
    store = MemoryStore()
    store.process(records(of(9, (RICE, "4")), 90))
    store.process([*records(of(1, (RICE, "4")), 70, new_year), *records(of(2, (RICE, "4")), 71, new_year - 1)])
    assert [(n, o) for n, o, _ in outcomes(store)] == [("1", "RELEASE"), ("2", "REJECT"), ("9", "RELEASE")]
    assert sorted((a["year"], a["used_mg"]) for a in store.accounts[WEIGHT].values()) == [(2019, 20_000_000), (2020, 20_000_000)]


def test_a_cap_that_changes_holds_from_its_day(tmp_path: Path) -> None:
    """Both days in one batch: the later manifest sees the earlier's weight and the lower cap of its own day."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "law"))
    text = (folder / "weights.toml").read_text()
    sugar = text[text.rindex("[[cap]]") :]
    lower = sugar.replace("2000000", "1000000").replace("2019-01-01", "2019-11-12")
    (folder / "weights.toml").write_text(text.replace(sugar, sugar.replace("9999-12-31", "2019-11-11") + "\n" + lower))
    midnight = BASE_MS + 24 * HOUR_MS
    store = MemoryStore(lawbook=load(folder))
    batch = [*records(of(1, (SUGAR, "6")), 0, midnight - 1), *records(of(2, (SUGAR, "5")), 1, midnight), *records(of(3, (SUGAR, "4")), 2, midnight + 1)]
    decided = store.process(batch)
    assert [o for _, o, _ in outcomes(store)] == ["RELEASE", "REJECT", "RELEASE"]
    assert read(decided) == [{"weight_group": "sugar", "entry_no": 1, "balance_mg": 600_000, "amount_mg": 500_000}]


def test_quarantine_counts_what_it_can_weigh() -> None:
    store = MemoryStore()
    odd = of(2, (CUBES, "1"), (RICE, "-1"), person=identity_number(5))
    decided = store.process(together(of(1, (SUGAR, "3")), odd), quarantined=True)
    assert [o for _, o, _ in outcomes(store)] == ["HOLD", "HOLD"]
    assert weighed(decided) == [("sugar", 1, "reserve", 300_000, 300_000, 0)]


def test_in_quarantine_nothing_is_no_entry() -> None:
    """Which a rule would have rejected: of no sugar and less than none, and of no bonded goods, no ledger hears."""
    for qty in ("0", "-1"):
        decided = MemoryStore().process(records(of(1, (SUGAR, qty))), quarantined=True)
        assert (WEIGHT in decided.posted.moves, len(decided.posted.drawn.entries)) == (False, 0)

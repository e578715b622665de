"""The law data a second time, in another order: a later slip in a figure, day or consequence is noticed.

Whoever changes the law changes it here as well; that is the point of it. It is no second reading of the sources:
tariff_again.toml was regrouped from tariff.csv as it stood.
"""

import csv
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.classes import RETURN_STATUS
from pipeline.law import MEASURES
from schemas.lawbook import FOLDER, load
from schemas.tariff_fill import lines as fill
from tests.pipeline.memory import MemoryStore
from tests.pipeline.trios import example, records

FIRST, LAST = date(2019, 1, 1), "9999-12-31"
RATES_FROM = "2019-04-01"
AGAIN: dict[str, Any] = tomllib.loads((Path(__file__).parent / "tariff_again.toml").read_text())
COUNTERS = {
    "person_orders": (8, 15, 50), "person_addresses": (3, 4, 8), "person_phones": (2, 3, 5),
    "address_persons": (5, 10, 30), "phone_persons": (3, 5, 10),
}  # fmt: skip
LIMITS = {
    "single_limit_fen": 500_000, "annual_limit_fen": 2_600_000, "in_limit_share_1e4": 7000, "max_lines": 50, "waybill_reuse_months": 6,
    "incomplete_after_seconds": 600, "closed_after_seconds": 30 * 86_400, "tax_tolerance_fen": 1,
    **{f"{counter}_{window}_most": most for counter, mosts in COUNTERS.items() for window, most in zip(("1h", "24h", "30d"), mosts, strict=True)},
    "weight_tolerance_1e4": 500, "near_limit_fen": 100 * 100,
    "same_goods_orders_24h_most": 10, "same_goods_orders_30d_most": 20, "new_person_share_1e4": 9_000, "one_pay_firm_persons": 4,
}  # fmt: skip
# what a finding does: outcome, queue, documents at fault
CONSEQUENCES = {
    ("REJECT", "", "order"): "FMT-01 FMT-04 FMT-05 FMT-08 FMT-09 FMT-12 FMT-15 FMT-17 FMT-18 AMT-01 AMT-04 CUR-01 CUR-02 "
    "SUM-01 SUM-02 SUM-03 SUM-04 REG-01 REG-03 REG-04 REG-05 REG-10 GDS-01 GDS-02 GDS-04 GDS-05 GDS-06 CLS-01 LIM-02 LIM-03 LIM-04",
    ("REJECT", "", "payment"): "FMT-02 FMT-06 FMT-10 FMT-13 FMT-16 AMT-02 AMT-05 CUR-03 PAY-01 PAY-02 PAY-03 REG-06",
    ("REJECT", "", "waybill"): "FMT-03 FMT-07 FMT-11 FMT-14 AMT-03 AMT-06 CUR-04 WAY-04 WAY-05 WAY-06 WAY-07 REG-07 CLS-02",
    ("HOLD", "orderer", "payment"): "PAY-04",
    ("HOLD", "guarantee", "order"): "GUA-01 GUA-02",
    ("HOLD", "stock", "order"): "STK-01 STK-02",
    ("HOLD", "review", "payment"): "TIM-01",
    ("HOLD", "review", "waybill"): "WAY-01 WAY-02 WAY-03",
    ("HOLD", "review", "order"): "TIM-02 REG-02 REG-08 REG-09 REG-11 GDS-03 GDS-07 GDS-08 GDS-09 LIM-05 TAX-01 TAX-02 SYS-01 SYS-02 SMP-02 "
    "VEL-01 VEL-02 VEL-03 VEL-04 VEL-05 VEL-06 GDS-11 GDS-12",
    ("HOLD", "inspection", "order"): "GDS-10 SMP-01",
}
BY_CLASS = {  # code and class → what the finding does then
    "WAY-02 aeo": ("RELEASE", ""), "WAY-03 dishonest": ("HOLD", "inspection"), "GDS-07 dishonest": ("HOLD", "inspection"),
    "GDS-08 dishonest": ("HOLD", "inspection"), "GDS-09 dishonest": ("HOLD", "inspection"), "TIM-01 dishonest": ("REJECT", ""),
    "RTY-01 dishonest": ("HOLD", "inspection"),
}  # fmt: skip
TAX_TOLERANCE = "(CASE WHEN platform_class = 'aeo' THEN 2 WHEN platform_class = 'dishonest' THEN 0 ELSE 1 END)"
WEIGHT_TOLERANCE = "(CASE WHEN ecommerce_class = 'aeo' THEN 1000 WHEN ecommerce_class = 'dishonest' THEN 0 ELSE 500 END)"
POINTS = {  # indicator → typology and points
    "RSK-01": {"under_declaration": 40}, "RSK-02": {"brushing": 30}, "RSK-03": {"under_declaration": 40, "brushing": 40},
    "RSK-04": {"brushing": 40}, "RSK-05": {"brushing": 30}, "RSK-06": {"under_declaration": 30, "brushing": 5},
    "RSK-07": {"brushing": 20}, "RSK-08": {"brushing": 30},
}  # fmt: skip
BANDS = {  # typology → from how many points on which finding, and its queue
    "under_declaration": [(100, "RTY-02", "inspection"), (60, "RTY-01", "review")],
    "brushing": [(100, "RTY-04", "inspection"), (60, "RTY-03", "review")],
}
CHAPTERS = {"food": "02 03 04 07 08 09 10 11 15 16 17 18 19 20 21 22", "cosmetics": "33", "other": ""}
RATES = {  # per million, class and category: inspection and review of bonded goods, of direct ones
    "aeo food": (300, 500, 400, 600), "aeo cosmetics": (200, 400, 300, 500), "aeo other": (100, 200, 200, 300),
    "general food": (1000, 2000, 1500, 2500), "general cosmetics": (800, 1500, 1000, 2000), "general other": (500, 1000, 800, 1500),
    "dishonest food": (30_000, 50_000, 40_000, 60_000), "dishonest cosmetics": (20_000, 40_000, 30_000, 50_000),
    "dishonest other": (20_000, 30_000, 30_000, 40_000),
}  # fmt: skip
CAPS = {("rice", "10063020", 20 * 10**6), ("sugar", "1701", 2 * 10**6)}  # group, lines, mg a year
CONTROL = {  # kind → of an entry: codes (of a brand its name), what it says, first day where it is not FIRST
    "positive": {
        ("03061790", "modes 1210", ""), ("32151900", "names household printer ink|家用打印机墨", ""),
        ("42022100", "excluded crocodile|python|ostrich|鳄鱼|蟒皮|鸵鸟|濒危", ""),
    },
    "negative": {("93", "", ""), ("01", "", ""), ("0602", "", ""), ("130211", "", ""), ("490700", "", "")},
    "self_use": {("22030000", "parcel 011 24, 140 2 day 011 48, 140 4 month 011 96, 140 8", ""), ("950632", "parcel 011 48, 140 4 day 011 48, 140 4 month 011 144, 140 12", "")},
    "watch": {("7113", "", "")},
    "waste": {("3915", "", "2018-01-01"), ("6309", "", "2018-01-01"), ("4707", "", "2021-01-01")},
    "stop": {("03", "country 116", "2023-08-24"), ("22030000", "country 331", "")},
    "brand": {("EXEMPLAR NOBLE", "", ""), ("示例名品", "", "")},
}  # fmt: skip
STATUSES = {
    "DOC-01": "-304001", "DOC-02": "120", "DOC-03": "120", "DOC-04": "100", "DOC-05": "100", "DOC-06": "100",
    "DOC-07": "100", "DOC-08": "100", "DOC-09": "2", "DOC-10": "2",
}  # fmt: skip
BEER = "25000 below 22000 / 988 L"  # CNY 250 and 220 a tonne of 988 L
ITEMS = {  # tax item: kind, rate in 10^-4, amounts by quantity, thresholds (fen / units), days
    ("none", "none", 0, "", "", "2009-01-01", LAST),
    ("wine", "ad_valorem", 1000, "", "", "2009-01-01", LAST),
    ("other_alcohol", "ad_valorem", 1000, "", "", "2009-01-01", LAST),
    ("golf", "ad_valorem", 1000, "", "", "2009-01-01", LAST),
    ("cosmetics", "ad_valorem", 1500, "", "1000 / 1 ml, 1000 / 1 g, 1500 / 1 sheet", "2016-10-01", LAST),
    ("watches", "ad_valorem", 2000, "", "1000000 / 1 piece", "2009-01-01", LAST),
    ("spirits", "compound", 2000, "100 / 1 kg, 912 / 10 L", "", "2009-01-01", LAST),
    ("yellow_wine", "specific", 0, "24000 / 1 t, 24000 / 962 L", "", "2009-01-01", LAST),
    ("beer", "specific", 0, BEER, "26576767 / 100000 L", "2009-01-01", "2023-12-31"),
    ("beer", "specific", 0, BEER, "26576767 / 100000 L", "2024-01-01", "2025-12-31"),
    ("beer", "specific", 0, BEER, "264295885 / 1000000 L", "2026-01-01", LAST),
}
UNITS = {
    "ml": ("volume", 10**3), "L": ("volume", 10**6), "mg": ("mass", 1), "g": ("mass", 10**3), "kg": ("mass", 10**6), "t": ("mass", 10**9),
    "sheet": ("sheet", 1), "piece": ("piece", 1),
}  # fmt: skip
PERSONAL = {
    "order": "buyerRegNo buyerName buyerTelephone buyerIdNumber consignee consigneeTelephone consigneeAddress note",
    "payment": "payerIdNumber payerName telephone note",
    "waybill": "consignee consigneeAddress consigneeTelephone note",
    "line": "note",
}


def per_10000(percent: str) -> str:
    return str(round(float(percent.removesuffix(" %")) * 100))


def test_the_tariff() -> None:
    with (FOLDER / "tariff.csv").open(newline="") as f:
        written = sorted(tuple(v for k, v in row.items() if k not in ("name", "source", "sure")) for row in csv.DictReader(f))
    entered: list[tuple[str, ...]] = []
    for rate in AGAIN["rate"]:
        own = (per_10000(rate["tariff"]), per_10000(rate["provisional"]) if "provisional" in rate else "",
               per_10000(rate["vat"]), rate["consumption"])  # fmt: skip
        for hs8 in rate["hs8"]:
            year = next((y for y in (2024, 2025) if hs8 in AGAIN[f"seen_from_{y}"]), None)
            periods = [(RATES_FROM, f"{year - 1}-12-31"), (f"{year}-01-01", LAST)] if year else [(RATES_FROM, LAST)]
            periods = [("9999-01-01", LAST)] if hs8 in AGAIN["not_yet"] else periods
            entered += [(hs8, *own, *period) for period in periods]
    assert written == sorted(entered)


def test_the_fill() -> None:
    lines = fill(tomllib.loads((FOLDER / "consumption.toml").read_text())["fill"], 0)
    assert len(lines) == len({line[0] for line in lines}) == 1_476
    assert (lines[0][0], lines[-1][0]) == ("98660091", "98974363"), "drawn anew: say so in the changelog"
    assert {line[0][:2] for line in lines} == {"98"} and {line[6:8] for line in lines} == {(RATES_FROM, LAST)}


def test_the_limits() -> None:
    assert load().limits_on(FIRST) == LIMITS
    assert load().limits_on(date(2018, 12, 31)) == {}


def test_the_tax_items() -> None:
    tariff = load().tariff
    assert {
        (x["name"], x["kind"], x["rate_1e4"], parts(x, "specific"), parts(x, "threshold"), str(x["from"]), str(x["to"])) for x in tariff.items
    } == ITEMS
    assert tariff.sizes == UNITS


def parts(item: dict[str, Any], name: str) -> str:
    below = {x["unit"]: f" below {x['below_fen']}" for x in item.get(name, ()) if "below_fen" in x}
    return ", ".join(f"{x['fen']}{below.get(x['unit'], '')} / {x['per']} {x['unit']}" for x in item.get(name, ()))


def test_what_each_finding_does() -> None:
    rules = load().rules
    entries = [*rules["rule"], *rules["ledger"], *rules["engine"]]
    written = {x["code"]: (x["outcome"], x.get("queue", ""), " ".join(x["blames"])) for x in entries}
    assert written == {code: what for what, codes in CONSEQUENCES.items() for code in codes.split()}


def test_what_the_class_changes() -> None:
    book = load()
    assert {" ".join(of): what for of, what in book.on(FIRST).by_class.items()} == BY_CLASS
    assert book.classes.outcomes_on(date(2018, 12, 31)) == {}
    by_class = {k: v for k, v in book.classes.parameters_on(FIRST, LIMITS).items() if v != str(LIMITS[k])}
    assert by_class == {"tax_tolerance_fen": TAX_TOLERANCE, "weight_tolerance_1e4": WEIGHT_TOLERANCE}
    told = [(x["class"], x["kind"], str(x["from"])) for x in book.classes.entries["treatment"]]
    kinds = [("aeo", "reward")] * 2 + [("dishonest", "penalty")] * 3
    assert told == [(*kind, "2021-09-10" if n == 4 else str(FIRST)) for n, kind in enumerate(kinds)]


def test_what_risk_goes_by() -> None:
    law = load().on(FIRST)
    assert {code: dict(x.points) for code, x in law.indicators.items()} == POINTS
    assert {t.name: [(n, code, law.consequences[code].queue) for n, code in t.bands] for t in law.typologies} == BANDS
    assert {law.consequences[code].outcome for bands in BANDS.values() for _, code, _ in bands} == {"HOLD"}
    before, risk = date(2018, 12, 31), load().risk
    assert not risk.indicators_on(before, lambda _: (pl.lit(True), ())) and not any(t.bands for t in risk.typologies_on(before))


def test_how_much_is_drawn() -> None:
    rates = load().on(FIRST).samples
    chapters = {c: list(CHAPTERS).index(name) for name, codes in CHAPTERS.items() for c in codes.split()}
    assert (rates.names, rates.categories) == (tuple(CHAPTERS), chapters)
    entered = {(*of.split(), bonded): r[:2] if bonded else r[2:] for of, r in RATES.items() for bonded in (True, False)}
    assert rates.rates_1e6 == entered
    assert load().samples.on(date(2018, 12, 31)).rates_1e6 == {}


def test_the_yearly_caps() -> None:
    assert {(x["group"], " ".join(x["hs8"]), x["cap_mg"]) for x in load().caps} == CAPS
    assert {(x["from"], str(x["to"])) for x in load().caps} == {(FIRST, LAST)}


def test_goods_control() -> None:
    entries = load().control.entries
    assert {kind: {(x.get("hs") or x["name"], said(x), "" if x["from"] == FIRST else str(x["from"])) for x in kept} for kind, kept in entries.items()} == CONTROL
    assert {str(x["to"]) for kept in entries.values() for x in kept} == {LAST}


def test_what_has_no_end_yet() -> None:
    book = load()
    kept = [*book.classes.entries.values(), book.risk.entries["indicator"], book.samples.entries["rate"]]
    assert {str(x["to"]) for entries in kept for x in entries} == {LAST}


def said(entry: dict[str, Any]) -> str:
    most = [f"{time} {', '.join(f'{unit} {most}' for unit, most in entry[time].items())}" for time in ("parcel", "day", "month") if time in entry]
    several = (f"{name} {'|'.join(entry[name])}" for name in ("modes", "names", "excluded") if name in entry)
    return " ".join([*several, *most, *([f"country {entry['country']}"] if "country" in entry else [])])


def test_every_rule_is_in_force_from_the_first_day_on() -> None:
    rules = load().rules["rule"]
    assert [r.code for r in load().on(FIRST).rules] == [r["code"] for r in rules]
    assert {r["since"] for r in rules} == {str(FIRST)}


def test_receipts_of_documents() -> None:
    assert {d["code"]: d["status"] for d in load().rules["document"]} == STATUSES


def test_personal_columns() -> None:
    personal = {f"{kind}_{name}" for kind, names in PERSONAL.items() for name in names.split()}
    assert set(load().rules["columns"]["personal"]) == personal


@pytest.mark.parametrize(("scope", "table"), [("manifest", "heads"), ("line", "lines")])
def test_every_column_that_rules_may_read_is_there(scope: str, table: str) -> None:
    decided = MemoryStore().process(records(example()))
    assert set(load().rules["columns"][scope]) - set(getattr(decided, table).columns) == set()


def test_a_tax_item_is_taxed_in_its_own_measures_alone() -> None:
    """Cosmetics by volume, mass or sheet, watches by piece, spirits and yellow wine by volume or mass, beer by volume."""
    law = load().on(date(2019, 11, 11))
    assert MEASURES == ("volume", "mass", "sheet", "piece")
    taxable = ["".join("-+"[x] for x in law.terms["taxable"][n : n + 4]) for n in range(0, len(law.terms), 4)]
    assert taxable == ["+++-", "---+", "++--", "++--", "+---"]


def test_what_is_told_of_a_manifest_that_is_not_rejected() -> None:
    """The states of a list: 800 released, 300 held for something, 500 inspected."""
    held = dict.fromkeys(("guarantee", "stock", "review", "orderer"), 300)
    assert {"": 800, **held, "inspection": 500} == RETURN_STATUS

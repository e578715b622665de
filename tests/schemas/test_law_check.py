"""Law data that cannot be used is refused whole, with file, line and reason; what is not sure is listed."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from schemas import law_check, rules_check, tariff, tariff_fill
from schemas.law_check import LawError, problems, unsure
from schemas.law_entries import toml_tables
from schemas.lawbook import FOLDER, load
from tests.conftest import changed

ROW = "22083000,whisky,1000,,1300,spirits,2024-01-01,9999-12-31,gacc,true\n"
CONSUMPTION, TARIFF, LIMITS, WEIGHTS = "consumption.toml", "tariff.csv", "limits.toml", "weights.toml"


def test_the_law_in_force_is_sound() -> None:
    assert problems(FOLDER) == []


def test_the_table_has_its_published_size() -> None:
    law = load().on(date(2024, 6, 1))
    rates = law.rates
    assert len(law.control.listed) == 1476
    assert len(rates) == rates["hs8"].n_unique() == 1475, "one line is there for its rate not being in force"
    written = {x["hs8"] for _, x in law_check.read(FOLDER).tariff if x["sure"] == "true"}
    assert len(written) >= 60
    assert len(rates.filter(pl.col("hs8").str.starts_with(tariff_fill.CHAPTER))) == 1476 - len(
        {x["hs8"] for _, x in law_check.read(FOLDER).tariff}
    )


def test_the_fill_follows_from_its_seed() -> None:
    assert tariff_fill.lines({"lines": 50, "seed": 1}, 10) == tariff_fill.lines({"lines": 50, "seed": 1}, 10)
    assert tariff_fill.lines({"lines": 50, "seed": 1}, 10) != tariff_fill.lines({"lines": 50, "seed": 2}, 10)
    assert len(tariff_fill.lines({"lines": 50, "seed": 1}, 60)) == 0


def test_the_fill_stays_what_it_is() -> None:
    """A decision names its law by the files, which hold of the fill its seed alone."""
    told = repr(tariff_fill.lines({"lines": 50, "seed": 1}, 10)).encode()
    assert sha256(told).hexdigest() == "88f2693aaa4aa13c0cccb45b59fca94a61525901b55d6448e22a3e051baad6e5"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (ROW, ROW.replace("1000", "10001"), "tariff_1e4 10001 out of range"),
        (ROW, ROW.replace("1000", "-1"), "tariff_1e4 '-1' out of range"),
        (ROW, ROW.replace("1000", ""), "tariff_1e4 '' out of range"),
        (ROW, ROW.replace("1000,,", "1000,x,"), "provisional_1e4 'x' out of range"),
        (ROW, ROW.replace("1300", "5001"), "vat_1e4 5001 out of range"),
        (ROW, ROW.replace("gacc", ""), "no source"),
        (ROW, ROW.replace("gacc", "hearsay"), "unknown source 'hearsay'"),
        (ROW, ROW.replace("spirits", "ghosts"), "unknown tax item 'ghosts'"),
        (ROW, ROW.replace("true", "perhaps"), "sure is 'perhaps'"),
        (ROW, ROW.replace("2024-01-01", "2024-13-01"), "not both dates"),
        (ROW, ROW.replace("9999-12-31", "2023-12-31"), "lies before"),
        (ROW, ROW.replace("22083000", "2208300"), "not eight digits"),
        (ROW, ROW.replace("22083000", "98083000"), "kept for the fill"),
        (ROW, ROW.replace(",true", ""), "has to have the fields"),
        (ROW, ROW.replace("2024-01-01", "2023-12-31"), "overlaps with line"),
        (ROW, ROW + ROW, "overlaps with line"),
    ],
)
def test_a_bad_tariff_line_is_refused(folder: Path, old: str, new: str, reason: str) -> None:
    line = changed(folder, TARIFF, old, new)
    (found, *_) = problems(folder)
    assert (found.file, reason in found.what) == (TARIFF, True), found
    assert found.line - line in (0, 1)  # of two that overlap, the later
    with pytest.raises(LawError, match=re.escape(f"{TARIFF}:{found.line}: ")):
        load(folder)


def in_item(name: str, old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        start = text.index(f'name = "{name}"')
        assert old in text[start:]
        return text[:start] + text[start:].replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (in_item("spirits", '"compound"', '"dear"'), "unknown kind 'dear'"),
        (in_item("spirits", '"compound"', '"ad_valorem"'), "an amount for a quantity is for the kinds"),
        (in_item("wine", '"ad_valorem"', '"compound"'), "an amount for a quantity is for the kinds"),
        (in_item("wine", "1000", "9001"), "rate_1e4 9001 out of range"),
        (in_item("wine", "1000", "0"), "rate_1e4 0 does not suit kind 'ad_valorem'"),
        (in_item("spirits", 'unit = "kg"', 'unit = "barrel"'), "unknown unit 'barrel'"),
        (in_item("spirits", 'unit = "kg"', 'unit = "ml"'), "two parts for one measure"),
        (in_item("spirits", "fen = 100,", "fen = 100001,"), "fen 100001 out of range"),
        (in_item("spirits", "per = 1,", "per = 0,"), "per 0 out of range"),
        (in_item("watches", 'source = "gacc hs24"', 'source = ""'), "no source"),
        (in_item("beer", "2023-12-31", "2024-01-01"), "overlaps"),
        (in_item("ml", '"volume"', '"smell"'), "unknown measure 'smell'"),
        (in_item("ml", "1000", "0"), "size 0"),
        (in_item("mg", '"mg"', '"g"'), "already"),
    ],
)
def test_a_bad_tax_item_or_unit_is_refused(folder: Path, change: Callable[[str], str], reason: str) -> None:
    path = folder / CONSUMPTION
    path.write_text(change(path.read_text()))
    found = [p for p in problems(folder) if p.file == CONSUMPTION]
    assert [p for p in found if reason in p.what], found
    headings = ("[[item]]", "[[unit]]")
    assert all(path.read_text().splitlines()[p.line - 1].startswith(headings) for p in found)


def test_a_tax_item_has_to_be_in_force_as_long_as_its_lines(folder: Path) -> None:
    path = folder / CONSUMPTION
    path.write_text(in_item("beer", "2025-12-31", "2025-12-30")(path.read_text()))
    (found,) = problems(folder)
    assert (found.file, "beer is not in force on 2025-12-31" in found.what) == (TARIFF, True)


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (LIMITS, "value = 500000", "value = -1", "value -1 out of range"),
        (LIMITS, 'source = "policy', 'source = ""  # "policy', "no source"),
        (LIMITS, "value = 500000", "value = 10000000001", "single_limit_fen: value 10000000001 out of range 0 to 10000000000"),
        (LIMITS, "value = 2600000", "value = 10000000001", "annual_limit_fen: value 10000000001 out of range"),
        (LIMITS, "value = 7000", "value = 10001", "in_limit_share_1e4: value 10001 out of range 0 to 10000"),
        (LIMITS, "value = 500\n", "value = 10001\n", "weight_tolerance_1e4: value 10001 out of range 0 to 10000"),
        (LIMITS, "value = 9000", "value = 10001", "new_person_share_1e4: value 10001 out of range"),
        (LIMITS, "value = 6\n", "value = 1201\n", "waybill_reuse_months: value 1201 out of range 0 to 1200"),
        (LIMITS, 'phone_persons_30d_most"\nvalue = 10', 'phone_persons_30d_most"\nvalue = 101', "phone_persons_30d_most: value 101 out of range 0 to 100"),
        (LIMITS, 'one_pay_firm_persons"\nvalue = 4', 'one_pay_firm_persons"\nvalue = 101', "one_pay_firm_persons: value 101 out of range"),
        (LIMITS, "value = 600\n", "value = 0\n", "incomplete_after_seconds: value 0 out of range 1 to"),
        (LIMITS, "value = 2592000", "value = 31622401", "closed_after_seconds: value 31622401 out of range"),
        (LIMITS, "value = 50\n", "value = 0\n", "max_lines: value 0 out of range 1 to 32767"),
        (LIMITS, 'tax_tolerance_fen"\nvalue = 1', 'tax_tolerance_fen"\nvalue = 1000001', "tax_tolerance_fen: value 1000001 out of range"),
    ],
)
def test_bad_limits_are_refused(folder: Path, file: str, old: str, new: str, reason: str) -> None:
    changed(folder, file, old, new)
    (found,) = problems(folder)
    assert (found.file, reason in found.what) == (file, True), found


def test_a_limit_may_be_as_high_as_its_range(folder: Path) -> None:
    for old, new in (("value = 500\n", "value = 10000\n"), ("value = 6\n", "value = 1200\n"), ('persons"\nvalue = 4', 'persons"\nvalue = 100'), ("value = 500000", "value = 10000000000")):
        changed(folder, LIMITS, old, new)
    assert problems(folder) == []


SECOND = """[[cap]]
group = "rice"
hs8 = ["10064020"]
cap_mg = 1
from = 2026-01-01
to = 9999-12-31
source = "recalled"
sure = false

[[cap]]
group = "sugar"
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('group = "rice"', 'group = "long grain"', "group 'long grain' is no name of letters"),
        ('hs8 = ["1701"]', "hs8 = []", "no hs8"),
        ('hs8 = ["1701"]', 'hs8 = ["17O1"]', "hs8 '17O1' is not four to eight digits"),
        ('hs8 = ["1701"]', 'hs8 = ["170199100"]', "hs8 '170199100' is not four to eight digits"),
        ('hs8 = ["1701"]', 'hs8 = ["1701", "170199"]', "hs8 170199 is capped by line"),
        ('hs8 = ["1701"]', 'hs8 = ["1006"]', "hs8 1006 is capped by line"),
        ("cap_mg = 2000000\n", "cap_mg = -1\n", "cap_mg -1 out of range"),
        ("cap_mg = 2000000\n", "cap_mg = 2.5\n", "cap_mg 2.5 out of range"),
        ('source = "list2022 recalled"', 'source = "hearsay"', "unknown source 'hearsay'"),
        ("sure = false", 'sure = "perhaps"', "sure is 'perhaps'"),
        ("from = 2019-01-01", 'from = "soon"', "not both dates"),
        ('[[cap]]\ngroup = "sugar"\n', SECOND, "rice from 2026-01-01 overlaps with line"),
    ],
)
def test_a_bad_weight_cap_is_refused(folder: Path, old: str, new: str, reason: str) -> None:
    changed(folder, WEIGHTS, old, new)
    found = problems(folder)
    assert [(p.file, reason in p.what) for p in found] == [(WEIGHTS, True)], found
    assert (folder / WEIGHTS).read_text().splitlines()[found[0].line - 1] == "[[cap]]"
    with pytest.raises(LawError, match=re.escape(f"{WEIGHTS}:{found[0].line}: ")):
        load(folder)


def test_a_cap_that_follows_another_is_sound(folder: Path) -> None:
    changed(folder, WEIGHTS, "to = 9999-12-31", "to = 2025-12-31")
    changed(folder, WEIGHTS, '[[cap]]\ngroup = "sugar"\n', SECOND)
    assert problems(folder) == []
    caps = [{x.group: x.cap_mg for x in load(folder).on(date(*day)).weight_caps} for day in ((2025, 12, 31), (2026, 1, 1))]
    assert caps == [{"rice": 20_000_000, "sugar": 2_000_000}, {"rice": 1, "sugar": 2_000_000}]


def test_what_is_not_sure_is_listed_with_its_source() -> None:
    listed = [str(p) for p in unsure(FOLDER)]
    assert [p for p in listed if p.startswith(LIMITS) and "max_lines" in p]
    assert [p for p in listed if p.startswith(WEIGHTS) and "sugar from 2019-01-01: list2022 recalled" in p]
    assert [p for p in listed if p.startswith(CONSUMPTION) and "beer from 2009-01-01: ct2009 later hs24" in p]
    marked = [n for n, x in law_check.read(FOLDER).tariff if x["sure"] == "false"]
    assert [p for p in listed if p.startswith(TARIFF)] and sum(p.startswith(TARIFF) for p in listed) == len(marked)


UNSURE = ("unsure", "derived", "policy of this system", "bound of this system", "invented", "recalled")
"""What says that nobody published it."""


def test_what_says_that_it_is_unsure_is_marked_so() -> None:
    """Of findings by their law, of limits by their source: all that says so is listed, with its code or name and its line."""
    listed = {(p.file, p.line): p.what for p in unsure(FOLDER)}
    entries = [("rules.toml", *row, "law") for table in rules_check.TABLES for row in toml_tables(FOLDER / "rules.toml", table)]
    entries += [("risk.toml", *row, "law") for row in toml_tables(FOLDER / "risk.toml", "band")]
    entries += [(LIMITS, *row, "source") for row in toml_tables(FOLDER / LIMITS, "limit")]
    saying = [(file, line, x, name) for file, line, x, name in entries if any(mark in x[name] for mark in UNSURE)]
    assert len([x for file, _, x, _ in saying if file == "rules.toml"]) >= 26
    for file, line, x, name in saying:
        assert x[name] in listed.get((file, line), ""), x
        assert x.get("code", x.get("name")) in listed[file, line]


def test_how_the_law_is_read_is_listed_as_unsure() -> None:
    names = {p.what.partition(":")[0] for p in unsure(FOLDER) if p.file == LIMITS}
    assert {"rounding", "apportionment", "compound_rate", "calendar_year"} <= names


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("rules.toml", "sure = false", 'sure = "so"', "FMT-17: sure is 'so', not true or false"),
        ("risk.toml", "unsure\"\nsure = false", "unsure\"\nsure = 0", "sure is 0, not true or false"),
        (LIMITS, 'en = "each tax', 'en = ""  # "each tax', "en is empty"),
        (LIMITS, 'source = "general knowledge: no text on rounding', 'source = ""  # "', "source is empty"),
    ],
)
def test_a_mark_that_says_nothing_is_refused(folder: Path, file: str, old: str, new: str, reason: str) -> None:
    changed(folder, file, old, new)
    (found,) = problems(folder)
    assert (found.file, reason in found.what) == (file, True), found


def test_a_rate_leaps_with_its_date(folder: Path) -> None:
    """A tax item that is not in force leaves its lines without a rate, so nothing is taxed by a rate of other days."""
    book = tariff.read(folder)
    first = date(2024, 1, 1)
    rates = {day: book.on(day)[0].filter(pl.col("hs8") == "22083000").rows() for day in (first - timedelta(1), first)}
    assert [len(r) for r in rates.values()] == [1, 1]
    assert book.on(date(2008, 12, 31))[0].rows() == []

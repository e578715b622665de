"""risk.toml: bad entries are refused with their line, and each is in force on its days."""

import re
from datetime import date
from pathlib import Path

import pytest

from schemas import risk_check
from schemas.law_check import LawError, problems, unsure
from schemas.lawbook import FOLDER, load
from tests.conftest import changed

FILE = risk_check.FILE
DAY = date(2019, 11, 11)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('scope = "line"', 'scope = "parcel"', "scope 'parcel' is neither"),
        ("points = { under_declaration = 40 }", "points = {}", "points is no table"),
        ("points = { under_declaration = 40 }", "points = { smuggling = 40 }", "unknown typology 'smuggling'"),
        ("points = { under_declaration = 40 }", "points = { under_declaration = 0 }", "0 points out of range"),
        ("points = { under_declaration = 40 }", "points = { under_declaration = 1001 }", "1001 points out of range"),
        ('zh = "单价低于', 'zh = ""  # "单价低于', "no zh"),
        ('source = "fraud policy"', 'source = "hearsay"', "unknown source 'hearsay'"),
        ("sure = false", 'sure = "so"', "sure is 'so'"),
        ("to = 9999-12-31", "to = 2018-12-31", "lies before"),
        ('code = "RSK-02"', 'code = "RSK-01"', "overlaps with line"),
        ('name = "brushing"\nen', 'name = "under_declaration"\nen', ""),
        ('typology = "under_declaration"\nat_least', 'typology = "smuggling"\nat_least', "unknown typology 'smuggling'"),
        ("at_least = 60", "at_least = 0", "at_least 0 out of range"),
        ("at_least = 60", "at_least = 100", "stands in line"),
        ('todo_zh = ', '# todo_zh = ', "no todo_zh"),
        ('code = "RTY-01"', 'code = "WAY-02"', "WAY-02 stands in rules.toml already"),
        ('outcome = "HOLD"\nqueue = "review"', 'outcome = "REJECT"', "signs hold, they do not 'REJECT'"),
        ('blames = ["order"]', 'blames = ["parcel"]', "blames ['parcel'] are not some of order, payment, waybill"),
        ('blames = ["order"]', "", "blames None are not some of order, payment, waybill"),
    ],
)
def test_a_bad_entry_is_refused(folder: Path, old: str, new: str, reason: str) -> None:
    changed(folder, FILE, old, new)
    found = [p for p in problems(folder) if p.file == FILE]
    assert found and all(reason in p.what for p in found[:1]), found
    assert (folder / FILE).read_text().splitlines()[found[0].line - 1] in ("[[indicator]]", "[[typology]]", "[[band]]")
    with pytest.raises(LawError, match=re.escape(f"{FILE}:{found[0].line}: ")):
        load(folder)


def test_a_condition_has_to_read_known_columns(folder: Path) -> None:
    changed(folder, FILE, "price_low_fen > 0 AND", "price_guess > 0 AND")
    with pytest.raises(LawError, match=r"RSK-01: unknown columns \['price_guess'\]"):
        load(folder).on(DAY)


def test_one_more_indicator_is_one_more_entry(folder: Path) -> None:
    more = """
[[indicator]]
code = "RSK-90"
scope = "manifest"
when = \"\"\"line_count > 1\"\"\"
points = { brushing = 60 }
en = "two lines"
zh = "两行"
from = 2019-01-01
to = 9999-12-31
source = "policy"
sure = false
"""
    (folder / FILE).write_text((folder / FILE).read_text() + more)
    assert problems(folder) == []
    assert load(folder).on(DAY).indicators["RSK-90"].points == {"brushing": 60}


def test_entries_are_in_force_on_their_days(folder: Path) -> None:
    changed(folder, FILE, "from = 2019-01-01\nto = 9999-12-31", "from = 2020-02-01\nto = 2020-02-29")
    changed(folder, FILE, 'since = "2019-01-01"', 'since = "2020-02-03"')
    days = [date(2020, 1, 31), date(2020, 2, 1), date(2020, 2, 3), date(2020, 3, 1)]
    book = load(folder)
    assert ["RSK-01" in book.on(day).indicators for day in days] == [False, True, True, False]
    assert [len(book.on(day).typologies[0].bands) for day in days] == [1, 1, 2, 2]
    assert {date(2020, 2, 1), date(2020, 2, 3)} <= set(book.days())


def test_what_is_not_sure_is_listed_with_its_source() -> None:
    assert [str(p) for p in unsure(FOLDER) if "indicator RSK-01 from 2019-01-01: fraud policy" in str(p)]

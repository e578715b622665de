"""samples.toml: bad entries are refused with their line, and rates are in force on their days."""

import re
from datetime import date
from pathlib import Path

import pytest

from schemas import samples_check
from schemas.law_check import LawError, problems, unsure
from schemas.lawbook import FOLDER, load
from tests.conftest import changed

FILE = samples_check.FILE


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('name = "food"', 'name = ""', "no name"),
        ('chapters = ["33"]', "chapters = []", "every category but the last has chapters"),
        ("chapters = []", 'chapters = ["90"]', "every category but the last has chapters"),
        ('chapters = ["33"]', 'chapters = ["3"]', "chapter '3' is not two digits"),
        ('chapters = ["33"]', 'chapters = ["22"]', "chapter 22 belongs to two categories"),
        ('class = "aeo"', 'class = "gold"', "class 'gold' is not one of"),
        ('category = "other"', 'category = "toys"', "unknown category 'toys'"),
        ("bonded = {", "bounded = {", "bonded has to name review_1e6 and inspection_1e6"),
        ("review_1e6 = 500,", "review_1e6 = -1,", "bonded review_1e6 -1 out of range"),
        ("inspection_1e6 = 300 }", "inspection_1e6 = 400001 }", "bonded inspection_1e6 400001 out of range"),
        ('source = "classes policy"', 'source = ""', "no source"),
        ("sure = false", 'sure = "so"', "sure is 'so'"),
        ("to = 9999-12-31", "to = 2018-12-31", "lies before"),
    ],
)
def test_a_bad_entry_is_refused(folder: Path, old: str, new: str, reason: str) -> None:
    changed(folder, FILE, old, new)
    found = [p for p in problems(folder) if reason in p.what]
    assert found and {p.file for p in problems(folder)} == {FILE}
    assert (folder / FILE).read_text().splitlines()[found[0].line - 1].split("#")[0].strip() in ("[[category]]", "[[rate]]")
    with pytest.raises(LawError, match=re.escape(f"{FILE}:{found[0].line}: ")):
        load(folder)


def test_every_class_and_category_has_a_rate_and_one_alone(folder: Path) -> None:
    text = (folder / FILE).read_text()
    changed(folder, FILE, 'class = "aeo"\ncategory = "other"', 'class = "aeo"\ncategory = "food"')
    assert [p.what for p in problems(folder)] == ["no rate of aeo other"]
    (folder / FILE).write_text(text + text[text.index('[[rate]]\nclass = "dishonest"\ncategory = "other"') :])
    (found,) = problems(folder)
    assert "dishonest other from 2019-01-01 overlaps with line" in found.what


def test_rates_are_in_force_on_their_days(folder: Path) -> None:
    changed(folder, FILE, "from = 2019-01-01\nto = 9999-12-31", "from = 2020-02-01\nto = 2020-02-29")
    days = [date(2020, 1, 31), date(2020, 2, 1), date(2020, 2, 29), date(2020, 3, 1)]
    assert [("aeo", "food", True) in load(folder).on(day).samples.rates_1e6 for day in days] == [False, True, True, False]
    assert date(2020, 2, 1) in load(folder).days()


def test_samples_go_by_their_rates_not_by_class_outcomes(folder: Path) -> None:
    path = folder / "classes.toml"
    path.write_text(path.read_text().replace('code = "WAY-02"', 'code = "SMP-01"', 1))
    (found,) = problems(folder)
    assert "SMP-01 goes by the rates" in found.what


def test_what_is_not_sure_is_listed_with_its_source() -> None:
    assert [str(p) for p in unsure(FOLDER) if "rate of aeo food from 2019-01-01: classes policy" in str(p)]

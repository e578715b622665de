"""classes.toml: bad entries are refused with their line, and each is in force on its days."""

import re
from datetime import date
from pathlib import Path

import pytest

from schemas import classes_check
from schemas.law_check import LawError, problems, unsure
from schemas.lawbook import FOLDER, load
from tests.conftest import changed

FILE = classes_check.FILE
ENTRY = '[[{}]]\n{}\nfrom = 2019-01-01\nto = 9999-12-31\nsource = "policy"\nsure = false\n'


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('code = "WAY-02"', 'code = "WAY-99"', "unknown code 'WAY-99'"),
        ('code = "WAY-02"', 'code = "WAY-04"', "WAY-04 rejects, whatever the class"),
        ('code = "WAY-02"', 'code = "LIM-03"', "LIM-03 rejects, whatever the class"),
        ('code = "WAY-02"', 'code = "STK-01"', "STK-01 holds, whatever the class"),
        ('code = "WAY-02"', 'code = "STK-02"', "STK-02 holds, whatever the class"),
        ('code = "WAY-02"', 'code = "TAX-01"', "TAX-01 is never released"),
        ('code = "WAY-02"', 'code = "SYS-01"', "SYS-01 is never released"),
        ('class = "aeo"', 'class = "gold"', "class 'gold' is not one of"),
        ('outcome = "RELEASE"', 'outcome = "PASS"', "unknown outcome 'PASS'"),
        ('outcome = "RELEASE"', 'outcome = "HOLD"', "queue '' does not suit HOLD"),
        ('outcome = "RELEASE"', 'outcome = "RELEASE"\nqueue = "review"', "queue 'review' does not suit RELEASE"),
        ('queue = "inspection"', 'queue = "x-ray"', "queue 'x-ray' does not suit HOLD"),
        ('queue = "inspection"', 'queue = "attic"\n', "queue 'attic' does not suit HOLD"),
        *(('queue = "inspection"', f'queue = "{queue}"', f"queue '{queue}' does not suit HOLD") for queue in ("guarantee", "stock")),
        ('name = "tax_tolerance_fen"', 'name = "patience"', "no limit 'patience'"),
        ('of = "platform"', 'of = "carrier"', "of 'carrier' is not one of"),
        ("value = 2\n", "value = -1\n", "value -1 out of range"),
        ("value = 2\n", "value = 1000001\n", "value 1000001 out of range"),
        ("value = 1000\n", "value = 10001\n", "weight_tolerance_1e4: value 10001 out of range 0 to 10000"),
        ('kind = "reward"', 'kind = "gift"', "kind 'gift' is neither"),
        ('zh = "收货人', 'zh = ""  # "收货人', "no text zh"),
        ('source = "classes policy"', 'source = ""', "no source"),
        ("sure = false", 'sure = "so"', "sure is 'so'"),
        ("to = 9999-12-31", "to = 2018-12-31", "lies before"),
        ('code = "WAY-03"\nclass = "dishonest"', 'code = "WAY-02"\nclass = "aeo"', "overlaps with line"),
    ],
)
def test_a_bad_entry_is_refused(folder: Path, old: str, new: str, reason: str) -> None:
    changed(folder, FILE, old, new)
    found = problems(folder)
    assert [(p.file, reason in p.what) for p in found] == [(FILE, True)], found
    assert (folder / FILE).read_text().splitlines()[found[0].line - 1].split("#")[0].strip() in ("[[outcome]]", "[[tolerance]]", "[[treatment]]")
    with pytest.raises(LawError, match=re.escape(f"{FILE}:{found[0].line}: ")):
        load(folder)


@pytest.mark.parametrize(("file", "code"), [("rules.toml", "TIM-01"), ("risk.toml", "RTY-01")])
def test_a_reject_of_what_blames_nothing_is_refused(folder: Path, file: str, code: str) -> None:
    """With nobody at fault the rejected three would be kept, and any document more, a duplicate too, would try them again."""
    text = (folder / file).read_text()
    (folder / file).write_text(re.sub(rf'(code = "{code}"\n(?:.+\n)*?blames = ).*', r"\1[]", text, count=1))
    if code != "TIM-01":
        assert problems(folder) == []
        changed(folder, FILE, 'code = "TIM-01"', f'code = "{code}"')
    assert [(p.file, p.what) for p in problems(folder)] == [(FILE, f"{code} blames no document: nothing could follow its REJECT")]


def test_a_limit_goes_by_the_class_of_one_role(folder: Path) -> None:
    more = ENTRY.format("tolerance", 'name = "tax_tolerance_fen"\nof = "ecommerce"\nclass = "general"\nvalue = 1')
    (folder / FILE).write_text((folder / FILE).read_text() + more)
    (found,) = problems(folder)
    assert "goes by the class of the platform already" in found.what


def test_entries_are_in_force_on_their_days(folder: Path) -> None:
    changed(folder, FILE, "from = 2019-01-01\nto = 9999-12-31", "from = 2020-02-01\nto = 2020-02-29")
    days = [date(2020, 1, 31), date(2020, 2, 1), date(2020, 2, 29), date(2020, 3, 1)]
    assert [("WAY-02", "aeo") in load(folder).on(day).by_class for day in days] == [False, True, True, False]
    assert date(2020, 2, 1) in load(folder).days()


def test_what_is_not_sure_is_listed_with_its_source() -> None:
    assert [str(p) for p in unsure(FOLDER) if "outcome WAY-02 aeo from 2019-01-01: classes policy" in str(p)]

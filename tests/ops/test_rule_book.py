"""Which of the rule book's codes came about, by what they look at."""

from collections import Counter

from ops.commands.rule_book import families
from ops.explain.voice import texts
from schemas.lawbook import load


def test_codes_are_counted_by_family_and_by_what_came_of_them() -> None:
    counted = [("PAY-01", "REJECT", 3), ("PAY-04", "HOLD", 2), ("PAY-01", "HOLD", 1), ("DL-01", "dead letter", 5)]
    pay, way, letters = families(["PAY-01", "RSK-01", "PAY-02", "PAY-04", "WAY-01", "DL-01"], counted)
    assert (pay.codes, pay.met, pay.came) == (["PAY-01", "PAY-02", "PAY-04"], {"PAY-01", "PAY-04"}, Counter(REJECT=3, HOLD=3))
    assert (way.codes, way.met, way.came) == (["WAY-01"], set(), Counter())
    assert (letters.name, letters.met, letters.came) == ("DL", {"DL-01"}, Counter({"dead letter": 5}))


def test_every_family_has_its_name_in_both_languages() -> None:
    names = {f"family_{code.partition('-')[0]}" for code in load().texts()}
    assert [name for lang in ("en", "zh") for name in names if name not in texts(lang)] == []

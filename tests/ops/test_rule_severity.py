"""docs/rules.md says of every code how severe it is and since when, from what the law data say."""

import pytest

from ops import rule_pages
from ops.rule_severity import MEANINGS, by_class
from schemas.lawbook import load

PAGE = rule_pages.pages()[rule_pages.DOCS / "rules.md"]


@pytest.mark.parametrize(
    ("code", "severity", "since", "outcome"),
    [
        ("FMT-01", "stops", "2019-01-01", "REJECT"), ("WAY-02", "holds (aeo: notes)", "2019-01-01", "HOLD"), ("LIM-03", "stops", rule_pages.UNDATED, "REJECT"),
        ("GUA-01", "holds", rule_pages.UNDATED, "HOLD"), ("SYS-01", "holds", rule_pages.UNDATED, "HOLD"), ("RSK-01", "counts", "2019-01-01", "-"),
        ("RTY-02", "holds", "2019-01-01", "HOLD"), ("DOC-01", "refuses", rule_pages.UNDATED, "-304001"), ("DOC-02", "notes", rule_pages.UNDATED, "120"),
        ("DOC-09", "waits", rule_pages.UNDATED, "2"), ("DL-01", "discards", rule_pages.UNDATED, "-"),
    ],
)  # fmt: skip
def test_a_code_has_its_row(code: str, severity: str, since: str, outcome: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {code} |") and line.count("|") == 7]
    assert row.endswith(f"| {since} | {severity} | {outcome} |")


def test_every_code_has_one_and_every_word_is_explained() -> None:
    lines = PAGE.partition("## Rules\n")[0].partition("| code |")[2].splitlines()[2:]
    rows = [line.split(" | ") for line in lines if line]
    assert {row[0].removeprefix("| ") for row in rows} == set(load().texts())
    assert {row[4].partition(" ")[0] for row in rows} == set(MEANINGS)
    assert by_class("FMT-01", load().classes.entries["outcome"]) == ""

"""tidegate law check: what is not sure is listed, what cannot be used is refused with exit code 1."""

import json
from pathlib import Path

import pytest

from schemas.lawbook import FOLDER
from tests.conftest import changed
from tests.ops.conftest import Run

ROW = "22083000,whisky,1000,,1300,spirits,2024-01-01,9999-12-31,gacc,true\n"
TARIFF, WEIGHTS = "tariff.csv", "weights.toml"
HOLDS, REJECTS = (f'code = "{{}}"\noutcome = "{x}"\nqueue = "{{}}"' for x in ("HOLD", "REJECT"))


def test_the_command_says_so(run: Run, folder: Path) -> None:
    said = run("law", "check", "--json")
    assert (said.code, said.data["usable"], said.data["problems"]) == (0, True, [])
    assert said.data["lines"] + said.data["synthetic"] == 1476
    assert {"file", "line", "what"} == set(said.data["unsure"][0])
    line = changed(folder, TARIFF, ROW, ROW.replace("1000", "10001"))
    said = run("law", "check", str(folder))
    assert (said.code, TARIFF in said.out, str(line) in said.out, "out of range" in said.out) == (1, True, True, True)
    said = run("law", "check", str(folder), "--json")
    assert said.code == 1
    assert json.loads(said.out)["problems"] == [
        {"file": TARIFF, "line": line, "reason": "tariff_1e4 10001 out of range 0 to 10000"}
    ]
    (folder / WEIGHTS).unlink()
    assert run("law", "check", str(folder)).code == 2


def test_a_rule_that_does_not_compile_is_refused_by_the_command(run: Run, folder: Path) -> None:
    line = changed(folder, "rules.toml", "listed AND NOT rated", "listed AND NOT rosted")
    said = run("law", "check", str(folder), "--json")
    (problem,) = said.data["problems"]
    assert (said.code, problem["file"], "REG-02: unknown columns ['rosted']" in problem["reason"]) == (1, "rules.toml", True)
    assert 0 < line - problem["line"] < 8, "the line of the rule's code"


def test_a_file_that_is_no_toml_is_refused(run: Run, folder: Path) -> None:
    changed(folder, "limits.toml", "[[limit]]", "[[limit]")
    said = run("law", "check", str(folder), "--json")
    assert (said.code, said.data["usable"], "limits.toml" in said.data["problems"][0]["file"]) == (1, False, True)


RULE = """
[[rule]]
code = "TST-01"
scope = "manifest"
outcome = "HOLD"
queue = "review"
blames = ["order"]
when = "order_guid = 'x'"
en = "a test"
zh = "试"
todo = "nothing"
todo_zh = "无需处理"
law = "none"
since = "2019-01-01"
"""
OLDER = ROW.replace("2024-01-01", "2023-06-01")


def added(folder: Path, old: str = "", new: str = "") -> int:
    """One rule more, with a mistake in it; gives the line it begins in."""
    path = folder / "rules.toml"
    text = path.read_text()
    assert old in RULE
    path.write_text(text + (RULE.replace(old, new) if old else RULE))
    return text.count("\n") + 2


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("order_guid =", "order_secret =", "TST-01: unknown columns ['order_secret']"),
        ("order_guid =", "order_guid = =", "TST-01: the condition does not compile"),
        ("order_guid = 'x'", "order_guid", "TST-01: the condition is no truth value but String"),
        ("order_guid = 'x'", "order_goodsValue_e5 = order_guid", "TST-01: the condition does not compile"),
        ('"TST-01"', '"PAY-01"', "PAY-01 stands in line"),
        ('"TST-01"', '"a test"', "a code is two to six capitals"),
        ("[[rule]]", "[[ledger]]", "unknown code TST-01: no ledger of the program"),
        ('law = "none"', 'law = ""', "TST-01: no source"),
        ('todo_zh = "无需处理"', 'todo_zh = ""', "TST-01: todo_zh is empty"),
        ('"HOLD"', '"RELEASE"', "TST-01: the outcome of a finding is HOLD or REJECT"),
        ('queue = "review"', 'queue = "attic"', "TST-01: unknown queue 'attic'"),
        ('["order"]', '["invoice"]', "TST-01: blames ['invoice'] are not some of"),
        ('"manifest"', '"parcel"', "TST-01: scope 'parcel' is not one of"),
        ("2019-01-01", "soon", "TST-01: since 'soon' is no date"),
    ],
)
def test_a_bad_rule_is_not_activated(run: Run, folder: Path, old: str, new: str, reason: str) -> None:
    line = added(folder, old, new)
    said = run("law", "activate", str(folder), "--json")
    (problem,) = said.data["problems"]
    assert (said.code, problem["file"], reason in problem["reason"]) == (1, "rules.toml", True), problem
    assert problem["line"] - line in (0, 1), "its heading, or the line of its code"
    shown = run("law", "activate", str(folder))
    assert (shown.code, "Refused" in shown.out, str(problem["line"]) in shown.out.replace(",", "")) == (1, True, True)


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (TARIFF, ROW, ROW + OLDER, "overlaps with line"),
        (TARIFF, ROW, ROW.replace("1000", "10001"), "tariff_1e4 10001 out of range"),
        (TARIFF, ROW, ROW.replace("gacc", ""), "no source"),
        ("limits.toml", "value = 500000", "value = -1", "value -1 out of range"),
        ("limits.toml", 'name = "annual_limit_fen"', 'name = "limit_a_year"', "'annual_limit_fen' is not in force on"),
        ("limits.toml", "[[limit]]", "[[limit]", "at line 2"),
        ("rules.toml", '"order_guid", ', '"order_guid", "order_secret", ', "unknown columns ['order_secret'] of manifest"),
        ("rules.toml", 'personal = [\n  "order_buyerRegNo", ', "personal = [\n  ", "['order_buyerRegNo'] are personal columns"),
        ("rules.toml", 'status = "-304001"', 'status = "120"', "DOC-01: status '120' is not the -304001 that receipts have"),
        ("rules.toml", HOLDS.format("STK-01", "stock"), HOLDS.format("STK-01", "guarantee"), "STK-01: queue stock is of STK-01, STK-02"),
        ("rules.toml", HOLDS.format("STK-01", "stock"), REJECTS.format("STK-01", "stock"), "STK-01: queue 'stock' does not suit REJECT"),
        ("rules.toml", HOLDS.format("STK-02", "stock"), HOLDS.format("STK-02", "review"), "STK-02: queue stock is of STK-01, STK-02"),
        ("rules.toml", HOLDS.format("GUA-02", "guarantee"), REJECTS.format("GUA-02", ""), "GUA-02: queue guarantee is of GUA-01, GUA-02"),
        ("consumption.toml", "size = 1000\n", "size = 1001\n", "is not the one of the program"),
    ],
)
def test_bad_data_is_not_activated(run: Run, folder: Path, file: str, old: str, new: str, reason: str) -> None:
    line = changed(folder, file, old, new)
    said = run("law", "activate", str(folder), "--json")
    found = [p for p in said.data["problems"] if p["file"] == file and reason in p["reason"]]
    assert said.code == 1 and found, said.data
    assert found[0]["line"] == 0 or abs(found[0]["line"] - line) <= 3


def test_two_sets_are_compared(run: Run, folder: Path) -> None:
    assert run("law", "diff", str(FOLDER), str(folder)).out.strip() == "They do not differ."
    added(folder)
    changed(folder, "limits.toml", "value = 500000", "value = 600000")
    changed(folder, TARIFF, ROW, "")
    changed(folder, "rules.toml", '"2019-01-01"', '"2020-01-01"')
    said = run("law", "diff", str(FOLDER), str(folder), "--json")
    found = [(d["file"], d["entry"], d["change"], d["field"]) for d in said.data["differences"]]
    assert found == [
        ("limits.toml", "limit single_limit_fen from 2019-01-01", "changed", "value"),
        ("rules.toml", "rule FMT-01", "changed", "since"), ("rules.toml", "rule TST-01", "added", ""),
        (TARIFF, "whisky 22083000 from 2024-01-01", "removed", ""),
    ]  # fmt: skip
    shown = run("law", "diff", str(FOLDER), str(folder))
    assert (shown.code, "500000" in shown.out, "TST-01" in shown.out) == (0, True, True)


def test_a_set_is_shown_in_both_languages(run: Run) -> None:
    said = run("law", "show", str(FOLDER))
    assert (said.code, "the tax the platform withheld" in said.out, "平台代扣税款与应征税款不符" in said.out) == (0, True, True)
    one = run("law", "show", str(FOLDER), "TAX-02", "--json").data
    assert (one["code"], [(p["name"], p.get("class")) for p in one["parameters"]], "tax_known" in one["when"]) == (
        "TAX-02", [("tax_tolerance_fen", of) for of in (None, "aeo", "dishonest")], True,
    )  # fmt: skip
    assert run("law", "show", str(FOLDER), "TAX-99").code == 2


def test_a_set_is_shown_whole(run: Run) -> None:
    shown = run("law", "show", str(FOLDER)).out
    for part in ("Risk.indicator (8)", "Control.stop (2)", "Classes.tolerance (4)", "Samples.rate (9)", "Weights.cap (2)", "Consumption.item (11)", "Tariff: 1,476 lines"):
        assert part in shown, part
    assert "22083000" not in shown, "the tariff would flood it"
    data = run("law", "show", str(FOLDER), "--json").data
    assert len({x["hs8"] for x in data["tariff"]}) == 1476 and {x["hs8"]: x["source"] for x in data["tariff"]}["22083000"] == "gacc"
    assert data["risk"]["indicator"][0]["points"] == {"under_declaration": 40} and data["samples"]["rate"] and data["sources"]["source"]
    assert len(data["weights"]["cap"]) == 2 and data["consumption"]["item"] and data["classes"]["outcome"] and data["control"]["brand"]


def test_one_table_of_a_set_is_shown(run: Run) -> None:
    assert "22083000" in run("law", "show", str(FOLDER), "--table", "tariff").out
    risk = run("law", "show", str(FOLDER), "--table", "risk", "--json").data
    assert set(risk) == {"version", "risk.typology", "risk.indicator", "risk.band"}
    unknown = run("law", "show", str(FOLDER), "--table", "secrets")
    assert (unknown.code, "no table secrets" in unknown.err) == (2, True)

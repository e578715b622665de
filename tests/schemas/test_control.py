"""Goods control: bad entries are refused with their line, and each list is in force on its days."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline.control import Control, Footnote, by_hs8, of_lines
from schemas import control_check
from schemas.law_check import LawError, problems, unsure
from schemas.lawbook import FOLDER, load

FILE = control_check.FILE
NOTHING = Control(frozenset(), (), (), (), (), (), (), ())


def of(hs: str, old: str, new: str) -> Callable[[str], str]:
    """Replace the first `old` of the entry of this code."""

    def change(text: str) -> str:
        start = text.index(f'hs = "{hs}"')
        assert old in text[start:]
        return text[:start] + text[start:].replace(old, new, 1)

    return change


PARCEL_DAY_MONTH = '{ "011" = 24, "140" = 2 }\nday = { "011" = 48, "140" = 4 }\nmonth = { "011" = 96, "140" = 8 }'
BRAND = '[[brand]]\nname = "{}"\nfrom = 2019-01-01\nto = 9999-12-31\nsource = "synthetic"\nsure = false\n'


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (of("03061790", '"03061790"', '"03061799"'), "hs 03061799 is no line of tariff.csv"),
        (of("03061790", '["1210"]', "[]"), "modes [] are not some of"),
        (of("03061790", '["1210"]', '["1239"]'), "modes ['1239'] are not some of"),
        (of("03061790", "modes", "ways"), "a footnote names modes"),
        (of("32151900", '"household', '" household'), "names: ' household printer ink' is no text"),
        (of("32151900", '["household printer ink", "家用打印机墨"]', "[]"), "names: '' is no text"),
        (of("42022100", '"鳄鱼"', '"鱼"'), "excluded: '鱼' is no text of 2"),
        (of("93", "2019-01-01", "2019-02-30"), ""),
        (of("93", "9999-12-31", "2018-12-31"), "lies before"),
        (of("93", '"prohibited recalled"', '""'), "no source"),
        (of("93", "recalled", "hearsay"), "unknown source 'hearsay'"),
        (of("93", "sure = false", 'sure = "so"'), "sure is 'so'"),
        (of("93", '"93"', '"9"'), "hs '9' is not two to eight digits"),
        (of("93", '"93"', '"930100000"'), "is not two to eight digits"),
        (of("7113", '"7113"', '"7112"'), "no line of tariff.csv begins with 7112"),
        (of("22030000", "24", "0"), "parcel of 0 out of range"),
        (of("22030000", "24", "2.5"), "parcel of 2.5 out of range"),
        (of("22030000", PARCEL_DAY_MONTH, '{ "11" = 24 }'), "unit '11' is not three digits"),
        (of("22030000", 'day = { "011" = 48', 'day = { "011" = 23'), "day of 23 is less than the parcel of 24"),
        (of("22030000", 'month = { "011" = 96', 'month = { "011" = 47'), "month of 47 is less than the day of 48"),
        (of("22030000", 'day = { "011" = 48', 'day = { "035" = 48'), "day: unit '035' is none of parcel"),
        (of("22030000", 'month = { "011" = 96', 'month = { "011" = 0'), "month of 0 out of range"),
        (of("22030000", 'day = { "011" = 48, "140" = 4 }', "day = {}"), "day is no table"),
        (of("22030000", '{ "011" = 24, "140" = 2 }', "{}"), "parcel is no table"),
        (of("03", '"116"', '"JP"'), "country 'JP' is not three digits"),
        (of("0602", '"0602"', '"93"'), "overlaps with line"),
        (of("950632", '"950632"', '"2203"'), "lies within 2203"),
        (lambda text: text + BRAND.format("示例名品"), "overlaps with line"),
        (lambda text: text + BRAND.format("N"), "name: 'N' is no text"),
    ],
)
def test_a_bad_entry_is_refused(folder: Path, change: Callable[[str], str], reason: str) -> None:
    path = folder / FILE
    path.write_text(change(path.read_text()))
    if not reason:  # no date for TOML either
        with pytest.raises(ValueError, match="at line"):
            problems(folder)
        return
    (found,) = problems(folder)
    assert (found.file, reason in found.what) == (FILE, True), found
    assert path.read_text().splitlines()[found.line - 1].startswith("[[")
    with pytest.raises(LawError, match=re.escape(f"{FILE}:{found.line}: ")):
        load(folder)


def test_a_quantity_may_follow_another_on_the_next_day(folder: Path) -> None:
    path = folder / FILE
    until = of("22030000", "9999-12-31", "2021-12-31")(path.read_text())
    path.write_text(of("2203", "2019-01-01", "2021-12-31")(of("950632", '"950632"', '"2203"')(until)))
    assert ["lies within" in p.what for p in problems(folder)] == [True]
    path.write_text(of("2203", "2021-12-31", "2022-01-01")(path.read_text()))
    assert problems(folder) == []


def test_what_is_not_sure_is_listed() -> None:
    listed = [str(p) for p in unsure(FOLDER) if p.file == FILE]
    assert [x for x in listed if x.endswith("stop 03 116 from 2023-08-24: recalled")]
    assert [x for x in listed if "32151900 from 2019-01-01: list2022 later" in x]


def test_each_list_is_in_force_on_its_days() -> None:
    before, after = (load().on(day).control for day in (date(2020, 12, 31), date(2021, 1, 1)))
    assert ("4707" in before.waste, "4707" in after.waste) == (False, True)
    days = load().days()
    assert {date(2021, 1, 1), date(2023, 8, 24)} <= set(days)


def test_a_line_is_on_the_list_to_the_last_day_of_its_rows(folder: Path) -> None:
    path = folder / "tariff.csv"
    row = "22083000,whisky,1000,,1300,spirits,2024-01-01,9999-12-31,gacc,true\n"
    assert row in path.read_text()
    path.write_text(path.read_text().replace(row, row.replace("9999-12-31", "2024-06-30")))
    listed = ["22083000" in load(folder).on(day).control.listed for day in (date(2024, 6, 30), date(2024, 7, 1))]
    assert listed == [True, False]


def lines(*rows: tuple[int, str, str, str, int | None]) -> pl.DataFrame:
    """m, hs8, country, unit, qty in 10^-5 units."""
    names = ["m", "hs8", "line_country", "line_unit", "line_qty_e5"]
    types = [pl.UInt32, pl.String, pl.String, pl.String, pl.Int64]
    table = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    return table.with_columns(line_itemName=pl.lit("Beer"), line_gmodel=pl.lit("a bottle"), origin=pl.lit("116"), brand=pl.lit("none"))


def column(name: str, control: Control, table: pl.DataFrame) -> list[bool | None]:
    looked_at = table.select("hs8").join(by_hs8(table["hs8"], control), on="hs8", how="left", maintain_order="left")
    return of_lines(table, looked_at["particular"], control)[name].to_list()


def test_quantities_are_summed_up_by_parcel_entry_and_unit() -> None:
    control = Control(frozenset(), (), (), (), (), (), (("2203", {"011": 3}), ("2204", {"011": 3})), ())
    two = 200_000
    table = lines(
        (0, "22030000", "303", "011", two), (0, "22030010", "304", "011", two), (0, "22040000", "303", "011", two),
        (1, "22030000", "303", "011", two), (2, "22030000", "303", "140", 1), (3, "22030000", "303", "011", None),
        (3, "22030000", "303", "011", two), (3, "22040000", "303", "011", two), (4, "22050000", "303", "140", None),
    )  # fmt: skip
    assert column("self_use_exceeded", control, table) == [True, True, False, False, True, None, None, False, False]


def test_a_stop_is_of_a_code_and_an_origin() -> None:
    control = Control(frozenset(), (), (), (), (), (("2203", "331"),), (), ())
    table = lines((0, "22030000", "331", "011", 1), (0, "22030000", "303", "011", 1), (0, "22040000", "331", "011", 1))
    assert column("stopped", control, table) == [True, False, False]
    filed = table.with_columns(origin=pl.Series(["303", "331", "331"]))
    assert column("stopped", control, filed) == [True, True, False]


@pytest.mark.parametrize(
    ("names", "excluded", "allowed"),
    [(("BEER",), (), True), (("ale",), (), False), (("ale", "BOTTLE"), (), True), ((), ("TTL",), False), (("beer",), ("bottle",), False)],
)
def test_names_are_found_whatever_their_case(names: tuple[str, ...], excluded: tuple[str, ...], allowed: bool) -> None:
    control = Control(frozenset(), (Footnote("22030000", (), names, excluded),), (), (), (), (), (), ())
    table = lines((0, "22030000", "303", "011", 1), (0, "22040000", "303", "011", 1))
    assert column("name_allowed", control, table) == [allowed, True]


def test_only_ascii_letters_have_two_cases() -> None:
    control = Control(frozenset(), (), (), (), (), (), (), ("\u212aiwi", "\u00e9clair"))
    table = lines(*[(0, "22030000", "303", "011", 1)] * 3).with_columns(line_gmodel=pl.Series(["kiwi", "\u00c9CLAIR", "\u00e9CLAIR"]))
    assert column("brand_watched", control, table) == [False, False, True]
    filed = table.with_columns(brand=pl.Series(["\u00e9clair", None, "e"]))
    assert column("brand_watched", control, filed) == [True, False, True]


def test_empty_lists_stop_nothing() -> None:
    table = lines((0, "22030000", "303", "011", 1), (0, "22040000", "331", "140", None))
    assert of_lines(table, pl.Series([True, True]), NOTHING).rows() == [(False, False, True, False)] * 2
    assert by_hs8(table["hs8"], NOTHING).sort("hs8").rows() == [
        (hs8, False, True, True, False, False, False, False) for hs8 in ("22030000", "22040000")
    ]

"""A rule set that cannot be used is refused before it decides anything."""

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from schemas.lawbook import FOLDER, LawError, _parts, load  # pyright: ignore[reportPrivateUsage]

DAY = date(2019, 11, 11)
RULE = """
[[rule]]
code = "TST-01"
scope = "{scope}"
outcome = "{outcome}"
{queue}
blames = {blames}
when = '''{when}'''
en = "a test"
zh = "试"
todo = "nothing"
todo_zh = "无需处理"
law = "none"
since = "{since}"
"""


def book(tmp_path: Path, when: str, scope: str = "manifest", outcome: str = "HOLD", blames: str = '["order"]', since: str = "2019-01-01", queue: str = "review"):  # type: ignore[no-untyped-def]
    """The law with one rule more."""
    folder = tmp_path / "law"
    shutil.copytree(FOLDER, folder)
    with (folder / "rules.toml").open("a") as f:
        held = f'queue = "{queue}"' if outcome == "HOLD" and queue else ""
        f.write(RULE.format(scope=scope, outcome=outcome, queue=held, blames=blames, when=when, since=since))
    return load(folder)


def test_the_law_in_force_compiles_and_reads_only_listed_columns() -> None:
    lawbook = load()
    law = lawbook.on(DAY)
    assert len(law.rules) == len(lawbook.rules["rule"])
    assert all(r.reads and set(r.reads) <= set(lawbook.rules["columns"][r.scope]) for r in law.rules)
    assert (law.annual_limit_fen, law.waybill_reuse_months) == (2_600_000, 6)
    assert lawbook.on(DAY) is law, "compiled anew for every batch"


@pytest.mark.parametrize(
    ("when", "scope", "said"),
    [
        ("order_secret = ''", "manifest", "unknown columns.*order_secret"),
        ("line_gnum > 1", "manifest", "unknown columns.*line_gnum"),
        ("order_guid = ''", "line", "unknown columns.*order_guid"),
        ("order_guid = = ''", "manifest", "does not compile"),
        ("NO_SUCH_FUNCTION(order_guid)", "manifest", "does not compile"),
        ("order_goodsValue_e5 > {no_such_limit}", "manifest", "does not compile"),
    ],
)
def test_a_bad_condition_is_refused(tmp_path: Path, when: str, scope: str, said: str) -> None:
    with pytest.raises(LawError, match=f"TST-01: .*{said}"):
        book(tmp_path, when, scope).on(DAY)


def test_a_condition_that_reads_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LawError, match=r"TST-01: .*reads no column"):
        book(tmp_path, "1 = 1").on(DAY)


def test_a_reject_without_blame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LawError, match="TST-01: a REJECT has to blame"):
        book(tmp_path, "order_guid = ''", outcome="REJECT", blames="[]").on(DAY)


def test_an_unknown_outcome_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LawError, match=r"TST-01: .*outcome"):
        book(tmp_path, "order_guid = ''", outcome="RELEASE").on(DAY)


@pytest.mark.parametrize("queue", ["", "attic"])
def test_a_hold_without_a_queue_is_refused(tmp_path: Path, queue: str) -> None:
    with pytest.raises(LawError, match=f"TST-01: (unknown )?queue {queue!r}"):
        book(tmp_path, "order_guid = ''", queue=queue).on(DAY)


def test_a_rule_holds_from_its_day_and_changes_the_version(tmp_path: Path) -> None:
    lawbook = book(tmp_path, "order_guid = ''", since="2020-01-01")
    assert [any(r.code == "TST-01" for r in lawbook.on(d).rules) for d in (DAY, date(2020, 1, 1))] == [False, True]
    assert lawbook.version != load().version


def test_rates_are_those_of_the_day() -> None:
    assert len(load().on(date(2019, 3, 31)).rates) == 0
    rates = load().on(date(2019, 4, 1)).rates
    assert len(rates) and rates["hs8"].is_unique().all()
    assert rates.filter(pl.col("hs8") == "22042100").rows() == [("22042100", 1400, 1300, 1000, None)]


def test_a_condition_is_cut_where_one_of_several_things_is_enough() -> None:
    alternatives = load().alternatives("FMT-02", DAY)
    assert [names for _, _, names in alternatives][:2] == [("payment_guid",), ("payment_appStatus",)] and len(alternatives) == 9
    assert [text for text, _, _ in load().alternatives("REG-09", DAY)] == [load().texts()["REG-09"]["when"]]
    assert _parts("a = ' OR ' OR (b OR c) or CASE WHEN d OR e THEN f END") == ["a = ' OR '", "(b OR c)", "CASE WHEN d OR e THEN f END"]

"""Accounts that moved on between reading and claiming, and what a refusal quotes of numbers granted in its own batch."""

import json
from typing import Any

import polars as pl
import pytest

from loadtest.generate.people import identity_number
from pipeline.accounts import QUOTA
from pipeline.guarantees import NOTHING
from pipeline.ledgers import Moves, Posted, admits, moved_on
from tests.golden.test_codes import another
from tests.pipeline.memory import BASE_MS, MemoryStore
from tests.pipeline.test_ledgers import costing, together
from tests.pipeline.trios import HOUR_MS, log_ms, numbered, records

LIMIT_FEN = 2_600_000


@pytest.mark.parametrize(
    ("accounts", "granted"),
    [
        ([(False, 600_000, 2_000_000)], True),
        ([(False, 600_001, 2_000_000)], False),
        ([(False, 600_000, 2_000_001)], False),
        ([(True, 0, 0)], False),  # a refusal quotes what was read
        ([(False, 0, 0), (False, LIMIT_FEN + 1, 0)], False),
        ([(False, 0, 0), (True, 0, 0)], False),
        ([(False, 0, LIMIT_FEN), (False, LIMIT_FEN, 0)], True),
    ],
)
def test_moved_accounts_admit_what_still_fits(accounts: list[tuple[bool, int, int]], granted: bool) -> None:
    moved = pl.DataFrame(accounts, schema=["exact", "reserved_fen", "used_fen"], orient="row").with_columns(limit_fen=LIMIT_FEN)
    assert admits(QUOTA, moved) is granted


def test_entries_count_on_from_where_the_account_was() -> None:
    names = ["person_key", "year", "entry_no", "reserved_after_fen", "used_after_fen"]
    rows = [(b"a", 2019, 4, 100, 1_000), (b"a", 2019, 5, 100, 1_500), (b"b", 2019, 1, 0, 7)]
    moved = {"person_key": b"a", "year": 2019, "entry_no": 8, "expected_entry_no": 6, "reserved_fen": 130, "expected_reserved_fen": 100,
             "used_fen": 1_900, "expected_used_fen": 1_500}  # fmt: skip
    entries = pl.DataFrame(rows, schema=names, orient="row")
    posted = Posted(pl.DataFrame(), {QUOTA: Moves(entries, pl.DataFrame())}, pl.DataFrame(), NOTHING)
    found = moved_on(posted, {QUOTA: pl.DataFrame([moved])}).moves[QUOTA].entries
    assert found.columns == names
    assert found.rows() == [(b"a", 2019, 6, 130, 1_400), (b"a", 2019, 7, 130, 1_900), (b"b", 2019, 1, 0, 7)]


def test_only_a_refusal_quotes_what_was_read() -> None:
    """Accounts nobody quotes may move on; of several only the one that is quoted may not."""
    store = MemoryStore()
    assert store.process(together(costing(1, "9.00"))).posted.moves[QUOTA].accounts["exact"].to_list() == [False]
    batch = together(*(costing(n, "9000.00") for n in (2, 3, 4)), costing(5, "9.00", identity_number(78)))
    accounts = store.process(batch).posted.moves[QUOTA].accounts
    assert sorted(accounts.select("entry_no", "exact").rows()) == [(1, False), (3, True)]


def refused(store: MemoryStore, *trios: dict[str, Any]) -> dict[str, Any]:
    """What the only refusal of a batch saw; the manifests complete one after another."""
    batch = [r for n, trio in enumerate(trios) for r in records(trio, 10 + n, BASE_MS + HOUR_MS + 1000 * n)]
    return json.loads(store.process(batch).posted.refusals["values_read"].item())


def test_a_refusal_quotes_a_number_that_its_own_batch_granted() -> None:
    """Its first use, and its second, half a year after the first."""
    first, second = numbered(1), numbered(3)
    second["waybill"]["logisticsNo"] = "EXAMPLE-WAY-1"
    assert refused(MemoryStore(), first, second) == {"use_no": 1, "held_by": "330296P001|EXAMPLE-1"}
    store, spring = MemoryStore(), {"waybill.logisticsNo": "EXAMPLE-WAY-1", "at": "2019-05-11T01:00:00+08:00"}
    store.process(records(another(spring), 0, log_ms(spring)))
    assert refused(store, first, second) == {"use_no": 2, "held_by": "330296P001|EXAMPLE-1"}


def test_a_refusal_quotes_an_account_with_what_its_own_batch_took() -> None:
    """Two entries of 9,000.00 and 10.00 of freight each, then a third that does not fit."""
    seen = refused(MemoryStore(), *(costing(n, "9000.00") for n in (1, 2, 3)))
    assert seen == {"entry_no": 2, "balance_fen": 1_802_000, "amount_fen": 901_000}


@pytest.mark.parametrize("limits", [(300, 200), (200, 300)])
def test_of_two_days_the_lower_limit_decides_whether_a_moved_account_admits(limits: tuple[int, int]) -> None:
    """The limit may change between two acceptances of one batch: neither of them may be passed by what moved meanwhile."""
    claim = {"person_key": b"a", "year": 2019, "outcome": "RELEASE", "amount_fen": 90, "a": 1, "entry_no": 4, "reserved_fen": 0, "used_fen": 10}
    schema = {"year": pl.Int16, "entry_no": pl.Int32}
    granted = pl.DataFrame([claim | {"m": n, "turn": n, "limit_fen": limit} for n, limit in enumerate(limits)], schema_overrides=schema)
    (account,) = granted.select(QUOTA.entry).group_by("a").agg(QUOTA.balance).iter_rows(named=True)
    assert (account["entry_no"], account["used_after_fen"], account["limit_fen"]) == (6, 190, 200)

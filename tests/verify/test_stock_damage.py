"""Damage to the stock of account books, to its stock-takes, and to what is held for it."""

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.generate.stocked import BOOK
from loadtest.verify import Evidence, Proof
from loadtest.verify.evidence import FindingRow, ManifestRow, manifest_place
from loadtest.verify.ledger_rows import StockEntryRow
from tests.verify.test_damage import told

Prove = Callable[[], Proof]
ENTRY = struct.Struct(">qqB")


def fullest(evidence: Evidence) -> StockEntryRow:
    """The row with most entries."""
    return max(evidence.tables.stock_entries, key=lambda row: len(row.moved))


def replaced(evidence: Evidence, row: StockEntryRow, **changes: Any) -> None:
    rows = evidence.tables.stock_entries
    rows[rows.index(row)] = row._replace(**changes)


def manifest_of(evidence: Evidence, ident: int) -> ManifestRow:
    return next(m for m in evidence.tables.manifests if m.manifest_id == ident)


def test_a_lost_row_of_entries(evidence: Evidence, proved: Prove) -> None:
    row = fullest(evidence)
    evidence.tables.stock_entries.remove(row)
    proof = proved()
    assert told(proof, manifest_place(manifest_of(evidence, ENTRY.unpack_from(row.moved)[0])), "stock it took")
    assert told(proof, "table stock_account", "last number and balances of each")


def test_a_missing_entry(evidence: Evidence, proved: Prove) -> None:
    row = fullest(evidence)
    replaced(evidence, row, moved=row.moved[ENTRY.size :])
    assert told(proved(), f"stock entries of lane {row.lane} batch {row.batch_seq}", "row")


@pytest.mark.parametrize("column", ["reserved_after_e5", "used_after_e5"])
def test_a_balance_that_is_not_its_sum(evidence: Evidence, proved: Prove, column: str) -> None:
    row = fullest(evidence)
    first, *rest = getattr(row, column)
    replaced(evidence, row, **{column: [first + 1, *rest]})
    assert told(proved(), f"stock {row.book_items[0]} entry {row.entry_nos[0]}", "reserved, used after")


def test_a_quantity_that_is_not_the_orders(evidence: Evidence, proved: Prove) -> None:
    row = fullest(evidence)
    ident, amount, deducted = ENTRY.unpack_from(row.moved)
    replaced(evidence, row, moved=ENTRY.pack(ident, amount + 1, deducted) + row.moved[ENTRY.size :])
    assert told(proved(), manifest_place(manifest_of(evidence, ident)), "stock it took")


def test_deducted_though_it_was_reserved(evidence: Evidence, proved: Prove) -> None:
    row = fullest(evidence)
    ident, amount, deducted = ENTRY.unpack_from(row.moved)
    replaced(evidence, row, moved=ENTRY.pack(ident, amount, 1 - deducted) + row.moved[ENTRY.size :])
    assert told(proved(), manifest_place(manifest_of(evidence, ident)), "stock it took")


def test_a_number_left_out(evidence: Evidence, proved: Prove) -> None:
    row = fullest(evidence)
    replaced(evidence, row, entry_nos=[row.entry_nos[0] + 1, *row.entry_nos[1:]])
    number = row.entry_nos[0] - row.entries[0] + 1
    assert told(proved(), f"stock {row.book_items[0]} entry {number + 1}", "running number")


def test_an_account_that_stands_otherwise(evidence: Evidence, proved: Prove) -> None:
    accounts = evidence.tables.stock_accounts
    accounts[0] = accounts[0]._replace(difference_e5=accounts[0].difference_e5 + 1)
    assert told(proved(), "table stock_account", "last number and balances of each")


def test_more_taken_than_was_entered(evidence: Evidence, proved: Prove) -> None:
    """An entry of one that is held for want of stock, account in step with it."""
    held = next(row for row in evidence.tables.held if row.waits_for == f"S|{BOOK}-1")
    moved = ENTRY.pack(held.manifest_id, held.amount, 1)
    accounts = evidence.tables.stock_accounts
    stands = next((a for a in accounts if a.book_item == f"{BOOK}-1"), None)
    lane, batch_seq = held.lane, 10**6
    before = (stands.entry_no, stands.reserved_e5, stands.used_e5) if stands else (0, 0, 0)
    after = (before[0] + 1, before[1], before[2] + held.amount)
    evidence.tables.stock_entries.append(StockEntryRow(lane, batch_seq, [f"{BOOK}-1"], [after[0]], [1], [after[1]], [after[2]], moved))
    proof = proved()
    assert told(proof, f"stock {BOOK}-1 entry {after[0]}", "balance")
    assert told(proof, manifest_place(manifest_of(evidence, held.manifest_id)), "stock it took")


def test_a_stock_take_that_found_something_else(evidence: Evidence, proved: Prove) -> None:
    rows = evidence.tables.stock_counts
    rows[0] = rows[0]._replace(counted_e5=rows[0].counted_e5 + 1)
    proof = proved()
    assert told(proof, f"stock {rows[0].book_item} entry {rows[0].entry_no}", "difference it adds")
    assert told(proof, "table stock_count", "item, counted and entered by event")


def test_a_lost_stock_take(evidence: Evidence, proved: Prove) -> None:
    evidence.tables.stock_counts.pop()
    assert told(proved(), "table stock_count", "item, counted and entered by event")


def finding(evidence: Evidence, code: str) -> FindingRow:
    return next(f for f in evidence.tables.findings if f.code == code)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"taken_e5": 7}, "what it saw"), ({"entry_no": 10**6}, "entry_no it saw"), ({"batch_e5": 3}, "what its batch took before it"),
        ({"amount_e5": 1}, "what it saw"), ({"book_item": "T3105W001-1"}, "book_item"),
    ],
)  # fmt: skip
def test_a_refusal_that_saw_something_else(evidence: Evidence, proved: Prove, changes: dict[str, Any], what: str) -> None:
    found = finding(evidence, "STK-01")
    evidence.tables.findings[evidence.tables.findings.index(found)] = found._replace(
        values_read=json.dumps(json.loads(found.values_read) | changes)
    )
    assert told(proved(), f"{manifest_place(manifest_of(evidence, found.manifest_id))} finding STK-01", what)


def test_held_though_there_was_enough(evidence: Evidence, proved: Prove) -> None:
    """A finding without a stock that is short, in place of the one of an item nobody filed."""
    found = finding(evidence, "STK-02")
    evidence.tables.findings[evidence.tables.findings.index(found)] = found._replace(code="STK-01")
    assert told(proved(), f"{manifest_place(manifest_of(evidence, found.manifest_id))} finding STK-01", "code")


def test_it_waits_for_another_account(evidence: Evidence, proved: Prove) -> None:
    rows = evidence.tables.held
    n = next(n for n, row in enumerate(rows) if row.waits_for.startswith("S|"))
    rows[n] = rows[n]._replace(waits_for="S|T3105W001-1")
    assert told(proved(), f"{manifest_place(manifest_of(evidence, rows[n].manifest_id))} held", "what it waits for")

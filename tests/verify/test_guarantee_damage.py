"""Damage to the accounts of guarantors, to what is held for them and to revisions."""

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.decided import decision_id
from loadtest.verify.evidence import FindingRow, ManifestRow, RevisionRow, manifest_place
from loadtest.verify.ledger_rows import GuaranteeEntryRow
from tests.verify.test_damage import told

Prove = Callable[[], Proof]


def busiest(evidence: Evidence) -> GuaranteeEntryRow:
    """The row with most entries."""
    return max(evidence.tables.guarantee_entries, key=lambda row: row.entries)


def replaced(evidence: Evidence, row: GuaranteeEntryRow, **changes: Any) -> None:
    rows = evidence.tables.guarantee_entries
    rows[rows.index(row)] = row._replace(**changes)


def manifest_of(evidence: Evidence, ident: int) -> ManifestRow:
    return next(m for m in evidence.tables.manifests if m.manifest_id == ident)


def held(evidence: Evidence) -> ManifestRow:
    """One that is held for its guarantee alone."""
    return manifest_of(evidence, evidence.tables.held[0].manifest_id)


def test_a_lost_row_of_entries(evidence: Evidence, proved: Prove) -> None:
    row = busiest(evidence)
    evidence.tables.guarantee_entries.remove(row)
    ident, _ = struct.unpack_from(">qq", row.moved)
    proof = proved()
    assert told(proof, manifest_place(manifest_of(evidence, ident)), "guarantee accounts it froze on")
    assert told(proof, "table guarantee_account", "last number and balance of each")


def test_an_amount_that_is_not_the_tax(evidence: Evidence, proved: Prove) -> None:
    """Balances in step with it."""
    row = busiest(evidence)
    ident, amount = struct.unpack_from(">qq", row.moved)
    replaced(evidence, row, moved=struct.pack(">qq", ident, amount + 1) + row.moved[16:])
    proof = proved()
    assert told(proof, f"guarantee account {row.guarantor_code} row {row.entry_no}", "last number, entries, balance after")
    number = row.entry_no - row.entries + 1
    assert told(proof, f"guarantee account {row.guarantor_code} entry {number}", "amount")


def test_entries_out_of_turn(evidence: Evidence, proved: Prove) -> None:
    row = busiest(evidence)
    replaced(evidence, row, moved=row.moved[16:32] + row.moved[:16] + row.moved[32:])
    assert told(proved(), f"guarantee account {row.guarantor_code} entry {row.entry_no - row.entries + 2}", "order within its batch")


def test_an_account_that_stands_otherwise(evidence: Evidence, proved: Prove) -> None:
    accounts = evidence.tables.guarantee_accounts
    accounts[0] = accounts[0]._replace(frozen_fen=accounts[0].frozen_fen + 1)
    assert told(proved(), "table guarantee_account", "last number and balance of each")


def finding(evidence: Evidence, code: str) -> FindingRow:
    return next(f for f in evidence.tables.findings if f.code == code)


@pytest.mark.parametrize("column", ["guarantor_code", "entry_no", "balance_fen", "amount_fen", "limit_fen"])
def test_a_refusal_that_saw_something_else(evidence: Evidence, proved: Prove, column: str) -> None:
    found = finding(evidence, "GUA-01")
    saw = json.loads(found.values_read)
    saw[column] = "330296P001" if column == "guarantor_code" else saw[column] + 1
    evidence.tables.findings[evidence.tables.findings.index(found)] = found._replace(values_read=json.dumps(saw))
    place = f"{manifest_place(manifest_of(evidence, found.manifest_id))} finding GUA-01"
    assert told(proved(), place, "entry_no it saw" if column == "entry_no" and not saw["balance_fen"] else "what it saw")


def test_a_refusal_that_makes_up_what_its_batch_froze(evidence: Evidence, proved: Prove) -> None:
    found = finding(evidence, "GUA-01")
    saw = json.loads(found.values_read) | {"batch_fen": 7}
    evidence.tables.findings[evidence.tables.findings.index(found)] = found._replace(values_read=json.dumps(saw))
    place = f"{manifest_place(manifest_of(evidence, found.manifest_id))} finding GUA-01"
    assert told(proved(), place, "what its batch froze before it")


def test_what_is_held_and_not_in_the_table(evidence: Evidence, proved: Prove) -> None:
    evidence.tables.held.pop()
    assert told(proved(), "table held", "manifests")


def test_a_revision_that_nobody_published(evidence: Evidence, proved: Prove) -> None:
    """Its account, quota and messages know nothing of it."""
    m = held(evidence)
    clock = next(lane.record_time for lane in evidence.tables.lanes if lane.lane == m.lane)
    assert clock is not None
    evidence.tables.revisions.append(
        RevisionRow(m.manifest_id, 2, decision_id(m, 2), "RELEASE", 800, m.registry_version, clock, m.lane, m.batch_seq + 1)
    )
    proof, place = proved(), f"revision 2 of {manifest_place(m)}"
    assert told(proof, place, "its decision") and told(proof, place, "its receipt")
    assert told(proof, manifest_place(m), "guarantee accounts it froze on")
    assert told(proof, manifest_place(m), "entries of the quota ledger")
    assert told(proof, "table held", "manifests")


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"revision": 3}, "revision"), ({"decision_id": b"x" * 16}, "revision"), ({"lane": 99}, "revision"), ({"batch_seq": 0}, "revised_at"),
     ({"revised_at": 0}, "revised_at"), ({"registry_version": 0}, "registry_version")],
)  # fmt: skip
def test_a_revision_that_says_otherwise(evidence: Evidence, proved: Prove, changes: dict[str, Any], what: str) -> None:
    m = held(evidence)
    row = RevisionRow(m.manifest_id, 2, decision_id(m, 2), "RELEASE", 800, m.registry_version, m.accepted_at, m.lane, m.batch_seq + 1)
    evidence.tables.revisions.append(row._replace(**changes))
    assert told(proved(), f"revision {changes.get('revision', 2)} of {manifest_place(m)}", what)


def test_a_revision_of_what_was_not_held(evidence: Evidence, proved: Prove) -> None:
    m = next(m for m in evidence.tables.manifests if m.outcome == "RELEASE")
    evidence.tables.revisions.append(RevisionRow(m.manifest_id, 2, decision_id(m, 2), "RELEASE", 800, 1, m.accepted_at, m.lane, m.batch_seq + 1))
    assert told(proved(), f"revision 2 of {manifest_place(m)}", "manifest")

"""Damage to accounts, entries and numbers in use."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.evidence import EntryRow, FindingRow, manifest_place
from loadtest.verify.ledgers import account_place
from tests.verify.test_damage import told

Prove = Callable[[], Proof]


def busy(evidence: Evidence) -> EntryRow:
    """The second entry of an account that has at least three."""
    third = next(e for e in evidence.tables.entries if e.entry_no == 3)
    return next(e for e in evidence.tables.entries if e[:2] == third[:2] and e.entry_no == 2)


def place(entry: EntryRow) -> str:
    return f"{account_place((entry.person_key, entry.year))} entry {entry.entry_no}"


def test_a_missing_entry(evidence: Evidence, proved: Prove) -> None:
    lost = busy(evidence)
    evidence.tables.entries.remove(lost)
    row = next(m for m in evidence.tables.manifests if m.manifest_id == lost.manifest_id)
    proof = proved()
    assert told(proof, manifest_place(row), "ledger entries")
    assert told(proof, place(lost._replace(entry_no=3)), "running number")


@pytest.mark.parametrize("column", ["reserved_after_fen", "used_after_fen", "amount_fen"])
def test_a_balance_that_is_not_its_sum(evidence: Evidence, proved: Prove, column: str) -> None:
    entry = busy(evidence)
    n = evidence.tables.entries.index(entry)
    evidence.tables.entries[n] = entry._replace(**{column: getattr(entry, column) + 1})
    proof = proved()
    assert told(proof, place(entry), "reserved and used after it")
    assert proof.discrepancy_count <= 2  # not told again by every entry that follows


@pytest.mark.parametrize(
    "changes", [{"movement": "reserve"}, {"debit": "used"}, {"credit": "reserved"}, {"manifest_id": 1}]
)
def test_another_movement(evidence: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    entry = next(e for e in evidence.tables.entries if e.movement == "confirm")
    evidence.tables.entries[evidence.tables.entries.index(entry)] = entry._replace(**changes)
    assert told(proved(), place(entry), "m")


def test_an_account_that_is_not_its_last_entry(evidence: Evidence, proved: Prove) -> None:
    row = evidence.tables.accounts[0]
    evidence.tables.accounts[0] = row._replace(used_fen=row.used_fen + 1)
    assert told(proved(), account_place((row.person_key, row.year)), "last number")
    del evidence.tables.accounts[0]
    assert told(proved(), account_place((row.person_key, row.year)), "row of quota_account")


def test_an_entry_of_a_rejected_manifest(evidence: Evidence, proved: Prove) -> None:
    row = next(m for m in evidence.tables.manifests if m.outcome == "REJECT")
    entry = evidence.tables.entries[0]
    evidence.tables.entries.append(entry._replace(entry_no=entry.entry_no + 1, manifest_id=row.manifest_id))
    assert told(proved(), manifest_place(row), "ledger entries")


def refusal(evidence: Evidence, code: str) -> tuple[int, FindingRow, str]:
    """A refusal: its row number, itself, and the name of its finding. Of the year's limit: by what others had taken."""
    refusals = ((n, f) for n, f in enumerate(evidence.tables.findings) if f.code == code)
    n, finding = next((n, f) for n, f in refusals if json.loads(f.values_read).get("balance_fen") != 0)
    row = next(m for m in evidence.tables.manifests if m.manifest_id == finding.manifest_id)
    return n, finding, f"{manifest_place(row)} finding {code}"


@pytest.mark.parametrize("name", ["entry_no", "balance_fen", "amount_fen"])
def test_a_limit_refusal_that_saw_something_else(evidence: Evidence, proved: Prove, name: str) -> None:
    n, finding, where = refusal(evidence, "LIM-03")
    read = json.loads(finding.values_read)
    read[name] -= 1
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read))
    assert told(proved(), where, "saw")


def test_a_limit_refusal_while_there_was_room(evidence: Evidence, proved: Prove) -> None:
    n, finding, where = refusal(evidence, "LIM-03")
    read = json.loads(finding.values_read) | {"entry_no": 0, "balance_fen": 0}
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read))
    assert told(proved(), where, "refusal")


@pytest.mark.parametrize("code", ["PAY-03", "WAY-06"])
def test_a_number_refusal_that_names_another(evidence: Evidence, proved: Prove, code: str) -> None:
    n, finding, where = refusal(evidence, code)
    read = json.loads(finding.values_read)
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read | {"held_by": "A|B"}))
    assert told(proved(), where, "held_by")
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read | {"use_no": 7}))
    assert told(proved(), where, "use_no")


def test_numbers_in_use(evidence: Evidence, proved: Prove) -> None:
    use = evidence.tables.uses.pop(0)
    row = next(m for m in evidence.tables.manifests if m.manifest_id == use.manifest_id)
    assert told(proved(), manifest_place(row), "numbers in use")
    evidence.tables.uses.append(use._replace(use_no=2))
    assert told(proved(), f"number {use.number} use 2", "running number")
    evidence.tables.uses[-1] = use
    other = next(m for m in evidence.tables.manifests if m.outcome == "RELEASE" and m.order_no != use.order_no)
    changes = {"use_no": 2, "manifest_id": other.manifest_id, "ebp_code": other.ebp_code, "order_no": other.order_no}
    evidence.tables.uses.append(use._replace(**changes))
    assert told(proved(), f"number {use.number} use 2", "holder")

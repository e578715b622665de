"""Damage to accounts, entries and numbers in use."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.accounts import books
from loadtest.verify.evidence import FindingRow, manifest_place
from tests.verify.test_damage import told

Prove = Callable[[], Proof]


class Tables(NamedTuple):
    """The tables of a ledger, where its entries' key ends, and the unit of its amounts."""

    name: str
    accounts: str
    entries: str
    key: int
    unit: str
    code: str

    def place(self, evidence: Evidence, row: Any) -> str:
        """Of an account, by a row of either table."""
        return next(b for b in books(evidence.tables) if b.name == self.name).place(row[: self.key])


QUOTA = Tables("quota", "accounts", "entries", 2, "fen", "LIM-03")
WEIGHT = Tables("weight", "weight_accounts", "weight_entries", 3, "mg", "LIM-04")


@pytest.fixture(params=[QUOTA, WEIGHT], ids=lambda t: t.name)
def of(request: pytest.FixtureRequest) -> Tables:
    return request.param


def entries_of(evidence: Evidence, of: Tables) -> list[Any]:
    return getattr(evidence.tables, of.entries)


def busy(evidence: Evidence, of: Tables) -> Any:
    """The second entry of an account that has at least three."""
    entries = entries_of(evidence, of)
    third = next(e for e in entries if e.entry_no == 3)
    return next(e for e in entries if e[: of.key] == third[: of.key] and e.entry_no == 2)


def place(evidence: Evidence, of: Tables, entry: Any) -> str:
    return f"{of.place(evidence, entry)} entry {entry.entry_no}"


def test_a_missing_entry(evidence: Evidence, proved: Prove, of: Tables) -> None:
    lost = busy(evidence, of)
    entries_of(evidence, of).remove(lost)
    row = next(m for m in evidence.tables.manifests if m.manifest_id == lost.manifest_id)
    proof = proved()
    assert told(proof, manifest_place(row), f"entries of the {of.name} ledger")
    assert told(proof, place(evidence, of, lost._replace(entry_no=3)), "running number")


def test_an_entry_too_many(evidence: Evidence, proved: Prove, of: Tables) -> None:
    """The last one of an account once more, balances and account in step."""
    accounts, entry = getattr(evidence.tables, of.accounts), entries_of(evidence, of)[-1]
    last = max((e for e in entries_of(evidence, of) if e[: of.key] == entry[: of.key]), key=lambda e: e.entry_no)
    column, amount = f"{last.credit}_after_{of.unit}", getattr(last, f"amount_{of.unit}")
    entries_of(evidence, of).append(last._replace(entry_no=last.entry_no + 1, **{column: getattr(last, column) + amount}))
    n, account = next((n, a) for n, a in enumerate(accounts) if a[: of.key] == entry[: of.key])
    stood = f"{last.credit}_{of.unit}"
    accounts[n] = account._replace(entry_no=account.entry_no + 1, **{stood: getattr(account, stood) + amount})
    row = next(m for m in evidence.tables.manifests if m.manifest_id == last.manifest_id)
    assert told(proved(), manifest_place(row), f"entries of the {of.name} ledger")


@pytest.mark.parametrize("column", ["reserved_after", "used_after", "amount"])
def test_a_balance_that_is_not_its_sum(evidence: Evidence, proved: Prove, of: Tables, column: str) -> None:
    entry, name = busy(evidence, of), f"{column}_{of.unit}"
    entries = entries_of(evidence, of)
    entries[entries.index(entry)] = entry._replace(**{name: getattr(entry, name) + 1})
    proof = proved()
    assert told(proof, place(evidence, of, entry), "reserved and used after it")
    assert proof.discrepancy_count <= 2  # not told again by every entry that follows


@pytest.mark.parametrize(
    "changes", [{"movement": "reserve"}, {"debit": "used"}, {"credit": "reserved"}, {"manifest_id": 1}]
)
def test_another_movement(evidence: Evidence, proved: Prove, of: Tables, changes: dict[str, Any]) -> None:
    entries = entries_of(evidence, of)
    entry = next(e for e in entries if e.movement == "confirm")
    entries[entries.index(entry)] = entry._replace(**changes)
    assert told(proved(), place(evidence, of, entry), "m")


def test_an_account_that_is_not_its_last_entry(evidence: Evidence, proved: Prove, of: Tables) -> None:
    accounts, used = getattr(evidence.tables, of.accounts), f"used_{of.unit}"
    row = accounts[0]
    accounts[0] = row._replace(**{used: getattr(row, used) + 1})
    assert told(proved(), of.place(evidence, row), "last number")
    del accounts[0]
    assert told(proved(), of.place(evidence, row), f"row of {of.name}_account")


def test_an_entry_of_a_rejected_manifest(evidence: Evidence, proved: Prove, of: Tables) -> None:
    row = next(m for m in evidence.tables.manifests if m.outcome == "REJECT")
    entry = entries_of(evidence, of)[0]
    entries_of(evidence, of).append(entry._replace(entry_no=entry.entry_no + 1, manifest_id=row.manifest_id))
    assert told(proved(), manifest_place(row), f"entries of the {of.name} ledger")


def test_an_entry_on_another_group(evidence: Evidence, proved: Prove) -> None:
    """The same person's, whose manifest has none of it."""
    entry = evidence.tables.weight_entries[0]
    other = entry._replace(weight_group="rice" if entry.weight_group == "sugar" else "sugar", entry_no=99)
    evidence.tables.weight_entries.append(other)
    assert told(proved(), place(evidence, WEIGHT, other), "account")


def test_over_the_cap(evidence: Evidence, proved: Prove) -> None:
    """Somebody who was refused for a milligram was let through after all."""
    entries = evidence.tables.weight_entries
    entry = next(e for e in entries if e.used_after_mg == 2_000_000)
    n = entries.index(entry)
    entries[n] = entry._replace(used_after_mg=2_000_001, amount_mg=entry.amount_mg + 1)
    assert told(proved(), place(evidence, WEIGHT, entry), "balance")


def refusal(evidence: Evidence, code: str) -> tuple[int, FindingRow, str]:
    """A refusal: its row number, itself, and the name of its finding. Of a limit: by what others had taken."""
    refusals = ((n, f, json.loads(f.values_read)) for n, f in enumerate(evidence.tables.findings) if f.code == code)
    n, finding = next((n, f) for n, f, read in refusals if 0 not in read.values() and read.get("amount_fen", 0) <= 2_600_000)
    row = next(m for m in evidence.tables.manifests if m.manifest_id == finding.manifest_id)
    return n, finding, f"{manifest_place(row)} finding {code}"


@pytest.mark.parametrize("name", ["entry_no", "balance", "amount"])
def test_a_limit_refusal_that_saw_something_else(evidence: Evidence, proved: Prove, of: Tables, name: str) -> None:
    n, finding, where = refusal(evidence, of.code)
    read = json.loads(finding.values_read)
    read[name if name == "entry_no" else f"{name}_{of.unit}"] -= 1
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read))
    assert told(proved(), where, "saw")


def test_a_limit_refusal_while_there_was_room(evidence: Evidence, proved: Prove, of: Tables) -> None:
    n, finding, where = refusal(evidence, of.code)
    read = json.loads(finding.values_read) | {"entry_no": 0, f"balance_{of.unit}": 0}
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read))
    assert told(proved(), where, "refusal")


def test_a_refusal_for_a_group_that_was_not_asked(evidence: Evidence, proved: Prove) -> None:
    n, finding, where = refusal(evidence, "LIM-04")
    read = json.loads(finding.values_read) | {"weight_group": "salt"}
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read))
    assert told(proved(), where, "account it saw")


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

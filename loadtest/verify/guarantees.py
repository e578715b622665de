"""The accounts of guarantors replayed: what every manifest froze, each once, within what was guaranteed (section 11)."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from struct import iter_unpack
from typing import Any, NamedTuple

from loadtest.verify.commits import Commits, Kept
from loadtest.verify.decided import Facts
from loadtest.verify.evidence import Tables
from loadtest.verify.ledger_rows import GuaranteeEntryRow
from loadtest.verify.proof import Report
from loadtest.verify.revisions import Revised

EXHAUSTED, NOT_VALID = "GUA-01", "GUA-02"


class Entry(NamedTuple):
    """One manifest's. `before`: the balance; `batch`: of the row that it is packed in."""

    entry_no: int
    manifest_id: int
    amount: int
    before: int
    batch: tuple[int, int]


def check_guarantees(
    tables: Tables, facts: Mapping[int, Facts], revised: Mapping[int, Revised], commits: Commits, report: Report
) -> None:
    """Replay all accounts. `facts`, and those that were `revised`, by manifest_id."""
    rows: dict[str, list[GuaranteeEntryRow]] = {}
    for row in sorted(tables.guarantee_entries, key=lambda row: row.entry_no):
        rows.setdefault(row.guarantor_code, []).append(row)
    entries = {guarantor: list(_unpacked(guarantor, found, report)) for guarantor, found in rows.items()}
    posted: dict[int, list[str]] = {}
    kept = Kept(commits)
    for guarantor, found in entries.items():
        _replay(guarantor, found, facts, revised, kept, report)
        for entry in found:
            posted.setdefault(entry.manifest_id, []).append(guarantor)
    stood = {row.guarantor_code: (row.entry_no, row.frozen_fen) for row in tables.guarantee_accounts}
    ended = {g: (found[-1].entry_no, found[-1].before + found[-1].amount) for g, found in entries.items() if found}
    report.same("table guarantee_account", "last number and balance of each", ended, stood)
    for one in facts.values():
        later = revised[one.manifest_id].outcome if one.manifest_id in revised else ""
        froze = one.accepted and one.secured.amount and not ((one.unsecured or one.short) and later != "RELEASE")
        wanted = [one.secured.guarantor] * (2 if later == "REJECT" else 1) if froze else []
        report.same(one.place, "guarantee accounts it froze on", wanted, posted.get(one.manifest_id, []))
        if one.unsecured:
            _check_refusal(one, entries.get(one.secured.guarantor, []), facts, commits, report)
    report.counts["guarantee_accounts"] += len(entries)
    report.counts["guarantee_entries"] += sum(map(len, entries.values()))


def _unpacked(guarantor: str, rows: list[GuaranteeEntryRow], report: Report) -> Iterator[Entry]:
    number = balance = 0
    for row in rows:
        for manifest_id, amount in iter_unpack(">qq", row.moved):
            number += 1
            yield Entry(number, manifest_id, amount, balance, (row.lane, row.batch_seq))
            balance += amount
        place = f"guarantee account {guarantor} row {row.entry_no}"
        said = (row.entry_no, row.entries, row.frozen_after_fen)
        report.same(place, "last number, entries, balance after", (number, len(row.moved) // 16, balance), said)


def _replay(
    guarantor: str, entries: list[Entry], facts: Mapping[int, Facts], revised: Mapping[int, Revised], kept: Kept, report: Report
) -> None:
    latest: dict[tuple[int, int], tuple[int, ...]] = {}
    frozen: set[int] = set()
    for entry in entries:
        place = partial(_entry_place, guarantor, entry)
        one = facts.get(entry.manifest_id)
        if one is None or not one.accepted or one.secured.guarantor != guarantor:
            report.differs(place, "manifest", "an accepted one of this guarantor", entry.manifest_id if one is None else one.place)
            continue
        later = revised.get(entry.manifest_id)
        given_back = entry.manifest_id in frozen
        frozen.add(entry.manifest_id)
        report.same(place, "amount", -one.secured.amount if given_back else one.secured.amount, entry.amount)
        released = later is not None and later.outcome == "RELEASE"
        limit = later.limit if later is not None and released else one.secured.limit
        if entry.before + entry.amount > limit and not given_back:
            report.differs(place, "balance", f"at most the limit {limit}", entry.before + entry.amount)
        # of those that were held the oldest acceptance comes first, of equals the lower manifest_id
        turn = (one.accepted_at, one.manifest_id) if released or given_back else one.completing
        if latest.get(entry.batch, turn) > turn:
            report.differs(place, "order within its batch", "by completing document, or acceptance", one.place)
        latest[entry.batch] = turn
        kept.check(place, entry.batch, later.batch if later is not None and (released or given_back) else one.lane_batch, report)


def _entry_place(guarantor: str, entry: Entry) -> str:
    return f"guarantee account {guarantor} entry {entry.entry_no}"


def _check_refusal(one: Facts, entries: list[Entry], facts: Mapping[int, Facts], commits: Commits, report: Report) -> None:
    """Right on the balance after the entry that it stored and what its own batch had frozen before it."""
    ((code, read),) = one.unsecured.items() if len(one.unsecured) == 1 else ((EXHAUSTED, dict[str, Any]()),)
    place, secured = f"{one.place} finding {code}", one.secured
    report.counts[code] += 1
    at, batch_fen = read.get("entry_no"), read.get("batch_fen")
    if not isinstance(at, int) or not 0 <= at <= len(entries) or not isinstance(batch_fen, int):
        report.differs(place, "entry_no it saw", f"0 to {len(entries)}", at)
        return
    commits.check_read(place, at, len(entries), lambda n: entries[n].batch, one.lane_batch, report)
    balance = entries[at - 1].before + entries[at - 1].amount if at else 0
    saw = {
        "guarantor_code": secured.guarantor, "entry_no": at, "balance_fen": balance, "batch_fen": batch_fen,
        "amount_fen": secured.amount, "limit_fen": secured.limit,
    }  # fmt: skip
    report.same(place, "what it saw", saw, read)
    report.same(place, "code", EXHAUSTED if secured.limit else NOT_VALID, code)
    if batch_fen and batch_fen not in _frozen_before(one, entries[at:], facts):
        report.differs(place, "what its batch froze before it", "what some batch after that entry did", batch_fen)
    frozen = balance + batch_fen
    if frozen + secured.amount <= secured.limit:
        report.differs(place, "refusal", f"secured: {frozen} and {secured.amount} are within {secured.limit}", "held")


def _frozen_before(one: Facts, entries: list[Entry], facts: Mapping[int, Facts]) -> Iterator[int]:
    """What each batch froze by manifests that were completed before this one; its own lane may not be the batch's first."""
    for (lane, _), found in groupby(entries, key=lambda entry: entry.batch):
        if lane <= one.lane_batch[0]:
            yield sum(e.amount for e in found if e.manifest_id in facts and facts[e.manifest_id].completing < one.completing)

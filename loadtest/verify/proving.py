"""The proof over one body of evidence, stage by stage; pure but for the processes that recompute decisions."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.verify import law as law_data
from loadtest.verify.answers import KnownAnswers
from loadtest.verify.chunks import Recomputation
from loadtest.verify.decided import Case, decision_id
from loadtest.verify.evidence import Evidence, FindingRow, LineRow, OpenReport, manifest_place, used_places
from loadtest.verify.fates import check_order
from loadtest.verify.ledgers import check_ledgers
from loadtest.verify.open_orders import check_open, check_reports, report_place
from loadtest.verify.orders import contested
from loadtest.verify.proof import Proof, Report
from loadtest.verify.published import (
    Box,
    check_dead_letter,
    check_fate_receipt,
    check_open_receipt,
    manifest_receipt_id,
    sorted_out,
)  # fmt: skip
from loadtest.verify.whereabouts import Whereabouts, account_for

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage; each is also told to `progress` as it ends."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=lambda: dict[str, float]())
    _since: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        """A stage has ended."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._since, 3)
        self._since = now
        self.progress(stage, 1, 1)


def prove(
    evidence: Evidence,
    person_key: bytes,
    *,
    answers: KnownAnswers | None = None,
    complete: bool = True,
    processes: int = 2,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Proof:
    """Check everything. The system that made the evidence has to be at rest: nothing decided and unpublished.

    `person_key`: the key of the pseudonyms (16 to 64 bytes). `complete`: no record may be unread.
    """
    report, law, watch = Report(), law_data.load(), Stopwatch(progress)
    tables = evidence.tables
    _check_at_rest(evidence, report)
    decisions, receipts, dead = sorted_out(evidence.outputs, report)
    cases = _Cases(evidence, decisions, receipts, report)
    recomputing = Recomputation(cases.case, len(tables.manifests), person_key, processes)
    # while others recompute the decisions, what needs no facts of theirs
    found = account_for(evidence, complete, report)
    watch.lap("records")
    if answers is not None:
        answers.check(evidence, found, report)
        watch.lap("answers")
    facts = recomputing.finish(report, lambda done: progress("decisions", done, len(tables.manifests)))
    cases.take_messages(report)
    watch.lap("decisions")
    check_ledgers(tables, facts, report)
    watch.lap("ledgers")
    _check_orders(evidence, found, law, report)
    watch.lap("orders")
    _check_other_messages(evidence, receipts, dead, law, report)
    for box in (decisions, receipts, dead):
        box.rest(report)
    watch.lap("messages")
    return report.proof(watch.seconds)


def _check_at_rest(evidence: Evidence, report: Report) -> None:
    for lane in evidence.tables.lanes:
        report.same(f"lane {lane.lane}", "batches published", lane.batch_seq, lane.published_seq)


class _Cases:
    """Every manifest with its lines, findings, records and messages."""

    def __init__(self, evidence: Evidence, decisions: Box, receipts: Box, report: Report) -> None:
        self._rows, self._inputs = evidence.tables.manifests, evidence.inputs
        self._decisions, self._receipts = decisions, receipts
        self._lines: dict[int, list[LineRow]] = {}
        for line in evidence.tables.lines:
            self._lines.setdefault(line.manifest_id, []).append(line)
        self._findings: dict[int, list[FindingRow]] = {}
        for finding in evidence.tables.findings:
            self._findings.setdefault(finding.manifest_id, []).append(finding)
        known = {m.manifest_id for m in self._rows}
        for name, ids in (("manifest_line", self._lines.keys()), ("finding", self._findings.keys())):
            for lost in sorted(ids - known):
                report.differs(f"manifest_id {lost}", f"rows of {name}", "of a manifest", "of none")
        if len(known) != len(self._rows):
            report.differs("table manifest", "manifest_id", f"{len(self._rows)} different", f"{len(known)}")

    def case(self, n: int) -> Case:
        """Of the nth manifest; its messages stay in their boxes."""
        row = self._rows[n]
        ident = decision_id(row)
        order, payment, waybill = (self._inputs.get(p) for p in used_places(row))
        return Case(
            row, self._lines.get(row.manifest_id, []), self._findings.get(row.manifest_id, []), (order, payment, waybill),
            self._decisions.first(ident.hex()), self._receipts.first(manifest_receipt_id(ident)),
        )  # fmt: skip

    def take_messages(self, report: Report) -> None:
        """Take each manifest's decision and receipt from their boxes: each must be there once, where it belongs."""
        for row in self._rows:
            place, ident = manifest_place(row), decision_id(row)
            self._decisions.take(ident.hex(), place, row.lane, row.batch_seq, report)
            self._receipts.take(manifest_receipt_id(ident), place, row.lane, row.batch_seq, report)


def _check_orders(evidence: Evidence, found: Whereabouts, law: law_data.LawData, report: Report) -> None:
    tables = evidence.tables
    lanes = {lane.lane: lane for lane in tables.lanes}
    reports: dict[str, list[OpenReport]] = {}
    for row in tables.open_reports:
        reports.setdefault(row.order_no, []).append(row)
    for order in contested(evidence, found):
        check_order(order, report)
        check_open(order, report)
        check_reports(order, reports.get(order.order_no, []), lanes, law, report)


def _check_other_messages(
    evidence: Evidence, receipts: Box, dead: Box, law: law_data.LawData, report: Report
) -> None:
    """Receipts of fates and of open orders, and dead letters."""
    tables = evidence.tables
    lanes = {lane.lane: lane for lane in tables.lanes}
    for fate in tables.fates:
        check_fate_receipt(fate, receipts, law, lanes, report)
    for row in tables.open_reports:
        check_open_receipt(row, receipts, law, report_place(row), report)
    for letter in tables.dead_letters:
        check_dead_letter(letter, dead, report)

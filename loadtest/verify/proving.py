"""The proof over one body of evidence, stage by stage; pure but for the processes that recompute decisions."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.verify import law as law_data
from loadtest.verify.answers import KnownAnswers
from loadtest.verify.cases import case, share_of
from loadtest.verify.chunks import Recomputation, processes_for
from loadtest.verify.counters import check_counters
from loadtest.verify.decided import decision_id
from loadtest.verify.evidence import Evidence, ManifestRow, OpenReport, manifest_place
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
from loadtest.verify.registry import check_registry, registry_of
from loadtest.verify.revisions import check_revisions
from loadtest.verify.rule_sets import check_rules
from loadtest.verify.samples import Seeds
from loadtest.verify.shadow import check_shadow
from loadtest.verify.stock import check_stock
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
    seeds: Seeds = (),
    answers: KnownAnswers | None = None,
    complete: bool = True,
    processes: int = 2,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Proof:
    """Check everything. The system that made the evidence has to be at rest: nothing decided and unpublished.

    `person_key`: the key of the pseudonyms (16 to 64 bytes); `seeds`: of the samples. `complete`: no record may be unread.
    """
    count = processes_for(len(evidence.tables.manifests), processes)
    registry = registry_of(evidence.filings, evidence.tables)
    recomputing = Recomputation(lambda share, _: share_of(evidence, share), registry, person_key, count, seeds)
    return prove_beside(recomputing, evidence, answers=answers, complete=complete, progress=progress)


def prove_beside(
    recomputing: Recomputation, evidence: Evidence, *, answers: KnownAnswers | None, complete: bool, progress: Progress
) -> Proof:
    """The proof while the decisions are recomputed elsewhere; table manifest_line is not needed for the rest."""
    report, law, watch = Report(), law_data.load(), Stopwatch(progress)
    tables = evidence.tables
    _check_at_rest(evidence, report)
    if (different := len({m.manifest_id for m in tables.manifests})) != len(tables.manifests):
        report.differs("table manifest", "manifest_id", f"{len(tables.manifests)} different", f"{different}")
    check_registry(evidence, complete, report)
    check_rules(evidence, complete, report)
    decisions, receipts, dead = sorted_out(evidence.outputs, report)
    found = account_for(evidence, complete, report)
    watch.lap("records")
    if answers is not None:
        answers.check(evidence, found, report)
        watch.lap("answers")
    facts = recomputing.finish(
        tables.manifests,
        lambda rows: case(rows, evidence.inputs, decisions, receipts),
        report,
        lambda done: progress("decisions", done, len(tables.manifests)),
    )
    rules = recomputing.registry.rules
    revised = check_revisions(evidence, recomputing.registry, decisions, receipts, report)
    _take_messages(tables.manifests, decisions, receipts, report)
    watch.lap("decisions")
    check_ledgers(tables, facts, revised, report)
    check_stock(evidence, facts, revised, report)
    watch.lap("ledgers")
    counters = check_counters(tables, facts, rules, report)
    tried = {manifest_id: one.tried for manifest_id, one in facts.items() if one.tried is not None}
    check_shadow(tables.shadow_batches, tried, counters, rules, report)
    watch.lap("counters")
    _check_orders(evidence, found, rules.ever_live(), report)
    watch.lap("orders")
    _check_other_messages(evidence, receipts, dead, law, report)
    for box in (decisions, receipts, dead):
        box.rest(report)
    watch.lap("messages")
    return report.proof(watch.seconds)


def _check_at_rest(evidence: Evidence, report: Report) -> None:
    for lane in evidence.tables.lanes:
        report.same(f"lane {lane.lane}", "batches published", lane.batch_seq, lane.published_seq)


def _take_messages(manifests: list[ManifestRow], decisions: Box, receipts: Box, report: Report) -> None:
    """Take each manifest's decision and receipt from their boxes: each must be there once, where it belongs."""
    for row in manifests:
        place, ident = manifest_place(row), decision_id(row)
        decisions.take(ident.hex(), place, row.lane, row.batch_seq, report)
        receipts.take(manifest_receipt_id(ident), place, row.lane, row.batch_seq, report)


def _check_orders(evidence: Evidence, found: Whereabouts, laws: list[law_data.LawData], report: Report) -> None:
    tables = evidence.tables
    lanes = {lane.lane: lane for lane in tables.lanes}
    reports: dict[str, list[OpenReport]] = {}
    for row in tables.open_reports:
        reports.setdefault(row.order_no, []).append(row)
    for order in contested(evidence, found):
        check_order(order, report)
        check_open(order, report)
        check_reports(order, reports.get(order.order_no, []), lanes, laws, report)


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

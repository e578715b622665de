"""The proof over one body of evidence, stage by stage; pure but for the processes that recompute decisions."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from loadtest.verify.accounts import books, check_book, check_used
from loadtest.verify.answers import KnownAnswers
from loadtest.verify.cases import BY_MANIFEST, BY_PARTITION, share_of
from loadtest.verify.clocks import Looks, check_clocks
from loadtest.verify.commits import Commits, batches_read, check_ends, check_versions
from loadtest.verify.counters import check_counters, counted_from
from loadtest.verify.evidence import KINDS, Evidence, OpenReport, Place, Tables, record_place
from loadtest.verify.fates import check_order
from loadtest.verify.guarantee_events import check_events
from loadtest.verify.guarantees import check_guarantees
from loadtest.verify.numbers import check_numbers
from loadtest.verify.open_orders import check_open, check_reports
from loadtest.verify.orders import orders_of
from loadtest.verify.part import Settled
from loadtest.verify.processes import Asked, Beside, Parts, processes_for
from loadtest.verify.proof import Proof, Report
from loadtest.verify.registry import check_registry, registry_of
from loadtest.verify.revisions import Revised
from loadtest.verify.rule_sets import RuleSets, check_rules
from loadtest.verify.samples import Seeds
from loadtest.verify.shadow import check_shadow
from loadtest.verify.stock import check_stock
from loadtest.verify.takers import check_takers
from loadtest.verify.whereabouts import Whereabouts, dead_documents, fates

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
    manifests = len(evidence.tables.manifests)
    registry = registry_of(evidence.filings, evidence.tables)
    parts = Parts(lambda share, _: share_of(evidence, share), registry, person_key, processes_for(manifests, processes), seeds, complete=complete)
    tables = Tables(**{f.name: getattr(evidence.tables, f.name) for f in fields(Tables) if f.name not in (*BY_PARTITION, *BY_MANIFEST)})
    rest = Evidence({}, {}, [], tables, evidence.filings, evidence.rulings, evidence.ticks)
    return prove_beside(parts, rest, manifests, answers=answers, complete=complete, progress=progress)


def prove_beside(
    parts: Parts, evidence: Evidence, manifests: int, *, answers: KnownAnswers | None, complete: bool, progress: Progress
) -> Proof:
    """The proof of what lies beyond single shares, and of the `parts` that are made beside it. `evidence`: without what the
    shares alone have; `manifests`: how many there are."""
    report, watch = Report(), Stopwatch(progress)
    tables = evidence.tables
    _check_at_rest(evidence, report)
    check_registry(evidence, parts.registry, complete, report)
    check_rules(evidence, complete, report)
    watch.lap("registry")
    facts, settled = parts.finish(manifests, report, lambda done: progress("decisions", done, manifests))
    check_clocks(tables, evidence.ticks, {lane: heard for share in settled for lane, heard in share.heard.items()}, report)
    reads = batches_read(tables, report)
    check_ends(tables, report)
    decided = {batch for share in settled for batch in share.batches}
    decided |= {(row.lane, row.batch_seq, row.registry_version) for row in tables.revisions}
    commits = Commits(reads, check_versions(tables, decided, reads, report))
    watch.lap("decisions")
    rules = parts.registry.rules
    found = _found_of_all(tables, settled, report)
    _check_orders(parts, tables, found, settled, rules, report)
    parts.close()
    watch.lap("orders")
    revised: dict[int, Revised] = {}
    for share in settled:
        revised |= share.revised

    def stock_and_counters() -> Report:
        report = Report()
        check_stock(evidence, parts.registry, facts, revised, commits, report)
        counters = check_counters(tables, facts, reads, rules, report)
        tried = {manifest_id: one.tried for manifest_id, one in facts.items() if one.tried is not None}
        countable = counted_from(tables)
        uncounted = {one.tried.version for one in facts.values() if one.tried is not None and one.accepted_at < countable}
        batches = {ident: reads[facts[ident].lane_batch].first for ident in tried if facts[ident].lane_batch in reads}
        check_shadow(tables.shadow_batches, tried, counters, uncounted, batches, rules, report)
        return report

    beside = Beside(stock_and_counters, alone=parts.alone)
    if answers is not None:
        answers.check(settled, found, report)
        watch.lap("answers")
    check_used(tables, report)
    for book in books(tables):
        check_book(book, facts, revised, commits, report)
    check_guarantees(tables, facts, revised, commits, report)
    check_events([message for share in settled for message in share.events], facts, rules, report)
    check_numbers(tables.uses, facts, commits, report)
    watch.lap("ledgers and numbers")
    report.take(beside.result())
    watch.lap("stock and counters")
    return report.proof(watch.seconds)


def _check_at_rest(evidence: Evidence, report: Report) -> None:
    for lane in evidence.tables.lanes:
        report.same(f"lane {lane.lane}", "batches published", lane.batch_seq, lane.published_seq)
    topics: dict[str, str] = {}
    for row in evidence.tables.consumed:  # a topic-partition under another lane or id than its topic's is read no more
        own = row.partition, topics.setdefault(row.topic, row.topic_id)
        report.same(f"{row.topic}[{row.partition}]", "lane and topic_id", own, (row.lane, row.topic_id))


def _found_of_all(tables: Tables, settled: list[Settled], report: Report) -> Whereabouts:
    """What became of the documents that are not simply used, over all shares: what one left open, another may have used."""
    found = Whereabouts(fates=fates(tables), dead=dead_documents(tables))
    for share in settled:
        found.open |= share.open
        found.lost |= share.lost
    elsewhere = {place for share in settled for place in share.elsewhere}
    found.open -= elsewhere
    for place in sorted(elsewhere & (found.fates.keys() | found.dead.keys())):
        report.differs(record_place(*place), "state", "exactly one", "used and with a fate, or a dead letter")
    report.counts["documents_open"] += len(found.open)
    return found


def _check_orders(
    parts: Parts, tables: Tables, found: Whereabouts, settled: list[Settled], rules: RuleSets, report: Report
) -> None:
    came_last = {lane: earliest for share in settled for lane, earliest in share.came_last.items()}
    overdue = len(found.open) + len(tables.fates) + len(KINDS) * len(tables.open_reports)
    looks = Looks({lane.lane: lane for lane in tables.lanes}, came_last, rules.ever_live(), rules.usable, overdue)
    reports: dict[str, list[OpenReport]] = {}
    for row in tables.open_reports:
        reports.setdefault(row.order_no, []).append(row)
    numbers = {number for share in settled for number in share.numbers}
    numbers |= {fate.order_no for fate in tables.fates} | reports.keys()
    held = parts.ask(Asked(numbers, set[Place]()))
    documents = {place: document for given in held for place, document in given.documents.items()}
    for order in orders_of(numbers, documents, [m for given in held for m in given.manifests], found.fates):
        check_order(order, report)
        check_takers(order, report)
        check_open(order, report)
        check_reports(order, reports.get(order.order_no, []), looks, report)

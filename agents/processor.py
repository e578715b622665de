"""One batch from records to a committed transaction, with every way it can fail (docs/architecture.md)."""

import logging
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import polars as pl

from agents import changes, filings, rule_sets
from agents.buffers import LaneRecords
from agents.inspections import Inspections
from agents.look_again import LookAgain, as_lanes, first_lanes, lanes_of, of_lanes
from agents.metrics import METRICS
from agents.poison import dead_letter_rows
from agents.quarantine import open_or_quarantine
from agents.reading import DeadLetter, Read, as_documents, read_records, read_stored
from agents.reassess import Reassess
from agents.recent import Recent
from agents.records import Records
from agents.records import together as records_together
from agents.rule_sets import RuleSets
from agents.sweep import Sweep, reports
from agents.trials import tried_by
from pipeline import flow
from pipeline.attempts import Past, to_join_again
from pipeline.documents import KINDS, Documents, among, together
from pipeline.guarantee_events import events
from pipeline.personal import Pseudonyms
from pipeline.registry import Registry
from pipeline.sampling import Seeds
from schemas.blake2b import Blake2b
from schemas.contracts import topic_name
from schemas.filings import Filing
from schemas.law_check import LawError
from schemas.lawbook import Lawbook
from schemas.rule_events import RuleEvent
from sinks.batch import Batch, LaneState
from sinks.errors import Contended, Unavailable
from sinks.prepare import Arrived, Prepared, arrived_frames
from sinks.seen import read_seen, sighting_frames
from sinks.store import Store, backoff

LOG = logging.getLogger("tidegate.batch")
MAX_REPEATS = 12  # of a contended batch; then the worker exits and its successor starts afresh


@dataclass(frozen=True, slots=True)
class Done:
    """What one batch did, for logs, metrics and the intake."""

    manifests: int
    documents: int
    kinds: dict[str, int]
    dead: dict[str, int]  # code → records
    outcomes: dict[str, int]
    findings: dict[str, int]  # code → manifests
    fates: dict[str, int]  # fate → documents
    guarantee_events: dict[str, int]  # code → events
    accepted_ms: list[int]  # log time of the document that completed each manifest
    undecodable: dict[tuple[str, int], dict[int, str]]  # topic-partition → offset → code
    seconds: float


@dataclass(frozen=True, slots=True)
class Came:
    """What a batch brings of the topics that change registry and rules."""

    filings: changes.Came[Filing]
    rules: changes.Came[RuleEvent]


@dataclass(slots=True)
class Processor:
    """Holds the lanes this worker owns and nothing else between batches but registry and rule sets and what it must look
    at again. `lawbook`: the live rule set; to begin with that of the installation, which is the first where there is none yet."""

    store: Store
    lawbook: Lawbook
    person_key: bytes
    registry: Registry = field(default_factory=Registry)
    seeds: Seeds | None = None
    lanes: dict[int, LaneState] = field(default_factory=lambda: dict[int, LaneState]())
    positions: dict[tuple[str, int], int] = field(default_factory=lambda: dict[tuple[str, int], int]())
    again: LookAgain = field(default_factory=LookAgain)
    recent: Recent = field(default_factory=Recent)
    failed: Inspections = field(default_factory=Inspections)
    held: Reassess = field(default_factory=Reassess)
    jitter: random.Random = field(default_factory=random.Random)
    rules: RuleSets = field(init=False)
    pseudonyms: Pseudonyms = field(init=False)

    def __post_init__(self) -> None:
        self.rules = RuleSets(self.lawbook)
        self.pseudonyms = Blake2b(16, self.person_key).of

    def own(
        self, states: Iterable[LaneState], positions: Mapping[tuple[str, int], int], look_again: Mapping[int, int]
    ) -> None:
        """Lanes just claimed, where they are read next, and order numbers of their last batch, to be looked at again."""
        states = list(states)
        self.lanes.update({s.lane: s for s in states})
        self.positions.update(positions)
        self.again.own(look_again)
        self.failed.own(s.lane for s in states)
        self.held.own(s.lane for s in states)

    def disown(self, lanes: Iterable[int]) -> None:
        """Lanes that went to another worker: whoever claimed them looks at their last batch again."""
        gone = set(lanes)
        for lane in gone:
            self.lanes.pop(lane, None)
        if gone:
            self.recent.disown()
        self.positions = {place: o for place, o in self.positions.items() if place[1] not in gone}
        self.again.disown(gone)
        self.held.disown(gone)

    async def process(self, work: Mapping[int, LaneRecords]) -> Done:
        """Commit one batch of the lanes in `work`. Fenced and anything unknown pass through: the worker exits."""
        started = time.perf_counter()
        work = {lane: records for lane, records in work.items() if lane in self.lanes}
        read, came = read_records(_by_kind(work.values())), Came(filings.read_filings(work), rule_sets.read_events(work))
        METRICS.decoded_alone.inc(read.decoded_alone)
        repeats = 0
        while True:
            try:
                decided, dead = await self._attempt(work, read, came)
                break
            except Contended as e:
                METRICS.batch_repeats.labels(str(e)[:40]).inc()
                repeats += 1
                if repeats > MAX_REPEATS:
                    raise
                await backoff(repeats, 0.5 + self.jitter.random())
            except Unavailable as e:
                # Bounded wait each time, unbounded in number: nothing can be decided without PostgreSQL.
                METRICS.store_unavailable.inc()
                LOG.warning("store unavailable", extra={"reason": str(e)})
                await backoff(8, 0.5 + self.jitter.random())
        await self._reassess()
        return _done(decided, read, dead, time.perf_counter() - started)

    async def _reassess(self) -> None:
        """Reject what was held and failed, release what fits now, each once; what has to be repeated is done by the next tick."""
        for revise in (self.failed.rejected, self.held.released):
            try:
                self.lanes.update(await revise(self.store, self.registry, self.lanes))
            except (Contended, Unavailable) as e:
                METRICS.batch_repeats.labels(f"revision: {e}"[:40]).inc()

    async def _attempt(
        self, work: Mapping[int, LaneRecords], read: Read, came: Came
    ) -> tuple[flow.Decided, list[DeadLetter]]:
        await self.follow()
        following = self.registry.version + 1
        filed = await filings.take(came.filings, following, self.store)
        ruled = await rule_sets.take(came.rules, following, self.rules, self.store)
        dead = [*read.dead, *filed.dead, *ruled.dead]
        before = [self.lanes[lane] for lane in sorted(work)]
        came_by = lanes_of(read.tables)
        sweep = Sweep(self.lawbook, self._advanced(before, work), _arrives(work))
        lane_of = await self._looked_at(work, came_by, sweep)
        after = sweep.after
        at_hand, past = await self._at_hand(read, lane_of["order_hash"].sort())
        gathered = flow.gather(at_hand, past, self.pseudonyms)
        gathered = flow.count(gathered, await read_seen(self.store, gathered.manifests.heads), self.registry)
        opened = open_or_quarantine(gathered, self.lawbook.on, self.registry, self.seeds)
        reported = await reports(self.store, sweep, at_hand, past, opened)
        arrived = Arrived(read.tables, reported, dead_letter_rows(dead), filed.rows, ruled.rows, filings.counts(filed, self.registry), filings.stock_filed(filed))
        prepared = Prepared(opened, arrived, after, lane_of, self.lawbook.on(flow.NO_DAY), self.lawbook.statuses, self.registry.version)
        if self.rules.trial is not None:
            prepared.tried = tried_by(self.rules.trial, prepared.opened.judged, self.registry)
        heads, fates = prepared.opened.judged.manifests.heads, prepared.opened.fates
        frames = arrived_frames(prepared.arrived, heads, fates, after) | sighting_frames(heads, opened.seen, after)
        batch = Batch(before, list(after.values()), self._moves(work), frames, self.registry.version)
        METRICS.slow_path_batches.inc(await self.store.commit(batch, prepared) > 0)
        decided = prepared.decided
        assert decided is not None
        self._committed(batch, decided, as_documents(read, stored=True))
        if not self.rules.unusable:
            unasked = lane_of.filter(among(to_join_again(at_hand, decided.heads)))
            self.again.committed(work, came_by, read.tables, unasked)
        return decided, dead

    def _advanced(self, before: Iterable[LaneState], work: Mapping[int, LaneRecords]) -> dict[int, LaneState]:
        """The lanes as the batch leaves them, before deadlines are looked at. Under a rule set that cannot be used what was stored
        last is still to be looked at, by us or by whoever claims the lane."""
        after = {s.lane: s.advanced(_time(work[s.lane].clock_ms), None, None) for s in before}
        return {s.lane: replace(after[s.lane], worked=s.worked) for s in before} if self.rules.unusable else after

    async def _looked_at(self, work: Iterable[int], came_by: pl.DataFrame, sweep: Sweep) -> pl.DataFrame:
        """LANES of the order numbers of a batch: of its documents (`came_by`), what has to be looked at again, and whose time is up.
        Under a rule set that this program cannot use nothing is looked at, and no document taken (LawError): registry and rules
        are, or no other set could become live."""
        if self.rules.unusable:
            if len(came_by):
                raise LawError(f"the live rule set cannot be used by this program: {self.rules.unusable}")
            return came_by
        met = await self.again.found(self.store, self.lanes)
        if len(met):  # a lane without work in this batch is looked at again by its next
            met = met.filter(of_lanes(frozenset(work)))
        besides = [part for part in (met, as_lanes(await sweep.candidates(self.store))) if len(part)]
        return first_lanes([came_by, *besides]) if besides else came_by

    async def _at_hand(self, read: Read, hashes: pl.Series) -> tuple[Documents, Past]:
        """All documents under these order numbers: those that come, those that wait in memory, and what else is stored of them; and
        what was decided about them before."""
        known = self.recent.are_settled(hashes)
        settled, recent = hashes.filter(known), self.recent.of(hashes.filter(~known))
        stored = await self.store.look_up(hashes, self.recent.since(), settled, _hashes_of(recent))
        parts = [as_documents(read, stored=False)]
        if len(stored.documents):
            parts.append(as_documents(read_stored(stored.documents), stored=True))
        return together([*parts, *recent]), stored.past

    def _committed(self, batch: Batch, decided: flow.Decided, came: Documents) -> None:
        """Keep up what is remembered between batches. `came`: its documents, as stored."""
        after = {state.lane: state for state in batch.after}
        self.lanes.update(after)
        self.positions.update({place: following for place, (_, following) in batch.moves.items()})
        if len(decided.posted.waiting):
            self.held.committed(decided)
        self.failed.committed(decided, self.registry)
        stored_now = batch.arrived["order_documents"]
        self.recent.add(after, came, stored_now["order_hash"].filter(stored_now["waiting"]))

    def _moves(self, work: Mapping[int, LaneRecords]) -> dict[tuple[str, int], tuple[int, int]]:
        return {
            (topic, lane): (self.positions[topic, lane], following)
            for lane, records in work.items()
            for topic, following in records.next_offsets.items()
        }

    async def follow(self) -> None:
        """Registry and rule set as they stand now."""
        self.registry = await filings.at_hand(self.registry, self.store)
        await self.rules.follow(self.registry.version, self.store)
        self.lawbook = self.rules.live
        METRICS.registry_version.set(self.registry.version)


def _by_kind(lanes: Iterable[LaneRecords]) -> dict[str, Records]:
    found: dict[str, list[Records]] = {kind: [] for kind in KINDS}
    kind_of = {topic_name(kind): kind for kind in KINDS}
    for lane in lanes:
        for topic, records in lane.records.items():
            if topic in kind_of:
                found[kind_of[topic]].append(records)
    return {kind: records_together(parts) for kind, parts in found.items()}


def _hashes_of(parts: Iterable[Documents]) -> pl.Series:
    found = [part.hashes() for part in parts]
    return pl.concat(found) if found else pl.Series(dtype=pl.Int64)


def _arrives(work: Mapping[int, LaneRecords]) -> dict[int, datetime]:
    """The earliest log time of the documents of each lane that has some."""
    topics = {topic_name(kind) for kind in KINDS}
    times = {lane: [int(found.column("timestamp").min()) for topic, found in part.records.items() if topic in topics and len(found)]
             for lane, part in work.items()}  # fmt: skip
    return {lane: datetime.fromtimestamp(min(of_lane) / 1000, UTC) for lane, of_lane in times.items() if of_lane}


def _time(clock_ms: int) -> datetime | None:
    return datetime.fromtimestamp(clock_ms / 1000, UTC) if clock_ms else None


def _done(decided: flow.Decided, read: Read, dead: Sequence[DeadLetter], seconds: float) -> Done:
    undecodable: dict[tuple[str, int], dict[int, str]] = {}
    for letter in dead:
        place = (letter.record.topic, letter.record.partition)
        undecodable.setdefault(place, {})[letter.record.offset] = letter.code
    return Done(
        manifests=len(decided.heads),
        documents=sum(len(t) for t in read.tables.values()),
        kinds={kind: len(t) for kind, t in read.tables.items()},
        dead=dict(Counter(letter.code for letter in dead)),
        outcomes=dict(decided.heads["outcome"].value_counts().iter_rows()),
        findings=dict(decided.findings["code"].value_counts().iter_rows()),
        fates=dict(decided.fates["fate"].value_counts().iter_rows()),
        guarantee_events=dict(Counter(events(decided.posted.refusals, decided.heads)["code"])),
        accepted_ms=decided.heads["accepted_at"].dt.epoch("ms").to_list(),
        undecodable=undecodable,
        seconds=seconds,
    )

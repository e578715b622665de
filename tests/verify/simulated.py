"""Several workers over one store in memory, by chance: who reads, commits, dies or takes a lane next is drawn by a seed.

It follows docs/architecture.md (write, then look; compare-and-set of lanes; repeat on contention) step by step and
without Kafka or PostgreSQL, so that thousands of interleavings can be told in the time of one real run.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

import polars as pl

from agents.reading import Read
from loadtest.verify import Evidence
from pipeline.flow import Decided
from sinks.batch import LaneState
from tests.pipeline.memory import BASE_MS, Rec
from tests.pipeline.trios import HOUR_MS
from tests.verify.played import SWEPT_SECONDS, Play, lane_of

Place = tuple[str, int]
LATER_MS = BASE_MS + HOUR_MS + 1000 * SWEPT_SECONDS  # when what came first is overdue
DEATHS = 0.12  # of workers whose batch was committed and who have not looked again


@dataclass(slots=True)
class Begun:
    """A batch that has read and decided and is not committed: `upto` by topic-partition, `lane_by` by order_hash; `reports` on open
    orders."""

    before: dict[int, LaneState]
    after: dict[int, LaneState]
    upto: dict[Place, int]
    records: list[Rec]
    lane_by: dict[int, int]
    read: Read
    decided: Decided
    reports: pl.DataFrame | None = None


@dataclass(slots=True)
class Worker:
    """What one process knows. `again`: order numbers stored by its last batches, by lane, still to be looked at."""

    lanes: dict[int, LaneState] = field(default_factory=dict)
    again: dict[int, int] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)
    begun: Begun | None = None


class Simulation(Play):
    """`run` until every record is consumed; `happened` counts what came about."""

    def __init__(self, records: Sequence[Rec], seed: int, cuts: Sequence[int] = (0, 2, 3), workers: int = 3) -> None:
        super().__init__()
        self.chance, self.cuts = Random(seed), cuts
        self.queues: dict[Place, list[Rec]] = {}
        for r in records:
            self.queues.setdefault((r.topic, r.partition), []).append(r)
        self.done: Counter[Place] = Counter()
        self.workers = [Worker() for _ in range(workers)]
        self.partitions = sorted({r.partition for r in records})
        for lane in self.partitions:
            self._claim(self.chance.choice(self.workers), lane)
        self.happened: Counter[str] = Counter()

    def run(self) -> None:
        """Everything consumed, every worker's last batch looked at again."""
        while any(self.done[place] < len(queue) for place, queue in self.queues.items()):
            idle = [w for w in self.workers if w.begun is None]  # they read first, so that commits meet what they did not see
            worker = self.chance.choice(idle if idle and self.chance.random() < 0.6 else self.workers)
            match self.chance.choices(("on", "crash", "move"), (20, 1, 1))[0]:
                case "on":
                    self._go_on(worker)
                case "crash":
                    self._crash(worker)
                case _:
                    self._claim(worker, self.chance.choice(self.partitions))
                    self.happened["lane moved"] += 1
        while any(worker.again or worker.begun for worker in self.workers):
            self._go_on(self.chance.choice(self.workers))

    def proof_of(self, records: Iterable[Rec]) -> Evidence:
        """What the verifier reads, open orders reported."""
        self.sweep()
        return self.evidence(records)

    def _go_on(self, worker: Worker) -> None:
        if worker.begun is None:
            self._begin(worker)
        else:
            self._commit(worker)

    def _begin(self, worker: Worker) -> None:
        chosen = [lane for lane in worker.lanes if self.chance.random() < 0.7]
        upto: dict[Place, int] = {}
        records: list[Rec] = []
        for place in sorted(p for p in self.queues if p[1] in chosen):
            upto[place] = min(len(self.queues[place]), self.done[place] + self.chance.choice(self.cuts))
            records += self.queues[place][self.done[place] : upto[place]]
        if records or any(lane in chosen for lane in worker.again.values()):
            self._read(worker, {lane: worker.lanes[lane] for lane in chosen}, upto, self.chance.sample(records, len(records)))

    def _read(self, worker: Worker, before: dict[int, LaneState], upto: dict[Place, int], records: list[Rec]) -> None:
        """Read and decide on what the store holds now; others may commit before this is."""
        again = {h: lane for h, lane in worker.again.items() if lane in before and (h in worker.moved or self._foreign(worker, h))}
        read, decided = self.store.begin(records, again)
        clocks = {lane: max((r.timestamp for r in records if r.partition == lane), default=0) for lane in before}
        after = {lane: state.advanced(_time(clocks[lane]), None, None) for lane, state in before.items()}
        worker.begun = Begun(before, after, upto, records, again | lane_of(read), read, decided)

    def _foreign(self, worker: Worker, order_hash: int) -> bool:
        return any(row["partition"] not in worker.lanes for row in self.store.stored.get(order_hash, ()))

    def _commit(self, worker: Worker) -> None:
        begun, worker.begun = worker.begun, None
        assert begun is not None
        if any(self.lanes[lane] != state for lane, state in begun.before.items()):
            self.happened["fenced"] += 1
            self._forget(worker)
            return
        if self.store.contended(begun.decided):
            self.happened["repeated"] += 1
            self._read(worker, begun.before, begun.upto, begun.records)
            return
        reports = self.unreported(begun.reports) if begun.reports is not None else None
        self.commit(begun.read, begun.decided, begun.after, begun.lane_by, reports)
        self.done.update({place: end - self.done[place] for place, end in begun.upto.items()})
        if self.chance.random() < DEATHS:
            self.happened["died after its commit"] += 1
            self._forget(worker)
            return
        worker.lanes.update(begun.after)
        kept = {h: lane for h, lane in worker.again.items() if lane not in begun.before}
        rejected = {h: begun.lane_by[h] for h in self.store.again}
        worker.again, worker.moved = kept | lane_of(begun.read) | rejected, worker.moved & set(kept) | set(rejected)

    def _crash(self, worker: Worker) -> None:
        if worker.begun is not None:
            self.happened["died before its commit"] += 1
        self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        """The process is gone with all it knew; its lanes go to whoever claims them."""
        mine = [lane for lane, state in worker.lanes.items() if self.lanes[lane].epoch == state.epoch]
        worker.lanes, worker.again, worker.moved, worker.begun = {}, {}, set(), None
        for lane in mine:
            self._claim(self.chance.choice(self.workers), lane)

    def _claim(self, worker: Worker, lane: int) -> None:
        """The former owner keeps what it believes to own: a zombie, until its next commit. The claimer's own batch
        under way is given up, as it is over a rebalance."""
        state = self.lanes[lane] = replace(self.lanes[lane], epoch=self.lanes[lane].epoch + 1)
        worker.lanes[lane], worker.begun = state, None
        last = {row.order_hash: lane for row in self.tables.documents if row.lane == lane and row.batch_seq >= state.batch_seq - 1}
        worker.again |= last
        worker.moved = set(worker.again)


class Reporting(Simulation):
    """Batches that bring nothing report what waits, as if its time were up, as they saw it when they read."""

    def _read(self, worker: Worker, before: dict[int, LaneState], upto: dict[Place, int], records: list[Rec]) -> None:
        super()._read(worker, before, upto, records)
        if records or worker.begun is None:
            return
        begun = worker.begun
        came_by = {row.order_hash: row.lane for row in self.tables.documents if row.lane in before}
        decided = begun.decided.heads.select("ebp_code", "order_no")
        waiting = self.store.open().filter(pl.col("order_hash").is_in([*came_by])).join(decided, on=["ebp_code", "order_no"], how="anti")
        later = {lane: state.advanced(_time(LATER_MS), None, None) for lane, state in before.items()}
        worker.begun = replace(begun, after=later, lane_by=came_by | begun.lane_by, reports=waiting.with_columns(code=pl.lit("DOC-09")))
        self.happened["reported on the way"] += len(waiting)


def _time(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None

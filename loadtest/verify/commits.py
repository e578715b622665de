"""In which order batches were committed, as far as the tables tell it, and the versions of registry and rules that this allows.

A batch has lanes, and in each of them a number. Those of a lane follow each other; what a batch with manifests had seen of
others, as `sighting_read` has it, was committed before it; and so was all that was decided by an older version.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

from loadtest.verify.evidence import Tables
from loadtest.verify.ledger_rows import SightingReadRow
from loadtest.verify.proof import Report, Where

Place = tuple[int, int]
"""A lane and the number of one of its batches."""
Decided = tuple[int, int, int]
"""Lane, batch and the version that something in it was decided by."""
NUMBER = itemgetter(0)
FIRST, SECOND = (1,), (2,)  # turns within a batch that is not looked into


class Read(NamedTuple):
    """`batch`: lane → batch number of one transaction; `seen`: lane → up to which batch it counted on others."""

    batch: dict[int, int]
    seen: dict[int, int]

    @property
    def first(self) -> Place:
        """The lowest lane and its number, by which rows of the whole batch are kept."""
        return min(self.batch.items())


class Turn(NamedTuple):
    """When something was taken of a ledger: by which batch, and which document completed the manifest it was taken for. In a
    batch that revises decisions there is no such turn: `completing` is empty."""

    batch: Place
    completing: tuple[int, ...] = ()


class Commits(NamedTuple):
    """What is known of their order. `reads`: of batches with manifests, `versions`: that batches were decided by, at each of their lanes."""

    reads: Mapping[Place, Read]
    versions: Mapping[Place, int]

    def before(self, one: Turn, other: Turn) -> bool:
        """Whether the one is known to have come before the other."""
        if self.together(one.batch, other.batch):
            return () < one.completing < other.completing
        lanes, theirs, read = self._lanes(one.batch), self._lanes(other.batch), self.reads.get(other.batch)
        if any(number < theirs.get(lane, 0) or (read is not None and number <= read.seen.get(lane, 0)) for lane, number in lanes.items()):
            return True
        versions = self.versions.get(one.batch), self.versions.get(other.batch)
        return versions[0] is not None and versions[1] is not None and versions[0] < versions[1]

    def together(self, one: Place, other: Place) -> bool:
        """Whether both are known to be of one batch."""
        return one == other or other in self._lanes(one).items()

    def last_there(self, turns: Iterable[Turn | None], own: Turn) -> int:
        """How many entries of an account, made in these turns, are known to have been there in the turn `own`: up to the last such."""
        return max((n for n, turn in enumerate(turns, start=1) if turn is not None and self.before(turn, own)), default=0)

    def check_seen(self, place: Where, at: int, entries: int, turn: Callable[[int], Turn | None], own: Turn, report: Report) -> None:
        """Entry `at` of so many of an account is the last one that was seen in the turn `own`: it did not come later, and the next
        one did not come before. `turn`: of an entry by its place in the list, from 0; None where nothing tells."""
        if at and (last := turn(at - 1)) is not None and self.before(own, last):
            report.differs(place, "entry it saw", "one that was there", f"{at}, which came later")
        if at < entries and (following := turn(at)) is not None and self.before(following, own):
            report.differs(place, "entry it saw", "the last that was there", f"{at}, and the next was there too")

    def check_read(self, place: Where, at: int, entries: int, batch: Callable[[int], Place], own: Place, report: Report) -> None:
        """The same of what was read before the batch `own` took anything. `batch`: of an entry."""
        self.check_seen(place, at, entries, lambda n: Turn(batch(n), SECOND), Turn(own, FIRST), report)

    def _lanes(self, place: Place) -> Mapping[int, int]:
        return self.reads[place].batch if place in self.reads else {place[0]: place[1]}


class Kept:
    """Rows that are kept by the lowest lane of their batch and its number there. Of a batch that only revises decisions nothing
    tells its lanes: all rows have to agree on them, and none may be of another batch."""

    def __init__(self, commits: Commits) -> None:
        self._reads = commits.reads
        self._rows: dict[Place, Place] = {}  # by what was revised
        self._numbers: dict[tuple[Place, int], int] = {}  # by row and lane

    def check(self, place: Where, row: Place, of: Place, report: Report) -> None:
        """`row`: by which something is kept, `of`: lane and batch of the manifest or revision that it is about."""
        if (read := self._reads.get(of)) is not None:
            right = row == read.first
        else:
            lowest = (row == of or row[0] < of[0]) and row not in self._reads
            right = lowest and self._rows.setdefault(of, row) == row and self._numbers.setdefault((row, of[0]), of[1]) == of[1]
        if not right:
            report.differs(place, "lane and batch", f"the lowest of {_name(of)}", _name(row))


def batches_read(tables: Tables, report: Report) -> dict[Place, Read]:
    """How far each batch with manifests counted, by each lane and number it has; once, and never back."""
    found: dict[Place, Read] = {}
    for row in tables.sighting_reads:
        place = f"sightings read by lane {row.lane} batch {row.batch_seq}"
        try:
            read = _read(row)
        except (ValueError, TypeError, AttributeError):
            report.differs(place, "batch and seen", "JSON objects: lane to batch number", "something else")
            continue
        report.same(place, "place", read.first, (row.lane, row.batch_seq))
        before = {lane: number - 1 for lane, number in read.batch.items()}
        report.same(place, "its own lanes", before, {lane: read.seen.get(lane) for lane in read.batch})
        for own in read.batch.items():
            if own in found:
                report.differs(place, "rows of sighting_read", f"one for lane {own[0]} batch {own[1]}", "several")
            found[own] = read
    _check_progress(tables, found, report)
    return found


def _read(row: SightingReadRow) -> Read:
    batch, seen = ({int(lane): int(number) for lane, number in json.loads(text).items()} for text in (row.batch, row.seen))
    if not batch:
        raise ValueError("no lane")
    return Read(batch, seen)


def _check_progress(tables: Tables, reads: Mapping[Place, Read], report: Report) -> None:
    """Every batch says of each lane up to where it saw it: no more than was there, and no less than a batch had seen that it saw, as each
    saw all of one moment."""
    ends = _ends(tables)
    by_lane: dict[int, list[tuple[int, Read]]] = {}
    for (lane, number), read in sorted(reads.items(), key=NUMBER):
        by_lane.setdefault(lane, []).append((number, read))
    for (lane, number), read in reads.items():
        if (lane, number) != read.first:
            continue
        place, least = f"sightings read by lane {lane} batch {number}", _least(read, by_lane)
        report.same(place, "lanes it saw", sorted(ends), sorted(read.seen))
        for other, seen in read.seen.items():
            low, high = least.get(other, 0), ends.get(other, 0)
            if not low <= seen <= high:
                report.differs(place, f"lane {other}", f"{low} to {high}", seen)


def _least(read: Read, by_lane: Mapping[int, list[tuple[int, Read]]]) -> dict[int, int]:
    """Up to where the batches that it saw had seen each lane, and were themselves."""
    least: dict[int, int] = {}
    for lane, seen in read.seen.items():
        of_lane = by_lane.get(lane, [])
        if at := bisect_right(of_lane, seen, key=NUMBER):
            former = of_lane[at - 1][1]
            for other, number in (*former.seen.items(), *former.batch.items()):
                least[other] = max(number, least.get(other, 0))
    return least


def _ends(tables: Tables) -> dict[int, int]:
    return {lane.lane: lane.batch_seq for lane in tables.lanes}


def check_ends(tables: Tables, report: Report) -> None:
    """No row is of a batch that its lane has not had. Those of documents, manifests and revisions are looked at elsewhere."""
    ends = _ends(tables)
    rows = {
        "document_fate": tables.fates, "open_report": tables.open_reports, "dead_letter": tables.dead_letters,
        "guarantee_entry": tables.guarantee_entries, "stock_entry": tables.stock_entries,
    }  # fmt: skip
    for table, of_table in rows.items():
        for row in of_table:
            if not 1 <= row.batch_seq <= ends.get(row.lane, 0):
                report.differs(f"table {table}", "lane and batch", f"1 to {ends.get(row.lane, 0)} of lane {row.lane}", row.batch_seq)


def check_versions(tables: Tables, decided: Iterable[Decided], reads: Mapping[Place, Read], report: Report) -> dict[Place, int]:
    """One version a batch of lane 0 that takes events, from 1 on. A batch is decided by one version: in lane 0 by the last that
    was made before, and nowhere by an older one than what was committed before it. `decided`: of manifests and revisions.
    Returned is the version of each batch, at each of its lanes."""
    rows = [*tables.registry_entries, *(row for row in tables.rule_events if row.kafka_offset >= 0)]
    made = {(row.lane, row.batch_seq): row.version for row in rows}
    for row in rows:
        report.same(_name((row.lane, row.batch_seq)), "version it makes", made[row.lane, row.batch_seq], row.version)
    expected = list(range(1, len(made) + 1))
    report.same("tables registry_entry and rule_event", "versions by batch", expected, [v for _, v in sorted(made.items())])
    report.same("table registry_state", "version", [len(made)], [s.version for s in tables.registry_state])
    versions = _of_batches(decided, made, reads, report)
    lanes: dict[int, list[int]] = {}
    for lane, batch_seq in sorted(versions):
        lanes.setdefault(lane, []).append(batch_seq)
    _check_lanes(lanes, versions, made, _ends(tables), report)
    _check_seen(lanes, versions, made, reads, report)
    return versions


def _of_batches(decided: Iterable[Decided], made: Mapping[Place, int], reads: Mapping[Place, Read], report: Report) -> dict[Place, int]:
    """What a batch makes, it is decided by the one before. Told are batches with several; of those the last is taken."""
    found: dict[Place, set[int]] = {place: {version - 1} for place, version in made.items()}
    for lane, batch_seq, version in decided:
        found.setdefault((lane, batch_seq), set()).add(version)
    for own, read in reads.items():
        if own == read.first:
            together = set[int]().union(*(found.get(other, ()) for other in read.batch.items()))
            found.update(dict.fromkeys(read.batch.items(), together) if together else {})
    for place, several in sorted(found.items()):
        if len(several) > 1:
            report.differs(_name(place), "registry_version", "one in all of a batch", sorted(several))
    return {place: max(several) for place, several in found.items()}


def _check_lanes(
    lanes: Mapping[int, list[int]], versions: Mapping[Place, int], made: Mapping[Place, int], ends: Mapping[int, int], report: Report
) -> None:
    for lane, numbers in lanes.items():
        makers = sorted(number for at, number in made if at == lane)
        latest = 0
        for number in numbers:
            version = versions[lane, number]
            # of a lane that makes versions each batch comes before or after each of them
            least, most = (bisect_left(makers, number),) * 2 if makers else (latest, len(made))
            if not least <= version <= most:
                report.differs(_name((lane, number)), "registry_version", f"{least} to {most}", version)
            if not 1 <= number <= ends.get(lane, 0):
                report.differs(_name((lane, number)), "batch_seq", f"1 to {ends.get(lane, 0)}", number)
            latest = max(latest, version)


def _check_seen(
    lanes: Mapping[int, list[int]], versions: Mapping[Place, int], made: Mapping[Place, int], reads: Mapping[Place, Read], report: Report
) -> None:
    """What a batch had seen of other lanes was decided, or made, by no later version than its own."""
    for own, read in reads.items():
        if own != read.first or own not in versions:
            continue
        for lane, seen in read.seen.items():
            numbers = lanes.get(lane, [])
            if at := bisect_right(numbers, seen):
                last = lane, numbers[at - 1]
                if versions[own] < (least := max(versions[last], made.get(last, 0))):
                    report.differs(_name(own), "registry_version", f"{least} or later, as it had seen {_name(last)}", versions[own])


def _name(place: Place) -> str:
    return f"lane {place[0]} batch {place[1]}"

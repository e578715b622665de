"""What each batch says it saw of the others, and what follows from it of the order in which they were committed (docs/decisions.md
section 13)."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from operator import itemgetter
from typing import NamedTuple

from loadtest.verify.decided import Facts
from loadtest.verify.evidence import Tables
from loadtest.verify.ledger_rows import SightingReadRow
from loadtest.verify.proof import Report

NUMBER = itemgetter(0)
Place = tuple[int, int]
"""A lane and the number of one of its batches."""


class Read(NamedTuple):
    """`batch`: lane → batch number of one transaction; `seen`: lane → up to which batch it counted on others."""

    batch: dict[int, int]
    seen: dict[int, int]


def reads_of(tables: Tables, report: Report) -> dict[Place, Read]:
    """What each batch with manifests saw, by each lane and number it has; once, and never back."""
    found: dict[Place, Read] = {}
    for row in tables.sighting_reads:
        place = f"sightings read by lane {row.lane} batch {row.batch_seq}"
        try:
            read = _read(row)
        except (ValueError, TypeError, AttributeError):
            report.differs(place, "batch and seen", "JSON objects: lane to batch number", "something else")
            continue
        report.same(place, "place", (min(read.batch), read.batch[min(read.batch)]), (row.lane, row.batch_seq))
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
    ends = {lane.lane: lane.batch_seq for lane in tables.lanes}
    by_lane: dict[int, list[tuple[int, Read]]] = {}
    for (lane, number), read in sorted(reads.items(), key=NUMBER):
        by_lane.setdefault(lane, []).append((number, read))
    for (lane, number), read in reads.items():
        if lane != min(read.batch):  # told once, of a batch of several lanes
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


def was_there(other: Facts, one: Facts, reads: Mapping[Place, Read]) -> bool:
    """Whether one manifest was decided with another there already; not, where nothing tells."""
    mine, latest = one.lane_batch
    lane, number = other.lane_batch
    read = reads.get(one.lane_batch) or Read({mine: latest}, {mine: latest - 1})
    if read.batch.get(lane) == number:
        return other.completing < one.completing
    return number <= read.seen.get(lane, 0)

"""The clock of each lane, and up to when it had to look at documents that wait (docs/decisions.md section 4).

All times are milliseconds since 1970: log times, and clocks that are made of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from loadtest.verify.cases import Share
from loadtest.verify.evidence import KINDS, Evidence, Lane, Place, Record, Tables
from loadtest.verify.law import LawData, day_number
from loadtest.verify.proof import Report
from schemas.contracts import topic_name

DEADLINES = {"DOC-09": "incomplete_after_seconds", "DOC-10": "closed_after_seconds"}
LOOKED_AT_ONCE = 3_000  # documents that have waited too long in one batch


class Heard(NamedTuple):
    """Log times of what a lane has read, documents or ticks. `last`: the highest of the last of each topic; `highest`: of all."""

    last: int = 0
    highest: int = 0

    def and_also(self, other: "Heard") -> "Heard":
        return Heard(max(self.last, other.last), max(self.highest, other.highest))


SILENCE = Heard()


def heard_of_documents(evidence: Evidence) -> dict[int, Heard]:
    """By lane of those whose records are there."""
    kinds = {topic_name(kind): number for number, kind in enumerate(KINDS, start=1)}
    upto = {(kinds[row.topic], row.partition): row.next_offset for row in evidence.tables.consumed if row.topic in kinds}
    return _heard(evidence.inputs, upto)


def _heard(records: Mapping[Place, Record], upto: Mapping[tuple[int, int], int]) -> dict[int, Heard]:
    """`upto`: position by kind and partition."""
    last: dict[tuple[int, int], tuple[int, int]] = {}
    highest: dict[int, int] = {}
    for (kind, lane, offset), record in records.items():
        if offset < upto.get((kind, lane), 0):
            log_ms = record.log_ms
            if log_ms > highest.get(lane, 0):
                highest[lane] = log_ms
            if offset >= last.get((kind, lane), (0, 0))[0]:
                last[kind, lane] = offset, log_ms
    return {lane: Heard(max(ms for (_, of), (_, ms) in last.items() if of == lane), most) for lane, most in highest.items()}


def check_clocks(tables: Tables, ticks: Mapping[tuple[int, int], Record], documents: Mapping[int, Heard], report: Report) -> None:
    """Each lane's clock is the log time of its newest record. `ticks`: of the clock topic, by (partition, offset); `documents`: what
    each lane heard of its documents."""
    upto = {(0, row.partition): row.next_offset for row in tables.consumed if row.topic == topic_name("clock")}
    of_ticks = {(0, partition, offset): tick for (partition, offset), tick in ticks.items()}
    by_ticks = _heard(of_ticks, upto)
    for lane in tables.lanes:
        heard = documents.get(lane.lane, SILENCE).and_also(by_ticks.get(lane.lane, SILENCE))
        # where log times went back (a broker's clock was set), what a batch ended with counts
        if heard.highest and not heard.last <= (lane.record_time or 0) <= heard.highest:
            report.differs(f"lane {lane.lane}", "record_time", f"the log time of its newest record, {heard.last} to {heard.highest}", lane.record_time)


def check_batch_clocks(told: Iterable[tuple[int, int, int]], report: Report) -> None:
    """The clock of a lane is one time in a batch, and never goes back. `told`: lane, batch_seq and time of what is dated by it."""
    latest: dict[int, tuple[int, int]] = {}
    for lane, batch_seq, at in sorted(set(told)):
        batch, clock = latest.get(lane, (0, 0))
        if at < clock or (batch == batch_seq and at != clock):
            report.differs(f"lane {lane} batch {batch_seq}", "its clock", f"{clock} of batch {batch}, or later in a later batch", at)
        latest[lane] = batch_seq, at


def came_last(tables: Tables, share: Share) -> dict[int, int]:
    """By lane of a share the earliest log time of the documents, dead ones too, of the last batch that brought it some."""
    latest: dict[int, tuple[int, int]] = {}
    for row in chain(tables.documents, (letter for letter in tables.dead_letters if share.has(letter.lane))):  # which each share has whole
        batch_seq, earliest = latest.get(row.lane, (-1, 0))
        if row.batch_seq > batch_seq or (row.batch_seq == batch_seq and row.log_time < earliest):
            latest[row.lane] = row.batch_seq, row.log_time
    return {lane: earliest for lane, (_, earliest) in latest.items()}


def seconds(law: LawData, code: str, at_ms: int) -> int:
    """How long an order may wait by a law on the day of a time."""
    return law.limit(DEADLINES[code], date(1970, 1, 1) + timedelta(days=day_number(at_ms)))


@dataclass
class Looks:
    """Which documents that wait a lane had to look at. `came_last`: as above; `laws`: of all rule sets ever live; `usable`: whether the last
    is one that a worker can use; `at_most`: how many documents can have waited too long at once."""

    lanes: Mapping[int, Lane]
    came_last: Mapping[int, int]
    laws: Sequence[LawData]
    usable: Callable[[], bool]
    at_most: int

    def upto(self, code: str, lane_no: int) -> int:
        """Up to which log time, for DOC-09 or DOC-10: what it says itself, or what it cannot have left to a batch after its last."""
        lane = self.lanes.get(lane_no)
        if lane is None:
            return 0
        mark = (lane.swept_incomplete if code == "DOC-09" else lane.swept_closed) or 0
        if lane.record_time is None or not self._in_time:
            return mark
        longest = max(seconds(law, code, lane.record_time) for law in self.laws)
        # less than a second is left to the next batch, and so is what came before documents of the last
        return max(mark, min(lane.record_time - 1000 * (longest + 1), self.came_last.get(lane_no, lane.record_time) - 1))

    @cached_property
    def _in_time(self) -> bool:
        return self.at_most < LOOKED_AT_ONCE and self.usable()

"""What the intake holds of each topic-partition, and what a batch is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from agents.cutting import cut, up_to
from agents.records import Records, copied
from schemas.contracts import topic_name
from schemas.packed import Vector

FIRST = ("registry", "rules")  # topics that are taken before the others


@dataclass(slots=True)
class Buffer:
    """Records of one topic-partition, fetched and not yet in a batch. `times`: their log times, never falling."""

    next_offset: int  # after the last record that arrived here
    handed_to: int  # where the next batch goes on
    position: int  # where fetching goes on: beyond transaction markers, which are no records
    end: int = 0  # of what can be read on the broker
    announced: int = 0  # records on their way here
    size: int = 0  # bytes: keys, values, headers and what stands between them
    parts: list[Records] = field(default_factory=lambda: list[Records]())
    times: Vector = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def at(cls, offset: int) -> "Buffer":
        return cls(offset, offset, offset)

    @property
    def held(self) -> int:
        """Records."""
        return len(self.times)

    @property
    def lag(self) -> int:
        """Offsets the broker has and nobody fetched."""
        return max(0, self.end - self.position)

    def add(self, records: Records, size: int) -> None:
        """Append what is new of `records`: those before `next_offset` were read before."""
        records = records[int(np.searchsorted(records.column("offset"), self.next_offset)) :]
        if not records:
            return
        last = self.times[-1:]
        times = np.maximum.accumulate(np.concatenate([last, records.column("timestamp")]))[len(last) :]
        self.times = np.concatenate([self.times, times])
        self.parts.append(records)
        self.size += size
        self.next_offset = int(records.rows["offset"][-1]) + 1
        self.position = max(self.position, self.next_offset)

    def take(self, count: int) -> list[Records]:
        """The first `count` records, in parts as they were fetched. An emptied buffer goes on at `position`: markers are done with too."""
        taken, kept = list[Records](), self.held - count
        if count:
            self.size = self.size * kept // self.held
            self.times = self.times[count:]
        while count:
            part = self.parts.pop(0)
            taken.append(part[:count])
            if len(part) > count:
                self.parts.insert(0, part[count:])
            count -= len(taken[-1])
            self.handed_to = int(taken[-1].rows["offset"][-1]) + 1
        if not kept and not self.announced:
            self.handed_to = max(self.handed_to, self.position)
        return taken


@dataclass(frozen=True, slots=True)
class LaneRecords:
    """One lane's part of a batch, by topic. The positions move from `first_offsets` to `next_offsets`, also when only
    markers lay between. `clock_ms`: highest log time of its documents and ticks, 0 when there are none: filings and rule sets, which are
    taken ahead of documents, move no clock."""

    records: Mapping[str, Records]
    first_offsets: Mapping[str, int]
    next_offsets: Mapping[str, int]
    clock_ms: int


@dataclass(frozen=True, slots=True)
class Work(Mapping[int, LaneRecords]):
    """One batch: lane → its part; void when the intake's generation is another by the time it is begun."""

    generation: int
    lanes: Mapping[int, LaneRecords]

    def __getitem__(self, lane: int) -> LaneRecords:
        return self.lanes[lane]

    def __iter__(self) -> Iterator[int]:
        return iter(self.lanes)

    def __len__(self) -> int:
        return len(self.lanes)


def _lagging(buffers: Mapping[str, Buffer]) -> set[str]:
    return {topic for topic, buffer in buffers.items() if buffer.lag}


def available(buffers: Mapping[str, Buffer]) -> int:
    times = {topic: buffer.times for topic, buffer in buffers.items()}
    everything = sum(len(of_topic) for of_topic in times.values())
    return sum(cut(times, _lagging(buffers), everything).values())


def lane_records(lanes: Mapping[int, Mapping[str, Buffer]], most: Mapping[int, int]) -> dict[int, LaneRecords]:
    """Up to `most` records of each lane. Those of one topic are copied once, into one buffer for all lanes: what was
    fetched is let go of, whatever is kept of the batch."""
    begun = {lane: _begun(lanes[lane], count) for lane, count in most.items()}
    topics = {topic: None for taken, *_ in begun.values() for topic in taken}
    found: dict[int, dict[str, Records]] = {lane: {} for lane in begun}
    for topic in topics:
        joined, at = copied(part for taken, *_ in begun.values() for part in taken.get(topic, ())), 0
        for lane, (taken, *_) in begun.items():
            if count := sum(map(len, taken.get(topic, ()))):
                found[lane][topic] = joined[at : at + count]
                at += count
    return {lane: LaneRecords(found[lane], first, following, clock) for lane, (_, first, following, clock) in begun.items()}


def _begun(
    buffers: Mapping[str, Buffer], most: int
) -> tuple[Mapping[str, list[Records]], Mapping[str, int], Mapping[str, int], int]:
    """What LaneRecords says of a lane, its records in parts."""
    times = {topic: buffer.times for topic, buffer in buffers.items()}
    counts = cut(times, _lagging(buffers), most) if most else up_to(times, -1)
    ahead = {topic_name(kind) for kind in FIRST}
    clock = max((int(times[topic][count - 1]) for topic, count in counts.items() if count and topic not in ahead), default=0)
    first = {topic: buffer.handed_to for topic, buffer in buffers.items()}
    taken = {topic: buffers[topic].take(count) for topic, count in counts.items()}
    moved = {topic for topic, buffer in buffers.items() if buffer.handed_to > first[topic]}
    following = {topic: buffers[topic].handed_to for topic in sorted(moved)}
    return taken, {topic: first[topic] for topic in sorted(moved)}, following, clock

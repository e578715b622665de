"""What the intake holds of each topic-partition, and what a batch is made of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from agents.cutting import cut, up_to
from agents.reading import Record


@dataclass(slots=True)
class Buffer:
    """Records of one topic-partition, fetched and not yet in a batch. `times`: their log times, never falling."""

    next_offset: int  # after the last record that arrived here
    handed_to: int  # where the next batch goes on
    position: int  # where fetching goes on: beyond transaction markers, which are no records
    end: int = 0  # of what can be read on the broker
    announced: int = 0  # records on their way here
    size: int = 0  # bytes of keys and values
    records: list[Record] = field(default_factory=lambda: list[Record]())
    times: list[int] = field(default_factory=lambda: list[int]())

    @classmethod
    def at(cls, offset: int) -> "Buffer":
        return cls(offset, offset, offset)

    @property
    def lag(self) -> int:
        """Offsets the broker has and nobody fetched."""
        return max(0, self.end - self.position)

    def add(self, records: Sequence[Record], size: int) -> None:
        """Append what is new of `records`: those before `next_offset` were read before."""
        if records[0].offset < self.next_offset:
            records = [r for r in records if r.offset >= self.next_offset]
            if not records:
                return
        last = self.times[-1] if self.times else 0
        self.times.extend(accumulate((max(last, r.timestamp) for r in records), max))
        self.records.extend(records)
        self.size += size
        self.next_offset = records[-1].offset + 1
        self.position = max(self.position, self.next_offset)

    def take(self, count: int) -> list[Record]:
        """The first `count` records. An emptied buffer goes on at `position`: markers are done with too."""
        taken, kept = self.records[:count], len(self.records) - count
        if count:
            self.size = self.size * kept // len(self.records)
            self.records, self.times = self.records[count:], self.times[count:]
            self.handed_to = taken[-1].offset + 1
        if not kept and not self.announced:
            self.handed_to = max(self.handed_to, self.position)
        return taken


@dataclass(frozen=True, slots=True)
class LaneRecords:
    """One lane's part of a batch, by topic. The positions move from `first_offsets` to `next_offsets`, also when only
    markers lay between. `clock_ms`: highest log time in it, 0 when it has no records."""

    records: Mapping[str, Sequence[Record]]
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


def lane_records(buffers: Mapping[str, Buffer], most: int) -> LaneRecords:
    times = {topic: buffer.times for topic, buffer in buffers.items()}
    counts = cut(times, _lagging(buffers), most) if most else up_to(times, -1)
    clock = max((times[topic][count - 1] for topic, count in counts.items() if count), default=0)
    first = {topic: buffer.handed_to for topic, buffer in buffers.items()}
    taken = {topic: buffers[topic].take(count) for topic, count in counts.items()}
    moved = {topic for topic, buffer in buffers.items() if buffer.handed_to > first[topic]}
    return LaneRecords(
        {topic: records for topic, records in taken.items() if records},
        {topic: first[topic] for topic in sorted(moved)},
        {topic: buffers[topic].handed_to for topic in sorted(moved)},
        clock,
    )

"""Between fetching and batches: bounded buffers, cut so that documents that belong together come together."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from agents.reading import Record

Place = tuple[str, int]
BUFFER_RECORDS = 4_000  # a topic-partition is not fetched beyond this
PATIENCE_SECONDS = 0.2  # how long a lane waits for a topic that has lag and nothing buffered


@dataclass(slots=True)
class Buffer:
    """Records of one topic-partition, fetched and not yet in a batch."""

    records: list[Record] = field(default_factory=lambda: list[Record]())
    next_offset: int = 0  # to be fetched next
    high_watermark: int = 0

    @property
    def lagging(self) -> bool:
        """Whether the broker has more than was fetched."""
        return self.next_offset < self.high_watermark


@dataclass(frozen=True, slots=True)
class LaneWork:
    """One lane's part of a batch. `clock_ms`: highest log time in it, 0 when it has no records."""

    records: Mapping[str, Sequence[Record]]
    next_offsets: Mapping[str, int]
    clock_ms: int


def cut(buffers: Mapping[str, Buffer], most: int, patient: bool) -> dict[str, int]:
    """How many records to take of each topic of a lane.

    Up to the earliest of the last log times among topics that still lag, so that no topic runs ahead of another
    that will deliver the same orders; `patient`: a lagging topic with an empty buffer is waited for. At most about
    `most` records in all.
    """
    lagging = [b for b in buffers.values() if b.lagging]
    if patient and any(not b.records for b in lagging):
        return dict.fromkeys(buffers, 0)
    ends = [b.records[-1].timestamp for b in lagging if b.records]
    until = min(ends, default=2**62)
    counts = _counts(buffers, until)
    while sum(counts.values()) > most:
        widest = max(counts, key=lambda t: counts[t])
        half = max(1, counts[widest] * most // sum(counts.values()))
        earlier = buffers[widest].records[half - 1].timestamp
        if earlier >= until:  # many records of one instant: take them as they are, whole topics in turn
            return {t: min(n, max(1, most // len(counts))) for t, n in counts.items()}
        until = earlier
        counts = _counts(buffers, until)
    if not any(counts.values()) and any(b.records for b in buffers.values()):
        until = min(b.records[-1].timestamp for b in buffers.values() if b.records)
        counts = {t: min(n, most) for t, n in _counts(buffers, until).items()}
    return counts


def _counts(buffers: Mapping[str, Buffer], until: int) -> dict[str, int]:
    return {t: bisect_right(b.records, until, key=lambda r: r.timestamp) for t, b in buffers.items()}


class Intake:
    """Bounded by BUFFER_RECORDS a topic-partition; `full` tells the transport what not to fetch."""

    def __init__(self, tick_seconds: float = 1.0) -> None:
        self._lanes: dict[int, dict[str, Buffer]] = {}
        self._paused: set[Place] = set()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._tick = tick_seconds
        self._starving: dict[int, float] = {}
        self.generation = 0  # work gathered under an older one is void

    def reset(self, positions: Mapping[Place, int]) -> None:
        """A new assignment: forget what was fetched; the next records start at these offsets."""
        self._lanes = {}
        self.generation += 1
        for (topic, partition), offset in positions.items():
            if (topic, partition) not in self._paused:
                self._lanes.setdefault(partition, {})[topic] = Buffer(next_offset=offset)
        self._room.set()

    def drop(self, places: set[Place]) -> None:
        """Hand out nothing more of these."""
        for topic, partition in places:
            self._lanes.get(partition, {}).pop(topic, None)
            if not self._lanes.get(partition, True):
                del self._lanes[partition]

    def offer(self, place: Place, records: Sequence[Record], high_watermark: int) -> None:
        """Take fetched records; those before the expected offset (fetched before a seek) are left out."""
        buffer = self._lanes.get(place[1], {}).get(place[0])
        if buffer is None or place in self._paused:
            return
        buffer.records.extend(r for r in records if r.offset >= buffer.next_offset)
        buffer.next_offset = max(buffer.next_offset, records[-1].offset + 1)
        buffer.high_watermark = max(high_watermark, buffer.next_offset)
        self._arrived.set()

    def pause(self, place: Place) -> None:
        """Stop one topic-partition: what is buffered of it is forgotten and nothing more is fetched."""
        self._paused.add(place)
        self.generation += 1
        self._lanes.get(place[1], {}).pop(place[0], None)

    def resume(self, place: Place, position: int) -> None:
        """Take it up again; the caller seeks to `position`."""
        self._paused.discard(place)
        self._lanes.setdefault(place[1], {})[place[0]] = Buffer(next_offset=position)
        self._room.set()

    def paused(self) -> set[Place]:
        return set(self._paused)

    def full(self) -> set[Place]:
        """What is not to be fetched now."""
        stuffed = {
            (topic, lane)
            for lane, buffers in self._lanes.items()
            for topic, buffer in buffers.items()
            if len(buffer.records) >= BUFFER_RECORDS
        }
        return stuffed | self._paused

    async def room(self) -> None:
        """Wait until a batch was taken or positions were reset."""
        self._room.clear()
        await self._room.wait()

    def buffered(self) -> int:
        """Records fetched and not yet in a batch."""
        return sum(len(b.records) for buffers in self._lanes.values() for b in buffers.values())

    def lag(self) -> dict[str, int]:
        """Records by topic that the broker has and no batch took."""
        found: dict[str, int] = {}
        for buffers in self._lanes.values():
            for topic, b in buffers.items():
                found[topic] = found.get(topic, 0) + len(b.records) + max(0, b.high_watermark - b.next_offset)
        return found

    async def gather(self, most: int) -> dict[int, LaneWork]:
        """The next batch: lane → work. Empty work for every lane when nothing came for a tick."""
        deadline = time.monotonic() + self._tick
        while True:
            work = self._take(most)
            if work:
                self._room.set()
                return work
            left = deadline - time.monotonic()
            if left <= 0:
                return {lane: LaneWork({}, {}, 0) for lane in self._lanes}
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), min(left, 0.05))

    def _take(self, most: int) -> dict[int, LaneWork]:
        ready = {lane: b for lane, b in self._lanes.items() if any(x.records for x in b.values())}
        share = max(1, most // max(1, len(ready)))
        work: dict[int, LaneWork] = {}
        for lane, buffers in ready.items():
            counts = cut(buffers, share, patient=self._patient(lane, buffers))
            if any(counts.values()):
                self._starving.pop(lane, None)
                work[lane] = self._take_lane(buffers, counts)
        return work

    def _patient(self, lane: int, buffers: Mapping[str, Buffer]) -> bool:
        now = time.monotonic()
        if not any(b.lagging and not b.records for b in buffers.values()):
            return False
        return now - self._starving.setdefault(lane, now) < PATIENCE_SECONDS

    def _take_lane(self, buffers: Mapping[str, Buffer], counts: Mapping[str, int]) -> LaneWork:
        records: dict[str, Sequence[Record]] = {}
        next_offsets: dict[str, int] = {}
        clock = 0
        for topic, count in counts.items():
            buffer = buffers[topic]
            if count:
                taken, buffer.records = buffer.records[:count], buffer.records[count:]
                records[topic] = taken
                next_offsets[topic] = taken[-1].offset + 1
                clock = max(clock, taken[-1].timestamp)
        return LaneWork(records, next_offsets, clock)

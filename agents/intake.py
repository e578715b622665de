"""Between fetching and batches: bounded buffers, cut so that documents that belong together come together.

Nothing here is durable: what is handed out and not committed is read again from PostgreSQL's position. All of it runs
on the worker's event loop.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from agents.buffers import Buffer, LaneRecords, Work, available, lane_records
from agents.cutting import shares
from agents.records import Records

Place = tuple[str, int]
RECORDS_IN_FLIGHT = 32_000  # fetched and not yet in a batch, over all topic-partitions of the worker
BYTES_IN_FLIGHT = 64 << 20
PATIENCE_SECONDS = 0.2  # how long a lane waits for a topic that has lag and nothing buffered


class Intake:
    """`generation` changes with each assignment: records and work of an older one are void."""

    def __init__(
        self,
        tick_seconds: float = 1.0,
        records_in_flight: int = RECORDS_IN_FLIGHT,
        bytes_in_flight: int = BYTES_IN_FLIGHT,
    ) -> None:
        self._tick, self._most_records, self._most_bytes = tick_seconds, records_in_flight, bytes_in_flight
        self._lanes: dict[int, dict[str, Buffer]] = {}
        self._paused: set[Place] = set()
        self._astray: dict[Place, int] = {}
        self._hungry_since: dict[Place, float] = {}
        self._last_turn: dict[int, float] = {}
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False
        self._sharing = 1  # topic-partitions that share the bound
        self.generation = 0
        self.only: frozenset[str] = frozenset()  # topics to hand out; empty: all
        self.ends: Mapping[Place, int] = {}  # as told by the brokers: of what is not fetched the fetcher knows no end

    # Who owns what: called by the owner of the lanes.

    def reset(self, positions: Mapping[Place, int]) -> None:
        """A new assignment: forget what was fetched; the next records start at these offsets."""
        self.generation += 1
        self._astray, self._hungry_since = {}, {}
        self._lanes = {partition: {} for _, partition in positions}
        now = time.monotonic()
        self._last_turn = {lane: self._last_turn.get(lane, now) for lane in self._lanes}
        for (topic, partition), offset in positions.items():
            if (topic, partition) not in self._paused:
                self._lanes[partition][topic] = Buffer.at(offset)
        self._changed()

    def drop(self, places: Iterable[Place]) -> None:
        """Hand out nothing more of these."""
        for topic, partition in places:
            self._lanes.get(partition, {}).pop(topic, None)
            if not self._lanes.get(partition, True):
                del self._lanes[partition]
        self._changed()

    def pause(self, place: Place) -> None:
        """Stop one topic-partition: what is buffered of it is forgotten and nothing more is fetched."""
        self._paused.add(place)
        self._lanes.get(place[1], {}).pop(place[0], None)
        self._changed()

    def resume(self, place: Place, position: int) -> None:
        """Take it up again at `position`, if its lane is still here."""
        self._paused.discard(place)
        if place[1] in self._lanes:
            self._lanes[place[1]][place[0]] = Buffer.at(position)
            self._astray[place] = position
        self._changed()

    def close(self) -> None:
        """Fetch and hand out nothing any more: `gather` returns None."""
        self._closed = True
        self._lanes = {}
        self._arrived.set()
        self._changed()

    def paused(self) -> set[Place]:
        return set(self._paused)

    def _changed(self) -> None:
        self._sharing = max(1, sum(len(buffers) for buffers in self._lanes.values()))
        self._room.set()

    # What comes in: called by the transport and the agent.

    def announce(self, place: Place, count: int) -> None:
        """These were fetched and are on their way: they count as buffered from now on."""
        if buffer := self._buffer(place):
            buffer.announced += count

    async def offer(
        self,
        place: Place,
        records: Records,
        generation: int,
        *,
        start: int | None = None,
        position: int = 0,
        end: int = 0,
        size: int = 0,
    ) -> None:
        """Take fetched records; waits while the buffer is full, unless they were announced.

        `start`: where the fetch before this one ended. If something between got lost on the way, these are dropped
        and read again (`strayed`). `position`, `end`: of the fetcher and of the partition when they were fetched.
        """
        while (buffer := self._buffer(place)) is not None and generation == self.generation:
            if buffer.announced or not self._is_full(buffer):
                break
            await self.room()
        else:
            return
        buffer.announced = max(0, buffer.announced - len(records))
        if start is not None and start > buffer.position:
            self._astray[place] = buffer.next_offset
            return
        buffer.add(records, size)
        self._stands(buffer, position, end)
        self._hungry_since.pop(place, None)
        self._arrived.set()

    def progress(self, place: Place, generation: int, delivered: int, position: int, end: int) -> None:
        """Where a fetch that brought no records of `place` left it; ignored while records are on their way."""
        buffer = self._buffer(place)
        if buffer is None or generation != self.generation or buffer.position < delivered or buffer.announced:
            return
        if self._stands(buffer, position, end):
            self._arrived.set()

    def _stands(self, buffer: Buffer, position: int, end: int) -> bool:
        """Whether it no longer lags, or lags where it did not."""
        before = buffer.lag
        buffer.position = max(buffer.position, position)
        buffer.end = max(buffer.end, end)
        return bool(before) != bool(buffer.lag)

    def strayed(self) -> dict[Place, int]:
        """Where fetching has to start again, told once."""
        found, self._astray = self._astray, {}
        there = {place: offset for place, offset in found.items() if self._buffer(place)}
        for place in there:
            self._lanes[place[1]][place[0]].announced = 0  # what got lost never comes, and would take room for ever
        return there

    def full(self) -> set[Place]:
        """What is not to be fetched now: no room, paused."""
        stuffed = {
            (topic, lane)
            for lane, buffers in self._lanes.items()
            for topic, buffer in buffers.items()
            if self._is_full(buffer)
        }
        return stuffed | self._paused

    def wants(self, place: Place) -> bool:
        """Whether records of `place` are taken at all."""
        return self._buffer(place) is not None

    def holds(self, place: Place) -> bool:
        """Whether records of `place` are here, or on their way here."""
        buffer = self._buffer(place)
        return buffer is not None and buffer.held + buffer.announced > 0

    async def room(self, seconds: float | None = None) -> None:
        """Wait until a batch was taken or the assignment changed, but not longer than `seconds`."""
        self._room.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._room.wait()

    def _buffer(self, place: Place) -> Buffer | None:
        return self._lanes.get(place[1], {}).get(place[0])

    def _is_full(self, buffer: Buffer) -> bool:
        """Each topic-partition has an equal share of the bound, so that a full one never starves another."""
        return (
            buffer.held + buffer.announced >= self._most_records // self._sharing
            or buffer.size >= self._most_bytes // self._sharing
        )

    # What goes out: called by the worker.

    async def gather(self, most: int) -> Work | None:
        """The next batch, as soon as there is one; None when closed.

        A lane that had nothing for a tick gets an empty part, so that deadlines run; without lanes the work is empty.
        """
        started = time.monotonic()
        while not self._closed:
            now = time.monotonic()
            self._arrived.clear()
            work, wake_at = self._take(most, now)
            if work or (not self._lanes and now - started >= self._tick):
                self._room.set()
                return Work(self.generation, work)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.001, min(wake_at, now + self._tick) - now)):
                    await self._arrived.wait()
        return None

    def _take(self, most: int, now: float) -> tuple[dict[int, LaneRecords], float]:
        """Work of all lanes that have some or whose tick is due, and when to look again."""
        wanted: dict[int, int] = {}
        wake_at = now + self._tick
        lanes = self._handed_out()
        for lane, buffers in lanes.items():
            due = self._last_turn.setdefault(lane, now) + self._tick
            ready_at = self._ready_at(lane, buffers, now)
            if ready_at <= now and (count := available(buffers)):
                wanted[lane] = count
            elif due <= now:
                wanted[lane] = 0
            wake_at = min(wake_at, due, ready_at if ready_at > now else due)
        given = shares(wanted, self._at_most([lanes[lane] for lane in wanted], most))
        turns = {lane: count for lane, count in given.items() if count or not wanted[lane]}
        self._last_turn.update(dict.fromkeys(turns, now))
        return lane_records(lanes, turns), wake_at

    def _handed_out(self) -> Mapping[int, Mapping[str, Buffer]]:
        if not self.only:
            return self._lanes
        return {lane: {t: b for t, b in buffers.items() if t in self.only} for lane, buffers in self._lanes.items()}

    def _at_most(self, lanes: Iterable[Mapping[str, Buffer]], most: int) -> int:
        """`most`, or less when one topic would bring more than two fifths of it: each of its documents brings back two
        others that were stored before, and they take nearly as much memory as those that come."""
        counts: dict[str, int] = {}
        for buffers in lanes:
            for topic, buffer in buffers.items():
                counts[topic] = counts.get(topic, 0) + buffer.held
        largest, whole = max(counts.values(), default=0), sum(counts.values())
        return min(most, max(1, 2 * most * whole // (5 * largest))) if largest else most

    def _ready_at(self, lane: int, buffers: Mapping[str, Buffer], now: float) -> float:
        """When the lane need not wait any longer for a topic that lags and has nothing here."""
        ready_at = now
        for topic, buffer in buffers.items():
            if buffer.lag and not buffer.held:
                ready_at = max(ready_at, self._hungry_since.setdefault((topic, lane), now) + PATIENCE_SECONDS)
            else:
                self._hungry_since.pop((topic, lane), None)
        return ready_at

    # What is seen from outside.

    def buffered(self) -> int:
        """Records fetched and not yet in a batch."""
        return sum(b.held + b.announced for buffers in self._lanes.values() for b in buffers.values())

    def buffered_bytes(self) -> int:
        """Of these, what has arrived here."""
        return sum(b.size for buffers in self._lanes.values() for b in buffers.values())

    def lag(self) -> dict[str, int]:
        """Records by topic that the broker has and no batch took."""
        found: dict[str, int] = {}
        for lane, buffers in self._lanes.items():
            for topic, buffer in buffers.items():
                found[topic] = found.get(topic, 0) + self._waiting((topic, lane), buffer)
        return found

    def standing(self, held_up: int) -> dict[Place, tuple[tuple[int, ...], int]]:
        """Where each topic-partition that is handed out stands, and how many records wait there; none that is paused.

        What is held waits for older records of its lane: it moves when any of the lane is taken, or when `held_up` changes,
        which is said of what holds up all batches. What is not held moves by being fetched alone.
        """
        found: dict[Place, tuple[tuple[int, ...], int]] = {}
        for lane, buffers in self._handed_out().items():
            taken = sum(buffer.handed_to for buffer in buffers.values())
            for topic, b in buffers.items():
                stands = (self.generation, b.position, *((taken, held_up) if b.held else ()))
                found[topic, lane] = stands, self._waiting((topic, lane), b)
        return found

    def _waiting(self, place: Place, buffer: Buffer) -> int:
        return buffer.held + buffer.announced + max(buffer.lag, self.ends.get(place, 0) - buffer.position)

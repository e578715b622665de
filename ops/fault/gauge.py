"""The group's rate, read from PostgreSQL four times a second, and how long it takes to come back."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncpg

from schemas.contracts import document_topics

EVERY_SECONDS = 0.25
WINDOW_SECONDS = 1.0
BEFORE_SECONDS = 3.0  # of undisturbed load, whose rate counts as before
SHARE = 0.9
READ = """SELECT (SELECT json_object_agg(lane, n) FROM (SELECT lane, sum(next_offset)::bigint AS n FROM consumed
 WHERE topic = ANY ($1::text[]) GROUP BY lane) AS c)::text AS lanes,
 (SELECT coalesce(sum(batch_seq - published_seq), 0)::bigint FROM lane) AS behind"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Documents consumed by lane at a moment (monotonic seconds), and batches not yet published."""

    at: float
    lanes: dict[str, int]
    behind: int

    @property
    def documents(self) -> int:
        return sum(self.lanes.values())


@dataclass(slots=True)
class Gauge:
    """Samples in the background; while PostgreSQL is away there are none."""

    dsn: str
    samples: deque[Sample] = field(default_factory=lambda: deque[Sample](maxlen=1200))
    _task: "asyncio.Task[None] | None" = None
    _connection: asyncpg.Connection | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="gauge")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            self._connection.terminate()

    def latest(self) -> Sample | None:
        return self.samples[-1] if self.samples else None

    def rate(self, seconds: float, since: float = 0.0) -> float | None:
        """Documents a second over the last `seconds`, all of it after `since`; None while that is not measured."""
        pair = self._window(seconds, since)
        return None if pair is None else (pair[1].documents - pair[0].documents) / (pair[1].at - pair[0].at)

    def back(self, before: float, since: float) -> bool:
        """Whether, within a window after `since`, the rate was 90 % of `before` and every lane moved."""
        pair = self._window(WINDOW_SECONDS, since)
        if pair is None:
            return False
        first, last = pair
        moved = all(last.lanes[lane] > first.lanes.get(lane, 0) for lane in last.lanes)
        return moved and last.documents - first.documents >= SHARE * before * (last.at - first.at)

    def _window(self, seconds: float, since: float) -> tuple[Sample, Sample] | None:
        last = self.latest()
        if last is None or last.at - seconds < since:
            return None
        inside = [s for s in self.samples if s.at >= max(since, last.at - seconds - EVERY_SECONDS)]
        return (inside[0], last) if last.at - inside[0].at >= seconds else None

    async def until_back(self, before: float, since: float, limit: float, live: Callable[[], bool]) -> float | None:
        """Seconds from `since` to the end of the first good window, less the window; None when `limit` passed or
        the load ended."""
        while not self.back(before, since):
            if not live() or time.monotonic() - since > limit:
                return None
            await asyncio.sleep(EVERY_SECONDS / 2)
        last = self.latest()
        return max(0.0, last.at - since - WINDOW_SECONDS) if last else None

    async def _connected(self) -> asyncpg.Connection:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await asyncpg.connect(self.dsn, timeout=2, command_timeout=5)
        return connection

    async def _run(self) -> None:
        names = [t.name for t in document_topics()]
        while True:
            started = time.monotonic()
            try:
                row = await (await self._connected()).fetchrow(READ, names)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                row = None
                if self._connection is not None:
                    self._connection.terminate()
            if row is not None and row["lanes"]:
                self.samples.append(Sample(time.monotonic(), _lanes(row["lanes"]), row["behind"]))
            await asyncio.sleep(max(0.0, started + EVERY_SECONDS - time.monotonic()))


def _lanes(text: str) -> dict[str, int]:
    return json.loads(text)

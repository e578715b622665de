"""The capacity run: fresh stack, preloaded topics, workers against the clock, everything measured."""

import asyncio
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.generate import GeneratedSet, profile
from loadtest.generate.sets import NoSuchSet
from loadtest.plain_faust.settings import SETTINGS as BASELINE_SETTINGS
from loadtest.publish import preload
from ops import ruling
from ops.failed import RunFailed
from ops.filing import file_registry, publish_once
from ops.measure import Meter, reference_decode_us, with_children
from ops.stack import Stack
from ops.supervisor import WORKER, Supervisor
from schemas.contracts import PARTITIONS, document_topics, topic_name
from schemas.endpoints import Endpoints
from schemas.key_files import SAMPLE, KeyFiles
from schemas.rule_events import LIVE, SHADOW
from sinks.migrate import migrate
from sinks.store import Store
from sinks.topics import ensure_topics

Say = Callable[[str, int, int], None]  # what is done, how much of it, of how much
POLL_SECONDS = 0.1  # each look costs the cores that are measured
STUCK_SECONDS = 120.0
FULL_ORDER_BYTES = 1000  # of two lines
SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers", "max_wal_size", "wal_compression")
DECISIONS = ("release", "hold", "reject")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: `engine` tidegate or plain-faust; `shadow_1e4`: on such a share the live rule set is tried beside itself."""

    manifests: int
    workers: int
    profile: str
    seed: int
    engine: str = "tidegate"
    shadow_1e4: int = 0


@dataclass(slots=True)
class Measured:
    """Raw figures of one run; `seconds` from the first claim of a lane to the last decision readable."""

    seconds: float = 0.0
    startup_seconds: float = 0.0
    decided: int = 0
    documents: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict[str, int]())
    cpu_seconds: dict[str, float] = field(default_factory=lambda: dict[str, float]())
    peak_mb: dict[str, float] = field(default_factory=lambda: dict[str, float]())
    steal_percent: float = 0.0
    idle_percent: float = 0.0
    reference_decode_us: float = 0.0
    settings: dict[str, Any] = field(default_factory=lambda: dict[str, Any]())
    restarts: int = 0

    def as_json(self, plan: Plan) -> dict[str, Any]:
        """The report of the run, without the verifier's part."""
        each = {role: round(1e6 * s / max(1, self.decided), 1) for role, s in self.cpu_seconds.items()}
        return {
            "engine": plan.engine,
            "profile": plan.profile,
            "seed": plan.seed,
            "workers": plan.workers,
            "shadow_1e4": plan.shadow_1e4,
            "manifests": self.decided,
            "documents": self.documents,
            "manifests_per_second": round(self.decided / self.seconds, 1),
            "documents_per_second": round(self.documents / self.seconds, 1),
            "seconds": round(self.seconds, 2),
            "startup_seconds": round(self.startup_seconds, 2),
            "cpu_us_per_manifest": each,
            "cpu_decodes_per_manifest": {role: round(us / self.reference_decode_us, 2) for role, us in each.items()},
            "peak_rss_mb": self.peak_mb,
            "steal_percent": self.steal_percent,
            "idle_percent": self.idle_percent,
            "reference_decode_us": self.reference_decode_us,
            "outcomes": self.outcomes,
            "restarts": self.restarts,
            "settings": self.settings,
            "machine": {"cores": psutil.cpu_count(), "python": platform.python_version()},
            "commit": commit_id(),
        }


def commit_id() -> str:
    """Commit of the working tree, with `+` when something in it is not committed; empty outside git."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def generated(home: Path, plan: Plan, say: Say) -> GeneratedSet:
    """The set of this plan, from an earlier run or made now."""
    folder = home / "sets" / f"{plan.profile}-{plan.manifests}-{plan.seed}"
    try:
        return GeneratedSet.open(folder)
    except NoSuchSet:
        made = 0

        def count(more: int) -> None:
            nonlocal made
            made += more
            say("generating", made, plan.manifests)

        return GeneratedSet.write(folder, profile(plan.profile), plan.manifests, plan.seed, progress=count)


@contextmanager
def fresh_stack(home: Path, name: str, say: Callable[[str], None] = lambda _: None) -> Generator[Stack]:
    """A stack of its own with empty data, wiped afterwards; `say` is told what is downloaded and started."""
    stack = Stack(home, name)
    stack.down(wipe=True)
    stack = Stack(home, name, say)
    try:
        stack.up()
        yield stack
    finally:
        stack.down(wipe=True)


def environment(endpoints: Endpoints, home: Path) -> dict[str, str]:
    """Variables that lead a process to these endpoints."""
    return {
        **os.environ,
        "TIDEGATE_KAFKA": endpoints.kafka,
        "TIDEGATE_POSTGRES": endpoints.postgres,
        "TIDEGATE_HOME": str(home),
        SAMPLE: str(KeyFiles.resolve(home).sample),
    }


async def prepare(plan: Plan, stack: Stack, documents: GeneratedSet, log: Path, say: Say) -> None:
    """Topics, tables, the registry (of the baseline it is only published: its workers read it as they start) and the
    whole set on the topics."""
    endpoints = stack.endpoints()
    await ensure_topics(endpoints.kafka_options())
    await migrate(endpoints.postgres, datetime.now(UTC))
    market = profile(plan.profile).market
    if plan.engine == "tidegate":
        await file_registry(endpoints, environment(endpoints, stack.home), market, log, say)
        if plan.shadow_1e4:
            await _try_beside(endpoints, plan.shadow_1e4)
    else:
        await publish_once(endpoints, market, say)
    sent = 0

    def count(more: int) -> None:
        nonlocal sent
        sent += more
        say("preloading", sent, documents.about.documents)

    await preload(documents, endpoints.kafka_options(), count)


async def _try_beside(endpoints: Endpoints, share: int) -> None:
    """Have the live rule set tried beside itself: what another one costs. Workers take the rules before any document."""
    store = Store(endpoints.postgres)
    try:
        await ruling.order(endpoints, store, SHADOW, await ruling.version_of(store, LIVE), share, "capacity", 0.0)
    finally:
        await store.close()


def roles(stack: Stack, supervisor: Supervisor) -> Callable[[], dict[str, list[int]]]:
    """Processes by role, looked up anew each time: PostgreSQL's come and go."""
    return lambda: {
        "workers": supervisor.pids(),
        "postgres": with_children(stack.postgres.part.pid),
        "broker": with_children(stack.kafka.part.pid),
    }


async def run(plan: Plan, stack: Stack, documents: GeneratedSet, log: Path, say: Say) -> Measured:
    """Run the engine over the preloaded topics until all of them are decided."""
    endpoints = stack.endpoints()
    KeyFiles.resolve(stack.home).made()  # before the baseline looks for the seeds
    command = WORKER if plan.engine == "tidegate" else (WORKER[0], "-m", "loadtest.plain_faust")
    supervisor = Supervisor(plan.workers, command=command, environment=environment(endpoints, stack.home), log=log)
    meter = Meter(roles(stack, supervisor))
    watch = _Watch(endpoints, documents.about.documents, log)
    measured = Measured(settings=await _settings(endpoints.postgres) if plan.engine == "tidegate" else BASELINE_SETTINGS)
    order = next(d.value for d in documents.documents() if d.kind == "order" and len(d.value) >= FULL_ORDER_BYTES)
    before_us = reference_decode_us(order)
    await watch.open()
    launched = time.monotonic()
    supervisor.start()
    try:
        drive = _drive_tidegate if plan.engine == "tidegate" else _drive_baseline
        await drive(watch, meter, supervisor, measured, launched, documents, say)
        (measured.steal_percent, measured.idle_percent), measured.peak_mb = meter.steal_and_idle_percent(), meter.peak_mb()
        measured.restarts = sum(slot.restarts for slot in supervisor.slots)
    finally:
        supervisor.stop()
        await watch.close()
    measured.reference_decode_us = round((before_us + reference_decode_us(order)) / 2, 1)
    return measured


async def _drive_tidegate(
    watch: "_Watch", meter: Meter, supervisor: Supervisor, measured: Measured, launched: float,
    documents: GeneratedSet, say: Say,
) -> None:  # fmt: skip
    while not await watch.claimed():
        watch.check_alive(supervisor, launched)
        await asyncio.sleep(POLL_SECONDS / 10)
    begun = time.monotonic()
    measured.startup_seconds = begun - launched
    meter.begin()
    while not await watch.finished(say):
        watch.check_alive(supervisor, begun)
        meter.sample()
        await asyncio.sleep(POLL_SECONDS)
    await watch.all_readable()
    measured.seconds = time.monotonic() - begun
    measured.cpu_seconds = meter.cpu_seconds()
    measured.outcomes = await watch.outcomes()
    measured.decided, measured.documents = sum(measured.outcomes.values()), watch.consumed


async def _drive_baseline(
    watch: "_Watch", meter: Meter, supervisor: Supervisor, measured: Measured, launched: float,
    documents: GeneratedSet, say: Say,
) -> None:  # fmt: skip
    """The baseline writes topics only: its clock runs from the first decision to the last one."""
    quiet_since = last_change = begun = time.monotonic()
    counts: Mapping[str, int] = {}
    while time.monotonic() - quiet_since < 15.0:
        now = await watch.decisions()
        if now != counts:
            if not counts:
                begun = time.monotonic()
                meter.begin()
            counts, quiet_since = now, time.monotonic()
            last_change = quiet_since
            measured.cpu_seconds = meter.cpu_seconds()
            say("deciding", sum(counts.values()), documents.about.manifests)
        if not counts:
            quiet_since = time.monotonic()
        watch.check_alive(supervisor, launched)
        await asyncio.sleep(POLL_SECONDS)
    measured.startup_seconds, measured.seconds = begun - launched, last_change - begun
    measured.outcomes = {name.upper(): n for name, n in counts.items() if n}
    measured.decided, measured.documents = sum(counts.values()), documents.about.documents


class _Watch:
    """Looks from outside: positions and decisions in PostgreSQL, readable ends in Kafka."""

    def __init__(self, endpoints: Endpoints, documents: int, log: Path) -> None:
        self._endpoints, self._documents, self._log = endpoints, documents, log
        self._last_consumed, self._moved = -1, time.monotonic()
        self.consumed = 0

    async def open(self) -> None:
        self._postgres: asyncpg.Connection = await asyncpg.connect(self._endpoints.postgres, timeout=10)
        self._former = await self._claims()
        self._readable, self._everything = (
            AIOKafkaConsumer(**self._endpoints.kafka_options(), isolation_level=level)
            for level in ("read_committed", "read_uncommitted")
        )
        await self._readable.start()
        await self._everything.start()

    async def close(self) -> None:
        await self._postgres.close()
        await self._readable.stop()
        await self._everything.stop()

    def check_alive(self, supervisor: Supervisor, since: float) -> None:
        """RunFailed when a worker ended or nothing moves."""
        if len(supervisor.pids()) < supervisor.count:
            raise RunFailed(f"a worker ended by itself; its log is {self._log}")
        if time.monotonic() - max(since, self._moved) > STUCK_SECONDS:
            raise RunFailed(
                f"nothing moved for {STUCK_SECONDS:.0f} s at {self.consumed} of {self._documents} documents; "
                f"the workers' log is {self._log}"
            )

    async def claimed(self) -> bool:
        """Since it was opened: who filed the registry had the lanes before."""
        return await self._claims() > self._former

    async def _claims(self) -> int:
        return int(await self._postgres.fetchval("SELECT coalesce(sum(epoch), 0) FROM lane") or 0)

    async def finished(self, say: Say) -> bool:
        """Everything consumed, and all that was committed published."""
        names = [t.name for t in document_topics()]
        row = await self._postgres.fetchrow(
            "SELECT (SELECT coalesce(sum(next_offset), 0)::bigint FROM consumed WHERE topic = ANY ($1::text[])) AS consumed,"
            " (SELECT coalesce(sum(batch_seq - published_seq), 0)::bigint FROM lane) AS behind",
            names,
        )
        assert row is not None
        self.consumed = row["consumed"]
        if self.consumed != self._last_consumed:
            self._last_consumed, self._moved = self.consumed, time.monotonic()
            say("deciding", self.consumed, self._documents)
        return self.consumed >= self._documents and row["behind"] == 0

    async def all_readable(self) -> None:
        """Until no output partition holds a transaction that is not yet committed."""
        places = [TopicPartition(topic_name(t), p) for t in (*DECISIONS, "receipt") for p in range(PARTITIONS)]
        while await self._readable.end_offsets(places) != await self._everything.end_offsets(places):
            await asyncio.sleep(POLL_SECONDS / 20)

    async def outcomes(self) -> dict[str, int]:
        return dict(await self._postgres.fetch("SELECT outcome, count(*) FROM manifest GROUP BY 1 ORDER BY 1"))

    async def decisions(self) -> Mapping[str, int]:
        """Records on the decision topics (of an engine without transactions)."""
        places = {t: [TopicPartition(topic_name(t), p) for p in range(PARTITIONS)] for t in DECISIONS}
        ends = await self._everything.end_offsets([p for of_topic in places.values() for p in of_topic])
        found = {t: sum(ends[p] for p in of_topic) for t, of_topic in places.items()}
        return found if any(found.values()) else {}


def baseline_said(log: Path) -> dict[str, Any]:
    """What the baseline's workers wrote of themselves: which extensions are compiled, and what they counted, summed."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"')]
    counts = [line for line in lines if "records" in line]
    numbers = [name for name in (counts[0] if counts else {}) if name != "decided"]
    return {
        "faust": next((line["faust"] for line in lines if "faust" in line), ""),
        "compiled": next((line["compiled"] for line in lines if "compiled" in line), {}),
        "counted": {name: sum(line[name] for line in counts) for name in numbers},
    }


async def _settings(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        rows = await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])", SETTINGS)
        unlogged = await connection.fetchval("SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'")
    finally:
        await connection.close()
    return dict(rows) | {"unlogged_tables": str(unlogged), "acks": "all", "isolation": "read_committed"}

"""Real worker processes on the stack of the tests, and the documents they are given."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from loadtest.generate import GeneratedSet, Planned, profile
from loadtest.verify import processes, verify
from ops.capacity import environment
from ops.filing import publish_once, until_taken
from ops.supervisor import WORKER, Slot, Supervisor
from schemas.contracts import KINDS, PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from tests.pipeline.memory import KEY

PATIENCE_SECONDS = 240
SEEDS = [(date(2019, 1, 1), b"a seed for tests".rjust(32)), (date(2026, 1, 1), b"another one".rjust(32))]
POLL_SECONDS = 0.05
Place = tuple[str, int]


def same_draws(folder: Path) -> Path:
    """The file of seeds a home has, with these: else every run makes one of its own, and draws other samples."""
    path = folder / "sample.key"
    path.write_text("".join(f"{day} {seed.hex()}\n" for day, seed in SEEDS))
    return path


def generated(folder: Path, manifests: int, seed: int) -> GeneratedSet:
    """A small set with every story there is."""
    return GeneratedSet.write(folder, profile("small"), manifests, seed, processes=1)


@dataclass(slots=True)
class Group:
    """Workers of one group, its database and its topics. `log`: where all of them write."""

    endpoints: Endpoints
    supervisor: Supervisor
    db: asyncpg.Connection
    log: Path
    ended: list[Slot] = field(default_factory=lambda: list[Slot]())

    async def until(self, what: str, query: str, *arguments: Any) -> None:
        """Until the database answers the query with true; a failure that names what was waited for, not a hang."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await self.db.fetchval(query, *arguments):
                    self.supervisor.tend()
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"waited in vain: {what}; the workers said:\n{self.said()}") from None

    async def settled(self, but: Iterable[Place] = ()) -> None:
        """Everything that can be read was consumed, but these topic-partitions, and everything decided was published."""
        ends = await readable_ends(self.endpoints)
        await self.until(
            "everything consumed",
            "SELECT count(*) = $4 AND bool_and(next_offset >= t.until) FROM consumed"
            " JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS t(topic, partition, until) USING (topic, partition)",
            [t for t, _ in ends], [p for _, p in ends],
            [0 if place in set(but) else end for place, end in ends.items()], len(ends),
        )  # fmt: skip
        await self.until("everything published", "SELECT bool_and(batch_seq = published_seq) FROM lane")

    def said(self) -> str:
        """The end of the workers' log."""
        return self.log.read_text()[-4_000:] if self.log.exists() else "nothing"

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Lines with this message, of all workers."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    async def asked(self, path: str, number: int = -1) -> str:
        """What a worker answers on /ready or /metrics: by the number of its start, else the last one."""
        port = self.logged("worker starting")[number]["port"]
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/{path}") as answer:
            return await answer.text()

    async def until_asked(self, path: str, pattern: str, number: int = -1) -> str:
        """Until an answer matches; the answer."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    with suppress(aiohttp.ClientError, OSError, IndexError):
                        if re.search(pattern, answer := await self.asked(path, number), re.MULTILINE):
                            return answer
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {pattern} on /{path}; the workers said:\n{self.said()}") from None

    async def stop(self) -> list[int]:
        """Drain all; exit codes."""
        return await asyncio.to_thread(self.supervisor.stop)

    async def proved(self, documents: GeneratedSet | None) -> None:
        """The verifier finds nothing, alone and with processes that read their shares; the workers have to be stopped."""
        answers = documents.folder if documents else None
        proof = await verify(self.endpoints, person_key=KEY, seeds=SEEDS, answers=answers)
        assert proof.verified, [str(d) for d in proof.discrepancies[:5]]
        with patch.object(processes, "ALONE", 0):
            spread = await verify(self.endpoints, person_key=KEY, seeds=SEEDS, answers=answers)
        assert spread.verified, [str(d) for d in spread.discrepancies[:5]]
        assert spread.counts == proof.counts


@asynccontextmanager
async def workers(
    endpoints: Endpoints, folder: Path, count: int, transport: str = "batch", batch_records: int = 300,
    command: Sequence[str] = WORKER, filed: bool = True,
) -> AsyncIterator[Group]:
    """`count` workers in a group of their own; killed at the end if they still run. `filed`: they have taken the registry."""
    folder.mkdir(parents=True, exist_ok=True)
    key, log = folder / "person.key", folder / "workers.log"
    key.write_bytes(KEY)
    settings = {
        "TIDEGATE_GROUP": topic_name("workers"), "TIDEGATE_TRANSPORT": transport, "TIDEGATE_PERSON_KEY_FILE": str(key),
        "TIDEGATE_SAMPLE_KEY_FILE": str(same_draws(folder)),
        "TIDEGATE_BATCH_RECORDS": str(batch_records),
    }  # fmt: skip
    supervisor = Supervisor(count, command=command, environment={**environment(endpoints, folder), **settings}, log=log)
    db: asyncpg.Connection = await asyncpg.connect(endpoints.postgres, timeout=10)
    group = Group(endpoints, supervisor, db, log)
    if filed:
        await publish_once(endpoints, "small", lambda *_: None)
    supervisor.start()
    try:
        if filed:
            await until_taken(endpoints, lambda *_: None, supervisor.tend)
        yield group
    finally:
        for slot in [*supervisor.slots, *group.ended]:
            if slot.process.poll() is None:
                slot.process.kill()
                slot.process.wait()
        await group.db.close()


async def readable_ends(endpoints: Endpoints) -> dict[Place, int]:
    """Where each document topic-partition ends for read_committed."""
    places = [TopicPartition(topic_name(kind), p) for kind in KINDS for p in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(**endpoints.kafka_options(), isolation_level="read_committed")
    await consumer.start()
    try:
        return {(tp.topic, tp.partition): end for tp, end in (await consumer.end_offsets(places)).items()}
    finally:
        await consumer.stop()


async def read_all(endpoints: Endpoints, kinds: Iterable[str]) -> dict[str, list[Any]]:
    """kind → every record readable with read_committed."""
    places = [TopicPartition(topic_name(kind), p) for kind in kinds for p in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(
        **endpoints.kafka_options(), isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    found: dict[str, list[Any]] = {kind: [] for kind in kinds}
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        async with asyncio.timeout(PATIENCE_SECONDS):
            for place in places:
                while await consumer.position(place) < ends[place]:
                    for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                        found[tp.topic.removeprefix(topic_name(""))] += records
    finally:
        await consumer.stop()
    return found


@asynccontextmanager
async def producer(endpoints: Endpoints, **more: Any) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(**endpoints.kafka_options(), acks="all", enable_idempotence=True, **more)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def send(sender: AIOKafkaProducer, documents: Iterable[Planned], base_ms: int | None = None) -> None:
    """Send in order and wait until all are acknowledged; log times are `base_ms` and what is due after it, if given."""
    waits = [
        await sender.send(
            topic_name(one.kind), one.value, key=one.key, partition=one.partition, headers=list(one.headers),
            timestamp_ms=None if base_ms is None else base_ms + one.due_ms,
        )
        for one in documents
    ]  # fmt: skip
    await asyncio.gather(*waits)


def by_key(rows: Iterable[Mapping[str, Any]], key: Iterable[str], without: Iterable[str]) -> dict[Any, dict[str, Any]]:
    """Rows by their key columns, which name one row each; `without` columns are left out."""
    names, dropped = list(key), set(without)
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        ident = tuple(row[name] for name in names)
        assert ident not in found
        found[ident] = {k: v for k, v in row.items() if k not in dropped}
    return found

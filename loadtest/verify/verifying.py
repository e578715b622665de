"""Everything read and proved: the parts of the shares beside the rest."""

import asyncio
import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from loadtest.verify.answers import KnownAnswers
from loadtest.verify.cases import BY_MANIFEST, BY_PARTITION, EVERYTHING, Share
from loadtest.verify.evidence import Evidence
from loadtest.verify.kafka import read_changes, read_kafka
from loadtest.verify.postgres import at_one_moment, read_share_of_tables, read_tables
from loadtest.verify.processes import Parts, ReadShare, processes_for
from loadtest.verify.proof import Proof
from loadtest.verify.proving import prove_beside
from loadtest.verify.registry import registry_of
from loadtest.verify.samples import Seeds
from schemas.endpoints import Endpoints

Progress = Callable[[str, int, int], None]
FIRST = ("registry_entries", "rule_sets", "rule_events")  # tables that every decision is recomputed with


async def verify(
    endpoints: Endpoints,
    *,
    person_key: bytes,
    seeds: Seeds = (),
    answers: Path | None = None,
    complete: bool = True,
    processes: int = 2,
    progress: Progress = lambda _stage, _done, _total: None,
    told: Callable[[Proof], None] = lambda _proof: None,
) -> Proof:
    """Read everything and prove it. The system has to be at rest: workers idle or stopped, outbox published.

    `person_key`: the key of the pseudonyms; `seeds`: of the samples. `answers`: folder of the generated set that was sent (NoSuchSet when it is
    none). `complete`: nothing may be left unread. `processes`: that prove a share each, while this
    one proves the rest. `progress`: stage, done, total; `told`: the proof, before anything that was read is freed. It occupies the
    event loop.
    """
    started = time.perf_counter()
    with _without_cycle_search():
        known = KnownAnswers(answers, alone=processes == 1) if answers is not None else None
        parts, evidence, manifests = await _gathered(endpoints, person_key, seeds, complete, processes, progress)
        reading = round(time.perf_counter() - started, 3)
        proof = prove_beside(parts, evidence, manifests, answers=known, complete=complete, progress=progress)
        proof = replace(proof, seconds={"reading": reading, **proof.seconds})
        told(proof)
    return proof


async def _gathered(
    endpoints: Endpoints, person_key: bytes, seeds: Seeds, complete: bool, processes: int, progress: Progress
) -> tuple[Parts, Evidence, int]:
    """The parts under way, the evidence of what lies beyond them, and how many manifests there are. Documents and decisions,
    most of all there is, are read by the shares alone.

    Of documents tables first, then topics: what is in the tables of a system at rest is in the topics too.
    """
    async with at_one_moment(endpoints.postgres) as connection:
        kafka = endpoints.kafka_options()
        filings, rulings, first = await asyncio.gather(
            read_changes(kafka, "registry"), read_changes(kafka, "rules"), read_tables(connection, only=FIRST)
        )
        registry = registry_of(filings, first)
        manifests: int = await connection.fetchval("SELECT count(*) FROM manifest")
        count = processes_for(manifests, processes)
        if count > 1:
            snapshot = str(await connection.fetchval("SELECT pg_export_snapshot()"))
            read: ReadShare = partial(_read_share, endpoints, snapshot)
        else:
            whole = await read_share_of_tables(connection, EVERYTHING)
            every = Evidence(*await read_kafka(kafka, progress=progress), whole)
            read = lambda _share, _independent: every  # noqa: E731
        parts = Parts(read, registry, person_key, count, seeds, complete=complete)
        tables = await read_tables(connection, (*FIRST, *BY_PARTITION, *BY_MANIFEST), progress=progress)
        # a snapshot can be taken over only while the transaction that exported it stands
        await asyncio.to_thread(parts.wait_until_independent)
        for name in FIRST:
            setattr(tables, name, getattr(first, name))
    ticks = await read_changes(kafka, "clock")  # last: what the tables had read is there
    return parts, Evidence({}, {}, [], tables, filings, rulings, ticks), manifests


def _read_share(endpoints: Endpoints, snapshot: str, share: Share, independent: Callable[[], None]) -> Evidence:
    """What a process reads that checks the decisions of a share (an event loop of its own)."""
    return asyncio.run(_share_evidence(endpoints, snapshot, share, independent))


async def _share_evidence(endpoints: Endpoints, snapshot: str, share: Share, independent: Callable[[], None]) -> Evidence:
    async with at_one_moment(endpoints.postgres, snapshot) as connection:
        independent()
        tables = await read_share_of_tables(connection, share)
    return Evidence(*await read_kafka(endpoints.kafka_options(), share), tables)


@contextmanager
def _without_cycle_search() -> Generator[None]:
    """Evidence is millions of tuples without cycles: searching them for cycles took longer than checking them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

"""The independent verifier: proves from topics and tables alone that every decision, amount and message is right.

It shares with the pipeline the contracts (schemas/) and docs/decisions.md, and no code: loadtest/verify decodes,
evaluates, taxes and replays by its own. Where they disagree, one of them is wrong.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from loadtest.verify.answers import KnownAnswers
from loadtest.verify.cases import Share
from loadtest.verify.chunks import Recomputation, processes_for
from loadtest.verify.evidence import Evidence
from loadtest.verify.kafka import read_changes, read_kafka
from loadtest.verify.postgres import at_one_moment, read_share_of_tables, read_tables
from loadtest.verify.proof import Discrepancy, Proof
from loadtest.verify.proving import prove, prove_beside
from loadtest.verify.registry import registry_of
from loadtest.verify.samples import Seeds
from schemas.endpoints import Endpoints

__all__ = ["Discrepancy", "Evidence", "KnownAnswers", "Proof", "prove", "verify"]

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
) -> Proof:
    """Read everything and prove it. The system has to be at rest: workers idle or stopped, outbox published.

    `person_key`: the key of the pseudonyms; `seeds`: of the samples. `answers`: folder of the generated set that was sent (NoSuchSet when it is
    none). `complete`: nothing may be left unread. `processes`: that recompute decisions, each reading its share, while
    this one proves the rest. `progress`: stage, done, total. It occupies the event loop.
    """
    known = KnownAnswers(answers) if answers is not None else None
    started = time.perf_counter()
    with _without_cycle_search():
        recomputing, evidence = await _gathered(endpoints, person_key, seeds, processes, progress)
        reading = round(time.perf_counter() - started, 3)
        proof = prove_beside(recomputing, evidence, answers=known, complete=complete, progress=progress)
    return Proof(proof.counts, {"reading": reading, **proof.seconds}, proof.discrepancies, proof.discrepancy_count)


async def _gathered(
    endpoints: Endpoints, person_key: bytes, seeds: Seeds, processes: int, progress: Progress
) -> tuple[Recomputation, Evidence]:
    """All evidence, and the recomputation under way; with processes of its own, table manifest_line is left to them.

    Tables first, then topics: what is in the tables of a system at rest is in the topics too.
    """
    filings, rulings = [await read_changes(endpoints.kafka_options(), kind) for kind in ("registry", "rules")]
    async with at_one_moment(endpoints.postgres) as connection:
        first = await read_tables(connection, only=FIRST)
        registry = registry_of(filings, first)
        count = processes_for(await connection.fetchval("SELECT count(*) FROM manifest"), processes)
        if count > 1:
            snapshot = str(await connection.fetchval("SELECT pg_export_snapshot()"))
            recomputing = Recomputation(partial(_read_share, endpoints, snapshot), registry, person_key, count, seeds)
            tables = await read_tables(connection, ("lines", *FIRST), progress=progress)
            # a snapshot can be taken over only while the transaction that exported it stands
            await asyncio.to_thread(recomputing.wait_until_independent)
        else:
            recomputing, tables = None, await read_tables(connection, FIRST, progress=progress)
        for name in FIRST:
            setattr(tables, name, getattr(first, name))
    inputs, ends, outputs = await read_kafka(endpoints.kafka_options(), progress=progress)
    evidence = Evidence(inputs, ends, outputs, tables, filings, rulings)
    return recomputing or Recomputation(lambda _share, _independent: evidence, registry, person_key, 1, seeds), evidence


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

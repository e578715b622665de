"""The independent verifier: proves from topics and tables alone that every decision, amount and message is right.

It shares with the pipeline the contracts (schemas/) and docs/decisions.md, and no code: loadtest/verify decodes,
evaluates, taxes and replays by its own. Where they disagree, one of them is wrong.
"""

import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from loadtest.verify.answers import KnownAnswers
from loadtest.verify.evidence import Evidence
from loadtest.verify.kafka import read_kafka
from loadtest.verify.postgres import read_postgres
from loadtest.verify.proof import Discrepancy, Proof
from loadtest.verify.proving import prove
from schemas.endpoints import Endpoints

__all__ = ["Discrepancy", "Evidence", "KnownAnswers", "Proof", "prove", "read_evidence", "verify"]

Progress = Callable[[str, int, int], None]


async def read_evidence(endpoints: Endpoints, progress: Progress = lambda _stage, _done, _total: None) -> Evidence:
    """Tables first, then topics: what is in the tables of a system at rest is in the topics too."""
    tables = await read_postgres(endpoints.postgres, progress)
    inputs, ends, outputs = await read_kafka(endpoints.kafka_options(), progress)
    return Evidence(inputs, ends, outputs, tables)


async def verify(
    endpoints: Endpoints,
    *,
    person_key: bytes,
    answers: Path | None = None,
    complete: bool = True,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Proof:
    """Read everything and prove it. The system has to be at rest: workers idle or stopped, outbox published.

    `person_key`: the key of the pseudonyms. `answers`: folder of the generated set that was sent (NoSuchSet when it is
    none). `complete`: nothing may be left unread. `progress`: stage, done, total. It occupies the event loop.
    """
    known = KnownAnswers(answers) if answers is not None else None
    started = time.perf_counter()
    with _without_cycle_search():
        evidence = await read_evidence(endpoints, progress)
        reading = round(time.perf_counter() - started, 3)
        proof = prove(evidence, person_key, answers=known, complete=complete, progress=progress)
    return Proof(proof.counts, {"reading": reading, **proof.seconds}, proof.discrepancies, proof.discrepancy_count)


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

"""demo: the festival's opening in about a minute, from nothing to a proof."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer

from loadtest.generate import GeneratedSet, profile
from loadtest.latency import DecisionReader
from loadtest.replay import Replayed, replay
from loadtest.verify import Proof
from ops.capacity import Plan, environment, fresh_stack, generated
from ops.commands.demo_view import live, show_proof, show_summary
from ops.commands.load import show_discrepancies
from ops.commands.show import FAILED, OUT, Steps, fail
from ops.commands.trace import gather, show
from ops.failed import RunFailed
from ops.filing import publish_once, until_taken
from ops.proof import proof_of
from ops.supervisor import Supervisor
from schemas.contracts import PARTITIONS, document_topics
from schemas.endpoints import Endpoints, home_folder
from sinks.migrate import migrate
from sinks.topics import ensure_topics

PROFILE = "demo"
WORKERS = 2
READY_SECONDS, DRAIN_SECONDS = 60.0, 90.0
BEAT_SECONDS = 0.5
NEXT = """[bold]Where to look next[/]
  by hand    [bold].venv/bin/tidegate up[/], in another terminal [bold].venv/bin/tidegate worker --count 2[/], then
             [bold].venv/bin/tidegate registry sample[/] (firms and goods that may trade),
             [bold].venv/bin/tidegate send schemas/examples/hold/*.json[/] and [bold].venv/bin/tidegate decisions[/]
  read       README.md; docs/architecture.md (the way of the data, and why it is exactly once);
             docs/platforms.md (send your own documents); docs/rules.md (every rule and its law)
  break it   [bold]make fault[/] kills workers, broker and database under load, and proves the result again"""


def demo(
    manifests: Annotated[int, typer.Option(help="Order numbers to replay.", min=2_000, max=1_000_000)] = 60_000,
    seed: Annotated[int, typer.Option(help="Seed of the generator.")] = 1,
) -> None:
    """Show the whole system at work: Kafka, PostgreSQL, two workers, the opening of Double-11 2019 in about a minute.

    The order curve of that night is replayed with its peak at 3,000 orders a second. Then: what was decided and why,
    how long it took, the proof by the independent verifier, and one manifest from arrival to receipt. Everything is
    stopped and removed at the end.
    """
    home = home_folder().resolve()
    OUT.print("[bold]Tidegate demo[/]: releases customs manifests from three streams of documents, exactly once.\n")
    try:
        with Steps(transient=True) as steps:
            documents = generated(home, Plan(manifests, WORKERS, PROFILE, seed), steps)
        OUT.print(f"{documents.about.documents:,} documents of {manifests:,} orders are generated beforehand, each with its known answer.")
        with fresh_stack(home, "demo", OUT.print) as stack:
            proof = asyncio.run(_show_all(stack.endpoints(), home, documents))
            OUT.print("\nStopping Kafka and PostgreSQL …")
    except RunFailed as e:
        fail("Failed", str(e))
        raise typer.Exit(FAILED) from None
    OUT.print(f"Everything is stopped, and its data removed.\n\n{NEXT}")
    if not proof.verified:
        raise typer.Exit(FAILED)


async def _show_all(endpoints: Endpoints, home: Path, documents: GeneratedSet) -> Proof:
    await ensure_topics(endpoints.kafka_options())
    await migrate(endpoints.postgres, datetime.now(UTC))
    log = home / "logs" / "demo-workers.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    supervisor = Supervisor(WORKERS, environment=environment(endpoints, home), log=log)
    connection: asyncpg.Connection = await asyncpg.connect(endpoints.postgres, timeout=10)
    try:
        OUT.print(f"Starting {WORKERS} workers … (the first time on a machine half a minute longer: their loops are compiled)")
        supervisor.start()
        try:
            reader = DecisionReader(documents, endpoints.kafka_options())  # reads the set while they start
            await _until(lambda: _owned(connection), READY_SECONDS, f"the workers own their lanes; their log is {log}")
            OUT.print("Filing the firms and goods of the market with customs …")
            await publish_once(endpoints, profile(PROFILE).market, lambda *_: None)
            await until_taken(endpoints, lambda *_: None, supervisor.tend)
            replayed = await _replay_live(connection, endpoints, documents, reader, supervisor)
        finally:
            await asyncio.to_thread(supervisor.stop)
        await show_summary(connection, reader, replayed)
        proof = await _proof(endpoints, home, documents)
        await _one_manifest(connection, endpoints)
        return proof
    finally:
        await connection.close()


async def _until(done: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not await done():
        if time.monotonic() > deadline:
            raise RunFailed(f"{seconds:.0f} s passed before {what}")
        await asyncio.sleep(0.1)


async def _owned(connection: asyncpg.Connection) -> bool:
    row = await connection.fetchrow("SELECT count(*) AS lanes, count(DISTINCT owner) AS owners FROM lane")
    return row is not None and row["lanes"] == PARTITIONS and row["owners"] == WORKERS


async def _replay_live(
    connection: asyncpg.Connection, endpoints: Endpoints, documents: GeneratedSet, reader: DecisionReader, supervisor: Supervisor
) -> Replayed:
    start: dict[str, float] = {"at": 0.0}
    state: dict[str, Replayed] = {}

    def progress(now: Replayed) -> None:
        start["at"], state["now"] = now.start_ms, now

    reading = asyncio.create_task(reader.run(start))
    sending = asyncio.create_task(replay(documents, endpoints.kafka_options(), 1.0, progress))
    total, seconds = documents.about.documents, documents.about.seconds
    names = [t.name for t in document_topics()]
    OUT.print(f"\nReplaying the opening of Double-11 2019 in {seconds:.0f} s, its peak at 3,000 orders a second:\n")
    try:
        with live(total) as view:
            drained_by = time.monotonic() + seconds + DRAIN_SECONDS
            while True:
                consumed, behind = await _progress(connection, names)
                view.update(state["now"].sent if state else 0, consumed, dict(reader.outcomes), behind)
                if sending.done() and consumed >= total and behind == 0:
                    break
                if time.monotonic() > drained_by:
                    raise RunFailed(f"{consumed} of {total} documents were consumed in time")
                supervisor.tend()
                await asyncio.sleep(BEAT_SECONDS)
            decided = int(await connection.fetchval("SELECT count(*) FROM manifest") or 0)
            await _until(lambda: _read(reader, decided), READY_SECONDS, "all decisions were read from their topics")
            view.update(total, total, dict(reader.outcomes), 0)
        return sending.result()
    finally:
        for task in (reading, sending):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _read(reader: DecisionReader, decided: int) -> bool:
    return sum(reader.outcomes.values()) >= decided


async def _progress(connection: asyncpg.Connection, names: list[str]) -> tuple[int, int]:
    row = await connection.fetchrow(
        "SELECT (SELECT coalesce(sum(next_offset), 0)::bigint FROM consumed WHERE topic = ANY ($1::text[])),"
        " (SELECT coalesce(sum(batch_seq - published_seq), 0)::bigint FROM lane)",
        names,
    )
    assert row is not None
    return int(row[0]), int(row[1])


async def _proof(endpoints: Endpoints, home: Path, documents: GeneratedSet) -> Proof:
    OUT.print("\nProving every decision with the independent verifier, which shares no code with the pipeline …")
    with Steps(transient=True) as steps:
        proof = await proof_of(endpoints, home, documents.folder, steps)
    show_discrepancies(proof)
    show_proof(proof)
    return proof


async def _one_manifest(connection: asyncpg.Connection, endpoints: Endpoints) -> None:
    row = await connection.fetchrow("SELECT ebp_code, order_no FROM manifest WHERE outcome = 'HOLD' AND taxed ORDER BY manifest_id LIMIT 1")
    if row:
        OUT.print(f"[bold]One manifest that is held[/], as `tidegate trace {row['order_no']}` shows it:\n")
        show(await gather(endpoints.postgres, row["order_no"], row["ebp_code"]))

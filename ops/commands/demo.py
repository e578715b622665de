"""demo: the festival's opening in about a minute, from nothing to a proof."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from agents.settings import person_key
from loadtest.generate import GeneratedSet
from loadtest.latency import DecisionReader
from loadtest.replay import Replayed, replay
from loadtest.verify import Proof, verify
from ops.capacity import Plan, RunFailed, environment, fresh_stack, generated
from ops.commands.load import show_counts, show_discrepancies
from ops.commands.show import FAILED, OUT, Steps, fail, table, yuan
from ops.commands.trace import gather, show
from ops.supervisor import Supervisor
from schemas.contracts import PARTITIONS, document_topics
from schemas.endpoints import Endpoints, home_folder
from schemas.lawbook import load
from sinks.migrate import migrate
from sinks.topics import ensure_topics

WORKERS = 2
READY_SECONDS, DRAIN_SECONDS = 60.0, 90.0


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
    plan = Plan(manifests, WORKERS, "demo", seed)
    OUT.print("[bold]Tidegate demo[/]: releases customs manifests from three streams of documents, exactly once.\n")
    try:
        with Steps() as steps:
            documents = generated(home, plan, steps)
            steps.say("Starting Kafka and PostgreSQL (the first time Kafka is downloaded, about a minute) …")
            with fresh_stack(home, "demo") as stack:
                proof = asyncio.run(_show_all(stack.endpoints(), home, documents, steps))
    except RunFailed as e:
        fail("Failed", str(e))
        raise typer.Exit(FAILED) from None
    if not proof.verified:
        raise typer.Exit(FAILED)


async def _show_all(endpoints: Endpoints, home: Path, documents: GeneratedSet, steps: Steps) -> Proof:
    await ensure_topics(endpoints.kafka_options())
    await migrate(endpoints.postgres, datetime.now(UTC))
    log = home / "logs" / "demo-workers.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    supervisor = Supervisor(WORKERS, environment=environment(endpoints, home), log=log)
    connection: asyncpg.Connection = await asyncpg.connect(endpoints.postgres, timeout=10)
    supervisor.start()
    try:
        steps.say(f"Starting {WORKERS} workers …")
        await _until(lambda: _owned(connection), READY_SECONDS, f"the workers own their lanes; their log is {log}")
        reader = DecisionReader(documents, endpoints.kafka_options())
        replayed = await _replay_live(connection, endpoints, documents, reader, supervisor, steps)
    finally:
        await asyncio.to_thread(supervisor.stop)
    await _summary(connection, reader, replayed)
    steps.say("\nProving every decision with the independent verifier …")
    proof = await verify(
        endpoints, answers=documents.folder, complete=True, person_key=person_key(home / "person.key"), progress=steps
    )
    show_discrepancies(proof)
    show_counts(proof)
    OUT.print("[bold green]Verified: every decision right, every fen, each published exactly once.[/]\n" if proof.verified
              else f"[bold red]Not verified: {proof.discrepancy_count} discrepancies.[/]\n")  # fmt: skip
    await _one_manifest(connection, endpoints)
    await connection.close()
    OUT.print(
        "\n[bold]Where to look next[/]: README.md; docs/architecture.md (the way of the data, why it is exactly once); "
        "docs/platforms.md (send your own documents); docs/rules.md (every rule and its law).\n"
        "By hand: [bold]tidegate up[/], [bold]tidegate worker --count 2[/], [bold]tidegate send schemas/examples/hold/*.json[/], "
        "[bold]tidegate decisions[/]. `tidegate` is .venv/bin/tidegate."
    )
    return proof


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
    connection: asyncpg.Connection, endpoints: Endpoints, documents: GeneratedSet, reader: DecisionReader,
    supervisor: Supervisor, steps: Steps,
) -> Replayed:  # fmt: skip
    start: dict[str, float] = {"at": 0.0}
    state: dict[str, Replayed] = {}

    def progress(now: Replayed) -> None:
        start["at"], state["now"] = now.start_ms, now

    reading = asyncio.create_task(reader.run(start))
    sending = asyncio.create_task(replay(documents, endpoints.kafka_options(), 1.0, progress))
    total = documents.about.documents
    names = [t.name for t in document_topics()]
    view = _View(total, documents.about.seconds)
    with Live(console=OUT, refresh_per_second=4, transient=False) if OUT.is_terminal else _Plain() as live:
        drained_by = time.monotonic() + documents.about.seconds + DRAIN_SECONDS
        while True:
            consumed, behind = await _progress(connection, names)
            sent = state["now"].sent if state else 0
            live.update(view.render(sent, consumed, dict(reader.outcomes), behind))
            if sending.done() and consumed >= total and behind == 0:
                break
            if time.monotonic() > drained_by:
                raise RunFailed(f"{consumed} of {total} documents were consumed in time")
            supervisor.tend()
            await asyncio.sleep(0.5)
    await asyncio.sleep(0.3)  # what was committed last is read within a fetch
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    return sending.result()


async def _progress(connection: asyncpg.Connection, names: list[str]) -> tuple[int, int]:
    row = await connection.fetchrow(
        "SELECT (SELECT coalesce(sum(next_offset), 0)::bigint FROM consumed WHERE topic = ANY ($1::text[])),"
        " (SELECT coalesce(sum(batch_seq - published_seq), 0)::bigint FROM lane)",
        names,
    )
    assert row is not None
    return int(row[0]), int(row[1])


class _Plain:
    """Where there is no terminal: a line each ten seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def __enter__(self) -> "_Plain":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, view: Group) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 10
            OUT.print(view.renderables[0])


class _View:
    """Rates over the last refresh, lag and decisions by outcome."""

    def __init__(self, total: int, seconds: float) -> None:
        self._total, self._seconds = total, seconds
        self._begun = self._last = time.monotonic()
        self._before = (0, 0, 0)

    def render(self, sent: int, consumed: int, outcomes: dict[str, int], behind: int) -> Group:
        now = time.monotonic()
        passed, decided = max(0.001, now - self._last), sum(outcomes.values())
        rates = [(new - old) / passed for new, old in zip((sent, consumed, decided), self._before, strict=True)]
        self._last, self._before = now, (sent, consumed, decided)
        line = Text.from_markup(
            f"[bold]{now - self._begun:5.0f} s[/]  sent {sent:,} of {self._total:,} documents ({rates[0]:,.0f}/s)  "
            f"lag {max(0, sent - consumed):,}  decided {decided:,} manifests ({rates[2]:,.0f}/s)  "
            f"[green]release {outcomes.get('RELEASE', 0):,}[/]  [yellow]hold {outcomes.get('HOLD', 0):,}[/]  "
            f"[red]reject {outcomes.get('REJECT', 0):,}[/]  unpublished batches {behind}"
        )
        return Group(line, Text("█" * int(60 * sent / self._total) + "░" * (60 - int(60 * sent / self._total)), style="cyan"))


async def _summary(connection: asyncpg.Connection, reader: DecisionReader, replayed: Replayed) -> None:
    texts = load().texts()
    outcomes = await connection.fetch(
        "SELECT outcome, count(*) AS n, sum(tax_fen)::bigint AS tax FROM manifest GROUP BY 1 ORDER BY 2 DESC"
    )
    OUT.print(table("\nDecided", ("outcome", "manifests", "tax CNY"), ((r["outcome"], r["n"], yuan(r["tax"])) for r in outcomes)))
    reasons = await connection.fetch("SELECT code, count(*) AS n FROM finding GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8")
    OUT.print(table("Most frequent reasons", ("code", "manifests", "meaning"), ((r["code"], r["n"], texts[r["code"]]["en"]) for r in reasons)))
    waits, late = reader.percentiles(), replayed.lateness()
    OUT.print(table("Time in ms", ("what", "p50", "p95", "p99", "max"), (
        ("last document due → decision readable", *waits.values()), ("the replayer's own lateness", *late.values()))))  # fmt: skip


async def _one_manifest(connection: asyncpg.Connection, endpoints: Endpoints) -> None:
    row = await connection.fetchrow("SELECT ebp_code, order_no FROM manifest WHERE outcome = 'HOLD' AND taxed ORDER BY manifest_id LIMIT 1")
    if row:
        OUT.print("[bold]One manifest that is held[/] (tidegate trace):\n")
        show(await gather(endpoints.postgres, row["order_no"], row["ebp_code"]))

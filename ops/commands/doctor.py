"""doctor: is everything as it has to be, and what to do where it is not."""

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import typer

from agents import faust_private
from agents.app import intake_topics
from agents.topic_identity import topic_ids
from ops.commands.show import FAILED, OUT, UNREACHABLE, AsJson, print_json, table
from schemas.contracts import topics
from schemas.endpoints import Endpoints, home_folder
from schemas.lawbook import load
from sinks.migrate import FOLDER
from sinks.store import Store

GIB = 1 << 30


def doctor(json_: AsJson = False) -> None:
    """Check interpreter, packages, law data, broker, topics, database, lanes; say what to do. Exit code 1 if one fails."""
    results = asyncio.run(_all())
    if json_:
        print_json([dict(zip(("check", "ok", "found", "todo"), r, strict=True)) for r in results])
    else:
        shown = ((name, "ok" if ok else "FAILED", found, "" if ok else todo) for name, ok, found, todo in results)
        OUT.print(table("Doctor", ("check", "state", "found", "what to do"), shown))
    reachable = all(ok for name, ok, _, _ in results if name in ("broker", "database"))
    if not reachable:
        raise typer.Exit(UNREACHABLE)
    if not all(ok for _, ok, _, _ in results):
        raise typer.Exit(FAILED)


Result = tuple[str, bool, str, str]
Check = Callable[[Endpoints, Store], Awaitable[tuple[bool, str]]]


async def _all() -> list[Result]:
    results = [_python(), _faust(), _law(), _disk()]
    endpoints = Endpoints.resolve()
    store = Store(endpoints.postgres)
    checks: list[tuple[str, Check, str]] = [
        ("broker", _broker, "tidegate up, or mend TIDEGATE_KAFKA"),
        ("topics", _topics, "tidegate topics"),
        ("database", _database, "tidegate up, or mend TIDEGATE_POSTGRES"),
        ("schema", _schema, "tidegate migrate"),
        ("partitions", _pauses, "mend the sender, then tidegate dead-letters resume"),
        ("publishing", _published, "is a worker running? tidegate worker"),
    ]
    try:
        for name, check, todo in checks:
            try:
                ok, found = await check(endpoints, store)
            except Exception as e:  # whatever a broken part raises is the finding
                ok, found = False, type(e).__name__
            results.append((name, ok, found, todo))
    finally:
        await store.close()
    return results


def _python() -> Result:
    ok = (3, 11) <= sys.version_info < (3, 15)
    return "Python", ok, sys.version.split()[0], "use Python 3.11 to 3.14"


def _faust() -> Result:
    try:
        faust_private.check()
    except faust_private.UnknownFaust as e:
        return "Faust", False, str(e), "make venv"
    return "Faust", True, version("faust-streaming"), ""


def _law() -> Result:
    book = load()
    return "law", True, f"{len(book.rules['rule'])} rules, {len(book.rates)} rates, version {book.version}", ""


def _disk() -> Result:
    home = home_folder()
    free = shutil.disk_usage(home if home.exists() else home.absolute().parent).free
    return "disk", free > 2 * GIB, f"{free / GIB:.1f} GiB free", "free at least 2 GiB"


async def _broker(endpoints: Endpoints, _store: Store) -> tuple[bool, str]:
    await topic_ids(endpoints.kafka_options(), [])
    return True, endpoints.kafka


async def _topics(endpoints: Endpoints, _store: Store) -> tuple[bool, str]:
    names = [t.name for t in topics()]
    found = await topic_ids(endpoints.kafka_options(), names)
    missing = [n for n in names if n not in found]
    return not missing, f"missing: {', '.join(missing)}" if missing else f"{len(found)} topics, intake of {len(intake_topics())}"


async def _database(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    connection = await store.connection()
    return True, str(await connection.fetchval("SHOW server_version"))


async def _schema(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    connection = await store.connection()
    applied = {r["name"] for r in await connection.fetch("SELECT name FROM schema_migration")}
    missing = sorted({p.name for p in FOLDER.glob("*.sql")} - applied)
    return not missing, f"missing: {', '.join(missing)}" if missing else f"{len(applied)} migrations"


async def _pauses(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    rows = await store.fetch("pauses_list")
    return not rows, ", ".join(f"{r['topic']}[{r['partition']}] {r['code']}" for r in rows) or "none paused"


async def _published(_endpoints: Endpoints, store: Store) -> tuple[bool, str]:
    connection = await store.connection()
    behind = int(await connection.fetchval("SELECT coalesce(sum(batch_seq - published_seq), 0)::bigint FROM lane") or 0)
    return behind < 200, f"{behind} batches committed and not yet published"

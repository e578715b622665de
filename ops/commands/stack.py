"""up, down, status, topics, migrate: what everything else runs on."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.commands.show import ERR, OUT, UNREACHABLE, AsJson, print_json, table
from ops.stack import Stack
from schemas.contracts import topics as all_topics
from schemas.endpoints import Endpoints
from sinks.migrate import migrate as migrate_database
from sinks.topics import ensure_topics

Name = Annotated[str, typer.Option(help="Name of the stack; stacks of different names do not meet.")]


def up(name: Name = "default") -> None:
    """Start Kafka and PostgreSQL on this machine (loopback only, nothing installed), with topics and tables.

    Data lies in TIDEGATE_HOME (default .tidegate). Started as root, PostgreSQL runs as `nobody`.
    """
    stack = Stack(name=name, say=ERR.print)
    endpoints = stack.up()
    created = asyncio.run(ensure_topics(endpoints.kafka_options()))
    applied = asyncio.run(migrate_database(endpoints.postgres, datetime.now(UTC)))
    _show(stack)
    OUT.print(f"{len(created)} topics created, {len(applied)} migrations applied. Next: [bold]tidegate worker[/]")


def down(
    name: Name = "default",
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove the stack's data as well.")] = False,
) -> None:
    """Stop Kafka and PostgreSQL cleanly; the data stays unless --wipe."""
    Stack(name=name, say=ERR.print).down(wipe=wipe)
    OUT.print("Stopped, data removed." if wipe else "Stopped.")


def status(name: Name = "default", json_: AsJson = False) -> None:
    """Say what runs, on which port, and where its log is. Exit code 3 when a part does not run."""
    stack = Stack(name=name)
    if json_:
        print_json(stack.status())
    else:
        _show(stack)
    if not stack.running():
        raise typer.Exit(UNREACHABLE)


def _show(stack: Stack) -> None:
    rows = [
        (part, "running" if s["running"] else "stopped", str(s["port"] or "-"), str(s["pid"] or "-"), s["log"])
        for part, s in stack.status().items()
    ]
    OUT.print(table(f"Stack {stack.folder.name}", ("part", "state", "port", "pid", "log"), rows))


def topics(
    replication: Annotated[int, typer.Option(help="Replication factor of what is created.")] = 1, json_: AsJson = False
) -> None:
    """Create the topics that are missing and check the partition counts of all."""
    created = asyncio.run(ensure_topics(Endpoints.resolve().kafka_options(), replication))
    rows = [(t.name, t.role, ", ".join(map(str, t.schemas)) or "-", t.name in created) for t in all_topics()]
    if json_:
        names = ("topic", "role", "schema_ids", "created")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        OUT.print(table("Topics", ("topic", "role", "schema ids", "created now"), rows))


def migrate(json_: AsJson = False) -> None:
    """Bring the database to the newest schema and make the time partitions of the next months."""
    applied = asyncio.run(migrate_database(Endpoints.resolve().postgres, datetime.now(UTC)))
    if json_:
        print_json({"applied": applied})
    else:
        OUT.print(f"Applied: {', '.join(applied) or 'nothing, the database is up to date'}")

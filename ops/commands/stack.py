"""up, down, status, topics, migrate: what everything else runs on."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.commands.show import ERR, OUT, UNREACHABLE, AsJson, print_json, table
from ops.stack import Stack
from ops.stack.stack import NAME
from schemas.contracts import topics as all_topics
from schemas.endpoints import Endpoints, stack_name
from sinks.migrate import migrate as migrate_database
from sinks.topics import ensure_topics


def _name(given: str) -> str:
    if not NAME.fullmatch(given):
        raise typer.BadParameter("use letters, digits, - and _")
    return given


Name = Annotated[str, typer.Option(
    help="Name of the stack; stacks of different names do not meet. Other commands find it by TIDEGATE_STACK.",
    envvar="TIDEGATE_STACK", callback=_name,
)]  # fmt: skip


def up(name: Name = "default") -> None:
    """Start Kafka and PostgreSQL on this machine (loopback only, nothing installed), with topics and tables.

    Data lies in TIDEGATE_HOME (default .tidegate). Started as root, PostgreSQL runs as `nobody`.
    """
    stack = Stack(name=name, say=ERR.print)
    endpoints = stack.up()
    created = asyncio.run(ensure_topics(endpoints.kafka_options()))
    applied = asyncio.run(migrate_database(endpoints.postgres, datetime.now(UTC)))
    _show(stack)
    OUT.print(f"Topics created: {len(created)}. Migrations applied: {len(applied)}.")
    if name != stack_name():
        OUT.print(f"Other commands find this stack with TIDEGATE_STACK={name} in the environment.", soft_wrap=True)
    _say_outside()
    OUT.print("Next: [bold]tidegate worker --count 2[/] in another terminal.")


def down(
    name: Name = "default",
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove the stack's data as well.")] = False,
) -> None:
    """Stop Kafka and PostgreSQL cleanly; the data stays unless --wipe."""
    stack = Stack(name=name, say=ERR.print)
    ran = stack.running_parts()
    stack.down(wipe=wipe)
    OUT.print(f"{'Stopped: ' + ', '.join(ran) if ran else 'Nothing was running'}{', data removed' if wipe else ''}.")


def status(name: Name = "default", json_: AsJson = False) -> None:
    """Say what runs, on which port, and where its log is. Exit code 3 when a part does not run."""
    stack = Stack(name=name)
    if json_:
        print_json(stack.status())
    else:
        _show(stack)
        _say_outside()
        if not stack.running():
            OUT.print("Start it with [bold]tidegate up[/].")
    if not stack.running():
        raise typer.Exit(UNREACHABLE)


def _show(stack: Stack) -> None:
    rows = [
        (part, "running" if s["running"] else "stopped", str(s["port"] or "-"), str(s["pid"] or "-"), s["log"])
        for part, s in stack.status().items()
    ]
    OUT.print(table(f"Stack {stack.folder.name}", ("part", "state", "port", "pid", "log"), rows))


def _say_outside() -> None:
    """The local stack is not what the other commands use when others are named."""
    if named := [v for v in ("TIDEGATE_KAFKA", "TIDEGATE_POSTGRES") if os.environ.get(v)]:
        OUT.print(f"{' and '.join(named)} set: other commands use what is named there instead of this stack.", soft_wrap=True)


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

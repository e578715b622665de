"""Up, status, down: two stacks side by side, ports that are taken, processes that died, pids that were given out again."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from ops.stack import Stack
from ops.stack.errors import StackError
from ops.stack.ports import free_ports, port_to_use
from ops.stack.processes import started_at
from schemas.endpoints import Endpoints
from tests.conftest import HOME
from tests.ops.conftest import Run

NAME = f"second-{os.getpid()}"


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a stack beside that of the session, which is gone after the test."""
    for name in ("TIDEGATE_KAFKA", "TIDEGATE_POSTGRES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(HOME))
    yield NAME
    Stack(HOME, NAME).down(wipe=True)


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody else listens there."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


async def topic_names(endpoints: Endpoints) -> set[str]:
    client = AIOKafkaAdminClient(**endpoints.kafka_options())
    try:
        await client.start()
        return set(await client.list_topics())
    finally:
        await client.close()


async def tables(endpoints: Endpoints) -> int:
    connection = await asyncpg.connect(endpoints.postgres, timeout=10)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pg_tables WHERE tablename = 'manifest'"))
    finally:
        await connection.close()


def die(pid: int) -> None:
    """kill -9, and wait until it is gone."""
    process = psutil.Process(pid)
    process.kill()
    process.wait(30)


def test_two_stacks_and_what_can_happen_to_one(run: Run, stack: Stack, second: str) -> None:
    up = run("up", "--name", second)
    assert up.code == 0, up.err
    assert "Starting Kafka" in up.err and "Starting PostgreSQL" in up.err
    assert f"TIDEGATE_STACK={second}" in up.out
    status = run("status", "--name", second, "--json")
    assert status.code == 0
    ports = {part: s["port"] for part, s in status.data.items()}
    others = {part: s["port"] for part, s in stack.status().items()}
    assert len({*ports.values(), *others.values()}) == 4
    for part, s in status.data.items():
        assert s["log"] == str(HOME / "stack" / second / part / f"{part}.log")
    assert str(ports["kafka"]) in run("status", "--name", second).out
    endpoints = Endpoints.resolve(HOME, second)
    assert "cbec.order" in asyncio.run(topic_names(endpoints))
    assert "cbec.order" not in asyncio.run(topic_names(stack.endpoints())), "the stacks meet"
    assert asyncio.run(tables(endpoints)) == 1
    assert asyncio.run(tables(stack.endpoints())) == 0

    # both die without a word; the broker's port is taken by somebody else before it starts again
    for s in status.data.values():
        die(s["pid"])
    dead = run("status", "--name", second)
    assert (dead.code, dead.out.count("stopped")) == (3, 2)
    with taken(ports["kafka"]):
        again = run("up", "--name", second)
    assert again.code == 0, again.err
    assert "PostgreSQL was not stopped in order: it reads its log first" in again.err
    assert f"Port {ports['kafka']} is taken by another process: Kafka listens on" in again.err
    assert "Topics created: 0. Migrations applied: 0." in again.out, "data was lost"
    now = run("status", "--name", second, "--json").data
    assert now["kafka"]["port"] != ports["kafka"]
    assert now["postgres"]["port"] == ports["postgres"]

    # a second `up` leaves everything as it is
    assert run("up", "--name", second).code == 0
    assert run("status", "--name", second, "--json").data == now

    # down stops this one, and only this one
    down = run("down", "--name", second)
    assert (down.code, down.out) == (0, "Stopped: kafka, postgres.\n")
    assert [started_at(s["pid"]) for s in now.values()] == [None, None]
    assert stack.running()
    assert run("decisions").code == 3
    assert (HOME / "stack" / second).exists()
    assert run("down", "--name", second, "--wipe").out == "Nothing was running, data removed.\n"
    assert not (HOME / "stack" / second).exists()


def test_a_pid_that_was_given_out_again_is_not_ours(run: Run, second: str) -> None:
    folder = HOME / "stack" / second
    folder.mkdir(parents=True)
    part = {"port": 0, "pid": os.getpid(), "since": psutil.Process().create_time() - 3600, "address": "", "log": ""}
    (folder / "stack.json").write_text(json.dumps({"kafka": part, "postgres": part}))
    assert run("status", "--name", second).code == 3
    assert run("down", "--name", second).out == "Nothing was running.\n"  # and this process lives to see it


def test_what_is_named_outside_is_said(run: Run, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_KAFKA", "b:9092")
    assert "TIDEGATE_KAFKA set: other commands use what is named there" in run("status", "--name", second).out


def test_a_free_port_is_kept_and_a_taken_one_replaced() -> None:
    said: list[str] = []
    (port,) = free_ports(1)
    assert port_to_use(port, "Kafka", said.append) == port
    assert said == []
    with taken(port):
        assert port_to_use(port, "Kafka", said.append) != port
    assert len(said) == 1
    assert port_to_use(0, "Kafka", said.append) > 0
    assert len(said) == 1


def test_a_folder_that_cannot_be_made_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (blocked := tmp_path / "file").write_text("")
    monkeypatch.setenv("TIDEGATE_HOME", str(blocked))
    said = run("up")
    assert said.code == 3
    assert "Set TIDEGATE_HOME to a folder you may write" in said.err


def test_a_name_cannot_leave_the_folder() -> None:
    with pytest.raises(StackError, match="no name of a stack"):
        Stack(HOME, "..")

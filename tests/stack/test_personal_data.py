"""Canaries: planted in every personal field, found in the raw documents and nowhere else."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from ops import cli
from ops.capacity import environment
from ops.commands import show
from ops.filing import publish_once
from ops.stack import Stack
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from tests.stack.canaries import (
    DEAD,
    OUTCOMES,
    PEOPLE,
    PERSONAL,
    REFUSED,
    all_values,
    everything,
    identity,
    order_number,
)
from tests.stack.nodes import within
from tests.stack.surfaces import Piece, leaks, outputs, rows, server_logs
from tests.stack.workers import same_draws

ROOT = Path(__file__).parents[2]
# Whoever adds a personal field to a schema adds it to rules.toml too; these at least are.
LEAST = {
    "order": {"buyerRegNo", "buyerName", "buyerTelephone", "buyerIdNumber", "consignee", "consigneeTelephone", "consigneeAddress", "note"},
    "payment": {"payerIdNumber", "payerName", "telephone", "note"},
    "waybill": {"consignee", "consigneeAddress", "consigneeTelephone", "note"},
    "line": {"note"},
}


@asynccontextmanager
async def worker(endpoints: Endpoints, home: Path, log: Path) -> AsyncIterator[None]:
    """A real worker at log level DEBUG, drained at the end."""
    more = {"TIDEGATE_LOG_LEVEL": "DEBUG", "TIDEGATE_GROUP": topic_name("workers"), "TIDEGATE_PORT": "0", "POLARS_MAX_THREADS": "1"}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.stack.raising_worker", cwd=ROOT, env=environment(endpoints, home) | more, stdout=out, stderr=out
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            assert await within(process.wait()) == 0, log.read_text()[-2000:]
        finally:
            if process.returncode is None:
                process.kill()


async def metrics(log: Path) -> Piece:
    """/metrics of the worker whose log says on which port it serves."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    port = next(line["port"] for line in lines if line["message"] == "worker starting")
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        return "/metrics", await answer.read()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Piece:
    """What a command prints."""
    with pytest.raises(SystemExit):
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return f"tidegate {' '.join(arguments)}", (out + err).encode()


def commands(places: list[str]) -> list[list[str]]:
    """Each command that shows something of documents, for people and for machines."""
    asked = [["waiting"], ["decisions", "--limit", "100"], ["dead-letters", "list"], ["verify"]]
    asked += [["trace", order_number(n)] for n in PEOPLE.values()]
    asked += [["explain", order_number(n), "--all", "--lang", lang] for n in PEOPLE.values() for lang in ("en", "zh")]
    asked += [["history", "build"], ["history", "check"], ["redecide"]]
    asked += [["dead-letters", "show", place] for place in places]
    return [[*one, *more] for one in asked for more in ([], ["--json"])]


@pytest.fixture
async def played(topics: Endpoints, stack: Stack, tmp_path: Path) -> AsyncIterator[dict[str, list[Piece]]]:
    """All documents decided by a real worker: what it logged, measured and published."""
    log = tmp_path / "worker.log"
    same_draws(tmp_path)
    await publish_once(topics, "small", lambda *_: None)
    async with worker(topics, tmp_path, log):
        async with AIOKafkaProducer(**topics.kafka_options(), acks="all") as producer:
            for sent in everything():
                await producer.send_and_wait(sent.topic, sent.value, key=sent.key, headers=list(sent.headers))
        decided = {outcome.lower(): count for outcome, count in Counter(OUTCOMES.values()).items()}
        published = await outputs(topics, {**decided, "receipt": len(OUTCOMES) + REFUSED, "dead-letter": len(DEAD)})
        measured = await metrics(log)
    yield {
        "outputs": [(f"topic {kind}", key + b"\n" + value) for kind, key, value in published if kind != "dead-letter"],
        "logs": [measured, ("worker's log", log.read_bytes()), *server_logs(stack)],
    }


def test_the_list_of_personal_fields_is_whole() -> None:
    listed = {kind: {c.partition("_")[2] for c in PERSONAL if c.startswith(f"{kind}_")} for kind in LEAST}
    assert {kind: fields - listed[kind] for kind, fields in LEAST.items()} == {kind: set() for kind in LEAST}


async def test_canaries_are_found_where_documents_are_kept_and_nowhere_else(
    played: dict[str, list[Piece]], topics: Endpoints, db: asyncpg.Connection, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    values = all_values()
    kept = {found.split(": ", 1)[1] for found in leaks([piece async for piece in rows(db, raw=True)], values)}
    assert {whose.partition(":")[0] for whose in kept} == set(PEOPLE), "the search finds nothing, or not all was planted"
    assert kept >= {f"{story}: {end}" for story in OUTCOMES for end in identity(1) if story != "identity number wrong"}
    assert leaks([piece async for piece in rows(db, raw=False)], values) == set()
    assert leaks(played["outputs"], values) == set()
    assert {place for place, text in played["logs"] if text} >= {"/metrics", "worker's log", "kafka/kafka.log", "postgres/postgres.log"}
    assert leaks(played["logs"], values) == set()
    found = await db.fetch("SELECT topic, partition, kafka_offset, code FROM dead_letter")
    assert Counter(r["code"] for r in found) == Counter(DEAD.values())
    findings = {r["code"] for r in await db.fetch("SELECT DISTINCT code FROM finding")}
    assert findings >= {"PAY-04", "FMT-05", "PAY-01", "WAY-01", "WAY-02", "WAY-03", "FMT-15", "SYS-02"}
    for name, value in environment(topics, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(show.OUT, "width", 10_000)  # nothing is to be broken in two
    places = [f"{r['topic']}[{r['partition']}]@{r['kafka_offset']}" for r in found]
    printed = [await asyncio.to_thread(said, capsys, *one) for one in commands(places)]
    assert leaks(printed, values) == set()
    assert all(len(text) > 2 for _, text in printed)
    assert os.environ["TIDEGATE_KAFKA"] == topics.kafka

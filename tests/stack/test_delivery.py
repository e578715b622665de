"""Stock delivery against ours on the same records, and input that was written in transactions."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from loadtest.generate import GeneratedSet
from loadtest.verify.messages import SCHEMA, decode
from ops.stack import Stack
from schemas.contracts import CONFIG, KINDS, PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from sinks.topics import ensure_topics
from tests.conftest import led, system
from tests.stack.workers import Group, by_key, generated, producer, read_all, send, workers

MANIFESTS, SEED, SLICE = 400, 11, 60
ORDER = ("ebp_code", "order_no", "attempt")
OF_THE_BATCH = ("manifest_id", "lane", "batch_seq", "rule_set", "registry_version")
MANIFEST = f"SELECT {', '.join(ORDER)} FROM manifest m WHERE m.manifest_id = t.manifest_id"
Found = dict[str, dict[Any, dict[str, Any]]]


async def with_given_times(endpoints: Endpoints) -> None:
    """Topics whose document records keep the time they were sent with: the same log times in two systems."""
    client = AIOKafkaAdminClient(**endpoints.kafka_options())
    await client.start()
    config = CONFIG | {"message.timestamp.type": "CreateTime"}
    await client.create_topics([NewTopic(topic_name(kind), PARTITIONS, 1, topic_configs=config) for kind in KINDS])
    await client.close()
    names = await ensure_topics(endpoints.kafka_options())
    await led(endpoints, [*names, *(topic_name(kind) for kind in KINDS)])


def short_topics(value: Any) -> Any:
    """A message with its topics named as in every system."""
    if isinstance(value, dict):
        return {k: short_topics(v) for k, v in value.items()}
    if isinstance(value, list):
        return [short_topics(v) for v in value]
    return value.removeprefix(topic_name("")) if isinstance(value, str) else value


async def results(group: Group) -> Found:
    """Record by record what was decided and published, without what depends on how records were batched."""
    db = group.db

    async def rows(table: str, key: tuple[str, ...], *without: str) -> dict[Any, dict[str, Any]]:
        of = f"SELECT t.*, m.* FROM {table} t, LATERAL ({MANIFEST}) m" if ORDER[0] == key[0] else f"SELECT * FROM {table}"
        return by_key(await db.fetch(of if table != "manifest" else "SELECT * FROM manifest"), key, (*OF_THE_BATCH, *without))

    found: Found = {
        "manifest": await rows("manifest", ORDER),
        "line": await rows("manifest_line", (*ORDER, "line_no")),
        "finding": await rows("finding", (*ORDER, "code")),
        "fate": await rows("document_fate", ("kind", "partition", "kafka_offset")),
        "dead letter": {
            (topic.removeprefix(topic_name("")), *place): row
            for (topic, *place), row in (await rows("dead_letter", ("topic", "partition", "kafka_offset"), "topic")).items()
        },
    }
    of_records = {name: schema for name, schema in SCHEMA.items() if name != "guarantee-event"}  # which are told by batch
    for name, records in (await read_all(group.endpoints, of_records)).items():
        messages = [decode(SCHEMA[name], r.value) for r in records]
        assert None not in messages
        told: list[Any] = [short_topics(m | {"key": r.key}) for m, r in zip(messages, records, strict=True) if m is not None]
        names = [n for n in ("ebpCode", "orderNo", "attempt", "subject", "topic", "partition", "offset", "code") if n in told[0]]
        found[name] = by_key(told, names, ("receiptId", "returnTime", "lane", "batchSeq", "ruleSet", "registryVersion"))
    return found


def settled_orders(documents: GeneratedSet) -> set[str]:
    """Order numbers with one right answer: what became of them does not depend on which record came first."""
    answers = documents.answers()
    several = {row["order_no"] for row in documents.fates().iter_rows(named=True) if len(row["fates"]) > 1}
    return {
        row["order_no"] for row in answers.iter_rows(named=True)
        if len(row["histories"]) == 1 and not row["either"] and row["order_no"] not in several
    }  # fmt: skip


def of_orders(found: Found, orders: set[str]) -> Found:
    """Only rows that name one of the orders, or none at all."""

    def chosen(key: Any, row: Mapping[str, Any]) -> bool:
        named = row.get("order_no") or row.get("orderNo")
        return named is None or named in orders

    return {name: {k: row for k, row in rows.items() if chosen(k, row)} for name, rows in found.items()}


async def test_both_ways_of_delivery_decide_alike(stack: Stack, endpoints: Endpoints, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", MANIFESTS, SEED)
    planned = list(documents.documents())
    base_ms = round(time.time() * 1000) - planned[-1].due_ms - 60_000
    found: dict[str, Found] = {}

    async def run(where: Endpoints, transport: str) -> None:
        await with_given_times(where)
        async with producer(where) as sender:
            await send(sender, planned, base_ms)
        async with workers(where, tmp_path / transport, 1, transport) as group:
            await group.settled()
            assert await group.stop() == [0]
            found[transport] = await results(group)
            await group.proved(documents)

    await run(endpoints, "batch")
    async with system(stack.endpoints()) as another:
        await run(another, "stock")
    orders = settled_orders(documents)
    assert len(orders) > MANIFESTS * 0.8
    ours, stock = of_orders(found["batch"], orders), of_orders(found["stock"], orders)
    assert {name: len(rows) for name, rows in ours.items()} == {name: len(rows) for name, rows in stock.items()}
    for name, rows in ours.items():
        assert rows, f"no {name} at all"
        differing = {k: (row, stock[name].get(k)) for k, row in rows.items() if row != stock[name].get(k)}
        assert differing == {}, name


@pytest.mark.parametrize("transport", ["batch", "stock"])
async def test_input_written_in_transactions(topics: Endpoints, tmp_path: Path, transport: str) -> None:
    """Markers take offsets and are no records; what was aborted is never seen."""
    documents = generated(tmp_path / "set", 150, SEED)
    planned = list(documents.documents())
    async with workers(topics, tmp_path / "run", 1, transport) as group:
        async with producer(topics, transactional_id=topic_name("sender")) as sender:
            for start in range(0, len(planned), SLICE):
                part = planned[start : start + SLICE]
                await sender.begin_transaction()
                await send(sender, part)
                await sender.abort_transaction()
                async with sender.transaction():
                    await send(sender, part)
        await group.settled()
        assert await group.db.fetchval("SELECT count(*) FROM document") > 0
        assert await group.stop() == [0]
        await group.proved(documents)

"""What a batch takes from the registry topic: filings newer than what stands, and dead letters for all others."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.buffers import LaneRecords
from agents.changes import Came, Taken, read_changes, take_newer
from pipeline.registry import Registry
from schemas.contracts import REGISTRY_PARTITION, topic_name
from schemas.filings import Filing, read, stored
from sinks.store import Store

ROWS = {
    "kafka_offset": pl.Int64, "key": pl.String, "revision": pl.Int64, "version": pl.Int64, "lane": pl.Int16, "value": pl.Binary,
}  # fmt: skip
NO_FILINGS = pl.DataFrame(schema=ROWS)


def read_filings(work: Mapping[int, LaneRecords]) -> Came[Filing]:
    """Decode and check what the batch brings of the registry topic."""
    return read_changes("registry", work, read)


async def take(came: Came[Filing], version: int, store: Store) -> Taken:
    """What of it changes the registry; `version`: the one they would make. Of one key the highest revision wins."""
    if not came.events:
        return Taken(NO_FILINGS, came.dead)
    keys = pl.Series([filing.key for _, filing in came.events]).unique()
    revisions = {row["key"]: int(row["revision"]) for row in await store.fetch("registry_revisions", keys)}
    newer = await take_newer(came, revisions, lambda filing: filing.key)
    rows = [(r.offset, filing.key, filing.revision, version, r.partition, r.value) for r, filing in newer.events]
    return Taken(pl.DataFrame(rows, schema=ROWS, orient="row"), newer.dead)


async def end_of(kafka: Mapping[str, Any], kind: str) -> int:
    """Where the topic of the registry, or of the rules, ends now."""
    consumer = AIOKafkaConsumer(**kafka)
    await consumer.start()
    try:
        place = TopicPartition(topic_name(kind), REGISTRY_PARTITION)
        return (await consumer.end_offsets([place]))[place]
    finally:
        await consumer.stop()


async def taken_to(store: Store, *kinds: str) -> list[int]:
    """Up to where each of these topics was taken, by whoever owns lane 0; 0 when nobody has begun."""
    rows = {r["topic"]: r["next_offset"] for r in await store.fetch("consumed_of_lanes", [REGISTRY_PARTITION])}
    return [rows.get(topic_name(kind), 0) for kind in kinds]


async def at_hand(registry: Registry, store: Store) -> Registry:
    """The registry as it stands in PostgreSQL: what changed since `registry` is read and applied."""
    (row,) = await store.fetch("registry_version")
    if row["version"] == registry.version:
        return registry
    entries: dict[str, list[tuple[Any, ...]]] = {}
    for _, value in await store.fetch("registry_since", registry.version, row["version"]):
        filing = stored(value)
        entries.setdefault(filing.table, []).append(filing.row())
    return registry.changed(row["version"], **entries)

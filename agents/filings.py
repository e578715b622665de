"""What a batch takes from the registry topic: filings newer than what stands, and dead letters for all others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.buffers import LaneRecords
from agents.changes import Came, Taken, read_changes, take_newer
from pipeline.registry import Registry
from schemas.contracts import REGISTRY_PARTITION, topic_name
from schemas.filings import Filing, read, stored
from sinks.stock import COUNTED, NO_COUNTS
from sinks.store import Store

ROWS = {
    "kafka_offset": pl.Int64, "key": pl.String, "revision": pl.Int64, "version": pl.Int64, "lane": pl.Int16, "value": pl.Binary,
}  # fmt: skip
NO_FILINGS = pl.DataFrame(schema=ROWS)


@dataclass(frozen=True, slots=True)
class Filed(Taken):
    """`filings`: those of the rows, by offset."""

    filings: dict[int, Filing] = field(default_factory=lambda: dict[int, Filing]())


def read_filings(work: Mapping[int, LaneRecords]) -> Came[Filing]:
    """Decode and check what the batch brings of the registry topic."""
    return read_changes("registry", work, read)


async def take(came: Came[Filing], version: int, store: Store) -> Filed:
    """What of it changes the registry; `version`: the one they would make. Of one key the highest revision wins."""
    if not came.events:
        return Filed(NO_FILINGS, came.dead)
    keys = pl.Series([filing.key for _, filing in came.events]).unique()
    revisions = {row["key"]: int(row["revision"]) for row in await store.fetch("registry_revisions", keys)}
    newer = await take_newer(came, revisions, lambda filing: filing.key)
    rows = [(r.offset, filing.key, filing.revision, version, r.partition, r.value) for r, filing in newer.events]
    return Filed(pl.DataFrame(rows, schema=ROWS, orient="row"), newer.dead, {r.offset: filing for r, filing in newer.events})


def stock_filed(taken: Filed) -> list[str]:
    """Items of stock that were filed or counted."""
    return sorted({filing.row()[0] for filing in taken.filings.values() if filing.part in ("stock", "count")})


def counts(taken: Filed, registry: Registry) -> pl.DataFrame:
    """What was counted in stock (sinks.stock.COUNTED), each item once: of several stock-takes in a batch the last. What was entered in
    all is what `registry`, and then the filings taken, say."""
    counted = {filing.row()[0]: (filing, offset) for offset, filing in taken.filings.items() if filing.part == "count"}
    if not counted:
        return NO_COUNTS
    now = {filing.row()[0]: filing.content["enteredE5"] for filing in taken.filings.values() if filing.part == "stock"}
    before = registry.stock.filter(pl.col("book_item").is_in(list(counted))).select("book_item", "entered_e5")
    entered = {**dict(before.iter_rows()), **now}
    rows = [
        (item, filing.content["countedE5"], entered.get(item, 0), offset)
        for item, (filing, offset) in sorted(counted.items()) if filing.content["status"] == "active"
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=COUNTED, orient="row")


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

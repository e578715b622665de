"""Claiming and releasing lanes: epoch first, then fencing, and only then does anyone read there."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from sinks.batch import LaneState
from sinks.kafka_positions import fence
from sinks.named_sql import sql

RECREATED, OUT_OF_LOG = "LANE-01", "LANE-02"  # why a topic-partition is paused whose position is not one of its log
UNREADABLE = "LANE-03"  # or where a batch begins that cannot be unpacked


@dataclass(frozen=True, slots=True)
class Position:
    """Where a topic-partition is read next, and Kafka's id of the topic it was read from."""

    topic_id: str
    next_offset: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Lanes that are ours from now on. `look_again`: order_hash → lane of what is not known to have been looked at again."""

    states: list[LaneState]
    positions: dict[tuple[str, int], Position]
    look_again: dict[int, int]


async def claim(
    dsn: str,
    kafka: Mapping[str, Any],
    lanes: Iterable[int],
    owner: str,
    transactional_id: str,
    fence_former: Callable[[Mapping[str, Any], str], Awaitable[None]] = fence,
) -> Claimed:
    """Claim lanes for `owner`. Whoever had them and did not release them cleanly is fenced in Kafka too."""
    wanted = sorted(lanes)
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with connection.transaction():
            former = await connection.fetch(sql("lanes_former"), wanted)
            rows = await connection.fetch(sql("lanes_claim"), wanted, owner, transactional_id)
        unclean = {one for r in former if not r["released"] for one in r["transactional_id"].split()} - {transactional_id}
        for other in sorted(unclean):
            await fence_former(kafka, other)
        await connection.execute(sql("lanes_fenced"), wanted, owner, transactional_id)
        consumed = await connection.fetch(sql("consumed_of_lanes"), wanted)
        look_again: dict[int, int] = {}
        for row in rows:
            for found in await connection.fetch(sql("orders_from_batch"), row["lane"], row["look_from"]):
                look_again[found["order_hash"]] = row["lane"]
    finally:
        await connection.close()
    states = [
        LaneState(r["lane"], r["epoch"], r["batch_seq"], r["record_time"], r["swept_incomplete"], r["swept_closed"])
        for r in rows
    ]
    positions = {(r["topic"], r["partition"]): Position(r["topic_id"], r["next_offset"]) for r in consumed}
    return Claimed(states, positions, look_again)


async def open_positions(dsn: str, starts: Mapping[tuple[str, int], Position]) -> None:
    """Give topic-partitions that were never read their first position."""
    if not starts:
        return
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        places = sorted(starts)
        await connection.execute(
            sql("consumed_open"),
            [t for t, _ in places],
            [p for _, p in places],
            [p for _, p in places],
            [starts[place].topic_id for place in places],
            [starts[place].next_offset for place in places],
        )
    finally:
        await connection.close()


async def release(dsn: str, lanes: Iterable[int], owner: str) -> None:
    """Mark lanes as given back cleanly, where nothing is left to publish."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(sql("lanes_release"), sorted(lanes), owner)
    finally:
        await connection.close()

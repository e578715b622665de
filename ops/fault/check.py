"""The proof at the end: the independent verifier, preceded by a count that needs nothing but the generated answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.generate import GeneratedSet
from schemas.contracts import PARTITIONS, topic_name
from schemas.endpoints import Endpoints

TOPICS = ("release", "hold", "reject")
ID = slice(6, 38)  # of decisionId, the first field: frame of five bytes, length 32 as one byte, 32 hex digits
READ_SECONDS = 120.0
# what was drawn as a sample would have been released: the answers cannot know of the draw
MANIFESTS = """
SELECT ebp_code, order_no, array_agg(CASE WHEN f.code IS NULL OR m.outcome <> 'HOLD' THEN m.outcome ELSE 'RELEASE' END ORDER BY attempt) AS history
FROM manifest m LEFT JOIN finding f ON f.manifest_id = m.manifest_id AND f.code IN ('SMP-01', 'SMP-02')
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Count:
    """`wrong`: what does not hold, in words, the first twenty of `wrong_count`."""

    decided: int
    published: int
    wrong: list[str] = field(default_factory=lambda: list[str]())
    wrong_count: int = 0


async def count(endpoints: Endpoints, documents: GeneratedSet) -> Count:
    """Each order number decided as one of its histories; each decision readable exactly once."""
    connection = await asyncpg.connect(endpoints.postgres, timeout=10, command_timeout=120)
    try:
        rows = await connection.fetch(MANIFESTS)
        outcomes = dict(await connection.fetch("SELECT lower(outcome), count(*) FROM (SELECT outcome FROM manifest UNION ALL SELECT outcome FROM revision) d GROUP BY 1"))
    finally:
        await connection.close()
    found = {(r["ebp_code"], r["order_no"]): tuple(r["history"]) for r in rows}
    wrong: list[str] = []
    for ebp_code, order_no, histories in documents.answers().select("ebp_code", "order_no", "histories").iter_rows():
        right = {tuple(a["outcome"] for a in history) for history in histories}
        if (now := found.pop((ebp_code, order_no), ())) not in right:
            wrong.append(f"{ebp_code}|{order_no}: decided {now}, right is one of {sorted(right)}")
    wrong += [f"{ebp}|{order}: decided {history}, but nobody sent it" for (ebp, order), history in found.items()]
    published = await _published(endpoints)
    for topic in TOPICS:
        ids = Counter(published[topic])
        wrong += [f"{topic}: decision {ident!r} published {n} times" for ident, n in ids.items() if n > 1]
        if len(ids) != outcomes.get(topic, 0):
            wrong.append(f"{topic}: {len(ids)} decisions published, {outcomes.get(topic, 0)} committed")
    return Count(sum(outcomes.values()), sum(map(len, published.values())), wrong[:20], len(wrong))


async def _published(endpoints: Endpoints) -> dict[str, list[bytes]]:
    """topic → decisionIds read with read_committed up to the end."""
    places = {topic: [TopicPartition(topic_name(topic), p) for p in range(PARTITIONS)] for topic in TOPICS}
    everything = [p for of_topic in places.values() for p in of_topic]
    consumer = AIOKafkaConsumer(**endpoints.kafka_options(), isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    found: dict[str, list[bytes]] = {topic: [] for topic in TOPICS}
    short = {topic_name(topic): topic for topic in TOPICS}
    try:
        consumer.assign(everything)
        await consumer.seek_to_beginning(*everything)
        ends = await consumer.end_offsets(everything)
        deadline = time.monotonic() + READ_SECONDS
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the decision topics could not be read to their end in {READ_SECONDS:.0f} s")
            for place, records in (await consumer.getmany(timeout_ms=200, max_records=20_000)).items():
                found[short[place.topic]] += [r.value[ID] for r in records if r.value]
    finally:
        await consumer.stop()
    return found


async def verify(
    endpoints: Endpoints, documents: GeneratedSet, person_key: bytes, seeds: Any, say: Callable[[str, int, int], None]
) -> tuple[bool, dict[str, Any]]:
    """Whether it is verified, and the report for --json."""
    counted = await count(endpoints, documents)
    report: dict[str, Any] = {
        "decided": counted.decided, "published": counted.published,
        "wrong": counted.wrong, "wrong_count": counted.wrong_count,
    }  # fmt: skip
    proof = await _proof(endpoints, documents, person_key, seeds, say)
    if proof is not None:
        report["verifier"] = proof.to_json()
    return not counted.wrong_count and (proof is None or proof.verified), report


async def _proof(endpoints: Endpoints, documents: GeneratedSet, person_key: bytes, seeds: Any, say: Any) -> Any:
    try:
        from loadtest.verify import verify as independent  # type: ignore[attr-defined]
    except ImportError:
        return None
    result = independent(
        endpoints, answers=documents.folder, person_key=person_key, seeds=seeds, complete=True,
        progress=lambda *told: say("verifying", *[n for n in told if isinstance(n, int)][:2] or (0, 0)),
    )  # fmt: skip
    return await result if asyncio.iscoroutine(result) else result

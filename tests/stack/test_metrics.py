"""Every metric that is declared moves when what it counts happens."""

import asyncio
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.metrics import METRICS, Metrics, observe_all
from agents.records import Records
from agents.settings import WorkerSettings
from agents.worker import Worker
from loadtest.publish import send_all
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.samples import SecretSeeds
from tests.pipeline.memory import KEY, Rec
from tests.pipeline.trios import numbered, rec
from tests.stack.nodes import nodes, within
from tests.stack.test_ledgers import SOMEBODY, both_have_read, order
from tests.stack.test_meeting import stored_at_once
from tests.stack.test_relay import relay, three
from tests.stack.workers import generated, producer, workers

OF_A_RUN = {
    "manifests", "documents", "findings", "fates", "guarantee_events", "dead_letters", "decoded_alone", "batch_seconds", "batch_documents",
    "latency_seconds", "lanes", "rebalances", "relay_messages", "relay_rounds", "relay_seconds", "ready", "registry_version", "guarantee_free_share",
}  # fmt: skip
OF_A_BACKLOG = {"lag_records", "lag_seconds", "buffered_records", "buffered_bytes", "unpublished_batches"}
OF_CONTENTION = {"batch_repeats", "slow_path_batches"}
ELSEWHERE = {
    "store_unavailable": "test_outage.py",
    "paused_partitions": "test_worker.py",
    "shadow_failures": "test_shadow.py",
    "upkeep_failures": "test_partitions.py",
    "oldest_transaction_seconds": "test_outage.py",
    "revisions": "test_reassessment.py",
    "quarantined": "../agents/test_quarantine.py",
    "quarantine_bisections": "../agents/test_quarantine.py",
}


def told(text: str) -> dict[str, float]:
    """Field of Metrics → sum over its labels; of a histogram, how many were observed."""
    families = {family.name: family for family in text_string_to_metric_families(text)}
    found: dict[str, float] = {}
    for field in fields(Metrics):
        family = families[getattr(METRICS, field.name)._name]
        plain = {family.name, f"{family.name}_total", f"{family.name}_count"}
        found[field.name] = sum(s.value for s in family.samples if s.name in plain)
    return found


def here() -> dict[str, float]:
    return told(generate_latest().decode())


def test_all_are_looked_at() -> None:
    assert OF_A_RUN | OF_A_BACKLOG | OF_CONTENTION | ELSEWHERE.keys() == {f.name for f in fields(Metrics)}
    for name, file in ELSEWHERE.items():
        assert getattr(METRICS, name)._name in (text := (Path(__file__).parent / file).read_text()) or f"METRICS.{name}" in text


async def test_what_a_worker_tells_after_a_run(topics: Endpoints, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", 500, 13)
    assert documents.answers()["codes"].explode().str.starts_with("GUA-").any(), "take a seed whose set has a story of a guarantee"
    async with workers(topics, tmp_path, 1) as group:
        async with producer(topics) as sender:
            await send_all(sender, list(documents.documents()))
        await group.settled()
        await group.until_asked("metrics", r"^tidegate_guarantee_free_share\{")
        text = await group.until_asked("metrics", r"^tidegate_lag_seconds 0\.0$")
        found = told(text)
        assert {name for name in OF_A_RUN if found[name] <= 0} == set()
        assert found["lag_seconds"] == 0
        stored = {
            "manifests": "SELECT count(*) FROM manifest", "documents": "SELECT count(*) FROM document",
            "latency_seconds": "SELECT count(*) FROM manifest", "findings": "SELECT count(*) FROM finding",
            "fates": "SELECT count(*) FROM document_fate", "dead_letters": "SELECT count(*) FROM dead_letter",
        }  # fmt: skip
        assert {name: found[name] for name in stored} == {name: await group.db.fetchval(query) for name, query in stored.items()}
        assert await group.stop() == [0]


async def test_what_waits_is_told_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Endpoints("127.0.0.1:1", "postgresql://127.0.0.1:1/none")
    worker = Worker(WorkerSettings(nowhere, KEY, SecretSeeds([]), "group", "127.0.0.1", 0, 100, "batch"))
    place = (topic_name("order"), 3)
    worker.intake.reset({place: 0})
    await worker.intake.offer(place, Records.of([Rec(*place, 0, 1_000, b"k", b"v" * 500)]), worker.intake.generation, end=9, size=500)
    monkeypatch.setattr(worker.relay, "_behind", 4)
    worker._newest_ms = 1_000
    await worker._watch()
    found = here()
    assert (found["lag_records"], found["buffered_records"], found["buffered_bytes"], found["unpublished_batches"]) == (9, 1, 500, 4)
    assert found["lag_seconds"] > 10**9  # since 1970
    assert found["ready"] == 0
    worker.intake.reset({})
    await worker._watch()
    assert (here()["buffered_bytes"], here()["lag_seconds"]) == (0, 0)


async def test_contention_is_counted(endpoints: Endpoints) -> None:
    before = here()
    async with nodes(endpoints, [1], [2]) as (first, second):
        await first.take(*(r for n in range(5) for r in order(1, n, 90 + n, SOMEBODY, "4990.00", second=n)))
        ones, others = order(1, 5, 1, SOMEBODY, "590.00", second=9), order(2, 0, 2, SOMEBODY, "590.00", second=9)
        for task in await both_have_read(first, second, ones, others):  # what is left is enough for one of them
            await within(task)
        assert here()["slow_path_batches"] == before["slow_path_batches"] + 1
        lanes = {"order": 1, "payment": 1, "waybill": 2}
        apart = [rec(kind, numbered(77)[kind], 6, partition=lane) for kind, lane in lanes.items()]
        await stored_at_once([first, second], [apart[:2], apart[2:]], [0, 1])
        gates = [node.steps.hold("lanes-advanced") for node in (first, second)]
        tasks = [asyncio.create_task(node.tick()) for node in (first, second)]  # both find it whole
        for gate in gates:
            await within(gate.reached.wait())
            gate.open.set()
        await within(asyncio.gather(*tasks))
    assert here()["batch_repeats"] > before["batch_repeats"]


async def test_rounds_of_the_relay_that_come_to_nothing(topics: Endpoints) -> None:
    lost: list[str] = []

    async def broken() -> None:
        raise KafkaError("the broker went away")

    async with nodes(topics, [0], []) as (first, heir):
        await first.take(*three(1, 0, 0))
        publishing = relay(first)
        publishing._lost = lost.append
        first.relay_steps.do("sent", broken)
        publishing.stop()
        await within(publishing.run())
        assert lost == ["failed"]
        await first.take(*three(2, 0, 1))
        first.relay_steps.do("begun", lambda: heir.claim(0, fence=True))
        with pytest.raises(Exception, match="fenced"):
            await within(publishing.round())
        assert lost == ["failed", "fenced"]
        await publishing.close()


@pytest.mark.parametrize("values", [[], [0.5], [0.049, 0.05, 0.051, 7.0, 60.0, 61.0, 10**6, -1.0, 0.05]])
def test_observing_all_at_once_is_observing_each(values: Iterable[float]) -> None:
    each, at_once = (Histogram("h", "h", registry=CollectorRegistry(), buckets=(0.05, 1, 60)) for _ in range(2))
    for value in values:
        each.observe(value)
    observe_all(at_once, list(values))
    assert samples(at_once) == samples(each)


def samples(histogram: Any) -> list[tuple[Any, ...]]:
    return [(s.name, s.labels, s.value) for f in histogram.collect() for s in f.samples if not s.name.endswith("_created")]

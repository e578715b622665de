"""`tidegate sample`: an auditor draws again, and a failed sample recalls its goods item."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.generate.filings import filings
from ops.commands.sample import inspection_failed
from schemas.contracts import REGISTRY_PARTITION, topic_name
from schemas.endpoints import Endpoints
from schemas.filings import Filing, stored, written
from schemas.lawbook import FOLDER, load
from schemas.samples import seeds
from tests.ops.conftest import Run
from tests.pipeline.memory import BASE_MS, Rec
from tests.pipeline.trios import numbered, records
from tests.stack.nodes import nodes
from tests.stack.workers import same_draws


async def test_an_auditor_draws_again_and_recalls(
    run: Run, topics: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_KAFKA", topics.kafka)
    monkeypatch.setenv("TIDEGATE_POSTGRES", topics.postgres)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    filing = next(f for f in filings("small") if f.key == "goods|330296T001|SKU010007")
    async with nodes(topics, [0]) as (worker,):
        await worker.take(Rec(topic_name("registry"), REGISTRY_PARTITION, 0, BASE_MS, filing.key.encode(), written(filing)))
        worker.processor.seeds = seeds(same_draws(tmp_path).read_text())
        await worker.take(*records(numbered(5)))
    (row,) = (await asyncio.to_thread(run, "sample", "check", "EXAMPLE-5", "--json")).data
    assert (row["class"], row["category"], row["per_million"]) == ("general", "food", "1000 + 2000")
    assert row["draws"] == row["found"] == "nothing" and 0 <= row["number"] < 1 << 64
    assert "general" in (await asyncio.to_thread(run, "sample", "check", "EXAMPLE-5")).out
    assert (await asyncio.to_thread(run, "sample", "check", "EXAMPLE-6")).code == 2
    assert (await asyncio.to_thread(run, "sample", "failed", "EXAMPLE-5", "--item", "3")).code == 2
    told = (await asyncio.to_thread(run, "sample", "failed", "EXAMPLE-5", "--item", "2", "--json")).data
    first, sent = told["sent"]
    assert (first["key"], sent["key"]) == (inspection_failed("330296P001", "EXAMPLE-5", 1, "SKU010007").key, "goods|330296T001|SKU010007")
    assert ([r["order_no"] for r in told["release"]], told["hold"]) == (["EXAMPLE-5"], [])
    shown = await asyncio.to_thread(run, "sample", "failed", "EXAMPLE-5", "--item", "2", "--days", "1")
    assert "Released with the item in the last 1 days: 1" in shown.out and "EXAMPLE-5" in shown.out
    consumed = await read_filings_from(topics, first["offset"])
    assert [(f.part, f.revision, f.content["status"]) for f in consumed] == [("inspection", 1, "failed"), ("goods", 2, "recalled")] * 2
    assert consumed[1].content["itemNo"] == "SKU010007"


async def test_it_is_drawn_by_the_rates_of_the_rule_set_that_decided(
    run: Run, topics: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which need not be the installed one: here four in ten are inspected."""
    monkeypatch.setenv("TIDEGATE_KAFKA", topics.kafka)
    monkeypatch.setenv("TIDEGATE_POSTGRES", topics.postgres)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    shutil.copytree(FOLDER, law := tmp_path / "law")
    rates = (law / "samples.toml").read_text()
    (law / "samples.toml").write_text(re.sub(r"inspection_1e6 = \d+", "inspection_1e6 = 400000", rates))
    async with nodes(topics, [0], lawbook=load(law)) as (worker,):
        worker.processor.seeds = seeds(same_draws(tmp_path).read_text())
        await worker.take(*(r for n in range(6) for r in records(numbered(n), offset=n)))
    rows = [(await asyncio.to_thread(run, "sample", "check", f"EXAMPLE-{n}", "--json")).data[0] for n in range(6)]
    assert {row["per_million"].partition(" ")[0] for row in rows} == {"400000"}
    assert [row["draws"] for row in rows] == [row["found"] for row in rows]
    assert "SMP-01" in {row["found"] for row in rows}


async def read_filings_from(topics: Endpoints, offset: int) -> list[Filing]:
    """Every filing that the registry's topic holds from there on."""
    consumer = AIOKafkaConsumer(**topics.kafka_options(), enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(topic_name("registry"), REGISTRY_PARTITION)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, offset)
        return [stored((await consumer.getone(place)).value) for _ in range(offset, end)]
    finally:
        await consumer.stop()

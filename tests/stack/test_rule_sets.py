"""Rule sets on real workers: activated, refused and brought back from the command line, proved by the verifier."""

import asyncio
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import pytest

from loadtest.publish import send_all
from schemas.endpoints import Endpoints
from schemas.lawbook import FOLDER, load
from tests.conftest import changed, folder
from tests.ops.conftest import Run, Said, run
from tests.ops.test_law import added
from tests.stack.workers import generated, producer, workers

__all__ = ["folder", "run"]
PART = 300


@pytest.fixture
def named(topics: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Endpoints:
    monkeypatch.setenv("TIDEGATE_KAFKA", topics.kafka)
    monkeypatch.setenv("TIDEGATE_POSTGRES", topics.postgres)
    return topics


async def law(run: Run, *arguments: str) -> Said:
    return await asyncio.to_thread(run, "law", *arguments, "--json")


async def test_a_set_is_activated_under_load_and_brought_back(named: Endpoints, tmp_path: Path, folder: Path, run: Run) -> None:
    documents = generated(tmp_path / "set", 600, 31)
    planned = iter(list(documents.documents()))
    added(folder, "order_guid = 'x'", "order_goodsValue_e5 > 30000000")
    changed(folder, "limits.toml", 'name = "tax_tolerance_fen"\nvalue = 1\n', 'name = "tax_tolerance_fen"\nvalue = 100000\n')
    async with workers(named, tmp_path, 2, batch_records=60) as group, producer(named) as sender:

        async def some(count: int) -> None:
            await send_all(sender, list(islice(planned, count)))

        await some(PART)
        assert (await law(run, "shadow")).data == {"shadow": "", "on": False}
        tried = (await law(run, "shadow", str(folder), "--share", "60%")).data
        await some(PART)
        await group.until("some that it holds", "SELECT count(*) > 0 FROM shadow_batch WHERE outcomes LIKE '%RELEASE>HOLD%'")
        assert (await law(run, "shadow", "--off")).code == 0
        await some(PART)
        strict = (await law(run, "activate", str(folder), "--by", "an officer")).data
        await some(PART)
        await group.until("some decided by it", "SELECT count(*) > 0 FROM manifest WHERE rule_set = $1", strict["rule_set"])
        assert (await law(run, "activate", "0000")).code == 2
        await some(PART // 2)
        back = (await law(run, "activate", load().version[:10])).data
        await some(10**9)
        await group.settled()
        assert [tried["version"] + n for n in (1, 2, 3)] == [back["version"] - 2, strict["version"], back["version"]]
        rows = [tuple(r) for r in await group.db.fetch("SELECT DISTINCT registry_version, rule_set FROM manifest ORDER BY 1")]
        assert rows[-3:] == [(strict["version"] - 1, load().version), (strict["version"], strict["rule_set"]), (back["version"], load().version)]
        assert await group.db.fetchval("SELECT count(*) > 0 FROM finding WHERE code = 'TST-01'")
        listed = (await law(run, "list")).data
        assert listed["live"] == load().version
        events = {s["rule_set"]: [(e["version"], e["by"]) for e in s["events"] if e["part"] == "live"] for s in listed["rule_sets"]}
        assert events[strict["rule_set"]] == [(strict["version"], "an officer")] and len(events[load().version]) == 2
        assert (await law(run, "diff", "live", strict["rule_set"][:8])).data["differences"][-1]["entry"] == "rule TST-01"
        trial = (await law(run, "shadow")).data
        assert (trial["shadow"], trial["on"], trial["failed"]) == (strict["rule_set"], False, 0)
        assert trial["manifests"] == sum(x["manifests"] for x in trial["outcomes"]) > 0
        assert ("RELEASE", "HOLD") in [(x["live"], x["tried"]) for x in trial["outcomes"]]
        assert "TST-01" in (await asyncio.to_thread(run, "law", "shadow")).out
        assert await group.stop() == [0, 0]
        await group.proved(None)


async def test_what_a_worker_refuses_changes_nothing(named: Endpoints, tmp_path: Path, run: Run) -> None:
    async with workers(named, tmp_path, 1) as group:
        await group.until("a rule set", "SELECT count(*) = 1 FROM rule_event")
        unreadable = blake2b(b"x", digest_size=16).hexdigest()
        await group.db.execute("INSERT INTO rule_set (rule_set, content) VALUES ($1, 'x')", unreadable)
        said = await law(run, "activate", unreadable[:4])
        assert (said.code, "DL-07" in said.err) == (1, True)
        assert (await law(run, "list")).data["live"] == load().version
        assert await group.stop() == [0]
        await group.proved(None)


async def test_a_worker_whose_program_cannot_use_the_live_set_decides_nothing(named: Endpoints, tmp_path: Path, run: Run) -> None:
    """As after an update: until a set is activated that it can use."""
    async with workers(named, tmp_path, 1) as group:
        await group.until("a rule set", "SELECT count(*) = 1 FROM rule_event")
        await group.stop()
        await group.db.execute("INSERT INTO rule_set (rule_set, content) VALUES (repeat('a', 32), 'x')")
        await group.db.execute(
            "UPDATE rule_event SET rule_set = repeat('a', 32)"
        )
        group.supervisor.join()
        await group.until_asked("ready", "cannot be used by this program")
        assert (await law(run, "activate", str(FOLDER))).code == 0
        await group.until_asked("ready", "^ready$")



"""Worker processes under load: they join and leave, a topic is made anew, a partition is poisoned; the verifier judges."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError, for_code

from agents.fetched_batches import MOST_UNPACKED
from agents.poison import RUN_LIMIT
from loadtest.generate import Planned
from loadtest.publish import preload, send_all
from schemas.contracts import CONFIG, PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from tests.conftest import led
from tests.stack.workers import PATIENCE_SECONDS, Group, generated, producer, readable_ends, workers

PART = 30
OWNERS = "SELECT count(DISTINCT owner) = $1 FROM lane"
DECIDED = "SELECT ebp_code, order_no, attempt, outcome FROM manifest"
PAUSES = "SELECT topic, partition, code FROM partition_pause ORDER BY topic, partition"


async def until_consumed(group: Group, documents: int) -> None:
    """Until so many documents (of whatever partitions) are behind the workers."""
    query = "SELECT sum(next_offset) >= $1 FROM consumed WHERE topic <> ALL ($2)"
    await group.until(f"{documents} documents consumed", query, documents, [topic_name("clock"), topic_name("registry")])


async def under_load(group: Group, rest: Iterator[Sequence[Planned]], query: str, *arguments: object) -> None:
    """Send part after part, each when the one before is nearly done, until the query says true; a failure, not a hang, if it never does."""
    async with asyncio.timeout(PATIENCE_SECONDS), producer(group.endpoints) as sender:
        while not await group.db.fetchval(query, *arguments):
            group.supervisor.tend()
            if part := next(rest, None):
                await send_all(sender, part)
                sent = sum((await readable_ends(group.endpoints)).values())
                await until_consumed(group, sent - 2 * PART)
            await asyncio.sleep(0.05)


async def test_workers_join_and_leave_under_load(topics: Endpoints, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", 600, 5)
    planned = list(documents.documents())
    rest = iter([planned[n : n + PART] for n in range(0, len(planned), PART)])
    async with workers(topics, tmp_path, 2, batch_records=50) as group:
        await under_load(group, rest, OWNERS, 2)
        group.supervisor.join()
        await under_load(group, rest, OWNERS, 3)
        left = group.supervisor.slots[0]
        group.supervisor.leave(left)
        group.ended.append(left)
        await under_load(group, rest, OWNERS, 2)
        async with producer(topics) as sender:
            for part in rest:
                await send_all(sender, part)
        await group.settled()
        assert await asyncio.to_thread(left.process.wait, 60) == 0
        assert [slot.restarts for slot in group.supervisor.slots] == [0, 0]
        assert await group.stop() == [0, 0]
        await group.proved(documents)


async def made_anew(endpoints: Endpoints, name: str) -> None:
    """Delete a topic and make it again; the broker needs a while to forget it."""
    client = AIOKafkaAdminClient(**endpoints.kafka_options())
    await client.start()
    try:
        await client.delete_topics([name])
        async with asyncio.timeout(60):
            while True:
                answer = await client.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=CONFIG)])
                error = for_code(answer.topic_errors[0][1])
                if error is not TopicAlreadyExistsError:
                    break
        assert answer.topic_errors[0][1] == 0, error
    finally:
        await client.close()
    await led(endpoints, [name])


async def test_a_topic_made_anew_under_a_running_worker(topics: Endpoints, tmp_path: Path) -> None:
    """Its offsets go on where the old ones were, so only its id can tell: the worker looks at it, and whoever claims the lanes."""
    documents = generated(tmp_path / "set", 300, 6)
    planned = list(documents.documents())
    first, rest = planned[: len(planned) // 2], [d for d in planned[len(planned) // 2 :] if d.kind != "waybill"]
    waybill = topic_name("waybill")
    async with workers(topics, tmp_path, 1) as group, producer(topics) as sender:
        await send_all(sender, first)
        await group.settled()
        decided = set(await group.db.fetch(DECIDED))
        (pid,) = group.supervisor.pids()
        before = await readable_ends(topics)
        os.kill(pid, signal.SIGSTOP)
        await made_anew(topics, waybill)
        junk = [await sender.send(waybill, b"junk", partition=p) for (t, p), end in before.items() if t == waybill for _ in range(end)]
        await asyncio.gather(*junk)
        os.kill(pid, signal.SIGCONT)
        assert await readable_ends(topics) == before
        await group.until("all of it paused", "SELECT count(*) = $1 FROM partition_pause", PARTITIONS)
        paused = [(waybill, lane, "LANE-01") for lane in range(PARTITIONS)]
        assert [tuple(r) for r in await group.db.fetch(PAUSES)] == paused
        group.supervisor.join()
        await group.until("lanes moved", OWNERS, 2)
        await asyncio.gather(*[await sender.send(waybill, b"junk", partition=p) for p in range(PARTITIONS)])
        await send_all(sender, rest)
        await group.settled(but=[(waybill, p) for p in range(PARTITIONS)])
        assert [tuple(r) for r in await group.db.fetch(PAUSES)] == paused
        assert [slot.restarts for slot in group.supervisor.slots] == [0, 0]
        assert await group.stop() == [0, 0]
        assert decided < set(await group.db.fetch(DECIDED))  # waybills that came before meet their orders
        assert await group.db.fetchval("SELECT count(*) FROM dead_letter WHERE record_value = 'junk'") == 0


def resume(group: Group, *options: str) -> None:
    """`tidegate dead-letters resume`, as an officer would."""
    command = [sys.executable, "-m", "ops.cli", "dead-letters", "resume", *options]
    subprocess.run(command, env=dict(group.supervisor.environment), check=True, capture_output=True, timeout=60)


async def test_poison_pauses_its_partition_and_no_other(topics: Endpoints, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", 300, 7)
    planned = list(documents.documents())
    order = topic_name("order")
    poisoned = next(d.partition for d in planned if d.kind == "order")
    async with workers(topics, tmp_path, 2) as group:
        async with producer(topics) as sender:
            await send_all(sender, planned[:300])
            await asyncio.gather(*[await sender.send(order, b"junk", key=b"k", partition=poisoned) for _ in range(RUN_LIMIT)])
            await group.until("a pause", "SELECT EXISTS (SELECT FROM partition_pause)")
            await send_all(sender, planned[300:])
        await group.settled(but=[(order, poisoned)])
        assert [tuple(r) for r in await group.db.fetch(PAUSES)] == [(order, poisoned, "POISON")]
        stands = "SELECT next_offset FROM consumed WHERE topic = $1 AND partition = $2"
        assert await group.db.fetchval(stands, order, poisoned) < (await readable_ends(topics))[order, poisoned]
        paused = [await group.until_asked("metrics", r"^tidegate_paused_partitions \d", n) for n in range(2)]
        assert sum("\ntidegate_paused_partitions 1.0\n" in told for told in paused) == 1
        resume(group, "--topic", order, "--partition", str(poisoned))
        await group.settled()
        assert await group.db.fetch(PAUSES) == []
        assert await group.db.fetchval("SELECT count(*) FROM dead_letter WHERE record_value = 'junk'") == RUN_LIMIT
        assert await group.stop() == [0, 0]
        await group.proved(None)


async def skipped(group: Group, topic: str, partition: int, offset: int) -> None:
    """What docs/architecture.md says of LANE-03: nothing before the offset is in the log any more, and who claims the lane reads from there."""
    client = AIOKafkaAdminClient(**group.endpoints.kafka_options())
    await client.start()
    try:
        await client.delete_records({TopicPartition(topic, partition): RecordsToDelete(offset)})
    finally:
        await client.close()
    await group.db.execute("UPDATE consumed SET next_offset = $3 WHERE topic = $1 AND partition = $2", topic, partition, offset)
    await group.db.execute("DELETE FROM partition_pause WHERE topic = $1 AND partition = $2", topic, partition)


async def test_a_batch_that_cannot_be_unpacked_pauses_its_partition_behind_all_before_it(topics: Endpoints, tmp_path: Path) -> None:
    planned = list(generated(tmp_path / "set", 300, 9).documents())
    order = topic_name("order")
    bombed = next(d.partition for d in planned if d.kind == "order")
    paused = [(order, bombed, "LANE-03")]
    size = MOST_UNPACKED + 1
    async with workers(topics, tmp_path, 2) as group:
        async with producer(topics) as sender:
            await send_all(sender, planned[:300])
            async with producer(topics, compression_type="gzip", max_batch_size=2 * size, max_request_size=2 * size) as other:
                bomb = await other.send_and_wait(order, bytes(size), partition=bombed)
            await send_all(sender, planned[300:])
        await group.until("a pause", "SELECT EXISTS (SELECT FROM partition_pause)")
        await group.settled(but=[(order, bombed)])
        assert [tuple(r) for r in await group.db.fetch(PAUSES)] == paused
        stands = "SELECT next_offset FROM consumed WHERE topic = $1 AND partition = $2"
        assert await group.db.fetchval(stands, order, bombed) == bomb.offset
        why = f"the batch at offset {bomb.offset} to {bomb.offset}: gzip does not unpack to {MOST_UNPACKED} bytes or less"
        assert (await group.db.fetchval("SELECT detail FROM partition_pause")).startswith(why)
        resume(group)
        await group.until("a pause again", "SELECT EXISTS (SELECT FROM partition_pause)")
        assert [tuple(r) for r in await group.db.fetch(PAUSES)] == paused
        assert [slot.restarts for slot in group.supervisor.slots] == [0, 0]
        assert await group.stop() == [0, 0]
        await skipped(group, order, bombed, bomb.offset + 1)
        async with workers(topics, tmp_path, 1, filed=False) as again:
            await again.settled()
            assert await again.stop() == [0]
        taken = "SELECT (SELECT count(*) FROM document) + (SELECT count(*) FROM dead_letter)"
        assert await group.db.fetchval(taken) == len(planned)  # all but the bomb


async def test_documents_come_by_any_codec(topics: Endpoints, tmp_path: Path) -> None:
    """The broker is told to compress them, with the libraries that Java's producers have."""
    documents = generated(tmp_path / "set", 300, 10)
    codecs = {topic_name("order"): "lz4", topic_name("payment"): "snappy", topic_name("waybill"): "zstd"}
    client = AIOKafkaAdminClient(**topics.kafka_options())
    await client.start()
    try:
        changed = [ConfigResource(ConfigResourceType.TOPIC, t, CONFIG | {"compression.type": codec}) for t, codec in codecs.items()]
        await client.alter_configs(changed)
    finally:
        await client.close()
    await preload(documents, topics.kafka_options(), lambda _more: None)
    async with workers(topics, tmp_path, 1) as group:
        await group.settled()
        assert await group.stop() == [0]
        await group.proved(documents)


async def test_a_preloaded_set(topics: Endpoints, tmp_path: Path) -> None:
    """All that there is waits before the first worker starts; two of them share it."""
    documents = generated(tmp_path / "set", 600, 8)
    await preload(documents, topics.kafka_options(), lambda _more: None)
    async with workers(topics, tmp_path, 2) as group:
        await group.settled()
        assert await group.stop() == [0, 0]
        await group.proved(documents)

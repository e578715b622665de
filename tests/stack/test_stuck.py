"""A topic-partition that stands still ends its worker; one that has nothing more to give does not."""

import asyncio
import sys
from pathlib import Path

from agents.poison import RUN_LIMIT
from schemas.contracts import PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from tests.stack.deaf_worker import PARTITION
from tests.stack.test_outage import IMPATIENT
from tests.stack.workers import producer, workers

DEAF = (sys.executable, "-m", "tests.stack.deaf_worker")
TURNS = 8  # of a second, of a lane that gets nothing: longer than the watchdog of these workers is patient


async def test_a_partition_that_is_not_fetched_ends_the_worker(topics: Endpoints, tmp_path: Path) -> None:
    """All others are read, and their lanes commit batches all the time."""
    order = topic_name("order")
    async with workers(topics, tmp_path, 1, command=DEAF) as group, producer(topics) as sender:
        await asyncio.gather(*[await sender.send(order, b"junk", partition=p) for p in range(PARTITIONS)])
        (slot,) = group.supervisor.slots
        assert await asyncio.to_thread(slot.process.wait, 120) == 1
        assert group.logged("worker failed")[0]["reason"] == f"{order}[{PARTITION}]: nothing was taken for 4 s with 1 waiting"
        read = "SELECT array_agg(partition ORDER BY partition) FROM consumed WHERE topic = $1 AND next_offset = 1"
        assert await group.db.fetchval(read, order) == [p for p in range(PARTITIONS) if p != PARTITION]


async def test_markers_and_pauses_end_no_worker(topics: Endpoints, tmp_path: Path) -> None:
    """One partition ends with an aborted transaction, one is paused with records waiting in it."""
    order, payment = topic_name("order"), topic_name("payment")
    async with workers(topics, tmp_path, 1, command=IMPATIENT) as group:
        async with producer(topics, transactional_id=topic_name("sender")) as sender:
            for ends in (sender.commit_transaction, sender.abort_transaction):
                await sender.begin_transaction()
                await (await sender.send(order, b"junk", partition=0))
                await ends()
        async with producer(topics) as sender:
            await asyncio.gather(*[await sender.send(payment, b"junk", partition=1) for _ in range(RUN_LIMIT)])
            await group.until("a pause", "SELECT EXISTS (SELECT FROM partition_pause)")
            await (await sender.send(payment, b"junk", partition=1))
        await group.settled(but=[(payment, 1)])
        turns = await group.db.fetchval("SELECT batch_seq FROM lane WHERE lane = 2")
        await group.until("turns", "SELECT batch_seq >= $1 FROM lane WHERE lane = 2", turns + TURNS)
        assert [slot.restarts for slot in group.supervisor.slots] == [0]
        assert await group.stop() == [0]
        stands = "SELECT next_offset FROM consumed WHERE topic = $1 AND partition = 0"
        assert await group.db.fetchval(stands, order) == 4  # two records, and a marker after each

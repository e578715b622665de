"""Which lanes this worker owns: claimed after a rebalance, given up before one, never by two at a time."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.app import intake_topics
from agents.intake import Intake, Place
from agents.lanes import lanes_of
from agents.metrics import METRICS
from agents.processor import Processor
from agents.topic_identity import topics_of
from schemas.endpoints import Endpoints
from sinks.errors import Unavailable
from sinks.lanes import OUT_OF_LOG, RECREATED, UNREADABLE, Position, claim, open_positions
from sinks.named_sql import sql
from sinks.store import AWAY, Store

LOG = logging.getLogger("tidegate.lanes")
PATIENCE_SECONDS = 60.0  # how long a claim waits for PostgreSQL or Kafka
ANSWER_SECONDS = 25.0  # of Kafka, within a claim
ANOTHER_ID, OUTSIDE = "the topic was recreated: its id is another", "the position lies outside the log (retention passed, or data lost)"


class Ownership:
    """The hooks of the transport. `busy` is held by whoever processes a batch: lanes do not move under it."""

    def __init__(
        self, endpoints: Endpoints, store: Store, processor: Processor, intake: Intake, owner: str, transactional_id: str
    ) -> None:
        self._endpoints, self._store, self._processor, self._intake = endpoints, store, processor, intake
        self._owner, self._transactional_id = owner, transactional_id
        self.busy = asyncio.Lock()
        self._moving_since: float | None = None
        self._revokes = 0
        self._topic_ids: dict[Place, str] = {}  # of the topics of our lanes, as Kafka told last
        self.app: Any = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def epochs(self) -> dict[int, int]:
        """lane → epoch of what is owned right now."""
        return {lane: state.epoch for lane, state in self._processor.lanes.items()}

    def moving_seconds(self) -> float:
        """How long lanes have been between two assignments; 0 when they are not. Being fenced meanwhile is no surprise:
        another worker may have claimed before we knew what is left to us."""
        return time.monotonic() - self._moving_since if self._moving_since is not None else 0.0

    async def positions(self, assigned: set[TP]) -> Mapping[TP, int]:
        """Claim what is new in the assignment and say where each topic-partition is read on."""
        try:
            async with self.busy:
                revokes = self._revokes
                found = await self._assign_patiently(assigned)
                if self._revokes == revokes:  # else the next assignment is under way
                    self._moving_since = None
                return found
        except BaseException as e:
            # Faust would log this and go on without positions: the worker has to end instead.
            if not self.failed.done():
                self.failed.set_exception(e if isinstance(e, Exception) else RuntimeError(type(e).__name__))
            raise

    async def _assign_patiently(self, assigned: set[TP]) -> Mapping[TP, int]:
        """A store that is away is waited for, but not for ever; a claim begun is begun again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await self._assign(assigned)
            except (Unavailable, KafkaError, *AWAY) as e:
                if time.monotonic() > deadline:
                    raise
                LOG.warning("claim put off", extra={"reason": type(e).__name__})
                await asyncio.sleep(0.5)

    async def _assign(self, assigned: set[TP]) -> Mapping[TP, int]:
        METRICS.rebalances.inc()
        wanted = lanes_of(assigned, intake_topics())
        kept = await self._still_mine(wanted & set(self._processor.lanes))
        self._processor.disown(set(self._processor.lanes) - kept)
        self._topic_ids = {place: ident for place, ident in self._topic_ids.items() if place[1] in kept}
        new = wanted - kept
        if new:
            await self._claim(new)
        for place in await self._pauses():
            self._intake.pause(place)
        positions = {place: o for place, o in self._processor.positions.items() if place[1] in wanted}
        self._intake.reset(positions)
        METRICS.lanes.set(len(wanted))
        self._count_paused()
        LOG.info("lanes assigned", extra={"lanes": sorted(wanted), "claimed": sorted(new)})
        return {TP(topic, partition): offset for (topic, partition), offset in positions.items()}

    async def _still_mine(self, lanes: set[int]) -> set[int]:
        """Lanes kept over the rebalance, unless somebody else claimed them in a generation we missed, or a batch of
        ours was committed and we did not learn it."""
        if not lanes:
            return set()
        rows = await self._store.fetch("lanes_read", sorted(lanes))
        mine = {lane: (state.epoch, state.batch_seq) for lane, state in self._processor.lanes.items()}
        return {r["lane"] for r in rows if (r["epoch"], r["batch_seq"]) == mine[r["lane"]]}

    async def _claim(self, lanes: set[int]) -> None:
        kafka = self._endpoints.kafka_options()
        claimed = await claim(self._endpoints.postgres, kafka, lanes, self._owner, self._transactional_id)
        tps = [TP(topic, lane) for topic in intake_topics() for lane in lanes]
        async with asyncio.timeout(ANSWER_SECONDS):  # TimeoutError: put off
            ids = {name: topic.id for name, topic in (await topics_of(kafka, intake_topics())).items()}
            starts = {(tp.topic, tp.partition): o for tp, o in (await self.app.consumer.earliest_offsets(*tps)).items()}
            ends = {(tp.topic, tp.partition): o for tp, o in (await self.app.consumer.highwaters(*tps)).items()}
        fresh = {
            (tp.topic, tp.partition): Position(ids[tp.topic], starts[tp.topic, tp.partition] or 0)
            for tp in tps
            if (tp.topic, tp.partition) not in claimed.positions
        }
        await open_positions(self._endpoints.postgres, fresh)
        positions = claimed.positions | fresh
        for place, position in claimed.positions.items():
            if position.topic_id != ids.get(place[0]):
                await self.pause(place, RECREATED, ANOTHER_ID)
            elif not (starts.get(place) or 0) <= position.next_offset <= (ends.get(place) or 0):
                await self.pause(place, OUT_OF_LOG, OUTSIDE)
        self._topic_ids.update({place: ids[place[0]] for place in positions if place[0] in ids})
        self._processor.own(claimed.states, {place: p.next_offset for place, p in positions.items()}, claimed.look_again)

    async def pause(self, place: Place, code: str, detail: str) -> None:
        """Pause one topic-partition for whoever owns it, until somebody resumes it."""
        LOG.error("partition paused", extra={"topic": place[0], "partition": place[1], "code": code, "detail": detail})
        self._intake.pause(place)
        connection = await self._store.connection()
        await connection.execute(sql("pause_add"), place[0], place[1], code, detail)
        self._count_paused()

    def topic_ids(self) -> Mapping[Place, str]:
        """Kafka's id of the topic of each topic-partition of our lanes, as it was when the lane was claimed, or seen to be another since."""
        return dict(self._topic_ids)

    async def compare_topics(self, known: Mapping[Place, str], now: Mapping[str, str]) -> None:
        """Pause what is read of topics that were made anew under us. `known`: `topic_ids` before Kafka was asked for those that are
        there `now`; what was claimed meanwhile was compared by its claim."""
        anew = {place for place, ident in known.items() if now.get(place[0], ident) != ident}
        if not anew:
            return
        async with self.busy:
            for place in sorted(anew):
                if self._topic_ids.get(place) == known[place]:
                    await self.pause(place, RECREATED, ANOTHER_ID)
                    self._topic_ids[place] = now[place[0]]

    async def resume_released(self) -> None:
        """Take up again what somebody resumed (`tidegate dead-letters resume`)."""
        paused = self._intake.paused()
        if not paused:
            return
        for place in paused - await self._pauses():
            if place in self._processor.positions:
                self._intake.resume(place, self._processor.positions[place])
        self._count_paused()

    def _count_paused(self) -> None:
        """Of our lanes: of the others their owners tell."""
        METRICS.paused_partitions.set(sum(lane in self._processor.lanes for _, lane in self._intake.paused()))

    async def _pauses(self) -> set[Place]:
        return {(r["topic"], r["partition"]) for r in await self._store.fetch("pauses")}

    def revoked(self, partitions: set[TP]) -> None:
        self._revokes += 1
        if self._moving_since is None:
            self._moving_since = time.monotonic()
        self._intake.drop({(tp.topic, tp.partition) for tp in partitions})

    def durable(self) -> Mapping[Place, int]:
        """Committed positions, for lag dashboards."""
        return self._processor.positions

    async def on_lost(self, places: Mapping[TP, int]) -> None:
        """The broker has no record at these positions any more: the partitions stop and page."""
        async with self.busy:
            for tp in places:
                await self.pause((tp.topic, tp.partition), OUT_OF_LOG, OUTSIDE)

    async def on_unreadable(self, places: Mapping[TP, str]) -> None:
        """They pause where the batch begins: what is before it is decided first."""
        async with self.busy:
            for tp, why in places.items():
                if not self._intake.holds((tp.topic, tp.partition)):
                    await self.pause((tp.topic, tp.partition), UNREADABLE, why)

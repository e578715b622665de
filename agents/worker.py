"""One worker process: Faust takes in, the processor decides and commits, the relay publishes. Any surprise ends it."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import numpy as np
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents import filings, http, logs
from agents.app import build_app, intake_topics
from agents.brokers import Brokers
from agents.buffers import FIRST, LaneRecords
from agents.compiling import compile_loops, let_code_go
from agents.faust_private import UnknownFaust
from agents.guarantors import Guarantors
from agents.intake import Intake
from agents.lanes import NotCoPartitioned
from agents.metrics import METRICS, observe_all
from agents.ownership import Ownership
from agents.poison import UNDECODABLE, PoisonWatch
from agents.polars_thread import on_polars_thread
from agents.processor import Done, Processor
from agents.settings import WorkerSettings
from agents.stores import Stores
from agents.topic_identity import UnequalTopics, check_equal
from agents.upkeep import Upkeep
from agents.watchdog import STUCK_SECONDS, Stuck, Watchdog
from schemas.contracts import REGISTRY_PARTITION, topic_name
from schemas.endpoints import SettingsError
from schemas.law_check import LawError
from schemas.lawbook import load
from schemas.registry import RegistryError, adopt_ids
from sinks.aiokafka_private import UnknownAiokafka
from sinks.batch import LOOKED_BACK
from sinks.errors import Fenced, Unavailable
from sinks.lanes import release
from sinks.relay import LostBatches, OutboxGap, Relay
from sinks.store import AWAY, Store

LOG = logging.getLogger("tidegate.worker")
FIRST_BATCHES = 4  # with documents: they call what is called for the first time
IDLE_SECONDS = 5.0  # a lane without records for this long gets a clock tick
MAX_UNPUBLISHED = 200  # batches the relay may be behind before intake waits
DRAIN_SECONDS = 20
OURS = (UnequalTopics, UnknownFaust, UnknownAiokafka, NotCoPartitioned, Stuck, Fenced, LostBatches, OutboxGap, RegistryError, SettingsError, LawError)  # their texts quote no document
MOVING_SECONDS = 120.0  # longest rebalance; a claim inside it waits at most half of that for its stores


class Worker:
    """`run` returns when it was asked to stop and has drained; it raises whatever else ended it."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        endpoints = settings.endpoints
        self.owner = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        transactional_id = f"{topic_name('relay')}-{self.owner}"
        self.intake = Intake()
        self.store = Store(endpoints.postgres)
        self.processor = Processor(self.store, load(), settings.person_key, seeds=settings.seeds)
        self.guarantors = Guarantors()
        self.ownership = Ownership(endpoints, self.store, self.processor, self.intake, self.owner, transactional_id)
        self.relay = Relay(
            endpoints.postgres, endpoints.kafka_options(), transactional_id, self.ownership.epochs,
            published=self._published, lost=self._count_round,
        )  # fmt: skip
        self.upkeep = Upkeep(endpoints.postgres)
        self._rounds = 0  # of the relay, whatever came of them
        self.stores, self.brokers = Stores(endpoints.postgres, endpoints.kafka_options()), Brokers(endpoints.kafka_options(), intake_topics())
        self.watchdog, self.moving = Watchdog(seconds=STUCK_SECONDS), Watchdog("no assignment came", MOVING_SECONDS)
        self.poison: dict[tuple[str, int], PoisonWatch] = {}
        self.stopping = asyncio.Event()
        self._last_record: dict[int, float] = {}
        self.ends = [0, 0]  # of the topics of registry and rules when this worker started
        self._newest_ms = 0  # log time of the newest record in a committed batch
        self._clock: AIOKafkaProducer | None = None
        self._first_batches = FIRST_BATCHES

    async def run(self) -> None:
        """Until `stopping` is set, or until something breaks."""
        server, port = await http.serve(self.settings.bind, self.settings.port, self._why_not_ready)
        self.app: Any = build_app(
            self.settings.endpoints, self.settings.group, self.intake, self.ownership, self.settings.transport
        )
        self.ownership.app = self.app
        self._clock = AIOKafkaProducer(**self.settings.endpoints.kafka_options(), acks="all")
        await self._clock.start()
        await check_equal(self.settings.endpoints.kafka_options(), intake_topics())
        # nothing is decided before it is known who may trade in what and by which rules: a backlog would be rejected whole
        self.ends = [await filings.end_of(self.settings.endpoints.kafka_options(), kind) for kind in FIRST]
        self.intake.only = frozenset(map(topic_name, FIRST))
        with suppress(Unavailable):  # read by the first batch then
            await self.processor.follow()
        LOG.info("worker starting", extra={"owner": self.owner, "port": port})
        relay = asyncio.create_task(self._publish(), name="relay")
        batches = asyncio.create_task(self._batches(), name="batches")
        each_second = (self.stores.look, self._ask_brokers, self._watch, self._tend, self._keep_up)
        tasks = {
            relay,
            batches,
            *(asyncio.create_task(self._every_second(step), name=step.__name__) for step in each_second),
            asyncio.create_task(self._faust(), name="faust"),
            asyncio.ensure_future(self.ownership.failed),
        }
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # raises what ended it
            await self._drain(batches, relay)
        finally:
            await server.cleanup()
        LOG.info("worker stopped", extra={"owner": self.owner})

    async def _faust(self) -> None:
        await self.app.start()
        while not self.app.crashed and not self.app.should_stop:
            await asyncio.sleep(0.5)
        raise RuntimeError("Faust ended by itself")

    async def _publish(self) -> None:
        while True:
            try:
                return await self.relay.run()
            except Fenced:
                if not self.ownership.moving_seconds():
                    raise
                LOG.info("relay fenced while lanes move")
                await asyncio.sleep(0.1)

    async def _batches(self) -> None:
        while not self.stopping.is_set():
            work = await self.intake.gather(self.settings.batch_records)
            if work is None:
                return
            async with self.ownership.busy:
                with suppress(Unavailable):  # asked again with the next batch
                    if self.intake.only:
                        await self._take_documents_too()
                if work.generation != self.intake.generation or not work:
                    continue
                while self.relay.behind() > MAX_UNPUBLISHED:
                    METRICS.unpublished_batches.set(self.relay.behind())
                    await asyncio.sleep(0.05)
                try:
                    done = await self.processor.process(work)
                except Fenced:
                    if not self.ownership.moving_seconds():
                        raise
                    LOG.info("batch given up: its lanes were claimed while they move", extra={"lanes": sorted(work)})
                    continue
            self.relay.wake()
            now = time.monotonic()
            for lane, records in work.items():
                if records.records:
                    self._last_record[lane] = now
                    self._newest_ms = max(self._newest_ms, records.clock_ms)
            await self._count(done, work)
            if done.documents:
                self._let_code_go()
            del work, done  # or they would stand beside the next batch while that is gathered

    def _let_code_go(self) -> None:
        """Once, when the first batches are done: what only they called is 40 MB."""
        self._first_batches -= 1
        if not self._first_batches:
            let_code_go()

    async def _take_documents_too(self) -> None:
        """Once registry and rules are taken, by whoever owns lane 0, to where they ended when this worker started. One that is paused
        is not waited for where it was begun: other workers decide by what stands, too."""
        taken = await filings.taken_to(self.store, *FIRST)
        paused = [(topic_name(kind), REGISTRY_PARTITION) in self.intake.paused() for kind in FIRST]
        if all(to >= end or (to and stopped) for to, end, stopped in zip(taken, self.ends, paused, strict=True)):
            await self.processor.follow()
            if not self.processor.rules.unusable:
                self.intake.only = frozenset()

    async def _count(self, done: Done, work: Any) -> None:
        METRICS.batch_seconds.observe(done.seconds)
        METRICS.batch_documents.observe(done.documents)
        for outcome, count in done.outcomes.items():
            METRICS.manifests.labels(outcome).inc(count)
        for code, count in done.dead.items():
            METRICS.dead_letters.labels(code).inc(count)
        for kind, count in done.kinds.items():
            METRICS.documents.labels(kind).inc(count)
        for code, count in done.findings.items():
            METRICS.findings.labels(code).inc(count)
        for fate, count in done.fates.items():
            METRICS.fates.labels(fate).inc(count)
        for code, count in done.guarantee_events.items():
            METRICS.guarantee_events.labels(code).inc(count)
        now_ms = time.time() * 1000
        observe_all(METRICS.latency_seconds, [(now_ms - accepted) / 1000 for accepted in done.accepted_ms])
        if done.documents or done.dead:
            LOG.info(
                "batch",
                extra={"documents": done.documents, "manifests": done.manifests, "outcomes": done.outcomes,
                       "lanes": len(work), "seconds": round(done.seconds, 4)},
            )  # fmt: skip
        await self._watch_poison(work, done)

    async def _watch_poison(self, work: Any, done: Done) -> None:
        for lane, records in work.items():
            for topic, taken in records.records.items():
                place = (topic, lane)
                bad = done.undecodable.get(place, {})
                watch = self.poison.setdefault(place, PoisonWatch())
                broken = [offset for offset, code in bad.items() if code in UNDECODABLE]
                positions = np.flatnonzero(np.isin(taken.rows["offset"], broken)).tolist() if broken else []
                if why := watch.limit_passed(len(taken), positions):
                    async with self.ownership.busy:  # nothing else may be asked over the connection meanwhile
                        with suppress(Unavailable, *AWAY):  # not kept, so taken up again in a second, and what is read of it then says so once more
                            await self.ownership.pause(place, "POISON", why)
                            self.poison[place] = PoisonWatch()

    async def _every_second(self, step: Callable[[], Awaitable[None]]) -> None:
        while not self.stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1.0)
            await step()

    async def _watch(self) -> None:
        """What is seen from outside, and by the watchdogs; waits for nothing."""
        lag = self.intake.lag()
        for topic, records in lag.items():
            METRICS.lag_records.labels(topic.rsplit(".", 1)[-1]).set(records)
        METRICS.buffered_records.set(self.intake.buffered())
        METRICS.buffered_bytes.set(self.intake.buffered_bytes())
        METRICS.lag_seconds.set(max(0.0, time.time() - self._newest_ms / 1000) if self._newest_ms and any(lag.values()) else 0)
        METRICS.unpublished_batches.set(self.relay.behind())
        METRICS.ready.set(0 if self._why_not_ready() else 1)
        healthy = self.stores.away() is None
        self.moving.check({"rebalance": (self.intake.generation, int(self.ownership.moving_seconds() > 0))}, healthy=healthy)
        held_up = self._rounds if self.relay.behind() > MAX_UNPUBLISHED else 0
        standing = {f"{topic}[{lane}]": stands for (topic, lane), stands in self.intake.standing(held_up).items()}
        self.watchdog.check(standing, healthy=healthy and self.brokers.answered)

    async def _ask_brokers(self) -> None:
        known = self.ownership.topic_ids()
        await self.brokers.look(list(self.processor.lanes))
        self.intake.ends = self.brokers.ends
        with suppress(Unavailable, *AWAY):  # compared again in a second
            await self.ownership.compare_topics(known, self.brokers.ids)

    async def _tend(self) -> None:
        """Waits for the batch under way, which may wait for PostgreSQL."""
        async with self.ownership.busy:
            with suppress(Unavailable, *AWAY):  # paused a little longer
                await self.ownership.resume_released()
                await self.guarantors.tell(self.processor.store, self.processor.registry, self.processor.lanes)
        with suppress(KafkaError, TimeoutError):  # the broker is away: it will tick later
            await asyncio.wait_for(self._tick_idle_lanes(), 5.0)

    async def _keep_up(self) -> None:
        await self.upkeep.look(self.processor.lanes)

    async def _tick_idle_lanes(self) -> None:
        now = time.monotonic()
        for lane in list(self.processor.lanes):
            if now - self._last_record.setdefault(lane, now) >= IDLE_SECONDS and self._clock is not None:
                self._last_record[lane] = now
                await self._clock.send(topic_name("clock"), value=b"", key=b"", partition=lane)

    async def _drain(self, batches: "asyncio.Task[None]", relay: "asyncio.Task[None]") -> None:
        """Finish the batch under way, look at what it stored, let the relay publish, then give the lanes back."""
        self.intake.close()
        await batches
        with suppress(TimeoutError, Fenced):  # whoever has the lanes now looks himself
            await asyncio.wait_for(self._look_once_more(), DRAIN_SECONDS)
        self.relay.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(relay), DRAIN_SECONDS)
        await release(self.settings.endpoints.postgres, self.processor.lanes, self.owner)
        await self.relay.close()
        if self._clock is not None:
            await self._clock.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.app.stop(), 5)
        await self.store.close()

    async def _look_once_more(self) -> None:
        """What was stored last has still to be looked at: empty batches do it."""
        async with self.ownership.busy:
            for _ in range(LOOKED_BACK):
                if self.processor.lanes and self.processor.again:
                    await self.processor.process({lane: LaneRecords({}, {}, {}, 0) for lane in self.processor.lanes})
                    self.relay.wake()

    def _published(self, messages: int, seconds: float) -> None:
        METRICS.relay_messages.inc(messages)
        METRICS.relay_seconds.observe(seconds)
        self._count_round("committed")

    def _count_round(self, result: str) -> None:
        METRICS.relay_rounds.labels(result).inc()
        self._rounds += 1

    def _why_not_ready(self) -> str | None:
        if self.stopping.is_set():
            return "stopping"
        if away := self.stores.away():
            return away
        if not self.processor.lanes:
            return "no lanes assigned"
        if why := self.processor.rules.unusable:
            return f"the live rule set cannot be used by this program: {why}"
        return "reading registry and rules" if self.intake.only else None


def main() -> None:
    """Run one worker; exit 1 on anything but a clean stop, without a final commit of any kind."""
    logs.configure(os.environ.get("TIDEGATE_LOG_LEVEL", "INFO"))
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)  # a batch makes 10^5 tuples that are no garbage: a quarter of its encoding went into looking
    asked_to_stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: asked_to_stop.set())
    threading.Thread(target=_work, args=(asked_to_stop,), daemon=True).start()
    threading.Event().wait()  # signals come to this thread; the worker ends the process


def _work(asked_to_stop: threading.Event) -> None:
    try:
        on_polars_thread(lambda: uvloop.run(_run(asked_to_stop)))
    except Exception:
        LOG.critical("worker failed", exc_info=True)
    os._exit(1)  # it did not end the process itself, and nobody waits for this thread


async def _run(asked_to_stop: threading.Event) -> None:
    """Leaves the process itself: neither Faust's threads nor its tasks are waited for, they may never end."""
    try:
        await adopt_ids()
        compile_loops()
        let_code_go()
        worker = Worker(WorkerSettings.read())
        asking = asyncio.get_running_loop().run_in_executor(None, asked_to_stop.wait)
        asking.add_done_callback(lambda _: worker.stopping.set())
        await worker.run()
    except BaseException as e:
        LOG.critical("worker failed", exc_info=True, extra={"reason": str(e)} if isinstance(e, OURS) else None)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()

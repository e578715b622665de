"""The run: fresh stack, load, faults one after the other, everything drained, verified."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.generate import GeneratedSet, profile
from loadtest.verify import Proof
from ops import capacity
from ops.failed import RunFailed
from ops.fault import plan
from ops.fault.gauge import BEFORE_SECONDS, Gauge
from ops.fault.inject import Injector
from ops.fault.load import Load
from ops.fault.plan import Fault, Plan
from ops.filing import file_registry
from ops.proof import proof_of
from ops.stack import Stack
from ops.supervisor import Supervisor
from schemas.contracts import PARTITIONS, document_topics
from sinks.migrate import migrate
from sinks.topics import ensure_topics

Say = Callable[[str, int, int], None]
RECOVERY_SECONDS = 60.0  # how long recovery is waited for
STARTUP_SECONDS = 60.0
STUCK_SECONDS = 90.0  # without any movement while draining
TEND_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Measured:
    """`seconds` until the rate was back; None: not within RECOVERY_SECONDS. `outage`: of the fault itself."""

    kind: str
    whom: str
    at: float
    outage: float
    before: float
    seconds: float | None
    measured: bool = True  # False: the next fault came before recovery was waited for, or there was no load


@dataclass(slots=True)
class Outcome:
    """Result of a run; `restarts`: of workers, those killed and those that ended by themselves (a zombie does)."""

    plan: Plan
    proof: Proof | None = None
    faults: list[Measured] = field(default_factory=lambda: list[Measured]())
    restarts: int = 0
    drained_seconds: float = 0.0
    exit_codes: list[int] = field(default_factory=lambda: list[int]())
    log: str = ""

    @property
    def verified(self) -> bool:
        """Whether it came to a proof, and nothing differs."""
        return self.proof is not None and self.proof.verified

    def to_json(self) -> dict[str, Any]:
        """As plain dicts; `proof` as the verifier gives it."""
        return {**asdict(self), "verified": self.verified, "proof": self.proof and self.proof.to_json()}


Told = Callable[[Measured], None]


async def run(
    plan_: Plan, home: Path, name: str = "fault", say: Say = lambda *_: None, told: Told = lambda _: None
) -> Outcome:
    """One fault run on a stack of its own, wiped afterwards. RunFailed when the group does not come to its end."""
    documents = await asyncio.to_thread(_documents, home, plan_, say)
    outcome = Outcome(plan_, log=str(home / f"{name}-workers.log"))
    Path(outcome.log).unlink(missing_ok=True)
    async with _stack(home, name) as stack:
        endpoints = stack.endpoints()
        await ensure_topics(endpoints.kafka_options())
        await migrate(endpoints.postgres, datetime.now(UTC))
        market = profile(plan_.profile).market
        await file_registry(endpoints, capacity.environment(endpoints, home), market, Path(outcome.log), say)
        supervisor = Supervisor(
            plan_.workers, environment=capacity.environment(endpoints, home), log=Path(outcome.log)
        )
        await _Run(plan_, stack, supervisor, documents, outcome, say, told).drive()
        outcome.proof = await proof_of(endpoints, home, documents.folder, lambda stage, done, total: say(f"verifying: {stage}", done, total))
    return outcome


def _documents(home: Path, plan_: Plan, say: Say) -> GeneratedSet:
    return capacity.generated(home, capacity.Plan(plan_.size(), plan_.workers, plan_.profile, plan_.seed), say)


@asynccontextmanager
async def _stack(home: Path, name: str) -> AsyncGenerator[Stack, None]:
    """The stack starts and stops in a thread: it runs event loops of its own."""
    stack = capacity.fresh_stack(home, name)
    try:
        yield await asyncio.to_thread(stack.__enter__)
    finally:
        await asyncio.to_thread(stack.__exit__, None, None, None)


class _Run:
    def __init__(
        self, plan_: Plan, stack: Stack, supervisor: Supervisor, documents: GeneratedSet, outcome: Outcome,
        say: Say, told: Told,
    ) -> None:  # fmt: skip
        self.plan, self.stack, self.supervisor, self.outcome = plan_, stack, supervisor, outcome
        self.say, self.told = say, told
        self.load = Load(stack.endpoints(), documents, plan_.rate)
        self.gauge = Gauge(stack.endpoints().postgres)
        self.injector = Injector(stack, supervisor, plan_.stop_seconds)
        self.begun = time.monotonic()
        self.before = self.load.per_second  # the group kept pace with the open loop, or the run would not have begun

    async def drive(self) -> None:
        self.supervisor.start()
        self.gauge.start()
        tending = asyncio.create_task(self._tend(), name="tend")
        try:
            await self.load.start()
            await self._until_running()
            faults = self.plan.faults()
            for number, fault in enumerate(faults):
                following = faults[number + 1] if number + 1 < len(faults) else None
                self.say(fault.kind, number, len(faults))
                await self._one(fault, following is None or following.patient)
            self.say("draining", len(faults), len(faults))
            await self._drain(await self.load.rest())
        finally:
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)
            await self.gauge.stop()
            await self.load.stop()
            self.injector.undo()
            self.outcome.exit_codes = await asyncio.to_thread(self.supervisor.stop)
            self.outcome.restarts = sum(slot.restarts for slot in self.supervisor.slots)

    async def _tend(self) -> None:
        while True:
            self.supervisor.tend()
            await asyncio.sleep(TEND_SECONDS)

    async def _until_running(self) -> None:
        """All workers are up and keep pace with the load."""
        wanted = self.load.per_second * 0.8
        started = time.monotonic()
        while (rate := self.gauge.rate(BEFORE_SECONDS, started)) is None or rate < wanted:
            self.load.running()
            if time.monotonic() - started > STARTUP_SECONDS:
                raise RunFailed(f"the group did not reach the load's rate; log: {self.outcome.log}")
            await asyncio.sleep(0.1)

    async def _one(self, fault: Fault, measure: bool) -> None:
        await asyncio.sleep(fault.pause)
        since = time.monotonic()
        if fault.kind == plan.RESUME:
            await asyncio.sleep(max(0.0, self.plan.stop_seconds - fault.pause))
            since = time.monotonic()
        whom = await self.injector.inject(fault)
        outage, seconds = time.monotonic() - since, None
        measure = measure and self.plan.measured and self.load.running()
        if not self.plan.measured:
            await self._until_moved(time.monotonic())
        if measure:
            seconds = await self.gauge.until_back(self.before, since, RECOVERY_SECONDS + outage, self.load.running)
        measured = Measured(
            fault.kind, whom, since - self.begun, outage, self.before, seconds, measure and self.load.running()
        )
        self.outcome.faults.append(measured)
        self.told(measured)

    async def _until_moved(self, since: float) -> None:
        """Something was consumed after `since`, or nothing is left to consume."""
        first: int | None = None
        while self.load.running():
            sample = self.gauge.latest()
            if sample is not None and sample.at > since:
                first = sample.documents if first is None else first
                if sample.documents > first:
                    return
            if time.monotonic() - since > STUCK_SECONDS:
                raise RunFailed(f"nothing moved for {STUCK_SECONDS:.0f} s; log: {self.outcome.log}")
            await asyncio.sleep(0.1)

    async def _drain(self, sent: int) -> None:
        """Until every document is consumed and every committed batch published; RunFailed when nothing moves."""
        target = await self._sent()
        if target < sent:
            raise RunFailed(f"the broker holds {target} documents of {sent} that it acknowledged")
        begun = moved = time.monotonic()
        last: tuple[int, int] | None = None
        while True:
            sample = self.gauge.latest()
            now = (sample.documents, sample.behind) if sample else (0, 0)
            if now[0] >= target and now[1] == 0 and sample and sample.at > begun:
                break
            if now != last:
                last, moved = now, time.monotonic()
                self.say("draining", now[0], target)
            if time.monotonic() - moved > STUCK_SECONDS:
                raise RunFailed(
                    f"nothing moved for {STUCK_SECONDS:.0f} s: {now[0]} of {target} documents consumed, "
                    f"{now[1]} batches not published; log: {self.outcome.log}"
                )
            await asyncio.sleep(0.1)
        self.outcome.drained_seconds = round(time.monotonic() - begun, 2)

    async def _sent(self) -> int:
        """Documents the broker holds."""
        consumer = AIOKafkaConsumer(**self.stack.endpoints().kafka_options())
        await consumer.start()
        try:
            ends = await consumer.end_offsets(
                [TopicPartition(t.name, p) for t in document_topics() for p in range(PARTITIONS)]
            )
        finally:
            await consumer.stop()
        return sum(ends.values())

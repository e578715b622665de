"""Workers without Faust: processor, store and lanes, held at named points of their transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg

from agents.buffers import LaneRecords
from agents.metrics import METRICS
from agents.processor import Done, Processor
from agents.records import Records
from pipeline.claims import Claims
from pipeline.ledgers import Balances
from schemas.contracts import topic, topic_name, topics
from schemas.endpoints import Endpoints
from schemas.lawbook import Lawbook, load
from sinks.lanes import Position, claim, open_positions
from sinks.messages import unpack
from sinks.named_sql import sql
from sinks.store import Store
from tests.pipeline.memory import BASE_MS, KEY, Rec, registry
from tests.pipeline.trios import HOUR_MS

LAWBOOK = load()
NOW_MS = BASE_MS + HOUR_MS
PATIENCE_SECONDS = 60  # a test that waits longer has failed
INTAKE = ("order", "payment", "waybill", "clock", "registry", "rules")
T = TypeVar("T")
Action = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Gate:
    """A named point where somebody is held: `reached` says that he is there, `open` lets him go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Steps:
    """The `step` hook of stores and relays: holds, or does something, at the next pass of a point."""

    seen: list[str] = field(default_factory=list)
    _gates: dict[str, Gate] = field(default_factory=dict)
    _actions: dict[str, Action] = field(default_factory=dict)

    def hold(self, name: str) -> Gate:
        return self._gates.setdefault(name, Gate())

    def set(self, name: str, gate: Gate) -> None:
        """Hold with a gate that somebody waits at already."""
        self._gates[name] = gate

    def do(self, name: str, action: Action) -> None:
        self._actions[name] = action

    async def __call__(self, name: str) -> None:
        self.seen.append(name)
        if action := self._actions.pop(name, None):
            await action()
        if gate := self._gates.pop(name, None):
            gate.reached.set()
            await within(gate.open.wait())


class SteppedStore(Store):
    """A store that also passes a point after the balances were read without locks: `read`."""

    async def balances(self, claims: Claims) -> Balances:
        found = await super().balances(claims)
        await self._step("read")
        return found


@dataclass(slots=True)
class Node:
    """One worker; lane i holds partition i of each topic."""

    name: str
    endpoints: Endpoints
    steps: Steps
    processor: Processor
    relay_steps: Steps = field(default_factory=Steps)

    @property
    def epochs(self) -> dict[int, int]:
        return {lane: state.epoch for lane, state in self.processor.lanes.items()}

    async def claim(self, *lanes: int, fence: bool = False) -> None:
        """Claim lanes; `fence`: shut their former owner out of Kafka too."""
        dsn, kafka = self.endpoints.postgres, self.endpoints.kafka_options()
        more: dict[str, Any] = {} if fence else {"fence_former": _no_fence}
        claimed = await claim(dsn, kafka, lanes, self.name, f"{topic_name('relay')}-{self.name}", **more)
        fresh = {
            (topic_name(kind), lane): Position("some-id", 0)
            for kind in INTAKE
            for lane in lanes
            if (topic_name(kind), lane) not in claimed.positions
        }
        await open_positions(dsn, fresh)
        positions = {place: p.next_offset for place, p in (claimed.positions | fresh).items()}
        self.processor.own(claimed.states, positions, claimed.look_again)

    async def take(self, *records: Rec) -> Done:
        """Commit a batch of these records."""
        lanes = {r.partition for r in records}
        return await self.processor.process({lane: part([r for r in records if r.partition == lane]) for lane in lanes})

    async def tick(self, at_ms: int = NOW_MS) -> Done:
        """Commit an empty batch of all lanes, whose clocks are at least `at_ms` then."""
        return await self.processor.process({lane: LaneRecords({}, {}, {}, at_ms) for lane in self.processor.lanes})


def part(records: Iterable[Rec]) -> LaneRecords:
    """One lane's part of a batch."""
    by_topic: dict[str, list[Rec]] = {}
    for r in records:
        by_topic.setdefault(r.topic, []).append(r)
    return LaneRecords(
        {t: Records.of(rs) for t, rs in by_topic.items()},
        {t: rs[0].offset for t, rs in by_topic.items()},
        {t: rs[-1].offset + 1 for t, rs in by_topic.items()},
        max(r.timestamp for rs in by_topic.values() for r in rs),
    )


@asynccontextmanager
async def nodes(endpoints: Endpoints, *lanes: Iterable[int], lawbook: Lawbook = LAWBOOK):  # type: ignore[no-untyped-def]
    """As many workers as lane groups, each with its own lanes claimed. The registry stands without events, and the accounts of
    its stock are open as if it had been filed."""
    made: list[Node] = []
    connection = await asyncpg.connect(endpoints.postgres)
    await connection.execute(sql("stock_open"), registry().stock["book_item"].to_list())
    await connection.close()
    for number, group in enumerate(lanes, start=1):
        steps = Steps()
        store = SteppedStore(endpoints.postgres, steps)
        node = Node(f"w{number}", endpoints, steps, Processor(store, lawbook, KEY, registry()))
        made.append(node)
        if chosen := list(group):
            await node.claim(*chosen)
    try:
        yield made
    finally:
        for node in made:
            await node.processor.store.close()


async def within(waited: Awaitable[T]) -> T:
    """Its result; a failure, not a hang, when it does not come."""
    return await asyncio.wait_for(waited, PATIENCE_SECONDS)


async def reached(gate: Gate, task: "asyncio.Task[Any]") -> None:
    """Until somebody is held at the gate; what ended `task` before it got there is raised."""
    arrival = asyncio.create_task(gate.reached.wait())
    await within(asyncio.wait([arrival, task], return_when=asyncio.FIRST_COMPLETED))
    if not gate.reached.is_set():
        arrival.cancel()
        task.result()
        raise AssertionError("it ended without passing the gate")


async def _no_fence(_kafka: Mapping[str, Any], _transactional_id: str) -> None:
    return None


async def somebody_waits(db: asyncpg.Connection, sessions: int = 1) -> None:
    """Until so many sessions of this database wait for locks of others."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sessions > await db.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0)


async def manifests(db: asyncpg.Connection) -> list[tuple[str, int, str, list[str]]]:
    """(order number, attempt, outcome, codes) of everything decided."""
    rows = await db.fetch(
        "SELECT order_no, attempt, outcome,"
        " (SELECT coalesce(array_agg(code ORDER BY code), '{}') FROM finding f WHERE f.manifest_id = m.manifest_id) AS codes"
        " FROM manifest m ORDER BY order_no, attempt"
    )
    return [tuple(r) for r in rows]  # type: ignore[misc]


async def messages(db: asyncpg.Connection) -> list[tuple[str, int, bytes, bytes]]:
    """(topic, lane, key, value) of everything the outbox holds."""
    names = [t.name for t in topics()]
    rows = await db.fetch("SELECT lane, messages FROM outbox ORDER BY lane, batch_seq")
    return [(names[i], r["lane"], key, value) for r in rows for i, key, value in unpack(r["messages"])]


async def decisions(db: asyncpg.Connection) -> list[bytes]:
    """Keys of the decisions the outbox holds."""
    kinds = {topic(topic_name(name)).name for name in ("release", "hold", "reject")}
    return sorted(key for name, _, key, _ in await messages(db) if name in kinds)


def repeats() -> float:
    """Batches repeated so far in this process."""
    return sum(s.value for m in METRICS.batch_repeats.collect() for s in m.samples if s.name.endswith("_total"))

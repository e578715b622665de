"""Both ways of delivery, without Kafka: what is asked for, what each message says, and what a rebalance makes void."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from agents.intake import Intake
from agents.records import Records
from agents.transport import VOID, BatchConsumer, ClaimingConsumer, Fetched, StockConsumer
from tests.agents.records import ORDER, PAYMENT

O0, P0 = TP(ORDER, 0), TP(PAYMENT, 0)
BOTH = pytest.mark.parametrize("kind", [BatchConsumer, StockConsumer])


class Thread:
    """Answers fetches with what the test laid out, and keeps what was asked."""

    def __init__(self) -> None:
        self.marks: dict[TP, tuple[int, int]] = {}
        self.lost: dict[TP, int] = {}
        self.unreadable: dict[TP, str] = {}
        self.asked: list[set[TP]] = []
        self.sought: list[dict[TP, int]] = []
        self.answers: list[dict[TP, list[Any]]] = []

    async def getmany(self, active: set[TP], timeout: float) -> dict[TP, list[Any]]:
        self.asked.append(set(active))
        return self.answers.pop(0) if self.answers else {}

    async def read_on(self, positions: Mapping[TP, int]) -> None:
        self.sought.append(dict(positions))

    def highwater(self, tp: TP) -> int:
        return self.marks.get(tp, (0, 0))[1]


def fetched(tp: TP, *offsets: int, kind: type[ClaimingConsumer] = StockConsumer) -> list[Any]:
    """Records as aiokafka makes them, or as columns for who asks for those."""
    plain = [
        SimpleNamespace(
            topic=tp.topic, partition=tp.partition, offset=o, timestamp=o, timestamp_type=1, headers=(), key=b"k",
            value=b"value", checksum=None, serialized_key_size=1, serialized_value_size=5,
        )
        for o in offsets
    ]  # fmt: skip
    return [Records.of(plain)] if kind is BatchConsumer else plain


def consumer(kind: type[ClaimingConsumer], **positions: int) -> Any:
    """A consumer that reads order[0] and payment[0] from these positions on, in the intake's present generation."""
    intake = Intake(records_in_flight=6)  # three each
    reading = {TP(topic, 0): offset for topic, offset in positions.items()}
    intake.reset({(tp.topic, tp.partition): o for tp, o in reading.items()})
    held: Any = type("Held", (kind,), {"should_stop": False, "loop": None})
    made = held.__new__(held)
    ready = asyncio.Event()
    made.app = SimpleNamespace(
        intake=intake, consumer_generation_id=1, client_only=False, monitor=SimpleNamespace(track_tp_end_offset=lambda *_: None)
    )
    made._thread, made.generation, made.flow_active = Thread(), intake.generation, True
    made._assigned, made._reading, made._may_read = frozenset(reading), reading, ready
    made._active_partitions, made._buffered_partitions, made._paused_partitions = set(reading), set(), set()
    made.scheduler, made.not_waiting_next_records = DefaultSchedulingStrategy(), asyncio.Event()
    made._starts, made._read_under = {}, None
    return made


async def delivered(from_: Any) -> list[tuple[TP, Fetched]]:
    """What one fetch hands out, given on to the intake as the agent does."""
    found: list[tuple[TP, Fetched]] = []
    async for tp, message in from_.getmany(0.01):
        found.append((tp, message.value))
    for tp, value in found:
        await from_.app.intake.offer(
            tp, value.records, value.generation, start=value.start, position=value.position, end=value.end, size=value.size
        )
    return found


@BOTH
async def test_a_fetch_over_a_gap_of_markers(kind: type[ClaimingConsumer]) -> None:
    made = consumer(kind, order=4)
    made._thread.marks = {O0: (9, 12)}
    made._thread.answers = [{O0: fetched(O0, 4, 5, 7, kind=kind)}]
    found = await delivered(made)
    assert [[r.offset for r in value.records] for _, value in found] == ([[4, 5, 7]] if kind is BatchConsumer else [[4], [5], [7]])
    assert [value.start for _, value in found] == ([4] if kind is BatchConsumer else [4, 5, 6])
    assert (made.app.intake.buffered(), made.app.intake.strayed()) == (3, {})
    assert made.app.intake.lag() == {ORDER: 3 + (3 if kind is BatchConsumer else 4)}


@BOTH
async def test_what_has_no_room_is_not_fetched(kind: type[ClaimingConsumer]) -> None:
    made = consumer(kind, order=0, payment=0)
    made._thread.answers = [{O0: fetched(O0, 0, 1, 2, kind=kind)}]
    await delivered(made)
    await delivered(made)
    assert made._thread.asked == [{O0, P0}, {P0}]
    assert made.app.intake.buffered() == 3
    made._thread.answers = [{P0: fetched(P0, 0, 1, 2, 3, kind=kind)}]
    await delivered(made)
    await delivered(made)  # both are full: nothing is asked for
    assert made._thread.asked == [{O0, P0}, {P0}, {P0}]


@BOTH
async def test_what_is_on_its_way_counts(kind: type[ClaimingConsumer]) -> None:
    """Handed to Faust and not yet with the agent: Faust's queue has room for 65,536."""
    made = consumer(kind, order=0, payment=0)
    made._thread.answers = [{O0: fetched(O0, 0, 1, 2, kind=kind)}]
    _ = [message async for message in made.getmany(0.01)]
    await delivered(made)
    assert made._thread.asked == [{O0, P0}, {P0}]


@BOTH
async def test_a_paused_place_is_not_fetched(kind: type[ClaimingConsumer]) -> None:
    made = consumer(kind, order=0, payment=0)
    made.app.intake.pause(O0)
    await delivered(made)
    assert made._thread.asked == [{P0}]
    assert made.held() == {O0}


@BOTH
async def test_what_got_lost_in_faust_is_read_again(kind: type[ClaimingConsumer]) -> None:
    made = consumer(kind, order=0)
    made._thread.answers = [{O0: fetched(O0, 0, 1, kind=kind)}, {O0: fetched(O0, 2, kind=kind)}, {O0: fetched(O0, 0, 1, 2, kind=kind)}]
    _ = [message async for message in made.getmany(0.01)]  # never gets to the agent
    await delivered(made)
    await delivered(made)
    assert made._thread.sought == [{O0: 0}]
    assert made.app.intake.buffered() == 3  # and nothing counts that will never come
    work = await made.app.intake.gather(10)
    assert [r.offset for r in work[0].records[ORDER]] == [0, 1, 2]


@BOTH
async def test_a_rebalance_voids_what_is_still_handed_out(kind: type[ClaimingConsumer]) -> None:
    made = consumer(kind, order=0, payment=0)
    made._thread.answers = [{O0: fetched(O0, 0, 1, kind=kind), P0: fetched(P0, 0, 1, kind=kind)}]
    values: list[Fetched] = []
    async for _, message in made.getmany(0.01):
        values.append(message.value)
        if len(values) == 1:
            made._stop_reading()
    assert values[0].generation == made.app.intake.generation
    assert {value.generation for value in values[1:]} <= {VOID}


async def test_nothing_is_fetched_before_the_positions_are_known() -> None:
    made = consumer(StockConsumer, order=0)
    made._stop_reading()
    assert await delivered(made) == []
    assert made._thread.asked == []


@BOTH
async def test_a_fetch_that_a_rebalance_overtook_is_dropped(kind: type[ClaimingConsumer]) -> None:
    made = consumer(kind, order=0)

    async def overtaken(active: set[TP], timeout: float) -> dict[TP, list[Any]]:
        made._reading = {O0: 50}  # the next assignment's positions
        return {O0: fetched(O0, 0, 1, kind=kind)}

    made._thread.getmany = overtaken
    assert await delivered(made) == []
    assert made._reading == {O0: 50}

"""The intake: bounds, pauses, generations, what goes astray, and the turns of lanes; the clock is the test's."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from agents import intake as module
from agents.buffers import Work
from agents.intake import PATIENCE_SECONDS, Intake, Place
from tests.agents.records import ORDER, PAYMENT, offsets, run

TICK = 1_000.0  # never passes by itself in a test
O0, P0, O1 = (ORDER, 0), (PAYMENT, 0), (ORDER, 1)


class Clock:
    now = 50_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=made))
    return made


@pytest.fixture
def intake() -> Intake:
    made = Intake(tick_seconds=TICK, records_in_flight=12, bytes_in_flight=1_200)
    made.reset({O0: 0, P0: 0, O1: 0})  # three share: four records each
    return made


async def offer(intake: Intake, place: Place, first: int, count: int, end: int = 0, size: int = 0, start: int | None = None) -> None:
    """Fetched: `count` records from offset `first` on, logged at their offsets."""
    records = run(place[0], first, range(first, first + count), place[1])
    await intake.offer(place, records, intake.generation, start=start, position=first + count, end=end, size=size)


async def gather(intake: Intake, most: int) -> Work | None:
    """The next batch; a failure, not a hang, when there is none."""
    return await asyncio.wait_for(intake.gather(most), 30)


def taken(work: Work | None) -> dict[int, dict[str, list[int]]]:
    assert work is not None
    return {lane: offsets(part.records) for lane, part in work.items()}


async def turns() -> None:
    """Let everybody run until they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def asked(intake: Intake) -> AsyncIterator["asyncio.Task[Work | None]"]:
    """A batch that somebody waits for."""
    task = asyncio.create_task(gather(intake, 100))
    yield task
    task.cancel()


async def test_what_is_offered_comes_out_once(intake: Intake) -> None:
    await offer(intake, O0, 0, 3)
    await offer(intake, O1, 0, 2)
    assert intake.buffered() == 5
    assert taken(await gather(intake, 100)) == {0: {ORDER: [0, 1, 2]}, 1: {ORDER: [0, 1]}}
    assert intake.buffered() == 0


async def test_a_full_place_is_named_and_what_comes_unannounced_waits(intake: Intake) -> None:
    await offer(intake, O0, 0, 4)
    assert intake.full() == {O0}
    late = asyncio.create_task(offer(intake, O0, 4, 1))
    await offer(intake, P0, 0, 3)  # another's share is its own
    await turns()
    assert not late.done()
    assert taken(await gather(intake, 100)) == {0: {ORDER: [0, 1, 2, 3], PAYMENT: [0, 1, 2]}}
    await late
    assert intake.full() == set()
    assert taken(await gather(intake, 100)) == {0: {ORDER: [4]}}


async def test_what_was_announced_counts_and_is_let_in(intake: Intake) -> None:
    intake.announce(O0, 4)
    assert (intake.full(), intake.buffered()) == ({O0}, 4)
    await offer(intake, O0, 0, 4)
    assert (intake.full(), intake.buffered()) == ({O0}, 4)


async def test_bytes_are_bounded_too(intake: Intake) -> None:
    await offer(intake, O0, 0, 1, size=399)
    assert intake.full() == set()
    await offer(intake, O0, 1, 1, size=1)
    assert intake.full() == {O0}


async def test_the_bound_is_shared_anew_with_each_assignment(intake: Intake) -> None:
    await offer(intake, O0, 0, 4)
    intake.drop([P0, O1])
    assert intake.full() == set()  # twelve for one
    intake.reset({O0: 0, P0: 0, O1: 0})
    await offer(intake, O0, 0, 4)
    assert intake.full() == {O0}


async def test_a_paused_place_is_forgotten_and_read_again_where_it_stood(intake: Intake) -> None:
    await offer(intake, O0, 0, 3)
    await offer(intake, P0, 0, 1)
    intake.pause(O0)
    assert intake.full() == {O0}
    assert not intake.wants(O0)
    await offer(intake, O0, 3, 1)  # was on its way
    assert taken(await gather(intake, 100)) == {0: {PAYMENT: [0]}}
    intake.resume(O0, 1)
    assert (intake.full(), intake.paused()) == (set(), set())
    assert (intake.strayed(), intake.strayed()) == ({O0: 1}, {})
    await offer(intake, O0, 4, 1, start=4)  # fetched before it was paused: a hole lies before it
    assert intake.strayed() == {O0: 1}
    await offer(intake, O0, 1, 2, start=1)
    assert taken(await gather(intake, 100)) == {0: {ORDER: [1, 2]}}


async def test_a_pause_outlives_an_assignment(intake: Intake) -> None:
    intake.pause(O0)
    intake.reset({O0: 0, P0: 0})
    assert intake.full() == {O0}
    assert not intake.wants(O0)
    intake.drop([O0, P0])
    intake.resume(O0, 5)  # the lane went to another meanwhile
    assert (intake.wants(O0), intake.strayed()) == (False, {})


async def test_a_hole_on_the_way_sends_the_fetcher_back(intake: Intake) -> None:
    await offer(intake, O0, 0, 2, start=0)
    await offer(intake, O0, 3, 1, start=3)
    assert intake.strayed() == {O0: 2}
    await offer(intake, O0, 2, 2, start=2)
    assert taken(await gather(intake, 100)) == {0: {ORDER: [0, 1, 2, 3]}}


async def test_a_new_assignment_knows_where_to_read_anyway(intake: Intake) -> None:
    await offer(intake, O0, 3, 1, start=3)
    intake.reset({O0: 3, P0: 0, O1: 0})
    assert intake.strayed() == {}


async def test_a_hole_of_transaction_markers_is_none(intake: Intake) -> None:
    """The fetch before ended at 2; offsets 2 to 4 hold no records."""
    await offer(intake, O0, 0, 2, start=0)
    await offer(intake, O0, 5, 1, start=2)
    assert intake.strayed() == {}
    work = await gather(intake, 100)
    assert taken(work) == {0: {ORDER: [0, 1, 5]}}
    assert work is not None
    assert work[0].next_offsets == {ORDER: 6}


async def test_a_marker_behind_the_records_of_a_fetch(intake: Intake) -> None:
    """The fetch ended at 3, the next one at 5 without a record: an aborted one and its marker."""
    await intake.offer(O0, run(ORDER, 0, range(2)), intake.generation, start=0, position=3, end=5)
    intake.progress(O0, intake.generation, 3, 5, 5)
    assert intake.lag() == {ORDER: 2, PAYMENT: 0}
    await offer(intake, O0, 5, 1, start=5)
    assert intake.strayed() == {}
    assert taken(await gather(intake, 100)) == {0: {ORDER: [0, 1, 5]}}


async def test_records_of_a_former_generation_are_void(intake: Intake) -> None:
    former = intake.generation
    waiting = asyncio.create_task(intake.offer(O0, run(ORDER, 4, [1]), former))
    await offer(intake, O0, 0, 4)
    blocked = asyncio.create_task(intake.offer(O0, run(ORDER, 5, [1]), former))
    await turns()
    intake.reset({O0: 0, P0: 0, O1: 0})
    assert intake.generation != former
    await asyncio.gather(waiting, blocked)
    await intake.offer(O0, run(ORDER, 9, [1]), former)
    intake.progress(O0, former, 0, 50, 100)
    assert (intake.buffered(), intake.lag()) == (0, {ORDER: 0, PAYMENT: 0})


async def test_work_names_its_generation(intake: Intake) -> None:
    await offer(intake, O0, 0, 1)
    work = await gather(intake, 100)
    assert work is not None
    assert work.generation == intake.generation
    intake.reset({O0: 0})
    assert work.generation != intake.generation


async def test_what_was_revoked_is_not_handed_out(intake: Intake) -> None:
    await offer(intake, O0, 0, 2)
    await offer(intake, P0, 0, 1)
    await offer(intake, O1, 0, 1)
    intake.drop([O0, P0])
    assert (intake.buffered(), intake.wants(O0), intake.wants(O1)) == (1, False, True)
    assert taken(await gather(intake, 100)) == {1: {ORDER: [0]}}


async def test_no_topic_runs_ahead_of_one_that_lags(intake: Intake) -> None:
    await offer(intake, O0, 0, 4)
    await offer(intake, P0, 0, 2, end=9)  # logged at 0 and 1; seven more are to come
    assert taken(await gather(intake, 100)) == {0: {ORDER: [0, 1], PAYMENT: [0, 1]}}


async def test_a_topic_that_lags_and_has_nothing_here_is_waited_for_a_while(
    intake: Intake, asked: "asyncio.Task[Work | None]", clock: Clock
) -> None:
    intake.progress(P0, intake.generation, 0, 0, 5)
    await offer(intake, O0, 0, 2)
    await turns()
    assert not asked.done()
    clock.now += PATIENCE_SECONDS
    await offer(intake, O1, 0, 1)  # wakes it
    assert taken(await asked) == {0: {ORDER: [0, 1]}, 1: {ORDER: [0]}}


async def test_a_topic_that_lags_and_comes_ends_the_wait(intake: Intake, asked: "asyncio.Task[Work | None]") -> None:
    intake.progress(P0, intake.generation, 0, 0, 5)
    await offer(intake, O0, 0, 4)
    await turns()
    assert not asked.done()
    await offer(intake, P0, 0, 2, end=5)
    assert taken(await asked) == {0: {ORDER: [0, 1], PAYMENT: [0, 1]}}


async def test_a_lane_without_records_has_its_turn_each_tick(
    intake: Intake, asked: "asyncio.Task[Work | None]", clock: Clock
) -> None:
    await turns()
    clock.now += TICK - 1
    await offer(intake, O1, 0, 1)
    assert taken(await asked) == {1: {ORDER: [0]}}
    clock.now += 1  # lane 0 is due, lane 1 had its turn a second ago
    work = await gather(intake, 100)
    assert taken(work) == {0: {}}
    assert work is not None
    assert (work[0].clock_ms, work[0].next_offsets) == (0, {})


async def test_markers_alone_move_with_the_tick(intake: Intake, clock: Clock) -> None:
    intake.progress(O0, intake.generation, 0, 7, 7)
    clock.now += TICK
    work = await gather(intake, 100)
    assert work is not None
    assert (work[0].first_offsets, work[0].next_offsets) == ({ORDER: 0}, {ORDER: 7})


async def test_a_fetch_that_brought_nothing_says_nothing_of_records_on_their_way(intake: Intake) -> None:
    intake.announce(O0, 2)
    intake.progress(O0, intake.generation, 2, 2, 2)
    intake.progress(O0, intake.generation, 0, 7, 50)
    assert intake.lag() == {ORDER: 2, PAYMENT: 0}
    await offer(intake, O0, 0, 2, start=0)
    assert taken(await gather(intake, 100)) == {0: {ORDER: [0, 1]}}


async def test_a_small_batch_is_shared_by_the_lanes(intake: Intake) -> None:
    await offer(intake, O0, 0, 4)
    await offer(intake, O1, 0, 4)
    assert taken(await gather(intake, 15)) == {0: {ORDER: [0, 1, 2]}, 1: {ORDER: [0, 1, 2]}}  # of one kind two fifths
    assert taken(await gather(intake, 6)) == {0: {ORDER: [3]}, 1: {ORDER: [3]}}


async def test_lag_counts_what_is_here_on_its_way_and_on_the_broker(intake: Intake) -> None:
    await offer(intake, O0, 0, 2, end=10)
    intake.announce(O1, 3)
    assert intake.lag() == {ORDER: 2 + 8 + 3, PAYMENT: 0}


async def test_what_nobody_fetches_waits_and_stands_whatever_its_lane_does(intake: Intake) -> None:
    """Its end is known from the brokers alone."""
    intake.ends = {O0: 5}
    before = intake.standing(0)[O0]
    assert (before[1], intake.lag()) == (5, {ORDER: 5, PAYMENT: 0})
    await offer(intake, P0, 0, 2)
    assert taken(await gather(intake, 100)) == {0: {PAYMENT: [0, 1]}}
    assert intake.standing(1)[O0] == before
    await offer(intake, O0, 0, 2, end=5)
    assert intake.standing(0)[O0][0] != before[0]


async def test_what_is_held_moves_with_its_lane_or_with_what_holds_it_up(intake: Intake, clock: Clock) -> None:
    await offer(intake, O0, 4, 1)
    await offer(intake, P0, 0, 2)
    before = intake.standing(0)[O0]
    assert intake.standing(0)[O0] == before
    assert intake.standing(1)[O0] != before
    clock.now += 2 * PATIENCE_SECONDS
    assert taken(await gather(intake, 1)) == {0: {PAYMENT: [0]}}
    assert intake.standing(0)[O0] != before


async def test_what_is_not_to_be_taken_stands_nowhere(intake: Intake) -> None:
    intake.pause(O1)
    assert intake.standing(0).keys() == {O0, P0}
    intake.only = frozenset([PAYMENT])
    assert intake.standing(0).keys() == {P0}


async def test_a_new_assignment_stands_elsewhere(intake: Intake) -> None:
    before = intake.standing(0)
    intake.reset({O0: 0, P0: 0})
    assert intake.standing(0)[O0] != before[O0]


async def test_a_closed_intake_ends_everybodys_wait(intake: Intake, asked: "asyncio.Task[Work | None]") -> None:
    await offer(intake, O0, 0, 4)
    assert taken(await asked) == {0: {ORDER: [0, 1, 2, 3]}}
    await offer(intake, O0, 4, 4)
    blocked = asyncio.create_task(offer(intake, O0, 8, 1))
    await turns()
    intake.close()
    await blocked
    assert await gather(intake, 100) is None

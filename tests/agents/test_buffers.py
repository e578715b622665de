"""Buffers: what was fetched of a topic-partition, and the positions a batch moves."""

from hypothesis import given
from hypothesis import strategies as st

from agents.buffers import Buffer, available, lane_records
from agents.records import together
from schemas.contracts import topic_name
from tests.agents.records import ORDER, PAYMENT, buffer, offsets, run


def test_what_was_read_before_is_not_taken_again() -> None:
    b = buffer([1, 2, 3], first=5)
    b.add(run(ORDER, 6, [2, 3, 4]), 3)
    assert [r.offset for r in together(b.parts)] == [5, 6, 7, 8]
    b.add(run(ORDER, 5, [1, 2]), 2)
    assert (b.next_offset, b.held, b.size) == (9, 4, 6)


def test_log_times_never_fall() -> None:
    """A broker's clock may be set back; the cut needs times that rise."""
    b = buffer([5, 3, 9])
    b.add(run(ORDER, 3, [1, 7, 10]), 3)
    assert b.times.tolist() == [5, 5, 9, 9, 9, 10]
    assert [r.timestamp for r in together(b.parts)] == [5, 3, 9, 1, 7, 10]


def test_markers_at_the_end_are_done_with_when_the_buffer_is_empty() -> None:
    """Transaction markers take offsets and are no records: the fetcher's position lies behind them."""
    b = buffer([1, 2])
    b.position = 4
    assert [r.offset for r in together(b.take(1))] == [0]
    assert b.handed_to == 1
    b.take(1)
    assert b.handed_to == 4


def test_markers_wait_for_records_that_are_on_their_way() -> None:
    b = buffer([1])
    b.position, b.announced = 9, 3
    b.take(1)
    assert b.handed_to == 1


def test_the_size_shrinks_with_what_is_taken() -> None:
    b = buffer([1, 2, 3, 4])
    b.size = 400
    b.take(1)
    assert b.size == 300
    b.take(3)
    assert b.size == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=20), st.lists(st.integers(0, 9), max_size=40))
def test_every_offset_goes_out_once_and_in_order(fetches: list[tuple[int, int]], takes: list[int]) -> None:
    """Fetches that overlap or lie apart; a gap is taken for markers."""
    b, taken = Buffer.at(0), list[int]()
    expected: list[int] = []
    for first, count in fetches:
        b.add(run(ORDER, first, [0] * count), count)
        fresh = [first + n for n in range(count)]
        expected += [o for o in fresh if o > (expected[-1] if expected else -1)]
        if takes:
            taken += [r.offset for r in together(b.take(min(takes.pop(), b.held)))]
    taken += [r.offset for r in together(b.take(b.held))]
    assert taken == expected
    assert (b.handed_to, b.size) == (b.position, 0)


def test_a_part_of_a_lane() -> None:
    buffers = {ORDER: buffer([1, 2, 9]), PAYMENT: buffer([3], lag=4, first=7, topic=PAYMENT)}
    assert available(buffers) == 3
    part = lane_records({3: buffers}, {3: 10})[3]
    assert offsets(part.records) == {ORDER: [0, 1], PAYMENT: [7]}  
    assert (part.first_offsets, part.next_offsets) == ({ORDER: 0, PAYMENT: 7}, {ORDER: 2, PAYMENT: 8})
    assert part.clock_ms == 3


def test_lanes_share_one_buffer_a_topic() -> None:
    """What is kept of a batch keeps no fetch alive."""
    lanes = {lane: {ORDER: buffer([1, 2, 3]), PAYMENT: buffer([1], topic=PAYMENT)} for lane in (0, 4)}
    found = lane_records(lanes, {4: 3, 0: 2})
    assert {lane: offsets(part.records) for lane, part in found.items()} == {
        4: {ORDER: [0, 1], PAYMENT: [0]},
        0: {ORDER: [0], PAYMENT: [0]},
    }
    assert found[0].records[ORDER].buffer is found[4].records[ORDER].buffer


def test_a_part_without_records_moves_over_markers_only() -> None:
    only_markers = buffer(first=4)
    only_markers.position = 6
    part = lane_records({3: {ORDER: only_markers, PAYMENT: buffer([1], topic=PAYMENT)}}, {3: 0})[3]
    assert part.records == {}
    assert (part.first_offsets, part.next_offsets, part.clock_ms) == ({ORDER: 4}, {ORDER: 6}, 0)


def test_filings_and_rule_sets_move_no_clock() -> None:
    """They are taken ahead of documents, which would be judged late by them."""
    filed, ruled = topic_name("registry"), topic_name("rules")
    buffers = {ORDER: buffer([1, 2]), filed: buffer([50], topic=filed), ruled: buffer([60], topic=ruled)}
    part = lane_records({0: buffers}, {0: 9})[0]
    assert (part.clock_ms, set(part.records)) == (2, {ORDER, filed, ruled})

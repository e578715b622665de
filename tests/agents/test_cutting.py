"""Cutting: what a batch takes from each topic, as properties over any log times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cutting import cut, shares, up_to, up_to_most

TIMES = st.dictionaries(
    st.sampled_from(["order", "payment", "waybill", "clock"]), st.lists(st.integers(0, 30), max_size=20).map(sorted), min_size=1
)
LAGGING = st.sets(st.sampled_from(["order", "payment", "waybill"]))


@given(TIMES, LAGGING)
def test_no_topic_runs_ahead_of_one_that_lags(times: dict[str, list[int]], lagging: set[str]) -> None:
    counts = cut(times, lagging & set(times), 1000)
    for topic, count in counts.items():
        for other in lagging & set(times):
            if times[other] and count:
                assert times[topic][count - 1] <= times[other][-1]


@given(TIMES, LAGGING)
def test_everything_that_may_go_goes(times: dict[str, list[int]], lagging: set[str]) -> None:
    lagging &= {t for t in times if times[t]}
    watermark = min((times[t][-1] for t in lagging), default=10**6)
    assert cut(times, lagging, 1000) == {t: sum(at <= watermark for at in of) for t, of in times.items()}


@given(TIMES, LAGGING, st.integers(1, 40))
def test_never_more_than_asked_and_always_something(times: dict[str, list[int]], lagging: set[str], most: int) -> None:
    counts = cut(times, lagging & set(times), most)
    assert sum(counts.values()) <= most
    assert all(0 <= counts[t] <= len(times[t]) for t in times)
    assert any(counts.values()) == any(times.values())


@given(TIMES.filter(lambda times: sum(map(len, times.values())) > 1), st.data())
def test_a_batch_that_is_too_small_for_all_takes_the_oldest(times: dict[str, list[int]], data: st.DataObject) -> None:
    most = data.draw(st.integers(1, sum(map(len, times.values())) - 1))
    counts = up_to_most(times, most)
    taken = [at for t, of in times.items() for at in of[: counts[t]]]
    kept = [at for t, of in times.items() for at in of[counts[t] :]]
    assert max(taken) <= min(kept, default=10**6)
    first = min(of[0] for of in times.values() if of)
    if max(taken) > first:  # more than one instant: then whole ones
        assert max(taken) < min(kept, default=10**6)
        assert not kept or len(taken) + kept.count(min(kept)) > most  # and not one fewer than fit


def test_documents_of_one_instant_are_not_torn_apart_unless_they_must_be() -> None:
    times = {"order": [1, 2, 2], "payment": [2, 2], "waybill": [3]}
    assert cut(times, set(), 4) == {"order": 1, "payment": 0, "waybill": 0}
    assert cut(times, set(), 6) == {"order": 3, "payment": 2, "waybill": 1}
    assert cut({"order": [2] * 9, "payment": [2] * 3}, set(), 8) == {"order": 5, "payment": 3}


def test_a_lagging_topic_with_nothing_here_holds_nobody_up() -> None:
    assert cut({"order": [1, 2], "payment": []}, {"payment"}, 10) == {"order": 2, "payment": 0}


@pytest.mark.parametrize(("until", "counts"), [(0, (0, 0)), (1, (1, 0)), (2, (3, 1)), (9, (3, 2))])
def test_up_to_includes_the_instant_itself(until: int, counts: tuple[int, int]) -> None:
    assert tuple(up_to({"order": [1, 2, 2], "payment": [2, 4]}, until).values()) == counts


WANTED = st.dictionaries(st.integers(0, 12), st.integers(0, 100))


@given(WANTED, st.integers(0, 300))
def test_shares_give_all_there_is_and_to_nobody_more_than_he_wants(wanted: dict[int, int], most: int) -> None:
    given_ = shares(wanted, most)
    assert set(given_) == set(wanted)
    assert all(0 <= given_[k] <= wanted[k] for k in wanted)
    assert sum(given_.values()) == min(most, sum(wanted.values()))


@given(WANTED, st.integers(0, 300))
def test_who_gets_less_than_he_wants_gets_no_less_than_another(wanted: dict[int, int], most: int) -> None:
    given_ = shares(wanted, most)
    for short in (k for k in wanted if given_[k] < wanted[k]):
        assert all(given_[short] >= given_[other] - 1 for other in wanted)

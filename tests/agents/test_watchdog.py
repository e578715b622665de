"""The watchdog: something waits at a place, and the place stands still."""

from types import SimpleNamespace

import pytest

from agents import watchdog
from agents.watchdog import Stuck, Watchdog


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=made))
    return made


def test_what_waits_where_nothing_moves_for_too_long(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    for _ in range(2):
        watch.check({"order[3]": (7, 5)})
        clock.now += 60
    clock.now += 0.1
    with pytest.raises(Stuck, match=r"order\[3\]: nothing was taken for 60 s with 9 waiting"):
        watch.check({"order[3]": (7, 9)})


def test_that_others_move_is_no_excuse(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    with pytest.raises(Stuck, match=r"order\[3\]"):
        for n in range(3):
            watch.check({"order[2]": (n, 5), "order[3]": (7, 5)})
            clock.now += 50


def test_a_place_that_moves_is_well(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    for n in range(5):
        watch.check({"order[3]": (n, 5)})
        clock.now += 60


def test_where_nothing_waits_nothing_has_to_move(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    for _ in range(3):
        watch.check({"order[3]": (7, 0)})
        clock.now += 60
    watch.check({"order[3]": (7, 1)})
    clock.now += 60
    watch.check({"order[3]": (7, 1)})


def test_who_was_away_begins_anew(clock: Clock) -> None:
    """As what was paused, or is of another assignment."""
    watch = Watchdog(seconds=60)
    for places in ({"order[3]": (7, 5)}, {}) * 3:
        watch.check(places)
        clock.now += 59


def test_a_store_that_is_away_excuses_and_time_counts_anew_when_it_is_back(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    watch.check({"order[3]": (7, 5)})
    clock.now += 59
    for _ in range(2):
        watch.check({"order[3]": (7, 5)}, healthy=False)
        clock.now += 1_000
    watch.check({"order[3]": (7, 5)})
    clock.now += 60
    watch.check({"order[3]": (7, 5)})
    clock.now += 1
    with pytest.raises(Stuck):
        watch.check({"order[3]": (7, 5)})


def test_it_says_what_did_not_come(clock: Clock) -> None:
    watch = Watchdog("no assignment came", 120)
    watch.check({"rebalance": (2, 1)})
    clock.now += 121
    with pytest.raises(Stuck, match="rebalance: no assignment came for 120 s with 1 waiting"):
        watch.check({"rebalance": (2, 1)})

"""The watchdog: lag without progress."""

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


def test_lag_and_no_batch_for_too_long(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    clock.now += 60
    watch.check(5)
    clock.now += 0.1
    with pytest.raises(Stuck, match="for 60 s with 5 records waiting"):
        watch.check(5)


def test_a_batch_is_progress(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    for _ in range(5):
        clock.now += 50
        watch.progress()
        watch.check(5)


def test_without_lag_nothing_has_to_move(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    clock.now += 1_000
    watch.check(0)
    clock.now += 59
    watch.check(1)


def test_a_store_that_is_away_excuses_and_time_counts_anew_when_it_is_back(clock: Clock) -> None:
    watch = Watchdog(seconds=60)
    clock.now += 59
    watch.check(5, healthy=False)
    clock.now += 1_000
    watch.check(5, healthy=False)
    clock.now += 60
    watch.check(5)
    clock.now += 1
    with pytest.raises(Stuck):
        watch.check(5)


def test_it_says_what_did_not_come(clock: Clock) -> None:
    watch = Watchdog("no assignment came", 120)
    clock.now += 121
    with pytest.raises(Stuck, match="no assignment came for 120 s with 1 rebalance waiting"):
        watch.check(1, "rebalance")

"""Rules on counters: which of them find something, of one that shares nothing with any other and of others."""

from collections.abc import Mapping
from functools import lru_cache

from loadtest.verify.conditions import Node
from loadtest.verify.evaluate import value
from loadtest.verify.law import COUNTED, WINDOWS_MS, DayLaw

ALONE = dict.fromkeys((f"{name}_{window}" for name in COUNTED for window in WINDOWS_MS), 1)


def fires(day: DayLaw, counters: Mapping[str, int]) -> dict[str, Node]:
    """Code → condition of what is found."""
    return _fires_alone(day) if counters is ALONE else _fires(day, counters)


@lru_cache
def _fires_alone(day: DayLaw) -> dict[str, Node]:
    return _fires(day, ALONE)


def _fires(day: DayLaw, counters: Mapping[str, int]) -> dict[str, Node]:
    return {code: node for code, node in day.counter_rules if value(node, {"counted": counters})}

"""Where a lane's buffers are cut: pure functions over log times, so that documents of one order come in one batch."""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from schemas.packed import Vector

Times = Vector | Sequence[int]

FOREVER = 2**62  # later than any log time


def cut(times: Mapping[str, Times], lagging: Set[str], most: int) -> dict[str, int]:
    """How many records of each topic to hand out, oldest first, at most `most` in all.

    `times` holds each topic's buffered log times, never falling. The watermark is the earliest of the last buffered
    times among the topics of which the broker has more: none of them can still deliver anything older, so no topic
    runs ahead of another that will bring the same orders. A lagging topic with nothing buffered sets no watermark:
    whether it is waited for is decided before.
    """
    until = min((int(times[t][-1]) for t in lagging if len(times[t])), default=FOREVER)
    counts = up_to(times, until)
    if sum(counts.values()) <= most:
        return counts
    return up_to_most(times, most)


def up_to(times: Mapping[str, Times], until: int) -> dict[str, int]:
    """Records of each topic logged at `until` or before."""
    return {topic: int(np.searchsorted(of_topic, until, side="right")) for topic, of_topic in times.items()}


def up_to_most(times: Mapping[str, Times], most: int) -> dict[str, int]:
    """The oldest `most` records, whole instants as far as they fit; of an instant that alone is larger, a part."""
    early = min(int(of_topic[0]) for of_topic in times.values() if len(of_topic))
    late = max(int(of_topic[-1]) for of_topic in times.values() if len(of_topic))
    low, high = early - 1, late  # up to `low` they fit, up to `high` they do not
    while high - low > 1:
        middle = (low + high) // 2
        if sum(up_to(times, middle).values()) <= most:
            low = middle
        else:
            high = middle
    counts = up_to(times, low)
    return counts if any(counts.values()) else _part_of_instant(up_to(times, early), most)


def _part_of_instant(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """At most `most` of `counts`, shared evenly over the topics."""
    given = shares(dict(enumerate(counts.values())), most)
    return dict(zip(counts, (given[n] for n in range(len(counts))), strict=True))


def shares(wanted: Mapping[int, int], most: int) -> dict[int, int]:
    """`most` shared evenly over who wants how many; what one does not need goes to the others."""
    given: dict[int, int] = {}
    left = most
    by_want = sorted(wanted, key=lambda k: (wanted[k], k))
    for place, key in enumerate(by_want):
        given[key] = min(wanted[key], left // (len(by_want) - place))
        left -= given[key]
    return given

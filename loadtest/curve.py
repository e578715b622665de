"""The order curve of Double-11 2019, and its scaling to a number of orders, a time and a peak.

From the cumulative sales that were published for 11 November 2019 (10 bn yuan after 1 min 36 s, 50 bn after 12 min 49 s,
100 bn after 1 h 03 min 59 s, 120.7 bn after 1 h 26 min 07 s, 168.2 bn after 10 h 04 min 49 s, 200 bn after 14 h 21 min 27 s,
213.5 bn after 16 h 31 min 12 s, 268.4 bn in the day): rate of a segment = its share of sales ÷ its share of the day.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Segment:
    """`rate` (orders a second ÷ the day's mean) holds until `until_s` seconds after midnight."""

    until_s: int
    rate: float


CURVE = (
    Segment(96, 33.5),
    Segment(769, 19.1),
    Segment(3_839, 5.2),
    Segment(5_167, 5.0),
    Segment(36_289, 0.49),
    Segment(51_687, 0.66),
    Segment(59_472, 0.56),
    Segment(DAY_S, 0.66),
)
_TIMES = (0.0, *(float(s.until_s) for s in CURVE))
_DONE = (0.0, *accumulate(s.rate * (s.until_s - start) for s, start in zip(CURVE, _TIMES, strict=False)))


def rate_at(second: float) -> float:
    """Orders a second ÷ the day's mean, at a second of the day."""
    return next(s.rate for s in CURVE if second < s.until_s or s.until_s == DAY_S)


def done_by(second: float) -> float:
    """Orders until a second of the day, in seconds of mean rate: about 86,400 at midnight."""
    n = min(max(bisect_left(_TIMES, second), 1), len(CURVE))
    return _DONE[n - 1] + CURVE[n - 1].rate * (second - _TIMES[n - 1])


def window(manifests: int, seconds: float, peak_per_s: float) -> float:
    """How many seconds of the festival's day, from midnight on, have this ratio of peak to mean.

    ValueError when no part of the day has it: the peak has to be 1 to 33.5 times the mean.
    """
    ratio = peak_per_s * seconds / manifests
    whole = CURVE[0].rate * DAY_S / _DONE[-1]
    if not 1 <= ratio <= whole:
        raise ValueError(f"a peak of {ratio:.1f} times the mean is not in the curve (1 to {whole:.1f})")
    low, high = float(CURVE[0].until_s), float(DAY_S)
    for _ in range(60):
        middle = (low + high) / 2
        if CURVE[0].rate * middle / done_by(middle) < ratio:
            low = middle
        else:
            high = middle
    return high


def schedule(manifests: int, seconds: float, peak_per_s: float) -> list[int]:
    """Intended times of `manifests` orders in ms after the start, never falling, the last before `seconds`.

    The opening of the day that has this ratio of peak to mean is compressed evenly into `seconds`: its shape is kept
    and its first segment runs at `peak_per_s`.
    """
    end_s = window(manifests, seconds, peak_per_s)
    total = done_by(end_s)
    times: list[int] = []
    segment = 0
    for n in range(manifests):
        due = total * n / manifests
        while due >= _DONE[segment + 1] and segment + 1 < len(CURVE):
            segment += 1
        at_s = _TIMES[segment] + (due - _DONE[segment]) / CURVE[segment].rate
        times.append(int(at_s / end_s * seconds * 1000))
    return times

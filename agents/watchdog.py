"""Ends a worker that has something to do, could do it, and does not."""

import time
from collections.abc import Mapping

STUCK_SECONDS = 60.0


class Stuck(RuntimeError):
    """Something waits, the stores answer, and where it waits nothing has moved for too long."""


class Watchdog:
    """`check` each second."""

    def __init__(self, expected: str = "nothing was taken", seconds: float = STUCK_SECONDS) -> None:
        self._expected, self._seconds = expected, seconds
        self._standing: dict[str, tuple[object, float]] = {}  # what waits → where it stands, and since when

    def check(self, places: Mapping[str, tuple[object, int]], *, healthy: bool = True) -> None:
        """`places`: by name where each stands, and how much waits there. Stuck when one with something waiting has not moved for
        too long; the others may. A place that was not named a second ago begins anew, and all do when a store was away."""
        now, standing = time.monotonic(), dict[str, tuple[object, float]]()
        for name, (stands, waiting) in places.items():
            if waiting > 0 and healthy:
                before = self._standing.get(name)
                standing[name] = before if before is not None and before[0] == stands else (stands, now)
                if now - standing[name][1] > self._seconds:
                    raise Stuck(f"{name}: {self._expected} for {self._seconds:.0f} s with {waiting} waiting")
        self._standing = standing

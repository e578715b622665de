"""Ends a worker that has something to do, could do it, and does not."""

import time

STUCK_SECONDS = 60.0


class Stuck(RuntimeError):
    """Something waits, the stores answer, and nothing has moved for too long."""


class Watchdog:
    """`progress` when something moves; `check` each second."""

    def __init__(self, expected: str = "no batch was committed", seconds: float = STUCK_SECONDS) -> None:
        self._expected, self._seconds = expected, seconds
        self._last = time.monotonic()

    def progress(self) -> None:
        self._last = time.monotonic()

    def check(self, waiting: int, what: str = "records", *, healthy: bool = True) -> None:
        """Stuck when there is something waiting and the last progress is too long ago; time in which a store was away
        does not count, and neither does what went before it."""
        if waiting <= 0 or not healthy:
            self._last = time.monotonic()
        elif time.monotonic() - self._last > self._seconds:
            raise Stuck(f"{self._expected} for {self._seconds:.0f} s with {waiting} {what} waiting")

"""Ends a worker that has lag and makes no progress."""

import time

STUCK_SECONDS = 60.0


class Stuck(RuntimeError):
    """There is lag, nothing is wrong with the stores, and no batch was committed for a minute."""


class Watchdog:
    """`progress` on each committed batch; `check` each second."""

    def __init__(self, seconds: float = STUCK_SECONDS) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def progress(self) -> None:
        self._last = time.monotonic()

    def check(self, lag: int) -> None:
        """Stuck when there is lag and the last batch is too long ago."""
        if lag <= 0:
            self._last = time.monotonic()
        elif time.monotonic() - self._last > self._seconds:
            raise Stuck(f"no batch was committed for {self._seconds:.0f} s with {lag} records waiting")

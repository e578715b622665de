"""Processes we started: told apart by pid and start time, so that a pid that was given out again is never ended."""

from collections.abc import Callable
from pathlib import Path

import psutil

from ops.stack.errors import StackError


def started_at(pid: int) -> float | None:
    """Start time of a live process, or None."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def is_ours(pid: int | None, since: float | None) -> bool:
    """Whether this pid is still the process that started at `since`."""
    if not pid or since is None:
        return False
    now = started_at(pid)
    return now is not None and abs(now - since) < 1.0


def end(pid: int, since: float, seconds: float = 30) -> None:
    """SIGTERM, then SIGKILL after `seconds`."""
    if not is_ours(pid, since):
        return
    process = psutil.Process(pid)
    process.terminate()
    try:
        process.wait(seconds)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(10)


def wait_until(ready: Callable[[], bool], alive: Callable[[], bool], seconds: float, what: str, log: Path) -> None:
    """Poll `ready`; StackError with the end of the log when the process dies or time runs out."""
    import time

    deadline = time.monotonic() + seconds
    while not ready():
        if not alive():
            raise StackError(f"{what} ended while starting; its log {log} ends:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise StackError(f"{what} was not ready after {seconds:.0f} s; its log {log} ends:\n{tail(log)}")
        time.sleep(0.1)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"

"""What processes cost is read from the processes themselves, also of those that are gone by the end."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from ops import measure
from ops.measure import Meter

BURN = "import time\nwhile time.process_time() < {seconds}: pass\nprint('done', flush=True)\ninput()"

# For each number it reads: so many MB are taken, written to and given back at once.
SWELL = "for line in iter(input, ''):\n    bytearray(int(line) * 1_000_000)\n    print('done', flush=True)"


@contextmanager
def burnt(seconds: float) -> Generator[int]:
    """A process that has used so much CPU and waits."""
    command = [sys.executable, "-c", BURN.format(seconds=seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"done\n"
        yield process.pid
        process.kill()


def test_cpu_counts_from_begin_and_a_dead_process_keeps_its_own() -> None:
    pids: dict[str, list[int]] = {"workers": []}
    meter = Meter(lambda: pids)
    with burnt(0.3) as first, burnt(0.6) as second:
        pids["workers"] = [first]
        meter.begin()
        pids["workers"] = [first, second]
        seen = meter.cpu_seconds()
    assert 0.5 <= seen["workers"] < 3, "the first's before `begin` does not count, the second's does"
    pids["workers"] = []
    assert meter.cpu_seconds()["workers"] == pytest.approx(seen["workers"])


def test_memory_is_the_largest_worker_and_postgres_without_counting_shared_pages_twice() -> None:
    with burnt(0) as one, burnt(0) as other:
        meter = Meter(lambda: {"workers": [one, other], "postgres": [one, other]})
        meter.begin()
    peak = meter.peak_mb()
    assert peak["workers"] > 1
    assert peak["workers"] < peak["postgres"] < 2 * peak["workers"]


def test_memory_is_counted_that_was_given_back_before_anybody_looked_but_not_what_was_before_begin() -> None:
    with subprocess.Popen([sys.executable, "-c", SWELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def swell(megabytes: int) -> None:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(f"{megabytes}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == b"done\n"

        pids: dict[str, list[int]] = {"workers": [process.pid]}
        meter = Meter(lambda: pids)
        swell(300)
        meter.begin()
        swell(120)
        meter.cpu_seconds()
        assert 120 < meter.peak_mb()["workers"] < 300
        process.kill()
    pids["workers"] = []
    meter.cpu_seconds()
    assert meter.peak_mb()["workers"] > 120, "as it was last seen"


def test_stolen_and_idle_time_are_shares_of_what_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([(1.0, 10.0, 100.0), (3.0, 60.0, 300.0)])
    monkeypatch.setattr(measure, "_machine_times", lambda: next(times))
    meter = Meter(dict)
    meter.begin()
    assert meter.steal_and_idle_percent() == (1.0, 25.0)

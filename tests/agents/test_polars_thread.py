"""The worker runs where polars computes: no operation is handed over to another thread."""

import os
import subprocess
import sys
from pathlib import Path

PROBE = """
from pathlib import Path
import threading
import polars as pl
from agents.polars_thread import on_polars_thread

def here():
    return Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip()

def switches():
    status = Path(f"/proc/self/task/{threading.get_native_id()}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("voluntary_ctxt_switches")))

def many():
    frame = pl.DataFrame({"a": range(1000), "b": range(1000)})
    before = switches()
    for _ in range(200):
        frame.select(pl.col("a") + 1, pl.col("b") * 2)
    return switches() - before

handed_over = many()
found = []
on_polars_thread(lambda: found.extend([here(), many()]))
print(handed_over, *found)
"""


def test_what_polars_does_is_done_on_the_thread_that_asks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    elsewhere, name, here = done.stdout.split()
    assert name == "polars-0"
    assert int(here) < int(elsewhere) / 10, done.stdout


def test_what_it_raises_is_not_lost() -> None:
    code = "from agents.polars_thread import on_polars_thread\non_polars_thread(lambda: 1 / 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 1 and "division by zero" in done.stderr

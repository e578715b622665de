"""Runs tests for one mutant after another, each in a process of its own that is forked from one with the imports done.

`warm` has imported everything: a mutant of the law is seen because nothing has read the law, one of code is put in (swap.py).
`cold` has imported nothing that is mutated. Written first: "ready", when all imports are done. Read from standard input, a line
each: {"tests": [...], "seconds": ..., "code": the mutated file of code or ""}; the tests run in that order, each for itself.
Written: {"verdict": "killed" | "survived" | "timeout" | "cold", "by": the first test that failed}; cold: it can only be tried
there. The working directory is a copy of the project, and its files are mutated.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.mutation.swap import Swap

LIBRARIES = ("polars", "numpy", "pyarrow", "numba", "fastavro", "hypothesis", "asyncpg", "aiokafka", "pytest_asyncio.plugin")
# of the project what imports nothing that is mutated
UNTOUCHED = ("rich.progress", "typer", "psutil", "aiohttp", "pgpq", "schemas.blake2b", "ops.stack", "loadtest.generate", "loadtest.verify")
# what reads law data only when it is asked to: no mutant of the law is in it when it is forked
PROJECT = ("tests.pipeline.trios", "tests.verify.played", "loadtest.plain_faust.decide", "loadtest.verify", "agents.sweep")

NOTHING = int(pytest.ExitCode.NO_TESTS_COLLECTED)  # a code without vectors of its own


class First:
    """The test that failed first, or the file that could not be collected."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def run(tests: list[str], told: int, code: str, swap: Swap | None) -> None:
    """In the child: says the first failure on the pipe `told`; nothing when all pass."""
    os.setsid()
    if code and swap is not None and not swap.put_in(code):
        os.write(told, json.dumps({"cold": True}).encode())
        os._exit(0)
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    first, ended = First(), 0
    for test in tests:  # collecting all of them before running one would be most of the time
        if (ended := int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *test.split()], plugins=[first]))) not in (0, NOTHING):
            break
    os.write(told, json.dumps({"failed": ended not in (0, NOTHING), "by": first.failed}).encode())
    os._exit(0)


def trial(tests: list[str], seconds: float, code: str, swap: Swap | None) -> dict[str, str]:
    """Fork, wait and judge; whatever the child started is ended with it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        run(tests, writing, code, swap)
    os.close(writing)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        said = b"".join(iter(lambda: os.read(reading, 65536), b""))
        _, status = os.waitpid(child, 0)
    except KeyboardInterrupt:
        os.killpg(child, signal.SIGKILL)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.close(reading)
    if not said:
        killed_by_us = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return {"verdict": "timeout" if killed_by_us else "killed", "by": "the process ended"}
    answer = json.loads(said)
    if answer.get("cold"):
        return {"verdict": "cold", "by": ""}
    return {"verdict": "killed" if answer["failed"] else "survived", "by": answer["by"]}


def main() -> None:
    kind, tests = sys.argv[1], sys.argv[2:]
    swap = Swap(Path.cwd()) if kind == "warm" else None
    for name in LIBRARIES:
        importlib.import_module(name)
    if swap is not None:
        with swap.watching():
            for name in (*PROJECT, *tests):
                importlib.import_module(name)
        from schemas import lawbook

        assert Path(lawbook.__file__).is_relative_to(Path.cwd()), "the copy's own code, not the project's"
        assert lawbook.load.cache_info().currsize == 0, "an import has read the law: no mutant would be seen"
        threads = {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}
        assert "polars-0" not in threads, "an import has run polars, whose threads a forked process lacks and waits for"
    else:
        for name in UNTOUCHED:
            importlib.import_module(name)
        importlib.import_module("schemas.blake2b").Blake2b(16)  # the first compiled loop costs half a second
        mutated = [m for m in sys.modules if m.startswith(("pipeline", "schemas.tariff"))]
        assert not mutated, f"no mutant of {mutated} would be seen"
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(trial(asked["tests"], asked["seconds"], asked["code"], swap)), flush=True)


if __name__ == "__main__":
    main()

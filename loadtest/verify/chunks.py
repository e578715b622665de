"""Decided attempts recomputed in this process, or in copies of it that share its evidence without handing it over."""

import gc
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from threading import Thread

from loadtest.verify import law
from loadtest.verify.decided import Case, Facts, check
from loadtest.verify.evidence import manifest_place
from loadtest.verify.proof import Report

CHUNK = 1_000  # cases between two reports of a process
ALONE = 4_000  # up to so many cases starting processes costs more than it gains

CaseOf = Callable[[int], Case]
Result = tuple[int, Report, list[Facts]]
"""How many cases were checked, what differs, and the facts of those that could be read."""


class ProcessLost(RuntimeError):
    """A process of the verifier ended before its share was checked: nothing is proved."""


def check_chunk(cases: Sequence[Case], person_key: bytes) -> Result:
    """Check some cases against the law data on disk."""
    report, data = Report(), law.load()
    found: list[Facts] = []
    for case in cases:
        try:
            facts = check(case, data, person_key, report)
        except Exception as e:  # a row that breaks the check is a discrepancy too; the others are still checked
            report.differs(manifest_place(case.row), "the check itself", "an end", type(e).__name__)
            continue
        if facts is not None:
            found.append(facts)
    return len(cases), report, found


class Recomputation:
    """Checks the cases 0 to `count` - 1 that `case_of` gives; begins when made, `finish` waits for the end.

    The processes are forked, each checks every `processes`th chunk, and none touches what a fork does not carry over
    (event loops, polars' threads). What `case_of` reads may be changed here meanwhile: they have copies.
    """

    def __init__(self, case_of: CaseOf, count: int, person_key: bytes, processes: int) -> None:
        self._case_of, self._count, self._key = case_of, count, person_key
        self._received: list[bytes] = []
        self._threads: list[Thread] = []
        if count > ALONE and processes > 1:
            law.load()  # read once, before it is copied
            for first in range(processes):
                self._threads.append(Thread(target=self._receive, args=(self._fork(first, processes),), daemon=True))
                self._threads[-1].start()

    def finish(self, report: Report, progress: Callable[[int], None]) -> dict[int, Facts]:
        """Facts by manifest_id; `progress` is told how many cases are done. ProcessLost when a share is missing."""
        facts: dict[int, Facts] = {}
        done = 0
        for checked, part, found in self._results():
            report.take(part)
            facts.update((f.manifest_id, f) for f in found)
            done += checked
            progress(done)
        if done != self._count:
            raise ProcessLost(f"a process of the verifier ended by itself: {done} of {self._count} manifests were checked")
        return facts

    def _results(self) -> Iterator[Result]:
        if not self._threads:
            yield from _shares(self._case_of, self._count, self._key, 0, 1)
            return
        taken = 0
        while taken < len(self._received) or any(t.is_alive() for t in self._threads):
            if taken < len(self._received):
                yield pickle.loads(self._received[taken])
                taken += 1
            else:
                next((t for t in self._threads if t.is_alive()), self._threads[0]).join(0.1)

    def _fork(self, first: int, step: int) -> Connection:
        receiving, sending = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=self._share, args=(sending, first, step), daemon=True)
        process.start()
        sending.close()
        return receiving

    def _share(self, sending: Connection, first: int, step: int) -> None:
        """In the copy: never back into the caller's event loop, whatever happens."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        gc.disable()
        try:
            for result in _shares(self._case_of, self._count, self._key, first, step):
                sending.send_bytes(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
            sending.close()
        finally:
            os._exit(0)

    def _receive(self, receiving: Connection) -> None:
        """Until the process is gone: a pipe that nobody empties would stop it."""
        try:
            while True:
                self._received.append(receiving.recv_bytes())
        except EOFError:
            receiving.close()


def _shares(case_of: CaseOf, count: int, person_key: bytes, first: int, step: int) -> Iterator[Result]:
    for start in range(first * CHUNK, count, step * CHUNK):
        yield check_chunk([case_of(n) for n in range(start, min(count, start + CHUNK))], person_key)

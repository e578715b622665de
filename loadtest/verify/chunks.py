"""Decided attempts recomputed in this process, or by shares in copies of it that each get the evidence of their share."""

import gc
import multiprocessing
import os
import pickle
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from threading import Event, Thread
from typing import NamedTuple

from loadtest.verify.cases import EVERYTHING, Cases, Rows, Share
from loadtest.verify.decided import Case, Facts, check, found_in
from loadtest.verify.evidence import KINDS, Evidence, ManifestRow, manifest_place
from loadtest.verify.proof import Discrepancy, Report
from loadtest.verify.registry import Registry
from loadtest.verify.samples import Seeds
from schemas.contracts import topic_name

CHUNK = 1_000  # manifests between two reports of a process
ALONE = 4_000  # up to so many manifests starting processes costs more than it gains

ReadShare = Callable[[Share, Callable[[], None]], Evidence]
"""The evidence of a share; it calls back once it no longer depends on what the caller holds open for it."""


class ProcessLost(RuntimeError):
    """A process of the verifier ended before its share was checked: nothing is proved."""


class Checked(NamedTuple):
    """What came of some manifests. `differing`: with the manifest_id each belongs to, of `total` the first KEPT;
    `left`: manifests that need more than the share holds, not checked."""

    manifests: int
    counts: Counter[str]
    total: int
    differing: list[tuple[int, Discrepancy]]
    facts: list[Facts]
    left: list[Rows]


def processes_for(manifests: int, processes: int) -> int:
    """In how many processes so many manifests are best checked."""
    return processes if manifests > ALONE else 1


def check_all(
    some: list[Rows], case_of: Callable[[Rows], Case | None], registry: Registry, person_key: bytes,
    seeds: Seeds = (),
) -> Checked:  # fmt: skip
    """Check some manifests against the rule sets that stood at their versions."""
    report = Report()
    topics = [topic_name(kind) for kind in KINDS]
    facts: list[Facts] = []
    left: list[Rows] = []
    differing: list[tuple[int, Discrepancy]] = []
    cases: list[Case] = []
    for rows in some:
        if (case := case_of(rows)) is None:
            left.append(rows)
        else:
            cases.append(case)
    for case, documents in zip(cases, found_in(cases), strict=True):
        told = len(report.discrepancies)
        try:
            data = registry.rules.at(case.row.registry_version)
            found = check(case, documents, data, registry, topics, person_key, report, seeds)
        except Exception as e:  # a row that breaks the check is a discrepancy too; the others are still checked
            report.differs(manifest_place(case.row), "the check itself", "an end", type(e).__name__)
        else:
            if found is not None:
                facts.append(found)
        differing += [(case.row.manifest_id, d) for d in report.discrepancies[told:]]
    return Checked(len(some) - len(left), report.counts, report.total, differing, facts, left)


def _without_manifest(cases: Cases) -> Checked:
    report, found = Report(), cases.without_manifest()
    for ident, table in found:
        report.differs(f"manifest_id {ident}", f"rows of {table}", "of a manifest", "of none")
    differing = [(ident, d) for (ident, _), d in zip(found, report.discrepancies, strict=False)]
    return Checked(0, report.counts, report.total, differing, [], [])


class Recomputation:
    """Checks all decisions in `processes` processes; begins when made, `finish` waits for the end.

    The processes are forked, each reads and checks one share, and none touches what a fork does not carry over (event
    loops, polars' threads). One process: nothing is forked, and `finish` does it all.
    """

    def __init__(self, read: ReadShare, registry: Registry, person_key: bytes, processes: int, seeds: Seeds = ()) -> None:
        self._read, self.registry, self._key, self._seeds = read, registry, person_key, seeds
        self._received: list[bytes] = []
        self._threads: list[Thread] = []
        self._independent = [Event() for _ in range(processes)]
        registry.rules.read()  # once, before they are copied
        for number in range(processes if processes > 1 else 0):
            receiving = self._fork(Share(number, processes))
            thread = Thread(target=self._receive, args=(receiving, self._independent[number]), daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait_until_independent(self) -> None:
        """Until no process depends any more on what the caller holds open for it."""
        for event in self._independent if self._threads else ():
            event.wait()

    def finish(
        self, manifests: list[ManifestRow], case_of: Callable[[Rows], Case], report: Report, progress: Callable[[int], None]
    ) -> dict[int, Facts]:
        """Facts by manifest_id of all `manifests`. `case_of`: a manifest among the whole evidence; `progress` is told how
        many are done. What is told does not depend on the number of processes. ProcessLost when a share is missing."""
        parts: list[Checked] = []
        left: list[Rows] = []
        done = 0
        for part in self._results():
            parts.append(part)
            left += part.left
            done += part.manifests
            progress(done)
        if left:
            parts.append(check_all(sorted(left, key=lambda rows: rows.manifest.manifest_id), case_of, self.registry, self._key, self._seeds))
            done += parts[-1].manifests
        if done != len(manifests):
            raise ProcessLost(f"the processes of the verifier checked {done} of {len(manifests)} manifests")
        for part in parts:
            report.counts.update(part.counts)
        differing = sorted((d for part in parts for d in part.differing), key=lambda d: d[0])
        report.add([d for _, d in differing], sum(part.total for part in parts))
        return {f.manifest_id: f for f in sorted((f for part in parts for f in part.facts), key=lambda f: f.manifest_id)}

    def _results(self) -> Iterator[Checked]:
        if not self._threads:
            yield from self._checked(EVERYTHING, lambda: None)
            return
        taken = 0
        while True:
            alive = any(t.is_alive() for t in self._threads)  # asked first: a dead one has nothing more to hand over
            if taken < len(self._received):
                part = pickle.loads(self._received[taken])
                self._received[taken] = b""
                taken += 1
                if isinstance(part, str):
                    raise ProcessLost(f"a process of the verifier failed: {part}")
                yield part
            elif not alive:
                return
            else:
                next((t for t in self._threads if t.is_alive()), self._threads[0]).join(0.1)

    def _checked(self, share: Share, independent: Callable[[], None]) -> Iterator[Checked]:
        cases = Cases(self._read(share, independent), share)
        yield _without_manifest(cases)
        for some in cases.slices(CHUNK):
            yield check_all(some, cases.case, self.registry, self._key, self._seeds)

    def _fork(self, share: Share) -> Connection:
        receiving, sending = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=self._share, args=(sending, share), daemon=True)
        process.start()
        sending.close()
        return receiving

    def _share(self, sending: Connection, share: Share) -> None:
        """In the copy: never back into the caller's event loop, whatever happens."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        gc.disable()
        try:
            for part in self._checked(share, lambda: sending.send_bytes(b"")):
                sending.send_bytes(pickle.dumps(part, pickle.HIGHEST_PROTOCOL))
        except Exception as e:  # its text may hold a password or a value of a document
            sending.send_bytes(pickle.dumps(type(e).__name__))
        finally:
            sending.close()
            os._exit(0)

    def _receive(self, receiving: Connection, independent: Event) -> None:
        """Until the process is gone: a pipe that nobody empties would stop it."""
        try:
            while True:
                if data := receiving.recv_bytes():
                    self._received.append(data)
                else:
                    independent.set()
        except EOFError:
            receiving.close()
        finally:
            independent.set()

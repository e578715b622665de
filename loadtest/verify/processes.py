"""The parts of a proof made in this process, or by copies of it that each get the evidence of their share."""

import gc
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from threading import Event, Thread
from typing import Generic, NamedTuple, TypeVar

from loadtest.verify.cases import EVERYTHING, Share, completed
from loadtest.verify.decided import Case, Facts
from loadtest.verify.evidence import Evidence, Place, used_places
from loadtest.verify.part import Checked, Given, Part, Settled, check_all
from loadtest.verify.proof import Report
from loadtest.verify.registry import Registry
from loadtest.verify.samples import Seeds

ALONE = 4_000  # up to so many manifests starting processes costs more than it gains

T = TypeVar("T")
ReadShare = Callable[[Share, Callable[[], None]], Evidence]
"""The evidence of a share; it calls back once it no longer depends on what the caller holds open for it."""
INDEPENDENT, LAST = b"", b"."  # what a process says beside what it hands over: no pickle is so short


class ProcessLost(RuntimeError):
    """A process of the verifier ended before its share was proved: nothing is proved."""


class Asked(NamedTuple):
    """Whose documents and manifests every share is asked for: of order numbers, and the records at some places."""

    numbers: set[str]
    places: set[Place]


def processes_for(manifests: int, processes: int) -> int:
    """In how many processes so many manifests are best checked."""
    return processes if manifests > ALONE else 1


class Parts:
    """Makes the parts of a proof in `processes` processes; begins when made, `finish` waits for the end.

    The processes are forked, each reads and proves one share, and none touches what a fork does not carry over (event
    loops, polars' threads). One process: nothing is forked, and `finish` does it all. `complete`: no record may be unread.
    """

    def __init__(
        self, read: ReadShare, registry: Registry, person_key: bytes, processes: int, seeds: Seeds = (), *, complete: bool = True
    ) -> None:
        self._read, self.registry, self._key, self._seeds, self._complete = read, registry, person_key, seeds, complete
        self._received: list[bytes] = []
        self._threads: list[Thread] = []
        self._connections: list[Connection] = []
        self._whole: Part | None = None
        self._facts: dict[int, Facts] = {}  # as long as the parts: who ends with them need not free them
        self._independent = [Event() for _ in range(processes)]
        registry.rules.read()  # once, before they are copied
        for number in range(processes if processes > 1 else 0):
            connection = _forked(partial(self._share, Share(number, processes)), self._connections)
            thread = Thread(target=self._receive, args=(connection, self._independent[number]), daemon=True)
            self._connections.append(connection)
            self._threads.append(thread)
            thread.start()

    def wait_until_independent(self) -> None:
        """Until no process depends any more on what the caller holds open for it."""
        for event in self._independent if self._threads else ():
            event.wait()

    def finish(self, manifests: int, report: Report, progress: Callable[[int], None]) -> tuple[dict[int, Facts], list[Settled]]:
        """Facts by manifest_id of all `manifests`, and what came of each share; `progress` is told how many are done.
        What is told does not depend on the number of processes, but for messages and records outside of their own
        partition. ProcessLost when a share is missing."""
        parts: list[Checked] = []
        settled: list[Settled] = []
        left: list[Case] = []
        done = 0
        for part in self._results():
            if isinstance(part, Settled):
                settled.append(part)
                continue
            parts.append(part)
            left += part.left
            done += part.manifests
            progress(done)
        if done + len(left) != manifests or len(settled) != max(1, len(self._threads)):
            raise ProcessLost(f"the processes of the verifier checked {done + len(left)} of {manifests} manifests")
        if left:
            parts.append(self._complete_all(left))
        for part in (*parts, *settled):
            report.counts.update(part.counts)
        differing = sorted((d for part in parts for d in part.differing), key=lambda d: d[0])
        report.add([d for _, d in differing], sum(part.total for part in parts))
        rest = sorted((d for share in settled for d in share.differing), key=lambda d: (d.place, d.what))
        report.add(rest, sum(share.total for share in settled))
        self._facts = {f.manifest_id: f for f in sorted((f for part in parts for f in part.facts), key=lambda f: f.manifest_id)}
        return self._facts, settled

    def ask(self, asked: Asked) -> list[Given]:
        """What each share holds of it; after `finish`. ProcessLost when one does not answer."""
        if self._whole is not None:
            return [self._whole.given(*asked)]
        try:
            for connection in self._connections:
                connection.send(asked)
            return [connection.recv() for connection in self._connections]
        except (EOFError, OSError) as e:
            raise ProcessLost(f"a process of the verifier does not answer: {type(e).__name__}") from None

    @property
    def alone(self) -> bool:
        """Whether there is no process but this one."""
        return not self._threads

    def close(self) -> None:
        """End the processes."""
        for connection in self._connections:
            connection.close()

    def _complete_all(self, left: list[Case]) -> Checked:
        """Check what uses records of several shares."""
        places = {p for case in left for p, record in zip(used_places(case.row), case.records, strict=True) if record is None}
        records = {place: record for given in self.ask(Asked(set(), places)) for place, record in given.records.items()}
        cases = [completed(case, records) for case in sorted(left, key=lambda case: case.row.manifest_id)]
        return check_all(cases, self.registry, self._key, self._seeds)

    def _results(self) -> Iterator[Checked | Settled]:
        if self.alone:
            self._whole = self._part(EVERYTHING, lambda: None)
            yield from self._whole.checked()
            yield self._whole.settled()
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

    def _part(self, share: Share, independent: Callable[[], None]) -> Part:
        return Part(self._read(share, independent), share, self.registry, self._key, self._seeds, self._complete)

    def _share(self, share: Share, connection: Connection) -> None:
        """In the copy: the part of a share, then what is asked of it until nobody asks any more."""
        part = self._part(share, lambda: connection.send_bytes(INDEPENDENT))
        for checked in part.checked():
            connection.send(checked)
        connection.send(part.settled())
        connection.send_bytes(LAST)
        with suppress(EOFError):
            while True:
                connection.send(part.given(*connection.recv()))

    def _receive(self, connection: Connection, independent: Event) -> None:
        """Until the share is proved or its process is gone: a pipe that nobody empties would stop it."""
        try:
            while (data := connection.recv_bytes()) != LAST:
                if data == INDEPENDENT:
                    independent.set()
                else:
                    self._received.append(data)
        except (EOFError, OSError):
            pass  # its end is not among what was received
        finally:
            independent.set()


class Beside(Generic[T]):
    """Work done in a copy of this process while this one goes on; `alone`: in this one, when it is asked for."""

    def __init__(self, work: Callable[[], T], *, alone: bool) -> None:
        self._work = work
        self._connection = None if alone else _forked(self._in_copy)

    def result(self) -> T:
        """Wait for it; to be asked for once. ProcessLost when it came to no end."""
        if self._connection is None:
            return self._work()
        try:
            told: tuple[T] | str = self._connection.recv()
        except EOFError:
            told = "it was ended"
        finally:
            self._connection.close()
        if isinstance(told, str):
            raise ProcessLost(f"a process of the verifier failed: {told}")
        return told[0]

    def _in_copy(self, connection: Connection) -> None:
        connection.send((self._work(),))


def _forked(work: Callable[[Connection], None], others: Iterable[Connection] = ()) -> Connection:
    """Start `work` in a copy of this process; the connection to it, on which it tells the name of what ended it before its time.
    `others`: to earlier copies, which it must not hold open."""
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.get_context("fork").Process(target=_in_copy, args=(work, theirs, (ours, *others)), daemon=True).start()
    theirs.close()
    return ours


def _in_copy(work: Callable[[Connection], None], connection: Connection, callers: Iterable[Connection]) -> None:
    """Never back into the caller's event loop, whatever happens; its interrupts stay with it."""
    for open_here in callers:  # who holds the other end too never sees it closed
        open_here.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()
    try:
        work(connection)
    except Exception as e:  # its text may hold a password or a value of a document
        connection.send(type(e).__name__)
    finally:
        connection.close()
        os._exit(0)

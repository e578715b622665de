"""Runs N worker processes, restarts those that die, and drains them all on SIGTERM."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from schemas.compiled import LOOPS

LOG = logging.getLogger("tidegate.supervisor")
WORKER = (sys.executable, "-m", "agents.worker")
COMPILER = (sys.executable, "-m", "agents.compiling")
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 10.0
HEALTHY_SECONDS = 30.0  # a worker that lived so long starts its pauses from the shortest again
DRAIN_SECONDS = 40.0
# A worker uses one core. With a malloc arena for each thread, what one frees the others cannot use: 20 to 60 MB more, and
# threads that take turns under the interpreter's lock gain nothing by it.
TUNED = {"POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """In the child: SIGKILL when the supervisor dies, so that no worker is left behind (Linux prctl)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(slots=True)
class Slot:
    """One place for a worker process; `restarts` counts those after the first start."""

    number: int
    process: subprocess.Popen[bytes]
    started: float
    pause: float = FIRST_PAUSE_SECONDS
    due: float = 0.0  # when a dead one is started again
    restarts: int = -1


@dataclass(slots=True)
class Supervisor:
    """`base_port` 0: every worker takes a free port; else base_port, base_port + 1, …"""

    count: int
    base_port: int = 0
    command: Sequence[str] = WORKER
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    log: Path | None = None  # where the workers write; None: to our own standard error
    slots: list[Slot] = field(default_factory=lambda: list[Slot]())
    _stopping: bool = False

    def start(self) -> None:
        """Start all workers. The first time on a machine their loops are compiled before, half a minute on two cores: each
        worker would do it for itself, and keep the compiler's memory."""
        if self.command == WORKER and not LOOPS.exists():
            LOG.info("compiling loops")
            if code := subprocess.run(COMPILER, stdin=subprocess.DEVNULL, env={**TUNED, **self.environment}).returncode:
                LOG.warning("loops not compiled, workers will try", extra={"exit_code": code})
        for number in range(self.count):
            slot = Slot(number, self._spawn(number), time.monotonic())
            slot.restarts += 1
            self.slots.append(slot)

    def pids(self) -> list[int]:
        """Of the workers that run."""
        return [s.process.pid for s in self.slots if s.process.poll() is None]

    def join(self) -> Slot:
        """One worker more; it is tended like the others."""
        number = self.count
        self.count += 1
        slot = Slot(number, self._spawn(number), time.monotonic(), restarts=0)
        self.slots.append(slot)
        return slot

    def leave(self, slot: Slot) -> None:
        """SIGTERM to one worker, which is not started again; the caller waits for its end."""
        self.slots.remove(slot)
        self.count -= 1
        if slot.process.poll() is None:
            slot.process.terminate()

    def tend(self) -> int:
        """Start again what died and waited its pause; returns how many were restarted. Call often."""
        restarted, now = 0, time.monotonic()
        for slot in self.slots:
            if self._stopping or slot.process.poll() is None:
                continue
            if not slot.due:
                if now - slot.started > HEALTHY_SECONDS:
                    slot.pause = FIRST_PAUSE_SECONDS
                slot.due = now + slot.pause
                LOG.warning("worker ended", extra={"worker": slot.number, "exit_code": slot.process.returncode, "starts_again_in_seconds": slot.pause})
                slot.pause = min(LONGEST_PAUSE_SECONDS, slot.pause * 2)
            elif now >= slot.due:
                slot.process, slot.started, slot.due = self._spawn(slot.number), now, 0.0
                slot.restarts += 1
                restarted += 1
        return restarted

    def run(self) -> None:
        """Start and tend until SIGTERM or SIGINT, then drain."""
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: self._ask_to_stop())
        self.start()
        while not self._stopping:
            self.tend()
            time.sleep(0.1)
        self.stop()

    def _ask_to_stop(self) -> None:
        self._stopping = True

    def stop(self) -> list[int]:
        """SIGTERM to all, wait for them to drain, SIGKILL what does not end; returns the exit codes."""
        self._stopping = True
        for slot in self.slots:
            if slot.process.poll() is None:
                slot.process.terminate()
        LOG.info("draining", extra={"workers": len(self.pids())})
        deadline = time.monotonic() + DRAIN_SECONDS
        for slot in self.slots:
            try:
                slot.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                LOG.warning("worker killed: it did not drain", extra={"worker": slot.number, "seconds": DRAIN_SECONDS})
                slot.process.kill()
                slot.process.wait()
        return [slot.process.returncode for slot in self.slots]

    def _spawn(self, number: int) -> subprocess.Popen[bytes]:
        port = self.base_port + number if self.base_port else 0
        log: IO[bytes] | None = self.log.open("ab") if self.log else None
        try:
            return subprocess.Popen(
                list(self.command), env={**TUNED, **self.environment, "TIDEGATE_PORT": str(port)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent,
            )  # fmt: skip
        finally:
            if log:
                log.close()

"""The faults themselves. Processes are ended by the pid we started them with, and no other."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass

import asyncpg

from ops.fault import plan
from ops.fault.plan import Fault
from ops.stack import Stack
from ops.supervisor import Slot, Supervisor

LEAVE_SECONDS = 40.0
JOIN_SECONDS = 40.0


@dataclass(slots=True)
class Injector:
    """Does a fault and says on whom; `joined` and `stopped` are what LEAVE and RESUME take back."""

    stack: Stack
    supervisor: Supervisor
    stop_seconds: float
    joined: Slot | None = None
    stopped: int | None = None

    async def inject(self, fault: Fault) -> str:
        """Returns when the fault has happened: a restarted server is up again, a leaving worker gone."""
        match fault.kind:
            case plan.KILL:
                return self._signal(self._victim(fault), signal.SIGKILL)
            case plan.JOIN:
                self.joined = self.supervisor.join()
                return f"worker {self.joined.process.pid}, up after {await self._until_up(self.joined):.1f} s"
            case plan.LEAVE:
                return await self._leave()
            case plan.STOP:
                self.stopped = self._victim(fault)
                return self._signal(self.stopped, signal.SIGSTOP)
            case plan.RESUME:
                pid, self.stopped = self.stopped, None
                return self._signal(pid, signal.SIGCONT) if pid else "nobody"
            case plan.POSTGRES_FAST | plan.POSTGRES_CRASH:
                mode = "fast" if fault.kind == plan.POSTGRES_FAST else "immediate"
                return await asyncio.to_thread(self._restart_postgres, mode)
            case plan.BROKER:
                return await asyncio.to_thread(self._restart_broker)
            case other:
                raise ValueError(f"no fault '{other}'")

    def undo(self) -> None:
        """Let go whoever is stopped, so that it can end."""
        if self.stopped is not None:
            self._signal(self.stopped, signal.SIGCONT)

    def _victim(self, fault: Fault) -> int:
        pids = [pid for pid in self.supervisor.pids() if pid != self.stopped]
        return pids[int(fault.victim * len(pids))]

    def _signal(self, pid: int, sign: int) -> str:
        if pid in self.supervisor.pids():
            os.kill(pid, sign)
            return f"worker {pid}"
        return "nobody: it had ended"

    async def _until_up(self, slot: Slot) -> float:
        """Seconds until the new worker has claimed a lane."""
        started, dsn = time.monotonic(), self.stack.endpoints().postgres
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=10)
        try:
            owner = f"{slot.process.pid}-%"
            while not await connection.fetchval("SELECT count(*) FROM lane WHERE owner LIKE $1", owner):
                if time.monotonic() - started > JOIN_SECONDS:
                    break
                await asyncio.sleep(0.05)
        finally:
            await connection.close()
        return time.monotonic() - started

    async def _leave(self) -> str:
        slot, self.joined = self.joined, None
        if slot is None:
            return "nobody"
        self.supervisor.leave(slot)
        deadline = time.monotonic() + LEAVE_SECONDS
        while slot.process.poll() is None:
            if time.monotonic() > deadline:
                slot.process.kill()
                return f"worker {slot.process.pid} did not leave in {LEAVE_SECONDS:.0f} s and was killed"
            await asyncio.sleep(0.05)
        return f"worker {slot.process.pid}, exit code {slot.process.returncode}"

    def _restart_postgres(self, mode: str) -> str:
        self.stack.postgres.stop(mode)
        self.stack.postgres.start()
        self.stack.save()
        return mode

    def _restart_broker(self) -> str:
        self.stack.kafka.stop()
        self.stack.kafka.start()
        self.stack.save()
        return "clean stop"

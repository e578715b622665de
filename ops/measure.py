"""What processes cost: CPU seconds and peak memory by role, and how much of the machine others took (steal)."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from schemas.codec import decode_payload
from schemas.contracts import schemas_of
from schemas.framing import split

Roles = Callable[[], dict[str, list[int]]]
# Finding a role's processes reads all of /proc: ten times more often, and the looking takes 8 % of two cores.
LOOK_EVERY_SECONDS = 0.5
ROUNDS, DECODES = 5, 1000
FORGET_MARK = "5"  # to clear_refs: the highest resident memory is what is resident now (man proc_pid_clear_refs)


def with_children(pid: int | None) -> list[int]:
    """A process and all it started; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process.pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


@dataclass(slots=True)
class Meter:
    """`roles` names the processes of each role now; dead ones keep counting with what they had used."""

    roles: Roles
    _seen: dict[tuple[str, int, float], float] = field(default_factory=lambda: dict[tuple[str, int, float], float]())
    _base: dict[str, float] = field(default_factory=lambda: dict[str, float]())
    _peak_mb: dict[str, float] = field(default_factory=lambda: dict[str, float]())
    _cpu_times: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _next_look: float = 0.0

    def begin(self) -> None:
        """Count from here; the kernel's marks too, where it lets them be set back."""
        for pids in self.roles().values():
            for pid in pids:
                with suppress(OSError):  # gone, or not ours: its mark is then that of its whole life
                    Path(f"/proc/{pid}/clear_refs").write_text(FORGET_MARK)
        self._seen.clear()
        self._peak_mb.clear()
        self._look()
        self._base = self._totals()
        self._cpu_times = _machine_times()

    def sample(self) -> None:
        """Look at all processes, if it is time to."""
        if time.monotonic() >= self._next_look:
            self._look()

    def _look(self) -> None:
        self._next_look = time.monotonic() + LOOK_EVERY_SECONDS
        for role, pids in self.roles().items():
            memory = list(self._memory_of(role, pids))
            own, shared = [rss - shared for _, rss, shared in memory], [shared for _, _, shared in memory]
            # PostgreSQL's processes share most of their memory: counted once, with what each has for itself. The kernel keeps
            # no mark of that.
            value = sum(own) + max(shared, default=0) if role == "postgres" else max((mark for mark, _, _ in memory), default=0)
            self._peak_mb[role] = max(self._peak_mb.get(role, 0.0), value / 1e6)

    def _memory_of(self, role: str, pids: Iterable[int]) -> Iterable[tuple[int, int, int]]:
        """Most resident so far, resident and shared bytes of each process; its CPU time is noted on the way."""
        for pid in pids:
            try:
                process = psutil.Process(pid)
                cpu = process.cpu_times()
                self._seen[role, pid, process.create_time()] = cpu.user + cpu.system
                info: Any = process.memory_info()
                yield _high_water_mark(pid), info.rss, info.shared
            except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, FileNotFoundError):
                continue

    def _totals(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for (role, _, _), seconds in self._seen.items():
            totals[role] = totals.get(role, 0.0) + seconds
        return totals

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds by role since `begin`."""
        self._look()
        return {role: seconds - self._base.get(role, 0.0) for role, seconds in self._totals().items()}

    def peak_mb(self) -> dict[str, float]:
        """Highest memory since `begin` by role, in MB: by the kernel's mark of the largest process, which of one that ended is
        as last seen; of PostgreSQL the most that was seen of all together."""
        return {role: round(value, 1) for role, value in self._peak_mb.items()}

    def steal_and_idle_percent(self) -> tuple[float, float]:
        """Shares of the machine's time since `begin`: what its host gave to others, and what nobody used."""
        *spent, everything = (now - then for now, then in zip(_machine_times(), self._cpu_times, strict=True))
        steal, idle = (round(100 * x / everything, 2) if everything else 0.0 for x in spent)
        return steal, idle


def _high_water_mark(pid: int) -> int:
    """Most bytes that were resident at any moment since the mark was set back; 0 of a process that has ended and waits for
    its parent. FileNotFoundError or ProcessLookupError when it is gone."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _machine_times() -> tuple[float, float, float]:
    """Seconds of all cores: stolen, idle (with waiting for disks), all."""
    times = psutil.cpu_times()
    idle = times.idle + float(getattr(times, "iowait", 0.0))
    return float(getattr(times, "steal", 0.0)), idle, float(sum(times[:8]))


def reference_decode_us(order: bytes) -> float:
    """CPU µs this machine takes now to decode a framed order with fastavro: figures of other machines and hours are
    compared by it. The best of several rounds."""
    schema_id, begin = split("order", order)
    name, payload = schemas_of("order")[schema_id], order[begin:]
    rounds: list[float] = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(DECODES):
            decode_payload(name, payload)
        rounds.append(1e6 * (time.process_time() - begun) / DECODES)
    return round(min(rounds), 1)

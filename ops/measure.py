"""What processes cost: CPU seconds and peak memory by role, and how much of the machine others took (steal)."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import psutil

Roles = Callable[[], dict[str, list[int]]]
MEMORY_EVERY_SECONDS = 1.0


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
    _cpu_times: tuple[float, float] = (0.0, 0.0)
    _next_memory: float = 0.0

    def begin(self) -> None:
        """Count from here."""
        self._seen.clear()
        self.sample()
        self._base = self._totals()
        self._cpu_times = _steal_and_all()

    def sample(self) -> None:
        """Look at all processes; called several times a second, so that little of a killed one is missed."""
        memory_due = time.monotonic() >= self._next_memory
        if memory_due:
            self._next_memory = time.monotonic() + MEMORY_EVERY_SECONDS
        for role, pids in self.roles().items():
            resident = [0.0, *self._look(role, pids, memory_due)]
            if memory_due:
                # PostgreSQL's processes share most of their memory: their sum counts shared pages once
                value = sum(resident) if role == "postgres" else max(resident)
                self._peak_mb[role] = max(self._peak_mb.get(role, 0.0), value)

    def _look(self, role: str, pids: Iterable[int], memory: bool) -> Iterable[float]:
        for pid in pids:
            try:
                process = psutil.Process(pid)
                cpu = process.cpu_times()
                self._seen[role, pid, process.create_time()] = cpu.user + cpu.system
                if memory:
                    info: Any = process.memory_full_info() if role == "postgres" else process.memory_info()
                    yield (info.pss if role == "postgres" else info.rss) / 1e6
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue

    def _totals(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for (role, _, _), seconds in self._seen.items():
            totals[role] = totals.get(role, 0.0) + seconds
        return totals

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds by role since `begin`."""
        self.sample()
        return {role: seconds - self._base.get(role, 0.0) for role, seconds in self._totals().items()}

    def peak_mb(self) -> dict[str, float]:
        """Highest memory seen by role, in MB: of the largest process, of PostgreSQL all together."""
        return {role: round(value, 1) for role, value in self._peak_mb.items()}

    def steal_percent(self) -> float:
        """Share of the machine's time since `begin` that its host gave to others."""
        steal, everything = _steal_and_all()
        passed = everything - self._cpu_times[1]
        return round(100 * (steal - self._cpu_times[0]) / passed, 2) if passed else 0.0


def _steal_and_all() -> tuple[float, float]:
    times = psutil.cpu_times()
    return float(getattr(times, "steal", 0.0)), float(sum(times[:8]))

"""The supervisor with children that do next to nothing: restarts with growing pauses, drain, last resort."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops import supervisor as supervising
from ops.supervisor import FIRST_PAUSE_SECONDS, HEALTHY_SECONDS, LONGEST_PAUSE_SECONDS, Supervisor

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
# Each child says in a file of its own that it stands, then waits to be told to stop.
STANDS = "import os, pathlib, signal, sys; folder = pathlib.Path(sys.argv[1])"
SAYS = "(folder / f'{os.getpid()}.new').write_text(os.environ['TIDEGATE_PORT']); (folder / f'{os.getpid()}.new').rename(folder / str(os.getpid()))"
OBEDIENT = f"{STANDS}; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); {SAYS}; signal.pause()"
DEAF = f"{STANDS}; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SAYS}; signal.pause(); signal.pause()"
Made = Callable[..., Supervisor]


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """Supervisors whose children are gone after the test."""
    all_of_them: list[Supervisor] = []

    def make(count: int, program: str, **more: int) -> Supervisor:
        one = Supervisor(count, command=(sys.executable, "-c", program, str(tmp_path)), log=tmp_path / "log", **more)
        all_of_them.append(one)
        return one

    yield make
    for one in all_of_them:
        for slot in one.slots:
            slot.process.kill()
            slot.process.wait()


def standing(folder: Path, pids: list[int]) -> list[str]:
    """The ports the children were given, once all of them stand."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all((folder / str(pid)).exists() for pid in pids):
        assert time.monotonic() < deadline, "the children do not start"
        time.sleep(0.01)
    return [(folder / str(pid)).read_text() for pid in pids]


def killed(one: Supervisor, number: int) -> int:
    """Kill a child and wait until it is dead; its former pid."""
    process = one.slots[number].process
    process.kill()
    process.wait()
    return process.pid


def test_each_child_has_its_port(made: Made, tmp_path: Path) -> None:
    one = made(3, OBEDIENT, base_port=9000)
    one.start()
    assert standing(tmp_path, one.pids()) == ["9000", "9001", "9002"]


def test_without_a_base_port_each_takes_a_free_one(made: Made, tmp_path: Path) -> None:
    one = made(2, OBEDIENT)
    one.start()
    assert standing(tmp_path, one.pids()) == ["0", "0"]


def test_the_dead_start_again_after_pauses_that_grow(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(supervising, "time", clock)
    one = made(2, OBEDIENT)
    one.start()
    other = one.slots[1].process.pid
    pauses: list[float] = []
    for _ in range(8):
        former = killed(one, 0)
        assert one.tend() == 0, "the pause begins when the death is seen"
        pauses.append(one.slots[0].due - clock.now)
        clock.now = one.slots[0].due - 0.01
        assert one.tend() == 0, "too early"
        clock.now = one.slots[0].due
        assert one.tend() == 1
        assert one.slots[0].process.pid != former
    assert pauses == pytest.approx([min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**n) for n in range(8)])
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert (one.slots[0].restarts, one.slots[1].restarts) == (8, 0)
    assert one.slots[1].process.pid == other


def test_who_lived_long_starts_with_the_shortest_pause_again(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(supervising, "time", clock)
    one = made(1, OBEDIENT)
    one.start()
    one.slots[0].pause = LONGEST_PAUSE_SECONDS
    clock.now += HEALTHY_SECONDS + 1
    killed(one, 0)
    one.tend()
    assert one.slots[0].due - clock.now == pytest.approx(FIRST_PAUSE_SECONDS)


def test_stop_lets_all_drain_and_nothing_starts_again(made: Made, tmp_path: Path) -> None:
    one = made(2, OBEDIENT)
    one.start()
    standing(tmp_path, one.pids())
    assert one.stop() == [7, 7]
    assert (one.tend(), one.pids()) == (0, [])


def test_who_does_not_drain_is_killed(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "DRAIN_SECONDS", 0.0)
    one = made(1, DEAF)
    one.start()
    standing(tmp_path, one.pids())
    assert one.stop() == [-signal.SIGKILL]


def test_join_and_leave(made: Made, tmp_path: Path) -> None:
    one = made(1, OBEDIENT)
    one.start()
    joined = one.join()
    standing(tmp_path, one.pids())
    assert len(one.pids()) == 2
    one.leave(joined)
    assert joined.process.wait(PATIENCE_SECONDS) == 7
    assert one.tend() == 0
    assert len(one.pids()) == 1


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_run_drains_on_a_signal(tmp_path: Path, sign: signal.Signals) -> None:
    program = (
        f"import sys; from ops.supervisor import Supervisor; s = Supervisor(2, command=(sys.executable, '-c', {OBEDIENT!r}, sys.argv[1]));"
        " s.run(); print(*[slot.process.returncode for slot in s.slots])"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(pids := [p for p in tmp_path.iterdir() if p.name.isdigit()]) < 2:
            assert time.monotonic() < deadline, "the children do not start"
            time.sleep(0.01)
        process.send_signal(sign)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (0, "7 7\n")
    for path in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = f"import sys; from ops.supervisor import Supervisor; Supervisor(1, command=(sys.executable, '-c', {DEAF!r}, sys.argv[1])).run()"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := [p for p in tmp_path.iterdir() if p.name.isdigit()]):
            assert time.monotonic() < deadline, "the child does not start"
            time.sleep(0.01)
        process.kill()
    child = int(found[0].name)
    while alive(child):
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

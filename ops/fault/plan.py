"""What goes wrong and when: the same for the same seed."""

from dataclasses import dataclass
from random import Random

KILL, JOIN, LEAVE, STOP, RESUME = "kill -9", "worker joins", "worker leaves", "SIGSTOP", "SIGCONT"
POSTGRES_FAST, POSTGRES_CRASH, BROKER = "postgres restart", "postgres crash", "broker restart"
OTHERS = (JOIN, STOP, POSTGRES_FAST, POSTGRES_CRASH, BROKER)  # a LEAVE follows each JOIN, a RESUME each STOP
QUICKLY = 0.2  # share of kills that come while the group still recovers from the one before
SECONDS_EACH = 20.0  # one fault, its recovery and the pause after it, at most of the mean


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `victim` in [0, 1) chooses the worker; `pause` seconds pass before it; `patient`: and recovery too."""

    kind: str
    victim: float
    pause: float
    patient: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` manifests a second are produced while the faults last; `manifests` 0: enough for that.

    `measured` False: recovery is not measured; the next fault comes as soon as the group has moved on after the last.
    """

    seed: int = 1
    kills: int = 20
    workers: int = 3
    rate: float = 500.0
    manifests: int = 0
    stop_seconds: float = 60.0
    others: tuple[str, ...] = OTHERS
    settle_seconds: tuple[float, float] = (2.0, 5.0)  # undisturbed load before a fault
    profile: str = "clean-mix"
    measured: bool = True

    def size(self) -> int:
        """Order numbers to generate."""
        seconds = SECONDS_EACH * (self.kills + 2 * len(self.others)) + self.stop_seconds * self.others.count(STOP)
        return self.manifests or round(self.rate * seconds)

    def faults(self) -> list[Fault]:
        """Kills and the others, shuffled by the seed."""
        chance = Random(self.seed)
        kinds = [KILL] * self.kills + list(self.others)
        chance.shuffle(kinds)
        found: list[Fault] = []
        for kind in kinds:
            quick = kind == KILL and bool(found) and found[-1].kind == KILL and chance.random() < QUICKLY
            pause = chance.uniform(0.5, 3.0) if quick else chance.uniform(*self.settle_seconds)
            found.append(Fault(kind, chance.random(), pause, not quick))
            if kind in (JOIN, STOP):
                found.append(Fault(LEAVE if kind == JOIN else RESUME, chance.random(), chance.uniform(*self.settle_seconds)))
        return found

"""stack.json: what runs where. Written whole after each change, readable only by its owner."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ops.stack.processes import started_at


@dataclass
class Part:
    """One process of the stack; `since` is its start time, so that a reused pid is not mistaken for it."""

    port: int = 0
    pid: int | None = None
    since: float | None = None
    address: str = ""
    log: str = ""

    def started(self, pid: int) -> None:
        self.pid, self.since = pid, started_at(pid)

    def stopped(self) -> None:
        self.pid = self.since = None


@dataclass
class State:
    """Both parts of a stack."""

    kafka: Part = field(default_factory=Part)
    postgres: Part = field(default_factory=Part)

    @classmethod
    def read(cls, path: Path) -> "State":
        if not path.exists():
            return cls()
        data = json.loads(path.read_text())
        return cls(Part(**data["kafka"]), Part(**data["postgres"]))

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            json.dump(asdict(self), f, indent=1)
        new.replace(path)

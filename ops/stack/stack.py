"""A Kafka broker and a PostgreSQL server that belong together, under one folder and one name."""

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ops.stack.errors import StackError
from ops.stack.kafka import Kafka
from ops.stack.postgres import Postgres
from ops.stack.state import State
from schemas.endpoints import Endpoints, home_folder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _silent(_line: str) -> None:
    return None


class Stack:
    """`home` is the project's `.tidegate` folder; several stacks side by side have different names."""

    def __init__(self, home: Path | None = None, name: str = "default", say: Callable[[str], None] = _silent) -> None:
        if not NAME.fullmatch(name):  # it becomes a folder, which `wipe` removes
            raise StackError(f"'{name}' is no name of a stack: use letters, digits, - and _.")
        self.home = (home or home_folder()).resolve()
        self.folder = self.home / "stack" / name
        self._file = self.folder / "stack.json"
        self._state = State.read(self._file)
        self.kafka = Kafka(self.folder / "kafka", self.home / "jars", self._state.kafka, say)
        self.postgres = Postgres(self.folder / "postgres", self._state.postgres, say)

    def up(self) -> Endpoints:
        """Start what does not run; StackError when a part cannot be had, with nothing left running."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StackError(f"{self.folder} cannot be made: {e.strerror}. Set TIDEGATE_HOME to a folder you may write.") from e
        try:
            with ThreadPoolExecutor(2) as pool:  # side by side: each mostly waits for its own process
                for started in as_completed([pool.submit(part.start) for part in (self.kafka, self.postgres)]):
                    started.result()
                    self.save()
        except BaseException:
            self.down()
            raise
        return self.endpoints()

    def down(self, wipe: bool = False) -> None:
        """Stop both; `wipe` removes their data too."""
        with ThreadPoolExecutor(2) as pool:
            stopped = [pool.submit(part.stop) for part in (self.kafka, self.postgres)]
        for part in stopped:
            part.result()
        if wipe:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.save()

    def save(self) -> None:
        """Write down what runs where."""
        for part, log, address in (
            (self._state.kafka, self.kafka.log, self.kafka.address if self._state.kafka.port else ""),
            (self._state.postgres, self.postgres.log, self.postgres.dsn if self._state.postgres.port else ""),
        ):
            part.log, part.address = str(log), address
        self._state.write(self._file)

    def endpoints(self) -> Endpoints:
        return Endpoints(kafka=self.kafka.address, postgres=self.postgres.dsn)

    def running(self) -> bool:
        return len(self.running_parts()) == 2

    def running_parts(self) -> list[str]:
        """Names of the parts whose process lives."""
        parts = {"kafka": self.kafka, "postgres": self.postgres}
        return [name for name, part in parts.items() if part.running()]

    def status(self) -> dict[str, dict[str, object]]:
        """State, port, pid and log of each part; no password."""
        return {
            name: {"running": part.running(), "port": state.port, "pid": state.pid if part.running() else None, "log": str(part.log)}
            for name, part, state in (
                ("kafka", self.kafka, self._state.kafka),
                ("postgres", self.postgres, self._state.postgres),
            )
        }

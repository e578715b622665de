"""The command line run in this process, with its exit code and what it printed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ops import cli
from ops.commands import show
from schemas.endpoints import Endpoints


@dataclass(frozen=True, slots=True)
class Said:
    """Exit code and both outputs of one command."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `tidegate` with these arguments; from an async test in a thread, for commands have loops of their own."""
    for console in (show.OUT, show.ERR):
        monkeypatch.setattr(console, "width", 200)

    def command(*arguments: str) -> Said:
        code: Any = 0
        capsys.readouterr()
        try:
            cli.main(list(arguments))
        except SystemExit as e:
            code = e.code
        out, err = capsys.readouterr()
        return Said(code or 0, out, err)

    return command


@pytest.fixture
def named(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Endpoints:
    """A database and a home of the test's own, without topics, named to the commands."""
    monkeypatch.setenv("TIDEGATE_KAFKA", endpoints.kafka)
    monkeypatch.setenv("TIDEGATE_POSTGRES", endpoints.postgres)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    return endpoints

"""The command line run in this process, with its exit code and what it printed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ops import cli
from ops.commands import show


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

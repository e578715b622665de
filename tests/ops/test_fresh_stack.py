"""A stack for one run is wiped however the run ends."""

from pathlib import Path
from typing import Any

import pytest

from ops import capacity


class Recorded:
    """In place of a stack: what it was told to do."""

    told: list[str]

    def __init__(self, *_: Any) -> None:
        pass

    def up(self) -> None:
        self.told.append("up")

    def down(self, wipe: bool) -> None:
        self.told.append("wiped" if wipe else "down")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(capacity, "Stack", Recorded)
    Recorded.told = []
    return Recorded.told


def test_what_ends_before_its_time_is_wiped(told: list[str], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), capacity.fresh_stack(tmp_path, "one"):
        raise KeyboardInterrupt
    assert told == ["wiped", "up", "wiped"]


def test_what_fails_on_the_way_up_is_wiped_too(told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Recorded) -> None:
        raise OSError("no port")

    monkeypatch.setattr(Recorded, "up", fail)
    with pytest.raises(OSError, match="no port"), capacity.fresh_stack(tmp_path, "one"):
        pass
    assert told == ["wiped", "wiped"]

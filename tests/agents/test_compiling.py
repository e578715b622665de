"""Code leaves a worker's memory, and is there again when it is called."""

import sys
from pathlib import Path

import pytest

from agents.compiling import let_code_go
from schemas.compiled import compiled


def resident_kib() -> int:
    """Of the compiler's code."""
    found, counted = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, value, *rest = line.split()
        if "-" in name:
            counted = value == "r-xp" and rest[-1].endswith("libllvmlite.so")
        elif name == "Rss:" and counted:
            found += int(value)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is given back")
def test_the_compilers_code_goes_and_comes_back_when_it_is_called() -> None:
    before = resident_kib()
    let_code_go()
    assert resident_kib() < before / 10
    assert _twice(21) == 42  # compiled now, or linked from the cache
    assert resident_kib() > 0


@compiled
def _twice(number: int) -> int:
    return 2 * number

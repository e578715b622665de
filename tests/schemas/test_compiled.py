"""The compiler's memory is given back, and there again when it is called; what it made is kept by its sources."""

import sys
from pathlib import Path

import pytest

from schemas.compiled import compiled, let_compiler_go, loops_folder


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
def test_the_compiler_lets_go_and_still_compiles() -> None:
    before = resident_kib()
    let_compiler_go()
    assert resident_kib() < before / 10
    assert _twice(21) == 42  # compiled now, or linked from the cache
    assert resident_kib() > 0


@compiled
def _twice(number: int) -> int:
    return 2 * number


def test_loops_are_compiled_anew_when_any_file_with_loops_changes(tmp_path: Path) -> None:
    for room in ("schemas", "sinks", "agents"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "loop.py").write_text("from schemas.compiled import compiled\nONE = 1\n")
        (tmp_path / room / "other.py").write_text("ONE = 1\n")
    before = loops_folder(tmp_path)
    (tmp_path / "sinks" / "other.py").write_text("ONE = 2\n")
    assert loops_folder(tmp_path) == before and before.is_relative_to(tmp_path / "schemas")
    (tmp_path / "sinks" / "loop.py").write_text("from schemas.compiled import compiled\nONE = 2\n")
    assert loops_folder(tmp_path) != before

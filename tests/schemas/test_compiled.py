"""What the compiler made is kept by its sources."""

from pathlib import Path

from schemas.compiled import loops_folder


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

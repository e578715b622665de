"""tidegate law check: what is not sure is listed, what cannot be used is refused with exit code 1."""

import json
import shutil
from pathlib import Path

import pytest

from schemas.lawbook import FOLDER
from tests.ops.conftest import Run

ROW = "22083000,whisky,1000,,1300,spirits,2024-01-01,9999-12-31,gacc,true\n"
TARIFF, WEIGHTS = "tariff.csv", "weights.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "law")
    return tmp_path / "law"


def changed(folder: Path, file: str, old: str, new: str) -> int:
    """Replace the first `old`; gives the line it stands in."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_the_command_says_so(run: Run, folder: Path) -> None:
    said = run("law", "check", "--json")
    assert (said.code, said.data["usable"], said.data["problems"]) == (0, True, [])
    assert said.data["lines"] + said.data["synthetic"] == 1476
    assert {"file", "line", "what"} == set(said.data["unsure"][0])
    line = changed(folder, TARIFF, ROW, ROW.replace("1000", "10001"))
    said = run("law", "check", str(folder))
    assert (said.code, TARIFF in said.out, str(line) in said.out, "out of range" in said.out) == (1, True, True, True)
    said = run("law", "check", str(folder), "--json")
    assert said.code == 1
    assert json.loads(said.out)["problems"] == [
        {"file": TARIFF, "line": line, "reason": "tariff_1e4 10001 out of range 0 to 10000"}
    ]
    (folder / WEIGHTS).unlink()
    assert run("law", "check", str(folder)).code == 2


def test_a_rule_that_does_not_compile_is_refused_by_the_command(run: Run, folder: Path) -> None:
    line = changed(folder, "rules.toml", "listed AND NOT rated", "listed AND NOT rosted")
    said = run("law", "check", str(folder), "--json")
    (problem,) = said.data["problems"]
    assert (said.code, problem["file"], "REG-02: unknown columns ['rosted']" in problem["reason"]) == (1, "rules.toml", True)
    assert 0 < line - problem["line"] < 8, "the line of the rule's code"


def test_a_file_that_is_no_toml_is_refused(run: Run, folder: Path) -> None:
    changed(folder, "limits.toml", "[[limit]]", "[[limit]")
    said = run("law", "check", str(folder), "--json")
    assert (said.code, said.data["usable"], "limits.toml" in said.data["problems"][0]["file"]) == (1, False, True)

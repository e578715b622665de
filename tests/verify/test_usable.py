"""Whether a rule set could be used, by the verifier's own reading: it finds something wrong wherever the program does."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loadtest.verify.usable import reason
from schemas import law_pack
from schemas.lawbook import FILES, FOLDER
from tests.conftest import folder
from tests.ops import test_law as of_commands
from tests.schemas import test_classes, test_control, test_law_check, test_risk, test_samples

__all__ = ["folder"]
MODULES = (test_law_check, test_classes, test_control, test_risk, test_samples)


def refusals(module: ModuleType) -> Iterator[Any]:
    """Tests of a module that damage a folder so that the program refuses it, with each of their arguments."""
    for name, test in inspect.getmembers(module, inspect.isfunction):
        marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        if "refused" in name and marks:
            yield from (pytest.param(test, values, id=f"{module.__name__}.{name}-{n}") for n, values in enumerate(marks[0].args[1]))


def verdict(folder: Path) -> str:
    return reason(law_pack.of_folder(folder, FILES))


@pytest.mark.parametrize(("test", "values"), [case for module in MODULES for case in refusals(module)])
def test_what_the_program_refuses(folder: Path, test: Callable[..., None], values: tuple[Any, ...]) -> None:
    test(folder, *values)
    assert verdict(folder)


def test_the_law_in_force_can_be_used() -> None:
    assert verdict(FOLDER) == ""


RULES = of_commands.test_a_bad_rule_is_not_activated.pytestmark[0].args[1]  # type: ignore[attr-defined]
DATA = of_commands.test_bad_data_is_not_activated.pytestmark[0].args[1]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("old", "new", "_reason"), RULES)
def test_a_bad_rule(folder: Path, old: str, new: str, _reason: str) -> None:
    of_commands.added(folder, old, new)
    assert verdict(folder)


@pytest.mark.parametrize(("file", "old", "new", "_reason"), DATA)
def test_bad_data(folder: Path, file: str, old: str, new: str, _reason: str) -> None:
    of_commands.changed(folder, file, old, new)
    assert verdict(folder)


def test_a_rule_more_can_be_used(folder: Path) -> None:
    of_commands.added(folder)
    assert verdict(folder) == ""


@pytest.mark.parametrize("content", [b"", b"no pack", law_pack.of_folder(FOLDER, FILES)[:-1]])
def test_what_is_no_rule_set(content: bytes) -> None:
    assert reason(content)

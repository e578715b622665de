"""A mutant of a function is put into a module that is imported; what takes an import is not."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation import swap
from tests.mutation.swap import Swap

SOURCE = '''
from functools import cache

BOUND = 5

def early(a):
    return a + 1

MADE = early(1)

@cache
def beyond(a):
    return a > BOUND and any(x > 7 for x in (a,))

class Case:
    LIMIT = 3
    def over(self, a, most=LIMIT):
        return a > 3
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Swap, ModuleType, Path]]:
    """A project of one file, imported while it is watched."""
    file = tmp_path / "swapped_core" / "one.py"
    file.parent.mkdir()
    file.write_text(SOURCE)
    monkeypatch.setattr(swap, "CODE", ("swapped_core/*.py",))
    monkeypatch.syspath_prepend(tmp_path)
    swapped = Swap(tmp_path)
    with swapped.watching():
        module = importlib.import_module("swapped_core.one")
    yield swapped, module, file
    for name in ("swapped_core", "swapped_core.one"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("old", "new"), [("and any", "or any"), ("x > 7", "x < 7")])
def test_a_function_gets_its_other_body_where_it_is_known(module: tuple[Swap, ModuleType, Path], old: str, new: str) -> None:
    """At 6 it says no as it stands: 6 is over BOUND, and not over 7."""
    swapped, one, file = module
    known = one.beyond  # as another module has imported it
    file.write_text(SOURCE.replace(old, new))
    assert swapped.put_in("swapped_core/one.py")
    assert known(6)


def test_a_method_too(module: tuple[Swap, ModuleType, Path]) -> None:
    swapped, one, file = module
    case = one.Case()
    file.write_text(SOURCE.replace("a > 3", "a >= 3"))
    assert not case.over(3)
    assert swapped.put_in("swapped_core/one.py")
    assert case.over(3)


@pytest.mark.parametrize(("old", "new"), [
    ("BOUND = 5", "BOUND = 6"), ("early(1)", "early(2)"), ("LIMIT = 3", "LIMIT = 4"), ("most=LIMIT", "most=-LIMIT"), ("a + 1", "a - 1"),
    ("BOUND = 5", "BOUND = 5"),
])  # fmt: skip
def test_what_takes_an_import_is_left_alone(module: tuple[Swap, ModuleType, Path], old: str, new: str) -> None:
    """Values of modules and classes, defaults, a function that ran during the import; a file that is as it was."""
    swapped, one, file = module
    file.write_text(SOURCE.replace(old, new))
    assert not swapped.put_in("swapped_core/one.py")
    assert (one.BOUND, one.MADE, one.Case.LIMIT, one.early(1)) == (5, 2, 3, 2)

"""Puts a mutant of code into modules that are imported already: the functions it changes get their other body.

That spares each trial the imports, which take longer than most tests. It is possible where only bodies of functions differ,
none of which ran while everything was imported: what they made then would stand unchanged.
"""

import gc
import inspect
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

from tests.mutation.mutants import CODE


class Swap:
    """The code of all files that are mutated, as it stands."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._codes = {str(p.relative_to(place)): self._compiled(p) for pattern in CODE for p in place.glob(pattern)}
        self._ran: set[tuple[str, str]] = set()

    def _compiled(self, path: Path) -> CodeType:
        return compile(path.read_text(), str(path), "exec")

    @contextmanager
    def watching(self) -> Generator[None]:
        """Notes which functions run."""
        mutated = {str(self._place / file) for file in self._codes}

        def note(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and frame.f_code.co_filename in mutated:
                self._ran.add((frame.f_code.co_filename, frame.f_code.co_qualname))

        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def put_in(self, file: str) -> bool:
        """The file as it reads now; False, with nothing changed, where that takes an import."""
        bodies = differing(self._codes[file], self._compiled(self._place / file))
        if not bodies:
            return False
        alive: dict[tuple[str, str, int], list[FunctionType]] = {}
        for one in gc.get_objects():
            if isinstance(one, FunctionType):
                alive.setdefault(place_of(one.__code__), []).append(one)
        functions = [(body, alive.get(place_of(body), [])) for body in bodies]
        if any(not found or place_of(body)[:2] in self._ran for body, found in functions):
            return False
        for body, found in functions:
            for function in found:
                function.__code__ = body
        return True


def place_of(code: CodeType) -> tuple[str, str, int]:
    """File, qualified name and first line of a code object."""
    return code.co_filename, code.co_qualname, code.co_firstlineno


def differing(old: CodeType, new: CodeType) -> list[CodeType]:
    """The outermost functions of `new` that are not as in `old`; empty where more than their bodies differs, or nothing."""
    found: list[CodeType] = []
    if _outside(old) != _outside(new):
        return []
    for a, b in zip(_inside(old), _inside(new), strict=True):
        if a == b:
            continue
        if b.co_flags & inspect.CO_OPTIMIZED:  # a function, not the body of a class
            found.append(b)
        elif below := differing(a, b):
            found += below
        else:
            return []
    return found


def _inside(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _outside(code: CodeType) -> tuple[object, ...]:
    """What a code object says but for what it defines."""
    return code.co_code, code.co_names, [(type(c), repr(c)) for c in code.co_consts if not isinstance(c, CodeType)], len(_inside(code))

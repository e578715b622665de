"""Loops over bytes, compiled to machine code when first called and kept beside their source (numba)."""

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core import config

_ROOMS = ("schemas", "sinks", "agents")  # where loops are
P = ParamSpec("P")
R = TypeVar("R")


def loops_folder(root: Path) -> Path:
    """Where machine code of the loops below `root` is kept: beside their sources, else in the user's cache.

    The name stands for all files with loops: numba looks only at the one of a loop itself, not at those it calls into.
    """
    content = blake2b(digest_size=8)
    for path in sorted(path for room in _ROOMS for path in (root / room).glob("*.py")):
        source = path.read_bytes()
        if b"numba" in source or b"schemas.compiled" in source:
            content.update(path.name.encode() + b"\0" + source)
    beside = root / "schemas"
    place = beside / "__pycache__" if os.access(beside, os.W_OK) else Path.home() / ".cache" / "tidegate"
    return place / f"loops-{content.hexdigest()}"


LOOPS = loops_folder(Path(__file__).parent.parent)
config.CACHE_DIR = str(LOOPS)  # pyright: ignore[reportAttributeAccessIssue]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The same function over numbers and numpy arrays; other threads run meanwhile. Indexes are not checked."""
    jit: Any = numba.njit(cache=True, nogil=True)
    return cast(Callable[P, R], jit(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """The same, written out where it is called: handing several arrays over costs more than a step over a field."""
    jit: Any = numba.njit(cache=True, nogil=True, inline="always")
    return cast(Callable[P, R], jit(function))

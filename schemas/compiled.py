"""Loops over bytes, compiled to machine code when first called and kept beside their source (numba)."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The same function over numbers and numpy arrays; other threads run meanwhile. Indexes are not checked."""
    jit: Any = numba.njit(cache=True, nogil=True)
    return cast(Callable[P, R], jit(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """The same, written out where it is called: handing several arrays over costs more than a step over a field."""
    jit: Any = numba.njit(cache=True, nogil=True, inline="always")
    return cast(Callable[P, R], jit(function))

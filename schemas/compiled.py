"""Loops over bytes, compiled to machine code when first called and kept beside their source (numba)."""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

_MADV_DONTNEED = 4
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


def let_compiler_go() -> None:
    """Take the compiler's code out of this process's memory, about 50 MB: once all loops are there nobody calls it, and
    should they, its pages come back from its file. Linux only; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_, path = line.split(maxsplit=5)
        if rights == "r-xp" and path.endswith("libllvmlite.so"):  # never written: what is read again is what was there
            begin, end = (int(address, 16) for address in span.split("-"))
            if libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED):
                raise OSError(ctypes.get_errno(), "madvise")

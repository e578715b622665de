"""Private parts of libraries that we lean on are as we know them, or the start is refused."""

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any


def check_parts(
    distribution: str, expected: str, methods: Mapping[Callable[..., Any], list[str]], unknown: type[Exception], installed: str | None
) -> None:
    """`unknown` with what differs: another version than `expected` is `installed`, or a method takes other parameters."""
    found = installed or version(distribution)
    if found != expected:
        raise unknown(f"{distribution} {found} is installed; Tidegate needs exactly {expected}: `make venv`")
    for method, parameters in methods.items():
        if (now := list(inspect.signature(method).parameters)) != parameters:
            raise unknown(f"{method.__qualname__} takes {now}, expected {parameters}")

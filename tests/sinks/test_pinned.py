"""The start is refused when a private part of Faust or aiokafka that we lean on is not as we know it."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from agents import faust_private
from agents.faust_private import UnknownFaust
from sinks import aiokafka_private, pinned
from sinks.aiokafka_private import UnknownAiokafka
from sinks.record_batches import RecordBatch

LIBRARIES = [(faust_private, UnknownFaust), (aiokafka_private, UnknownAiokafka)]
METHODS = [(library, unknown, method) for library, unknown in LIBRARIES for method in library.METHODS]


@pytest.mark.parametrize(("library", "_unknown"), LIBRARIES)
def test_the_installed_one_is_the_one_we_know(library: ModuleType, _unknown: type[Exception]) -> None:
    library.check()


@pytest.mark.parametrize(
    ("library", "unknown", "refused"),
    [
        (*LIBRARIES[0], r"faust-streaming 0\.15\.4 is installed; Tidegate needs exactly 0\.15\.3"),
        (*LIBRARIES[1], r"aiokafka 0\.14\.1 is installed; Tidegate needs exactly 0\.14\.0"),
    ],
)
def test_another_version_is_refused(library: ModuleType, unknown: type[Exception], refused: str) -> None:
    another = {faust_private: "0.15.4", aiokafka_private: "0.14.1"}[library]
    with pytest.raises(unknown, match=refused):
        library.check(another)


@pytest.mark.parametrize(("library", "unknown", "method"), METHODS, ids=[m.__qualname__ for _, _, m in METHODS])
def test_another_signature_is_refused(
    library: ModuleType, unknown: type[Exception], method: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = inspect.signature

    def changed(of: Callable[..., Any]) -> inspect.Signature:
        found = signature(of)
        if of is not method:
            return found
        more = inspect.Parameter("more", inspect.Parameter.KEYWORD_ONLY)
        return found.replace(parameters=[*found.parameters.values(), more])

    monkeypatch.setattr(pinned.inspect, "signature", changed)
    with pytest.raises(unknown, match=f"{method.__qualname__} takes"):
        library.check()


def test_our_batches_have_all_that_is_asked_of_a_builder() -> None:
    asked = {name for name in vars(BatchBuilder) if callable(getattr(BatchBuilder, name)) and not name.startswith("__")}
    assert asked - {"_serialize"} <= set(vars(RecordBatch))  # that one only it asks of itself
    for method, parameters in aiokafka_private.METHODS.items():
        if method.__qualname__.startswith("BatchBuilder."):
            assert list(inspect.signature(getattr(RecordBatch, method.__name__)).parameters) == parameters

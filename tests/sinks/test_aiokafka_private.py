"""The start is refused when aiokafka asks something else of a batch than ours answer."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from sinks import pinned
from sinks.aiokafka_private import METHODS, UnknownAiokafka, check
from sinks.record_batches import RecordBatch


def test_the_installed_aiokafka_is_the_one_we_know() -> None:
    check()


def test_another_version_is_refused() -> None:
    with pytest.raises(UnknownAiokafka, match=r"aiokafka 0\.14\.1 is installed; Tidegate needs exactly 0\.14\.0"):
        check("0.14.1")


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__qualname__)
def test_another_signature_is_refused(method: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    signature = inspect.signature

    def changed(of: Callable[..., Any]) -> inspect.Signature:
        found = signature(of)
        if of is not method:
            return found
        more = inspect.Parameter("more", inspect.Parameter.KEYWORD_ONLY)
        return found.replace(parameters=[*found.parameters.values(), more])

    monkeypatch.setattr(pinned.inspect, "signature", changed)
    with pytest.raises(UnknownAiokafka, match=f"{method.__qualname__} takes"):
        check()


def test_our_batches_have_all_that_is_asked_of_a_builder() -> None:
    asked = {name for name in vars(BatchBuilder) if callable(getattr(BatchBuilder, name)) and not name.startswith("__")}
    assert asked - {"_serialize"} <= set(vars(RecordBatch))  # that one only it asks of itself
    for method in METHODS:
        if method.__qualname__.startswith("BatchBuilder."):
            assert list(inspect.signature(getattr(RecordBatch, method.__name__)).parameters) == METHODS[method]

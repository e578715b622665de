"""The start is refused when a part of Faust that we lean on is not as we know it."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from agents.faust_private import METHODS, UnknownFaust, check
from sinks import pinned


def test_the_installed_faust_is_the_one_we_know() -> None:
    check()


def test_another_version_is_refused() -> None:
    with pytest.raises(UnknownFaust, match=r"faust-streaming 0\.15\.4 is installed; Tidegate needs exactly 0\.15\.3"):
        check("0.15.4")


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
    with pytest.raises(UnknownFaust, match=f"{method.__qualname__} takes"):
        check()

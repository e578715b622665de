"""Logs: one JSON object a line, no values, and a library that repeats itself is heard now and then."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agents import logs
from agents.logs import JsonFormatter, Sparing

SECRET = "11010519491231002X"


def record(name: str = "tidegate.batch", message: str = "batch", created: float = 0.0, **extra: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": name, "msg": message, "levelname": "INFO", "created": created, **extra})


def test_a_line_is_one_object_with_what_extra_brought() -> None:
    line = JsonFormatter().format(record(message="first\nsecond", lanes=3, outcomes={"RELEASE": 2}))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000+00:00", "level": "info", "logger": "tidegate.batch",
        "message": "first\nsecond", "lanes": 3, "outcomes": {"RELEASE": 2},
    }  # fmt: skip


def test_an_exception_is_told_by_type_and_places_never_by_its_text() -> None:
    def deep() -> None:
        raise ValueError(f"bad identity {SECRET}")

    try:
        try:
            deep()
        except ValueError as e:
            raise RuntimeError(SECRET) from e
    except RuntimeError:
        line = JsonFormatter().format(record(message="worker failed", exc_info=sys.exc_info()))
    told = json.loads(line)
    assert SECRET not in line
    assert told["error"] == "RuntimeError"
    assert told["at"][-1].startswith("test_logs.py:")


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert json.loads(JsonFormatter().format(record(place={1}.__class__)))["place"] == "<class 'set'>"


def test_a_library_that_repeats_itself_is_heard_once_in_a_while() -> None:
    sparing = Sparing(("aiokafka",), seconds=5.0)
    heard = [sparing.filter(record("aiokafka.conn", "no broker %s", at)) for at in (10.0, 10.1, 14.9, 15.0, 15.1)]
    assert heard == [True, False, False, True, False]
    last = record("aiokafka.conn", "no broker %s", 20.0)
    assert sparing.filter(last)
    assert vars(last)["unsaid"] == 1
    assert sparing.filter(record("aiokafka.conn", "something else", 20.1))
    assert all(sparing.filter(record("tidegate.relay", "same", at)) for at in (20.0, 20.0, 20.0))


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging as the tests had it."""
    root, level = logging.getLogger(), logging.getLogger().level
    handlers = root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("faust", "mode", "aiokafka", "agents")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def test_libraries_are_heard_from_warnings_on(restored: None, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    logging.getLogger("tidegate.batch").info("batch")
    logging.getLogger("aiokafka.conn").info("connected")
    logging.getLogger("faust.worker").warning("odd")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["batch", "odd"]

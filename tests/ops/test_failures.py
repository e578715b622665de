"""What is known to go wrong ends a command with one line and the exit code the help names, not with a traceback."""

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from history.parts import NoHistory
from history.recall import Incomplete
from ops.commands.failures import explained
from ops.commands.show import NotFound
from ops.failed import RunFailed
from ops.stack.errors import StackError
from schemas.endpoints import SettingsError, StackUnreachable
from sinks.errors import Unavailable
from sinks.topics import TopicError

CHECK, USAGE, UNREACHABLE = 1, 2, 3


@pytest.mark.parametrize(("error", "code"), [
    (RunFailed("180 s passed: does a worker run?"), CHECK), (TopicError("11 partitions"), CHECK), (Incomplete("a part is missing"), CHECK),
    (asyncpg.UndefinedTableError("relation"), CHECK), (NotFound("no such order"), USAGE), (NoHistory("none kept"), USAGE),
    (SettingsError("TIDEGATE_KAFKA"), USAGE), (FileNotFoundError(2, "No such file", "a.json"), USAGE), (StackUnreachable("tidegate up"), UNREACHABLE),
    (StackError("a port"), UNREACHABLE), (KafkaConnectionError("refused"), UNREACHABLE), (Unavailable("gone"), UNREACHABLE),
    (asyncpg.InvalidPasswordError("password"), UNREACHABLE), (ConnectionRefusedError(), UNREACHABLE),
], ids=lambda x: type(x).__name__)  # fmt: skip
def test_exit_codes(error: Exception, code: int) -> None:
    said = explained(error)
    assert said is not None and said[0] == code and said[2]


def test_a_bug_is_seen_whole() -> None:
    assert explained(KeyError("column")) is None

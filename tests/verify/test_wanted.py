"""The bytes a message has to have are those that fastavro writes, and only those are taken without decoding."""

from random import Random
from typing import Any

import pytest

from loadtest.verify import Evidence, messages
from loadtest.verify.wanted import LONGEST_TEXT, number, writer
from schemas.codec import encode
from tests.verify.test_many import damaged


def test_messages(intact: Evidence) -> None:
    chance = Random(3)
    for message in intact.outputs:
        name = messages.SCHEMA[message.topic]
        said = messages.decode(name, message.value)
        assert said is not None
        usual = len(message.value) <= LONGEST_TEXT  # a longer one may hold a text that is too long; these have one
        assert messages.says(name, message.value, said) == usual
        assert messages.says(name, encode(name, said), said) == usual
        for value in damaged(message.value, chance):
            assert messages.says(name, value, said) == (usual and value == message.value)


def test_numbers() -> None:
    write = writer({"fields": [{"name": "n", "type": ["null", "long"]}, {"name": "yes", "type": "boolean"}]})
    for n in (0, -1, 1, 63, 64, -64, -65, 8_191, 8_192, 1 << 62, (1 << 63) - 1, -(1 << 63)):
        assert write({"n": n, "yes": True}) == b"\2" + number(n) + b"\1"
        assert unzigzag(number(n)) == n
    assert write({"n": None, "yes": False}) == b"\0\0"


def unzigzag(data: bytes) -> int:
    left = sum((byte & 127) << 7 * n for n, byte in enumerate(data))
    assert [byte > 127 for byte in data] == [True] * (len(data) - 1) + [False]
    return (left >> 1) ^ -(left & 1)


@pytest.mark.parametrize("change", [{"lines": None}, {"attempt": None}, {"orderNo": 5}, {"orderNo": "x" * 5_000}])
def test_what_is_no_message_is_never_said(intact: Evidence, change: dict[str, Any]) -> None:
    value = next(m.value for m in intact.outputs if m.topic == "release")
    said = messages.decode("decision-1", value) or {}
    assert not messages.says("decision-1", value, said | change)

"""The quick readers say what fastavro and the single checks say, or leave it to them."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from loadtest.verify import Evidence, documents, messages
from loadtest.verify.documents import NoDocument
from loadtest.verify.quick import UNUSUAL, Unusual, reader

DAMAGED = 6  # copies of each value
BYTES = (0, 1, 2, 0x7F, 0x80, 0x81, 0xC3, 0xFE, 0xFF)


def damaged(value: bytes, chance: Random) -> Iterator[bytes]:
    """Itself, and copies with a byte changed, inserted, removed, or the end cut off or prolonged."""
    yield value
    for _ in range(DAMAGED):
        at, byte = chance.randrange(5, len(value)), bytes((chance.choice(BYTES),))
        yield chance.choice((
            value[:at] + byte + value[at + 1 :], value[:at] + byte + value[at:], value[:at] + value[at + 1 :],
            value[:at], value + byte, value[:at] + bytes(10) + value[at:],
        ))  # fmt: skip


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except NoDocument as e:
        return e.code


def test_documents(intact: Evidence) -> None:
    chance, quick, refused = Random(1), 0, 0
    for (number, _, _), record in intact.inputs.items():
        kind = documents.kind_name(number)
        if len(record.value or b"") < 10:
            continue
        for value in damaged(record.value or b"", chance):
            try:
                name, start = documents.framed(kind, value)
            except NoDocument:
                continue
            expected = outcome(lambda: documents.decode_in_full(kind, name, value, start))  # noqa: B023  called at once
            try:
                found = documents.quick_reader(kind, name)(value, start)
            except UNUSUAL:
                refused += 1
            else:
                quick += 1
                assert found == expected
            assert outcome(lambda: documents.decode(kind, value)) == expected  # noqa: B023  called at once
    assert quick > len(intact.inputs) < refused


def test_those_of_a_set_are_usual(intact: Evidence) -> None:
    """But for those that damage what a document has to be."""
    unusual = 0
    for (number, _, _), record in intact.inputs.items():
        kind = documents.kind_name(number)
        try:
            documents.quick_reader(kind, documents.framed(kind, record.value or b"")[0])(record.value or b"", 5)
        except UNUSUAL:
            unusual += 1
    assert 0 < unusual < 0.1 * len(intact.inputs)


def test_messages(intact: Evidence) -> None:
    chance, quick = Random(2), 0
    for message in intact.outputs:
        name = messages.SCHEMA[message.topic]
        messages.quick_reader(name)(message.value, messages.FRAME)  # what is published is usual
        for value in damaged(message.value, chance):
            expected = messages.decode_in_full(name, value)
            try:
                found = messages.quick_reader(name)(value, messages.FRAME)
            except UNUSUAL:
                pass
            else:
                quick += 1
                assert found == expected
            assert messages.decode(name, value) == expected
    assert quick > len(intact.outputs)


@pytest.mark.parametrize(
    "value", [b"\x80\x00\x02a", b"\x01a", b"\x02\xff", b"\x04a", b"\x02ab", b"", b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x01"]
)
def test_one_text(value: bytes) -> None:
    """An empty one with bytes to spare, negative, no UTF-8, too long, too short, nothing at all, ten bytes of length."""
    with pytest.raises(UNUSUAL):
        reader({"fields": [{"name": "text", "type": "string"}]})(value, 0)


def test_a_type_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="double"):
        reader({"fields": [{"name": "x", "type": "double"}]})
    assert issubclass(Unusual, UNUSUAL)

"""The blob of one outbox row: messages one after the other (layout in the migration)."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Message:
    """`topic`: its index in topics.toml."""

    topic: int
    key: bytes
    value: bytes


def pack(messages: Iterable[Message]) -> bytes:
    """(u8 topic index, u32 key length, key, u32 value length, value) for each, big-endian."""
    parts: list[bytes] = []
    for m in messages:
        parts += [_HEAD.pack(m.topic, len(m.key)), m.key, _LENGTH.pack(len(m.value)), m.value]
    return b"".join(parts)


def unpack(blob: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(topic index, key, value); ValueError when the blob ends inside a message."""
    position, end = 0, len(blob)
    while position < end:
        try:
            index, key_length = _HEAD.unpack_from(blob, position)
            position += _HEAD.size
            key = blob[position : position + key_length]
            position += key_length
            (length,) = _LENGTH.unpack_from(blob, position)
        except struct.error:
            raise ValueError("an outbox row ends inside a message") from None
        position += _LENGTH.size
        value = blob[position : position + length]
        position += length
        if position > end:
            raise ValueError("an outbox row ends inside a message")
        yield index, key, value

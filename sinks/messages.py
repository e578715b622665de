"""The blob of one outbox row: messages one after the other (layout in the migration)."""

import struct
from collections.abc import Iterator

_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")


def packed(topic: int, key: bytes, value: bytes) -> bytes:
    """(u8 topic index in topics.toml, u32 key length, key, u32 value length, value), big-endian."""
    return b"".join((_HEAD.pack(topic, len(key)), key, _LENGTH.pack(len(value)), value))


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

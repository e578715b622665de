"""What producers compressed, unpacked into so much room and no more: a megabyte of it may have been gigabytes."""

import struct
from collections.abc import Callable
from typing import NamedTuple

import cramjam
import numpy as np

from schemas.words import Bytes

_SNAPPY_BLOCKS, _BLOCKS_BEGIN = b"\x82SNAPPY\0", 16  # what Java's snappy puts before its blocks, versions included
_LENGTH = struct.Struct(">i")


class NotUnpacked(Exception):
    """Bytes that are none of the codec, or more than there is room for. The message names the codec."""


class _Codec(NamedTuple):
    name: str
    unpack: Callable[[memoryview, memoryview], int]


def unpacked(codec: int, packed: memoryview, room: int) -> Bytes:
    """The bytes, which are at most `room`. `codec`: its number in the attributes of a Kafka batch, 0 (none) excepted."""
    if codec not in _CODECS:
        raise NotUnpacked(f"codec {codec} is not known")
    name, unpack = _CODECS[codec]
    out = np.empty(room, np.uint8)  # memory is taken only as it is written
    try:
        found = out[: unpack(packed, out.data)].copy()
    except (cramjam.DecompressionError, struct.error) as e:
        raise NotUnpacked(f"{name} does not unpack to {room} bytes or less: {e}") from None
    found.setflags(write=False)  # as what came uncompressed
    return found


def _snappy(packed: memoryview, out: memoryview) -> int:
    """One block of snappy, or blocks of it each behind its length."""
    if packed[: len(_SNAPPY_BLOCKS)].tobytes() != _SNAPPY_BLOCKS:
        return cramjam.snappy.decompress_raw_into(packed, out)
    at, filled = _BLOCKS_BEGIN, 0
    while at < len(packed):
        (length,) = _LENGTH.unpack_from(packed, at)
        begin, at = at + _LENGTH.size, at + _LENGTH.size + length
        filled += cramjam.snappy.decompress_raw_into(packed[begin:at], out[filled:])
    return filled


_CODECS = {
    1: _Codec("gzip", cramjam.gzip.decompress_into),
    2: _Codec("snappy", _snappy),
    3: _Codec("lz4", cramjam.lz4.decompress_into),
    4: _Codec("zstd", cramjam.zstd.decompress_into),
}
"""By the number that Kafka gives them."""

"""Where a key belongs: Kafka's default partitioner (murmur2 of Java's clients), for many keys at once."""

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.packed import Bytes, Packed, Vector

SEED, FACTOR, SHIFT = np.uint32(0x9747B28C), np.uint32(0x5BD1E995), np.uint32(24)  # org.apache.kafka.common.utils.Utils.murmur2


def home_partitions(keys: Packed, partitions: int) -> NDArray[np.int64]:
    """The partition of each key, if its producer partitions as Java's clients do."""
    hashes = np.empty(len(keys), np.uint32)
    _hash_all(keys.buffer, keys.begins, keys.ends, hashes)
    return (hashes & np.uint32(0x7FFFFFFF)).astype(np.int64) % partitions


@compiled
def _hash_all(buffer: Bytes, begins: Vector, ends: Vector, hashes: NDArray[np.uint32]) -> None:
    for row in range(len(begins)):
        at, end = begins[row], max(begins[row], ends[row])
        found = SEED ^ np.uint32(end - at)
        while end - at >= 4:
            word = np.uint32(np.uint32(_word(buffer, at, 4)) * FACTOR)
            found = np.uint32(found * FACTOR) ^ np.uint32((word ^ (word >> SHIFT)) * FACTOR)
            at += 4
        if end > at:
            found = np.uint32((found ^ _word(buffer, at, end - at)) * FACTOR)
        found = np.uint32((found ^ (found >> np.uint32(13))) * FACTOR)
        hashes[row] = found ^ (found >> np.uint32(15))


@compiled
def _word(buffer: Bytes, at: int, size: int) -> np.uint32:
    """Little-endian, of up to four bytes."""
    word = np.uint32(0)
    for place in range(size):
        word |= np.uint32(np.uint32(buffer[at + place]) << np.uint32(8 * place))
    return word

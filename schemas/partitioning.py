"""Where a key belongs: Kafka's default partitioner (murmur2 of Java's clients), for many keys at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SEED, FACTOR, SHIFT = 0x9747B28C, 0x5BD1E995, 24  # org.apache.kafka.common.utils.Utils.murmur2


def home_partitions(keys: Sequence[bytes], partitions: int) -> NDArray[np.int16]:
    """The partition of each key, if its producer partitions as Java's clients do."""
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    buffer = np.frombuffer(b"".join((*keys, bytes(8))), np.uint8)
    words = np.ndarray((len(buffer) - 3,), "<u4", buffer, strides=(1,))
    starts = np.cumsum(lengths) - lengths
    mix = np.uint32(FACTOR)
    found = np.uint32(SEED) ^ lengths.astype(np.uint32)
    for block in range(int(lengths.max(initial=0)) // 4):
        live = lengths // 4 > block
        word = words[starts[live] + 4 * block] * mix
        found[live] = (found[live] * mix) ^ ((word ^ (word >> np.uint32(SHIFT))) * mix)
    tail, rest = starts + (lengths & ~3), lengths & 3
    for place in (2, 1, 0):
        live = rest > place
        found[live] ^= buffer[tail[live] + place].astype(np.uint32) << np.uint32(8 * place)
    live = rest > 0
    found[live] *= mix
    found ^= found >> np.uint32(13)
    found *= mix
    found ^= found >> np.uint32(15)
    return ((found & np.uint32(0x7FFFFFFF)) % np.uint32(partitions)).astype(np.int16)

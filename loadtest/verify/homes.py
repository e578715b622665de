"""In which partition the key of a document belongs: Kafka's default partitioner, for all keys of one length at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.contracts import PARTITIONS

Words = NDArray[np.uint32]
SEED, FACTOR = 0x9747B28C, np.uint32(0x5BD1E995)  # murmur2, as Java's clients use it


def homes(keys: Sequence[bytes]) -> list[int]:
    """The partition of each key."""
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    found = np.zeros(len(keys), np.int64)
    for length in np.unique(lengths).tolist():
        these = np.flatnonzero(lengths == length)
        together = np.frombuffer(b"".join([keys[n] for n in these.tolist()]), np.uint8)
        found[these] = (_hashed(together.reshape(len(these), length)) & np.uint32(0x7FFFFFFF)) % PARTITIONS
    return found.tolist()


def _hashed(keys: NDArray[np.uint8]) -> Words:
    """murmur2 of each row."""
    length = keys.shape[1]
    whole = length - length % 4
    found = np.full(len(keys), SEED ^ length, np.uint32)
    for word in np.ascontiguousarray(keys[:, :whole]).view("<u4").T:
        mixed = word * FACTOR
        found = found * FACTOR ^ (mixed ^ mixed >> np.uint32(24)) * FACTOR
    if length > whole:
        for place in range(whole, length):
            found ^= keys[:, place].astype(np.uint32) << np.uint32(8 * (place - whole))
        found *= FACTOR
    found = (found ^ found >> np.uint32(13)) * FACTOR
    return found ^ found >> np.uint32(15)

"""Whether bytes are UTF-8 (RFC 3629) without U+0000, which PostgreSQL keeps none of: eight bytes a step where they are
ASCII, six where they are two characters of three bytes, as Chinese is."""

import numpy as np

from schemas.compiled import compiled
from schemas.words import WORD, Bytes, word

ONES = np.uint64(0x0101010101010101)  # in each byte
HIGHS = np.uint64(0x8080808080808080)
THREE, OF_THREE = np.uint64(0xC0C0F0), np.uint64(0x8080E0)  # the bits that tell a character of three bytes
TWICE, BOTH = np.uint64(0xC0C0F0C0C0F0), np.uint64(0x8080E08080E0)
LEADS = np.uint64(0x0F)


@compiled
def is_text(buffer: Bytes, at: int, end: int) -> bool:
    """Whether buffer[at:end] is; it lies inside the buffer."""
    while at < end:
        eight = word(buffer, at, end - at)  # what is not there is zero, and so no part of anything
        odd = eight | ((eight - ONES) & ~eight)  # a byte that is zero borrows its highest bit
        if (odd & HIGHS) == np.uint64(0):
            at += WORD
        elif (eight & TWICE) == BOTH and _usual(eight) and _usual(eight >> np.uint64(24)):
            at += 6
        elif (eight & THREE) == OF_THREE and _usual(eight):
            at += 3
        else:
            length = _character(buffer, at, end)
            if length == 0:
                return False
            at += length
    return True


@compiled
def _usual(three: np.uint64) -> bool:
    """Not of the two leads after which the next byte has bounds of its own, E0 and ED."""
    lead = three & LEADS
    return bool((lead != np.uint64(0x0)) & (lead != np.uint64(0xD)))


@compiled
def _character(buffer: Bytes, at: int, end: int) -> int:
    """Bytes of the character there; 0 when there is none."""
    lead = buffer[at]
    if 0 < lead < 0x80:
        return 1
    # how many bytes follow, and between what the first of them lies: no overlong form, no surrogate, no end of Unicode
    low, high = np.uint8(0x80), np.uint8(0xBF)
    if 0xC2 <= lead <= 0xDF:
        more = 1
    elif 0xE0 <= lead <= 0xEF:
        more = 2
        low = np.uint8(0xA0) if lead == 0xE0 else low
        high = np.uint8(0x9F) if lead == 0xED else high
    elif 0xF0 <= lead <= 0xF4:
        more = 3
        low = np.uint8(0x90) if lead == 0xF0 else low
        high = np.uint8(0x8F) if lead == 0xF4 else high
    else:
        return 0
    at += 1
    if more > end - at or not low <= buffer[at] <= high:
        return 0
    for place in range(at + 1, at + more):
        if buffer[place] & 0xC0 != 0x80:
            return 0
    return 1 + more

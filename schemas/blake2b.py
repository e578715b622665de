"""BLAKE2b (RFC 7693) of many byte strings at once, the values hashlib gives: four strings side by side in vectors.

hashlib takes 1 to 2 µs a value, most of it for objects, and holds the interpreter meanwhile. The compression of four
blocks is written out as LLVM instructions, because a loop would look the order of the words up in memory, and is as
fast as AVX2 lets it be; on processors without AVX2 it is right as well.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from llvmlite import ir
from numba import types
from numba.core.cgutils import raw_memcpy
from numba.extending import intrinsic
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.packed import Packed, Vector

Words = NDArray[np.uint64]
BLOCK = 128  # bytes that are compressed at once
LANES = 4  # strings side by side
STATE = 8  # words
FREE = -1  # instead of the row a lane is at
LAST, MORE = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)  # whether a block is the last one of its string
INITIAL = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    np.uint64,
)  # fmt: skip
SIGMA = (
    "0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d",
    "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0",
)  # fmt: skip
ROUNDS = 12
# words of the state that are mixed with each other: columns, then diagonals
QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
WORD, LANE_BYTES = ir.IntType(64), LANES * 8
VECTOR, BYTES = ir.VectorType(WORD, LANES), ir.VectorType(ir.IntType(8), LANE_BYTES)


class Blake2b:
    """With a digest size of 1 to 64 bytes and, if wanted, a key of up to 64 bytes, which is taken in once."""

    def __init__(self, digest_size: int, key: bytes = b"") -> None:
        if not 1 <= digest_size <= 64 or len(key) > 64:
            raise ValueError("a digest has 1 to 64 bytes, a key at most 64")
        self.digest_size = digest_size
        self._key = Packed.of([key.ljust(BLOCK, b"\0")])
        self._first = INITIAL.copy()
        self._first[0] ^= np.uint64(0x01010000 | len(key) << 8 | digest_size)
        self._after_key, self._counted = self._first, 0
        if key:
            self._after_key = self._hashed(self._key, MORE, STATE * 8).view(np.uint64)[0].copy()
            self._counted = BLOCK

    def digests(self, values: Packed) -> NDArray[np.uint8]:
        """u8 (values, digest size), not to be written to; a missing value counts as empty."""
        return self._hashed(values, LAST, self.digest_size)

    def _hashed(self, values: Packed, mark: np.uint64, size: int) -> NDArray[np.uint8]:
        found = np.empty((len(values), size), np.uint8)
        _hash_all(
            values.buffer.ctypes.data, values.begins, values.ends, self._first, self._key.buffer.ctypes.data,
            self._after_key, self._counted, mark, size, found.ctypes.data,
        )  # fmt: skip
        found.flags.writeable = False  # as all packed bytes are: compiled loops need not be compiled for both
        return found

    def packed(self, values: Packed) -> Packed:
        """The digest of each value."""
        ends = np.arange(1, len(values) + 1) * self.digest_size
        return Packed(self.digests(values).reshape(-1), ends - self.digest_size, ends)

    def column(self, values: Packed) -> pl.Series:
        """Binary: the digest of each value."""
        return self.packed(values).binary()

    def of(self, texts: pl.Series) -> pl.Series:
        """Binary: the digest of each text or byte string of a column without nulls."""
        return self.column(Packed.of_column(texts))


instructions: Any = intrinsic  # decorates what emits the body of a function, for compiled loops to call


@instructions
def _copy(_typing: Any, to: Any, source: Any, count: Any) -> Any:
    """Bytes from address to address."""

    def emit(_context: Any, builder: Any, _signature: Any, values: Sequence[Any]) -> Any:
        to, source, count = values
        raw_memcpy(builder, _place(builder, to, 0, WORD), _place(builder, source, 0, WORD), count, 1)

    return types.void(types.int64, types.int64, types.int64), emit


@instructions
def _compress(_typing: Any, states: Any, counts: Any, last: Any, blocks: Any) -> Any:
    """One block of each lane. Addresses of u64: `states` (8, lanes), `counts`, `last` and `blocks` (lanes), of which
    the latter are addresses themselves."""

    def emit(_context: Any, builder: Any, _signature: Any, values: Sequence[Any]) -> Any:
        states, counts, last, blocks = values
        places = [_load(builder, blocks, lane, WORD) for lane in range(LANES)]
        message: list[Any] = []
        for part in range(BLOCK // LANE_BYTES):
            message += _transposed(builder, [_load(builder, place, part, VECTOR) for place in places])
        before = [_load(builder, states, word, VECTOR) for word in range(STATE)]
        state = [*before, *(ir.Constant(VECTOR, [int(word)] * LANES) for word in INITIAL)]
        state[12] = builder.xor(state[12], _load(builder, counts, 0, VECTOR))
        state[14] = builder.xor(state[14], _load(builder, last, 0, VECTOR))
        for sigma in (SIGMA + SIGMA)[:ROUNDS]:
            order = [message[int(word, 16)] for word in sigma]
            for quarter, x, y in zip(QUARTERS, order[::2], order[1::2], strict=True):
                _mix(builder, state, quarter, x, y)
        for word in range(STATE):
            after = builder.xor(before[word], builder.xor(state[word], state[word + STATE]))
            builder.store(after, _place(builder, states, word, VECTOR), align=8)

    return types.void(*[types.int64] * 4), emit


def _mix(builder: Any, state: list[Any], quarter: Sequence[int], x: Any, y: Any) -> None:
    """RFC 7693's G on four words of the state."""
    a, b, c, d = quarter
    for word, first, second in ((x, 32, 24), (y, 16, 63)):
        state[a] = builder.add(builder.add(state[a], state[b]), word)
        state[d] = _rotated(builder, builder.xor(state[d], state[a]), first)
        state[c] = builder.add(state[c], state[d])
        state[b] = _rotated(builder, builder.xor(state[b], state[c]), second)


def _rotated(builder: Any, words: Any, bits: int) -> Any:
    """Each word to the right; by whole bytes that is one instruction."""
    if bits % 8:
        high, low = (ir.Constant(VECTOR, [n] * LANES) for n in (64 - bits, bits))
        return builder.or_(builder.shl(words, high), builder.lshr(words, low))
    order = [at - at % 8 + (at + bits // 8) % 8 for at in range(LANE_BYTES)]
    of_words = builder.bitcast(words, BYTES)
    return builder.bitcast(_chosen(builder, of_words, of_words, order), VECTOR)


def _transposed(builder: Any, rows: Sequence[Any]) -> list[Any]:
    """Four vectors of the first, second, third and fourth words of four vectors."""
    one, two, three, four = rows
    pairs = [
        (_chosen(builder, one, two, [n, 4 + n, 2 + n, 6 + n]), _chosen(builder, three, four, [n, 4 + n, 2 + n, 6 + n]))
        for n in (0, 1)
    ]
    return [_chosen(builder, *pair, [n, n + 1, n + 4, n + 5]) for n in (0, 2) for pair in pairs]


def _chosen(builder: Any, one: Any, two: Any, order: Sequence[int]) -> Any:
    """Elements of two vectors, those of the second numbered on."""
    return builder.shuffle_vector(one, two, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order)))


def _load(builder: Any, address: Any, number: int, kind: Any) -> Any:
    return builder.load(_place(builder, address, number, kind), typ=kind, align=1)


def _place(builder: Any, address: Any, number: int, kind: Any) -> Any:
    """A pointer to one of the values that stand one after the other at an address."""
    size = LANE_BYTES if kind is VECTOR else 8
    return builder.inttoptr(builder.add(address, ir.Constant(WORD, number * size)), ir.PointerType(kind))


@compiled
def _hash_all(
    data: int, begins: Vector, ends: Vector, first: Words, key: int, after_key: Words, counted: int,
    mark: np.uint64, size: int, found: int,
) -> None:  # fmt: skip
    """`first`: the state before the key's block (at address `key`), `after_key` and `counted` bytes: where strings begin;
    `mark`: of last blocks; `data` and `found`: addresses. A lane that has ended its string goes on with the next."""
    states, digest = np.empty((STATE, LANES), np.uint64), np.empty(STATE, np.uint64)
    counts, last = np.zeros(LANES, np.uint64), np.zeros(LANES, np.uint64)
    blocks, padded = np.full(LANES, key), np.empty((LANES, BLOCK // 8), np.uint64)
    rows, places = np.full(LANES, FREE), np.zeros(LANES, np.int64)
    following, running = 0, 0
    while following < len(begins) or running:
        for lane in range(LANES):
            if rows[lane] == FREE and following < len(begins):
                rows[lane], places[lane] = following, begins[following]
                # of an empty string the key's block, or without a key one of zeros, is the only one
                start = first if ends[following] <= begins[following] else after_key
                for word in range(STATE):
                    states[word, lane] = start[word]
                counts[lane] = counted
                following += 1
                running += 1
            if rows[lane] != FREE:
                left = max(0, ends[rows[lane]] - places[lane])
                last[lane] = mark if left <= BLOCK else MORE
                counts[lane] += np.uint64(min(left, BLOCK))
                blocks[lane] = data + places[lane] if left else key
                if 0 < left < BLOCK:
                    blocks[lane] = padded.ctypes.data + lane * BLOCK
                    for word in range(BLOCK // 8):
                        padded[lane, word] = 0
                    _copy(blocks[lane], data + places[lane], left)
                places[lane] += BLOCK
        _compress(states.ctypes.data, counts.ctypes.data, last.ctypes.data, blocks.ctypes.data)
        for lane in range(LANES):
            if rows[lane] != FREE and places[lane] >= ends[rows[lane]]:
                for word in range(STATE):
                    digest[word] = states[word, lane]
                _copy(found + rows[lane] * size, digest.ctypes.data, size)
                rows[lane], blocks[lane] = FREE, key
                running -= 1

"""Many digests at once are those hashlib gives one by one."""

from hashlib import blake2b

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.reading import order_hashes
from schemas.blake2b import Blake2b
from schemas.packed import Packed

EDGES = (0, 1, 127, 128, 129, 255, 256, 257, 1023, 1024, 1025, 1100)
LENGTHS = st.lists(st.sampled_from(EDGES) | st.integers(0, 1100), max_size=30)
SIZES, KEYS = st.integers(1, 64), st.binary(max_size=64)


def one_by_one(values: list[bytes], size: int, key: bytes) -> list[bytes]:
    return [blake2b(value, digest_size=size, key=key).digest() for value in values]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(LENGTHS, SIZES, KEYS, st.integers(0, 2**32))
def test_as_hashlib_does(lengths: list[int], size: int, key: bytes, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = [random.bytes(length) for length in lengths]
    assert Blake2b(size, key).column(Packed.of(values)).to_list() == one_by_one(values, size, key)
    assert Blake2b(size, key).of(pl.Series(values, dtype=pl.Binary)).to_list() == one_by_one(values, size, key)


@pytest.mark.parametrize("key", [b"", b"k", b"0123456789abcdef" * 4])
@pytest.mark.parametrize("count", range(1, 10))
def test_lanes_that_end_at_different_times(count: int, key: bytes) -> None:
    for length in EDGES:
        values = [bytes([n]) * (length * (n % 3)) for n in range(count)]
        assert Blake2b(16, key).column(Packed.of(values)).to_list() == one_by_one(values, 16, key)


def test_bytes_of_neighbours_do_not_count() -> None:
    buffer = np.arange(2000, dtype=np.int64).astype(np.uint8)
    begins, ends = np.array([3, 700, 10, 500, 90]), np.array([300, 700, 9, 633, 91])  # overlapping, empty, missing
    found = Blake2b(32).column(Packed(buffer, begins, ends)).to_list()
    assert found == one_by_one([buffer[b:e].tobytes() for b, e in zip(begins, ends, strict=True)], 32, b"")


def test_a_missing_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 values"):
        Blake2b(16).of(pl.Series(["a", None]))


@pytest.mark.parametrize(("size", "key"), [(0, b""), (65, b""), (16, b"x" * 65)])
def test_sizes_that_cannot_be(size: int, key: bytes) -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        Blake2b(size, key)


def test_order_numbers_in_pieces() -> None:
    numbers = pl.concat([pl.Series(["", "EXAMPLE-1", "订单-" * 40]), pl.Series(["x" * 200])], rechunk=False)[1:]
    wanted = [int.from_bytes(d[:8], "big", signed=True) for d in one_by_one([n.encode() for n in numbers], 16, b"")]
    assert order_hashes(numbers).to_list() == wanted

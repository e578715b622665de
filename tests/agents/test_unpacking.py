"""What is unpacked: all that producers send, in no more memory than there is room for."""

import gzip
import subprocess
import sys

import cramjam
import numpy as np
import pytest
from aiokafka import codec
from hypothesis import given
from hypothesis import strategies as st

from agents.unpacking import NotUnpacked, unpacked

PACK = {1: codec.gzip_encode, 2: codec.snappy_encode, 3: codec.lz4_encode, 4: codec.zstd_encode}
BLOCK = 32 << 10  # of snappy, in which Java's producers and aiokafka's cut what they send
BOMBED = """
import os, sys
from agents.unpacking import NotUnpacked, unpacked
from ops.measure import Meter
number, packed = int(sys.argv[1]), memoryview(sys.stdin.buffer.read())
unpacked(number, memoryview(bytes.fromhex(sys.argv[2])), 1 << 20)
meter = Meter(lambda: {"here": [os.getpid()]})
meter.begin()
before = meter.peak_mb()["here"]
try:
    unpacked(number, packed, 1 << 20)
except NotUnpacked:
    meter.cpu_seconds()  # which looks at the memory too
    print(meter.peak_mb()["here"] - before)
"""


@pytest.mark.parametrize("number", PACK)
@given(data=st.binary(max_size=500), times=st.sampled_from([1, 3, 400]))
def test_it_gives_back_what_was_packed(number: int, data: bytes, times: int) -> None:
    plain = data * times
    packed = memoryview(PACK[number](plain))
    assert unpacked(number, packed, len(plain)).tobytes() == plain
    assert unpacked(number, packed, len(plain) + 1).tobytes() == plain
    if plain:
        with pytest.raises(NotUnpacked, match=f"to {len(plain) - 1} bytes or less"):
            unpacked(number, packed, len(plain) - 1)


@pytest.mark.parametrize("number", PACK)
@given(data=st.binary(max_size=60))
def test_other_bytes_are_said_to_be_none_of_it(number: int, data: bytes) -> None:
    """Or are read as some, by whom they were made or not."""
    try:
        found = unpacked(number, memoryview(data), 1000)
    except NotUnpacked as e:
        assert "does not unpack" in str(e)
    else:
        assert len(found) <= 1000


@pytest.mark.parametrize("number", PACK)
def test_what_is_cut_short_is_none_of_it(number: int) -> None:
    packed = PACK[number](bytes(range(256)) * 300)
    for end in (len(packed) - 1, len(packed) // 2, 20):
        with pytest.raises(NotUnpacked):
            unpacked(number, memoryview(packed)[:end], 1 << 20)


def test_snappy_comes_in_blocks_or_as_one() -> None:
    plain = np.random.default_rng(1).bytes(3 * BLOCK + 5)
    assert unpacked(2, memoryview(codec.snappy_encode(plain)), len(plain)).tobytes() == plain
    assert unpacked(2, memoryview(bytes(cramjam.snappy.compress_raw(plain))), len(plain)).tobytes() == plain


@pytest.mark.parametrize("length", [-5, -4, -1, 1 << 30])
def test_a_snappy_block_of_an_impossible_length(length: int) -> None:
    begin = codec.snappy_encode(b"text")[:16]
    with pytest.raises(NotUnpacked):
        unpacked(2, memoryview(begin + length.to_bytes(4, "big", signed=True) + b"abcd" * 9), 1000)


def test_gzip_in_several_members() -> None:
    assert unpacked(1, memoryview(gzip.compress(b"a") + gzip.compress(b"b")), 2).tobytes() == b"ab"


def test_a_codec_nobody_knows() -> None:
    with pytest.raises(NotUnpacked, match="codec 7 is not known"):
        unpacked(7, memoryview(b"abc"), 3)


@pytest.mark.parametrize("number", PACK)
def test_a_bomb_takes_no_memory(number: int) -> None:
    """In a process of its own, whose most is known: of 64 MiB no more than the room is ever written."""
    bomb, first = bytes(PACK[number](bytes(64 << 20))), bytes(PACK[number](b"first"))
    done = subprocess.run([sys.executable, "-c", BOMBED, str(number), first.hex()], input=bomb, capture_output=True, check=True)
    assert float(done.stdout) < 16

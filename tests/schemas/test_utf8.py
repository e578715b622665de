"""Bytes are taken for text exactly where Python reads them as UTF-8 and none of them is U+0000."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.utf8 import is_text

# one byte more or less of each bound, behind and before what is done eight or six bytes a step
EDGES = [
    b"\0", b"\x7f", b"\x80", b"\xc1\xbf", b"\xc2\x80", b"\xdf\xbf", b"\xe0\x9f\xbf", b"\xe0\xa0\x80", b"\xe1\x80\x80",
    b"\xed\x9f\xbf", b"\xed\xa0\x80", b"\xef\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf",
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff", b"\xe4\xb8", b"\xf0\x90\x80", b"\xc2", b"\xe4\x41\x80",
]  # fmt: skip
PARTS = st.one_of(st.sampled_from(EDGES), st.text(max_size=9).map(str.encode), st.sampled_from(["abcdefghi", "报关单"]).map(str.encode))


def says_python(text: bytes) -> bool:
    try:
        return "\0" not in text.decode()
    except UnicodeDecodeError:
        return False


def check(text: bytes) -> None:
    for behind in (b"", b"\x80" * 9, "单".encode()):  # what follows in the buffer is no part of it
        buffer = np.frombuffer(b"\xe4" + text + behind, np.uint8)
        assert is_text(buffer, 1, 1 + len(text)) == says_python(text)


@pytest.mark.parametrize("edge", EDGES)
def test_each_bound_wherever_it_stands(edge: bytes) -> None:
    for before in range(10):
        for after in range(10):
            check(b"a" * before + edge + b"b" * after)
            check("关".encode() * before + edge + "单".encode() * after)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(PARTS, max_size=6).map(b"".join))
def test_any_bytes(text: bytes) -> None:
    check(text)

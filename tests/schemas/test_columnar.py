"""The fast decoder agrees with the plain one, record by record, whatever stands beside a record."""

import os
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.generate import generate, profile
from loadtest.generate.wire import encode
from schemas.codec import MAX_VALUE
from schemas.columnar import Decoded, decode_columns
from schemas.container import Unreadable, read_block, zigzag
from schemas.contracts import avro
from tests.schemas.wire import KINDS, batches, calm, reference

CALM = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def shown(decoded: Decoded, count: int) -> list[str | dict[str, Any]]:
    """What became of each of `count` values, as tests.schemas.wire.reference shows it."""
    became: dict[int, str | dict[str, Any]] = {row: code for row, code, _ in decoded.undecodable}
    assert len(became) == len(decoded.undecodable)
    lines: dict[int, list[dict[str, Any]]] = {}
    for line in decoded.lines.iter_rows(named=True):
        mine = lines.setdefault(line.pop("row"), [])
        mine.append(line)
        assert line.pop("position") == len(mine)
    for record in decoded.frame.iter_rows(named=True):
        row = record.pop("row")
        assert row not in became
        became[row] = record | ({"orderList": lines.pop(row, [])} if "goodsValue_e5" in record else {})
    assert lines == {}
    assert sorted(became) == list(range(count))
    return [became[row] for row in range(count)]


def check(kind: str, values: list[bytes]) -> Decoded:
    decoded = decode_columns(kind, values)
    for value, mine in zip(values, shown(decoded, len(values)), strict=True):
        assert mine == reference(kind, value)
    return decoded


@pytest.mark.parametrize("kind", KINDS)
def test_both_decoders_agree(kind: str) -> None:
    @CALM
    @given(batches(kind))
    def agree(values: list[bytes]) -> None:
        check(kind, values)

    agree()


@pytest.fixture(scope="module")
def sample() -> dict[str, list[bytes]]:
    """Sixty good values of each kind."""
    part = next(generate(profile("clean-mix"), 200, 11, processes=1))
    found: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    for d in part.documents:
        if isinstance(reference(d.kind, d.value), dict):
            found[d.kind].append(d.value)
    return {kind: values[:60] for kind, values in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_batch_decodes_at_once(kind: str, sample: dict[str, list[bytes]]) -> None:
    decoded = check(kind, sample[kind])
    assert (len(decoded.frame), decoded.bisections, decoded.panics, decoded.undecodable) == (60, 0, 0, [])
    assert decoded.slow_records <= 1  # an older version that stands alone


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_record_does_not_swallow_its_neighbour(kind: str, sample: dict[str, list[bytes]]) -> None:
    good = sample[kind]
    payload = good[1][5:]
    for length in range(len(payload), len(payload) + 24):  # the guard between them is up to ten bytes
        forged = good[0][:-1] + zigzag(length)
        decoded = check(kind, [good[2], forged, good[1], *good[3:20]])
        assert [row for row, _, _ in decoded.undecodable] == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_two_records_in_one_value_are_none(kind: str, sample: dict[str, list[bytes]]) -> None:
    good = sample[kind]
    decoded = check(kind, [good[0], good[1] + good[2][5:], *good[3:20]])
    assert [(row, code) for row, code, _ in decoded.undecodable] == [(1, "DL-01")]


def test_an_int_beyond_32_bits_is_no_document() -> None:
    fields = avro("waybill-2")["fields"]
    good = encode("waybill-2", calm(fields))
    for number in (2**31, -(2**31) - 1, 2**40):
        wide = encode("waybill-2", calm(fields) | {"packNo": number})
        for values in ([wide], [good, wide], [wide, good, good], [*[good] * 20, wide]):
            assert [code for _, code, _ in check("waybill", values).undecodable] == ["DL-01"]
    assert check("waybill", [good]).undecodable == []


def test_a_panic_is_told_and_says_nothing(sample: dict[str, list[bytes]]) -> None:
    good = sample["order"]
    forged = good[0][:-1] + zigzag(10**6)
    with tempfile.TemporaryFile() as heard:
        kept = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            with pytest.raises(Unreadable) as unreadable:
                read_block("order-2", [v[5:] for v in (good[1], forged, good[2])])
            os.write(2, b"still there")
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        heard.seek(0)
        assert heard.read() == b"still there"
    assert unreadable.value.panicked


def test_a_value_larger_than_a_document_is_none() -> None:
    assert check("order", [b"\0\0\0\0\x66" + bytes(MAX_VALUE)]).undecodable[0][1] == "DL-01"


@CALM
@given(st.sampled_from(KINDS), st.binary(max_size=40))
def test_noise_is_never_a_document(kind: str, noise: bytes) -> None:
    assert [code for _, code, _ in check(kind, [noise]).undecodable] in (["DL-01"], ["DL-02"])

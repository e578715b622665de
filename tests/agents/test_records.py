"""Records as columns: what aiokafka would make of the same bytes, record by record."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import fetched_batches
from agents.fetched_batches import AS_COLUMNS, MOST_UNPACKED, PartitionRecords, Unreadable
from agents.records import Record, Records, copied, together
from schemas.kafka_headers import Records as Fetch

TP = TopicPartition("order", 3)
PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = {GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}
LOG_APPEND_TIME, CONTROL, TRANSACTIONAL = 0x08, 0x20, 0x10
ABORT = b"\0\0\0\0"  # version, type: the key of a marker
some_bytes = st.none() | st.binary(max_size=300)
headers = st.lists(st.tuples(st.text(max_size=5), some_bytes), max_size=3)
records = st.lists(st.tuples(st.integers(0, 1 << 50), some_bytes, some_bytes, headers), min_size=1, max_size=12)


def batch(held: list[Any], first: int = 0, compression: int = PLAIN, producer: int = -1, attributes: int = 0) -> bytes:
    """A Kafka batch of (time, key, value, headers); `attributes`: set besides those of the builder."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, bool(attributes & TRANSACTIONAL), producer, 0, 0, 1 << 24)
    for n, (timestamp, key, value, h) in enumerate(held):
        builder.append(n, timestamp, key, value, list(h))
    built = bytearray(builder.build())
    built[22] |= attributes & ~TRANSACTIONAL
    built[:8] = first.to_bytes(8, "big")
    return bytes(built)


def fetched(data: bytes, key: Any, aborted: Any = (), offset: int = 0) -> list[Any]:
    kind: Any = PartitionRecords if key else fetcher.PartitionRecords
    return list(kind(TP, Fetch(data), aborted, offset, key, None, False, READ_COMMITTED))


def as_aiokafka_reads(data: bytes, **how: Any) -> list[Record]:
    return [
        Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, list(r.headers))
        for r in fetched(data, None, **how)
    ]


def as_we_read(data: bytes, **how: Any) -> list[Record]:
    return list(together(fetched(data, AS_COLUMNS, **how)))


@pytest.mark.parametrize("attributes", [0, LOG_APPEND_TIME])
@pytest.mark.parametrize("compression", [PLAIN, *CODECS])
def test_a_fetch_reads_as_aiokafka_reads_it(compression: int, attributes: int) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.lists(records, min_size=1, max_size=4))
    def same(batches: list[Any]) -> None:
        data, first = b"", 7
        for held in batches:
            data += batch(held, first, compression, attributes=attributes)
            first += len(held) + 2  # a gap, as markers leave
        assert as_we_read(data) == as_aiokafka_reads(data)

    same()


def test_aborted_transactions_and_markers_are_left_out() -> None:
    def of(text: bytes) -> list[Any]:
        return [(1, b"k", text, ()), (2, b"k", text, ())]

    marker = batch([(3, ABORT, b"\0\0\0\0\0\0", ())], 4, producer=9, attributes=CONTROL | TRANSACTIONAL)
    data = batch(of(b"kept"), 0) + batch(of(b"aborted"), 2, producer=9, attributes=TRANSACTIONAL) + marker
    data += batch(of(b"committed"), 5, producer=9, attributes=TRANSACTIONAL)
    found = as_we_read(data, aborted=[(9, 2)])
    assert found == as_aiokafka_reads(data, aborted=[(9, 2)])
    assert [r.offset for r in found] == [0, 1, 5, 6]


def test_a_batch_that_was_read_before_is_left_out_and_one_begun_comes_whole() -> None:
    """The buffer drops what of it was read before."""
    data = batch([(1, None, b"a", ())] * 2, 0) + batch([(1, None, b"b", ())] * 2, 2)
    assert [r.offset for r in as_we_read(data, offset=3)] == [2, 3]


def all_fetched(data: bytes) -> tuple[list[list[int]], str]:
    """Offsets that fetch after fetch brings, each from where the one before ended; and why the last one brought none."""
    brought: list[list[int]] = []
    begins, at = [], 0
    while at < len(data):
        begins.append((int.from_bytes(data[at : at + 8], "big"), at))
        at += 12 + int.from_bytes(data[at + 8 : at + 12], "big")
    offset = 0
    while rest := [at for first, at in begins if first >= offset]:
        found = fetched(data[rest[0] :], AS_COLUMNS, offset=offset)
        if isinstance(found[0], Unreadable):
            return brought, str(found[0])
        brought.append([r.offset for r in together(found)])
        offset = brought[-1][-1] + 1
    return brought, ""


@pytest.mark.parametrize("codec", [*CODECS, 7])
def test_a_batch_that_is_none_of_its_codec(codec: int) -> None:
    """What is before it comes with a fetch of its own."""
    held = [(1, b"k", b"v", ())] * 2
    data = batch(held, 0) + batch(held, 2, ZSTD) + batch(held, 4, attributes=codec) + batch(held, 6)
    brought, why = all_fetched(data)
    assert brought == [[0, 1, 2, 3]]
    says = f"{CODECS[codec]} does not unpack to {MOST_UNPACKED} bytes or less" if codec in CODECS else "codec 7 is not known"
    assert why.startswith(f"the batch at offset 4 to 5: {says}")


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_may_unpack_to_so_much_and_no_more(codec: int, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [(1, b"k", bytes(1000), ())] * 2
    size = len(batch(held)) - 61
    data = batch(held, 0, codec) + batch(held, 2, codec)
    monkeypatch.setattr(fetched_batches, "MOST_UNPACKED", size)
    assert all_fetched(data) == ([[0, 1], [2, 3]], "")  # together they are too much for one fetch
    monkeypatch.setattr(fetched_batches, "MOST_UNPACKED", size - 1)
    brought, why = all_fetched(data)
    assert brought == []
    assert why.startswith(f"the batch at offset 0 to 1: {CODECS[codec]} does not unpack to {size - 1} bytes or less")
    assert all_fetched(batch(held)) == ([[0, 1]], "")  # a broker bounds what is not compressed


def test_what_was_aborted_is_not_unpacked() -> None:
    held = [(1, b"k", b"v", ())]
    data = batch(held, 0, producer=9, attributes=TRANSACTIONAL | LZ4) + batch(held, 1)
    assert [r.offset for r in together(fetched(data, AS_COLUMNS, aborted=[(9, 0)]))] == [1]


def test_only_who_asks_gets_columns() -> None:
    data = batch([(1, b"k", b"v", ())])
    assert PartitionRecords(TP, Fetch(data), (), 0, None, None, False, READ_COMMITTED).__next__().value == b"v"


@given(records, st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_damaged_bytes_are_refused_or_read_within_themselves(held: list[Any], data: st.DataObject) -> None:
    body = bytearray(batch(held)[61:])
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = Records.of_batch(*TP, 0, len(held), (0, -1), np.frombuffer(bytes(body), np.uint8), 0, len(body))
    except CorruptRecordException:
        return
    assert len(list(found)) == len(held)
    for begin, end in (("key", "key_end"), ("value", "value_end"), ("headers", "end")):
        assert ((found.rows[begin] >= 0) & (found.rows[end] <= len(body)) & (found.rows[end] >= found.rows[begin] - 1)).all()


@given(records, st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_batch_that_is_cut_short_or_holds_more_is_refused(held: list[Any], data: st.DataObject) -> None:
    body = batch(held)[61:]
    short = body[: data.draw(st.integers(0, len(body) - 1))]
    for wrong, count in ((short, len(held)), (body + b"\0", len(held)), (body, len(held) + 1), (body, len(held) - 1)):
        with pytest.raises(CorruptRecordException):
            Records.of_batch(*TP, 0, count, (0, -1), np.frombuffer(wrong + body, np.uint8), 0, len(wrong))


@given(st.lists(st.lists(st.tuples(some_bytes, some_bytes, headers), max_size=5), max_size=5), st.data())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_parts_and_slices_hold_what_went_in(parts: list[Any], data: st.DataObject) -> None:
    given_: list[Record] = []
    made: list[Records] = []
    for part in parts:
        held = [Record("t", n, len(given_) + n, n * n, key, value, list(h)) for n, (key, value, h) in enumerate(part)]
        cut = data.draw(st.integers(0, len(held)))
        made += [Records.of(held)[:cut], Records.of(held)[cut:]]
        given_ += held
    joined = together(made)
    assert list(joined) == given_
    assert [joined.values[n] for n in range(len(joined))] == [r.value or b"" for r in given_]
    assert joined.keys.binary().to_list() == [r.key for r in given_]


def test_one_fetch_is_not_copied_and_what_is_taken_of_it_holds_nothing_else() -> None:
    data = b"".join(batch([(1, b"k", b"v" * 50, ())] * 4, first) for first in (0, 4))
    whole = together(fetched(data, AS_COLUMNS))
    assert (len(whole), len(whole.buffer), whole.size) == (8, len(data), int(whole.rows["end"][-1] - whole.rows["key"][0]))
    part = copied([whole[3:5]])
    assert list(part) == list(whole)[3:5]
    assert len(part.buffer) == whole[3:5].size < len(data) / 2


def test_records_that_came_one_by_one() -> None:
    one = SimpleNamespace(topic="t", partition=1, offset=5, timestamp=6, key=None, value=b"", headers=(("a", None),))
    assert list(Records.of([one])) == [Record("t", 1, 5, 6, None, b"", [("a", None)])]
    assert list(Records.of([])) == []

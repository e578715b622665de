"""Batches written from outbox blobs are byte for byte those of aiokafka's own builder, and it sends and reads them so."""

import struct
from collections.abc import Sequence
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.messages import unpack
from sinks.record_batches import HEADER, RecordBatch, record_batches

TIME, PRODUCER = 1_764_000_000_000, (4711, 3, 1 << 20)
PLACE = TopicPartition("release", 3)
LIMIT = 400
Message = tuple[int, bytes, bytes]
some_bytes = st.binary(max_size=80) | st.integers(0, 3 * LIMIT).map(lambda n: b"x" * n)
messages = st.lists(st.tuples(st.sampled_from([0, 4, 5, 255]), some_bytes, some_bytes), max_size=40)


def blob(held: Sequence[Message]) -> bytes:
    return b"".join(struct.pack(">BI", t, len(k)) + k + struct.pack(">I", len(v)) + v for t, k, v in held)


def ours(blobs: Sequence[bytes], limit: int) -> dict[int, list[RecordBatch]]:
    found: dict[int, list[RecordBatch]] = {}
    for topic, batch in record_batches(blobs, limit, TIME):
        found.setdefault(topic, []).append(batch)
    return found


def aiokafkas(held: Sequence[Message], limit: int) -> dict[int, list[BatchBuilder]]:
    """As the relay had them built: a batch that takes no more is followed by another."""
    found: dict[int, list[BatchBuilder]] = {}
    for topic, key, value in held:
        batches = found.setdefault(topic, [])
        if not batches or batches[-1].append(timestamp=TIME, key=key, value=value) is None:
            batches.append(BatchBuilder(limit, 0, is_transactional=True))
            batches[-1].append(timestamp=TIME, key=key, value=value)
    return found


def sent(builder: Any) -> bytes:
    builder._set_producer_state(*PRODUCER)
    return bytes(builder._build())


def all_sent(found: dict[int, list[Any]]) -> dict[int, list[bytes]]:
    return {topic: [sent(batch) for batch in batches] for topic, batches in found.items()}


def read(data: bytes) -> list[tuple[bytes | None, bytes | None]]:
    batch: Any = MemoryRecords(data).next_batch()
    assert batch.validate_crc()
    return [(r.key, r.value) for r in batch]


@settings(max_examples=200, deadline=None)
@given(st.lists(messages, max_size=4), st.sampled_from([0, HEADER + 20, LIMIT, 1 << 19]))
def test_the_bytes_of_aiokafkas_own_batches(rows: list[list[Message]], limit: int) -> None:
    held = [message for row in rows for message in row]
    found = ours([blob(row) for row in rows], limit)
    sizes = {topic: [(b.record_count(), b.size()) for b in batches] for topic, batches in found.items()}
    expected = aiokafkas(held, limit)
    assert sizes == {topic: [(b.record_count(), b.size()) for b in batches] for topic, batches in expected.items()}
    batches = all_sent(found)
    assert batches == all_sent(expected)
    back = {topic: [message for data in datas for message in read(data)] for topic, datas in batches.items()}
    assert back == {topic: [(k, v) for t, k, v in held if t == topic] for topic in {t for t, _, _ in held}}


@pytest.mark.parametrize("sizes", [[9, 10] * 9000, [0] * 20_000, [5, 1 << 21, 5], [1 << 20, 1 << 20]], ids=["many", "empty", "large", "larges"])
def test_many_and_large_ones(sizes: list[int]) -> None:
    """Numbers of three bytes and more; a value that is longer than a batch goes alone."""
    held = [(4, b"", b"v" * size) for size in sizes]
    found = all_sent(ours([blob(held)], 1 << 19))
    assert found == all_sent(aiokafkas(held, 1 << 19))
    assert [m for data in found[4] for m in read(data)] == [(k, v) for _, k, v in held]


@settings(max_examples=50, deadline=None)
@given(messages.filter(bool), st.data())
def test_a_blob_that_ends_inside_a_message(held: list[Message], data: st.DataObject) -> None:
    whole = blob(held)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = {0, *accumulate(len(blob([message])) for message in held)}
    if cut in ends:
        assert sum(b.record_count() for _, b in record_batches([whole[:cut]], LIMIT, TIME)) == len(list(unpack(whole[:cut])))
    else:
        with pytest.raises(ValueError, match="ends inside a message"):
            list(record_batches([whole, whole[:cut]], LIMIT, TIME))


@pytest.mark.parametrize("lie", [b"\4\xff\xff\xff\xff" + b"k" * 40, b"\4\0\0\0\1k\xff\xff\xff\xff" + b"v" * 40], ids=["key", "value"])
def test_a_length_beyond_the_blob(lie: bytes) -> None:
    with pytest.raises(ValueError, match="ends inside a message"):
        list(record_batches([lie], LIMIT, TIME))


async def drained(builders: Sequence[Any]) -> list[bytes]:
    """What aiokafka's sender takes of these batches of one partition, the first of them tried twice."""
    manager = TransactionManager("id", 1000)
    manager.set_pid_and_epoch(*PRODUCER[:2])
    manager.begin_transaction()
    cluster = SimpleNamespace(leader_for_partition=lambda _: 0)
    accumulator = MessageAccumulator(cluster, LIMIT, 0, 30.0, txn_manager=manager)
    found: list[bytes] = []
    for n, builder in enumerate(builders):
        future = await accumulator.add_batch(builder, PLACE, 1.0)
        batch: MessageBatch = accumulator.drain_by_nodes(set())[0][0][PLACE]
        found.append(bytes(batch.get_data_buffer()))
        if n == 0:
            accumulator.reenqueue(batch)
            batch = accumulator.drain_by_nodes(set())[0][0][PLACE]
            found.append(bytes(batch.get_data_buffer()))
        batch.done(7)
        assert (await future).offset == 7
    await accumulator.flush_for_commit()
    return found


async def test_aiokafka_sends_them_as_its_own() -> None:
    """Same producer, same sequence from batch to batch, and the same bytes again when it tries again."""
    held = [(4, b"key", b"v" * n) for n in range(60)]
    found = await drained(ours([blob(held)], LIMIT)[4])
    assert found == await drained(aiokafkas(held, LIMIT)[4])
    assert found[0] == found[1]
    assert len(found) > 5
    sequences = [struct.unpack_from(">i", data, HEADER - 8)[0] for data in found[1:]]
    counts = [struct.unpack_from(">i", data, HEADER - 4)[0] for data in found[1:]]
    assert sequences == [0, *accumulate(counts[:-1])]

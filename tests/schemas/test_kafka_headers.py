"""Header names that are no text: read all the same, and every other record exactly as aiokafka reads it."""

from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from schemas.kafka_headers import Records

GZIP = 1


class Odd(str):
    """A name whose bytes are no UTF-8."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"a\xff\xfe"


def batch(names: list[str], first: int, compression: int = 0) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, compression, False, -1, -1, -1, 1 << 20)
    for n, name in enumerate(names):
        builder.append(n, 1_000 + n, b"k%d" % n, None if n == 1 else b"v" * n, [(name, b"x"), ("empty", None)])
    built = bytearray(builder.build())
    built[:8] = first.to_bytes(8, "big")  # not under the checksum
    return bytes(built)


def read(records: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    while records.has_next():
        one = records.next_batch()
        assert one.validate_crc()
        assert not one.is_control_batch
        found += [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in one]
        assert one.next_offset == found[-1][0] + 1
    return found


@pytest.mark.parametrize("compression", [0, GZIP])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_name_that_is_no_text(place: int, compression: int) -> None:
    names = ["one", "zw\u00f6lf", "three"]
    data = batch(names, 0) + batch([*names[:place], Odd("?"), *names[place + 1 :]], 3, compression) + batch(names, 6)
    with pytest.raises(UnicodeDecodeError):
        read(MemoryRecords(data))
    right = read(MemoryRecords(batch(names, 0) + batch(names, 3, compression) + batch(names, 6)))
    offset, timestamp, key, value, headers = right[3 + place]
    right[3 + place] = offset, timestamp, key, value, (("a\\xff\\xfe", b"x"), *headers[1:])
    records = Records(data)
    assert records.size_in_bytes() == len(data)
    assert read(records) == right

"""Header names that are not UTF-8: a broker takes them, and aiokafka raises on each fetch of such a record, for ever.

`tolerate` makes its consumers of this process read them with what is no text as `\\xff`; all else stays as it is.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy  # pyright: ignore[reportPrivateUsage]
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy  # pyright: ignore[reportPrivateUsage]


class _Bytes(bytearray):
    """Whose slices decode, whatever they hold."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Bytes(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "") -> str:
        return super().decode(encoding, "backslashreplace")


class _Batch:
    """A batch as aiokafka's compiled code reads it; what that stumbles over is read in Python."""

    def __init__(self, fast: Any, data: bytes, number: int) -> None:
        self._fast, self._data, self._number = fast, data, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        last = -1
        try:
            for record in self._fast:
                yield record
                last = record.offset
        except UnicodeDecodeError:
            yield from (record for record in self._again() if record.offset > last)

    def _again(self) -> Iterator[Any]:
        """By aiokafka's Python code, over bytes that decode."""
        batches = _MemoryRecordsPy(self._data)
        for _ in range(self._number):
            batches.next_batch()
        plain: Any = _DefaultRecordBatchPy(batches._next_slice or b"")  # pyright: ignore[reportPrivateUsage]
        plain._maybe_uncompress()
        plain._buffer = _Bytes(plain._buffer)
        return iter(plain)


class Records:
    """The batches of one fetch of one partition, and the bytes they are read from."""

    def __init__(self, data: bytes) -> None:
        self._fast: Any = MemoryRecords(data)
        self.data, self._number = data, -1

    def size_in_bytes(self) -> int:
        return self._fast.size_in_bytes()

    def has_next(self) -> bool:
        return self._fast.has_next()

    def next_batch(self) -> _Batch:
        self._number += 1
        return _Batch(self._fast.next_batch(), self.data, self._number)


def tolerate() -> None:
    """For all consumers of this process; once is enough."""
    fetcher.MemoryRecords = Records  # pyright: ignore

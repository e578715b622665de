"""Many documents of one schema read at once, field by field: what takes a step in Python does so for all of them.

Only what is usual is read here: lengths of one or two bytes, arrays in one block, of unions the null or the record, each number in bounds, no U+0000 in a
text, the value used up exactly. A document that departs from that in any way is not read, which proves nothing: it is
read alone, in full.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.int64]
Flags = NDArray[np.bool_]
BEYOND = 16  # zero bytes after the last value: a number may be looked for behind its end
INT_END = 1 << 31
LONGEST_NUMBER = 9  # bytes of seven bits: what is longer may not fit
LONGEST_AMOUNT = 7  # bytes
MOST_ITEMS = 6  # the few documents with more are cheaper read alone


@dataclass(frozen=True, slots=True)
class Usual:
    """Bytes fields are decimals with five digits, given as `<field>_e5`: at most `bound`, not negative but for those
    `signed`, and too fine for money unless divisible by `fine`. Longs are times before `time_end`."""

    signed: Collection[str]
    bound: int
    fine: int
    time_end: int


def read_many(
    schema: Mapping[str, Any], values: Sequence[bytes], start: int, added: Mapping[str, Any], usual: Usual
) -> list[dict[str, Any] | None]:
    """The document of each value, None where something is unusual.

    `schema`: a record without logical types; `start`: of the payload in each value; `added`: further fields. Each document
    has `amount_out` and `amount_fine` too, of all its amounts together.
    """
    ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
    walk = _Walk(_Bytes(b"".join(values)), np.concatenate((np.zeros(1, np.int64), ends[:-1])) + start, ends, usual)
    columns = walk.record(schema["fields"])
    right = (walk.right & (walk.at == ends)).tolist()
    columns |= {name: [value] * len(values) for name, value in added.items()}
    columns |= {"amount_out": [False] * len(values), "amount_fine": walk.too_fine.tolist()}
    return [document if is_right else None for document, is_right in zip(_rows(columns), right, strict=True)]


class _Bytes:
    """All values in a row."""

    def __init__(self, data: bytes) -> None:
        self.data, self.latin = data, data.decode("latin-1")
        self.bytes = np.frombuffer(data + bytes(BEYOND), np.uint8)

    def at(self, places: Vector) -> Vector:
        return self.bytes[places].astype(np.int64)

    def texts(self, starts: list[int], ends: list[int]) -> tuple[list[str], str]:
        """The texts between these places, with U+FFFD where one is no UTF-8; and all of them in a row."""
        if starts and self.data[starts[0] : ends[0]].isascii():  # then most likely all of this field are
            latin = self.latin
            texts = [latin[a:b] for a, b in zip(starts, ends, strict=True)]
            if (together := "".join(texts)).isascii():
                return texts, together
        data = self.data
        try:
            texts = [data[a:b].decode() for a, b in zip(starts, ends, strict=True)]
        except UnicodeDecodeError:
            texts = [data[a:b].decode(errors="replace") for a, b in zip(starts, ends, strict=True)]
        return texts, "".join(texts)


class _Walk:
    """Through records that stand at `at`, none beyond its `ends`; what is not `right` any more is walked on anyhow."""

    def __init__(self, source: _Bytes, at: Vector, ends: Vector, usual: Usual) -> None:
        self.source, self.at, self.ends, self.usual = source, np.minimum(at, ends), ends, usual
        self.right: Flags = at <= ends
        self.too_fine: Flags = np.zeros(len(at), np.bool_)

    def record(self, fields: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        """The values of each field, in the order of the records."""
        columns: dict[str, list[Any]] = {}
        for field in fields:
            name, kind = field["name"], field["type"]
            match kind if isinstance(kind, str | list) or kind["type"] == "array" else kind["type"]:
                case "string":
                    columns[name] = self._texts()
                case "bytes":
                    columns[name + "_e5"] = self._amounts(name in self.usual.signed)
                case "int":
                    columns[name] = self._numbers(-INT_END, INT_END)
                case "long":
                    columns[name] = self._numbers(0, self.usual.time_end)
                case ["null", dict() as record]:  # pyright: ignore[reportUnknownVariableType]
                    columns[name] = self._optional(record["fields"])
                case dict() as array:  # pyright: ignore[reportUnknownVariableType]
                    columns[name] = self._items(array["items"]["fields"])
                case other:
                    raise TypeError(f"nothing reads many {other}")
        return columns

    def _texts(self) -> list[str]:
        starts, ends = self._lengthy()
        texts, together = self.source.texts(starts.tolist(), ends.tolist())
        if "\0" in together or "\ufffd" in together:
            self.right &= [not ("\0" in text or "\ufffd" in text) for text in texts]
        return texts

    def _amounts(self, signed: bool) -> list[int]:
        starts, ends = self._lengthy()
        length = ends - starts
        self.right &= length <= LONGEST_AMOUNT
        units = np.where((length > 0) & (self.source.at(starts) > 127), -1, 0)
        for n in range(min(LONGEST_AMOUNT, int(length.max(initial=0)))):
            inside = n < length
            units = np.where(inside, units << 8 | self.source.at(np.where(inside, starts + n, 0)), units)
        self.right &= ((-self.usual.bound if signed else 0) <= units) & (units <= self.usual.bound)
        if not signed:
            self.too_fine |= units % self.usual.fine != 0
        return units.tolist()

    def _items(self, fields: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
        count = self._numbers_at()
        self.right &= (count >= 0) & (count <= MOST_ITEMS)
        items: list[list[dict[str, Any]]] = [[] for _ in self.at]
        for n in range(int(np.where(self.right, count, 0).max(initial=0))):
            for owner, item in self._records(self.right & (count > n), fields):
                items[owner].append(item)
        some = self.right & (count > 0)  # a further block, or the end of the array
        self.right &= ~some | ((self.source.at(self.at) == 0) & (self.at < self.ends))
        self._go_to(self.at + some)
        return items

    def _optional(self, fields: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """The record where there is one."""
        branch = self._numbers_at()
        self.right &= (branch == 0) | (branch == 1)
        found: list[dict[str, Any] | None] = [None] * len(self.at)
        for owner, record in self._records(self.right & (branch == 1), fields):
            found[owner] = record
        return found

    def _records(self, having: Flags, fields: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Of those that have one next: whose it is, and the record."""
        owners = np.flatnonzero(having)
        walk = _Walk(self.source, self.at[owners], self.ends[owners], self.usual)
        yield from zip(owners.tolist(), _rows(walk.record(fields)), strict=True)
        self.at[owners], self.right[owners] = walk.at, walk.right
        self.too_fine[owners] |= walk.too_fine

    def _numbers(self, least: int, end: int) -> list[int]:
        numbers = self._numbers_at()
        self.right &= (least <= numbers) & (numbers < end)
        return numbers.tolist()

    def _numbers_at(self) -> Vector:
        """A number of each record: seven bits a byte, the low ones first, zigzag."""
        byte = self.source.at(self.at)
        found, going, at = byte & 127, byte > 127, self.at + 1
        for n in range(1, LONGEST_NUMBER):
            if not going.any():
                break
            byte = self.source.at(at)
            found |= np.where(going, (byte & 127) << 7 * n, 0)
            at = at + going
            going &= byte > 127
        self.right &= ~going
        self._go_to(at)
        return (found >> 1) ^ -(found & 1)

    def _lengthy(self) -> tuple[Vector, Vector]:
        """Where something begins and ends that a length stands before."""
        byte = self.source.at(self.at)
        starts, twice = self.at + 1, byte
        if (long := byte > 127).any():
            second = self.source.at(starts)
            self.right &= ~long | (second < 128)
            twice = np.where(long, byte & 127 | second << 7, byte)
            starts = starts + long
        self.right &= (twice & 1) == 0
        starts = np.minimum(starts, self.ends + 1)
        self._go_to(starts + (twice >> 1))
        return np.minimum(starts, self.at), self.at.copy()

    def _go_to(self, at: Vector) -> None:
        self.right &= at <= self.ends
        self.at = np.minimum(at, self.ends)


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """A dict of each row."""
    return list(map(_row(tuple(columns)), *columns.values()))


@lru_cache
def _row(names: tuple[str, ...]) -> Callable[..., dict[str, Any]]:
    arguments = [f"x{n}" for n in range(len(names))]
    pairs = ", ".join(f"{name!r}: {x}" for name, x in zip(names, arguments, strict=True))
    return eval(f"lambda {', '.join(arguments)}: {{{pairs}}}")

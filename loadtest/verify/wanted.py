"""Writers made for one schema each: the bytes a message has to have, so that one which has them need not be decoded.

A record has other encodings than this one (arrays in several blocks, numbers in more bytes than they need), so bytes that
differ prove nothing: they are decoded and compared field by field.
"""

from collections.abc import Callable, Mapping
from typing import Any

LONGEST_TEXT = 4_000  # bytes
MOST_KEPT = 1 << 16


class Kept(dict[Any, bytes]):
    """Encoded values by value: most messages say the same. What has no place any more is encoded each time."""

    def __init__(self, encoded: Callable[[Any], bytes]) -> None:
        self._encoded = encoded

    def __missing__(self, value: Any) -> bytes:
        found = self._encoded(value)
        if len(self) < MOST_KEPT:
            self[value] = found
        return found


def writer(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bytes]:
    """Encodes records of a schema without logical types; LookupError, TypeError or AttributeError for what is none of it."""
    arrays: dict[str, Any] = {}
    parts = [_source(f"r[{f['name']!r}]", _kind(f["type"]), n, arrays) for n, f in enumerate(schema["fields"])]
    names: dict[str, Any] = {"lengths": LENGTHS, "texts": TEXTS, "numbers": NUMBERS, "flags": (b"\0", b"\1"), **arrays}
    exec(compile(f"def write(r):\n    return b''.join(({', '.join(parts)},))\n", "<a schema>", "exec"), names)
    return names["write"]


def _source(x: str, kind: Any, n: int, arrays: dict[str, Any]) -> str:
    """Expressions, separated by commas, of the bytes of field `n`, whose value is the expression `x`."""
    if isinstance(kind, list):  # of null and something
        return f"b'\\0' if {x} is None else b'\\2' + b''.join(({_source(x, _kind(kind[1]), n, arrays)},))"
    if isinstance(kind, dict):
        arrays[f"items{n}"] = _array(writer(kind["items"]))
        return f"items{n}({x})"
    if kind == "bytes":
        return f"lengths[len(x{n} := {x})], x{n}"
    return f"{'flags' if kind == 'boolean' else 'texts' if kind == 'string' else 'numbers'}[{x}]"


def _kind(kind: Any) -> Any:
    """The name of a plain type, however it is written; a dict for arrays, a list for unions."""
    return kind["type"] if isinstance(kind, dict) and kind["type"] != "array" else kind


def _array(item: Callable[[Mapping[str, Any]], bytes]) -> Callable[[list[Mapping[str, Any]]], bytes]:
    def write(items: list[Mapping[str, Any]]) -> bytes:
        return NUMBERS[len(items)] + b"".join(map(item, items)) + b"\0" if items else b"\0"

    return write


def text(value: str) -> bytes:
    """A text behind its length; LookupError when it is too long."""
    data = value.encode()
    return LENGTHS[len(data)] + data


def number(value: int) -> bytes:
    """An int or long: zigzag, seven bits a byte, the low ones first."""
    left = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    out.append(left)
    return bytes(out)


LENGTHS = [number(n) for n in range(LONGEST_TEXT)]
TEXTS, NUMBERS = Kept(text), Kept(number)

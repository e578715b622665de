"""Readers made for one schema each, for values in which nothing is unusual; fastavro is left to judge all others.

The source of a reader goes field by field through the bytes, which takes half of what fastavro needs. It knows only the
plain shape: lengths and indices without detours, arrays in one block, each number in bounds, no U+0000 in a text, the
value used up exactly. What departs from that in any way is Unusual and proves nothing: whoever asked reads it in full.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

INT_END = 1 << 31
LONGEST_SHIFT = 56  # nine bytes of seven bits: what is longer may not fit into 64


class Unusual(ValueError):
    """Not of the plain shape; it may be right all the same."""


_SLICES = {"string": "v[p:q].decode()", "ascii": "t[p:q]", "bytes": "v[p:q]"}
UNUSUAL = (ValueError, IndexError)  # Unusual, a text that is no UTF-8, bytes that end too early


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual in documents. Bytes fields are decimals with five digits, also given as `<field>_e5`: at most `bound`,
    not negative but for those `signed`, and too fine for money unless divisible by `fine`. Longs are times before
    `time_end`. Texts hold ASCII (which is sliced at half the price) but for those `written` by people."""

    signed: Collection[str]
    bound: int
    fine: int
    time_end: int
    written: Collection[str]


def reader(schema: Mapping[str, Any]) -> Callable[[bytes, int], dict[str, Any]]:
    """Reads a record of a schema without logical types from a value and the start of its payload; UNUSUAL."""
    source = _Source()
    return source.compiled(f"return {source.read(schema)}")


def document_reader(schema: Mapping[str, Any], added: Mapping[str, Any], usual: Usual) -> Callable[[bytes, int], dict[str, Any]]:
    """The same for documents, with `added` fields, and `amount_out` and `amount_fine` of all amounts together."""
    source = _Source(usual)
    further = {name: repr(value) for name, value in added.items()} | {"amount_out": "False", "amount_fine": "fine"}
    return source.compiled(f"return {source.read(schema, further)}", "fine = False", "t = v.decode('latin-1')")


@dataclass
class _Source:
    """Statements that read a record: `v` is the value, `p` the place in it; variables x1, x2, … hold what was read."""

    usual: Usual | None = None
    lines: list[str] = field(default_factory=lambda: list[str]())
    variables: int = 0

    def compiled(self, end: str, *first: str) -> Callable[[bytes, int], dict[str, Any]]:
        body = [*first, *self.lines, "if p != len(v): raise Unusual", end]
        names: dict[str, Any] = {"more": _more, "length": _length, "Unusual": Unusual, "number": int.from_bytes}
        exec(compile("def read(v, p):\n" + "\n".join(f"    {line}" for line in body), "<a schema>", "exec"), names)
        return names["read"]

    def read(self, schema: Mapping[str, Any], further: Mapping[str, str] | None = None, indent: str = "") -> str:
        """Statements for a record; the expression that makes a dict of it. `further`: expressions of more fields."""
        found: dict[str, str] = {}
        written: list[str] = []
        ascii: list[str] = []
        for one in schema["fields"]:
            name, kind = one["name"], kind_of(one["type"])
            plain = kind == "string" and self.usual is not None and name not in self.usual.written
            found[name] = x = self._variable()
            self._read(x, "ascii" if plain else kind, indent)
            if kind == "string":
                (ascii if plain else written).append(x)
            if kind == "bytes" and self.usual is not None:
                found[name + "_e5"] = self._amount(name, x, self.usual, indent)
        if self.usual is not None:
            self._say(indent, f"s = ''.join(({', '.join(ascii)},))", "if '\\0' in s or not s.isascii(): raise Unusual")
            self._say(indent, f"if '\\0' in ''.join(({', '.join(written)},)): raise Unusual")
        return "{" + ", ".join(f"{name!r}: {said}" for name, said in {**(further or {}), **found}.items()) + "}"

    def _read(self, x: str, kind: Any, indent: str) -> None:
        if isinstance(kind, list):
            self._optional(x, kind, indent)
        elif isinstance(kind, dict):
            self._array(x, kind, indent)
        elif kind in _SLICES:
            self._say(indent, "n = v[p]; p += 1", "if n & 129: n, p = length(n, v, p)")
            self._say(indent, f"q = p + (n >> 1); {x} = {_SLICES[kind]}; p = q")
        elif kind in ("int", "long"):
            self._say(indent, "n = v[p]; p += 1", "if n > 127: n, p = more(n, v, p)", f"{x} = (n >> 1) ^ -(n & 1)")
            if kind == "int":
                self._say(indent, f"if not {-INT_END} <= {x} < {INT_END}: raise Unusual")
            elif self.usual is not None:
                self._say(indent, f"if not 0 <= {x} < {self.usual.time_end}: raise Unusual")
        elif kind == "boolean":
            self._say(indent, "n = v[p]; p += 1", "if n > 1: raise Unusual", f"{x} = n == 1")
        else:
            raise TypeError(f"no quick reader of {kind}")

    def _optional(self, x: str, kind: list[Any], indent: str) -> None:
        if len(kind) != 2 or kind[0] != "null":
            raise TypeError(f"no quick reader of {kind}")
        self._say(indent, "n = v[p]; p += 1", f"if n == 0: {x} = None", "elif n != 2: raise Unusual", "else:")
        self._read(x, kind_of(kind[1]), indent + "    ")

    def _array(self, x: str, kind: Mapping[str, Any], indent: str) -> None:
        self._say(indent, f"{x} = []; n = v[p]; p += 1", "if n & 129: raise Unusual", "if n:", "    for _ in range(n >> 1):")
        inner = self.read(kind["items"], None, indent + "        ")
        self._say(indent, f"        {x}.append({inner})", "    if v[p]: raise Unusual", "    p += 1")

    def _amount(self, name: str, variable: str, usual: Usual, indent: str) -> str:
        x, signed = self._variable(), name in usual.signed
        self._say(indent, f"{x} = number({variable}, 'big', signed=True)")
        self._say(indent, f"if not {-usual.bound if signed else 0} <= {x} <= {usual.bound}: raise Unusual")
        if not signed:
            self._say(indent, f"if {x} % {usual.fine}: fine = True")
        return x

    def _variable(self) -> str:
        self.variables += 1
        return f"x{self.variables}"

    def _say(self, indent: str, *statements: str) -> None:
        self.lines += [indent + statement for statement in statements]


def kind_of(kind: Any) -> Any:
    """The name of a plain type, however it is written; a dict for arrays, a list for unions."""
    return kind["type"] if isinstance(kind, dict) and kind["type"] != "array" else kind


def _more(n: int, v: bytes, p: int) -> tuple[int, int]:
    """A number of several bytes whose first is `n`, `p` after it: the number before zigzag, and the place after it."""
    n &= 127
    shift = 7
    while (b := v[p]) > 127:
        n |= (b & 127) << shift
        p += 1
        shift += 7
        if shift > LONGEST_SHIFT:
            raise Unusual
    return n | b << shift, p + 1


def _length(n: int, v: bytes, p: int) -> tuple[int, int]:
    """Twice a length that is not one plain byte, and the place after it."""
    if n > 127:
        n, p = _more(n, v, p)
    if n & 1:
        raise Unusual
    return n, p

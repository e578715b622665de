"""Many records of one output schema at once, from columns: a writer compiled from the schema.

Equal byte for byte to fastavro (a property test holds that) at about a third of its cost.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from schemas.container import zigzag
from schemas.contracts import avro, id_of
from schemas.framing import frame

_SMALL = [zigzag(n) for n in range(4096)]


def encode_records(schema_name: str, columns: dict[str, list[Any]]) -> list[bytes]:
    """Framed records from columns by field name, all of one length.

    Strings as str, ints and longs as int, times as int ms, decimals as unscaled int (10^-5), bytes as bytes, booleans as bool, a union with null as
    value or None, an array of records as a list of tuples in field order.
    """
    names = [f["name"] for f in avro(schema_name)["fields"]]
    return _writer(schema_name)(*(columns[name] for name in names))


def _long(number: int) -> bytes:
    return _SMALL[number] if 0 <= number < 4096 else zigzag(number)


def _bytes(value: bytes) -> bytes:
    return _long(len(value)) + value


def _decimal(unscaled: int) -> bytes:
    length = (unscaled.bit_length() + 8) // 8  # two's complement, one bit for the sign
    return _long(length) + unscaled.to_bytes(length, "big", signed=True)


def _array(items: Iterable[Any], item: Callable[[Any], bytes]) -> bytes:
    encoded = [item(i) for i in items]
    return _long(len(encoded)) + b"".join(encoded) + b"\0" if encoded else b"\0"


@lru_cache
def _writer(schema_name: str) -> Callable[..., list[bytes]]:
    """A function of the columns that returns the framed records; its source is made from the schema."""
    names: dict[str, Any] = {"_long": _long, "_bytes": _bytes, "_decimal": _decimal, "_array": _array, "HEAD": frame(id_of(schema_name), b"")}
    fields = avro(schema_name)["fields"]
    variables = [f"v{n}" for n in range(len(fields))]
    terms = [_term(f["type"], v, names) for f, v in zip(fields, variables, strict=True)]
    arguments = ", ".join(f"c{n}" for n in range(len(fields)))
    source = (
        f"def write({arguments}):\n"
        f"    return [b''.join((HEAD, {', '.join(terms)}))\n"
        f"            for {', '.join(variables)} in zip({arguments}, strict=True)]\n"
    )
    exec(compile(source, f"<writer of {schema_name}>", "exec"), names)
    return names["write"]


def _term(kind: Any, variable: str, names: dict[str, Any]) -> str:
    """Source of an expression that encodes `variable`."""
    if isinstance(kind, dict) and kind["type"] == "array":
        function = f"item{len(names)}"
        fields = kind["items"]["fields"]
        parts = [_term(f["type"], f"t[{n}]", names) for n, f in enumerate(fields)]
        names[function] = eval(f"lambda t: b''.join(({', '.join(parts)},))", names)
        return f"_array({variable}, {function})"
    if isinstance(kind, list):  # ["null", T]
        return f"(b'\\x00' if {variable} is None else b'\\x02' + {_term(kind[1], variable, names)})"
    if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
        return f"_decimal({variable})"
    plain = kind["type"] if isinstance(kind, dict) else kind
    return {
        "string": f"_bytes({variable}.encode())",
        "bytes": f"_bytes({variable})",
        "int": f"_long({variable})",
        "long": f"_long({variable})",
        "boolean": f"(b'\\x01' if {variable} else b'\\x00')",
    }[plain]

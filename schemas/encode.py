"""Many records of one output schema at once, encoded column by column.

Equal byte for byte to fastavro (a property test holds that) at about a quarter of its cost.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from schemas.container import zigzag
from schemas.contracts import avro, id_of
from schemas.framing import frame

_SMALL = [zigzag(n) for n in range(1 << 15)]
NOTHING = b"\0"  # an empty array, a null


def encode_records(schema_name: str, columns: dict[str, list[Any]]) -> list[bytes]:
    """Framed records from columns by field name, all of one length; ValueError when they are not.

    Strings as str, ints and longs as int, times as int ms, decimals as unscaled int (10^-5), bytes as bytes, booleans
    as bool, a union with null as value or None, an array of records as a list of tuples in field order.
    """
    fields = avro(schema_name)["fields"]
    if len({len(columns[f["name"]]) for f in fields}) > 1:
        raise ValueError(f"{schema_name}: columns of unequal length")
    encoded = [_column(f["type"], columns[f["name"]]) for f in fields]
    head = frame(id_of(schema_name), b"")
    return [b"".join(row) for row in zip(repeat(head), *encoded)]


def _column(kind: Any, values: Sequence[Any]) -> list[bytes]:
    """Each value encoded."""
    if isinstance(kind, list):  # ["null", T]
        some = iter(_column(kind[1], [v for v in values if v is not None]))
        return [NOTHING if v is None else b"\x02" + next(some) for v in values]
    if isinstance(kind, dict) and kind["type"] == "array":
        return _arrays(kind["items"]["fields"], values)
    if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
        return [_decimal(v) for v in values]
    match kind["type"] if isinstance(kind, dict) else kind:
        case "string":
            return _strings(values)
        case "int" | "long":
            return [_SMALL[n] if 0 <= n < 1 << 15 else _larger(n) for n in values]
        case "boolean":
            return [b"\x01" if v else b"\x00" for v in values]
        case "bytes":
            return [_length(len(v)) + v for v in values]
        case other:
            raise ValueError(f"no encoding for {other}")


def _strings(values: Sequence[str]) -> list[bytes]:
    distinct = set(values)
    if len(distinct) * 2 > len(values):
        return [_length(len(b)) + b for b in [v.encode() for v in values]]
    table = {v: _length(len(b)) + b for v, b in zip(distinct, map(str.encode, distinct), strict=True)}
    return [table[v] for v in values]


def _arrays(fields: list[Any], values: Sequence[Sequence[tuple[Any, ...]]]) -> list[bytes]:
    flat = [item for items in values for item in items]
    columns = [_column(f["type"], c) for f, c in zip(fields, zip(*flat, strict=True), strict=True)] if flat else []
    items = [b"".join(row) for row in zip(*columns, strict=True)]
    encoded: list[bytes] = []
    first = 0
    for count in map(len, values):
        if count:
            encoded.append(b"".join((_length(count), *items[first : first + count], NOTHING)))
        else:
            encoded.append(NOTHING)
        first += count
    return encoded


def _length(count: int) -> bytes:
    return _SMALL[count] if count < 1 << 15 else zigzag(count)


@lru_cache(1 << 15)  # times and positions repeat within a batch
def _larger(number: int) -> bytes:
    return zigzag(number)


def _decimal(unscaled: int) -> bytes:
    length = (unscaled.bit_length() + 8) // 8  # two's complement, one bit for the sign
    return _length(length) + unscaled.to_bytes(length, "big", signed=True)

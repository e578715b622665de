"""Documents to bytes: Avro under the schemas of schemas/avro with amounts as integers in 10⁻⁵, then framed.

The logical types are taken off the schemas: so an amount may be larger than N19,5 allows, as bad senders' are, and
encoding costs half.
"""

import io
from functools import lru_cache
from typing import Any

import fastavro

from loadtest.generate.trio import Document
from schemas.contracts import avro, id_of
from schemas.framing import frame, single_object


def encode(schema_name: str, document: Document, *, in_single_object: bool = False) -> bytes:
    """The framed value of a document."""
    schema, amounts, line_amounts = _bare(schema_name)
    record = dict(document)
    for name in amounts:
        record[name] = _unscaled(record[name])
    if line_amounts:
        record["orderList"] = [
            line | {name: _unscaled(line[name]) for name in line_amounts} for line in record["orderList"]
        ]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    payload = out.getvalue()
    return single_object(schema_name, payload) if in_single_object else frame(id_of(schema_name), payload)


def _unscaled(amount: int) -> bytes:
    """Two's complement, big-endian, as short as it goes with a sign bit."""
    return amount.to_bytes((amount.bit_length() + 8) // 8, "big", signed=True)


@lru_cache
def _bare(schema_name: str) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """The parsed schema without logical types, its amount fields, and those of its lines."""
    fields = avro(schema_name)["fields"]
    lines = next((f["type"]["items"]["fields"] for f in fields if f["name"] == "orderList"), [])
    parsed = fastavro.parse_schema(_stripped(avro(schema_name)), named_schemas={})
    return parsed, _decimals(fields), _decimals(lines)


def _decimals(fields: list[dict[str, Any]]) -> tuple[str, ...]:
    types = {f["name"]: f["type"] for f in fields}
    return tuple(n for n, t in types.items() if isinstance(t, dict) and t.get("logicalType") == "decimal")


def _stripped(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {k: _stripped(v) for k, v in schema.items() if k not in ("logicalType", "precision", "scale", "doc")}
    if isinstance(schema, list):
        return [_stripped(item) for item in schema]
    return schema

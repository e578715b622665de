"""Record value → document: a dict of the newest schema's fields, amounts as integers in 10⁻⁵, times in ms.

Amounts out of bounds are None. Two more entries say what was wrong with the amounts: `amount_out`, `amount_fine`
(docs/decisions.md, section 1).
"""

import io
from functools import lru_cache
from typing import Any, NamedTuple

import fastavro

from schemas.codec import MAX_VALUE, DecodeError
from schemas.contracts import avro, newest, schemas_of
from schemas.framing import FramingError, split

Document = dict[str, Any]
QUANTITIES = frozenset({"qty", "weight"})
BOUND_E5 = 10**14
FEN_E5 = 1000
LONGEST_IDENTITY = 200  # bytes of UTF-8
END_OF_TIME_MS = 253_402_300_800_000  # 10000-01-01


class _Shape(NamedTuple):
    """`schema`: parsed, without logical types; `texts`, `amounts` and those of lines: names; `defaults`: what an older
    version lacks."""

    schema: Any
    texts: tuple[str, ...]
    line_texts: tuple[str, ...]
    amounts: tuple[str, ...]
    line_amounts: tuple[str, ...]
    times: tuple[str, ...]
    defaults: dict[str, Any]


def read(kind: str, key: bytes | None, value: bytes | None) -> Document:
    """The document of a record; DecodeError (DL-01 to DL-04, names no value) when it is none."""
    document = _decode(kind, value or b"")
    if not document["orderNo"] or (kind != "waybill" and not document["ebpCode"]):
        raise DecodeError("DL-03", "the document has no identity")
    if any(len(document[name].encode()) > LONGEST_IDENTITY for name in ("ebpCode", "orderNo")):
        raise DecodeError("DL-03", "the document's identity is too long")
    if "|" in document["ebpCode"]:
        raise DecodeError("DL-03", "the document's identity is another's too")
    if key != f"{document['ebpCode']}|{document['orderNo']}".encode():
        raise DecodeError("DL-04", "the key is not the document's")
    return document


def blank(text: str) -> bool:
    """Whether there is nothing in it but white space."""
    return not text or text.isspace()


def _decode(kind: str, value: bytes) -> Document:
    if len(value) > MAX_VALUE:
        raise DecodeError("DL-01", "the value is larger than a document may be")
    try:
        schema_id, start = split(kind, value)
    except FramingError as e:
        raise DecodeError(e.code, e.reason) from None
    shape = _shape(kind, schemas_of(kind)[schema_id])
    stream = io.BytesIO(value)
    stream.seek(start)
    try:
        document: Any = fastavro.schemaless_reader(stream, shape.schema, None)
    except Exception as e:  # fastavro raises whatever the bytes lead it to
        raise DecodeError("DL-01", f"the payload does not decode ({type(e).__name__})") from None
    if stream.tell() != len(value):
        raise DecodeError("DL-01", "bytes are left over after the document")
    if any(not 0 <= document[name] < END_OF_TIME_MS for name in shape.times):
        raise DecodeError("DL-01", "a time is out of range")
    texts = [document[name] for name in shape.texts]
    texts += [line[name] for line in document.get("orderList", ()) for name in shape.line_texts]
    if "\0" in "".join(texts):
        raise DecodeError("DL-01", "a text holds U+0000")
    document |= shape.defaults
    _bound_amounts(document, shape)
    return document


def _bound_amounts(document: Document, shape: _Shape) -> None:
    out, fine = _bound(document, shape.amounts)
    for line in document.get("orderList", ()):
        line_out, line_fine = _bound(line, shape.line_amounts)
        out, fine = out or line_out, fine or line_fine
    document["amount_out"], document["amount_fine"] = out, fine


def _bound(record: Document, names: tuple[str, ...]) -> tuple[bool, bool]:
    """Replace two's-complement bytes by integers, or None beyond the bounds; say whether any was out, any too fine."""
    out = fine = False
    for name in names:
        amount = int.from_bytes(record[name], "big", signed=True)
        money = name not in QUANTITIES
        if amount > BOUND_E5 or amount < (0 if money else -BOUND_E5):
            record[name], out = None, True
        else:
            record[name] = amount
            fine = fine or (money and amount % FEN_E5 != 0)
    return out, fine


@lru_cache
def _shape(kind: str, name: str) -> _Shape:
    fields = avro(name)["fields"]
    own = {f["name"] for f in fields}
    lines = next((f["type"]["items"]["fields"] for f in fields if f["name"] == "orderList"), [])
    return _Shape(
        fastavro.parse_schema(_stripped(avro(name)), named_schemas={}),
        _texts(fields),
        _texts(lines),
        _logical(fields, "decimal"),
        _logical(lines, "decimal"),
        _logical(fields, "timestamp-millis"),
        {f["name"]: f["default"] for f in avro(newest(kind))["fields"] if f["name"] not in own},
    )


def _texts(fields: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(f["name"] for f in fields if f["type"] == "string")


def _logical(fields: list[dict[str, Any]], kind: str) -> tuple[str, ...]:
    return tuple(f["name"] for f in fields if isinstance(f["type"], dict) and f["type"].get("logicalType") == kind)


def _stripped(node: Any) -> Any:
    """The schema without logical types: fastavro's Decimal and datetime cost more than all the rest."""
    if isinstance(node, dict):
        return node["type"] if "logicalType" in node else {k: _stripped(v) for k, v in node.items()}
    return [_stripped(x) for x in node] if isinstance(node, list) else node

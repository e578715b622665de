"""One record at a time: the plain, slow and trusted way in and out of Avro."""

import io
from datetime import UTC, datetime
from typing import Any

import fastavro

from schemas.contracts import avro, id_of, ids_of, newest, parsed, schemas_of
from schemas.framing import FramingError, frame, split

MAX_VALUE = 1 << 20  # bytes of one document; Kafka's default limit for a record
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OUT_OF_TIME = "a time is out of range"
TOO_WIDE = "a number is wider than its type"
NUL_IN_TEXT = "a text holds U+0000"
TOO_MANY_LINES = "more lines than can be numbered"
MOST_LINES = 32_767  # they are numbered in 16 bits


class DecodeError(ValueError):
    """A value that is not a document: code DL-01 or DL-02, and a reason that names no value."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def encode(schema_name: str, record: dict[str, Any]) -> bytes:
    """Framed Avro of a record; amounts are decimal.Decimal, times aware datetimes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed(schema_name), record)
    return frame(id_of(schema_name), out.getvalue())


def decode(kind: str, value: bytes) -> dict[str, Any]:
    """The document as a dict of the kind's newest schema; DecodeError when it is none."""
    try:
        schema_id, start = split(kind, value)
    except FramingError as e:
        raise DecodeError(e.code, e.reason) from None
    name = schemas_of(kind)[schema_id]
    record = decode_payload(name, value[start:])
    if why := unfit(name, record):
        raise DecodeError("DL-01", why)
    if any(isinstance(v, datetime) and v < EPOCH for v in record.values()):
        raise DecodeError("DL-01", OUT_OF_TIME)
    return fill(kind, name, record)


def decode_payload(schema_name: str, payload: bytes) -> dict[str, Any]:
    """Decode under the writer schema; every byte has to be used."""
    if len(payload) > MAX_VALUE:
        raise DecodeError("DL-01", "the value is larger than a document may be")
    stream = io.BytesIO(payload)
    try:
        record = fastavro.schemaless_reader(stream, parsed(schema_name), None)
    except OverflowError:  # later than any datetime
        raise DecodeError("DL-01", OUT_OF_TIME) from None
    except Exception as e:  # fastavro raises whatever the bytes lead it to
        raise DecodeError("DL-01", f"the payload does not decode ({type(e).__name__})") from None
    if stream.tell() != len(payload):
        raise DecodeError("DL-01", "bytes are left over after the document")
    assert isinstance(record, dict)
    return record


def unfit(schema_name: str, record: dict[str, Any]) -> str | None:
    """What fastavro lets through and PostgreSQL or a column does not: an int of more than 32 bits, a text with U+0000,
    too many lines."""
    return _unfit(avro(schema_name)["fields"], record)


def _unfit(fields: list[dict[str, Any]], record: dict[str, Any]) -> str | None:
    for f in fields:
        kind: Any = f["type"]
        value: Any = record[f["name"]]
        if isinstance(value, str) and "\0" in value:
            return NUL_IN_TEXT
        if kind == "int" and not -(2**31) <= value < 2**31:
            return TOO_WIDE
        if isinstance(value, list):
            lines: list[dict[str, Any]] = value
            items: list[dict[str, Any]] = kind["items"]["fields"]  # pyright: ignore
            if len(lines) > MOST_LINES:
                return TOO_MANY_LINES
            for line in lines:
                if why := _unfit(items, line):
                    return why
    return None


def fill(kind: str, schema_name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Fields that an older version lacks get the newest version's defaults."""
    if schema_name != newest(kind):
        for field in avro(newest(kind))["fields"]:
            if field["name"] not in record:
                record[field["name"]] = field["default"]
    return record


def decode_output(schema_name: str, value: bytes) -> dict[str, Any]:
    """A decision, receipt or dead letter that Tidegate published."""
    if value[:5] not in [frame(number, b"") for number in ids_of(schema_name)]:
        raise DecodeError("DL-02", "not framed with the id of this schema")
    return decode_payload(schema_name, value[5:])

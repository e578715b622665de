"""One record at a time: the plain, slow and trusted way in and out of Avro."""

import io
from datetime import UTC, datetime
from typing import Any

import fastavro

from schemas.contracts import avro, id_of, newest, parsed, schema_ids
from schemas.framing import FramingError, frame, split

MAX_VALUE = 1 << 20  # bytes of one document; Kafka's default limit for a record
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OUT_OF_TIME = "a time is out of range"
TOO_WIDE = "a number is wider than its type"


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
    name = schema_ids()[schema_id]
    record = decode_payload(name, value[start:])
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
    if not ints_fit(schema_name, record):
        raise DecodeError("DL-01", TOO_WIDE)
    return record


def ints_fit(schema_name: str, record: dict[str, Any]) -> bool:
    """Whether every Avro int is one: fastavro reads up to 64 bits."""
    return _fit(avro(schema_name)["fields"], record)


def _fit(fields: list[dict[str, Any]], record: dict[str, Any]) -> bool:
    for f in fields:
        value = record[f["name"]]
        if f["type"] == "int" and not -(2**31) <= value < 2**31:
            return False
        if isinstance(value, list) and not all(_fit(f["type"]["items"]["fields"], item) for item in value):  # pyright: ignore
            return False
    return True


def fill(kind: str, schema_name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Fields that an older version lacks get the newest version's defaults."""
    if schema_name != newest(kind):
        for field in avro(newest(kind))["fields"]:
            if field["name"] not in record:
                record[field["name"]] = field["default"]
    return record


def decode_output(schema_name: str, value: bytes) -> dict[str, Any]:
    """A decision, receipt or dead letter that Tidegate published."""
    if value[:5] != frame(id_of(schema_name), b""):
        raise DecodeError("DL-02", "not framed with the id of this schema")
    return decode_payload(schema_name, value[5:])

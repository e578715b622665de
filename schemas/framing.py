"""What stands before an Avro payload: Confluent framing or Avro's single-object encoding."""

import struct
from functools import lru_cache

from fastavro import schema as avro_schema

from schemas.contracts import avro, schemas_of

CONFLUENT = b"\x00"
CONFLUENT_HEAD = 5  # bytes before the payload
SINGLE_OBJECT = b"\xc3\x01"


class FramingError(ValueError):
    """DL-01 or DL-02 with a reason that names no value."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def frame(schema_id: int, payload: bytes) -> bytes:
    """Confluent framing: 0x00, four bytes of schema id (big-endian), payload."""
    return struct.pack(">bI", 0, schema_id) + payload


def single_object(schema_name: str, payload: bytes) -> bytes:
    """Single-object encoding: C3 01, eight bytes of fingerprint (little-endian), payload."""
    return SINGLE_OBJECT + fingerprint(schema_name) + payload


@lru_cache
def fingerprint(schema_name: str) -> bytes:
    """CRC-64-AVRO of the canonical form, as it stands on the wire."""
    canonical = avro_schema.to_parsing_canonical_form(avro(schema_name))
    return bytes.fromhex(avro_schema.fingerprint(canonical, "CRC-64-AVRO"))


@lru_cache
def _by_fingerprint(kind: str) -> dict[bytes, int]:
    return {fingerprint(name): i for i, name in schemas_of(kind).items()}


def split(kind: str, value: bytes) -> tuple[int, int]:
    """(schema id, start of the payload); FramingError when the framing or the id is not of this kind's topic."""
    if value[:1] == CONFLUENT and len(value) >= CONFLUENT_HEAD:
        schema_id = int.from_bytes(value[1:5], "big")
        if schema_id not in schemas_of(kind):
            raise FramingError("DL-02", "the schema id is not one of this topic")
        return schema_id, CONFLUENT_HEAD
    if value[:2] == SINGLE_OBJECT and len(value) >= 10:
        found = _by_fingerprint(kind).get(value[2:10])
        if found is None:
            raise FramingError("DL-02", "the schema fingerprint is not one of this topic")
        return found, 10
    reason = "the value is empty" if not value else "the framing is neither Confluent nor single-object"
    raise FramingError("DL-01", reason)


def zigzag(number: int) -> bytes:
    """An Avro long."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number & ~0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)

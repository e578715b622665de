"""Published messages: how they are told apart without decoding them, and what they decode to."""

import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast

import fastavro

from loadtest.verify.documents import plain
from loadtest.verify.wanted import writer
from schemas.contracts import avro, ids_of

DECISION, RECEIPT, DEAD_LETTER, GUARANTEE_EVENT = "decision-1", "receipt-1", "dead-letter-1", "guarantee-event-1"
SCHEMA = {
    "release": DECISION, "hold": DECISION, "reject": DECISION, "receipt": RECEIPT, "dead-letter": DEAD_LETTER,
    "guarantee-event": GUARANTEE_EVENT,
}  # fmt: skip
TOPIC = {"RELEASE": "release", "HOLD": "hold", "REJECT": "reject"}
FRAME = 5  # bytes before the payload
_ID_START, _ID_END = 6, 38  # frame of five bytes, length 32 as one varint byte, 32 hex digits


def message_id(topic: str, value: bytes) -> str | None:
    """decisionId or receiptId, the first field of its schema; None when no such message stands there."""
    if value[:_ID_START] not in _starts(SCHEMA[topic]) or len(value) < _ID_END:
        return None
    return value[_ID_START:_ID_END].decode("ascii", "replace")


def decode(schema_name: str, value: bytes) -> dict[str, Any] | None:
    """The message, times in ms; None when it does not decode to its last byte."""
    if not value.startswith(_frames(schema_name)):
        return None
    stream = io.BytesIO(value)
    stream.seek(FRAME)
    try:
        record = fastavro.schemaless_reader(stream, _plain(schema_name), None)
    except Exception:  # fastavro raises whatever the bytes lead it to
        return None
    return cast("dict[str, Any]", record) if stream.tell() == len(value) else None


def says(schema_name: str, value: bytes, expected: Mapping[str, Any]) -> bool:
    """Whether it holds the usual bytes of this message; if not, it has to be decoded to know what it says."""
    try:
        wanted = _writer(schema_name)(expected)
    except (LookupError, TypeError, AttributeError, ValueError):  # what is expected is no such message: then what is found tells how
        return False
    return value[FRAME:] == wanted and value[:FRAME] in _frames(schema_name)


@lru_cache
def _frames(schema_name: str) -> tuple[bytes, ...]:
    return tuple(b"\0" + number.to_bytes(4, "big") for number in ids_of(schema_name))


@lru_cache
def _starts(schema_name: str) -> frozenset[bytes]:
    return frozenset(frame + b"\x40" for frame in _frames(schema_name))


@lru_cache
def _writer(schema_name: str) -> Callable[[Mapping[str, Any]], bytes]:
    return writer(plain(avro(schema_name)))


@lru_cache
def _plain(schema_name: str) -> Any:
    return fastavro.parse_schema(plain(avro(schema_name)), named_schemas={})

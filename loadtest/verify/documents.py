"""From a record to a document, or to the dead-letter code it deserves (docs/decisions.md section 1)."""

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any, cast

import fastavro

from loadtest.verify.evidence import KINDS, Record
from loadtest.verify.many import INT_END, Usual, read_many
from schemas.contracts import avro, newest, schemas_of
from schemas.framing import fingerprint

Document = dict[str, Any]
"""Wire fields of the newest schema; each amount as `<field>_e5` (None: out of bounds) alone, `amount_out`,
`amount_fine`; times in ms. The lines of an order stand under `orderList` in the same way."""

MONEY = {
    "order": ("goodsValue", "freight", "discount", "taxTotal", "actualPaid"),
    "payment": ("amountPaid",),
    "waybill": ("freight", "insuredFee"),
    "line": ("price", "totalPrice"),
}
QUANTITIES = {"order": (), "payment": (), "waybill": ("weight",), "line": ("qty",)}
TIMES = {"order": ("appTime",), "payment": ("appTime", "payTime"), "waybill": ("appTime",)}
_IN_E5 = {
    (part, money): tuple((name, name + "_e5") for name in names)
    for money, by_part in ((True, MONEY), (False, QUANTITIES))
    for part, names in by_part.items()
}
BOUND_E5 = 10**14
FEN_E5 = 1000
END_OF_YEAR_9999_MS = 253_402_300_800_000
USUAL = Usual(frozenset(name for names in QUANTITIES.values() for name in names), BOUND_E5, FEN_E5, END_OF_YEAR_9999_MS)
LARGEST_VALUE = 1 << 20  # Kafka's own default limit of a record
LONGEST_IDENTITY = 200  # bytes of UTF-8
MOST_LINES = 32_767


class NoDocument(ValueError):
    """Why a record is no document: its DL code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def digest(value: bytes) -> bytes:
    """What makes two documents the same: BLAKE2b-128 of the whole value."""
    return blake2b(value, digest_size=16).digest()


@lru_cache(maxsize=1 << 18)
def order_hash(order_no: str) -> int:
    """The hash that the tables find an order number by; kept, as each is asked for with every document."""
    return int.from_bytes(blake2b(order_no.encode(), digest_size=16).digest()[:8], "big", signed=True)


def read(kind: str, key: bytes | None, value: bytes | None) -> Document:
    """The document of a record; NoDocument when it is a dead letter."""
    return _identified(kind, key, decode(kind, value or b""))


def read_all(kind: str, records: Sequence[Record]) -> list[Document | NoDocument]:
    """The document of each record, or why it is none."""
    found: list[Document | NoDocument] = []
    for record, document in zip(records, read_usual(kind, [record.value or b"" for record in records]), strict=True):
        try:
            found.append(read(kind, record.key, record.value) if document is None else _identified(kind, record.key, document))
        except NoDocument as e:
            found.append(e)
    return found


def read_usual(kind: str, values: Sequence[bytes]) -> list[Document | None]:
    """The documents of those values in which nothing is unusual."""
    found: list[Document | None] = [None] * len(values)
    groups: dict[tuple[str, int], list[int]] = {}
    for n, value in enumerate(values):
        try:
            groups.setdefault(framed(kind, value), []).append(n)
        except NoDocument:
            continue
    for (name, start), members in groups.items():
        documents = read_many(plain_avro(name), [values[n] for n in members], start, _defaults(kind, name), USUAL)
        for n, document in zip(members, documents, strict=True):
            found[n] = document
    return found


def _identified(kind: str, key: bytes | None, document: Document) -> Document:
    order_no, ebp_code = document["orderNo"], document["ebpCode"]
    named = f"{ebp_code}|{order_no}".encode()
    if not order_no or (not ebp_code and kind != "waybill"):
        raise NoDocument("DL-03")
    if len(named) > LONGEST_IDENTITY and max(len(order_no.encode()), len(ebp_code.encode())) > LONGEST_IDENTITY:
        raise NoDocument("DL-03")
    if "|" in ebp_code:
        raise NoDocument("DL-03")
    if key != named:
        raise NoDocument("DL-04")
    return document


def decode(kind: str, value: bytes) -> Document:
    """Decode a framed value; NoDocument with DL-01 or DL-02."""
    name, start = framed(kind, value)
    document = payload(value, start, _plain(name))
    if added := _defaults(kind, name):
        document = {**added, **document}
    _check_ranges(kind, document)
    _check_texts(kind, document)
    _amounts(kind, document)
    return document


def payload(value: bytes, start: int, schema: Any) -> Document:
    """What stands from `start` to the last byte, under a parsed schema; NoDocument with DL-01."""
    stream = io.BytesIO(value)
    stream.seek(start)
    try:
        document = cast("Document", fastavro.schemaless_reader(stream, schema, None))
    except Exception:  # fastavro raises whatever the bytes lead it to
        raise NoDocument("DL-01") from None
    if stream.tell() != len(value):
        raise NoDocument("DL-01")
    return document


def framed(kind: str, value: bytes) -> tuple[str, int]:
    """(schema name, start of the payload)."""
    known = _frames(kind)
    if len(value) > LARGEST_VALUE:
        raise NoDocument("DL-01")
    if name := known.get(value[:5]):
        return name, 5
    if name := known.get(value[:10]):
        return name, 10
    framed = (value[:1] == b"\0" and len(value) >= 5) or (value[:2] == b"\xc3\x01" and len(value) >= 10)
    raise NoDocument("DL-02" if framed else "DL-01")


@lru_cache
def _frames(kind: str) -> dict[bytes, str]:
    """What may stand before a payload of this kind → its schema."""
    found: dict[bytes, str] = {}
    for number, name in schemas_of(kind).items():
        found[b"\0" + number.to_bytes(4, "big")] = name
        found[b"\xc3\x01" + fingerprint(name)] = name
    return found


def plain(node: Any) -> Any:
    """A schema without logical types: decimals stay bytes, times stay milliseconds."""
    if isinstance(node, dict):
        fields = cast("dict[str, Any]", node)
        return {k: plain(v) for k, v in fields.items() if k not in ("logicalType", "precision", "scale")}
    return [plain(item) for item in cast("list[Any]", node)] if isinstance(node, list) else node


@lru_cache
def plain_avro(name: str) -> Any:
    """The Avro schema of a name without logical types."""
    return plain(avro(name))


@lru_cache
def _plain(name: str) -> Any:
    return fastavro.parse_schema(plain_avro(name), named_schemas={})


@lru_cache
def _defaults(kind: str, name: str) -> Document:
    """Fields of the newest version that this one lacks."""
    older = {f["name"] for f in avro(name)["fields"]}
    return {f["name"]: f["default"] for f in avro(newest(kind))["fields"] if f["name"] not in older}


def _check_ranges(kind: str, document: Document) -> None:
    """Avro's int has 32 bits, which fastavro does not check; a time before 1970 or after 9999 is none."""
    for name in TIMES[kind]:
        if not 0 <= document[name] < END_OF_YEAR_9999_MS:
            raise NoDocument("DL-01")
    if kind == "waybill" and not -INT_END <= document["packNo"] < INT_END:
        raise NoDocument("DL-01")
    for line in document.get("orderList", ()):
        if not -INT_END <= line["gnum"] < INT_END:
            raise NoDocument("DL-01")


def _check_texts(kind: str, document: Document) -> None:
    """No text may hold U+0000, and an order no more lines than can be numbered."""
    found = "\0" in "".join(_texts(kind)(document))
    if kind == "order":
        lines: list[Document] = document["orderList"]
        if len(lines) > MOST_LINES:
            raise NoDocument("DL-01")
        texts = _texts("line")
        for line in lines:
            found = found or "\0" in "".join(texts(line))
    if found:
        raise NoDocument("DL-01")


@lru_cache
def _texts(part: str) -> Callable[[Document], tuple[str, ...]]:
    """All texts of a document, or of a line of an order, in the newest version."""
    fields = avro(newest("order" if part == "line" else part))["fields"]
    if part == "line":
        fields = next(f for f in fields if f["name"] == "orderList")["type"]["items"]["fields"]
    return itemgetter(*(f["name"] for f in fields if plain(f["type"]) in ("string", {"type": "string"})))


def _amounts(kind: str, document: Document) -> None:
    out, fine = _bounded(kind, document)
    for line in document.get("orderList", ()):
        line_out, line_fine = _bounded("line", line)
        out, fine = out or line_out, fine or line_fine
    document["amount_out"], document["amount_fine"] = out, fine


def _bounded(part: str, record: Document) -> tuple[bool, bool]:
    """Add the `_e5` fields; whether some amount is out of bounds, and whether some money is too fine."""
    out = fine = False
    units: int | None
    for name, name_e5 in _IN_E5[part, True]:
        units = int.from_bytes(record.pop(name), "big", signed=True)
        if not 0 <= units <= BOUND_E5:
            units, out = None, True
        elif units % FEN_E5:
            fine = True
        record[name_e5] = units
    for name, name_e5 in _IN_E5[part, False]:
        units = int.from_bytes(record.pop(name), "big", signed=True)
        if not -BOUND_E5 <= units <= BOUND_E5:
            units, out = None, True
        record[name_e5] = units
    return out, fine


def kind_name(kind: int) -> str:
    """order, payment or waybill for 1, 2 or 3."""
    return KINDS[kind - 1]

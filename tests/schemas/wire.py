"""Random documents, what can be done to their bytes, and what the plain decoder says of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from loadtest.generate.wire import encode
from schemas.amounts import BOUND_E5, MONEY, QUANTITY
from schemas.codec import DecodeError, decode
from schemas.contracts import avro, newest, schemas_of
from schemas.framing import zigzag

KINDS = ("order", "payment", "waybill")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MS = 253_402_300_799_999  # the last of year 9999

TEXTS = st.one_of(st.sampled_from(["", "1", "142", "样例", "\0", "𠮷" * 40]), st.text(max_size=12))
AMOUNTS = st.one_of(
    st.sampled_from([0, 1, 999, 1000, -1, -1000, 12_345, BOUND_E5, BOUND_E5 + 1, -BOUND_E5, -BOUND_E5 - 1, 10**19, -(10**30)]),
    st.integers(-(2**63), 2**63),
    st.sampled_from([2**126, 2**127 - 1, -(2**127), 2**127, -(2**127) - 1, 2**200, -(2**200), 10**60]),
)
TIMES = st.one_of(
    st.integers(0, LAST_MS),
    st.sampled_from([0, LAST_MS, LAST_MS + 1, -1, 2**63 - 1, -(2**63), 10**17, -(10**15)]),
)
NUMBERS = st.one_of(st.integers(0, 60), st.sampled_from([2**31 - 1, -(2**31), -1, 2**31, -(2**31) - 1, 2**32 + 1]))


def value_of(node: Any) -> st.SearchStrategy[Any]:
    """Values of one Avro type in the plain form of loadtest.generate.wire."""
    if isinstance(node, str):
        return {"string": TEXTS, "int": NUMBERS}[node]
    if node.get("logicalType") == "decimal":
        return AMOUNTS
    if node.get("logicalType"):
        return TIMES
    return st.lists(record_of(node["items"]["fields"]), max_size=3)


def record_of(fields: list[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Records of these fields; mostly calm ones, so that whole documents decode too."""
    wild = st.fixed_dictionaries({f["name"]: value_of(f["type"]) for f in fields})
    return st.one_of(st.builds(lambda r, k: calm(fields) | {n: r[n] for n in k}, wild, _few(fields)), wild)


def _few(fields: list[dict[str, Any]]) -> st.SearchStrategy[set[str]]:
    return st.sets(st.sampled_from([f["name"] for f in fields]), max_size=3)


def calm(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """A record of these fields that nothing is wrong with."""
    return {f["name"]: _calm_value(f["type"]) for f in fields}


def _calm_value(node: Any) -> Any:
    if isinstance(node, str):
        return {"string": "样例", "int": 1}[node]
    if node.get("logicalType") == "decimal":
        return 12_300_000
    return 1_573_401_600_000 if node.get("logicalType") else [calm(node["items"]["fields"])] * 2


@st.composite
def documents(draw: st.DrawFn, kind: str) -> bytes:
    """A framed document of any version in either framing; nothing is wrong with it but its contents."""
    name = draw(st.sampled_from(list(schemas_of(kind).values())))
    record = draw(record_of(avro(name)["fields"]))
    return encode(name, record, in_single_object=draw(st.booleans()))


@st.composite
def damaged(draw: st.DrawFn, kind: str) -> bytes:
    """A document after one of the accidents and attacks of the wire."""
    value = draw(documents(kind))
    place = draw(st.integers(0, len(value) - 1))
    accident: Callable[[], bytes] = draw(
        st.sampled_from([
            lambda: value[:place],
            lambda: value[:place] + bytes([value[place] ^ (1 << draw(st.integers(0, 7)))]) + value[place + 1 :],
            lambda: value[:place] + draw(st.binary(min_size=1, max_size=6)) + value[place:],
            lambda: value + draw(st.binary(min_size=1, max_size=20)),
            lambda: value + draw(documents(kind))[5:],
            lambda: value[:place] + zigzag(draw(st.sampled_from([-1, 3, 100, 5000, 2**31, 2**40, 2**61]))) + value[place + 1 :],
            lambda: value[:-1] + zigzag(draw(st.integers(1, 3000))),
            lambda: value[:place] + b"\x80" * draw(st.integers(1, 11)) + value[place:],
            lambda: value[:1] + draw(st.binary(min_size=4, max_size=4)) + value[5:],
            lambda: draw(st.sampled_from([b"", b"\0", b"{}", b"\xc3\x01", b"\xc3\x01" + b"\1" * 8, b"\0\0\0\0\x65"])),
            lambda: b"\0" + draw(st.sampled_from([101, 102, 201, 301, 302, 401, 999])).to_bytes(4, "big") + value[5:],
        ])
    )  # fmt: skip
    return accident()


def batches(kind: str) -> st.SearchStrategy[list[bytes]]:
    """Values of one kind, sound and damaged in any order."""
    return st.lists(st.one_of(documents(kind), damaged(kind)), max_size=8)


def reference(kind: str, value: bytes) -> str | dict[str, Any]:
    """The code, or the document as decode_columns must show it (lines under `orderList`)."""
    try:
        record = decode(kind, value)
    except DecodeError as e:
        return e.code
    lines = record.get("orderList", [])
    verdicts = [_verdict(n, v) for r in (record, *lines) for n, v in r.items() if n in MONEY | QUANTITY]
    shown = _shown(record) | {"amount_out": any(o for o, _ in verdicts), "amount_fine": any(f for _, f in verdicts)}
    if kind == "order":
        shown["orderList"] = [_shown(line) for line in lines]
    assert {f["name"] for f in avro(newest(kind))["fields"]} == set(record)
    return shown


def _units(value: Decimal) -> int:
    return int(value.scaleb(5))


def _verdict(name: str, value: Decimal) -> tuple[bool, bool]:
    units = _units(value)
    out = abs(units) > BOUND_E5 or (name in MONEY and units < 0)
    return out, name in MONEY and not out and units % 1000 != 0


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Decimal):
            shown[f"{name}_e5"] = None if _verdict(name, value)[0] else _units(value)
        elif not isinstance(value, list):
            shown[name] = value
    return shown

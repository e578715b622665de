"""The compiled writer gives the bytes that fastavro gives, for every schema there is."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.exceptions import ColumnNotFoundError

from schemas.codec import decode_output, encode
from schemas.contracts import avro, id_of, parsed
from schemas.encode import encode_frame
from schemas.framing import frame

NAMES = ("decision-1", "receipt-1", "guarantee-event-1")  # what is published in numbers
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-70, 5000))
INTS = st.one_of(st.integers(-(2**31), 2**31 - 1), st.sampled_from([0, 63, 64, -64, -65, 4095, 4096]))
Pair = tuple[Any, Any]  # as fastavro takes it, as encode_frame takes it


def pairs(node: Any) -> st.SearchStrategy[Pair]:
    """Values of an Avro type in both forms."""
    if isinstance(node, list):
        return st.one_of(st.just((None, None)), pairs(node[1]))
    kind = node if isinstance(node, str) else node.get("logicalType", node["type"])
    if kind == "decimal":
        return st.integers(-(10**19) + 1, 10**19 - 1).map(lambda n: (Decimal(n).scaleb(-5), n))
    if kind == "timestamp-millis":
        return st.integers(0, 253_402_300_799_999).map(lambda n: (EPOCH + timedelta(milliseconds=n), n))
    if kind == "array":
        return st.lists(records(node["items"]["fields"]), max_size=4).map(
            lambda rows: (
                [plain for plain, _ in rows],
                [mine for _, mine in rows],
            )
        )
    same = {"string": st.text(max_size=80), "bytes": st.binary(max_size=300), "int": INTS, "long": LONGS, "boolean": st.booleans()}
    return same[kind].map(lambda v: (v, v))


def column(node: Any) -> Any:
    """The polars type of a column for an Avro type."""
    if isinstance(node, list):
        return column(node[1])
    kind = node if isinstance(node, str) else node["type"]
    if kind == "array":
        return pl.List(pl.Struct({f["name"]: column(f["type"]) for f in node["items"]["fields"]}))
    return {"string": pl.String, "bytes": pl.Binary, "int": pl.Int32, "long": pl.Int64, "boolean": pl.Boolean}[kind]


def records(fields: list[dict[str, Any]]) -> st.SearchStrategy[tuple[dict[str, Any], dict[str, Any]]]:
    """Records in both forms."""
    return st.fixed_dictionaries({f["name"]: pairs(f["type"]) for f in fields}).map(
        lambda r: ({n: v[0] for n, v in r.items()}, {n: v[1] for n, v in r.items()})
    )


@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_those_of_fastavro(name: str) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(records(avro(name)["fields"]), max_size=4))
    def equal(rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        fields = avro(name)["fields"]
        columns = {f["name"]: pl.Series([mine[f["name"]] for _, mine in rows], dtype=column(f["type"])) for f in fields}
        found = encode_frame(name, pl.DataFrame(columns))
        assert [found[n] for n in range(len(found))] == [encode(name, plain) for plain, _ in rows]

    equal()


def test_encode_is_fastavro_behind_its_id() -> None:
    record = {f["name"]: None for f in avro("dead-letter-1")["fields"]}
    record |= {"topic": "cbec.order", "partition": 3, "offset": 2**40, "logTime": EPOCH, "headers": [], "code": "DL-01", "reason": "x"}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed("dead-letter-1"), record)
    value = encode("dead-letter-1", record)
    assert value == frame(id_of("dead-letter-1"), out.getvalue()) == b"\0\0\0\x02\x59" + out.getvalue()
    assert decode_output("dead-letter-1", value) == record


def test_a_field_without_a_column_is_refused() -> None:
    with pytest.raises(ColumnNotFoundError, match="receiptId"):
        encode_frame("receipt-1", pl.DataFrame({"code": ["DOC-01"]}))


def test_a_null_where_there_has_to_be_a_value_is_refused() -> None:
    row = {f["name"]: "x" if f["type"] == "string" else 1 for f in avro("receipt-1")["fields"]}
    with pytest.raises(ValueError, match="null"):
        encode_frame("receipt-1", pl.DataFrame([row, row | {"code": None}]))

"""Documents as JSON: the examples give the outcome of their folder; what cannot be sent is refused by field."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.generate import generate, profile
from schemas.codec import decode, encode
from schemas.contracts import HERE, newest, topic_name
from schemas.documents_json import JsonError, from_json, to_json
from tests.pipeline.memory import BASE_MS, MemoryStore, Rec

KINDS = ("order", "payment", "waybill")
FINDINGS: dict[str, set[str]] = {"release": set(), "hold": {"PAY-04"}, "reject": {"PAY-01"}}


def example(outcome: str, kind: str) -> dict[str, Any]:
    return json.loads((HERE / "examples" / outcome / f"{kind}.json").read_text())


@pytest.mark.parametrize("outcome", FINDINGS)
def test_examples_give_the_outcome_of_their_folder(outcome: str) -> None:
    store = MemoryStore()
    records: list[Rec] = []
    for kind in KINDS:
        record = from_json(kind, example(outcome, kind))
        key = f"{record['ebpCode']}|{record['orderNo']}".encode()
        records.append(Rec(topic_name(kind), 0, 0, BASE_MS + 3_600_000, key, encode(newest(kind), record)))
    heads = store.process(records).heads
    assert heads["outcome"].to_list() == [outcome.upper()]
    assert [m["codes"] for m in store.manifests.values()] == [FINDINGS[outcome]]
    if outcome != "reject":
        assert heads["vat_fen"].to_list() == [3022], "taxTotal of the example is its tax"


def test_all_examples_can_be_sent_together() -> None:
    values = [(kind, from_json(kind, example(outcome, kind))) for outcome in FINDINGS for kind in KINDS]
    assert len({r["orderNo"] for _, r in values}) == len({r["logisticsNo"] for k, r in values if k == "waybill"}) == 3
    assert len({r["guid"] for _, r in values}) == 9


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind: str) -> None:
    part = next(generate(profile("clean-mix"), 60, 7, processes=1))
    values = [d.value for d in part.documents if d.kind == kind and d.value.startswith(b"\0" * 3) and len(d.value) > 100][:40]  # no poison
    for value in values:
        record = decode(kind, value)
        assert from_json(kind, json.loads(json.dumps(to_json(kind, record)))) == record


BAD: list[tuple[str, Any, str, str]] = [
    ("packNo", "1", "JSON-06", "a string"),
    ("packNo", True, "JSON-06", "true or false"),
    ("packNo", 2**31, "JSON-06", "a number"),
    ("weight", 1.9, "JSON-07", "a number"),
    ("weight", "heavy", "JSON-07", "a string that is no number"),
    ("weight", "NaN", "JSON-07", "a number out of range"),
    ("weight", "1e400", "JSON-07", "a number out of range"),
    ("weight", "100000000000000", "JSON-07", "a number out of range"),
    ("weight", "0.000001", "JSON-07", "a number with more decimals"),
    ("appTime", "2019-11-11T00:20:00", "JSON-08", "a time without a zone"),
    ("appTime", "yesterday", "JSON-08", "a string that is no ISO 8601 time"),
    ("appTime", 1573401600000, "JSON-08", "a number"),
    ("appTime", "1969-12-31T23:59:59+00:00", "JSON-08", "a time before 1970 or finer than a millisecond"),
    ("appTime", "2019-11-11T00:20:00.0001+08:00", "JSON-08", "a time before 1970 or finer than a millisecond"),
    ("appTime", "0001-01-01T00:00:00+14:00", "JSON-08", "a string that is no ISO 8601 time"),
    ("consignee", None, "JSON-05", "null"),
    ("consignee", ["x"], "JSON-05", "a list"),
    ("colour", "crimson", "JSON-03", "a field the schema does not have"),
]


@pytest.mark.parametrize(("field", "value", "code", "found"), BAD)
def test_a_wrong_field_is_named_and_its_value_is_not(field: str, value: Any, code: str, found: str) -> None:
    with pytest.raises(JsonError) as caught:
        from_json("waybill", example("release", "waybill") | {field: value})
    e = caught.value
    assert (e.code, e.field, e.found) == (code, f"waybill.{field}", found)
    assert str(e).startswith(f"{code}: waybill.{field}: found {found}; ")
    assert str(value) not in str(e).removeprefix(f"{code}: waybill.{field}: ")


def test_a_missing_field_and_a_bad_line_are_named() -> None:
    order = example("release", "order")
    del order["guid"]
    with pytest.raises(JsonError, match=r"JSON-04: order\.guid: found nothing"):
        from_json("order", order)
    order = example("release", "order")
    order["orderList"][1]["qty"] = 1
    with pytest.raises(JsonError, match=r"JSON-07: order\.orderList\[1\]\.qty: found a number"):
        from_json("order", order)
    with pytest.raises(JsonError, match="JSON-02: order: found a list"):
        from_json("order", [order])
    with pytest.raises(JsonError, match="JSON-01: kind"):
        from_json("parcel", {})


def test_defaults_stand_in_for_what_may_be_left_out() -> None:
    waybill = example("release", "waybill")
    del waybill["ebpCode"], waybill["note"]
    record = from_json("waybill", waybill)
    assert (record["ebpCode"], record["note"]) == ("", "")
    assert record["weight"] == Decimal("1.90000")
    assert record["appTime"] == datetime(2019, 11, 10, 16, 20, tzinfo=UTC)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda s: st.lists(s, max_size=2) | st.dictionaries(st.text(max_size=3), s, max_size=2)), st.sampled_from(sorted(example("release", "order"))))
def test_no_json_raises_anything_else(value: Any, field: str) -> None:
    try:
        record = from_json("order", example("release", "order") | {field: value})
    except JsonError:
        return
    assert decode("order", encode("order-2", record)) == record

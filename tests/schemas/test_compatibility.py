"""Schema versions and what may be added to them: intake BACKWARD, what is published FULL_TRANSITIVE."""

import json
from typing import Any

import pytest

from schemas.codec import decode, decode_output
from schemas.contracts import HERE, avro, id_of, newest, schemas_of, topics
from schemas.framing import single_object, split
from tests.golden.framed import FOLDER, framed, shown

INTAKE = ("order", "payment", "waybill")
OUTPUT = ("decision", "receipt", "dead-letter", "guarantee-event")


def unreadable(writer: Any, reader: Any, path: str = "") -> list[str]:
    """Why `reader` cannot read what `writer` wrote; empty when it can. Names and types are held to be the same."""
    if isinstance(reader, dict) and reader["type"] == "record":
        if not isinstance(writer, dict) or writer.get("name") != reader["name"]:
            return [f"{path}: another record"]
        written = {f["name"]: f["type"] for f in writer["fields"]}
        reasons: list[str] = []
        for f in reader["fields"]:
            if f["name"] in written:
                reasons += unreadable(written[f["name"]], f["type"], f"{path}.{f['name']}")
            elif "default" not in f:
                reasons.append(f"{path}.{f['name']}: added without a default")
        return reasons
    if isinstance(reader, dict) and reader["type"] == "array":
        same = isinstance(writer, dict) and writer["type"] == "array"
        return unreadable(writer["items"], reader["items"], f"{path}[]") if same else [f"{path}: was no array"]
    strip = {"doc", "default"}
    plain = [{k: v for k, v in s.items() if k not in strip} if isinstance(s, dict) else s for s in (writer, reader)]
    return [] if plain[0] == plain[1] else [f"{path}: another type"]


@pytest.mark.parametrize("kind", INTAKE)
def test_intake_is_backward_compatible(kind: str) -> None:
    names = list(schemas_of(kind).values())
    for n, reader in enumerate(names):
        for writer in names[: n + 1]:
            assert unreadable(avro(writer), avro(reader)) == []


@pytest.mark.parametrize("kind", OUTPUT)
def test_output_is_fully_compatible_with_every_version(kind: str) -> None:
    names = list(schemas_of(kind).values())
    assert [r for w in names for n in names for r in unreadable(avro(w), avro(n))] == []


def test_the_check_itself_notices() -> None:
    order = avro("order-2")
    without = {**order, "fields": [f for f in order["fields"] if f["name"] != "guid"]}
    assert unreadable(without, order) == [".guid: added without a default"]
    assert unreadable(order, without) == []
    lines = json.loads(json.dumps(order).replace('"name": "gnum", "type": "int"', '"name": "gnum", "type": "long"'))
    assert unreadable(order, lines) == [".orderList[].gnum: another type"]


def test_every_schema_file_has_one_id_and_every_id_a_file() -> None:
    files = {f.stem for f in (HERE / "avro").glob("*.avsc")}
    assert {n for t in topics() for n in t.schemas.values()} == files
    ids = [(i, n) for t in topics() for i, n in t.schemas.items()]
    assert len({n for _, n in ids}) == len({i for i, _ in ids}) == len(files)


@pytest.mark.parametrize("name", sorted({n for t in topics() for n in t.schemas.values()}))
def test_golden_bytes_still_decode(name: str) -> None:
    value = (FOLDER / f"{name}.bin").read_bytes()
    kind = name.rpartition("-")[0]
    record = decode(kind, value) if kind in INTAKE else decode_output(name, value)
    assert shown(record) == json.loads((FOLDER / f"{name}.json").read_text())
    assert framed(name) == value, "the fixed record is not encoded as it was"


@pytest.mark.parametrize(("old", "field"), [("order-1", "consigneeDistrict"), ("waybill-1", "ebpCode")])
def test_an_older_version_gets_the_newest_defaults(old: str, field: str) -> None:
    kind = old.rpartition("-")[0]
    record = decode(kind, (FOLDER / f"{old}.bin").read_bytes())
    assert newest(kind) != old
    assert record[field] == ""
    assert list(schemas_of(kind)) == sorted(schemas_of(kind))


@pytest.mark.parametrize("kind", INTAKE)
def test_both_framings_name_the_same_schema(kind: str) -> None:
    for schema_id, name in schemas_of(kind).items():
        value = (FOLDER / f"{name}.bin").read_bytes()
        single = single_object(name, value[5:])
        assert (split(kind, value), split(kind, single)) == ((schema_id, 5), (schema_id, 10))
        assert decode(kind, value) == decode(kind, single)
        assert id_of(name) == schema_id

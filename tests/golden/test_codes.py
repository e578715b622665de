"""Every code of ledgers, engine, documents and dead letters has a vector that makes it and one that only just does not."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.reading import read_records
from agents.records import Records
from agents.sweep import STAGES, Sweep
from loadtest.verify import documents, prove
from schemas.codec import encode
from schemas.contracts import id_of, newest
from schemas.documents_json import from_json
from schemas.framing import CONFLUENT
from schemas.lawbook import load
from sinks.batch import LaneState
from tests.golden.test_rules import expected
from tests.pipeline.memory import BASE_MS, KEY, MemoryStore, Rec
from tests.pipeline.trios import HOUR_MS, changed, example, log_ms, numbered, rec, records
from tests.verify.played import Play

Vector = dict[str, Any]
VECTORS: dict[str, list[Vector]] = tomllib.loads((Path(__file__).parent / "codes.toml").read_text())
SIDES = [("fires", "with"), ("spares", "instead")]
OF_SAMPLES = {"SMP-01", "SMP-02"}  # tests/golden/test_samples.py
OF_THE_REGISTRY = {"DL-05", "DL-06", "DL-07"}  # tests/schemas/test_filings.py, tests/agents/test_filings.py
WAITING_SINCE = datetime(2019, 11, 11, tzinfo=UTC)


def each(table: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", VECTORS[table], ids=[f"{c['code']}-{n}" for n, c in enumerate(VECTORS[table])])


def codes(*tables: str) -> set[str]:
    return {case["code"] for table in tables for case in VECTORS[table]}


def test_every_code_has_a_vector() -> None:
    rules = load().rules
    for found, listed in (
        (codes("finding") | OF_SAMPLES, (*rules["ledger"], *rules["engine"])),
        (codes("document", "waits"), rules["document"]),
        (codes("dead_letter") | OF_THE_REGISTRY, rules["dead_letter"]),
    ):
        assert found == {entry["code"] for entry in listed}
    assert all({"fires", "spares"} <= set(case) for table in VECTORS.values() for case in table)


def another(changes: Vector) -> dict[str, Any]:
    """Another order of the same person, changed."""
    trio = numbered(2)
    for kind, field, value in ((*path.split("."), value) for path, value in changes.items() if path != "at"):
        trio[kind][field] = value
    return trio


@each("finding")
@pytest.mark.parametrize(("side", "others"), SIDES)
def test_findings(case: Vector, side: str, others: str) -> None:
    changes, store = case[side], MemoryStore()
    if "before" in changes:
        store.process(records(another(changes["before"]), 0, log_ms(changes["before"])))
    decided = store.process(records(changed(changes), 1, log_ms(changes)), quarantined=changes.get("quarantined", False))
    own = [case["code"]] if side == "fires" else []
    found = frozenset(decided.findings["code"].to_list())
    assert (decided.heads["outcome"].item(), found) == expected({*own, *case.get(others, [])})


def sent(vector: Vector, offset: int) -> Rec:
    """The example's document of a kind with changes, a while after the example."""
    own = {k: v for k, v in vector.items() if k not in ("sends", "again")}
    return rec(vector["sends"], example()[vector["sends"]] | ({} if vector.get("again") else own), offset, BASE_MS + HOUR_MS + offset)


@each("document")
@pytest.mark.parametrize("side", ["fires", "spares"])
def test_documents(case: Vector, side: str) -> None:
    vector, game = case[side], Play()
    trio = records(changed(vector.get("first", {})), 0)
    other = sent(vector.get("together") or vector["then"], 1)
    for batch in [[*trio, other]] if "together" in vector else [trio, [other]]:
        game.batch(batch)
    game.sweep()
    became = game.store.what_became()
    theirs = became[next(r for r in trio if r.topic == other.topic).place]
    assert (theirs, became[other.place]) == (vector["theirs"], vector["its"])
    assert (case["code"] in (theirs, became[other.place])) == (side == "fires")
    assert prove(game.evidence([*trio, other]), KEY).discrepancies == []


class OneDocument:
    """A store in which one document has waited since WAITING_SINCE."""

    async def fetch(self, _name: str, _lanes: Any, since: list[datetime], until: list[datetime], _most: int) -> list[dict[str, Any]]:
        return [{"order_hash": 7, "lane": 0, "log_time": WAITING_SINCE}] if since[0] < WAITING_SINCE <= until[0] else []


@each("waits")
@pytest.mark.parametrize("side", ["fires", "spares"])
async def test_waiting(case: Vector, side: str) -> None:
    clock = WAITING_SINCE + timedelta(seconds=case[side])
    sweep = Sweep(load(), {0: LaneState(0, 1, 0, clock, None, None)})
    await sweep.candidates(OneDocument())  # type: ignore[arg-type]
    due = {code for _, _, code in STAGES if sweep.due.get(code)}
    assert (case["code"] in due) == (side == "fires")


def record_of(vector: Vector) -> Rec:
    """The record of a dead-letter vector."""
    kind = vector["sends"]
    fields = {k: v for k, v in vector.items() if k in example()[kind]}
    times = {k: v for k, v in fields.items() if isinstance(v, datetime)}  # which the JSON form would not take
    document = changed({f"{kind}.{k}": v for k, v in fields.items() if k not in times})[kind]
    r = rec(kind, document, 0, key=vector.get("key"))
    value = encode(newest(kind), from_json(kind, document) | times)
    value = value[: len(value) - vector.get("cut", 0)] + bytes.fromhex(vector.get("more", ""))
    if "schema_of" in vector or "schema" in vector:
        number = vector["schema"] if "schema" in vector else id_of(newest(vector["schema_of"]))
        value = CONFLUENT + number.to_bytes(4, "big") + value[5:]
    return replace(r, value=bytes.fromhex(vector["value"]) if "value" in vector else value)


@each("dead_letter")
@pytest.mark.parametrize("side", ["fires", "spares"])
def test_dead_letters(case: Vector, side: str) -> None:
    """The pipeline's reader and the verifier's."""
    for vector in case[side]:
        r, kind = record_of(vector), vector["sends"]
        dead = [d.code for d in read_records({kind: Records.of([r])}).dead]
        try:
            documents.read(kind, r.key, r.value)
            judged: list[str] = []
        except documents.NoDocument as e:
            judged = [e.code]
        assert dead == judged == ([case["code"]] if side == "fires" else []), vector

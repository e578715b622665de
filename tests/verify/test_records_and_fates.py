"""Damage to what became of records: skipped, told twice, given another fate."""

from collections.abc import Callable
from typing import Any

import pytest

from loadtest.verify import Evidence, KnownAnswers, Proof, prove
from loadtest.verify.evidence import record_place
from schemas.contracts import topic_name
from tests.pipeline.memory import BASE_MS, KEY, Rec
from tests.verify.played import Play
from tests.verify.test_damage import decision_of, released, told

Prove = Callable[[], Proof]


def test_an_offset_that_was_skipped(evidence: Evidence, proved: Prove) -> None:
    used = {(m.order_partition, m.order_offset) for m in evidence.tables.manifests}
    documents = evidence.tables.documents
    n = next(n for n, d in enumerate(documents) if d.kind == 1 and (d.partition, d.kafka_offset) not in used)
    lost = documents.pop(n)
    where = record_place(1, lost.partition, lost.kafka_offset)
    assert told(proved(), where, "state")


def test_a_used_document_without_a_row(evidence: Evidence, proved: Prove) -> None:
    lost = evidence.tables.documents.pop(0)
    assert told(proved(), record_place(lost.kind, lost.partition, lost.kafka_offset), "state")


def test_a_dead_letter_without_a_row(evidence: Evidence, proved: Prove) -> None:
    letters = evidence.tables.dead_letters
    lost = letters.pop(next(n for n, x in enumerate(letters) if x.topic != topic_name("registry")))
    where = f"{lost.topic}[{lost.partition}]@{lost.kafka_offset}"
    proof = proved()
    assert told(proof, where, "state")
    assert any(d.what == "dead letter" for d in proof.discrepancies)  # published, and the tables do not know it


@pytest.mark.parametrize(
    "changes", [{"code": "DL-04"}, {"record_value": b"x"}, {"log_time": 5}, {"headers": '[["a", "00"]]'}]
)
def test_a_dead_letter_that_says_otherwise(evidence: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    letters = evidence.tables.dead_letters
    n = next(n for n, x in enumerate(letters) if x.code == "DL-01")
    letters[n] = letters[n]._replace(**changes)
    where = f"{letters[n].topic}[{letters[n].partition}]@{letters[n].kafka_offset}"
    assert told(proved(), where, "dead")


@pytest.mark.parametrize(
    "changes", [{"value_sha256": b""}, {"order_no": "X"}, {"log_time": 7}, {"lane": 99}]
)
def test_a_document_row_that_says_otherwise(evidence: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    documents = evidence.tables.documents
    documents[5] = documents[5]._replace(**changes)
    d = documents[5]
    assert told(proved(), record_place(d.kind, d.partition, d.kafka_offset), "document row")


def test_a_document_stored_twice(evidence: Evidence, proved: Prove) -> None:
    d = evidence.tables.documents[0]
    evidence.tables.documents.append(d)
    assert told(proved(), record_place(d.kind, d.partition, d.kafka_offset), "rows of table document")


def test_a_document_without_a_record(evidence: Evidence, proved: Prove) -> None:
    d = evidence.tables.documents[0]
    evidence.tables.documents.append(d._replace(kafka_offset=88_888))
    assert told(proved(), record_place(d.kind, d.partition, 88_888), "row of a table")


def test_unread_records_count_only_when_complete(evidence: Evidence, proved: Prove) -> None:
    n = next(n for n, c in enumerate(evidence.tables.consumed) if c.topic == topic_name("order"))
    row = evidence.tables.consumed[n]
    last = max(o for kind, partition, o in evidence.inputs if (kind, partition) == (1, row.partition))
    record = evidence.inputs[1, row.partition, last]
    evidence.inputs[1, row.partition, last + 1] = record
    evidence.ends[1, row.partition] += 1
    assert told(proved(), record_place(1, row.partition, last + 1), "reading")
    assert prove(evidence, KEY, complete=False).verified
    evidence.tables.consumed[n] = row._replace(next_offset=last + 2)
    assert told(proved(), record_place(1, row.partition, last + 1), "state")


def test_a_position_beyond_the_log(evidence: Evidence, proved: Prove) -> None:
    row = evidence.tables.consumed[0]
    evidence.tables.consumed[0] = row._replace(next_offset=row.next_offset + 1)
    assert told(proved(), f"{row.topic}[{row.partition}]", "position")


def test_a_lost_fate(evidence: Evidence, proved: Prove) -> None:
    lost = evidence.tables.fates.pop(0)
    proof = proved()
    assert told(proof, record_place(lost.kind, lost.partition, lost.kafka_offset), "")
    assert any("receipt" in d.what for d in proof.discrepancies)


@pytest.mark.parametrize("code", ["DOC-01", "DOC-02", "DOC-03", "DOC-04", "DOC-05", "DOC-06", "DOC-07", "DOC-08"])
def test_another_fate_than_the_right_one(evidence: Evidence, proved: Prove, code: str) -> None:
    n, fate = next((n, f) for n, f in enumerate(evidence.tables.fates) if f.code != code)
    evidence.tables.fates[n] = fate._replace(code=code)
    assert told(proved(), record_place(fate.kind, fate.partition, fate.kafka_offset), "fate")


def test_a_fate_for_a_used_document(evidence: Evidence, proved: Prove) -> None:
    _, row = released(evidence)
    fate = evidence.tables.fates[0]
    changes = {"kind": 1, "partition": row.order_partition, "kafka_offset": row.order_offset, "order_no": row.order_no}
    evidence.tables.fates.append(fate._replace(**changes))
    assert told(proved(), record_place(1, row.order_partition, row.order_offset), "state")


def test_an_order_that_is_complete_and_open(evidence: Evidence, proved: Prove) -> None:
    n, row = released(evidence)
    del evidence.outputs[decision_of(evidence, row)]
    del evidence.tables.manifests[n]
    tables = evidence.tables
    tables.lines = [x for x in tables.lines if x.manifest_id != row.manifest_id]
    assert told(proved(), f"order {row.ebp_code}|{row.order_no}", "state")


def test_a_second_attempt_after_a_release(evidence: Evidence, proved: Prove) -> None:
    second = next(m for m in evidence.tables.manifests if m.attempt == 2)
    manifests = evidence.tables.manifests
    n = next(n for n, m in enumerate(manifests) if (m.order_no, m.attempt) == (second.order_no, 1))
    manifests[n] = manifests[n]._replace(outcome="RELEASE")
    assert told(proved(), f"manifest {second.ebp_code}|{second.order_no} attempt 2", "a further attempt")


def test_a_report_before_its_time(evidence: Evidence, proved: Prove) -> None:
    row = evidence.tables.open_reports[0]
    evidence.tables.open_reports[0] = row._replace(reported_at=row.first_log_time + 599_999)
    place = f"open report {row.ebp_code}|{row.order_no} attempt {row.attempt} DOC-09"
    assert told(proved(), place, "time of the report")


def test_a_report_that_is_due_and_lacking(evidence: Evidence, proved: Prove) -> None:
    lost = next(r for r in evidence.tables.open_reports if r.ebp_code)
    evidence.tables.open_reports.remove(lost)
    assert any(d.what == "report of its open order" for d in proved().discrepancies)


def test_a_history_that_the_generator_does_not_know(evidence: Evidence, folder: Any) -> None:
    n, row = released(evidence)
    evidence.tables.manifests[n] = row._replace(outcome="HOLD")
    proof = prove(evidence, KEY, answers=KnownAnswers(folder))
    assert any(d.place.startswith(f"order {row.ebp_code}|{row.order_no} (") for d in proof.discrepancies)


def test_a_record_too_large_to_repeat() -> None:
    """Its dead letter repeats neither value nor key, and has to."""
    place, large = "cbec.order[0]@0", Rec(topic_name("order"), 0, 0, BASE_MS, b"k", b"\x00" * 900_000)
    game = Play()
    game.batch([large])
    evidence = game.evidence([large])
    assert prove(evidence, KEY).discrepancies == []
    letters = evidence.tables.dead_letters
    n = next(n for n, x in enumerate(letters) if x.topic == topic_name("order"))
    letters[n] = letters[n]._replace(record_value=b"\x00" * 899_998)
    assert told(prove(evidence, KEY), place, "key of its dead letter")

"""Damage to what became of records: skipped, told twice, given another fate."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from loadtest.verify import Evidence, KnownAnswers, Proof, prove
from loadtest.verify.clocks import check_batch_clocks
from loadtest.verify.evidence import record_place, used_places
from loadtest.verify.letters import NOT_REPEATED
from loadtest.verify.proof import Report
from schemas.codec import decode_output, encode
from schemas.contracts import topic_name
from tests.pipeline.memory import BASE_MS, KEY, Rec
from tests.pipeline.trios import HOUR_MS, example, rec
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


@pytest.mark.parametrize("code", ["DL-01", "DL-02", "DL-03", "DL-04", "DL-05", "DL-06"])
@pytest.mark.parametrize("changed", [lambda _: "", lambda _: "sent by Wang", lambda reason: f"{reason} Wang", lambda reason: f"{reason}{NOT_REPEATED}"])
def test_a_reason_in_other_words(evidence: Evidence, proved: Prove, code: str, changed: Callable[[str], str]) -> None:
    """In the row and in the message."""
    letters, outputs = evidence.tables.dead_letters, evidence.outputs
    n, letter = next((n, x) for n, x in enumerate(letters) if x.code == code)
    letters[n] = letter._replace(reason=changed(letter.reason))
    place = f"{letter.topic}[{letter.partition}]@{letter.kafka_offset}"
    published = {k: decode_output("dead-letter-1", m.value) for k, m in enumerate(outputs) if m.topic == "dead-letter"}
    k = next(k for k, x in published.items() if (x["topic"], x["partition"], x["offset"]) == (letter.topic, letter.partition, letter.kafka_offset))
    outputs[k] = outputs[k]._replace(value=encode("dead-letter-1", published[k] | {"reason": letters[n].reason}))
    proof = proved()
    assert {d.place for d in proof.discrepancies} == {place}
    assert told(proof, place, "reason of its dead letter")
    assert "Wang" not in json.dumps(proof.to_json())


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
    letters[n] = letters[n]._replace(record_value=large.value, reason=letters[n].reason.removesuffix(NOT_REPEATED))
    assert told(prove(evidence, KEY), place, "reason of its dead letter")


@pytest.fixture
def answered() -> Evidence:
    """A payment that was superseded by its change, which came a second later, and a second payment that was refused."""
    change = {"appType": "2", "appTime": "2019-11-11T00:30:00+08:00"}
    payments = [rec("payment", example()["payment"] | more, n, BASE_MS + HOUR_MS + 1000 * n) for n, more in enumerate(({}, change, {"note": "again"}))]
    others = [rec(kind, example()[kind], 0, BASE_MS + HOUR_MS) for kind in ("order", "waybill")]
    game = Play()
    game.batch([*others, *payments[:2]])
    game.batch(payments[2:])
    evidence = game.evidence([*others, *payments])
    assert (prove(evidence, KEY).discrepancies, [f.code for f in evidence.tables.fates]) == ([], ["DOC-02", "DOC-05"])
    return evidence


@pytest.mark.parametrize(("offset", "later_ms", "right"), [(0, 1000, True), (0, 999, False), (0, -1, False), (2, 2000, True), (2, 1999, False)])
def test_a_receipt_before_what_its_lane_had_seen(answered: Evidence, offset: int, later_ms: int, right: bool) -> None:
    """The document it is about, and the one that did it."""
    receipts = {n: decode_output("receipt-1", m.value) for n, m in enumerate(answered.outputs) if m.topic == "receipt"}
    n = next(n for n, r in receipts.items() if (r["kind"], r["offset"]) == ("payment", offset))
    changed = receipts[n] | {"returnTime": datetime.fromtimestamp((BASE_MS + HOUR_MS + later_ms) / 1000, UTC)}
    answered.outputs[n] = answered.outputs[n]._replace(value=encode("receipt-1", changed))
    assert told(prove(answered, KEY), record_place(2, 0, offset), "returnTime") != right


@pytest.mark.parametrize(("clocks", "right"), [
    ([(0, 1, 5), (0, 1, 5), (0, 2, 5), (0, 3, 9), (1, 9, 3)], True), ([(0, 1, 5), (0, 2, 4)], False), ([(0, 1, 5), (0, 1, 6)], False),
])  # fmt: skip
def test_the_clock_of_a_lane(clocks: list[tuple[int, int, int]], right: bool) -> None:
    report = Report()
    check_batch_clocks(clocks, report)
    assert (report.total == 0) == right


def late(evidence: Evidence, kind: int, partition: int, offset: int) -> str:
    """The last document of a topic-partition was stored by the last batch of its lane. The place of it."""
    documents = evidence.tables.documents
    n = next(n for n, d in enumerate(documents) if (d.kind, d.partition, d.kafka_offset) == (kind, partition, offset))
    documents[n] = documents[n]._replace(batch_seq=next(x.batch_seq for x in evidence.tables.lanes if x.lane == partition))
    return record_place(kind, partition, offset)


def test_a_document_that_came_after_the_decision_that_used_it(evidence: Evidence, proved: Prove) -> None:
    ends = {(kind, partition, end - 1) for (kind, partition), end in evidence.ends.items()}
    for m in evidence.tables.manifests:
        for place in ends.intersection(used_places(m)):
            if place[1] == m.lane:
                where = late(evidence, *place)
                assert told(proved(), where, "batch_seq of its document row")
                return
    raise AssertionError("none is the last of its topic-partition")


@pytest.mark.parametrize("offset", [1, 2])
def test_a_document_that_came_after_its_fate_or_what_did_that(answered: Evidence, offset: int) -> None:
    """The change came after what it superseded was, the last one after it was refused."""
    answered.tables.lanes[0] = answered.tables.lanes[0]._replace(batch_seq=9, published_seq=9)
    documents = answered.tables.documents
    documents[:] = [d._replace(batch_seq=9) if d.kind == 2 and d.kafka_offset >= offset else d for d in documents]
    assert told(prove(answered, KEY), record_place(2, 0, 0 if offset == 1 else 2), "batch_seq of its fate")

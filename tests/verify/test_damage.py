"""The verifier has to see every kind of damage, and to say where it is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.verify import Evidence, KnownAnswers, Proof, prove
from loadtest.verify.evidence import ManifestRow, Message, manifest_place, record_place, used_places
from schemas.codec import decode_output, encode
from schemas.contracts import topic_name
from tests.pipeline.memory import KEY

Prove = Callable[[], Proof]
SHORT = {"RELEASE": "release", "HOLD": "hold", "REJECT": "reject"}


def test_what_the_core_leaves_is_right(evidence: Evidence, folder: Any) -> None:
    proof = prove(evidence, KEY, answers=KnownAnswers(folder))
    assert proof.to_json()["discrepancies"] == []
    assert proof.verified
    counts = proof.counts
    assert counts["manifests"] == len(evidence.tables.manifests)
    assert counts["manifests"] == counts["RELEASE"] + counts["HOLD"] + counts["REJECT"]
    assert counts["records"] == len(evidence.inputs)
    assert min(counts[c] for c in ("dead_letters", "documents_open", "DOC-09", "LIM-03", "contested_order_numbers")) > 0
    json.dumps(proof.to_json())


def released(evidence: Evidence) -> tuple[int, ManifestRow]:
    """A taxed release with its place in the table."""
    return next((n, m) for n, m in enumerate(evidence.tables.manifests) if m.outcome == "RELEASE" and m.vat_fen > 0)


def decision_of(evidence: Evidence, row: ManifestRow) -> int:
    ident = row.decision_id.hex().encode()
    return next(n for n, m in enumerate(evidence.outputs) if m.topic == SHORT[row.outcome] and ident in m.value)


def told(proof: Proof, place: str, what: str) -> bool:
    """Whether it fails and names this."""
    return not proof.verified and any(d.place == place and what in d.what for d in proof.discrepancies)


@pytest.mark.parametrize("column", ["tax_fen", "vat_fen", "consumption_tax_fen", "tariff_fen", "dutiable_fen", "goods_value_e5"])
def test_an_amount_off_by_one(evidence: Evidence, proved: Prove, column: str) -> None:
    n, row = released(evidence)
    evidence.tables.manifests[n] = row._replace(**{column: getattr(row, column) + 1})
    assert told(proved(), manifest_place(row), column)


@pytest.mark.parametrize("column", ["vat_fen", "consumption_tax_fen", "tariff_fen", "dutiable_fen", "total_price_e5"])
def test_an_amount_of_a_line_off_by_one(evidence: Evidence, proved: Prove, column: str) -> None:
    _, row = released(evidence)
    lines = evidence.tables.lines
    n = next(n for n, x in enumerate(lines) if x.manifest_id == row.manifest_id and x.line_no == 1)
    lines[n] = lines[n]._replace(**{column: getattr(lines[n], column) + 1})
    assert told(proved(), f"{manifest_place(row)} line 1", column)


@pytest.mark.parametrize("field", ["vatFen", "tariffFen", "taxFen", "dutiableFen", "outcome", "batchSeq", "ruleSet", "queue"])
def test_a_decision_that_says_otherwise(evidence: Evidence, proved: Prove, field: str) -> None:
    _, row = released(evidence)
    n = decision_of(evidence, row)
    message = evidence.outputs[n]
    record = decode_output("decision-1", message.value)
    record[field] = record[field] + (1 if isinstance(record[field], int) else "X")
    evidence.outputs[n] = message._replace(value=encode("decision-1", record))
    assert told(proved(), manifest_place(row), f"{field} of its decision")


@pytest.mark.parametrize(
    "changes", [{"outcome": "HOLD"}, {"queue": "review"}, {"return_status": 300}, {"trade_mode": "x"}]
)
def test_a_changed_outcome(evidence: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    n, row = released(evidence)
    evidence.tables.manifests[n] = row._replace(**changes)
    assert told(proved(), manifest_place(row), next(iter(changes)))


def test_fault_kinds_that_blame_another(evidence: Evidence, proved: Prove) -> None:
    n, row = next((n, m) for n, m in enumerate(evidence.tables.manifests) if m.fault_kinds == 1)
    evidence.tables.manifests[n] = row._replace(fault_kinds=2)
    assert told(proved(), manifest_place(row), "fault_kinds")


def test_a_finding_too_few_and_one_too_many(evidence: Evidence, proved: Prove) -> None:
    findings = evidence.tables.findings
    rows = {m.manifest_id: m for m in evidence.tables.manifests}
    lost = findings.pop(0)
    assert told(proved(), manifest_place(rows[lost.manifest_id]), "findings")
    _, innocent = released(evidence)
    findings.append(lost._replace(manifest_id=innocent.manifest_id))
    assert told(proved(), manifest_place(innocent), "findings")


def test_a_lost_decision(evidence: Evidence, proved: Prove) -> None:
    _, row = released(evidence)
    del evidence.outputs[decision_of(evidence, row)]
    proof = proved()
    assert told(proof, manifest_place(row), "its decision")
    assert proof.discrepancy_count == 1


def test_a_doubled_decision(evidence: Evidence, proved: Prove) -> None:
    _, row = released(evidence)
    twin = evidence.outputs[decision_of(evidence, row)]
    evidence.outputs.append(twin._replace(offset=99_999))
    proof = proved()
    assert told(proof, manifest_place(row), "its decision")
    assert proof.discrepancies[0].found == "published 2 times"


def test_a_decision_in_another_topic_or_partition(evidence: Evidence, proved: Prove) -> None:
    _, row = released(evidence)
    n = decision_of(evidence, row)
    message = evidence.outputs[n]
    evidence.outputs[n] = message._replace(topic="hold")
    assert told(proved(), manifest_place(row), "topic of its decision")
    evidence.outputs[n] = message._replace(partition=(message.partition + 1) % 12)
    assert told(proved(), manifest_place(row), "partition of its decision")


def test_a_lost_and_a_foreign_receipt(evidence: Evidence, proved: Prove) -> None:
    n = next(n for n, m in enumerate(evidence.outputs) if m.topic == "receipt")
    receipt = decode_output("receipt-1", evidence.outputs[n].value)
    lost = evidence.outputs.pop(n)
    assert any(d.what == "its receipt" and receipt["orderNo"] in d.place for d in proved().discrepancies)
    foreign = encode("receipt-1", receipt | {"receiptId": "0" * 32})
    evidence.outputs.append(lost._replace(value=foreign))
    assert told(proved(), f"{topic_name('receipt')}[{lost.partition}]@{lost.offset}", "receipt")


def test_a_receipt_that_names_what_did_not_decide(evidence: Evidence, proved: Prove) -> None:
    codes: dict[int, set[str]] = {}
    for finding in evidence.tables.findings:
        codes.setdefault(finding.manifest_id, set()).add(finding.outcome)
    row = next(m for m in evidence.tables.manifests if m.outcome == "REJECT" and "HOLD" in codes[m.manifest_id])
    noted = next(f.code for f in evidence.tables.findings if f.manifest_id == row.manifest_id and f.outcome == "HOLD")
    answers = {n: decode_output("receipt-1", m.value) for n, m in enumerate(evidence.outputs) if m.topic == "receipt"}
    n = next(n for n, r in answers.items() if (r["subject"], r["orderNo"], r["attempt"]) == ("manifest", row.order_no, row.attempt))
    changed = answers[n] | {"code": noted, "returnInfo": f"[Code:100;Desc:{noted}]"}
    evidence.outputs[n] = evidence.outputs[n]._replace(value=encode("receipt-1", changed))
    assert told(proved(), manifest_place(row), "code")


def test_batches_of_a_lane_out_of_order(evidence: Evidence, proved: Prove) -> None:
    rows = [m for m in evidence.tables.manifests if m.outcome == "RELEASE"]
    late = max(rows, key=lambda m: (m.lane == rows[0].lane, m.batch_seq))
    n = decision_of(evidence, late)
    evidence.outputs[n] = evidence.outputs[n]._replace(offset=-1)
    assert any(d.what == "batch order" for d in proved().discrepancies)


def test_an_extra_manifest(evidence: Evidence, proved: Prove) -> None:
    _, row = released(evidence)
    evidence.tables.manifests.append(row._replace(attempt=2, manifest_id=row.manifest_id + 5_000))
    assert told(proved(), f"manifest {row.ebp_code}|{row.order_no} attempt 2", "its decision")


def test_a_lost_manifest(evidence: Evidence, proved: Prove) -> None:
    n, row = released(evidence)
    where = decision_of(evidence, row)
    del evidence.tables.manifests[n]
    message = evidence.outputs[where]
    proof = proved()
    assert told(proof, f"{topic_name(message.topic)}[{message.partition}]@{message.offset}", "decision")
    assert told(proof, f"order {row.ebp_code}|{row.order_no}", "state")


def test_a_row_that_breaks_the_check(evidence: Evidence, proved: Prove) -> None:
    finding = evidence.tables.findings[0]
    row = next(m for m in evidence.tables.manifests if m.manifest_id == finding.manifest_id)
    evidence.tables.findings[0] = finding._replace(values_read="{")
    assert told(proved(), manifest_place(row), "the check itself")


def test_an_extra_line(evidence: Evidence, proved: Prove) -> None:
    _, row = released(evidence)
    line = next(x for x in evidence.tables.lines if x.manifest_id == row.manifest_id)
    evidence.tables.lines.append(line._replace(line_no=99))
    assert told(proved(), manifest_place(row), "number of lines")


def test_the_wrong_documents(evidence: Evidence, proved: Prove) -> None:
    n, row = released(evidence)
    other = next(m for m in evidence.tables.manifests if m.order_no != row.order_no)
    changes = {"payment_partition": other.payment_partition, "payment_offset": other.payment_offset}
    evidence.tables.manifests[n] = row._replace(**changes)
    proof = proved()
    assert told(proof, manifest_place(row), "its payment")
    # the payment that was really used now seems to be left over
    assert any(d.place == record_place(*used_places(row)[1]) for d in proof.discrepancies)


def test_another_key_for_pseudonyms(evidence: Evidence) -> None:
    proof = prove(evidence, b"another key of 16")
    assert any(d.what == "person_key" for d in proof.discrepancies)


def test_what_is_not_published_yet(evidence: Evidence, proved: Prove) -> None:
    lane = evidence.tables.lanes[3]
    evidence.tables.lanes[3] = lane._replace(published_seq=lane.published_seq - 1)
    assert told(proved(), "lane 3", "batches published")


def test_something_that_is_no_message(evidence: Evidence, proved: Prove) -> None:
    evidence.outputs.append(Message("release", 0, 77_777, b"", b"\0\0\0\1\x91" + b"noise"))
    assert told(proved(), f"{topic_name('release')}[0]@77777", "message")


def test_personal_values_in_the_clear(evidence: Evidence, proved: Prove) -> None:
    findings = evidence.tables.findings
    findings[0] = findings[0]._replace(values_read=json.dumps({"order_consigneeAddress": "some street 1"}))
    proof = proved()
    assert not proof.verified
    assert any("masked" in d.expected for d in proof.discrepancies)
    assert "some street" not in json.dumps(proof.to_json())

"""What was published: each message where it belongs, with what it has to say, exactly once and in order."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from loadtest.verify.documents import Document
from loadtest.verify.evidence import (
    KINDS,
    DeadLetterRow,
    DocumentRow,
    FateRow,
    Lane,
    ManifestRow,
    Message,
    OpenReport,
    Place,
    record_place,
    used_places,
)
from loadtest.verify.law import LawData
from loadtest.verify.letters import repeats
from loadtest.verify.messages import DEAD_LETTER, DECISION, RECEIPT, TOPIC, decode, message_id, says
from loadtest.verify.proof import Report, Where
from schemas.contracts import topic_name

FILED, REJECTED = "120", "100"


def hex_id(*parts: object) -> str:
    """BLAKE2b-128 of the parts joined by '|', in hex."""
    return blake2b("|".join(map(str, parts)).encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class Box:
    """Messages of one kind by id; each may be taken once. `batches`: batch of each message that was taken."""

    name: str
    messages: dict[str, list[Message]] = field(default_factory=lambda: dict[str, list[Message]]())
    batches: list[tuple[Message, int]] = field(default_factory=lambda: list[tuple[Message, int]]())

    def take(self, ident: str, place: Where, lane: int, batch_seq: int, report: Report) -> Message | None:
        """The one message with this id, which has to stand in the lane's partition."""
        found = self.messages.pop(ident, ())
        if len(found) != 1:
            report.differs(place, f"its {self.name}", "published once", f"published {len(found)} times")
        if not found:
            return None
        report.counts[f"messages_{self.name}"] += len(found)
        self.batches.append((found[0], batch_seq))
        if found[0].partition != lane:
            report.differs(place, f"partition of its {self.name}", lane, found[0].partition)
        return found[0]

    def first(self, ident: str, lane: int) -> Message | None:
        """A message with this id, left where it is: the first in the lane's partition, else the first anywhere."""
        found = self.messages.get(ident, ())
        if len(found) == 1:
            return found[0]
        return next((m for m in found if m.partition == lane), found[0] if found else None)

    def rest(self, report: Report) -> None:
        """What nobody asked for, and whether batches follow each other within each partition."""
        for ident, messages in self.messages.items():
            for m in messages:
                report.differs(where(m), self.name, "what the tables know", f"{self.name} {ident} that they do not")
        latest: dict[tuple[str, int], int] = {}
        for m, batch_seq in sorted(self.batches, key=lambda b: b[0][:3]):
            if batch_seq < latest.get((m.topic, m.partition), 0):
                report.differs(where(m), "batch order", f"not before batch {latest[m.topic, m.partition]}", batch_seq)
            latest[m.topic, m.partition] = batch_seq


def sorted_out(outputs: Iterable[Message], report: Report) -> tuple[Box, Box, Box, list[Message]]:
    """Decisions, receipts and dead letters by their ids (of dead letters: the place they name), and events of guarantees."""
    decisions, receipts, dead = Box("decision"), Box("receipt"), Box("dead letter")
    events: list[Message] = []
    for m in outputs:
        if m.topic == "guarantee-event":
            events.append(m)
            continue
        if m.topic == "dead-letter":
            box, ident = dead, _dead_letter_id(m)
        else:
            box, ident = receipts if m.topic == "receipt" else decisions, message_id(m.topic, m.value)
        if ident is None:
            report.differs(where(m), "message", f"a {box.name}", "something that does not decode")
        else:
            box.messages.setdefault(ident, []).append(m)
    return decisions, receipts, dead, events


def _dead_letter_id(m: Message) -> str | None:
    letter = decode(DEAD_LETTER, m.value)
    return None if letter is None else f"{letter['topic']}[{letter['partition']}]@{letter['offset']}"


def where(m: Message) -> str:
    """Where a message stands, as people write it."""
    return f"{topic_name(m.topic)}[{m.partition}]@{m.offset}"


def compare(
    place: str,
    what: str,
    message: Message,
    found: Mapping[str, Any] | None,
    key: bytes,
    expected: Mapping[str, Any],
    report: Report,
) -> None:
    """Compare what a message decoded to (`found`) with what it has to say (`expected`)."""
    if found is None:
        report.differs(where(message), what, f"the {what} of {place}", "something that does not decode")
        return
    report.same(place, f"key of its {what}", key, message.key)
    if found != expected:
        for name, want in expected.items():
            report.same(place, f"{name} of its {what}", want, found.get(name))


def check_decision(
    message: Message | None, row: ManifestRow, order: Document, taxed: list[tuple[int, int, int, int]],
    outcomes: Mapping[str, str], topics: Sequence[str], place: str, report: Report,
) -> None:  # fmt: skip
    """Compare a decision with the row as it has to be. `outcomes`: by code of its findings; `topics`: of order, payment and waybill."""
    if message is None:
        return
    if message.topic != TOPIC[row.outcome]:
        report.differs(place, "topic of its decision", TOPIC[row.outcome], message.topic)
    lines = zip(order["orderList"], taxed, strict=True) if taxed else ()
    key = f"{row.ebp_code}|{row.order_no}".encode()
    expected: dict[str, Any] = {
        "decisionId": row.decision_id.hex(), "ebpCode": row.ebp_code, "orderNo": row.order_no, "attempt": row.attempt,
        "revision": 1, "outcome": row.outcome, "queue": row.queue, "returnStatus": str(row.return_status), "tradeMode": row.trade_mode,
        "acceptedAt": row.accepted_at, "dutiableFen": row.dutiable_fen, "taxed": row.taxed,
        "tariffFen": row.tariff_fen, "consumptionTaxFen": row.consumption_tax_fen, "vatFen": row.vat_fen,
        "taxFen": row.tax_fen,
        "lines": [
            {"gnum": x["gnum"], "hsCode": x["hs_code"], "dutiableFen": d, "tariffFen": t, "consumptionTaxFen": c, "vatFen": v}
            for x, (d, t, c, v) in lines
        ],
        "findings": [{"code": code, "outcome": outcomes[code]} for code in sorted(outcomes)],
        "documents": [
            {"kind": kind, "topic": topic, "partition": partition, "offset": offset}
            for kind, topic, (_, partition, offset) in zip(KINDS, topics, used_places(row), strict=True)
        ],
        "ruleSet": row.rule_set, "registryVersion": row.registry_version, "guarantorCode": row.guarantor_code,
        "declarantCode": row.declarant_code, "warehouseCode": row.warehouse_code, "customsCode": row.customs_code,
        "lane": row.lane, "batchSeq": row.batch_seq,
    }  # fmt: skip
    if message.key == key and says(DECISION, message.value, expected):
        return
    found = decode(DECISION, message.value)
    listed: list[str] = [f["code"] for f in found["findings"]] if found else []
    if sorted(listed) == sorted(outcomes):  # any order of findings is right
        expected["findings"] = [{"code": code, "outcome": outcomes[code]} for code in listed]
    compare(place, "decision", message, found, key, expected, report)


def _receipt(
    subject: str, row: ManifestRow | FateRow | OpenReport, ident: str, code: str, status: str, at: int
) -> dict[str, Any]:
    return {
        "receiptId": ident, "subject": subject, "ebpCode": row.ebp_code, "orderNo": row.order_no,
        "attempt": row.attempt, "kind": "", "topic": "", "partition": -1, "offset": -1, "returnStatus": status,
        "returnTime": at, **_coded(code, status),
    }  # fmt: skip


def _coded(code: str, status: str) -> dict[str, str]:
    """The fields of a receipt that tell its code."""
    return {"code": code, "returnInfo": f"[Code:{status};Desc:{code}]"}


def manifest_receipt_id(decision_id: bytes) -> str:
    """receiptId of a manifest's receipt."""
    return blake2b(f"manifest|{decision_id.hex()}".encode(), digest_size=16).hexdigest()


def check_manifest_receipt(
    message: Message | None, row: ManifestRow, receipt_id: str, codes: set[str], place: str, report: Report
) -> None:
    """Compare a manifest's receipt; its code may be any of the findings that decided."""
    if message is None:
        return
    key = f"{row.ebp_code}|{row.order_no}".encode()
    expected = _receipt("manifest", row, receipt_id, min(codes, default=""), str(row.return_status), row.accepted_at)
    for n, kind in enumerate(KINDS):
        expected[f"{kind}Status"] = REJECTED if row.fault_kinds & (1 << n) else FILED
    if message.key == key and says(RECEIPT, message.value, expected):
        return
    found = decode(RECEIPT, message.value)
    if found and found["code"] in codes:
        expected |= _coded(found["code"], str(row.return_status))
    compare(place, "receipt", message, found, key, expected, report)


def check_fate_receipt(
    fate: FateRow, box: Box, law: LawData, lanes: Mapping[int, Lane], documents: Mapping[Place, DocumentRow], report: Report
) -> int | None:
    """The receipt of a document that met a fate: dated by the clock of the lane, which no other table keeps, and which what came by that
    lane had set. `documents`: those of the lane, at least. The time it was given at; None when there is no receipt."""
    kind = KINDS[fate.kind - 1]
    topic = topic_name(kind)
    place = record_place(fate.kind, fate.partition, fate.kafka_offset)
    ident = hex_id("document", topic, fate.partition, fate.kafka_offset)
    message = box.take(ident, place, fate.lane, fate.batch_seq, report)
    if message is None:
        return None
    found = decode(RECEIPT, message.value)
    at = found["returnTime"] if found else 0
    clock = lanes[fate.lane].record_time if fate.lane in lanes else None
    if clock is None or at > clock:
        report.differs(place, "returnTime of its receipt", "not after the clock of its lane", at)
    for partition, offset in ((fate.partition, fate.kafka_offset), (fate.by_partition, fate.by_offset)):
        if partition is None or offset is None or partition != fate.lane:  # what came by another lane may be younger than what this one had read
            continue
        if (row := documents.get((fate.kind, partition, offset))) is not None and at < row.log_time:
            report.differs(place, "returnTime of its receipt", f"not before {record_place(fate.kind, partition, offset)}", at)
    status = law.statuses.get(fate.code, "")
    expected = _receipt("document", fate, ident, fate.code, status, at)
    expected |= {"kind": kind, "topic": topic, "partition": fate.partition, "offset": fate.kafka_offset}
    expected |= {f"{other}Status": status if other == kind else "" for other in KINDS}
    compare(place, "receipt", message, found, f"{fate.ebp_code}|{fate.order_no}".encode(), expected, report)
    return at


def check_open_receipt(row: OpenReport, box: Box, law: LawData, place: str, report: Report) -> None:
    """The receipt of a report on an open order."""
    ident = hex_id("open", row.ebp_code, row.order_no, row.attempt, row.code)
    message = box.take(ident, place, row.lane, row.batch_seq, report)
    if message is None:
        return
    found = decode(RECEIPT, message.value)
    expected = _receipt("open-order", row, ident, row.code, law.statuses.get(row.code, ""), row.reported_at)
    for n, kind in enumerate(KINDS):
        expected[f"{kind}Status"] = "" if row.missing & (1 << n) else FILED
    compare(place, "receipt", message, found, f"{row.ebp_code}|{row.order_no}".encode(), expected, report)


def check_dead_letter(row: DeadLetterRow, box: Box, report: Report) -> None:
    """The message of a dead letter against its row (the row itself is compared with the record elsewhere)."""
    place = f"{row.topic}[{row.partition}]@{row.kafka_offset}"
    message = box.take(place, place, row.lane, row.batch_seq, report)
    if message is None:
        return
    headers: list[dict[str, Any]] = [
        {"name": name, "value": None if value is None else bytes.fromhex(value)}
        for name, value in json.loads(row.headers)
    ]
    record: dict[str, Any] = {"key": row.record_key, "value": row.record_value, "headers": headers} if repeats(row) else {"key": None, "value": None, "headers": []}
    expected = {
        "topic": row.topic, "partition": row.partition, "offset": row.kafka_offset, "logTime": row.log_time, **record, "code": row.code,
        "reason": row.reason,
    }  # fmt: skip
    found = decode(DEAD_LETTER, message.value)
    if found is None:
        report.differs(place, "dead letter", "a message that decodes", "one that does not")
        return
    report.same(place, "key of its dead letter", record["key"] or b"", message.key or b"")
    for name, want in expected.items():
        if found.get(name) != want:
            # what a sender wrote may be personal: say that it differs, not how
            report.differs(place, f"{name} of its dead letter", "as in the row", "something else")

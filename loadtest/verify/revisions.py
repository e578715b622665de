"""Manifests that were held for their guarantee and released later: once each, as published as stored (section 11)."""

from typing import NamedTuple

from loadtest.verify.decided import decision_id
from loadtest.verify.evidence import Evidence, ManifestRow, RevisionRow, manifest_place
from loadtest.verify.law import day_number
from loadtest.verify.messages import DECISION, RECEIPT, decode
from loadtest.verify.proof import Report
from loadtest.verify.published import Box, compare, manifest_receipt_id
from loadtest.verify.registry import guaranteed, registry_of

RELEASED = 800
SECOND = 2
WAITING = ("guarantee", "stock")  # queues of what is released by itself


class Revised(NamedTuple):
    """`limit`: of its guarantor's account then, in fen; `version` of the registry and `day` it was released by."""

    limit: int
    version: int
    day: int


def check_revisions(evidence: Evidence, decisions: Box, receipts: Box, report: Report) -> dict[int, Revised]:
    """By manifest_id. The messages of the decisions they revise still lie in their boxes, and are right themselves."""
    tables = evidence.tables
    manifests = {row.manifest_id: row for row in tables.manifests}
    waiting = {row.manifest_id for row in tables.manifests if row.queue in WAITING}
    revised: dict[int, Revised] = {}
    clocks = {lane.lane: lane.record_time for lane in tables.lanes}
    registry = registry_of(evidence.filings, tables) if tables.revisions else None
    for row in tables.revisions:
        manifest = manifests.get(row.manifest_id)
        place = f"revision {row.revision} of {manifest_place(manifest) if manifest else row.manifest_id}"
        if manifest is None or row.manifest_id not in waiting or row.manifest_id in revised:
            report.differs(place, "manifest", "one that is held for guarantee or stock alone, revised once", row.manifest_id)
            continue
        wanted = (SECOND, decision_id(manifest, SECOND), "RELEASE", RELEASED, manifest.lane)
        report.same(place, "revision", wanted, (row.revision, row.decision_id, row.outcome, row.return_status, row.lane))
        clock = clocks.get(row.lane)
        if clock is None or not manifest.accepted_at <= row.revised_at <= clock or row.batch_seq <= manifest.batch_seq:
            report.differs(place, "revised_at", "between its acceptance and the clock of its lane, in a later batch", row.revised_at)
        if row.registry_version < manifest.registry_version:
            report.differs(place, "registry_version", f"{manifest.registry_version} or later", row.registry_version)
        assert registry is not None
        limit = guaranteed(registry, row.registry_version, manifest.guarantor_code, day_number(row.revised_at))
        revised[row.manifest_id] = Revised(limit, row.registry_version, day_number(row.revised_at))
        _check_messages(place, manifest, row, decisions, receipts, report)
    report.same("table held", "manifests", sorted(waiting - revised.keys()), sorted(row.manifest_id for row in tables.held))
    report.counts["revisions"] += len(revised)
    return revised


def _check_messages(place: str, manifest: ManifestRow, row: RevisionRow, decisions: Box, receipts: Box, report: Report) -> None:
    """They say what those of the manifest say, but for what changed."""
    ident = decision_id(manifest, SECOND)
    changes = {
        "decisionId": ident.hex(), "revision": SECOND, "outcome": "RELEASE", "queue": "", "returnStatus": str(RELEASED), "findings": [],
        "registryVersion": row.registry_version, "batchSeq": row.batch_seq,
    }  # fmt: skip
    receipt_id = manifest_receipt_id(ident)
    answered = {
        "receiptId": receipt_id, "code": "", "returnStatus": str(RELEASED), "returnTime": row.revised_at,
        "returnInfo": f"[Code:{RELEASED};Desc:]",
    }  # fmt: skip
    before = decision_id(manifest)
    for box, what, schema, earlier, later, differs in (
        (decisions, "decision", DECISION, before.hex(), ident.hex(), changes),
        (receipts, "receipt", RECEIPT, manifest_receipt_id(before), receipt_id, answered),
    ):
        first, message = box.first(earlier, manifest.lane), box.take(later, place, row.lane, row.batch_seq, report)
        said = decode(schema, first.value) if first is not None else None
        if message is not None and said is not None:
            report.same(place, f"topic of its {what}", "receipt" if what == "receipt" else "release", message.topic)
            key = f"{manifest.ebp_code}|{manifest.order_no}".encode()
            compare(place, what, message, decode(schema, message.value), key, said | differs, report)

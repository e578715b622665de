"""Manifests that were held and released (section 11) or rejected (section 12) later: once each, as published as stored."""

from typing import Any, NamedTuple

from loadtest.verify.cases import Cases, Share
from loadtest.verify.decided import decision_id
from loadtest.verify.evidence import ManifestRow, RevisionRow, Tables, manifest_place
from loadtest.verify.law import day_number
from loadtest.verify.messages import DECISION, RECEIPT, TOPIC, decode
from loadtest.verify.proof import Report
from loadtest.verify.published import Box, compare, manifest_receipt_id
from loadtest.verify.registry import Registry, guaranteed

STATUS = {"RELEASE": 800, "REJECT": 700}
RECALLED = "GDS-10"
SECOND = 2
UNTAXED = {"taxed": False, "tariffFen": 0, "consumptionTaxFen": 0, "vatFen": 0, "taxFen": 0, "lines": list[Any]()}
WAITING = ("guarantee", "stock")  # queues of what is released by itself


class Revised(NamedTuple):
    """`limit`: of its guarantor's account then, in fen, `version` of the registry and `day` then; `batch`: lane and number."""

    outcome: str
    limit: int
    version: int
    day: int
    batch: tuple[int, int]


def check_revisions(
    tables: Tables, share: Share, cases: Cases, registry: Registry, decisions: Box, receipts: Box, report: Report
) -> dict[int, Revised]:
    """Those of a share, by manifest_id. The messages of the decisions they revise still lie in their boxes, and are right themselves."""
    manifests = {row.manifest_id: row for row in cases.rows}
    waiting = {row.manifest_id for row in cases.rows if row.queue in WAITING}
    held = {row.manifest_id for row in cases.rows if row.outcome == "HOLD"}
    revised: dict[int, Revised] = {}
    clocks = {lane.lane: lane.record_time for lane in tables.lanes}
    for row in (row for row in tables.revisions if share.has_manifest(row.manifest_id)):
        manifest = manifests.get(row.manifest_id)
        place = f"revision {row.revision} of {manifest_place(manifest) if manifest else row.manifest_id}"
        may_be = waiting if row.outcome == "RELEASE" else held
        if manifest is None or row.manifest_id not in may_be or row.manifest_id in revised:
            report.differs(place, "manifest", "one that is held (to be released: for guarantee or stock alone), revised once", row.manifest_id)
            continue
        outcome = row.outcome if row.outcome in STATUS else "RELEASE"
        wanted = (SECOND, decision_id(manifest, SECOND), outcome, STATUS[outcome], manifest.lane)
        report.same(place, "revision", wanted, (row.revision, row.decision_id, row.outcome, row.return_status, row.lane))
        clock = clocks.get(row.lane)
        # a document that came by another lane may be younger than what this lane had read when it revised
        at_home = manifest.order_partition == manifest.payment_partition == manifest.waybill_partition == manifest.lane
        earliest = manifest.accepted_at if at_home else 0
        if clock is None or not earliest <= row.revised_at <= clock or row.batch_seq <= manifest.batch_seq:
            report.differs(place, "revised_at", "between its acceptance and the clock of its lane, in a later batch", row.revised_at)
        if row.registry_version < manifest.registry_version:
            report.differs(place, "registry_version", f"{manifest.registry_version} or later", row.registry_version)
        limit = guaranteed(registry, row.registry_version, manifest.guarantor_code, day_number(row.revised_at))
        revised[row.manifest_id] = Revised(outcome, limit, row.registry_version, day_number(row.revised_at), (row.lane, row.batch_seq))
        failed = _failed(registry, row.registry_version, manifest)
        if outcome == "REJECT":
            report.same(place, "an inspection that failed", True, failed)
        else:
            report.same(place, "what it has that is not active, and whether one failed", ([], False), (_out(cases, registry, row, manifest), failed))
        _check_messages(place, manifest, row, decisions, receipts, report)
    report.same("table held", "manifests", sorted(waiting - revised.keys()), sorted(row.manifest_id for row in tables.held if share.has_manifest(row.manifest_id)))
    report.counts["revisions"] += len(revised)
    if registry.has_inspections:  # a worker that was stopped has left them to the next
        latest = max(state.version for state in tables.registry_state)
        report.counts["failed_and_held"] += sum(ident not in revised and _failed(registry, latest, manifests[ident]) for ident in held)
    report.counts["revised_to_reject"] += sum(one.outcome == "REJECT" for one in revised.values())
    return revised


def _failed(registry: Registry, version: int, manifest: ManifestRow) -> bool:
    """Whether an inspection of it has failed at a version."""
    return any(registry.entry(version, *key) for key in registry.keys("inspection", decision_id(manifest).hex()))


def _out(cases: Cases, registry: Registry, row: RevisionRow, manifest: ManifestRow) -> list[str]:
    """Keys of its items, firms and relation that are filed and not active at the version of its revision."""
    firms = {
        "platform": manifest.ebp_code, "ecommerce": manifest.ebc_code, "payment": manifest.pay_code, "carrier": manifest.logistics_code,
        "declarant": manifest.declarant_code, "guarantor": manifest.guarantor_code,
        "warehouse": manifest.warehouse_code if manifest.trade_mode == "1210" else "",
    }  # fmt: skip
    keys = {("goods", manifest.ebc_code, line.item_no) for line in cases.lines.get(manifest.manifest_id, ())}
    keys |= {("enterprise", role, code) for role, code in firms.items()} | {("relation", manifest.ebp_code, manifest.ebc_code)}
    return sorted("|".join(key) for key in keys if registry.status(row.registry_version, *key) not in ("", "active"))


def _check_messages(place: str, manifest: ManifestRow, row: RevisionRow, decisions: Box, receipts: Box, report: Report) -> None:
    """They say what those of the manifest say, but for what changed."""
    ident = decision_id(manifest, SECOND)
    rejected = row.outcome == "REJECT"
    outcome, status, code = ("REJECT", "700", RECALLED) if rejected else ("RELEASE", "800", "")
    changes: dict[str, Any] = {
        "decisionId": ident.hex(), "revision": SECOND, "outcome": outcome, "queue": "", "returnStatus": status,
        "findings": [{"code": RECALLED, "outcome": "REJECT"}] if rejected else [], "registryVersion": row.registry_version,
        "batchSeq": row.batch_seq, **(UNTAXED if rejected else {}),
    }  # fmt: skip
    receipt_id = manifest_receipt_id(ident)
    answered = {
        "receiptId": receipt_id, "code": code, "returnStatus": status, "returnTime": row.revised_at,
        "returnInfo": f"[Code:{status};Desc:{code}]",
    }  # fmt: skip
    before = decision_id(manifest)
    for box, what, schema, earlier, later, differs in (
        (decisions, "decision", DECISION, before.hex(), ident.hex(), changes),
        (receipts, "receipt", RECEIPT, manifest_receipt_id(before), receipt_id, answered),
    ):
        first, message = box.first(earlier, manifest.lane), box.take(later, place, row.lane, row.batch_seq, report)
        said = decode(schema, first.value) if first is not None else None
        if message is not None and said is not None:
            report.same(place, f"topic of its {what}", "receipt" if what == "receipt" else TOPIC[outcome], message.topic)
            key = f"{manifest.ebp_code}|{manifest.order_no}".encode()
            compare(place, what, message, decode(schema, message.value), key, said | differs, report)

"""Decided attempts with all that belongs to them, of the whole evidence or of one share of it.

A share is every `of`th partition and lane: a manifest belongs to that of the lane which its manifest_id names, and most
find their documents and messages in it. What does not is handed back to who has the whole.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from loadtest.verify.decided import Case, decision_id
from loadtest.verify.evidence import Evidence, FindingRow, LineRow, ManifestRow, Place, Record, Tables, used_places
from loadtest.verify.proof import Report
from loadtest.verify.published import Box, manifest_receipt_id, sorted_out

LANE_BITS = 48  # manifest_id is lane, batch and number within it, packed


class Share(NamedTuple):
    """Share `number` of `of`; Share(0, 1) is everything."""

    number: int
    of: int

    def has(self, lane: int) -> bool:
        """Whether this lane, or partition, is in the share."""
        return lane % self.of == self.number


EVERYTHING = Share(0, 1)


class Rows(NamedTuple):
    """A manifest with its rows of other tables."""

    manifest: ManifestRow
    lines: list[LineRow]
    findings: list[FindingRow]


def share_of(evidence: Evidence, share: Share) -> Evidence:
    """What a process needs that checks the decisions of a share: records, messages, manifests, lines and findings."""
    if share == EVERYTHING:
        return evidence
    tables = evidence.tables
    part = Tables(
        manifests=[m for m in tables.manifests if share.has(m.manifest_id >> LANE_BITS)],
        lines=[x for x in tables.lines if share.has(x.manifest_id >> LANE_BITS)],
        findings=[f for f in tables.findings if share.has(f.manifest_id >> LANE_BITS)],
    )
    inputs = {place: record for place, record in evidence.inputs.items() if share.has(place[1])}
    return Evidence(inputs, evidence.ends, [m for m in evidence.outputs if share.has(m.partition)], part)


class Cases:
    """The manifests of a share in the order of their manifest_id."""

    def __init__(self, evidence: Evidence, share: Share) -> None:
        self._inputs, self._share = evidence.inputs, share
        # what does not decode is told once, by who has the whole
        self._decisions, self._receipts, _ = sorted_out(evidence.outputs, Report())
        self._rows = sorted(evidence.tables.manifests, key=lambda m: m.manifest_id)
        self._lines: dict[int, list[LineRow]] = {}
        for line in evidence.tables.lines:
            self._lines.setdefault(line.manifest_id, []).append(line)
        self._findings: dict[int, list[FindingRow]] = {}
        for finding in evidence.tables.findings:
            self._findings.setdefault(finding.manifest_id, []).append(finding)

    def without_manifest(self) -> list[tuple[int, str]]:
        """(manifest_id, table) of rows whose manifest does not exist, in order."""
        known = {m.manifest_id for m in self._rows}
        tables = (("finding", self._findings), ("manifest_line", self._lines))
        return sorted((ident, name) for name, found in tables for ident in found.keys() - known)

    def slices(self, size: int) -> Iterator[list[Rows]]:
        """All manifests with their rows, `size` at a time."""
        for start in range(0, len(self._rows), size):
            yield [
                Rows(m, self._lines.get(m.manifest_id, []), self._findings.get(m.manifest_id, []))
                for m in self._rows[start : start + size]
            ]

    def case(self, rows: Rows) -> Case | None:
        """With its records and messages; None when another share may hold one of them."""
        found = case(rows, self._inputs, self._decisions, self._receipts)
        return found if self._share.of == 1 or self._holds(found) else None

    def _holds(self, found: Case) -> bool:
        row, has = found.row, self._share.has
        return (
            has(row.lane) and has(row.order_partition) and has(row.payment_partition) and has(row.waybill_partition)
            and found.decision is not None and found.decision.partition == row.lane
            and found.receipt is not None and found.receipt.partition == row.lane
        )  # fmt: skip


def case(rows: Rows, inputs: Mapping[Place, Record], decisions: Box, receipts: Box) -> Case:
    """A manifest with its records and messages; of several messages, one where it belongs."""
    row = rows.manifest
    ident = decision_id(row)
    receipt_id = manifest_receipt_id(ident)
    order, payment, waybill = used_places(row)
    return Case(
        row, rows.lines, rows.findings, (inputs.get(order), inputs.get(payment), inputs.get(waybill)),
        decisions.first(ident.hex(), row.lane), receipts.first(receipt_id, row.lane), ident, receipt_id,
    )  # fmt: skip
